"""How one piece follows another: where it is left, and what the crossfade may take of it.

What enters after a natural end starts before that by the crossfade, which is a stretch of
lengths; after a marked exit it starts there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from kaproom.session.fit.fillings import Playing, Unit
from kaproom.session.fit.seams import Piece, seam

BED_MIN_S = 20.0
"""Chosen: a shorter bed is heard as a mistake."""
PLAYED_MIN_S = 45.0
"""Chosen: a piece is not left at an exit sooner."""
ENTRANCE_MIN_S = 2.0
"""Where so little is left of a piece that its exit cannot be long, the entrance is no jolt."""

EPS_S = 1e-6
"""What is nearer is the same moment."""

Way = float | None
"""How a piece is left: None at its natural end, LAST at the boundary, else so long after its
start."""
LAST = inf
Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Join:
    """One piece after another.

    What enters starts ``after_s`` after what it follows, less the crossfade where that
    lies before a natural end: anything from ``least_s`` to ``most_s``, both 0 elsewhere.
    A silence starts when it is reached.

    Attributes:
        crossfade_s: How long the crossfade takes where there is no choice.
    """

    after_s: float
    least_s: float = 0.0
    wanted_s: float = 0.0
    most_s: float = 0.0
    crossfade_s: float | None = None

    def taken_s(self, stretch: float) -> float:
        """How long before the end what enters starts; see ``stretch_of``."""
        room_s = self.most_s - self.wanted_s if stretch > 0 else self.wanted_s - self.least_s
        return self.wanted_s + stretch * room_s


def way_inside(piece: Piece) -> Way:
    """How a piece is left inside a unit: whole."""
    return piece.length_s if piece.quiet else None


def ways_of(piece: Piece) -> tuple[Way, ...]:
    """How a piece may be left, what is preferred first."""
    if piece.quiet:
        return (piece.length_s,)
    if piece.until_s:
        return (LAST,) if piece.length_s == inf else (None, LAST)
    # An exit in its last moments is its end: what enters there could not be in by then.
    latest_s = piece.length_s - ENTRANCE_MIN_S
    return (None, *(at_s for at_s in reversed(piece.exits_s) if PLAYED_MIN_S <= at_s <= latest_s))


def ways_on(playing: Playing) -> tuple[Way, ...]:
    """How what sounds may still be left."""
    passed_s = playing.earliest_s - playing.start_s
    return tuple(way for way in ways_of(playing.piece) if way is None or way >= passed_s) or (
        max(playing.piece.length_s, passed_s),
    )


def inside_s(unit: Unit, *, rigid: bool = False) -> Window:
    """How long after a unit's start its last piece starts, at least and at most."""
    low_s = high_s = 0.0
    for leaving, entering in pairwise(unit.pieces):
        join = joined(leaving, way_inside(leaving), entering)
        low_s += join.after_s - (join.wanted_s if rigid else join.most_s)
        high_s += join.after_s - (join.wanted_s if rigid else join.least_s)
    return low_s, high_s


def joined(leaving: Piece, way: Way, entering: Piece, final: bool = False) -> Join:
    """The same, where one does follow the other."""
    join = join_of(leaving, way, entering, final=final)
    assert join is not None
    return join


def join_of(leaving: Piece, way: Way, entering: Piece, *, final: bool = False) -> Join | None:
    """How the one follows the other; None where an exit is too near the end for it.

    Args:
        leaving: What is left.
        way: How.
        entering: What enters.
        final: Whether that is what follows the pieces: it counts from when it enters.
    """
    shortest_s, wanted_s, longest_s = seam(leaving, entering)
    reached = entering.quiet and not final
    if way is None:
        if reached:
            return Join(leaving.length_s, crossfade_s=wanted_s)
        return Join(leaving.length_s, shortest_s, wanted_s, longest_s)
    if way == LAST:
        return Join(BED_MIN_S)
    if not leaving.quiet:
        wanted_s = min(wanted_s, leaving.length_s - way)
        if wanted_s < shortest_s:
            return None
    return Join(way + (wanted_s if reached else 0.0), crossfade_s=wanted_s)


def starts_of(join: Join, start: Window, earliest_s: float) -> Window:
    """When what enters may start."""
    low_s, high_s = start[0] + join.after_s - join.most_s, start[1] + join.after_s - join.least_s
    return max(low_s, earliest_s), max(high_s, earliest_s)


def not_before(join: Join, passed_s: float) -> Join:
    """The same, but what enters does so at the earliest ``passed_s`` after what it follows."""
    most_s = join.after_s - passed_s
    if most_s < join.least_s:
        # It is ending: what enters does so at once, in what is left or with no jolt.
        left_s = max(most_s, ENTRANCE_MIN_S)
        return Join(passed_s, crossfade_s=min(join.wanted_s, left_s))
    return Join(
        join.after_s,
        join.least_s,
        min(join.wanted_s, most_s),
        min(join.most_s, most_s),
        join.crossfade_s,
    )


def stretch_of(joins: Sequence[Join], start_s: float, target: Window) -> float:
    """How far all crossfades go from wanted (0) to longest (1) or shortest (-1)."""
    wanted_s = start_s + sum(join.after_s - join.wanted_s for join in joins)
    late_s = wanted_s - min(max(wanted_s, target[0]), target[1])
    if abs(late_s) < EPS_S:
        return 0.0
    room_s = sum(
        join.most_s - join.wanted_s if late_s > 0 else join.wanted_s - join.least_s
        for join in joins
    )
    return 0.0 if room_s <= 0 else min(max(late_s / room_s, -1.0), 1.0)
