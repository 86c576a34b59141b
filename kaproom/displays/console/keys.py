"""Which key does what, and how a room gives other keys to it.

What must work while a note is typed can only lie on keys that type nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kaproom.displays.words import Words
from kaproom.errors import Mend
from kaproom.session.spelling import did_you_mean

DEFAULT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "calm": ("f1",),
        "fade": ("f2",),
        "call": ("f3",),
        "away": ("f4",),
        "duck": ("f5",),
        "return": ("f6",),
        "softer": ("f7",),
        "louder": ("f8",),
        "pump": ("f9",),
        "hold": ("f10",),
        "advance": ("f11",),
        "skip": ("f12",),
        "call-urgent": ("shift f3",),
        "call-cancel": ("ctrl f3",),
        "started": ("ctrl s",),
        "paused": ("ctrl p",),
        "resumed": ("ctrl r",),
        "stopped": ("ctrl x",),
        "ago": ("tab",),
        "end": ("end",),
        "dim": ("ctrl d",),
        "help": ("?",),
        "full": ("ctrl f",),
        "quit": ("ctrl q",),
    }
)
"""Every deed that has a key, in the order in which they are told."""

_WHILE_TYPING = ("calm", "fade", "call", "call-urgent", "call-cancel", "away")
_MODIFIERS = ("ctrl", "alt", "shift")
_FILE_MAX_BYTES = 100_000


class Keys:
    """The keys of one console.

    Args:
        of: The chords of each deed: "f1", "ctrl s", "page down", or one character.
    """

    def __init__(self, of: Mapping[str, tuple[str, ...]] = DEFAULT) -> None:
        self._of = of
        self._deeds = {chord: deed for deed, chords in of.items() for chord in chords}

    def deed(self, chord: str) -> str | None:
        """What this key does; None for nothing."""
        return self._deeds.get(chord)

    def shown(self, deed: str, words: Words) -> str:
        """The deed's first key, as it stands on their keyboards; empty when it has none."""
        chords = self._of.get(deed, ())
        if not chords:
            return ""
        return "+".join(_named(word, words) for word in _parts(chords[0]))


def _named(word: str, words: Words) -> str:
    key = f"key.{word.replace(' ', '-')}"
    return words(key) if key in words else word.capitalize()


def chord(name: str, *, shift: bool = False, ctrl: bool = False, alt: bool = False) -> str:
    """A key as it is written in a file of keys."""
    held = [word for word, down in zip(_MODIFIERS, (ctrl, alt, shift), strict=True) if down]
    return " ".join([*held, name])


def keys_from(path: Path) -> Keys:
    """The keys of a room, over the usual ones: a TOML file, ``calm = "page down"``.

    Raises:
        Mend: The file is none, names no deed, or gives one key to two.
    """
    try:
        with path.open("rb") as file:
            written = file.read(_FILE_MAX_BYTES).decode()
        told = tomllib.loads(written)
    except OSError as error:
        raise Mend(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mend(f"{path}: is no TOML: {error}") from error
    of = dict(DEFAULT)
    for deed, given in told.items():
        if deed not in DEFAULT:
            hint = did_you_mean(deed, DEFAULT)
            raise Mend(f"{path}: '{deed}' is nothing that has a key{hint}")
        of[deed] = tuple(_chord(path, deed, one) for one in _listed(path, deed, given))
    taken: dict[str, str] = {}
    # A key that is given away leaves what it did by default.
    for deed in told:
        for one in of[deed]:
            if one in taken:
                raise Mend(f"{path}: '{one}' is given to {taken[one]} and to {deed}")
            taken[one] = deed
    return Keys(
        {
            deed: chords if deed in told else tuple(one for one in chords if one not in taken)
            for deed, chords in of.items()
        }
    )


def _listed(path: Path, deed: str, given: object) -> list[str]:
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Mend(f'{path}: {deed} is a key or a list of keys, e.g. {deed} = "page down"')
    return found


def _chord(path: Path, deed: str, written: str) -> str:
    *held, name = _parts(written if written.strip() else "") or [""]
    strange = [word for word in held if word not in _MODIFIERS]
    if not name or strange:
        raise Mend(f"{path}: '{written}' is no key; write e.g. f1, ctrl s, page down")
    types = len(name) == 1 and not {"ctrl", "alt"} & {*held}
    if types and deed in _WHILE_TYPING:
        raise Mend(
            f"{path}: {deed} must work while a note is typed; '{written}' types: give it "
            "another key, e.g. f1, ctrl j, page down"
        )
    return chord(name, **dict.fromkeys(held, True))


def _parts(written: str) -> list[str]:
    """Modifiers and the key's own name, which may have spaces in it."""
    words = written.strip().lower().split()
    held = []
    while len(words) > 1 and words[0] in _MODIFIERS:
        held.append(words.pop(0))
    return [*held, " ".join(words)] if words else []
