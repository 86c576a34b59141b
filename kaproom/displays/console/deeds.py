"""What can be done at the console, by name: the words that keys, buttons and the room share.

And when two presses are one.
"""

from __future__ import annotations

from collections.abc import Mapping

from kaproom.clock import NS_PER_S
from kaproom.displays import keyboard
from kaproom.displays.console.over import UNITS

GUARD_S = 0.4
"""Chosen: nobody means two presses of one thing in so short a time."""
MARKS = ("started", "paused", "resumed", "stopped")
PAST_THE_ROOM = ("duck", "fade", "end")
"""What is done at the player itself when the room's service does not answer."""
CALLS = ("call", "call-urgent", "call-cancel")
DEEDS = (
    *("calm", "fade", "duck", "away", "return", "softer", "louder", "hold", "advance", "skip"),
    *("pump", "end", *UNITS, *MARKS, *CALLS),
)
"""What is done in a session."""
WRITES = ("note", "letters", "letter", "digit", "erase", "shift", "marks", "write", "leave-out")
PUMP_KEYS = {str(number): deed for number, deed in enumerate((*MARKS, *UNITS), 1)}
BY_FINGER: Mapping[str, keyboard.Act] = {
    "erase": "erase",
    "write": "enter",
    "leave-out": "escape",
}
TYPING: Mapping[str, keyboard.Act] = {
    "return": "enter",
    "enter": "enter",
    "[enter]": "enter",
    "escape": "escape",
    "backspace": "erase",
    "ctrl backspace": "erase-word",
}
_AGAIN_AT_ONCE = (
    *("louder", "softer", "dim", "ago", "earlier", "later"),
    *("letter", "digit", "erase", "shift", "marks"),
)


class Guard:
    """Tells a second press that was meant as the first."""

    def __init__(self) -> None:
        self._last = ("", -(1 << 62))

    def same_press(self, action: str, at_ns: int) -> bool:
        """Whether it is the second of two presses that were meant as one."""
        if action.partition(" ")[0] in _AGAIN_AT_ONCE:
            return False
        before, before_ns = self._last
        if before == action and at_ns - before_ns < GUARD_S * NS_PER_S:
            return True
        self._last = (action, at_ns)
        return False
