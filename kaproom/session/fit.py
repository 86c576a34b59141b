"""Which pieces fill a stretch of time, in which order, left where, with which crossfades.

The stretch ends at its boundary: the moment at which what follows it is to begin to
enter. A piece is left at its natural end, by which what follows is in, or at a marked
exit, at which what follows begins to enter; nowhere else. Of all fillings the best is
taken, by these in turn, the first that differs deciding:

1. how far the music turns beside the boundary (this one, and the one before where the first
   piece decides it), beyond the 5 s that are allowed;
2. how long a bed has to fill in, in steps of 15 s, crossfades being as wished for;
3. whether the boundary is met within 1 s;
4. the therapist's order: of two fillings the one that plays the earlier piece of the list
   at the first place where they differ; a piece whole before the same piece left at an
   exit, a later exit before an earlier one. The list is played from its top, pieces are
   left out, none is moved up; only where a rule about neighbours would cost a bed are
   pieces moved;
5. crossfades as near to what is wished for as the boundary allows, all stretched alike.

How the optimum is found. A crossfade is a stretch of lengths and not one, so a filling
reaches a stretch of moments. For every piece of the list the durations that it and those
after it can fill are kept as one whole number with a bit for each half second (with all
crossfades at any length that any seam could have: more than can be had, never less). That
is the reachability of a subset sum, and costs one shift and a few ors a piece. Then the
fillings are walked depth first in the order of (4), with exact crossfades; a branch whose
number has no bit at the boundary is not entered. The first filling that arrives is the
best of its kind, so (1), (2) and (3) are tried from their best value on: without a bed to
within 1 s, to within 5 s, then with a bed of more and more.

What it costs: measured, 0.15 ms for twelve pieces and a phase of half an hour, of which a
dozen nodes are walked; 2 to 8 ms for a session of three hours with 500 pieces. The walk can
only go astray where seams differ much; it is bounded by nodes, never by time, so the same
input gives the same filling. Where the bound is met (NODES_MAX at each value of (1) to (3)),
the next value is tried, and the filling is good and not the best.

Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, inf

from kaproom.session.fillings import Before, Ending, Filling, From, Placed, Playing, Unit
from kaproom.session.joins import (
    BED_MIN_S,
    LAST,
    PLAYED_MIN_S,
    Join,
    Way,
    Window,
    inside_s,
    join_of,
    joined,
    not_before,
    starts_of,
    stretch_of,
    way_inside,
    ways_of,
    ways_on,
)
from kaproom.session.seams import (
    CROSSFADE_MAX_PART,
    RISE_DB_PER_S,
    STRETCH,
    Piece,
    may_follow,
    seam,
)

__all__ = [
    "PLAYED_MIN_S",
    "Before",
    "Ending",
    "Filling",
    "From",
    "Placed",
    "Playing",
    "Unit",
    "fitted",
]

BOUNDARY_MAX_S = 5.0
"""Promised: a boundary is met this well wherever pieces or a bed can."""
BOUNDARY_S = 1.0
"""Chosen: nobody hears a second."""
BED_STEP_S = 15.0
"""Chosen: so much less of a bed is worth leaving the therapist's order."""
NODES_MAX = 300
"""So many pieces are tried in a place, for one value of what counts before the order."""
UNITS_MAX = 400
"""No stretch needs more to choose from: the list is looked at so far."""

# The grid of the durations; coarser where a stretch would need more bits than these.
_GRID_S = 0.5
_BITS_MAX = 40_000
_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class _Step:
    """How what was before is left, and the unit that then enters; None at the end."""

    way: Way
    unit: int | None


def bed_min_s(bed: Piece) -> float:
    """The shortest stretch that the bed fills.

    Shorter than ``BED_MIN_S`` where crossfades are short, so that there is no gap between
    a filling that ends too early for them to reach and one that leaves room for a bed.
    """
    return min(BED_MIN_S, BOUNDARY_MAX_S + 1.5 * bed.crossfade_s)


def fitted(
    before: Before,
    units: Sequence[Unit],
    following: Piece,
    bed: Piece,
    boundary_s: float,
    *,
    opens: bool = False,
) -> Filling:
    """The best filling from ``before`` up to the boundary.

    Args:
        before: What sounds, or when the first piece enters.
        units: What there is to choose from, in the therapist's order.
        following: What is to enter at the boundary.
        bed: What fills in where pieces cannot.
        boundary_s: When the stretch is to end.
        opens: Whether the first of the units must come first, if there is time for it.
    """
    search = _Search(
        before, tuple(units[:UNITS_MAX]), following, bed, boundary_s=boundary_s, opens=opens
    )
    # What enters first decides how well the boundary before was met; where that is lost
    # whatever enters, anything may.
    for search.beside_max_s in (BOUNDARY_MAX_S, inf):
        filling = search.filled()
        if filling is not None:
            return filling
        if not isinstance(before, Ending):
            break
    if opens:
        return fitted(before, units[1:], following, bed, boundary_s)
    return search.as_it_is()


class _Search:
    """One stretch, and what is known of it while it is filled."""

    def __init__(
        self,
        before: Before,
        units: tuple[Unit, ...],
        following: Piece,
        bed: Piece,
        *,
        boundary_s: float,
        opens: bool,
    ) -> None:
        self.before = before
        self.opens = opens
        self.beside_max_s = BOUNDARY_MAX_S
        self.units = units
        self.following = following
        self.bed = bed
        self.boundary_s = boundary_s
        self.nodes = 0
        self.ruled = any(unit.pieces[0].never_after for unit in units)
        self._nodes_max = 0
        self._inner = [inside_s(unit) for unit in units]
        self._ways = [ways_of(unit.pieces[-1]) for unit in units]
        first_s = before.at_s if isinstance(before, From) else before.earliest_s
        self._horizon_s = max(boundary_s + BOUNDARY_MAX_S - first_s, 1.0)
        self._grid_s = max(_GRID_S, self._horizon_s / _BITS_MAX)
        self._mask = (1 << (ceil(self._horizon_s / self._grid_s) + 4)) - 1
        self._reckon(rigid=False)

        if isinstance(before, From):
            self._first_entrances_s = (before.at_s, before.at_s + self._fade_s)
        elif isinstance(before, Ending):
            low_s = before.end_s - self._most_after_s(before.piece)
            self._first_entrances_s = (
                max(low_s, before.earliest_s),
                max(before.end_s, before.earliest_s),
            )

    def filled(self) -> Filling | None:
        """The best filling; None where nothing fits, nor is there time for a bed."""
        for moving in (False, True) if self.ruled else (False,):
            for slack_s in (BOUNDARY_S, BOUNDARY_MAX_S):
                window = (self.boundary_s - slack_s, self.boundary_s + slack_s)
                if self._rigid:
                    self._reckon(rigid=False)
                steps = self.found(window, self.following, moving=moving)
                if steps is not None:
                    return self.written(steps, self.following, (self.boundary_s, self.boundary_s))
        return self.with_bed()

    # -- what can be reached at all

    def _reckon(self, *, rigid: bool) -> None:
        """The durations, with crossfades as wished for, or of any length that they may have."""
        self._rigid = rigid
        self._extremes()
        self._from_unit = [0] * (len(self.units) + 1)
        self._of_unit = [0] * len(self.units)
        self._of_moved: list[int] = []
        for number in range(len(self.units) - 1, -1, -1):
            self._of_unit[number] = self._durations(number, self._from_unit[number + 1])
            self._from_unit[number] = self._of_unit[number] | self._from_unit[number + 1]

    def _extremes(self) -> None:
        """Between what lengths every crossfade of this stretch lies."""
        pieces = [self.following, self.bed, *(p for unit in self.units for p in unit.pieces)]
        self._loudest_db = max(p.gain_db for p in pieces)
        self._loudest_lufs = max(p.loudness_lufs for p in pieces)
        fixed_s = [length_s for p in pieces for length_s in p.after_s.values()]
        wanted_s = [p.crossfade_s for p in pieces]
        # A seam into silence takes no time off what is before it.
        quiet = any(p.quiet for p in pieces)
        before = self.before.piece
        shortest_s = min(p.length_s for p in (pieces if before is None else [before, *pieces]))
        part_s = CROSSFADE_MAX_PART * shortest_s
        stretch = 1.0 if self._rigid else STRETCH
        self._least_s = 0.0 if quiet else min(min(wanted_s) / stretch, part_s, *fixed_s, inf)
        self._most_s = max(max(wanted_s) * stretch, *fixed_s, 0.0)
        self._fade_s = max((p.crossfade_s for p in pieces if p.quiet), default=0.0)

    def _most_after_s(self, piece: Piece) -> float:
        """No crossfade from this piece takes longer."""
        louder_db = max(self._loudest_db - piece.gain_db, self._loudest_lufs - piece.loudness_lufs)
        longest_s = max(self._most_s, louder_db / RISE_DB_PER_S)
        return min(longest_s, CROSSFADE_MAX_PART * piece.length_s)

    def _durations(self, number: int, on: int) -> int:
        """Bits of the durations from a unit's start to the boundary, ``on`` what is after it."""
        last = self.units[number].pieces[-1]
        low_s, high_s = self._inner[number]
        on |= 1
        bits = 0
        for way in self._ways[number]:
            if way is None:
                shortest_s = low_s + last.length_s - self._most_after_s(last)
                bits |= self._smeared(on, shortest_s, high_s + last.length_s - self._least_s)
            elif way == LAST:
                until_s = min(high_s + last.until_s, self._horizon_s)
                bits |= self._smeared(1, low_s + BED_MIN_S, until_s)
            else:
                # What follows a piece at an exit may be a silence, reached after its fade.
                bits |= self._smeared(on, low_s + way, high_s + way + self._fade_s)
        return bits

    def _bits(self, number: int) -> int:
        """Bits of the durations from a unit's start, whatever may come after it."""
        if not self._moving:
            return self._of_unit[number]
        if not self._of_moved:
            units = range(len(self.units))
            self._of_moved = [self._durations(n, self._from_unit[0]) for n in units]
        return self._of_moved[number]

    def _smeared(self, on: int, low_s: float, high_s: float) -> int:
        """These durations and anything between the two more."""
        if high_s < low_s or low_s > self._horizon_s:
            return 0
        first = max(0, floor(low_s / self._grid_s))
        width = floor(high_s / self._grid_s) + 2 - first
        done = 1
        while done * 2 <= width:
            on |= on << done
            done *= 2
        on |= on << (width - done)
        return (on << first) & self._mask

    def _reaches(self, bits: int, start: Window, window: Window) -> bool:
        """Whether one of the durations leads from ``start`` into the window."""
        last = floor((window[1] - start[0] + _EPS) / self._grid_s)
        if last < 0:
            return False
        first = max(0, floor((window[0] - start[1] - _EPS) / self._grid_s))
        return (bits >> first) & ((1 << (last - first + 1)) - 1) != 0

    # -- the walk

    def found(self, window: Window, finish: Piece, *, moving: bool = False) -> list[_Step] | None:
        """The first way, in the order of the law, to have ``finish`` enter in the window.

        Args:
            window: When it is to enter.
            finish: What follows the pieces: the bed, or what follows the stretch.
            moving: Whether pieces may change places.
        """
        self._window, self._finish, self._moving = window, finish, moving
        self._nodes_max = self.nodes + NODES_MAX
        before = self.before
        if isinstance(before, Playing):
            return self._on(before.piece, ways_on(before), (before.start_s,) * 2, 0, 0)
        first_s, last_s = self._first_entrances_s
        for number in range(1 if self.opens else len(self.units)):
            if not moving and not self._reaches(self._from_unit[number], (first_s, last_s), window):
                break
            if not self._reaches(self._bits(number), (first_s, last_s), window):
                continue
            entering = self._first(number).pieces[0]
            if self.opens or may_follow(before.piece, entering):
                at_s = self._entrance(entering)[0]
                if abs(self._beside_s(entering)) > self.beside_max_s:
                    continue
                on = self._enter(number, (at_s, at_s), 0)
                if on is not None:
                    return [_Step(None, number), *on]
        at_s = self._entrance(finish)[0]
        if abs(self._beside_s(finish)) > self.beside_max_s:
            return None
        met = window[0] - _EPS <= at_s <= window[1] + _EPS
        return [] if met and not self.opens else None

    def _beside_s(self, piece: Piece) -> float:
        """How far beside the boundary before this one the piece would enter."""
        before = self.before
        if not isinstance(before, Ending):
            return 0.0
        between = seam(before.piece, piece)
        nearest_s = max(before.aim_s, before.end_s - between.longest_s)
        return min(nearest_s, before.end_s - between.shortest_s) - before.aim_s

    def _first(self, number: int) -> Unit:
        """A unit as it is where it comes first: it may have to be softer there."""
        unit = self.units[number]
        lufs = self.before.no_louder_than_lufs if isinstance(self.before, From) else None
        first = unit.pieces[0].no_louder_than(lufs)
        return unit if first is unit.pieces[0] else Unit((first, *unit.pieces[1:]))

    def _enter(self, number: int, start: Window, used: int) -> list[_Step] | None:
        """On with this unit, where it can lead to the end."""
        bits = self._bits(number)
        if self.nodes >= self._nodes_max or not self._reaches(bits, start, self._window):
            return None
        self.nodes += 1
        unit = self.units[number] if used else self._first(number)
        low_s, high_s = self._inner[number] if used else inside_s(unit)
        if self._rigid and len(unit.pieces) > 1:
            low_s = high_s = inside_s(unit, rigid=True)[0]
        last = unit.pieces[-1]
        start = (start[0] + low_s, start[1] + high_s)
        return self._on(last, self._ways[number], start, number + 1, used | 1 << number)

    def _on(
        self, piece: Piece, ways: tuple[Way, ...], start: Window, following: int, used: int
    ) -> list[_Step] | None:
        """From a piece that starts in ``start`` to the end; ``following`` is next in the list."""
        finish, window = self._finish, self._window
        earliest_s = self.before.earliest_s if isinstance(self.before, Playing) else -inf
        for way in ways:
            if way == LAST:
                longest_s = start[1] + piece.until_s
                if finish is self.following and start[0] + BED_MIN_S <= window[1] <= longest_s:
                    return [_Step(way, None)]
                continue
            forced = self.opens and not used
            join = None if forced else join_of(piece, way, finish, final=True)
            if join is not None:
                low_s, high_s = self._starts(join, start, earliest_s)
                if low_s <= window[1] + _EPS and high_s >= window[0] - _EPS:
                    return [_Step(way, None)]
            for number in self._candidates(piece, way, start, following, used):
                entering = self.units[number].pieces[0]
                if forced and number > 0:
                    break
                allowed = forced or may_follow(piece, entering)
                join = join_of(piece, way, entering) if allowed else None
                if join is not None:
                    on = self._enter(number, self._starts(join, start, earliest_s), used)
                    if on is not None:
                        return [_Step(way, number), *on]
        return None

    def _starts(self, join: Join, start: Window, earliest_s: float) -> Window:
        """When what enters may start."""
        if self._rigid:
            join = replace(join, least_s=join.wanted_s, most_s=join.wanted_s)
        return starts_of(join, start, earliest_s)

    def _candidates(
        self, piece: Piece, way: Way, start: Window, following: int, used: int
    ) -> Iterator[int]:
        """The units that may come next and could lead to the end, whatever the seam."""
        if way is None:
            low_s = start[0] + piece.length_s - self._most_after_s(piece)
            widest = (low_s, start[1] + piece.length_s - self._least_s)
        else:
            widest = (start[0] + way, start[1] + way + self._fade_s)
        if isinstance(self.before, Playing):
            earliest_s = self.before.earliest_s
            widest = (max(widest[0], earliest_s), max(widest[1], earliest_s))
        if self._moving:
            if self._reaches(self._from_unit[0], widest, self._window):
                yield from (n for n in range(len(self.units)) if not used >> n & 1)
            return
        if not self._reaches(self._from_unit[following], widest, self._window):
            return
        for number in range(following, len(self.units)):
            if self._reaches(self._of_unit[number], widest, self._window):
                yield number

    def _entrance(self, piece: Piece) -> tuple[float, float | None]:
        """When the first piece starts, and its crossfade; None where that is the caller's."""
        before = self.before
        assert not isinstance(before, Playing)
        if isinstance(before, From):
            fade_s = piece.crossfade_s if piece.quiet else 0.0
            return before.at_s + fade_s, piece.crossfade_s if piece.quiet else None
        between = seam(before.piece, piece)
        start_s = min(
            max(before.aim_s, before.end_s - between.longest_s), before.end_s - between.shortest_s
        )
        if start_s < before.earliest_s:
            fade_s = max(0.0, before.end_s - before.earliest_s) if piece.quiet else 0.0
            return before.earliest_s + fade_s, None
        crossfade_s = before.end_s - start_s
        return (before.end_s if piece.quiet else start_s), crossfade_s

    # -- what was found, in time

    def written(self, steps: list[_Step], finish: Piece, window: Window) -> Filling:
        """The pieces in their places, all crossfades stretched alike to end in the window."""
        before, placed = self.before, list[Placed]()
        if isinstance(before, Playing):
            first, start_s = before.piece, before.start_s
        elif not steps:
            return self._bed_alone() if finish is self.bed else self._filling((), before, 0.0)
        else:
            first = self._first(steps[0].unit or 0).pieces[0]
            start_s, crossfade_s = self._entrance(first)
            placed.append(_placed(first, start_s, crossfade_s))
        links = self._links(steps, first, finish)
        joins = [joined(*link) for link in links]
        if isinstance(before, Playing):
            joins[0] = not_before(joins[0], before.earliest_s - start_s)
        leaving, way, _, _ = links[-1]
        if way == LAST:
            window = (self.boundary_s - leaving.until_s + BED_MIN_S, self.boundary_s)
        stretch = stretch_of(joins, start_s, window)
        for (_, _, entering, last), join in zip(links, joins, strict=True):
            taken_s = join.taken_s(stretch)
            before_s, start_s = start_s, start_s + join.after_s - taken_s
            crossfade_s = taken_s if join.crossfade_s is None else join.crossfade_s
            if not last:
                placed.append(_placed(entering, start_s, crossfade_s))
        if way == LAST:
            placed[-1:] = [replace(last, stays=True) for last in placed[-1:]]
            return self._filling(placed, From(leaving, self.boundary_s), 0.0)
        if finish is self.bed:
            placed.append(Placed(self.bed, start_s, crossfade_s))
            after = From(self.bed, self.boundary_s)
            return self._filling(placed, after, self.boundary_s - start_s)
        if way is None:
            return self._filling(placed, self._ending(leaving, before_s + leaving.length_s), 0.0)
        return self._filling(placed, From(leaving, start_s), 0.0)

    def _links(
        self, steps: list[_Step], first: Piece, finish: Piece
    ) -> list[tuple[Piece, Way, Piece, bool]]:
        """What is left, how, for what; and whether that is what follows the pieces."""
        links: list[tuple[Piece, Way, Piece, bool]] = []
        piece = first
        for number, step in enumerate(steps):
            begun = number == 0 and not isinstance(self.before, Playing)
            entering = (finish,) if step.unit is None else self.units[step.unit].pieces
            way = step.way
            for following in entering[1:] if begun else entering:
                if following is not entering[0]:
                    way = way_inside(piece)
                links.append((piece, way, following, step.unit is None))
                piece = following
        return links

    def with_bed(self) -> Filling | None:
        """The filling with the least of the bed; None where there is no room for one."""
        before = self.before
        first_s = before.at_s if isinstance(before, From) else before.earliest_s
        least_s = bed_min_s(self.bed)
        count = ceil((self.boundary_s - first_s) / BED_STEP_S)
        # A bed is there to stretch, so crossfades need not, but to make room for a short one.
        tries = [(1, True), (1, False), *((n, True) for n in range(2, count + 1))]
        for number, rigid in (*tries, *((n, False) for n in range(2, count + 1))):
            if rigid != self._rigid:
                self._reckon(rigid=rigid)
            shortest_s = max(least_s, number * BED_STEP_S)
            window = (self.boundary_s - (number + 1) * BED_STEP_S, self.boundary_s - shortest_s)
            steps = self.found(window, self.bed)
            if steps is not None:
                return self.written(steps, self.bed, window)
        return None

    def as_it_is(self) -> Filling:
        """Nothing fits, nor is there time for a bed: what sounds is left as well as it can be."""
        before = self.before
        if not isinstance(before, Playing):
            return self._bed_alone()
        best: tuple[float, Ending | From] | None = None
        for way in ways_on(before):
            join = join_of(before.piece, way, self.following, final=True)
            if join is None:
                continue
            low_s, high_s = starts_of(join, (before.start_s,) * 2, before.earliest_s)
            turns_s = min(max(self.boundary_s, low_s), high_s)
            error_s = abs(turns_s - self.boundary_s)
            if best is None or error_s < best[0] - _EPS:
                after: Ending | From = From(before.piece, turns_s)
                if way is None:
                    after = self._ending(before.piece, before.start_s + before.piece.length_s)
                best = (error_s, after)
        assert best is not None  # a natural end, or the end of a silence, is always a way
        return self._filling((), best[1], 0.0)

    def _bed_alone(self) -> Filling:
        start_s, crossfade_s = self._entrance(self.bed)
        bed = Placed(self.bed, start_s, crossfade_s)
        after = From(self.bed, max(start_s, self.boundary_s))
        return self._filling((bed,), after, after.at_s - start_s)

    def _ending(self, piece: Piece, end_s: float) -> Ending:
        first_s = self.before.at_s if isinstance(self.before, From) else self.before.earliest_s
        return Ending(piece, end_s, self.boundary_s, first_s)

    def _filling(self, placed: Sequence[Placed], after: Before, bed_s: float) -> Filling:
        assert not isinstance(after, Playing)
        return Filling(tuple(placed), after, bed_s, self.nodes)


def _placed(piece: Piece, start_s: float, crossfade_s: float | None) -> Placed:
    """A piece as it is written down: a silence from where the fade to it begins."""
    if piece.quiet and crossfade_s is not None:
        return Placed(piece, start_s - crossfade_s, crossfade_s)
    return Placed(piece, start_s, crossfade_s)
