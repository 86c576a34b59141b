"""Everything in every picture of both tours can be told: WCAG 2.2's contrast, on the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from legible import unreadable

from kaproom.displays.console import tour as console
from kaproom.displays.palette import Dim, Role
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import (
    Bar,
    Box,
    Curve,
    Group,
    Hatch,
    Kind,
    Panel,
    Screen,
    Shape,
    Text,
    units,
)
from kaproom.displays.station import tour as station
from kaproom.displays.station.saying import Saying
from kaproom.displays.words import Words

Stops = Iterator[tuple[str, Callable[[float, float], Screen]]]


def of_the_station(say: Saying) -> Stops:
    return station.stops(say)


def of_the_console(say: Saying) -> Stops:
    return console.stops(say, lambda across: across / 20)


@pytest.mark.parametrize(
    ("dim", "language", "size_px"),
    [(Dim.BRIGHT, "de", (1280, 800)), (Dim.DIM, "en", (800, 1280)), (Dim.DARK, "de", (1280, 800))],
)
@pytest.mark.parametrize("stops", [of_the_station, of_the_console])
def test_everything_in_every_picture_has_its_contrast(
    stops: Callable[[Saying], Stops], language: str, dim: Dim, size_px: tuple[int, int]
) -> None:
    shown = list(stops(Saying(Words(language))))
    assert len(shown) > 15
    found = [
        f"{name}: {line}"
        for name, made in shown
        for line in unreadable(made(*units(*size_px)), size_px[0], dim)
    ]
    assert found == []


def test_no_picture_of_the_console_is_bright_in_the_darkest_step() -> None:
    for name, made in of_the_console(Saying(Words("en"))):
        light = Picture(made(*units(1280, 800)), 1280, Dim.DARK).mean_luminance()
        assert light <= 0.02, name


def test_what_cannot_be_read_is_found() -> None:
    box = Box(100, 100, 400, 40)
    faint = Text(box, "Infusion", 24, Role.RULE)
    on_stripes = (Panel(box), Hatch(box, Role.RULE), Text(box, "Infusion", 24, Role.ACCENT))
    hidden = (faint, Panel(Box(90, 90, 500, 60)))
    shapes = (
        Shape(box, Kind.CHECK, Role.TRACK),
        Bar(box, 0.5, Role.RULE),
        Panel(box, None, Role.RULE, 3),
    )
    curve = Curve(box, ((110, 110), (480, 130)), Role.TRACK)
    for elements, many in (
        *(((faint,), 1), (on_stripes, 1), (hidden, 0)),
        *((shapes[:1], 1), (shapes[1:2], 1), (shapes[2:], 1), ((curve,), 1)),
    ):
        screen = Screen(1280, 800, (Group("a", Box(0, 0, 1280, 800), elements),))
        assert len(unreadable(screen, 1280, Dim.BRIGHT)) == many
