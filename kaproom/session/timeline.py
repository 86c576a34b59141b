"""Phases, profile and repertoire in; the whole list of cues out.

The planner is pure: the same input gives the same plan. It plans from a moment
onwards; what has sounded stays, and what sounds then goes on unless it is told
otherwise. Every plan ends in a soundscape without end, and nowhere in it is there a
gap: a piece that ends by itself has been left, at equal power, by then.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from kaproom.session.choice import WORTH_BEGINNING_S, Choice
from kaproom.session.cues import PlannedCue
from kaproom.session.phases import Course, Span
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire, bed_of, gain_db

__all__ = ["Course", "Occasion", "PlannedCue", "Span", "plan", "plan_after_refuge", "plan_refuge"]

# A crossfade takes at most this part of the piece that enters, and of the one that ends.
CROSSFADE_MAX_PART = 0.4
# Where so little is left of a piece that its exit cannot be long, the entrance still is no jolt.
ENTRANCE_MIN_S = 2.0
# A phase without a known end is planned this far; then its bed plays on.
HORIZON_S = 4 * 3600.0
# A phase that is over sooner is passed by: its music could not even enter.
SHORTEST_PHASE_S = 0.5
# The mixer lets the gain rise 1 dB/s, so an entrance is at least as long as its rise in dB.
RISE_DB_PER_S = 1.0


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


def plan(
    profile: Profile,
    repertoire: Repertoire,
    phases: tuple[Span, ...],
    course: Course,
    occasion: Occasion,
) -> tuple[PlannedCue, ...]:
    """Every cue that is to start at or after ``occasion.from_s``, in order.

    With a sounding bed without end and nothing to change, that may be none at all.
    """
    writer = _Writer(profile, repertoire, course, occasion)
    for span in phases[course.index :]:
        present = span.index == course.index
        if not present and (occasion.open_ended or span.start_s is None):
            break
        start_s = writer.present_s() if present else writer.entering_s(span)
        end_s = None if occasion.open_ended else span.end_s
        begin_s = occasion.from_s if start_s is None else start_s
        over = end_s is not None and end_s - begin_s < SHORTEST_PHASE_S
        if not over or span is phases[-1] or writer.choice.closing(span.index):
            writer.phase(span.index, start_s, end_s)
    writer.end_in_a_bed()
    return tuple(writer.cues)


def plan_refuge(
    profile: Profile, repertoire: Repertoire, course: Course, occasion: Occasion
) -> tuple[PlannedCue, ...]:
    """The refuge from ``occasion.from_s`` on, and what is to follow it.

    Nothing of it is denser than the profile's calmest phase, nor louder than the limit.
    """
    writer = _Writer(profile, repertoire, course, occasion)
    calmest = _calmest_bed(profile, repertoire)
    refuge = repertoire.refuge
    if refuge.soundscape is not None and refuge.intensity is None:
        refuge = refuge.model_copy(update={"intensity": calmest.intensity})
    if refuge.length_s is not None and refuge.key in occasion.thrown_out:
        refuge = calmest
    cue = writer.play(refuge, course.index, occasion.from_s)
    writer.then(calmest, cue)
    return tuple(writer.cues)


def plan_after_refuge(
    profile: Profile, repertoire: Repertoire, course: Course, occasion: Occasion
) -> tuple[PlannedCue, ...]:
    """What is to follow the refuge that sounds: where it is a piece that ends, a soft bed."""
    writer = _Writer(profile, repertoire, course, occasion)
    assert occasion.sounding is not None
    writer.then(_calmest_bed(profile, repertoire), occasion.sounding)
    return tuple(writer.cues)


def _calmest_bed(profile: Profile, repertoire: Repertoire) -> Offer:
    calmest = min(profile.phases, key=lambda phase: phase.intensity)
    return bed_of(profile, profile.phases.index(calmest), repertoire.seed)


class _Writer:
    """Writes one plan down, phase by phase.

    ``leave_s`` is throughout when what sounds has to give way at the latest; a piece
    that ends by itself before is followed there. None: it need not give way.
    """

    def __init__(
        self, profile: Profile, repertoire: Repertoire, course: Course, occasion: Occasion
    ) -> None:
        self.profile = profile
        self.occasion = occasion
        self.cues: list[PlannedCue] = []
        self.index = course.index
        self.current = occasion.sounding
        self.no_louder_than_lufs = occasion.no_louder_than_lufs
        self.choice = Choice(
            profile,
            repertoire,
            course.index,
            used=occasion.used,
            thrown_out=occasion.thrown_out,
            closing_due=occasion.closing_due,
        )
        self._number = occasion.number

    # -- when what sounds gives way

    def present_s(self) -> float | None:
        """When what sounds at the start of the plan leaves; None where it goes on."""
        sounding = self.occasion.sounding
        if self.occasion.leave_s is not None:
            return self.occasion.leave_s
        if sounding is None or not self.occasion.keep:
            return self.occasion.from_s
        # A bed that is not this phase's would never leave by itself.
        stray = sounding.end_s is None and sounding.phase_index != self.index
        return self.occasion.from_s if stray else None

    def entering_s(self, span: Span) -> float | None:
        """When the music of a phase to come enters; None where it is playing already."""
        assert span.start_s is not None
        start_s = max(span.start_s, self.occasion.from_s)
        if self.current is None:
            return start_s
        if self.current.phase_index == span.index:
            return None
        if self.choice.is_closing(self.current.offer) and self.current.end_s is not None:
            return max(start_s, self.current.end_s)
        return start_s

    def _gives_way_s(self, index: int, end_s: float | None) -> float | None:
        """When what sounds, and goes on, has to leave all the same; None where it need not."""
        current, from_s = self.current, self.occasion.from_s
        if current is None or self.cues:
            return None
        # Long enough that it was heard as a piece and not as a mistake.
        lingers_s = 2 * self._crossfade_s(index)
        if self.choice.thrown_out(current.offer):
            # It failed, and the player's fallback has taken over.
            at_s = from_s + lingers_s
        elif current.end_s is None and current.offer.key == self.choice.bed(index).key:
            # It was put in for want of a piece that fits; there may be room for one now.
            at_s = max(from_s, current.start_s + lingers_s)
            if self.choice.fitting(index, at_s, end_s, self._crossfade_s(index)) is None:
                return None
        else:
            return None
        return at_s if end_s is None or at_s < end_s - WORTH_BEGINNING_S else None

    def _covers(self, end_s: float | None) -> bool:
        """Whether what sounds lasts until ``end_s``, or as far as is planned at all."""
        if self.current is None:
            return False
        until_s = self.occasion.from_s + HORIZON_S if end_s is None else end_s
        return self.current.end_s is None or self.current.end_s >= until_s

    # -- a phase

    def phase(self, index: int, start_s: float | None, end_s: float | None) -> None:
        """Write the cues of one phase; ``start_s`` is None where what sounds goes on."""
        self.index = index
        closing = self.choice.closing(index)
        if closing is None:
            over = end_s is not None and end_s <= self.occasion.from_s
            last = index == len(self.profile.phases) - 1
            # The session outlasts its plan: there is music as long as there are people.
            self._pieces(index, start_s, None if last and over else end_s)
        elif end_s is None:
            self._pieces(index, start_s, None)
        else:
            before_s = end_s - (closing.length_s or 0.0)
            begin_s = self.occasion.from_s if start_s is None else start_s
            if before_s - begin_s >= WORTH_BEGINNING_S:
                self._pieces(index, start_s, before_s)
                self.play(closing, index, before_s)
            else:
                self.play(closing, index, self._by_itself_s(end_s) if start_s is None else start_s)
            if not self._covers(end_s):
                self.play(self.choice.bed(index), index, end_s)

    def _by_itself_s(self, phase_end_s: float) -> float:
        """When what sounds ends by itself, or its phase does; a bed, at once."""
        assert self.current is not None
        from_s = self.occasion.from_s
        end_s = from_s if self.current.end_s is None else self.current.end_s
        return end_s if phase_end_s <= from_s else min(end_s, phase_end_s)

    def _pieces(self, index: int, start_s: float | None, end_s: float | None) -> None:
        leave_s = self._gives_way_s(index, end_s) if start_s is None else start_s
        while leave_s is not None or not self._covers(end_s):
            at_s = self._about_s(index, leave_s)
            playing = None if self.current is None else self.current.offer
            offer = self.choice.next(index, at_s, end_s, self._crossfade_s(index), playing)
            self.play(offer, index, leave_s, self.choice.turn_s(offer, at_s, end_s))
            leave_s = None

    def then(self, bed: Offer, cue: PlannedCue) -> None:
        """A bed after a piece that ends, and no louder."""
        if cue.end_s is not None:
            self.no_louder_than_lufs = cue.loudness_lufs
            self.play(bed, self.index, cue.end_s)

    def end_in_a_bed(self) -> None:
        """Whatever was written last is followed by the phase's bed."""
        if self.current is None or self.current.end_s is not None:
            self.play(self.choice.bed(self.index), self.index, None)

    # -- one cue

    def play(
        self, offer: Offer, index: int, leave_s: float | None, turn_s: float | None = None
    ) -> PlannedCue:
        """Write one cue."""
        phase = self.profile.phases[index]
        gain = gain_db(offer, self.profile, phase, self.no_louder_than_lufs)
        length_s = turn_s if offer.length_s is None else offer.length_s
        crossfade_s = self._entrance_s(offer, index, gain, length_s)
        start_s = self._start_s(leave_s, crossfade_s)
        if self.current is not None and self.current.end_s is not None and not self._exactly:
            # What leaves has ended by then.
            crossfade_s = min(crossfade_s, max(self.current.end_s - start_s, ENTRANCE_MIN_S))
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
        self.choice.taken(offer)
        self.no_louder_than_lufs = None
        self.current = cue
        self.cues.append(cue)
        return cue

    def _start_s(self, leave_s: float | None, crossfade_s: float) -> float:
        start_s = inf if leave_s is None else leave_s
        if self.current is None:
            return self.occasion.from_s
        if self.current.end_s is not None:
            start_s = min(start_s, self.current.end_s - crossfade_s)
        assert start_s < inf
        return max(start_s, self.occasion.from_s, self.current.start_s)

    def _about_s(self, index: int, leave_s: float | None) -> float:
        """Where the next cue will start, give or take what its gain has to rise."""
        return self._start_s(leave_s, self._crossfade_s(index))

    @property
    def _exactly(self) -> bool:
        return self.occasion.exactly and not self.cues

    def _crossfade_s(self, index: int) -> float:
        return self.profile.phase_crossfade_s(self.profile.phases[index])

    def _entrance_s(self, offer: Offer, index: int, gain: float, length_s: float | None) -> float:
        wanted_s = self._crossfade_s(index)
        if not self.cues and self.occasion.first_crossfade_s is not None:
            wanted_s = self.occasion.first_crossfade_s
        current = self.current
        if current is not None and not self._exactly:
            louder_lu = offer.loudness_lufs + gain - current.loudness_lufs
            wanted_s = max(wanted_s, max(gain - current.gain_db, louder_lu) / RISE_DB_PER_S)
            if current.end_s is not None:
                wanted_s = min(wanted_s, CROSSFADE_MAX_PART * (current.end_s - current.start_s))
        if length_s is not None:
            wanted_s = min(wanted_s, CROSSFADE_MAX_PART * length_s)
        return wanted_s
