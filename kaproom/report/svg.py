"""SVG, by hand: elements whose every value is escaped, on paper that knows where a minute is."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from markupsafe import Markup, escape

from kaproom.report.words import clean

WIDTH, GUTTER, EDGE = 1000.0, 124.0, 14.0
SMALL, TEXT = 12.0, 13.0
# Of a letter, in parts of its size; generous, so that what fits does fit.
_LETTER = 0.56
_STEPS_MIN = (1, 2, 5, 10, 15, 20, 30, 60)
_TICKS_MAX = 14

Points = Iterable[tuple[float, float]]


class Paper:
    """What is drawn, from the top on; ``y`` is where the next lane begins."""

    def __init__(self, from_min: float, to_min: float) -> None:
        self.from_min = from_min
        self.to_min = to_min
        self.y = 0.0
        self.parts: list[Markup] = []

    def x(self, at_min: float) -> float:
        """Where a minute lies; what is outside lies at the edge."""
        part = (at_min - self.from_min) / (self.to_min - self.from_min)
        return GUTTER + min(max(part, 0.0), 1.0) * (WIDTH - EDGE - GUTTER)

    def ticks(self) -> list[float]:
        """Round minutes to write along the axis."""
        wanted = (self.to_min - self.from_min) / _TICKS_MAX
        step = next((each for each in _STEPS_MIN if each >= wanted), 60 * ceil(wanted / 60))
        first = ceil(self.from_min / step)
        return [float(n * step) for n in range(first, int(self.to_min // step) + 1)]

    # -- shapes

    def put(self, tag: str, name: str, inner: object = None, **attributes: object) -> None:
        """One element of the class ``name``."""
        self.parts.append(element(tag, inner, **{"class": name}, **attributes))

    def box(self, name: str, stretch: tuple[float, float], high: float, *, told: str = "") -> None:
        """A rectangle from minute to minute, from ``y`` down; with words for who points at it."""
        x = self.x(stretch[0])
        wide = max(self.x(stretch[1]) - x, 0.8)
        title = element("title", told) if told else None
        self.put("rect", name, title, x=x, y=self.y, width=wide, height=high)

    def shape(self, name: str, points: Points, *, told: str = "", closed: bool = True) -> None:
        """A polygon, or a line where it is not closed."""
        written = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        title = element("title", told) if told else None
        self.put("polygon" if closed else "polyline", name, title, points=written)

    def rule(self, name: str, y: float) -> None:
        """A level line from end to end."""
        self.put("line", name, x1=GUTTER, x2=WIDTH - EDGE, y1=y, y2=y)

    def upright(self, name: str, x: float, y1: float, y2: float) -> None:
        """A line upright."""
        self.put("line", name, x1=x, x2=x, y1=y1, y2=y2)

    # -- words

    def lane(self, text: str, y: float) -> None:
        """The name of a lane, before it."""
        fits = int((GUTTER - 14) / (TEXT * _LETTER))
        self.write("lane", cut(text, fits), GUTTER - 10, y, anchor="end")

    def write(self, name: str, text: str, x: float, y: float, *, anchor: str = "middle") -> None:
        """A text at its place."""
        self.put("text", name, clean(text), x=x, y=y, text_anchor=anchor)

    def within(self, name: str, text: str, stretch: tuple[float, float], y: float) -> None:
        """A text in the middle of a stretch, cut or left out where it does not fit."""
        from_x, to_x = self.x(stretch[0]), self.x(stretch[1])
        fits = int((to_x - from_x - 4) / (SMALL * _LETTER))
        if len(text) <= fits or fits >= 4:
            self.write(name, cut(text, fits), (from_x + to_x) / 2, y)

    def svg(self, name: str, defs: Markup) -> Markup:
        """The whole of it."""
        return Markup(
            '<svg class="arc" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" '
            'aria-label="{}">\n{}\n{}\n</svg>'
        ).format(number(WIDTH), number(self.y), name, defs, Markup("\n").join(self.parts))


def element(tag: str, inner: object = None, **attributes: object) -> Markup:
    """One element; ``text_anchor`` is written ``text-anchor``, numbers short."""
    written = Markup("").join(
        Markup(' {}="{}"').format(
            name.replace("_", "-"), number(value) if isinstance(value, float) else value
        )
        for name, value in attributes.items()
    )
    if inner is None:
        return Markup("<{}{}/>").format(tag, written)
    body = inner if isinstance(inner, Markup) else escape(clean(str(inner)))
    return Markup("<{}{}>{}</{}>").format(tag, written, body, tag)


def number(value: float) -> str:
    """To a tenth, and no longer than it must be."""
    return f"{value:.1f}".removesuffix(".0")


def cut(text: str, fits: int) -> str:
    """The text, with an ellipsis where more letters do not fit."""
    text = clean(text)
    return text if len(text) <= fits else text[: max(fits - 1, 0)].rstrip() + "…"


def wide(text: str) -> float:
    """About how wide a small text comes out."""
    return len(text) * SMALL * _LETTER
