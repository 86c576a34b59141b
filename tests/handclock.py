"""A clock that goes as it is told: the machine's own is never touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kaproom import clock
from kaproom.clock import NS_PER_S, Instant


@dataclass(slots=True)
class HandClock:
    """Three clocks that go as they are told."""

    mono_ns: int = 7_000 * NS_PER_S
    awake_ns: int = 6_000 * NS_PER_S
    utc: datetime = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    def advance(self, seconds: float) -> None:
        self.mono_ns += round(seconds * NS_PER_S)
        self.awake_ns += round(seconds * NS_PER_S)
        self.utc += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        self.mono_ns += round(seconds * NS_PER_S)
        self.utc += timedelta(seconds=seconds)

    @property
    def now(self) -> Instant:
        return Instant(self.mono_ns, clock.boot_id(), self.utc)

    @classmethod
    def behind(cls, seconds: float) -> HandClock:
        """One that shows what the machine's clocks did so long ago."""
        ago_ns = round(seconds * NS_PER_S)
        now = clock.now()
        return cls(
            now.mono_ns - ago_ns, clock.awake_ns() - ago_ns, now.utc - timedelta(seconds=seconds)
        )
