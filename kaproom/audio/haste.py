"""Ahead of everything ordinary: how the processes that make and hand over sound are scheduled.

In real time where the machine allows it: as root, or with a limit for real time above the
priorities here, as our units and many an ``audio`` group have it. That is no luxury. Linux
until 6.18.44 can leave everything ordinary, whatever its nice value, runnable and without a
processor for as long as a minute, where a group of busy processes also wakes and sleeps much
(mended by 101f3498b4bd, "sched/fair: Revert 6d71a9c61604", in 6.18.45). Measured with two
busy processes beside a busy Python thread: up to 47 s, on both cores.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Final

# Below the sound servers' own (PulseAudio 5, PipeWire 88): what they wait for must not keep
# them waiting.
OUTPUT_PRIORITY: Final = 4
PLAYER_PRIORITY: Final = 2
_NICENESS: Final = -11  # as PulseAudio's and PipeWire's own
_WAY_S: Final = 0.001  # chosen: handing on a packet of sound takes a tenth of it
_NEVER: Final = threading.Event()  # only waited for


def hasten(priority: int) -> None:
    """Run ahead, if the machine lets us, with every thread and process begun from now on.

    In real time and on one processor: there the ring's frames and our code stay in its
    caches, and threads that wake one another do not chase over the processors. Measured: a
    third less CPU time than with a nice value, where real time alone costs a little more.
    Without the right to that, by a nice value; without that either, as everybody does.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError:
        _be_nice_to_us()
    else:
        # Who has no real time must be free to go where there is room.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def make_way() -> None:
    """In real time, let what is ordinary have the processor for a moment; otherwise nothing.

    To be called between pieces of work of some milliseconds: a sound server that is not in
    real time itself must not wait longer than that for ours.
    """
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        _NEVER.wait(_WAY_S)


def hastens(pid: int) -> bool | None:
    """Whether a process that wanted to runs in real time; None when there is none."""
    try:
        return os.sched_getscheduler(pid) == os.SCHED_FIFO
    except OSError:
        return None


def _be_nice_to_us() -> None:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        # Where the kernel groups processes by session, that counts within the group only.
        Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="ascii")
