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

How the optimum is found. For every piece of the list it is known where it and those after
it can lead at all (see reach.py). The fillings are walked depth first in the order of (4),
with exact crossfades; a branch that cannot lead to the boundary is not entered. The first
filling that arrives is the best of its kind, so (1), (2) and (3) are tried from their best
value on: without a bed to within 1 s, to within 5 s, then with a bed of more and more.

What it costs: measured, 0.15 ms for twelve pieces and a phase of half an hour, of which a
dozen nodes are walked; 2 to 8 ms for a session of three hours with 500 pieces, 12 ms the
most of 2,000. The walk can only go astray where seams differ much; it is bounded by nodes,
never by time, so the same input gives the same filling. Where the bound is met (NODES_MAX
at each value of (1) to (3)), the next value is tried, and the filling is good and not the
best; no more than 710 nodes were walked in any of 20,000 fillings.

Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, inf

from kaproom.session.fit.fillings import Before, Ending, Filling, From, Playing, Stretch, Unit
from kaproom.session.fit.joins import (
    BED_MIN_S,
    EPS_S,
    LAST,
    Join,
    Way,
    Window,
    inside_s,
    join_of,
    starts_of,
    ways_on,
)
from kaproom.session.fit.placing import Step, left_as_it_can_be, placed
from kaproom.session.fit.reach import Reach
from kaproom.session.fit.seams import Piece, may_follow

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
    stretch = Stretch(before, tuple(units[:UNITS_MAX]), following, bed, boundary_s, opens)
    search = _Search(stretch)
    # What enters first decides how well the boundary before was met; where that is lost
    # whatever enters, anything may.
    for search.beside_max_s in (BOUNDARY_MAX_S, inf):
        filling = search.filled()
        if filling is not None:
            return replace(filling, nodes=search.nodes)
        if not isinstance(before, Ending):
            break
    if opens:
        return fitted(before, units[1:], following, bed, boundary_s)
    return replace(left_as_it_can_be(stretch), nodes=search.nodes)


class _Search:
    """One stretch, and what is known of it while it is filled."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self.beside_max_s = BOUNDARY_MAX_S
        self.nodes = 0
        self._begin: Sequence[int] = ()
        self.ruled = any(unit.pieces[0].never_after for unit in stretch.units)
        self._nodes_max = 0
        before = stretch.before
        horizon_s = max(stretch.boundary_s + BOUNDARY_MAX_S - stretch.from_s, 1.0)
        self._reach = Reach(stretch, horizon_s)
        if isinstance(before, From):
            self._first_entrances_s = (before.at_s, before.at_s + self._reach.fade_s)
        elif isinstance(before, Ending):
            low_s = before.end_s - self._reach.most_after_s(before.piece)
            self._first_entrances_s = (
                max(low_s, before.earliest_s),
                max(before.end_s, before.earliest_s),
            )

    def filled(self) -> Filling | None:
        """The best filling; None where nothing fits, nor is there time for a bed."""
        stretch, at_s = self.stretch, self.stretch.boundary_s
        self._begin = range(1 if stretch.opens else len(stretch.units))
        for moving in (False, True) if self.ruled else (False,):
            for slack_s in (BOUNDARY_S, BOUNDARY_MAX_S):
                self._reach.reckon(rigid=False)
                steps = self.found(
                    (at_s - slack_s, at_s + slack_s), stretch.following, moving=moving
                )
                if steps is not None:
                    return placed(stretch, steps, stretch.following, (at_s, at_s))
        return self.with_bed()

    def with_bed(self) -> Filling | None:
        """The filling with the least of the bed; None where there is no room for one."""
        stretch, boundary_s = self.stretch, self.stretch.boundary_s
        least_s = bed_min_s(stretch.bed)
        count = ceil((boundary_s - stretch.from_s) / BED_STEP_S)
        if not isinstance(stretch.before, Playing):
            # Asked once: of three hours there are more than a thousand tries.
            self._begin = [number for number in self._begin if self._may_begin(number)]
        # A bed is there to stretch, so crossfades need not, but to make room for a short one.
        tries = [(1, True), (1, False), *((n, True) for n in range(2, count + 1))]
        for number, rigid in (*tries, *((n, False) for n in range(2, count + 1))):
            self._reach.reckon(rigid=rigid)
            shortest_s = max(least_s, number * BED_STEP_S)
            window = (boundary_s - (number + 1) * BED_STEP_S, boundary_s - shortest_s)
            steps = self.found(window, stretch.bed)
            if steps is not None:
                return placed(stretch, steps, stretch.bed, window)
        return None

    # -- the walk

    def found(self, window: Window, finish: Piece, *, moving: bool = False) -> list[Step] | None:
        """The first way, in the order of the law, to have ``finish`` enter in the window.

        Args:
            window: When it is to enter.
            finish: What follows the pieces: the bed, or what follows the stretch.
            moving: Whether pieces may change places.
        """
        self._window, self._finish, self._moving = window, finish, moving
        self._nodes_max = self.nodes + NODES_MAX
        stretch, reach, before = self.stretch, self._reach, self.stretch.before
        if isinstance(before, Playing):
            return self._on(before.piece, ways_on(before), (before.start_s,) * 2, 0, 0)
        first_s, last_s = self._first_entrances_s
        for number in self._begin:
            if not moving and not reach.leads(reach.onward(number), (first_s, last_s), window):
                break
            bits = reach.of(number, moving=moving)
            if not reach.leads(bits, (first_s, last_s), window) or not self._may_begin(number):
                continue
            at_s = stretch.entrance(stretch.first(number).pieces[0])[0]
            on = self._enter(number, (at_s, at_s), 0)
            if on is not None:
                return [Step(None, number), *on]
        at_s = stretch.entrance(finish)[0]
        if abs(stretch.beside_s(finish)) > self.beside_max_s:
            return None
        met = window[0] - EPS_S <= at_s <= window[1] + EPS_S
        return [] if met and not stretch.opens else None

    def _may_begin(self, number: int) -> bool:
        """Whether this unit may come first, after what was before the stretch."""
        stretch, entering = self.stretch, self.stretch.first(number).pieces[0]
        if not stretch.opens and not may_follow(stretch.before.piece, entering):
            return False
        return abs(stretch.beside_s(entering)) <= self.beside_max_s

    def _enter(self, number: int, start: Window, used: int) -> list[Step] | None:
        """On with this unit, where it can lead to the end."""
        stretch, reach = self.stretch, self._reach
        bits = reach.of(number, moving=self._moving)
        if self.nodes >= self._nodes_max or not reach.leads(bits, start, self._window):
            return None
        self.nodes += 1
        unit = stretch.units[number] if used else stretch.first(number)
        low_s, high_s = reach.inside_s[number] if used else inside_s(unit)
        if reach.rigid and len(unit.pieces) > 1:
            low_s = high_s = inside_s(unit, rigid=True)[0]
        last = unit.pieces[-1]
        start = (start[0] + low_s, start[1] + high_s)
        return self._on(last, reach.ways[number], start, number + 1, used | 1 << number)

    def _on(
        self, piece: Piece, ways: tuple[Way, ...], start: Window, following: int, used: int
    ) -> list[Step] | None:
        """From a piece that starts in ``start`` to the end; ``following`` is next in the list."""
        finish, window = self._finish, self._window
        stretch, before = self.stretch, self.stretch.before
        earliest_s = before.earliest_s if isinstance(before, Playing) else -inf
        for way in ways:
            if way == LAST:
                # It is left at the boundary itself.
                soonest_s, latest_s = start[0] + BED_MIN_S, start[1] + piece.until_s
                if finish is stretch.following and soonest_s <= stretch.boundary_s <= latest_s:
                    return [Step(way, None)]
                continue
            forced = stretch.opens and not used
            join = None if forced else join_of(piece, way, finish, final=True)
            if join is not None:
                low_s, high_s = self._starts(join, start, earliest_s)
                if low_s <= window[1] + EPS_S and high_s >= window[0] - EPS_S:
                    return [Step(way, None)]
            for number in self._candidates(piece, way, start, following, used):
                entering = stretch.units[number].pieces[0]
                if forced and number > 0:
                    break
                allowed = forced or may_follow(piece, entering)
                join = join_of(piece, way, entering) if allowed else None
                if join is not None:
                    on = self._enter(number, self._starts(join, start, earliest_s), used)
                    if on is not None:
                        return [Step(way, number), *on]
        return None

    def _starts(self, join: Join, start: Window, earliest_s: float) -> Window:
        """When what enters may start."""
        if self._reach.rigid:
            join = replace(join, least_s=join.wanted_s, most_s=join.wanted_s)
        return starts_of(join, start, earliest_s)

    def _candidates(
        self, piece: Piece, way: Way, start: Window, following: int, used: int
    ) -> Iterator[int]:
        """The units that may come next and could lead to the end, whatever the seam."""
        reach, before = self._reach, self.stretch.before
        if way is None:
            low_s = start[0] + piece.length_s - reach.most_after_s(piece)
            widest = (low_s, start[1] + piece.length_s - reach.least_s)
        else:
            widest = (start[0] + way, start[1] + way + reach.fade_s)
        if isinstance(before, Playing):
            earliest_s = before.earliest_s
            widest = (max(widest[0], earliest_s), max(widest[1], earliest_s))
        if self._moving:
            if reach.leads(reach.onward(0), widest, self._window):
                yield from (n for n in range(len(self.stretch.units)) if not used >> n & 1)
            return
        if not reach.leads(reach.onward(following), widest, self._window):
            return
        for number in range(following, len(self.stretch.units)):
            if reach.leads(reach.of(number), widest, self._window):
                yield number
