"""One cue after the other, written down: its start, its entrance, its gain.

Nowhere between two cues is there a gap: a piece that ends by itself has been left, at
equal power, by then. An entrance is at least as long as its rise in dB.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

from kaproom.session.choice import TURN_MIN_S, WORTH_BEGINNING_S
from kaproom.session.cues import PlannedCue
from kaproom.session.fit import ENTRANCE_MIN_S
from kaproom.session.fit.seams import (
    CROSSFADE_MAX_PART,
    RISE_DB_PER_S,
    SOFT_ENTRY_S,
    STRETCH,
    Piece,
)
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, gain_db


@dataclass(frozen=True, slots=True)
class Occasion:
    """From where, and around what, to plan.

    Attributes:
        from_s: Nothing before this moment changes.
        sounding: What sounds then; None at the start.
        keep: Whether ``sounding`` goes on to its end (else it leaves at ``from_s``).
        leave_s: When ``sounding`` leaves, if it goes on no further than that.
        first_crossfade_s: Of the first new cue, where it is not the phase's own.
        exactly: Whether that crossfade may not be longer, whatever the rise in gain.
        used: Keys that this session has played.
        thrown_out: Keys that it must not play again.
        closing_due: Whether the patient's own piece is still to come.
        number: The next cue's number.
        open_ended: Whether the present phase has no end (paused, held, not started).
        no_louder_than_lufs: A limit on the first new cue.
    """

    from_s: float
    sounding: PlannedCue | None
    keep: bool = True
    leave_s: float | None = None
    first_crossfade_s: float | None = None
    exactly: bool = False
    used: frozenset[str] = field(default=frozenset())
    thrown_out: frozenset[str] = field(default=frozenset())
    closing_due: bool = True
    number: int = 1
    open_ended: bool = False
    no_louder_than_lufs: float | None = None


class Writer:
    """Writes cues down; ``current`` is what sounds after the last of them."""

    def __init__(self, profile: Profile, occasion: Occasion) -> None:
        self.profile = profile
        self.occasion = occasion
        self.cues: list[PlannedCue] = []
        self.current = occasion.sounding
        self.no_louder_than_lufs = occasion.no_louder_than_lufs
        self._number = occasion.number
        self._pieces: dict[tuple[int, str, float | None], Piece] = {}

    # -- what fitting needs to know

    def piece(self, offer: Offer, index: int) -> Piece:
        """An offer as it would be played in this phase."""
        # The same soundscape may have a turn in the list and none where it fills in.
        which = (index, offer.key, offer.turn_s)
        known = self._pieces.get(which)
        if known is None:
            known = self._pieces[which] = self._piece(offer, index)
        return known

    def _piece(self, offer: Offer, index: int) -> Piece:
        gain = gain_db(offer, self.profile, self.profile.phases[index])
        length_s, until_s = offer.length_s, 0.0
        if offer.silence_s is not None:
            length_s = offer.silence_s
        elif offer.soundscape is not None:
            length_s = inf if offer.turn_s is None else max(offer.turn_s, TURN_MIN_S)
            until_s = length_s + WORTH_BEGINNING_S
        assert length_s is not None
        return Piece(
            key=offer.key,
            length_s=length_s,
            gain_db=gain,
            loudness_lufs=offer.loudness_lufs + gain,
            crossfade_s=self.crossfade_s(index),
            exits_s=tuple(exit_s - offer.cue_in_s for exit_s in offer.exits_s),
            after_s=dict(offer.crossfade_after_s),
            never_after=frozenset(offer.never_after),
            quiet=offer.silence_s is not None,
            until_s=until_s,
        )

    def sounding(self) -> tuple[Piece, float] | None:
        """What sounds after the last cue, and when it began; of a silence, was reached."""
        cue = self.current
        if cue is None:
            return None
        quiet = cue.offer.silence_s is not None
        start_s = cue.start_s + (cue.crossfade_s if quiet else 0.0)
        piece = self.piece(cue.offer, cue.phase_index)
        length_s = inf if cue.end_s is None else cue.end_s - start_s
        until_s = 0.0
        if cue.offer.soundscape is not None:
            # It may be left at any moment, but has to have been left by its end.
            until_s = max(0.0, length_s - STRETCH * piece.crossfade_s)
        return (
            replace(
                piece,
                length_s=length_s,
                gain_db=cue.gain_db,
                loudness_lufs=cue.loudness_lufs,
                exits_s=tuple(at_s - start_s for at_s in cue.exits_at_s),
                until_s=until_s,
            ),
            start_s,
        )

    def crossfade_s(self, index: int) -> float:
        """What the profile wishes for in this phase."""
        return self.profile.phase_crossfade_s(self.profile.phases[index])

    # -- one cue

    def play(
        self,
        offer: Offer,
        index: int,
        leave_s: float | None,
        turn_s: float | None = None,
        *,
        pinned: bool = False,
    ) -> PlannedCue:
        """Write one cue as soon as what sounds ends, and by ``leave_s`` if that is given.

        Args:
            offer: What to play.
            index: The phase that it belongs to.
            leave_s: When what sounds gives way at the latest; None: when it ends by itself.
            turn_s: Of a soundscape: how long it has; None: no end.
            pinned: Whether it enters at ``leave_s``, no sooner: what follows was fitted to it.
        """
        length_s = self._length_s(offer, turn_s)
        gain = self._gain_db(offer, index)
        crossfade_s = self._entrance_s(offer, index, gain, length_s)
        start_s = self._start_s(leave_s, crossfade_s)
        current = self.current
        if pinned and leave_s is not None and current is not None:
            start_s = max(leave_s, self.occasion.from_s, current.start_s)
        ends = current is not None and current.offer.silence_s is None and not self._exactly
        if ends and current is not None and current.end_s is not None:
            # What leaves has ended by then.
            crossfade_s = min(crossfade_s, max(current.end_s - start_s, ENTRANCE_MIN_S))
        return self._write(offer, index, gain, start_s, crossfade_s=crossfade_s, length_s=length_s)

    def place(
        self,
        offer: Offer,
        index: int,
        start_s: float,
        crossfade_s: float,
        turn_s: float | None = None,
    ) -> PlannedCue:
        """Write one cue where it was found to belong."""
        gain = self._gain_db(offer, index)
        length_s = self._length_s(offer, turn_s)
        return self._write(offer, index, gain, start_s, crossfade_s=crossfade_s, length_s=length_s)

    def _write(
        self,
        offer: Offer,
        index: int,
        gain: float,
        start_s: float,
        *,
        crossfade_s: float,
        length_s: float | None,
    ) -> PlannedCue:
        phase = self.profile.phases[index]
        if offer.silence_s is not None:
            length_s = crossfade_s + offer.silence_s
        cue = PlannedCue(
            id=f"c{self._number}",
            offer=offer,
            phase_index=index,
            start_s=start_s,
            crossfade_s=crossfade_s,
            gain_db=gain,
            # A soundscape goes on from the session's own clock, so that it never repeats.
            cue_in_s=offer.cue_in_s if offer.soundscape is None else max(0.0, start_s),
            end_s=None if length_s is None else start_s + length_s,
            intensity=phase.intensity if offer.intensity is None else offer.intensity,
        )
        self._number += 1
        self.no_louder_than_lufs = None
        self.current = cue
        self.cues.append(cue)
        return cue

    def _length_s(self, offer: Offer, turn_s: float | None) -> float | None:
        return turn_s if offer.length_s is None else offer.length_s

    def _gain_db(self, offer: Offer, index: int) -> float:
        phase = self.profile.phases[index]
        return gain_db(offer, self.profile, phase, self.no_louder_than_lufs)

    def _start_s(self, leave_s: float | None, crossfade_s: float) -> float:
        start_s = inf if leave_s is None else leave_s
        current = self.current
        if current is None:
            return self.occasion.from_s
        if current.end_s is not None:
            overlap_s = 0.0 if current.offer.silence_s is not None else crossfade_s
            start_s = min(start_s, current.end_s - overlap_s)
        assert start_s < inf
        return max(start_s, self.occasion.from_s, current.start_s)

    @property
    def _exactly(self) -> bool:
        return self.occasion.exactly and not self.cues

    def _entrance_s(self, offer: Offer, index: int, gain: float, length_s: float | None) -> float:
        wanted_s = self.crossfade_s(index)
        if not self.cues and self.occasion.first_crossfade_s is not None:
            wanted_s = self.occasion.first_crossfade_s
        current = self.current
        if current is not None and current.offer.silence_s is not None:
            return max(wanted_s, SOFT_ENTRY_S)
        if current is not None and not self._exactly:
            wanted_s = dict(offer.crossfade_after_s).get(current.offer.key, wanted_s)
            if offer.silence_s is None:
                louder_lu = offer.loudness_lufs + gain - current.loudness_lufs
                rise_db = max(gain - current.gain_db, louder_lu)
                wanted_s = max(wanted_s, rise_db / RISE_DB_PER_S)
            if current.end_s is not None:
                wanted_s = min(wanted_s, CROSSFADE_MAX_PART * (current.end_s - current.start_s))
        if length_s is not None:
            wanted_s = min(wanted_s, CROSSFADE_MAX_PART * length_s)
        return wanted_s
