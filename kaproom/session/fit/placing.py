"""What was found to fill a stretch of time, in time: each piece in its place.

All crossfades are stretched alike, so that the pieces end where they are to.

Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kaproom.session.fit.fillings import (
    Before,
    Ending,
    Filling,
    From,
    Placed,
    Playing,
    Stretch,
)
from kaproom.session.fit.joins import (
    BED_MIN_S,
    EPS_S,
    LAST,
    Way,
    Window,
    join_of,
    joined,
    not_before,
    starts_of,
    stretch_of,
    way_inside,
    ways_on,
)
from kaproom.session.fit.seams import Piece


@dataclass(frozen=True, slots=True)
class Step:
    """How what was before is left, and the unit that then enters; None at the end."""

    way: Way
    unit: int | None


def placed(stretch: Stretch, steps: Sequence[Step], finish: Piece, window: Window) -> Filling:
    """The pieces in their places, all crossfades stretched alike to end in the window."""
    before, cues = stretch.before, list[Placed]()
    if isinstance(before, Playing):
        first, start_s = before.piece, before.start_s
    elif not steps:
        return bed_alone(stretch) if finish is stretch.bed else _filling((), before)
    else:
        first = stretch.first(steps[0].unit or 0).pieces[0]
        start_s, crossfade_s = stretch.entrance(first)
        cues.append(_placed(first, start_s, crossfade_s))
    links = _links(stretch, steps, first, finish)
    joins = [joined(*link) for link in links]
    if isinstance(before, Playing):
        joins[0] = not_before(joins[0], before.earliest_s - start_s)
    leaving, way, _, _ = links[-1]
    if way == LAST:
        window = (stretch.boundary_s - leaving.until_s + BED_MIN_S, stretch.boundary_s)
    part = stretch_of(joins, start_s, window)
    for (_, _, entering, last), join in zip(links, joins, strict=True):
        taken_s = join.taken_s(part)
        before_s, start_s = start_s, start_s + join.after_s - taken_s
        crossfade_s = taken_s if join.crossfade_s is None else join.crossfade_s
        if not last:
            cues.append(_placed(entering, start_s, crossfade_s))
    if way == LAST:
        cues[-1:] = [replace(last, stays=True) for last in cues[-1:]]
        return _filling(cues, From(leaving, stretch.boundary_s))
    if finish is stretch.bed:
        cues.append(Placed(stretch.bed, start_s, crossfade_s))
        after = From(stretch.bed, stretch.boundary_s)
        return _filling(cues, after, stretch.boundary_s - start_s)
    if way is None:
        return _filling(cues, _ending(stretch, leaving, before_s + leaving.length_s))
    return _filling(cues, From(leaving, start_s))


def _links(
    stretch: Stretch, steps: Sequence[Step], first: Piece, finish: Piece
) -> list[tuple[Piece, Way, Piece, bool]]:
    """What is left, how, for what; and whether that is what follows the pieces."""
    links: list[tuple[Piece, Way, Piece, bool]] = []
    piece = first
    for number, step in enumerate(steps):
        begun = number == 0 and not isinstance(stretch.before, Playing)
        entering = (finish,) if step.unit is None else stretch.units[step.unit].pieces
        way = step.way
        for following in entering[1:] if begun else entering:
            if following is not entering[0]:
                way = way_inside(piece)
            links.append((piece, way, following, step.unit is None))
            piece = following
    return links


def left_as_it_can_be(stretch: Stretch) -> Filling:
    """Nothing fits, nor is there time for a bed: what sounds is left as well as it can be."""
    before = stretch.before
    if not isinstance(before, Playing):
        return bed_alone(stretch)
    best: tuple[float, Ending | From] | None = None
    for way in ways_on(before):
        join = join_of(before.piece, way, stretch.following, final=True)
        if join is None:
            continue
        low_s, high_s = starts_of(join, (before.start_s,) * 2, before.earliest_s)
        turns_s = min(max(stretch.boundary_s, low_s), high_s)
        error_s = abs(turns_s - stretch.boundary_s)
        if best is None or error_s < best[0] - EPS_S:
            after: Ending | From = From(before.piece, turns_s)
            if way is None:
                after = _ending(stretch, before.piece, before.start_s + before.piece.length_s)
            best = (error_s, after)
    assert best is not None  # a natural end, or the end of a silence, is always a way
    return _filling((), best[1])


def bed_alone(stretch: Stretch) -> Filling:
    """The bed and nothing else."""
    start_s, crossfade_s = stretch.entrance(stretch.bed)
    bed = Placed(stretch.bed, start_s, crossfade_s)
    after = From(stretch.bed, max(start_s, stretch.boundary_s))
    return _filling((bed,), after, after.at_s - start_s)


def _ending(stretch: Stretch, piece: Piece, end_s: float) -> Ending:
    return Ending(piece, end_s, stretch.boundary_s, stretch.from_s)


def _filling(cues: Sequence[Placed], after: Before, bed_s: float = 0.0) -> Filling:
    assert not isinstance(after, Playing)
    return Filling(tuple(cues), after, bed_s)


def _placed(piece: Piece, start_s: float, crossfade_s: float | None) -> Placed:
    """A piece as it is written down: a silence from where the fade to it begins."""
    if piece.quiet and crossfade_s is not None:
        return Placed(piece, start_s - crossfade_s, crossfade_s)
    return Placed(piece, start_s, crossfade_s)
