"""Times and the contract's words, as people read them in their language."""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.displays.words import Words

_NTH = "phase-"


@dataclass(frozen=True, slots=True)
class Saying:
    """One language."""

    words: Words

    def age(self, seconds: float | None) -> str:
        """How old, as short as it is useful: 5 s, 12 min, 3 h 05."""
        if seconds is None:
            return self.words("common.unknown")
        whole = max(0, int(seconds))
        if whole < 100:
            return self.words("common.seconds", seconds=whole)
        return self.minutes(seconds)

    def minutes(self, seconds: float | None) -> str:
        """Whole minutes: 12 min, and above 99 of them 3 h 05."""
        if seconds is None:
            return self.words("common.unknown")
        whole = max(0, int(seconds // 60))
        if whole < 100:
            return self.words("common.minutes", minutes=whole)
        return self.words("common.hours", hours=whole // 60, minutes=f"{whole % 60:02}")

    def phase(self, name: str) -> str:
        """A phase's word on the wire."""
        if name.startswith(_NTH):
            return self.words("phase.nth", number=name.removeprefix(_NTH))
        key = f"phase.{name}"
        return self.words(key) if key in self.words else name

    def brief(self, code: str) -> str:
        """An open matter in one word."""
        key = f"attention-short.{code}"
        return self.words(key) if key in self.words else code

    def matter(self, code: str, priority: str) -> str:
        """An open matter."""
        urgent = code == "call" and priority == "urgent"
        key = "attention.call-urgent" if urgent else f"attention.{code}"
        return self.words(key) if key in self.words else code
