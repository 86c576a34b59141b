"""What of a screen cannot be read, judged on its pixels: WCAG 2.2's contrast of all that tells.

Words, shapes, curves, how far a bar is filled, and the frames that stand out. Its best pixel
is held against what it stands on: the fill below it, and the stripes if there are any. What
something else lies over is not read, and not judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from kaproom.displays.palette import READABLE, Dim, Palette, Role, luminance
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import Bar, Box, Curve, Element, Hatch, Panel, Screen, Shape, Text

LARGE = 3.0
"""WCAG 2.2's contrast of what is large, or need not be read."""


def unreadable(screen: Screen, width_px: int, dim: Dim) -> list[str]:
    """Each text and shape without its contrast, and what it has."""
    picture, palette = Picture(screen, width_px, dim), Palette(dim)
    light = _light(picture)
    scale = width_px / screen.width
    found = []
    drawn = [element for group in screen.groups for element in group.elements]
    for at, one in enumerate(drawn):
        told = _told(one)
        if told is None or _hidden(one.box, drawn[at + 1 :]):
            continue
        what, role, least = told
        pixels = light[_rows(one.box, scale), _columns(one.box, scale)]
        ink = luminance(palette[role])
        below = {one.track} if isinstance(one, Bar) else _grounds(one.box, drawn[:at])
        has = min(_best(pixels, ink, luminance(palette[ground])) for ground in below)
        if has < least:
            found.append(f"{what!r} ({role}) has {has:.2f}")
    return found


def _told(element: Element) -> tuple[str, Role, float] | None:
    """What an element tells, in which role, and the contrast it needs; None for nothing."""
    match element:
        case Text(text=text, role=role) if text.strip():
            return text, role, LARGE if role is Role.FAINT else READABLE
        case Shape(kind=kind, role=role):
            return str(kind), role, LARGE
        case Curve(role=role, closed=False):
            return "a curve", role, LARGE
        case Bar(part=part, role=role) if part > 0.02:
            return "a bar", role, LARGE
        case Panel(border=Role() as role, border_width=width) if width >= 2:
            return "a frame", role, LARGE
    return None


def _best(pixels: NDArray[np.float64], ink: float, ground: float) -> float:
    """The contrast of the pixel that stands out most, on the ink's side of the ground."""
    if not pixels.size:
        return 1.0
    if ink > ground:
        return (float(pixels.max()) + 0.05) / (ground + 0.05)
    return (ground + 0.05) / (float(pixels.min()) + 0.05)


def _grounds(words: Box, below: list[Element]) -> set[Role]:
    """The fill that it stands on, and stripes on that."""
    grounds = {Role.GROUND}
    for element in below:
        if isinstance(element, Panel) and element.fill is not None:
            if _over(element.box, words):
                grounds = {element.fill}
        elif isinstance(element, Hatch) and _over(element.box, words):
            grounds.add(element.role)
    return grounds


def _hidden(words: Box, above: Iterable[Element]) -> bool:
    return any(
        isinstance(element, Panel) and element.fill is not None and _touch(element.box, words)
        for element in above
    )


def _over(box: Box, words: Box) -> bool:
    return box.holds(words.x + words.width / 2, words.y + words.height / 2)


def _touch(one: Box, other: Box) -> bool:
    return (
        min(one.right, other.right) - max(one.x, other.x) > 1
        and min(one.bottom, other.bottom) - max(one.y, other.y) > 1
    )


def _rows(box: Box, scale: float) -> slice:
    return slice(max(0, round(box.y * scale)), max(0, round(box.bottom * scale)))


def _columns(box: Box, scale: float) -> slice:
    return slice(max(0, round(box.x * scale)), max(0, round(box.right * scale)))


@cache
def _linear() -> NDArray[np.float64]:
    return np.array([luminance((part, part, part)) for part in range(256)])


def _light(picture: Picture) -> NDArray[np.float64]:
    """The relative luminance of each pixel."""
    across, down = picture.surface.get_size()
    raw = np.frombuffer(picture.pixels(), np.uint8).reshape(down, across, 3)
    light: NDArray[np.float64] = _linear()[raw] @ np.array([0.2126, 0.7152, 0.0722])
    return light
