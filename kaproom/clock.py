"""The only reader of time.

Ordering and intervals come from the suspend-inclusive monotonic clock; the wall
clock is for people and the record. Nothing else in kaproom reads either.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaproom.timex import Discipline

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment, as the machine and as people count it.

    ``mono_ns`` is comparable only with others of the same ``boot_id``.
    """

    mono_ns: int
    boot_id: str
    utc: datetime

    def since_s(self, earlier: Instant) -> float:
        """Seconds since another moment; by the wall clock if the machine restarted between."""
        if self.boot_id == earlier.boot_id:
            return (self.mono_ns - earlier.mono_ns) / NS_PER_S
        return (self.utc - earlier.utc).total_seconds()


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


def synchronised() -> bool | None:
    """Whether the kernel says that the wall clock is disciplined; None if it does not say."""
    found = discipline()
    return None if found is None else found.synchronised


def discipline() -> Discipline | None:
    """How well the kernel says the wall clock is kept; None if it does not say."""
    # ctypes costs more to import than a `kaproom note` has to spare.
    from kaproom.timex import discipline as asked

    return asked()
