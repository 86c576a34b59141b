"""What stands on a screen, as values: words and shapes with their places, and no pixels.

A unit is a logical pixel of a screen of 1280 by 800; a larger window has larger units, so
what is legible at one size is legible at all. A layout is made for the units that a window
has (``units``), at least 1280 by 800 of them. An element paints nothing outside its box.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from kaproom.displays.palette import Role

LEAST_WIDTH, LEAST_HEIGHT = 1280.0, 800.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in units; ``y`` grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    def holds(self, x: float, y: float) -> bool:
        """Whether the point lies within."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def inset(self, by: float, vertically: float | None = None) -> Box:
        """Smaller by so much on every side."""
        v = by if vertically is None else vertically
        return Box(self.x + by, self.y + v, self.width - 2 * by, self.height - 2 * v)

    def top(self, height: float) -> Box:
        """The upper part of it."""
        return replace(self, height=height)

    def below(self, height: float) -> Box:
        """What is left of it below that much."""
        return Box(self.x, self.y + height, self.width, self.height - height)

    def left(self, width: float) -> Box:
        """The left part of it."""
        return replace(self, width=width)

    def beyond(self, width: float) -> Box:
        """What is left of it to the right of that much."""
        return Box(self.x + width, self.y, self.width - width, self.height)

    def rows(self, count: int, gap: float = 0.0) -> list[Box]:
        """So many rows of one height."""
        height = (self.height - gap * (count - 1)) / max(1, count)
        return [Box(self.x, self.y + i * (height + gap), self.width, height) for i in range(count)]

    def columns(self, count: int, gap: float = 0.0) -> list[Box]:
        """So many columns of one width."""
        width = (self.width - gap * (count - 1)) / max(1, count)
        return [Box(self.x + i * (width + gap), self.y, width, self.height) for i in range(count)]


class Kind(StrEnum):
    """Shapes that tell something without a colour."""

    DISC = "disc"
    RING = "ring"
    DIAMOND = "diamond"
    TRIANGLE = "triangle"
    SQUARE = "square"
    CROSS = "cross"
    CHECK = "check"
    PLAY = "play"
    PAUSE = "pause"
    UP = "up"
    DOWN = "down"


Align = Literal["left", "centre", "right"]


@dataclass(frozen=True, slots=True)
class Text:
    """Words in one box, centred vertically.

    Attributes:
        size: Of the letters' em, in units. A line takes 1.17 times as much.
        lines: At most so many, broken at spaces. One line that is too wide shrinks to three
            quarters, then it ends in an ellipsis.
    """

    box: Box
    text: str
    size: float
    role: Role = Role.TEXT
    bold: bool = False
    align: Align = "left"
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Panel:
    """A surface: filled, bordered, or both."""

    box: Box
    fill: Role | None = Role.PANEL
    border: Role | None = None
    border_width: float = 1.0
    radius: float = 6.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, filled from the left; ``marks`` are thin lines across it (0 to 1)."""

    box: Box
    part: float
    role: Role = Role.ACCENT
    track: Role = Role.TRACK
    marks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape as large as its box allows, in its middle."""

    box: Box
    kind: Kind
    role: Role


@dataclass(frozen=True, slots=True)
class Hatch:
    """Slanting lines over the box: what lies below is not to be believed as it is."""

    box: Box
    role: Role
    spacing: float = 16.0
    thickness: float = 3.0


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, in units, within the box; ``closed`` fills what it surrounds."""

    box: Box
    points: tuple[tuple[float, float], ...]
    role: Role
    thickness: float = 2.0
    closed: bool = False


Element = Text | Panel | Bar | Shape | Hatch | Curve


@dataclass(frozen=True, slots=True)
class Target:
    """Where a press means something, and what."""

    box: Box
    action: str


@dataclass(frozen=True, slots=True)
class Group:
    """Elements that change together; what did not change is handed over as the same object."""

    key: str
    box: Box
    elements: tuple[Element, ...]
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything on a screen; later groups lie over earlier ones.

    Attributes:
        unlit: Nobody needs light: the ground is black, however far the screen is dimmed.
    """

    width: float
    height: float
    groups: tuple[Group, ...]
    unlit: bool = False

    def action_at(self, x: float, y: float) -> str | None:
        """What a press there means; the uppermost target counts."""
        for group in reversed(self.groups):
            for target in reversed(group.targets):
                if target.box.holds(x, y):
                    return target.action
        return None

    def words(self) -> list[str]:
        """Every text on it, in its order."""
        return [e.text for g in self.groups for e in g.elements if isinstance(e, Text)]


def units(width_px: int, height_px: int) -> tuple[float, float]:
    """How many units a window of so many pixels has across and down."""
    scale = pixels_per_unit(width_px, height_px)
    return width_px / scale, height_px / scale


def pixels_per_unit(width_px: int, height_px: int) -> float:
    """How large a unit is in such a window."""
    return min(width_px / LEAST_WIDTH, height_px / LEAST_HEIGHT)
