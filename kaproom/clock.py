"""The only reader of time.

Ordering and intervals come from the suspend-inclusive monotonic clock; the wall
clock is for people and the record. Nothing else in kaproom reads either.
"""

import ctypes
import ctypes.util
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

NS_PER_S = 1_000_000_000
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_STA_UNSYNC = 0x0040


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment, as the machine and as people count it.

    ``mono_ns`` is comparable only with others of the same ``boot_id``.
    """

    mono_ns: int
    boot_id: str
    utc: datetime


def mono_ns() -> int:
    """Nanoseconds since boot, time asleep included (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def awake_ns() -> int:
    """Nanoseconds since boot, time asleep left out; against ``mono_ns`` it shows a suspend."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def utc() -> datetime:
    """The wall clock, timezone-aware, in UTC."""
    return datetime.now(UTC)


def boot_id() -> str:
    """The kernel's id of this boot; ``mono_ns`` starts anew with each."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


_BOOT_ID = boot_id()


def now() -> Instant:
    """This moment on every clock that the record keeps."""
    return Instant(mono_ns(), _BOOT_ID, utc())


class _Timex(ctypes.Structure):
    # struct timex is 208 bytes on 64-bit Linux; only its head is read here.
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_byte * 256),
    ]


def synchronised() -> bool | None:
    """Whether the kernel says that the wall clock is disciplined; None if it does not say."""
    name = ctypes.util.find_library("c") or "libc.so.6"
    libc = ctypes.CDLL(name, use_errno=True)
    if not hasattr(libc, "adjtimex"):
        return None
    timex = _Timex()
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        return None
    return state != _TIME_ERROR and not timex.status & _STA_UNSYNC
