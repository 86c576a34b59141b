"""From one piece to the next: how long the crossfade may take.

Between half and twice what is wished for, so that pieces can be fitted into a phase by
their crossfades; never shorter than the rise in dB that the ear is spared, never more
than a part of either piece. Out of a planned silence the music enters slowly.

Plain values, so that a search may ask ten thousand times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import NamedTuple

CROSSFADE_MAX_PART = 0.4
"""A crossfade takes at most this part of the piece that enters, and of the one that ends."""
RISE_DB_PER_S = 1.0
"""The mixer lets the gain rise no faster, so an entrance is at least as long as its rise."""
SOFT_ENTRY_S = 10.0
"""Out of silence music takes at least so long to its level."""
STRETCH = 2.0
"""Chosen: a crossfade may be this much longer or shorter than wished for; it is still one."""
CROSSFADE_MAX_S = 60.0
"""Stretched no further than a profile may ask for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What fitting needs to know of a piece.

    Attributes:
        key: By which it is known.
        length_s: From its start to its natural end; infinite for a soundscape.
        gain_db: What it is played with.
        loudness_lufs: What it then sounds like.
        crossfade_s: Wished for where it enters.
        exits_s: From its start: where it may be left before its end, in rising order.
        after_s: By the key of what was before: the one length that this entrance may have.
        never_after: Keys of what it must not follow.
        quiet: Whether it is a planned silence.
        until_s: A soundscape that ends a stretch may go on to its boundary, but no longer
            than this; 0 for what has an end of its own.
    """

    key: str
    length_s: float
    gain_db: float
    loudness_lufs: float
    crossfade_s: float
    exits_s: tuple[float, ...] = ()
    after_s: Mapping[str, float] = field(default_factory=dict)
    never_after: frozenset[str] = frozenset()
    quiet: bool = False
    until_s: float = 0.0

    def no_louder_than(self, lufs: float | None) -> Piece:
        """The same, turned down where it would be louder."""
        if lufs is None or self.loudness_lufs <= lufs:
            return self
        gain_db = self.gain_db - (self.loudness_lufs - lufs)
        return replace(self, gain_db=gain_db, loudness_lufs=lufs)


class Seam(NamedTuple):
    """How long a crossfade may take, and how long it had best take."""

    shortest_s: float
    wanted_s: float
    longest_s: float


def seam(leaving: Piece, entering: Piece) -> Seam:
    """The crossfade from one piece to the next."""
    fixed_s = entering.after_s.get(leaving.key) if entering.after_s else None
    if fixed_s is None:
        wanted_s = entering.crossfade_s
        shortest_s = wanted_s / STRETCH
        longest_s = max(wanted_s, min(wanted_s * STRETCH, CROSSFADE_MAX_S))
    else:
        shortest_s = wanted_s = longest_s = fixed_s
    at_least_s, at_most_s = 0.0, inf
    if leaving.quiet:
        at_least_s = SOFT_ENTRY_S
    elif not entering.quiet:
        louder_db = max(
            entering.gain_db - leaving.gain_db, entering.loudness_lufs - leaving.loudness_lufs
        )
        at_least_s = louder_db / RISE_DB_PER_S
        # A soundscape may go on beyond its turn.
        enters_s = inf if entering.until_s else entering.length_s
        at_most_s = CROSSFADE_MAX_PART * min(leaving.length_s, enters_s)
    else:
        at_most_s = CROSSFADE_MAX_PART * leaving.length_s
    return Seam(
        min(max(shortest_s, at_least_s), at_most_s),
        min(max(wanted_s, at_least_s), at_most_s),
        min(max(longest_s, at_least_s), at_most_s),
    )


def may_follow(leaving: Piece | None, entering: Piece) -> bool:
    """Whether the playlist lets the one come right after the other."""
    return leaving is None or leaving.key not in entering.never_after
