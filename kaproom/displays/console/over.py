"""What lies over the screen: a panel that asks, and what was put into it so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AGO_STEPS_S = (0, 30, 60, 120, 180, 300, 600, 900, 1800)
UNITS: Mapping[str, tuple[str, ...]] = {
    "rate": ("mg/min", "mL/h", "mg/kg/min"),
    "bolus": ("mg", "mg/kg"),
}
NUMBERS = (*UNITS, "minute")
TYPED_IN = (*NUMBERS, "who", "why")
_TYPED_MAX = 200


@dataclass(slots=True)
class Over:
    """One panel at a time.

    Attributes:
        panel: Its name; empty for none.
        typed: What was typed into it.
        unit: Of a number that is typed.
        ago_s: So long before now it was done.
        preview: What the room said would be; None while it is asked.
        sure: It was asked whether something more intense is meant.
        letters: Whether the keyboard for a note's text lies there.
        shift: Whether its next letter is a capital.
        marks: Whether it has figures and marks instead of letters.
    """

    panel: str = ""
    typed: str = ""
    unit: str = ""
    ago_s: int = 0
    preview: Mapping[str, Any] | None = None
    sure: bool = False
    letters: bool = False
    shift: bool = False
    marks: bool = False

    def open(self, panel: str) -> None:
        """Open it; what is open already closes."""
        self.panel = "" if self.panel == panel else panel
        self.typed, self.preview, self.sure = "", None, False
        if self.panel in UNITS:
            self.unit = UNITS[self.panel][0]

    def close(self) -> None:
        """Nothing of it is meant."""
        self.panel, self.ago_s = "", 0

    def turn(self, of: str) -> None:
        """The keyboard comes or goes, or turns to its capitals or its marks."""
        match of:
            case "letters":
                self.letters, self.shift, self.marks = not self.letters, False, False
            case "shift":
                self.shift = not self.shift
            case "marks":
                self.marks, self.shift = not self.marks, False

    def type(self, text: str) -> None:
        """Letters, or of a number what belongs to one."""
        kept = "".join(letter for letter in text if letter.isprintable())
        if self.panel in NUMBERS:
            kept = "".join(c for c in kept.replace(",", ".") if c.isdigit() or c == ".")
        self.typed = (self.typed + kept)[:_TYPED_MAX]

    def erase(self) -> None:
        """The last letter goes."""
        self.typed = self.typed[:-1]

    @property
    def number(self) -> float | None:
        """What was typed, as a number."""
        try:
            return float(self.typed.strip())
        except ValueError:
            return None

    @property
    def denser(self) -> bool:
        """Whether what is asked for is more intense than what is."""
        return self.sure or bool((self.preview or {}).get("more_intense"))

    @property
    def tells_when(self) -> bool:
        """Whether it asks how long ago something was."""
        return self.panel in ("pump", *UNITS)

    def ago(self, of: str) -> None:
        """Longer ago, or ``less``."""
        at = AGO_STEPS_S.index(self.ago_s) + (-1 if of == "less" else 1)
        self.ago_s = AGO_STEPS_S[at % len(AGO_STEPS_S)]
