"""Paper, ink and letters of the sheet, and how wide a line of text comes out."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from matplotlib import font_manager
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

SHEET_MM = (297.0, 210.0)
DPI = 200

INK, QUIET, PALE, HAIR = "#1f2429", "#666d75", "#a9afb6", "#dcdfe3"
# Blue and orange of Okabe and Ito, which everybody tells apart.
BLUE, ORANGE = "#0072b2", "#d55e00"
MUSIC, MUSIC_ALSO, GENERATED = "#7fa3b8", "#a5c0cf", "#dfe8ec"

SANS, SERIF = "sans", "serif"
# The first are matplotlib's own; the others lend signs that those lack, where they are there.
_FAMILIES = {SANS: ("DejaVu Sans",), SERIF: ("STIXGeneral", "DejaVu Sans")}
_LENDERS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei"),
    *("Noto Sans Hebrew", "Noto Sans Arabic", "Noto Sans Devanagari", "Symbola", "FreeSans"),
)


@cache
def families(style: str) -> list[str]:
    """Fonts in the order in which a sign is looked for."""
    there = set(font_manager.get_font_names())
    return [*_FAMILIES[style], *(name for name in _LENDERS if name in there)]


@cache
def _renderer() -> Any:
    # matplotlib leaves its renderers untyped.
    return cast(Any, RendererAgg)(10, 10, 720)


@cache
def width_mm(text: str, size: float, style: str = SANS) -> float:
    """How wide a line comes out."""
    letters = FontProperties(family=families(style), size=size)
    wide, _, _ = _renderer().get_text_width_height_descent(text, letters, ismath=False)
    return float(wide) / 720 * 25.4


def elided(text: str, size: float, room_mm: float, style: str = SANS) -> str:
    """The text, cut with an ellipsis where it is too wide; empty where not even two letters fit."""
    if width_mm(text, size, style) <= room_mm:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        wide = width_mm(text[:middle].rstrip() + "…", size, style)
        fits, too_long = (middle, too_long) if wide <= room_mm else (fits, middle)
    return text[:fits].rstrip() + "…" if fits >= 2 else ""
