"""What a terminal sends, read as keys: text, the few keys that act, and pastes.

An arrow key is not the letter at the end of its sequence, and a paste is no key at all.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import Literal

Act = Literal["enter", "escape", "erase", "erase-word", "erase-all", "leave"]

PASTES_ON, PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_ACTS: dict[str, Act] = {
    "\r": "enter",
    "\n": "enter",
    "\x7f": "erase",
    "\x08": "erase",
    "\x17": "erase-word",
    "\x15": "erase-all",
    "\x03": "leave",
    "\x04": "leave",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key: a character, or what it does. ``pasted`` may be many characters."""

    text: str = ""
    act: Act | None = None
    pasted: bool = False


class Keyboard:
    """Reads the bytes as they come; what is cut in the middle waits for its rest."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._left = ""

    @property
    def waits(self) -> bool:
        """Whether an escape has come that may be a key of its own, or a sequence's begin."""
        return self._left == "\x1b"

    def feed(self, received: bytes) -> list[Key]:
        """The keys that these bytes complete."""
        text, self._left = self._left + self._decode(received), ""
        keys: list[Key] = []
        while text:
            key, text = self._next(text)
            if key is not None:
                keys.append(key)
        return keys

    def settle(self) -> list[Key]:
        """Nothing followed for a while: an escape that waited was the key."""
        if not self.waits:
            return []
        self._left = ""
        return [Key(act="escape")]

    def _next(self, text: str) -> tuple[Key | None, str]:
        if text.startswith(_PASTE_BEGINS):
            body, ends, rest = text[len(_PASTE_BEGINS) :].partition(_PASTE_ENDS)
            if not ends:
                self._left = text
                return None, ""
            return Key(" ".join(body.split()), pasted=True), rest
        if text[0] == "\x1b":
            return self._sequence(text)
        act = _ACTS.get(text[0])
        if act is not None:
            return Key(act=act), text[1:]
        return (Key(text[0]) if text[0].isprintable() else None), text[1:]

    def _sequence(self, text: str) -> tuple[Key | None, str]:
        """An escape: by itself it waits, with more behind it it is some key we do not need."""
        if len(text) == 1 or _PASTE_BEGINS.startswith(text):
            self._left = text
            return None, ""
        if text[1] == "\x1b":
            return Key(act="escape"), text[1:]
        if text[1] not in "[O":
            return None, text[2:]  # Alt and a letter
        for place, character in enumerate(text[2:], 2):
            if "@" <= character <= "~" and character != "[":
                return None, text[place + 1 :]
        self._left = text
        return None, ""
