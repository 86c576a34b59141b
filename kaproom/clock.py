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
# Chosen: by so much whoever waits may wake later than he meant to.
_LATE_NS = 100_000_000


def on_time(began_ns: int, now_ns: int, meant_s: float) -> bool:
    """Whether who began to wait for ``meant_s`` woke about then.

    Who did not must not call others late: where he stood still, by a busy machine or one
    that was stopped whole, they did as well.
    """
    return now_ns - began_ns <= meant_s * NS_PER_S + _LATE_NS


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


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The seconds of a session since it was opened, over restarts of the machine.

    Within a boot the monotonic clock counts. How long the machine was off only the wall
    clock knows: it is asked once, at the first moment of the next boot that is known, and
    whatever it does afterwards changes nothing.

    Attributes:
        opened: Second 0.
        boots: Of every later boot, a moment on its clock and the second that it was.
        last_s: The newest moment of the session; time never goes back behind it.
    """

    opened: Instant
    boots: tuple[tuple[str, int, float], ...] = ()
    last_s: float = 0.0

    def at_s(self, instant: Instant) -> float:
        """The second of a moment; of a boot that is not known, by the wall clock."""
        if instant.boot_id == self.opened.boot_id:
            return instant.since_s(self.opened)
        for boot_id, mono_ns, at_s in self.boots:
            if boot_id == instant.boot_id:
                return at_s + (instant.mono_ns - mono_ns) / NS_PER_S
        return max(instant.since_s(self.opened), self.last_s)

    def knows(self, boot_id: str) -> bool:
        """Whether seconds of this boot are reckoned by its own clock."""
        return boot_id in (self.opened.boot_id, *(boot[0] for boot in self.boots))

    def met(self, instant: Instant) -> Reckoning:
        """The same, once the session was found to live at this moment."""
        at_s = self.at_s(instant)
        boots = self.boots
        if not self.knows(instant.boot_id):
            boots = (*boots, (instant.boot_id, instant.mono_ns, at_s))
        return Reckoning(self.opened, boots, max(self.last_s, at_s))


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
