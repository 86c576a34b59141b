"""Every colour keeps the contrast that its role promises, as computed and as drawn."""

from __future__ import annotations

from itertools import combinations

import pytest

from kaproom.displays.palette import READABLE, Dim, Palette, Role, contrast, luminance
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import Box, Group, Kind, Panel, Screen, Shape, Text

GROUNDS = (Role.GROUND, Role.PANEL)
ESSENTIAL = (
    *(Role.TEXT, Role.SECOND, Role.ACCENT, Role.FINE),
    *(Role.NOTICE, Role.ASSIST, Role.URGENT),
)
COLOURED = tuple(role for role in Role if role not in GROUNDS)


@pytest.mark.parametrize("dim", Dim)
def test_every_role_keeps_its_contrast_on_both_grounds(dim: Dim) -> None:
    palette = Palette(dim)
    for role in COLOURED:
        for ground in GROUNDS:
            assert contrast(palette[role], palette[ground]) >= palette.promised(role)


@pytest.mark.parametrize("dim", Dim)
@pytest.mark.parametrize("role", ESSENTIAL)
@pytest.mark.parametrize("ground", GROUNDS)
def test_what_must_be_read_is_readable_as_drawn_and_on_its_own_fill(
    dim: Dim, role: Role, ground: Role
) -> None:
    words, filled = Box(40, 40, 600, 30), Box(40, 100, 600, 30)
    screen = Screen(
        1280,
        800,
        (
            Group(
                "words",
                Box(0, 0, 1280, 800),
                (
                    Panel(Box(20, 20, 640, 140), ground),
                    Text(words, "Übung läuft, 12:34", 20, role, bold=True),
                    Panel(filled, role, radius=0),
                    Text(filled, "Übung läuft, 12:34", 20, Role.GROUND, bold=True),
                ),
            ),
        ),
    )
    picture, palette = Picture(screen, 1280, dim), Palette(dim)
    assert picture.contrast_within(words, palette[ground]) >= READABLE
    assert picture.contrast_within(filled, palette[role]) >= READABLE


@pytest.mark.parametrize("role", [Role.NOTICE, Role.ASSIST, Role.URGENT])
def test_a_shape_as_drawn_has_the_contrast_of_its_role(role: Role) -> None:
    box = Box(100, 100, 30, 30)
    for kind in Kind:
        shape = Group("shape", Box(0, 0, 1280, 800), (Shape(box, kind, role),))
        picture = Picture(Screen(1280, 800, (shape,)), 1280, Dim.DARK)
        assert picture.contrast_within(box, Palette(Dim.DARK)[Role.GROUND]) >= READABLE


def test_each_step_is_darker_than_the_one_before() -> None:
    for role in Role:
        bright, dim, dark = (luminance(Palette(step)[role]) for step in Dim)
        assert bright > dim > dark or (bright, dim, dark) == (0, 0, 0)
    assert Palette(Dim.DARK)[Role.GROUND] == (0, 0, 0)


def test_the_darkest_ground_full_of_panels_is_below_two_percent_of_white() -> None:
    whole = Box(0, 0, 1280, 800)
    screen = Screen(1280, 800, (Group("panel", whole, (Panel(whole),)),))
    assert Picture(screen, 1280, Dim.DARK).mean_luminance() <= 0.003


def test_no_two_roles_look_the_same() -> None:
    for dim in Dim:
        palette = Palette(dim)
        for one, other in combinations(Role, 2):
            assert palette[one] != palette[other]
