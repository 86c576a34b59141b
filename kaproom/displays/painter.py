"""How it looks: a screen's elements as pixels.

Only what is different from the last screen is drawn, and what is drawn in parts comes out
as if it had been drawn at once: an element is clipped to its box, and a part that changed
is drawn anew from the ground up, with everything that lies there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise
from math import hypot

from kaproom.displays.letters import as_drawn, broken, fitting
from kaproom.displays.palette import Palette, Role
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
    Text,
)

_BLACK = (0, 0, 0)
_SHRINK_TO = 0.75  # chosen; narrower than that is an ellipsis
_KEPT_MAX_BYTES = 48_000_000  # of words and shapes as pictures; 200 rooms use some 5 MB
_SMOOTH = 4
# More parts than that in one group cost more apart than together.
_PARTS_MAX = 8
_FEET = 1.2  # of the letters' em, from one line to the next


class Painter:
    """Draws screens onto a surface."""

    def __init__(self, surface: pygame.Surface, palette: Palette) -> None:
        self.surface = surface
        self._palette = palette
        self._last: Screen | None = None
        self._scale = 1.0
        self._kept: OrderedDict[Hashable, pygame.Surface] = OrderedDict()
        self._kept_bytes = 0

    def look(self, palette: Palette) -> None:
        """Other colours from the next screen on."""
        if palette.dim is not self._palette.dim:
            self._palette = palette
            self._kept.clear()
            self._kept_bytes = 0
            self._last = None

    def onto(self, surface: pygame.Surface) -> None:
        """Another surface, whose content is not known."""
        self.surface, self._last = surface, None

    def paint(self, screen: Screen) -> list[pygame.Rect]:
        """Draw what is different; the rectangles that changed, in pixels."""
        scale = min(self.surface.get_width() / screen.width, 1e9)
        last = self._last
        self._last, self._scale = screen, scale
        if last is None or _frame_of(last) != _frame_of(screen):
            return self._all(screen)
        if last is screen:
            return []
        dirty = _differences(last, screen)
        if dirty is None:
            return self._all(screen)
        places = [self._rect(group.box) for group in screen.groups]
        painted = []
        for box in dirty:
            part = self._rect(box).clip(self.surface.get_rect())
            if part.width and part.height:
                self._part(screen, part, places)
                painted.append(part)
        self.surface.set_clip(None)
        return painted

    # -- what is drawn

    def _all(self, screen: Screen) -> list[pygame.Rect]:
        whole = self.surface.get_rect()
        self._part(screen, whole, [self._rect(group.box) for group in screen.groups])
        self.surface.set_clip(None)
        return [whole]

    def _part(self, screen: Screen, part: pygame.Rect, places: list[pygame.Rect]) -> None:
        self.surface.set_clip(part)
        self.surface.fill(_BLACK if screen.unlit else self._palette[Role.GROUND], part)
        for index in part.collidelistall(places):
            for element in screen.groups[index].elements:
                rect = self._rect(element.box)
                if rect.colliderect(part):
                    self.surface.set_clip(rect.clip(part))
                    self._draw(element, rect)

    def _rect(self, box: Box) -> pygame.Rect:
        left, top = round(box.x * self._scale), round(box.y * self._scale)
        right, bottom = round(box.right * self._scale), round(box.bottom * self._scale)
        return pygame.Rect(left, top, right - left, bottom - top)

    def _draw(self, element: Element, rect: pygame.Rect) -> None:
        match element:
            case Text():
                self._text(element, rect)
            case Panel():
                self._panel(element, rect)
            case Bar():
                self._bar(element, rect)
            case Shape():
                self._shape(element, rect)
            case Hatch():
                self._hatch(element, rect)
            case Curve():
                self._curve(element, rect)

    def _panel(self, panel: Panel, rect: pygame.Rect) -> None:
        radius = min(round(panel.radius * self._scale), rect.width // 2, rect.height // 2)
        thick = max(1, round(panel.border_width * self._scale))
        if panel.fill is not None:
            self._rounded(rect, radius, panel.fill)
        if panel.border is not None:
            self._frame(rect, radius, thick, panel.border)

    def _rounded(self, rect: pygame.Rect, radius: int, role: Role) -> None:
        """A filled rectangle whose corners are smooth."""
        colour = self._palette[role]
        if radius < 1:
            self.surface.fill(colour, rect)
            return
        self.surface.fill(colour, rect.inflate(0, -2 * radius))
        self.surface.fill(colour, rect.inflate(-2 * radius, 0))
        self._corners(rect, radius, radius, role)

    def _frame(self, rect: pygame.Rect, radius: int, thick: int, role: Role) -> None:
        colour = self._palette[role]
        across, down = rect.width - 2 * radius, rect.height - 2 * radius
        for x, y, width, height in (
            (rect.x + radius, rect.y, across, thick),
            (rect.x + radius, rect.bottom - thick, across, thick),
            (rect.x, rect.y + radius, thick, down),
            (rect.right - thick, rect.y + radius, thick, down),
        ):
            self.surface.fill(colour, (x, y, width, height))
        self._corners(rect, radius, thick, role)

    def _corners(self, rect: pygame.Rect, radius: int, thick: int, role: Role) -> None:
        if radius < 1:
            return
        colour, side = self._palette[role], 2 * radius

        def made() -> pygame.Surface:
            large = pygame.Surface((side * _SMOOTH, side * _SMOOTH), pygame.SRCALPHA)
            large.fill((*colour, 0))
            middle = (radius * _SMOOTH, radius * _SMOOTH)
            pygame.draw.circle(large, colour, middle, radius * _SMOOTH, thick * _SMOOTH)
            return pygame.transform.smoothscale(large, (side, side))

        ring = self._keep(("corners", side, thick, colour), made)
        for at_right in (0, 1):
            for at_foot in (0, 1):
                x = rect.right - radius if at_right else rect.x
                y = rect.bottom - radius if at_foot else rect.y
                part = (at_right * radius, at_foot * radius, radius, radius)
                self.surface.blit(ring, (x, y), part)

    def _bar(self, bar: Bar, rect: pygame.Rect) -> None:
        radius = min(rect.height // 2, round(4 * self._scale))
        self._rounded(rect, radius, bar.track)
        full = round(rect.width * min(max(bar.part, 0.0), 1.0))
        if full > 0:
            filled = pygame.Rect(rect.x, rect.y, full, rect.height)
            self._rounded(filled, min(radius, full // 2), bar.role)
        thin = max(1, round(self._scale))
        for mark in bar.marks:
            at = rect.x + round(rect.width * mark) - thin // 2
            self.surface.fill(self._palette[Role.GROUND], (at, rect.y, thin * 2, rect.height))

    def _shape(self, shape: Shape, rect: pygame.Rect) -> None:
        side = min(rect.width, rect.height)
        if side < 2:
            return
        colour = self._palette[shape.role]

        def made() -> pygame.Surface:
            large = pygame.Surface((side * _SMOOTH, side * _SMOOTH), pygame.SRCALPHA)
            large.fill((*colour, 0))
            _outline(large, shape.kind, (*colour, 255))
            return pygame.transform.smoothscale(large, (side, side))

        self.surface.blit(
            self._keep((shape.kind, side, colour), made),
            (rect.centerx - side // 2, rect.centery - side // 2),
        )

    def _hatch(self, hatch: Hatch, rect: pygame.Rect) -> None:
        # Drawn whole and then cut: a line that is cut before it is drawn takes other pixels.
        colour, size = self._palette[hatch.role], rect.size
        apart = max(4, round(hatch.spacing * self._scale))
        thick = max(1, round(hatch.thickness * self._scale))

        def made() -> pygame.Surface:
            whole = pygame.Surface(size, pygame.SRCALPHA)
            whole.fill((*colour, 0))
            for start in range(-size[1], size[0], apart):
                ends = ((start, size[1]), (start + size[1], 0))
                pygame.draw.line(whole, colour, *ends, thick)
            return whole

        self.surface.blit(self._keep(("hatch", size, colour, apart, thick), made), rect.topleft)

    def _curve(self, curve: Curve, rect: pygame.Rect) -> None:
        colour = self._palette[curve.role]
        size = rect.size

        def made() -> pygame.Surface:
            large = pygame.Surface((size[0] * 2, size[1] * 2), pygame.SRCALPHA)
            large.fill((*colour, 0))
            scale = self._scale * 2
            points = [
                ((x - curve.box.x) * scale, (y - curve.box.y) * scale) for x, y in curve.points
            ]
            if curve.closed and len(points) > 2:
                pygame.draw.polygon(large, colour, points)
            elif len(points) > 1:
                _stroke(large, colour, points, max(2.0, curve.thickness * scale))
            return pygame.transform.smoothscale(large, size)

        if size[0] and size[1]:
            self.surface.blit(self._keep((curve, size, colour), made), rect.topleft)

    # -- words

    def _text(self, text: Text, rect: pygame.Rect) -> None:
        words = as_drawn(text.text)
        if not words or not rect.width or not rect.height:
            return
        size = max(4, round(text.size * self._scale))
        if text.lines > 1:
            self._lines(text, words, rect, size)
        else:
            self._line(text, words, rect, size)

    def _line(self, text: Text, words: str, rect: pygame.Rect, size: int) -> None:
        colour = self._palette[text.role]
        least = _SHRINK_TO if text.lines == 1 else 1.0
        key = (words, size, text.bold, colour, rect.width, least)

        def made() -> pygame.Surface:
            font, shown = fitting(words, size, text.bold, rect.width, least)
            if not font.size(shown)[0]:  # marks without a letter; pygame refuses to draw them
                return pygame.Surface((0, 0))
            return font.render(shown, True, colour)

        picture = self._keep(key, made)
        match text.align:
            case "left":
                x = rect.x
            case "right":
                x = rect.right - picture.get_width()
            case _:
                x = rect.centerx - picture.get_width() // 2
        self.surface.blit(picture, (x, rect.centery - picture.get_height() // 2))

    def _lines(self, text: Text, words: str, rect: pygame.Rect, size: int) -> None:
        high = round(size * _FEET)
        for index, part in enumerate(broken(words, size, text.bold, rect.width, text.lines)):
            line = pygame.Rect(rect.x, rect.y + index * high, rect.width, high)
            self._line(text, part, line, size)

    def _keep(self, key: Hashable, make: Callable[[], pygame.Surface]) -> pygame.Surface:
        picture = self._kept.get(key)
        if picture is None:
            picture = self._kept[key] = make()
            self._kept_bytes += _bytes(picture)
            while self._kept_bytes > _KEPT_MAX_BYTES and len(self._kept) > 1:
                self._kept_bytes -= _bytes(self._kept.popitem(last=False)[1])
        else:
            self._kept.move_to_end(key)
        return picture


def _bytes(picture: pygame.Surface) -> int:
    return picture.get_width() * picture.get_height() * 4


def _frame_of(screen: Screen) -> tuple[float, float, bool]:
    return screen.width, screen.height, screen.unlit


def _differences(last: Screen, now: Screen) -> list[Box] | None:
    """Where two screens differ; None when they have not the same groups in the same order."""
    before = {group.key: group for group in last.groups}
    kept = [group.key for group in now.groups if group.key in before]
    after = set(kept)
    if kept != [group.key for group in last.groups if group.key in after]:
        return None
    dirty = [group.box for group in last.groups if group.key not in after]
    for group in now.groups:
        was = before.get(group.key)
        if was is None:
            dirty.append(group.box)
        elif was is not group:
            dirty += _within(was, group)
    return dirty


def _within(was: Group, now: Group) -> Iterable[Box]:
    if was.box != now.box:
        return (was.box, now.box)
    if len(was.elements) != len(now.elements):
        return (now.box,)
    parts: list[Box] = []
    for old, new in zip(was.elements, now.elements, strict=True):
        if old is not new and old != new:
            parts.append(new.box)
            if old.box != new.box:
                parts.append(old.box)
    return parts if len(parts) <= _PARTS_MAX else (now.box,)


# -- shapes

_Points = tuple[tuple[float, float], ...]

# In a square of side 1: filled outlines, and strokes.
_FILLED: dict[Kind, tuple[_Points, ...]] = {
    Kind.DIAMOND: (((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),),
    Kind.TRIANGLE: (((0.5, 0.06), (1, 0.94), (0, 0.94)),),
    Kind.SQUARE: (((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)),),
    Kind.PLAY: (((0.12, 0.04), (0.94, 0.5), (0.12, 0.96)),),
    Kind.PAUSE: tuple(
        ((x, 0.06), (x + 0.28, 0.06), (x + 0.28, 0.94), (x, 0.94)) for x in (0.14, 0.58)
    ),
    Kind.UP: (((0.5, 0.1), (0.95, 0.9), (0.05, 0.9)),),
    Kind.DOWN: (((0.5, 0.9), (0.95, 0.1), (0.05, 0.1)),),
}
_STROKES: dict[Kind, tuple[_Points, ...]] = {
    Kind.CROSS: (((0.1, 0.1), (0.9, 0.9)), ((0.9, 0.1), (0.1, 0.9))),
    Kind.CHECK: (((0.1, 0.5), (0.4, 0.8), (0.9, 0.2)),),
}


def _outline(onto: pygame.Surface, kind: Kind, colour: tuple[int, int, int, int]) -> None:
    """A shape as large as the square surface."""
    side = onto.get_width()
    thick = max(1, round(side * 0.16))
    if kind in (Kind.DISC, Kind.RING):
        middle = (side / 2, side / 2)
        pygame.draw.circle(onto, colour, middle, side / 2, thick if kind is Kind.RING else 0)
    for outline in _FILLED.get(kind, ()):
        pygame.draw.polygon(onto, colour, [(x * side, y * side) for x, y in outline])
    for stroke in _STROKES.get(kind, ()):
        _stroke(onto, colour, [(x * side, y * side) for x, y in stroke], thick)


def _stroke(
    onto: pygame.Surface,
    colour: tuple[int, ...],
    points: Sequence[tuple[float, float]],
    thick: float,
) -> None:
    """A line of one thickness, with round joints; pygame's own is thinner where it slants."""
    for (x, y), (to_x, to_y) in pairwise(points):
        length = hypot(to_x - x, to_y - y) or 1.0
        across, down = thick / 2 * (y - to_y) / length, thick / 2 * (to_x - x) / length
        one_side = ((x + across, y + down), (to_x + across, to_y + down))
        other_side = ((to_x - across, to_y - down), (x - across, y - down))
        pygame.draw.polygon(onto, colour, one_side + other_side)
    for point in points:
        pygame.draw.circle(onto, colour, point, thick / 2)
