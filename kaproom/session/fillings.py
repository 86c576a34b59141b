"""What a stretch of time is filled from, and with.

Plain values: what sounds before it, the pieces that there are, and where they came to stand.
Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.session.seams import Piece


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
    nodes: int
