"""What is drawn in parts looks as if it had been drawn at once, and only what changed is drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.displays.letters import as_drawn
from kaproom.displays.painter import Painter
from kaproom.displays.palette import Dim, Palette, Role
from kaproom.displays.pictures import Picture, size_of, tour
from kaproom.displays.pixels import pygame
from kaproom.displays.shapes import (
    Bar,
    Box,
    Curve,
    Element,
    Group,
    Hatch,
    Kind,
    Panel,
    Screen,
    Shape,
    Target,
    Text,
    units,
)
from kaproom.errors import Mend

WIDE, HIGH = 1280.0, 800.0


def one(*elements: Element, key: str = "a", box: Box | None = None) -> Group:
    return Group(key, box or Box(0, 0, WIDE, HIGH), elements)


def pixel(surface: pygame.Surface, x: int, y: int) -> tuple[int, int, int]:
    red, green, blue, _ = surface.get_at((x, y))
    return red, green, blue


def screen(*groups: Group) -> Screen:
    return Screen(WIDE, HIGH, groups)


boxes = st.builds(
    Box,
    st.floats(0, 900).map(round),
    st.floats(0, 600).map(round),
    st.floats(3, 300).map(round),
    st.floats(3, 150).map(round),
)
roles = st.sampled_from(Role)
elements: st.SearchStrategy[Element] = st.one_of(
    st.builds(Text, boxes, st.text("aÄß 1…", max_size=12), st.floats(6, 60), roles, st.booleans()),
    st.builds(Panel, boxes, roles, st.none() | roles),
    st.builds(Bar, boxes, st.floats(-0.5, 1.5), roles),
    st.builds(Shape, boxes, st.sampled_from(Kind), roles),
    st.builds(Hatch, boxes, roles),
    boxes.flatmap(
        lambda box: st.builds(
            Curve,
            st.just(box),
            st.just(((box.x, box.y), (box.right, box.bottom))),
            roles,
        )
    ),
)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    key = draw(st.sampled_from("abc"))
    return one(*draw(st.lists(elements, max_size=4)), key=key)


screens = st.lists(groups(), max_size=3, unique_by=lambda group: group.key).map(
    lambda found: screen(*found)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(screens, min_size=2, max_size=4))
def test_drawing_what_changed_gives_the_same_pixels_as_drawing_it_all(shown: list[Screen]) -> None:
    surface = pygame.Surface((640, 400))
    painter = Painter(surface, Palette(Dim.BRIGHT))
    for each in shown:
        painter.paint(each)
    assert pygame.image.tobytes(surface, "RGB") == Picture(shown[-1], 640).pixels()


def test_nothing_new_is_not_drawn_and_one_word_is_drawn_alone() -> None:
    word, other = Box(100, 100, 80, 30), Box(400, 400, 80, 30)
    painter = Painter(pygame.Surface((1280, 800)), Palette())
    first = screen(one(Text(word, "one", 20), Text(other, "two", 20)))
    assert painter.paint(first) == [pygame.Rect(0, 0, 1280, 800)]
    assert painter.paint(first) == []
    assert painter.paint(screen(one(Text(word, "one", 20), Text(other, "two", 20)))) == []
    changed = screen(one(Text(word, "three", 20), Text(other, "two", 20)))
    assert painter.paint(changed) == [pygame.Rect(100, 100, 80, 30)]


def test_what_lies_above_stays_above() -> None:
    below = one(Panel(Box(0, 0, 400, 400), Role.PANEL, radius=0), key="below")
    brighter = one(Panel(Box(0, 0, 400, 400), Role.TEXT, radius=0), key="below")
    above = one(Panel(Box(100, 100, 50, 50), Role.URGENT, radius=0), key="above")
    painter = Painter(pygame.Surface((1280, 800)), Palette())
    painter.paint(screen(below, above))
    painter.paint(screen(brighter, above))
    assert pixel(painter.surface, 120, 120) == Palette()[Role.URGENT]
    assert pixel(painter.surface, 90, 90) == Palette()[Role.TEXT]


@pytest.mark.parametrize("words", ["Ein sehr langes Wort ohne Ende, das niemals passt", "W" * 300])
def test_words_stay_within_their_box(words: str) -> None:
    box = Box(100, 100, 90, 24)
    for lines in (1, 3):
        picture = Picture(screen(one(Text(box, words, 20, lines=lines))), 1280)
        beside = Box(191, 90, 300, 100)
        assert picture.contrast_within(beside, Palette()[Role.GROUND]) == 1.0


def drawn(words: str) -> bytes:
    box = Box(100, 100, 300, 24)
    return Picture(screen(one(Text(box, words, 20))), 640).pixels()


@pytest.mark.parametrize("words", ["\u200b", "\u202e", "\x00", "\ud800", "\n", "\U000e0041"])
def test_what_has_no_letters_is_not_drawn_and_harms_nothing(words: str) -> None:
    assert drawn(words) == drawn("")
    assert drawn(f"a{words}b") in (drawn("ab"), drawn("a b"))


def test_no_sign_turns_words_round_and_hebrew_is_read_from_the_right() -> None:
    assert drawn("\u202eabc\u202c 1") == drawn("abc 1")
    assert as_drawn("Room שלום חדר 7") == "Room רדח םולש 7"


@pytest.mark.parametrize("width_px", [1280, 1920, 3840])
def test_a_larger_window_shows_the_same_larger(width_px: int) -> None:
    drawn = Picture(screen(one(Panel(Box(320, 200, 640, 400), Role.TEXT, radius=0))), width_px)
    wide, high = drawn.surface.get_size()
    colour = Palette()[Role.TEXT]
    assert pixel(drawn.surface, wide // 4, high // 4) == colour
    assert pixel(drawn.surface, wide // 4 - 1, high // 4) != colour
    assert pixel(drawn.surface, wide * 3 // 4 - 1, high * 3 // 4 - 1) == colour


@pytest.mark.parametrize(
    ("size_px", "expected"),
    [((1280, 800), (1280, 800)), ((3840, 2160), (1422, 800)), ((800, 1280), (1280, 2048))],
)
def test_a_window_has_at_least_1280_by_800_units(
    size_px: tuple[int, int], expected: tuple[int, int]
) -> None:
    wide, high = units(*size_px)
    assert (round(wide), round(high)) == expected


def test_a_press_means_what_lies_uppermost() -> None:
    below = Group("a", Box(0, 0, 100, 100), (), (Target(Box(0, 0, 100, 100), "room"),))
    above = Group("b", Box(50, 0, 50, 100), (), (Target(Box(50, 0, 50, 100), "close"),))
    shown = screen(below, above)
    assert (shown.action_at(20, 20), shown.action_at(70, 20)) == ("room", "close")
    assert shown.action_at(200, 20) is None


def test_a_tour_is_a_numbered_picture_for_each_stop(tmp_path: Path) -> None:
    def empty(width: float, height: float) -> Screen:
        return Screen(width, height, ())

    stops: list[tuple[str, Callable[[float, float], Screen]]] = [("one", empty), ("two", empty)]
    made = tour(stops, tmp_path / "new", (320, 200))
    assert [path.name for path in made] == ["01-one.png", "02-two.png"]
    assert pygame.image.load(str(made[0])).get_size() == (320, 200)


@pytest.mark.parametrize("text", ["", "x", "1920", "1920x", "0x0", "99999x10", "ax3"])
def test_a_size_that_is_none_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(Mend, match="size"):
        size_of(text)
