"""What each row of the sheet shows."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kaproom.arc import Arc, Asked, Estimate, Noted, Sounding, Stretch
from kaproom.arc.look import (
    BLUE,
    GENERATED,
    HAIR,
    INK,
    MUSIC,
    MUSIC_ALSO,
    ORANGE,
    PALE,
    QUIET,
    SHEET_MM,
    elided,
    width_mm,
)

# More kinds than rows: the last row takes the rest together.
PROMPT_ROWS, NOTE_ROWS = 3, 5
LANES = 3
_SHADES = ("#eceef0", "#e0e4e7")
_FLOW = "#5b636b"
_SILENT = ("#ffffff", "//////")
_HANDS: dict[str, tuple[str, str | None]] = {
    "calm": ("#cfe3ee", None),
    "duck": ("#e0e4e7", None),
    "hold": ("#ffffff", None),
    "fade": _SILENT,
    "away": _SILENT,
}
_BEFELL = (ORANGE, None)


def wide_mm(row: Axes, minutes: float) -> float:
    """How wide so many minutes are in this row."""
    from_min, to_min = row.get_xlim()
    return float(row.get_position().width * SHEET_MM[0] * minutes / (to_min - from_min))


def draw_phases(row: Axes, phases: Iterable[Stretch], *, faint: bool = False) -> None:
    """A ribbon of names; a name that does not fit is cut, or left to its neighbours."""
    row.set_ylim(0, 1)
    size = 6.0 if faint else 8.0
    for number, phase in enumerate(phases):
        from_min, to_min = _seen(row, phase)
        if to_min <= from_min:
            continue
        face = "none" if faint else _SHADES[number % 2]
        edge = PALE if faint else "white"
        row.add_patch(
            Rectangle(
                (from_min, 0),
                to_min - from_min,
                1,
                facecolor=face,
                edgecolor=edge,
                linewidth=0.5 if faint else 1,
                clip_on=not faint,
            )
        )
        name = elided(phase.name, size, wide_mm(row, to_min - from_min) - 1.6)
        row.text(
            (from_min + to_min) / 2,
            0.47,
            name,
            ha="center",
            va="center",
            fontsize=size,
            color=QUIET if faint else INK,
            parse_math=False,
        )


def draw_infusion(row: Axes, arc: Arc) -> None:
    """The rate as steps; a bar where it is not known; boluses as stems."""
    flow, planned = arc.flow, arc.planned_flow
    known = [f.rates for f in (flow, planned) if f is not None and f.rates is not None]
    top = max((rate for rates in known for _, rate in rates), default=0.0) or 1.0
    row.set_ylim(0, 1.35 * top)
    row.axhline(0, color=PALE, linewidth=0.6)
    if flow.rates is None:
        for run in flow.runs:
            _bar(row, run, 0.45 * top)
        since_min = min((run.from_min for run in flow.runs), default=0.0)
        what = "rate" if flow.boluses_min else "dose"
        said = f"no {what} planned or recorded: the music follows the clock alone"
        _beside(row, since_min, 0.8 * top, said)
    else:
        minutes, rates = _steps(flow.rates, arc.to_min)
        row.fill_between(minutes, rates, color=_FLOW, linewidth=0, alpha=0.85)
        row.set_yticks([top], [f"{top:.2g}"])
    if planned is not None and planned.rates is not None:
        minutes, rates = _steps(planned.rates, planned.rates[-1][0])
        row.plot(minutes, rates, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
    named_min = None
    for at_min in flow.boluses_min:
        row.plot([at_min, at_min], [0, 1.16 * top], color=ORANGE, linewidth=1.2)
        row.plot([at_min], [1.16 * top], marker="v", markersize=4, color=ORANGE, clip_on=False)
        if named_min is None or wide_mm(row, at_min - named_min) > 12.0:
            _beside(row, at_min, 1.16 * top, "bolus")
            named_min = at_min


def draw_estimate(row: Axes, estimate: Estimate) -> None:
    """The band and its words."""
    row.axhline(0, color=PALE, linewidth=0.6)
    minutes, high = np.asarray(estimate.minutes), np.asarray(estimate.high_ng_per_ml)
    plasma = np.asarray(estimate.plasma_ng_per_ml)
    top = float(np.nanmax([*high, *plasma[np.isfinite(plasma)], 1e-9]))
    row.set_ylim(0, 1.28 * top)
    ticks = _round_ticks(top, _high_mm(row) / 7.0)
    row.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    for tick in ticks[1:]:
        row.axhline(tick, color=HAIR, linewidth=0.4, zorder=0)
    band = row.fill_between(
        minutes, estimate.low_ng_per_ml, high, color=BLUE, alpha=0.18, linewidth=0
    )
    (effect,) = row.plot(minutes, estimate.effect_site_ng_per_ml, color=BLUE, linewidth=1.3)
    (blood,) = row.plot(minutes, plasma, color=INK, linewidth=0.7, linestyle=(0, (1, 1.6)))
    legend = row.legend(
        [band, effect, blood],
        [
            f"effect site, {estimate.spread}",
            f"effect site, {estimate.model}",
            f"plasma, {estimate.model}",
        ],
        loc="upper right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        fontsize=6,
        frameon=False,
        labelcolor=QUIET,
        handlelength=1.8,
        columnspacing=1.4,
        borderaxespad=0,
    )
    legend.set_zorder(5)
    _words(row, estimate.words)


def draw_tracks(row: Axes, arc: Arc) -> None:
    """Each track as a shape: as wide as it lasts, as high as it is loud."""
    louds = [track.loudness_lufs for track in arc.tracks] or [-23.0]
    floor, top = min(louds) - 7.0, max(louds) + 1.5
    row.set_ylim(floor, top)
    row.axhline(floor, color=PALE, linewidth=0.6)
    ticks = [t for t in range(-60, 0, 2 if top - floor < 14 else 5) if floor + 3 < t < top]
    row.set_yticks(ticks, [f"−{-tick}" for tick in ticks])
    for tick in ticks:
        row.axhline(tick, color=HAIR, linewidth=0.4, zorder=0)
    for silence in arc.silences:
        _silence(row, silence)
    for track in arc.tracks:
        _shape(row, track, floor)
    for track in arc.tracks:
        _name(row, track, floor)


def draw_exits(row: Axes, tracks: Iterable[Sounding]) -> None:
    """Where the playlist says that a track may be left."""
    row.set_ylim(0, 1)
    minutes = [at_min for track in tracks for at_min in track.exits_min]
    row.plot(minutes, [0.5] * len(minutes), linestyle="none", marker=6, markersize=3.2, color=INK)


def draw_prompts(row: Axes, prompts: Iterable[Asked]) -> None:
    """When a prompt asks for its note; full where one was made, crossed where none was."""
    row.set_ylim(0, 1)
    for done, face, shape in ((None, "white", "D"), (True, INK, "D"), (False, INK, "x")):
        seen = [asked.at_min for asked in prompts if asked.done is done]
        row.plot(
            seen,
            [0.5] * len(seen),
            linestyle="none",
            marker=shape,
            markersize=3.0,
            markerfacecolor=face,
            markeredgecolor=INK,
            markeredgewidth=0.8,
            clip_on=False,
        )


def draw_notes(row: Axes, notes: Iterable[Noted]) -> None:
    """When each note was: a stroke, so that two close together are two."""
    row.set_ylim(0, 1)
    row.axhline(0.5, color=HAIR, linewidth=0.5, zorder=0)
    minutes = [note.at_min for note in notes]
    row.vlines(minutes, 0.14, 0.86, color=INK, linewidth=1.3, clip_on=False)


def lanes_of(hands: Iterable[Stretch]) -> list[list[Stretch]]:
    """What overlaps stands in lanes of its own, as many as there is room for."""
    lanes: list[list[Stretch]] = [[]]
    for hand in sorted(hands, key=lambda hand: hand.from_min):
        free = (lane for lane in lanes if not lane or lane[-1].to_min <= hand.from_min)
        lane = next(free, None)
        if lane is None:
            lane = lanes[-1]
            if len(lanes) < LANES:
                lane = []
                lanes.append(lane)
        lane.append(hand)
    return lanes


def draw_hands(row: Axes, hands: Iterable[Stretch]) -> None:
    """What was done with the sound, and what befell it, named where there is room."""
    lanes = lanes_of(hands)
    row.set_ylim(len(lanes), 0)
    for number, lane in enumerate(lanes):
        for hand, following in zip(lane, [*lane[1:], None], strict=True):
            from_min, to_min = _seen(row, hand)
            # The shortest is seen all the same.
            wide_min = max(to_min - from_min, 0.6 / wide_mm(row, 1.0))
            face, hatch = _HANDS.get(hand.name, _BEFELL)
            row.add_patch(
                Rectangle(
                    (from_min, number + 0.14),
                    *(wide_min, 0.72),
                    facecolor=face,
                    edgecolor=_FLOW,
                    hatch=hatch,
                    linewidth=0.5,
                )
            )
            until_min = from_min + wide_min
            next_min = row.get_xlim()[1] if following is None else following.from_min
            ends_min = (from_min, until_min, next_min)
            _named(row, hand.name, ends_min, number + 0.5, hatched=hatch is not None)


def _named(
    row: Axes, name: str, at_min: tuple[float, float, float], high: float, *, hatched: bool
) -> None:
    """A name in its bar, or behind it where the next one leaves room."""
    from_min, to_min, next_min = at_min
    needs_mm = width_mm(name, 6) + 1.6
    if needs_mm <= wide_mm(row, to_min - from_min):
        row.text(
            *((from_min + to_min) / 2, high, name),
            ha="center",
            va="center_baseline",
            fontsize=6,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4} if hatched else None,
        )
    elif needs_mm <= wide_mm(row, next_min - to_min):
        gap_min = 0.8 / wide_mm(row, 1.0)
        row.text(to_min + gap_min, high, name, va="center_baseline", fontsize=6, color=QUIET)


_Mark = TypeVar("_Mark", bound=Asked | Noted)


def kinds(marks: Iterable[_Mark], most: int, rest: str) -> list[tuple[str, list[_Mark]]]:
    """The marks by what they are called, in as many rows as there is room for."""
    by_label: dict[str, list[_Mark]] = {}
    for mark in marks:
        by_label.setdefault(mark.label, []).append(mark)
    if len(by_label) <= most:
        return list(by_label.items())
    by_count = sorted(by_label, key=lambda label: -len(by_label[label]))
    shown = {label: by_label.pop(label) for label in by_count[: most - 1]}
    others = [mark for marks in by_label.values() for mark in marks]
    return [*shown.items(), (rest, others)]


def _shape(row: Axes, track: Sounding, floor: float) -> None:
    height = track.loudness_lufs - floor
    # Equal power: a quarter of a sine in, a quarter of a cosine out; who is called away
    # while still entering does both at once.
    part = np.linspace(0, 1, 24)
    entering = track.from_min + part * track.entrance_min
    leaving = track.to_min - track.departure_min * (1 - part)
    minutes = np.unique(np.concatenate((entering, leaving)))
    came = _passed(minutes - track.from_min, track.entrance_min)
    went = _passed(minutes - (track.to_min - track.departure_min), track.departure_min)
    levels = floor + height * np.sin(np.pi / 2 * came) * np.cos(np.pi / 2 * went)
    face = GENERATED if track.generated else (MUSIC, MUSIC_ALSO)[track.number % 2]
    row.fill_between(
        minutes,
        floor,
        levels,
        facecolor=face,
        edgecolor="white",
        linewidth=0,
        alpha=0.85,
        hatch="...." if track.generated else None,
    )
    row.plot(minutes, levels, color=_FLOW, linewidth=0.6)


def _passed(since_min: NDArray[np.float64], lasts_min: float) -> NDArray[np.float64]:
    """How much of something is over, from 0 to 1."""
    if lasts_min <= 0:
        return np.asarray(since_min > 0, dtype=np.float64)
    return np.clip(since_min / lasts_min, 0.0, 1.0)


def _name(row: Axes, track: Sounding, floor: float) -> None:
    """Number and title, each only where there is room for it."""
    from_min = max(track.from_min + track.entrance_min, row.get_xlim()[0])
    to_min = min(track.to_min - track.departure_min, row.get_xlim()[1])
    room_mm = wide_mm(row, max(0.0, to_min - from_min))
    middle = (from_min + to_min) / 2
    number = f"{track.number}"
    unit = (row.get_ylim()[1] - floor) / _high_mm(row)  # LU per mm
    if width_mm(number, 6.5) + 0.4 > room_mm:
        return
    label: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "parse_math": False}
    row.text(middle, floor + 2.2 * unit, number, fontsize=6.5, **label)
    if width_mm(track.title, 7) + 2.0 <= room_mm:
        high = floor + max((track.loudness_lufs - floor) / 2, 5.2 * unit)
        row.text(middle, high, track.title, fontsize=7, **label)


def _silence(row: Axes, silence: Stretch) -> None:
    from_min, to_min = _seen(row, silence)
    row.axvspan(from_min, to_min, facecolor="white", edgecolor=PALE, hatch="////", linewidth=0.4)
    if wide_mm(row, to_min - from_min) > width_mm("silence", 6) + 2:
        middle, high = (from_min + to_min) / 2, sum(row.get_ylim()) / 2
        row.text(
            *(middle, high, "silence"),
            ha="center",
            fontsize=6,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )


def _bar(row: Axes, run: Stretch, high: float) -> None:
    from_min, to_min = _seen(row, run)
    row.add_patch(Rectangle((from_min, 0), to_min - from_min, high, fc="#d5d9dd", ec=_FLOW, lw=0.6))


def _beside(row: Axes, at_min: float, high: float, said: str) -> None:
    row.annotate(
        said,
        (at_min, high),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=6,
        color=QUIET,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def _words(row: Axes, words: str) -> None:
    row.text(
        *(0.0, 1.0, words),
        transform=row.transAxes,
        va="top",
        fontsize=8.5,
        family="STIXGeneral",
        style="italic",
        color=INK,
    )


def _seen(row: Axes, stretch: Stretch) -> tuple[float, float]:
    from_min, to_min = row.get_xlim()
    return max(stretch.from_min, from_min), min(stretch.to_min, to_min)


def _steps(rates: Iterable[tuple[float, float]], to_min: float) -> tuple[list[float], list[float]]:
    """Corners of a staircase."""
    minutes, levels, now = [], [], 0.0
    for from_min, rate in rates:
        minutes += [from_min, from_min]
        levels += [now, rate]
        now = rate
    return [*minutes, to_min], [*levels, now]


def _high_mm(row: Axes) -> float:
    return float(row.get_position().height * SHEET_MM[1])


def _round_ticks(top: float, most: float) -> list[float]:
    """0 and some round steps up to ``top``, about ``most`` of them."""
    scale = 10.0 ** np.floor(np.log10(top))
    steps = (s * scale for s in (0.2, 0.5, 1, 2))
    step = next((step for step in steps if top / step <= min(most, 4.5)), 5 * scale)
    return [round(step * n, 9) for n in range(ceil(top / step)) if step * n <= top]
