"""A piece in its place, and the moments at which it may be left.

A piece is left at a musical exit: its natural end, by which what follows is in, or a
moment that the playlist marks, at which what follows begins to enter, so that the phrase
before it is heard whole. A soundscape or a silence may be left at any moment.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from kaproom.session.repertoire import Offer


@dataclass(frozen=True, slots=True)
class PlannedCue:
    """One piece in its place.

    Attributes:
        id: Unique in the session.
        offer: What plays.
        phase_index: The phase that it belongs to.
        start_s: When its entrance begins.
        crossfade_s: How long its entrance takes.
        gain_db: Normalisation, phase level and trim.
        cue_in_s: Where in the file, or in the endless soundscape, it begins.
        end_s: When it ends by itself or its turn is over; None for a bed without end.
        intensity: For soundscapes.
    """

    id: str
    offer: Offer
    phase_index: int
    start_s: float
    crossfade_s: float
    gain_db: float
    cue_in_s: float = 0.0
    end_s: float | None = None
    intensity: float = 0.5

    @property
    def loudness_lufs(self) -> float:
        """What it sounds like, before the level."""
        return self.offer.loudness_lufs + self.gain_db

    @property
    def exits_at_s(self) -> tuple[float, ...]:
        """When it comes to the exits that the playlist marks in it."""
        passed = (self.start_s + exit_s - self.cue_in_s for exit_s in self.offer.exits_s)
        return tuple(at_s for at_s in passed if at_s > self.start_s)

    def position_s(self, at_s: float) -> float:
        """Where in the file, or in the soundscape, it is at ``at_s``."""
        return self.cue_in_s + at_s - self.start_s

    def moved(self, start_s: float) -> PlannedCue:
        """The same cue begun at another moment."""
        end_s = None if self.end_s is None else self.end_s + start_s - self.start_s
        return replace(self, start_s=start_s, end_s=end_s)


def next_exit_s(
    cue: PlannedCue, after_s: float, within_s: float, crossfade_s: float
) -> float | None:
    """The first moment from ``after_s`` at which what follows may begin to enter.

    Args:
        cue: What sounds.
        after_s: Nothing can change before.
        within_s: No later than so long after it.
        crossfade_s: How long what follows takes to enter; by a natural end it is in.

    Returns:
        The moment; None where there is no exit so soon.
    """
    if cue.end_s is None or cue.offer.path is None:
        # A soundscape, or a silence.
        return after_s
    by_itself_s = max(after_s, cue.end_s - crossfade_s)
    marked = (at_s for at_s in cue.exits_at_s if at_s >= after_s)
    first_s = min((*marked, by_itself_s))
    return first_s if first_s <= after_s + within_s else None


def gone_s(cues: Sequence[PlannedCue]) -> list[float]:
    """When each cue but the last can be heard no more: one that came after it is in.

    Mostly the next one; but what is brought in quickly covers everything before it.
    """
    entered_s = [cue.start_s + cue.crossfade_s for cue in cues[1:]]
    return list(accumulate(reversed(entered_s), min))[::-1]
