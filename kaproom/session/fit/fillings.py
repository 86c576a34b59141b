"""What a stretch of time is filled from, and with.

Plain values: what sounds before it, the pieces that there are, and where they came to stand.
Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.session.fit.seams import Piece, seam


@dataclass(frozen=True, slots=True)
class Unit:
    """Pieces that are played one right after the other, or not at all. Mostly one."""

    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Playing:
    """What sounds already and goes on; where it is left is to be chosen.

    Attributes:
        piece: Its length and its exits count from ``start_s``.
        start_s: When it began; of a silence, when it was reached.
        earliest_s: Nothing can change before.
    """

    piece: Piece
    start_s: float
    earliest_s: float


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends by itself, and is followed as near to ``aim_s`` as its end allows."""

    piece: Piece
    end_s: float
    aim_s: float
    earliest_s: float


@dataclass(frozen=True, slots=True)
class From:
    """The first piece begins to enter at this moment, and no louder than it may be."""

    piece: Piece | None
    at_s: float
    no_louder_than_lufs: float | None = None


Before = Playing | Ending | From


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time that is to be filled.

    Attributes:
        before: What sounds, or when the first piece enters.
        units: What there is to choose from, in the therapist's order.
        following: What is to enter at the boundary.
        bed: What fills in where pieces cannot.
        boundary_s: When the stretch is to end.
        opens: Whether the first of the units must come first.
    """

    before: Before
    units: tuple[Unit, ...]
    following: Piece
    bed: Piece
    boundary_s: float
    opens: bool = False

    @property
    def from_s(self) -> float:
        """Nothing of it comes before."""
        return self.before.at_s if isinstance(self.before, From) else self.before.earliest_s

    def first(self, number: int) -> Unit:
        """A unit as it is where it comes first: it may have to be softer there."""
        unit = self.units[number]
        lufs = self.before.no_louder_than_lufs if isinstance(self.before, From) else None
        first = unit.pieces[0].no_louder_than(lufs)
        return unit if first is unit.pieces[0] else Unit((first, *unit.pieces[1:]))

    def entrance(self, piece: Piece) -> tuple[float, float | None]:
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

    def beside_s(self, piece: Piece) -> float:
        """How far beside the boundary before this one the piece would enter."""
        before = self.before
        if not isinstance(before, Ending):
            return 0.0
        between = seam(before.piece, piece)
        nearest_s = max(before.aim_s, before.end_s - between.longest_s)
        return min(nearest_s, before.end_s - between.shortest_s) - before.aim_s


@dataclass(frozen=True, slots=True)
class Placed:
    """A piece in its place.

    Attributes:
        piece: What plays.
        start_s: When it begins to enter.
        crossfade_s: How long that takes; None where it is the caller's to say.
        stays: Whether it is a soundscape that goes on to the boundary, whatever its turn.
    """

    piece: Piece
    start_s: float
    crossfade_s: float | None
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Filling:
    """What was found.

    Attributes:
        placed: The pieces in their places, the bed at their end included.
        leaving: What there is then, and when what follows begins to enter.
        bed_s: How long the bed lasts; 0 where there is none.
        nodes: How many pieces were tried in a place.
    """

    placed: tuple[Placed, ...]
    leaving: Ending | From
    bed_s: float
    nodes: int = 0
