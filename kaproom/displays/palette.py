"""The colours of every window, computed and not picked.

A role says what a colour is for; what it looks like follows from a hue, and from the
contrast that it must have (WCAG 2.2) against the lighter of the two grounds. Three steps of
dimming: each has its own contrasts, and the darkest keeps what must be read at 4.5.
A fill carries text in the ground's colour: contrast is the same both ways.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from math import cos, radians, sin

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255, sRGB."""

READABLE = 4.5
"""WCAG 2.2's contrast for text that must be read."""


class Dim(IntEnum):
    """How far the screen is dimmed."""

    BRIGHT = 0
    DIM = 1
    DARK = 2

    @property
    def further(self) -> Dim:
        """The next step; after the darkest the brightest."""
        return Dim((self + 1) % len(Dim))


class Role(StrEnum):
    """What a colour is for. Never the only thing that tells something."""

    GROUND = "ground"
    """Behind everything, and the text on a fill."""
    PANEL = "panel"
    """A surface that lies on the ground."""
    RULE = "rule"
    """Borders and dividing lines."""
    TRACK = "track"
    """The part of a bar that is not filled."""
    HATCH = "hatch"
    """Stripes below what is not to be believed as it is; words on them are still read."""
    TEXT = "text"
    """What is read first."""
    SECOND = "second"
    """What is read second: labels, details."""
    FAINT = "faint"
    """What may be overlooked."""
    ACCENT = "accent"
    """Progress, the chosen, now."""
    FINE = "fine"
    """Up, live, saved."""
    NOTICE = "notice"
    """Priority low: somebody may look."""
    ASSIST = "assist"
    """Priority medium: somebody is to come; STALE."""
    URGENT = "urgent"
    """Priority high: at once; NO DATA."""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A hue and a chroma in OKLCH, and the contrast at each step of dimming."""

    hue_deg: float
    chroma: float
    contrasts: tuple[float, float, float]


# Of the two grounds, the luminance at each step; chosen, the last so that a screen full of
# panels stays below 2 % of white.
_GROUND = (0.0060, 0.0026, 0.0)
_PANEL = (0.0140, 0.0070, 0.0020)
_GROUND_HUE_DEG, _GROUND_CHROMA = 255.0, 0.025

# Chosen. IEC 60601-1-8 gives red, yellow and cyan to the priorities high, medium and low.
_RECIPES: dict[Role, _Recipe] = {
    Role.RULE: _Recipe(250, 0.02, (1.9, 1.7, 1.5)),
    Role.TRACK: _Recipe(250, 0.03, (1.7, 1.55, 1.4)),
    Role.HATCH: _Recipe(250, 0.03, (1.6, 1.35, 1.1)),
    Role.TEXT: _Recipe(85, 0.012, (13.0, 9.0, 6.0)),
    Role.SECOND: _Recipe(250, 0.02, (8.0, 6.4, 5.0)),
    Role.FAINT: _Recipe(250, 0.02, (4.7, 4.0, 3.2)),
    Role.ACCENT: _Recipe(235, 0.11, (6.8, 5.6, 4.7)),
    Role.FINE: _Recipe(152, 0.11, (7.5, 6.0, 4.7)),
    Role.NOTICE: _Recipe(200, 0.12, (8.5, 6.8, 5.0)),
    Role.ASSIST: _Recipe(92, 0.17, (10.5, 8.0, 5.6)),
    Role.URGENT: _Recipe(27, 0.24, (4.9, 4.8, 4.7)),
}


class Palette:
    """The colours at one step of dimming."""

    def __init__(self, dim: Dim = Dim.BRIGHT) -> None:
        self.dim = dim
        self._colours = _computed(dim)

    def __getitem__(self, role: Role) -> Colour:
        return self._colours[role]

    def promised(self, role: Role) -> float:
        """The contrast that this role has at least, against ground and panel."""
        return _RECIPES[role].contrasts[self.dim]


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2), 0 to 1."""
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast of two colours (WCAG 2.2), 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def _computed(dim: Dim) -> dict[Role, Colour]:
    ground = _of_luminance(_GROUND_HUE_DEG, _GROUND_CHROMA, _GROUND[dim])
    panel = _of_luminance(_GROUND_HUE_DEG, _GROUND_CHROMA, _PANEL[dim])
    colours = {Role.GROUND: ground, Role.PANEL: panel}
    for role, recipe in _RECIPES.items():
        wanted = recipe.contrasts[dim]
        level = wanted * (luminance(panel) + 0.05) - 0.05
        colour = _of_luminance(recipe.hue_deg, recipe.chroma, level)
        while contrast(colour, panel) < wanted:  # rounding to 8 bits took a little away
            red, green, blue = colour
            colour = (min(255, red + 1), min(255, green + 1), min(255, blue + 1))
        colours[role] = colour
    return colours


def _of_luminance(hue_deg: float, chroma: float, wanted: float) -> Colour:
    """The colour of this hue and luminance, with as much of the chroma as sRGB can show."""
    if wanted <= 0:
        return (0, 0, 0)
    for tenths in range(10, -1, -1):
        of = _oklch(hue_deg, chroma * tenths / 10)
        lightness = _where(lambda light: _brightness(of(light)), wanted)  # noqa: B023
        linear = of(lightness)
        if all(-1e-4 <= part <= 1 + 1e-4 for part in linear):
            break
    red, green, blue = (round(255 * _encoded(min(max(part, 0.0), 1.0))) for part in linear)
    return red, green, blue


def _where(of: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if of(middle) < wanted else (low, middle)
    return high


def _brightness(linear: tuple[float, float, float]) -> float:
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _oklch(hue_deg: float, chroma: float) -> Callable[[float], tuple[float, float, float]]:
    """Linear red, green and blue of a lightness (Björn Ottosson's OKLab, 2020)."""
    a, b = chroma * cos(radians(hue_deg)), chroma * sin(radians(hue_deg))

    def linear(lightness: float) -> tuple[float, float, float]:
        long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        return (
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        )

    return linear


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _encoded(part: float) -> float:
    return 12.92 * part if part <= 0.0031308 else float(1.055 * part ** (1 / 2.4) - 0.055)
