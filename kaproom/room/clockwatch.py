"""What becomes of the room's clocks while a session is on.

Session times come from the monotonic clock and stay as they are; a wall clock that steps
and a machine that sleeps are seen, recorded and told with every entry. Daylight saving
is neither: the record's wall clock is UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from kaproom import clock
from kaproom.clock import NS_PER_S, Instant
from kaproom.timex import Discipline

STEPPED = "clock-step"
SLEPT = "suspended"
# A disciplined clock is slewed at most 0.5 ms a second; more than this between looks is a step.
STEP_MIN_S = 0.1
# Asked so often, the kernel's word on its clock is fresh enough.
_ASK_S = 1.0
_SLEPT_MIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that happened to a clock, for the record."""

    kind: str
    fields: dict[str, Any]


class ClockWatch:
    """Looks at the clocks as often as it is asked to.

    Args:
        awake_ns: The clock that stands still while the machine is suspended.
        discipline: What the kernel says of its wall clock.
    """

    def __init__(
        self,
        awake_ns: Callable[[], int] = clock.awake_ns,
        discipline: Callable[[], Discipline | None] = clock.discipline,
    ) -> None:
        self._awake_ns = awake_ns
        self._discipline = discipline
        self._ahead_s: float | None = None
        self._maybe_s: float | None = None
        self._asleep_s: float | None = None
        self._asked_ns = 0
        self._kept = discipline()
        self._steps = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What each entry says of the clock."""
        kept = self._kept
        return {
            "synced": None if kept is None else kept.synchronised,
            "offset_s": None if kept is None else kept.offset_s,
            "max_error_s": None if kept is None else kept.max_error_us / 1e6,
            "steps": self._steps,
        }

    def begin(self, steps: int = 0) -> None:
        """A session begins, or is taken up with so many steps seen before."""
        self._steps = steps

    def compare(self, before: Instant) -> None:
        """Go on from what the clocks showed when somebody last looked, before this daemon."""
        if self._ahead_s is None and before.boot_id == clock.boot_id():
            self._ahead_s = _ahead_s(before)

    def look(self, now: Instant) -> list[Seen]:
        """What happened to the clocks since the last look.

        A step counts once two looks agree on it: a process that was held up between
        reading the one clock and the other has seen none.
        """
        if now.mono_ns - self._asked_ns >= _ASK_S * NS_PER_S:
            self._kept, self._asked_ns = self._discipline(), now.mono_ns
        return [*self._slept(now), *self._stepped(now)]

    def _stepped(self, now: Instant) -> list[Seen]:
        ahead_s = _ahead_s(now)
        if self._ahead_s is None:
            self._ahead_s = ahead_s
            return []
        by_s = ahead_s - self._ahead_s
        if abs(by_s) < STEP_MIN_S:
            self._ahead_s, self._maybe_s = ahead_s, None
            return []
        if self._maybe_s is None or abs(ahead_s - self._maybe_s) >= STEP_MIN_S / 2:
            self._maybe_s = ahead_s
            return []
        self._ahead_s, self._maybe_s = ahead_s, None
        self._steps += 1
        was = now.utc - timedelta(seconds=by_s)
        fields = {"by_s": round(by_s, 3), "was_utc": was.isoformat(), "is_utc": now.utc.isoformat()}
        return [Seen(STEPPED, fields)]

    def _slept(self, now: Instant) -> list[Seen]:
        asleep_s = (now.mono_ns - self._awake_ns()) / NS_PER_S
        before_s, self._asleep_s = self._asleep_s, asleep_s
        if before_s is None or asleep_s - before_s < _SLEPT_MIN_S:
            return []
        return [Seen(SLEPT, {"asleep_s": round(asleep_s - before_s, 3)})]


def _ahead_s(instant: Instant) -> float:
    """By how much the wall clock is ahead of the monotonic one."""
    return instant.utc.timestamp() - instant.mono_ns / NS_PER_S
