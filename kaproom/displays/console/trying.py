"""The headphones tried before a session: a tone left, a tone right, and what was heard of it.

Whoever tries them wears them. What the room says of it is all there is to know here; where
it says nothing of it, it is an older one, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaproom.displays.console.buttons import GAP, Button, Drawn, row
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Kind, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.session.ears import EARS

_LINE = 30.0


@dataclass(frozen=True, slots=True)
class Trial:
    """How far it is, as the room says.

    Attributes:
        needed: Whether there is anything to hear.
        sounding: The side that a tone is on now; empty for none.
        level_lufs: Of what leaves for the device; None for nothing.
        lost: Why nothing can, in the room's words; empty when it can.
        heard: Of each ear: True, False, or None while nobody said.
        by: Who said so.
    """

    needed: bool
    sounding: str
    level_lufs: float | None
    lost: str
    heard: Mapping[str, bool | None]
    by: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The ears that nothing was heard with; none where nothing needs to be."""
        return tuple(ear for ear in EARS if self.needed and not self.heard[ear])

    def about(self, ear: str) -> str:
        """The ear that an answer is about: what was played here last, else what sounds now."""
        return ear or (self.sounding if self.sounding in EARS else "")


def trial(status: Mapping[str, Any] | None) -> Trial | None:
    """What a room's state says of it; None where it says nothing."""
    told = (status or {}).get("tones")
    if told is None:
        return None
    said = {ear: told[ear] or {} for ear in EARS}
    return Trial(
        told["needed"],
        told["sounding"] or "",
        told["level_lufs"],
        told["lost"] or "",
        {ear: said[ear].get("heard") for ear in EARS},
        {ear: said[ear].get("by") or "" for ear in EARS},
    )


def height(now: Trial | None, least: float) -> float:
    """How much of the page it takes."""
    return 0.0 if now is None or not now.needed else least + GAP + _LINE


def drawn(now: Trial, asked: str, box: Box, say: Saying) -> Drawn:
    """Both ears side by side, and a line that says what to do.

    Args:
        now: How far it is.
        asked: The ear that an answer by key is about; empty for none.
        box: ``height`` high.
        say: The language.
    """
    elements: list[Element] = []
    targets: list[Target] = []
    buttons = box.top(box.height - _LINE - GAP)
    for ear, place in zip(EARS, buttons.columns(2, 24.0), strict=True):
        more, where = _ear(ear, now, asked, place, say)
        elements += more
        targets += where
    line, role = _line(now, asked, say)
    place = Box(box.x + 54, box.bottom - _LINE, box.width - 70, _LINE)
    if now.lost:
        mark = Box(box.x + 22, place.y + 6, 18, 18)
        elements.append(Shape(mark, Kind.CROSS, Role.URGENT))
    elements.append(Text(place, line, 17, role))
    return elements, targets


def _ear(ear: str, now: Trial, asked: str, box: Box, say: Saying) -> Drawn:
    """One ear: what is known of it, its tone, and the two answers."""
    w, heard, on = say.words, now.heard[ear], now.sounding == ear and not now.lost
    mark, role = {
        True: (Kind.CHECK, Role.FINE),
        False: (Kind.CROSS, Role.URGENT),
        None: (Kind.RING, Role.SECOND),
    }[heard]
    side = 26.0
    known = Shape(Box(box.x + 10, box.y + (box.height - side) / 2, side, side), mark, role)
    play = Button(
        f"tone {ear}",
        w(f"console.try.{ear}"),
        "←" if ear == "left" else "→",
        w("console.try.sounds") if on else now.by[ear],
        mark=Kind.PLAY if on else None,
        on=on,
        role=Role.ACCENT if on else Role.TEXT,
    )
    answers = [("heard", "↑", heard is True), ("unheard", "↓", heard is False)]
    buttons = [
        Button(
            f"{answer} {ear}",
            w(f"console.try.{answer}"),
            key if asked == ear else "",
            on=said,
            role=Role.TEXT if said or asked == ear else Role.SECOND,
        )
        for answer, key, said in answers
    ]
    more, targets = row([play, *buttons], box.beyond(46))
    return [known, *more], targets


def _line(now: Trial, asked: str, say: Saying) -> tuple[str, Role]:
    w = say.words
    if now.lost:
        return w("console.try.lost", why=now.lost), Role.TEXT
    if now.sounding:
        level = "" if now.level_lufs is None else f"  {now.level_lufs:.0f} LUFS"
        return w(f"console.try.is-{now.sounding}") + level, Role.TEXT
    if asked:
        return w(f"console.try.was-{asked}"), Role.TEXT
    if not now.missing:
        return "", Role.SECOND
    swapped = any(now.heard[ear] is False for ear in EARS)
    return w("console.try.mend" if swapped else "console.try.how"), Role.SECOND
