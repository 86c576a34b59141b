"""Which piece comes next: the therapist's order, and what fits.

A piece plays once in a session. One that fits comes before one that would be cut; a
soundscape stretches where a track cannot; the phase's bed is there when all else is
played. After the patient's own piece there is nothing but the bed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from kaproom.session.playlist import SOUNDSCAPES
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire, bed_key, bed_of

# Shorter than this a track is not worth beginning: the bed fills such a rest.
WORTH_BEGINNING_S = 45.0
# A soundscape has at least this long before the next one's turn.
TURN_MIN_S = 20.0


class Choice:
    """What is left to choose from while one plan is written."""

    def __init__(
        self,
        profile: Profile,
        repertoire: Repertoire,
        index: int,
        *,
        used: frozenset[str],
        thrown_out: frozenset[str],
        closing_due: bool,
    ) -> None:
        """Begin with what is left at the phase ``index``."""
        self._profile = profile
        self._repertoire = repertoire
        self._used = set(used)
        self._out = thrown_out
        self._closing_due = closing_due and repertoire.closing is not None
        with_music = (i for i, p in enumerate(profile.phases) if repertoire.for_phase(p))
        # The last phase with music; what people have gone past does not come again.
        self._closing_index = max(index, max(with_music, default=0))
        self._offers_by_phase: dict[int, tuple[Offer, ...]] = {}

    def taken(self, offer: Offer) -> None:
        """It has its place in the plan."""
        self._used.add(offer.key)
        self._closing_due = self._closing_due and not self.is_closing(offer)

    def closing(self, index: int) -> Offer | None:
        """The patient's own piece, if it is to come at the end of this phase."""
        due = self._closing_due and index == self._closing_index
        return self._repertoire.closing if due else None

    def is_closing(self, offer: Offer) -> bool:
        """Whether it is the patient's own piece for the end, which plays nowhere else."""
        closing = self._repertoire.closing
        return closing is not None and offer.key == closing.key

    def thrown_out(self, offer: Offer) -> bool:
        """Whether people skipped it, or it failed."""
        return offer.key in self._out or (
            offer.soundscape is not None and bed_key(offer.soundscape) in self._out
        )

    def next(
        self, index: int, at_s: float, end_s: float | None, slack_s: float, playing: Offer | None
    ) -> Offer:
        """The piece to begin at ``at_s``.

        Args:
            index: Of the phase.
            at_s: When it would start.
            end_s: When the phase ends; None while that is open.
            slack_s: It may last so far into the next phase, which enters meanwhile.
            playing: What it follows.
        """
        fitting = self.fitting(index, at_s, end_s, slack_s)
        if fitting is not None:
            return fitting
        offers = self._offers(index)
        soundscapes = [o for o in offers if o.length_s is None]
        if soundscapes:
            return _in_turn(soundscapes, playing)
        if end_s is None or end_s - at_s >= WORTH_BEGINNING_S:
            cut = self._first(offers, lambda _: True)
            if cut is not None:
                return cut
        return self.bed(index)

    def fitting(self, index: int, at_s: float, end_s: float | None, slack_s: float) -> Offer | None:
        """The first piece that has not played and would end by itself in time."""
        room_s = inf if end_s is None else end_s + slack_s - at_s
        return self._first(self._offers(index), lambda o: (o.length_s or 0.0) <= room_s)

    def bed(self, index: int) -> Offer:
        """The phase's own bed, or another where people skipped that."""
        bed = bed_of(self._profile, index, self._repertoire.seed)
        for name in (bed.title, *SOUNDSCAPES):
            if bed_key(name) not in self._out:
                named = {"key": bed_key(name), "title": name, "soundscape": name}
                return bed.model_copy(update=named)
        return bed

    def turn_s(self, offer: Offer, at_s: float, end_s: float | None) -> float | None:
        """How long a soundscape of a section has before the next piece's turn; None: no end."""
        if offer.length_s is not None or offer.turn_s is None:
            return None
        turn_s = max(offer.turn_s, TURN_MIN_S)
        if end_s is not None and end_s - at_s - turn_s < WORTH_BEGINNING_S:
            return None
        return turn_s

    def _first(self, offers: tuple[Offer, ...], suits: Callable[[Offer], bool]) -> Offer | None:
        return next((o for o in offers if o.key not in self._used and suits(o)), None)

    def _offers(self, index: int) -> tuple[Offer, ...]:
        closing = self._repertoire.closing
        closed = closing is not None and not self._closing_due and not self.thrown_out(closing)
        if closed and index >= self._closing_index:
            return ()
        if index not in self._offers_by_phase:
            self._offers_by_phase[index] = tuple(
                offer
                for offer in self._repertoire.for_phase(self._profile.phases[index])
                if not self.thrown_out(offer) and not self.is_closing(offer)
            )
        return self._offers_by_phase[index]


def _in_turn(soundscapes: list[Offer], playing: Offer | None) -> Offer:
    """The soundscape after the one that plays; a single one stays."""
    if len(soundscapes) == 1:
        return soundscapes[0].model_copy(update={"turn_s": None})
    keys = [o.key for o in soundscapes]
    following = keys.index(playing.key) + 1 if playing and playing.key in keys else 0
    return soundscapes[following % len(soundscapes)]
