"""Times and the contract's words, as people read them in their language."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from kaproom.displays.words import Words

_NTH = "phase-"
_LONGEST_S = 3600.0 * 9999
"""More than that nobody says in earnest, and no number may be too large to be shown."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One language."""

    words: Words

    def age(self, seconds: float | None) -> str:
        """How old, as short as it is useful: 5 s, 12 min, 3 h 05."""
        if seconds is None:
            return self.words("common.unknown")
        whole = int(_sane(seconds))
        if whole < 100:
            return self.words("common.seconds", seconds=whole)
        return self.minutes(seconds)

    def minutes(self, seconds: float | None) -> str:
        """Whole minutes: 12 min, and above 99 of them 3 h 05."""
        if seconds is None:
            return self.words("common.unknown")
        whole = int(_sane(seconds) // 60)
        if whole < 100:
            return self.words("common.minutes", minutes=whole)
        return self.words("common.hours", hours=whole // 60, minutes=f"{whole % 60:02}")

    def minutes_left(self, seconds: float) -> str:
        """The same rounded up: the last minute is 1, not 0."""
        return self.minutes(ceil(_sane(seconds) / 60) * 60)

    def phase(self, name: str) -> str:
        """A phase's word on the wire."""
        if name.startswith(_NTH):
            return self.words("phase.nth", number=name.removeprefix(_NTH))
        key = f"phase.{name}"
        return self.words(key) if key in self.words else name

    def refusal(self, line: str, reason: str | None) -> str:
        """Why the room refused: in this language where it gave a word for it, else its line."""
        key = f"refused.{reason}"
        return self.words(key) if key in self.words else line

    def brief(self, code: str) -> str:
        """An open matter in one word."""
        key = f"attention-short.{code}"
        return self.words(key) if key in self.words else code

    def matter(self, code: str, priority: str) -> str:
        """An open matter."""
        urgent = code == "call" and priority == "urgent"
        key = "attention.call-urgent" if urgent else f"attention.{code}"
        return self.words(key) if key in self.words else code


def _sane(seconds: float) -> float:
    return min(max(0.0, seconds), _LONGEST_S)
