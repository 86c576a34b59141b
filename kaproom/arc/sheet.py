"""How the sheet is laid out: its rows, one above the other, over one axis of time.

Everything is readable without colour: what differs in hue differs in lightness, hatch or
shape as well.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import partial
from io import BytesIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kaproom.arc import Arc
from kaproom.arc.look import (
    DPI,
    HAIR,
    INK,
    PALE,
    QUIET,
    SANS,
    SERIF,
    SHEET_MM,
    elided,
    families,
)
from kaproom.arc.rows import (
    NOTE_ROWS,
    PROMPT_ROWS,
    draw_estimate,
    draw_exits,
    draw_hands,
    draw_infusion,
    draw_notes,
    draw_phases,
    draw_prompts,
    draw_tracks,
    kinds,
    lanes_of,
)
from kaproom.arc.tracklist import draw_list, list_height_mm

LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = 31.0, 12.0, 11.0, 9.0
TITLE_MM, GAP_MM, AXIS_MM = 18.0, 2.5, 11.0
PHASES_MM, PLANNED_MM, INFUSION_MM, ROW_MM, LANE_MM = 7.5, 4.5, 15.0, 4.6, 3.4
# Of what the other rows leave to the two curves.
ESTIMATE_PART = 0.44


def rendered(arc: Arc, kind: str) -> bytes:
    """The sheet as "svg" or "png"."""
    # A font that lacks a sign is no concern of who asked for a picture.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.simplefilter("ignore")
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.family": families(SANS),
                "svg.fonttype": "path",
                "svg.hashsalt": "kaproom",
                "hatch.linewidth": 0.35,
                "text.hinting": "none",  # or a line would be wider than it was measured
                "path.simplify": True,
            }
        )
        sheet = BytesIO()
        date = {"Date": None} if kind == "svg" else {}
        about = {"Title": arc.title, "Description": arc.subtitle}
        composed(arc).savefig(sheet, format=kind, dpi=DPI, metadata={**about, **date})
    return sheet.getvalue()


def composed(arc: Arc) -> Figure:
    """The sheet as a figure."""
    width_mm, height_mm = SHEET_MM
    figure = Figure(figsize=(width_mm / 25.4, height_mm / 25.4), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    _Sheet(figure, arc).compose()
    return figure


class _Sheet:
    """Places rows from the top down."""

    def __init__(self, figure: Figure, arc: Arc) -> None:
        self._figure = figure
        self._arc = arc
        self._top_mm = SHEET_MM[1] - TOP_MM
        self._rows: list[Axes] = []

    def compose(self) -> None:
        arc = self._arc
        self._head()
        below = self._below()
        curves_mm = self._left_for_curves_mm(sum(height_mm for _, height_mm, _ in below))
        if arc.planned_phases:
            draw_phases(self._row(PLANNED_MM, "as planned"), arc.planned_phases, faint=True)
            self._top_mm += GAP_MM - 0.8
        draw_phases(self._row(PHASES_MM, "Phases"), arc.phases)
        unit = [] if arc.flow.rates is None else ["mg/min"]
        told = "as recorded" if arc.planned_flow else "as planned"
        draw_infusion(self._row(INFUSION_MM, "Infusion", *unit, told), arc)
        if arc.estimate is not None:
            height_mm = curves_mm * ESTIMATE_PART
            draw_estimate(self._row(height_mm, "Estimate", "ng/mL"), arc.estimate)
            curves_mm -= height_mm + GAP_MM
        draw_tracks(self._row(curves_mm, "Music", "LUFS"), arc)
        for label, height_mm, drawn in below:
            drawn(self._row(height_mm, label))
            self._top_mm += GAP_MM
        self._time()
        self._top_mm = self._rows[-1].get_position().y0 * SHEET_MM[1] - AXIS_MM
        draw_list(self._figure, arc.tracks, self._top_mm, LEFT_MM, SHEET_MM[0] - RIGHT_MM)
        self._foot()

    def _below(self) -> list[tuple[str, float, Callable[[Axes], None]]]:
        """The rows below the music: label, height, and what draws each."""
        arc = self._arc
        rows: list[tuple[str, float, Callable[[Axes], None]]] = []
        if any(track.exits_min for track in arc.tracks):
            rows.append(("Exits", ROW_MM, partial(draw_exits, tracks=arc.tracks)))
        if arc.hands:
            height_mm = max(ROW_MM, LANE_MM * len(lanes_of(arc.hands)))
            rows.append(("Sound", height_mm, partial(draw_hands, hands=arc.hands)))
        for label, notes in kinds(arc.notes, NOTE_ROWS, "Other notes"):
            rows.append((label, ROW_MM, partial(draw_notes, notes=notes)))
        # Of what is past, the notes say what they were.
        if arc.prompts and all(asked.done is not None for asked in arc.prompts):
            rows.append(("Timers", ROW_MM, partial(draw_prompts, prompts=arc.prompts)))
        else:
            for label, prompts in kinds(arc.prompts, PROMPT_ROWS, "Other timers"):
                rows.append((label, ROW_MM, partial(draw_prompts, prompts=prompts)))
        return rows

    def _left_for_curves_mm(self, below_mm: float) -> float:
        arc = self._arc
        fixed_mm = PHASES_MM + INFUSION_MM + below_mm + 3 * GAP_MM + AXIS_MM
        fixed_mm += PLANNED_MM + 0.8 if arc.planned_phases else 0.0
        return self._top_mm - BOTTOM_MM - 3.0 - fixed_mm - list_height_mm(len(arc.tracks))

    def _head(self) -> None:
        arc, width_mm = self._arc, SHEET_MM[0] - LEFT_MM - RIGHT_MM
        title = elided(arc.title, 21, width_mm, SERIF)
        self._text(LEFT_MM, self._top_mm - 7.0, title, 21, family=SERIF)
        line = elided(arc.subtitle, 8, width_mm)
        self._text(LEFT_MM, self._top_mm - 12.6, line, 8, colour=QUIET)
        self._top_mm -= TITLE_MM

    def _foot(self) -> None:
        arc, width_mm = self._arc, SHEET_MM[0] - LEFT_MM - RIGHT_MM
        self._rule(BOTTOM_MM + 1.2)
        said = "kaproom plays music and records times; it cannot touch a pump."
        if arc.estimate is not None:
            said = f"Estimate: {arc.estimate.basis}. {said}"
        self._text(LEFT_MM, BOTTOM_MM - 3.0, elided(said, 6, width_mm), 6, colour=QUIET)

    def _row(self, height_mm: float, label: str, *below: str) -> Axes:
        width_mm = SHEET_MM[0] - LEFT_MM - RIGHT_MM
        self._top_mm -= height_mm
        place = (LEFT_MM, self._top_mm, width_mm, height_mm)
        row = self._figure.add_axes(_part(place))
        row.set_xlim(self._arc.from_min, self._arc.to_min)
        row.patch.set_visible(False)
        for side in row.spines.values():
            side.set_visible(False)
        row.tick_params(
            axis="both", length=0, pad=2.5, labelsize=6.5, labelcolor=QUIET, labelbottom=False
        )
        row.set_yticks([])
        # In line with the row's top, or with its middle where it is a single line high.
        middle = height_mm < 10
        y_mm = self._top_mm + (height_mm / 2 - 0.95 if middle else height_mm - 2.6)
        small = height_mm < 7
        label = elided(label, 6.5 if small else 8, LEFT_MM - 10)
        colour = QUIET if small else INK
        self._text(8.0, y_mm, label, 6.5 if small else 8, colour=colour)
        for line, text in enumerate(below):
            self._text(8.0, y_mm - 3.6 - 2.9 * line, text, 6, colour=QUIET)
        self._rows.append(row)
        self._top_mm -= GAP_MM
        return row

    def _time(self) -> None:
        """Hairlines behind all rows, and the axis below the last."""
        arc, bottom = self._arc, self._rows[-1]
        top = self._rows[1 if arc.planned_phases else 0].get_position().y0
        place = bottom.get_position()
        behind = self._figure.add_axes((place.x0, place.y0, place.width, top - place.y0), zorder=-1)
        behind.set_axis_off()
        behind.set_xlim(arc.from_min, arc.to_min)
        for phase in arc.phases:
            if arc.from_min < phase.from_min < arc.to_min:
                behind.axvline(phase.from_min, color=HAIR, linewidth=0.5)
        ticks = _ticks(arc.from_min, arc.to_min)
        bottom.set_xticks(ticks, [_clock(tick, arc.to_min - arc.from_min) for tick in ticks])
        bottom.tick_params(axis="x", labelbottom=True, length=2.5, width=0.5, color=QUIET)
        bottom.spines["bottom"].set_visible(True)
        bottom.spines["bottom"].set(color=PALE, linewidth=0.6)
        said = arc.axis
        if any(track.from_min < arc.from_min - 0.01 for track in arc.tracks):
            said += "; what comes before is cut off: settling lasts until the start is recorded"
        self._text(LEFT_MM, place.y0 * SHEET_MM[1] - 8.0, said, 6, colour=QUIET)

    def _rule(self, y_mm: float) -> None:
        width_mm, height_mm = SHEET_MM
        ends = (LEFT_MM / width_mm, 1 - RIGHT_MM / width_mm)
        line = mpl.lines.Line2D(ends, (y_mm / height_mm,) * 2, color=HAIR, linewidth=0.5)
        self._figure.add_artist(line)

    def _text(
        self,
        x_mm: float,
        y_mm: float,
        text: str,
        size: float,
        *,
        family: str = SANS,
        colour: str = INK,
    ) -> None:
        x, y = x_mm / SHEET_MM[0], y_mm / SHEET_MM[1]
        self._figure.text(
            x, y, text, fontsize=size, family=families(family), color=colour, parse_math=False
        )


def _part(place_mm: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    width_mm, height_mm = SHEET_MM
    x, y, wide, high = place_mm
    return x / width_mm, y / height_mm, wide / width_mm, high / height_mm


def _ticks(from_min: float, to_min: float) -> list[float]:
    """At least four and at most about fifteen, at round times."""
    steps = (0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)
    span_min = to_min - from_min
    step = next((step for step in steps if span_min / step <= 15), steps[-1])
    first = int(from_min / step) - 1
    ticks = [step * n for n in range(first, int(to_min / step) + 2)]
    return [tick for tick in ticks if from_min <= tick <= to_min]


def _clock(minute: float, span_min: float) -> str:
    if span_min > 8:
        return f"{minute:g}".replace("-", "−")
    seconds = round(abs(minute) * 60)
    return f"{'−' if minute < 0 else ''}{seconds // 60}:{seconds % 60:02}"
