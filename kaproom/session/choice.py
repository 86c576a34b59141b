"""What a phase may play: the therapist's list less what was played, and what fills in.

A piece plays once in a session. What is to be kept together is offered together, and
what is left of it when some was played, together. A soundscape of the section, or else
the phase's bed, fills what the pieces do not. After the patient's own piece there is
nothing but the bed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from kaproom.session.playlist import SOUNDSCAPES
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire, bed_key, bed_of

# Shorter than this a rest is not worth beginning something of its own in.
WORTH_BEGINNING_S = 45.0
# A soundscape has at least this long before the next one's turn.
TURN_MIN_S = 20.0

Together = tuple[Offer, ...]
"""Pieces that are played one right after the other; mostly one."""


@dataclass(frozen=True, slots=True)
class Menu:
    """What there is for a phase, in the therapist's order.

    Attributes:
        opening: What has to come first; empty where nothing has.
        units: What may come, each once.
        closing: What has to come last; empty where nothing has.
    """

    opening: Together
    units: tuple[Together, ...]
    closing: Together


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

    def menu(self, index: int, playing: Offer | None, *, entering: bool) -> Menu:
        """What the phase may play now.

        Args:
            index: Of the phase.
            playing: What it follows, if that goes on to an exit of its own.
            entering: Whether the phase's music is only about to begin.
        """
        units = self._together(index)
        opening = closing = Together()
        if playing is not None and playing.group is not None:
            opening = next((u for u in units if u[0].group == playing.group), ())
        if not opening and entering:
            opening = next((u for u in units if u[0].place == "opening"), ())
        closing = next((u for u in units if u[-1].place == "closing" and u != opening), ())
        rest = (u for u in units if u not in (opening, closing))
        free = tuple(u for u in rest if u[0].place != "opening" and u[-1].place != "closing")
        return Menu(opening, free, closing)

    def likely(self, index: int) -> Offer:
        """What the phase most likely begins with."""
        menu = self.menu(index, None, entering=True)
        first = next((unit for unit in (menu.opening, *menu.units, menu.closing) if unit), None)
        return self.filling(index, None) if first is None else first[0]

    def filling(self, index: int, playing: Offer | None) -> Offer:
        """What fills in: the section's soundscapes in turn, or the phase's bed."""
        soundscapes = [o for o in self._offers(index) if o.soundscape is not None]
        return _in_turn(soundscapes, playing) if soundscapes else self.bed(index)

    def bed(self, index: int) -> Offer:
        """The phase's own bed, or another where people skipped that."""
        bed = bed_of(self._profile, index, self._repertoire.seed)
        for name in (bed.title, *SOUNDSCAPES):
            if bed_key(name) not in self._out:
                named = {"key": bed_key(name), "title": name, "soundscape": name}
                return bed.model_copy(update=named)
        return bed

    def turn_s(self, offer: Offer, at_s: float, end_s: float | None) -> float | None:
        """How long a soundscape that fills in has before the next one's turn; None: no end."""
        if offer.turn_s is None:
            return None
        turn_s = max(offer.turn_s, TURN_MIN_S)
        if end_s is not None and end_s - at_s - turn_s < WORTH_BEGINNING_S:
            return None
        return turn_s

    def _together(self, index: int) -> list[Together]:
        """What has not played, each piece once, grouped as it is to stay together."""
        fresh: dict[str, Offer] = {}
        for offer in self._offers(index):
            if offer.key not in self._used:
                fresh.setdefault(offer.key, offer)
        units: list[Together] = []
        for group, offers in groupby(fresh.values(), lambda o: o.group or o.key):
            unit = self._without_stray_silence(index, group, tuple(offers))
            if unit:
                units.append(unit)
        return units

    def _without_stray_silence(self, index: int, group: str, unit: Together) -> Together:
        """A silence belongs to what it was put after, and goes with it."""
        if unit[0].silence_s is None:
            return unit
        section = self._profile.phases[index].section or ""
        whole = [o for o in self._repertoire.sections.get(section, ()) if o.group == group]
        if not whole or whole[0].key == unit[0].key:
            return unit
        heard = next((n for n, offer in enumerate(unit) if offer.silence_s is None), len(unit))
        return unit[heard:]

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


def _in_turn(soundscapes: Sequence[Offer], playing: Offer | None) -> Offer:
    """The soundscape after the one that plays; a single one stays."""
    if len(soundscapes) == 1:
        return soundscapes[0].model_copy(update={"turn_s": None})
    keys = [o.key for o in soundscapes]
    following = keys.index(playing.key) + 1 if playing and playing.key in keys else 0
    return soundscapes[following % len(soundscapes)]
