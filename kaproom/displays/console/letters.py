"""Letters for a finger: a keyboard on the screen, each key as large as it must be.

Which letters lie where is in the file of each language. Nothing sounds or moves when a key
is pressed; what was typed stands above.
"""

from __future__ import annotations

from kaproom.displays.console.buttons import Button, drawn
from kaproom.displays.console.over import Over
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Panel, Target, Text
from kaproom.displays.station.saying import Saying

COLUMNS = 11
_GAP = 6.0
_ROWS = 4
_MARGIN = 10.0
_FIELD = 44.0
# Of a line of letters at this size in a field as wide as the keys.
_LETTER = 13.0
_SIZE = 20.0


def keys_height(least: float) -> float:
    """How high the keys are in all."""
    return _ROWS * least + (_ROWS - 1) * _GAP


def keys_width(least: float) -> float:
    """How wide they are at least."""
    return COLUMNS * least + (COLUMNS - 1) * _GAP


def width(least: float) -> float:
    """How wide the keyboard is at least."""
    return keys_width(least) + 2 * _MARGIN


def keys(
    box: Box, over: Over, say: Saying, *, capitals: bool = False
) -> tuple[list[Element], list[Target]]:
    """The keys, in four rows that fill the box; the last row acts."""
    w = say.words
    layer = "marks" if over.marks else "letters"
    rows = [_row(w(f"console.keyboard.{layer}-{n}"), over.shift or capitals) for n in (1, 2, 3)]
    turn = w("console.keyboard.letters" if over.marks else "console.keyboard.marks")
    shift = Button("shift", w("console.keyboard.shift"), on=over.shift, size=16)
    rows[2] = [(1.0, shift), *rows[2], (COLUMNS - 1.0 - len(rows[2]), _erase(say))]
    rows.append(
        [
            (1.5, Button("marks", turn, size=16)),
            (1.0, _letter(",")),
            (3.5, Button("letter  ", w("console.keyboard.space"), size=16)),
            (1.0, _letter(".")),
            (2.0, Button("leave-out", w("console.keyboard.leave-out"), size=16)),
            (2.0, Button("write", w("console.keep"), size=16, role=Role.ACCENT)),
        ]
    )
    elements: list[Element] = []
    targets: list[Target] = []
    cell = (box.width - (COLUMNS - 1) * _GAP) / COLUMNS
    for line, row in zip(box.rows(_ROWS, _GAP), rows, strict=True):
        x = line.x
        for span, button in row:
            wide = span * cell + (span - 1) * _GAP
            more, where = drawn(button, Box(x, line.y, wide, line.height), centred=True)
            elements += more
            targets += where
            x += wide + _GAP
    return elements, targets


def _row(letters: str, capitals: bool) -> list[tuple[float, Button]]:
    return [(1.0, _letter(one.upper() if capitals and one != "ß" else one)) for one in letters]


def _letter(letter: str) -> Button:
    return Button(f"letter {letter}", letter, size=22)


def _erase(say: Saying) -> Button:
    return Button("erase", say.words("console.erase"), size=16)


def letters(place: Box, text: str, over: Over, say: Saying, least: float) -> Group:
    """The keyboard for a note's text, at the foot of the place, with the text above it.

    Args:
        place: What it may cover.
        text: What was typed so far, and what it is for.
        over: How the keyboard stands.
        say: The language.
        least: The side of a key.
    """
    high = keys_height(least) + _FIELD + 8 + 2 * _MARGIN
    box = Box(place.x, place.bottom - high, place.width, high)
    inner = box.inset(_MARGIN)
    field = inner.top(_FIELD)
    words = tail(f"{text}_", int((field.width - 24) / _LETTER))
    elements: list[Element] = [
        Panel(box, Role.PANEL, Role.ACCENT, 2.0),
        Text(field.inset(12, 4), words, _SIZE),
    ]
    more, targets = keys(inner.below(_FIELD + 8), over, say)
    # A press between two keys does nothing below them.
    return Group("letters", box, (*elements, *more), (Target(box, "nothing"), *targets))


def tail(text: str, longest: int) -> str:
    """The end of what is typed: it is where the eye is."""
    return text if len(text) <= longest else "…" + text[-longest:]
