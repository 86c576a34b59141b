"""The list of tracks below the curves: number, title, when it begins."""

from __future__ import annotations

from math import ceil

from matplotlib.figure import Figure

from kaproom.arc import Sounding
from kaproom.arc.look import INK, QUIET, SHEET_MM, elided, width_mm

LIST_MAX = 96
_GUTTER_MM, _HEAD_MM = 5.0, 2.0


def list_height_mm(count: int) -> float:
    """What so many tracks take."""
    _, rows, line_mm, _ = _grid(count)
    return rows * line_mm + _HEAD_MM


def draw_list(
    figure: Figure, tracks: tuple[Sounding, ...], top_mm: float, left_mm: float, right_mm: float
) -> None:
    """Write the list, down the columns; what is too much for a sheet is counted."""
    columns, rows, line_mm, size = _grid(len(tracks))
    wide_mm = (right_mm - left_mm + _GUTTER_MM) / columns
    shown = tracks if len(tracks) <= LIST_MAX else tracks[: LIST_MAX - 1]
    for place, track in enumerate(shown):
        x_mm = left_mm + place // rows * wide_mm
        y_mm = top_mm - _HEAD_MM - (place % rows + 0.75) * line_mm
        _entry(figure, track, (x_mm, y_mm), wide_mm - _GUTTER_MM, size)
    if len(shown) < len(tracks):
        place = len(shown)
        x_mm = left_mm + place // rows * wide_mm
        y_mm = top_mm - _HEAD_MM - (place % rows + 0.75) * line_mm
        more = f"and {len(tracks) - len(shown)} more"
        _write(figure, (x_mm, y_mm), more, size)


def _grid(count: int) -> tuple[int, int, float, float]:
    """Columns, rows, height of a line in mm and size of its letters."""
    count = min(count, LIST_MAX)
    columns, line_mm, size = (3 if count <= 9 else 4, 4.0, 7.0) if count <= 24 else (5, 3.3, 6.2)
    if count > 60:
        columns, line_mm, size = 6, 2.9, 5.6
    return columns, ceil(count / columns), line_mm, size


def _entry(
    figure: Figure, track: Sounding, place_mm: tuple[float, float], room_mm: float, size: float
) -> None:
    x_mm, y_mm = place_mm
    number_mm = width_mm("00", size) + 1.2
    minute = _minute(track.from_min)
    minute_mm = width_mm(minute, size) + 2.0
    _write(figure, (x_mm + number_mm - 1.2, y_mm), f"{track.number}", size, side="right")
    title = elided(track.title, size, room_mm - number_mm - minute_mm)
    _write(figure, (x_mm + number_mm, y_mm), title, size, colour=INK)
    _write(figure, (x_mm + room_mm, y_mm), minute, size, side="right")


def _minute(minute: float) -> str:
    seconds = round(abs(minute) * 60)
    return f"{'−' if minute < 0 else ''}{seconds // 60}:{seconds % 60:02}"


def _write(
    figure: Figure,
    place_mm: tuple[float, float],
    text: str,
    size: float,
    *,
    colour: str = QUIET,
    side: str = "left",
) -> None:
    x_mm, y_mm = place_mm
    figure.text(
        x_mm / SHEET_MM[0],
        y_mm / SHEET_MM[1],
        text,
        fontsize=size,
        color=colour,
        horizontalalignment=side,
        parse_math=False,
    )
