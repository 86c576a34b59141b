"""What is looked at before a session: a line for each matter, well or not, and what else was found.

The lines stand in one order and always all of them, so that whoever reads them daily sees at
a glance what is different, and that nothing was left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kaproom.displays.console.plans import Checked, Finding
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Kind, Shape, Text
from kaproom.displays.station.saying import Saying

MATTERS = ("files", "programme", "sound", "level", "disk", "clock", "power", "broker", "station")
LINE, TWO_LINES = 33.0, 50.0
_NAMED = 210.0
_LETTER = 9.0  # as wide as it is on average, at this size
_MARKS = {
    "stop": (Kind.CROSS, Role.URGENT),
    "warn": (Kind.TRIANGLE, Role.ASSIST),
    "note": (Kind.RING, Role.SECOND),
    "looking": (Kind.RING, Role.SECOND),
    "well": (Kind.CHECK, Role.FINE),
}

Level = Literal["stop", "warn", "note", "looking", "well"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``matter`` is empty where it says more of one that was named before."""

    level: Level
    matter: str
    words: str


def lines(found: Checked | None, status: Mapping[str, Any] | None, say: Saying) -> list[Line]:
    """A line for each matter with the gravest that was found of it; then the rest, so ordered.

    Args:
        found: What the checks came to; None while they look.
        status: The room's, for its broker and who watches.
        say: The language.
    """
    left = [] if found is None else list(found.findings)
    told = []
    for matter in MATTERS:
        name = say.words(f"console.checks.about.{matter}")
        gravest = next((one for one in left if one.about == matter), None)
        if gravest is not None:
            left.remove(gravest)
            told.append(Line(gravest.level, name, _words(gravest)))
        elif matter == "broker":
            told.append(Line(*_broker(status, name, say)))
        elif matter == "station":
            told.append(Line(*_station(status, name, say)))
        elif found is None:
            told.append(Line("looking", name, "…"))
        else:
            told.append(Line("well", name, say.words(f"console.checks.well.{matter}")))
    return [*told, *(Line(one.level, "", _words(one)) for one in left)]


def drawn(told: list[Line], box: Box, say: Saying) -> list[Element]:
    """As many of them as there is room for, and how many more there are."""
    elements: list[Element] = []
    y, wide = box.y, box.width - 54 - _NAMED
    for number, line in enumerate(told):
        long = len(line.words) * _LETTER > wide
        high = TWO_LINES if long else LINE
        if y + high + (LINE if number + 1 < len(told) else 0.0) > box.bottom:
            rest = say.words.count("console.checks.rest", len(told) - number)
            place = Box(box.x, y, box.width, LINE).beyond(54 + _NAMED)
            return [*elements, Text(place, rest, 16, Role.SECOND)]
        place = Box(box.x, y, box.width, high)
        mark, role = _MARKS[line.level]
        elements.append(Shape(Box(place.x + 22, place.y + high / 2 - 9, 18, 18), mark, role))
        grave = line.level in ("stop", "warn")
        named = place.beyond(54).left(_NAMED)
        if line.matter:
            elements.append(Text(named, line.matter, 18, Role.TEXT, True))
        words = place.beyond(54 + _NAMED)
        role = Role.TEXT if grave else Role.SECOND
        stop = line.level == "stop"
        elements.append(Text(words, line.words, 17, role, stop, lines=2 if long else 1))
        y += high
    return elements


def _words(finding: Finding) -> str:
    return f"{finding.where}: {finding.line}".strip(": ")


def _broker(status: Mapping[str, Any] | None, name: str, say: Saying) -> tuple[Level, str, str]:
    bus = (status or {}).get("bus")
    if bus is None:
        return "note", name, say.words("console.lamp.no-broker")
    if not bus["connected"]:
        return "warn", name, say.words("console.lamp.broker-lost")
    return "well", name, say.words("console.checks.well.broker")


def _station(status: Mapping[str, Any] | None, name: str, say: Saying) -> tuple[Level, str, str]:
    bus = (status or {}).get("bus")
    watching = ", ".join((bus or {}).get("stations", ()))
    if watching:
        return "well", name, say.words("console.lamp.watching", who=watching)
    return "note" if bus is None else "warn", name, say.words("console.lamp.nobody")
