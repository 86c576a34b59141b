"""What the kernel knows of its wall clock: adjtimex(2), asked and never told.

``modes`` is always 0, so nothing is ever adjusted. Only ``kaproom.clock`` asks.
"""

import ctypes
from dataclasses import dataclass

_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000


class Timex(ctypes.Structure):
    """``struct timex`` of glibc's bits/timex.h, field by field."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_rest", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("_reserved", ctypes.c_int * 11),
    )


@dataclass(frozen=True, slots=True)
class Discipline:
    """How well the wall clock is kept, as far as the kernel was told.

    ``max_error_us`` is the bound that it claims for itself, ``offset_s`` by how much the
    clock was off when it was last compared.
    """

    synchronised: bool
    max_error_us: int
    offset_s: float = 0.0


def ask() -> tuple[int, Timex] | None:
    """The kernel's answer and its structure; None where it does not say."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return None
    timex = Timex()
    state = int(libc.adjtimex(ctypes.byref(timex)))
    return None if state < 0 else (state, timex)


def discipline() -> Discipline | None:
    """Whether something (chrony, timesyncd, the host) keeps the wall clock right."""
    answer = ask()
    if answer is None:
        return None
    state, timex = answer
    synchronised = state != _TIME_ERROR and not timex.status & _STA_UNSYNC
    unit_s = 1e-9 if timex.status & _STA_NANO else 1e-6
    return Discipline(synchronised, int(timex.maxerror), timex.offset * unit_s)
