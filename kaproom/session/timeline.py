"""Phases, profile and repertoire in; the whole list of cues out.

The planner is pure: the same input gives the same plan. It plans from a moment
onwards; what has sounded stays, and what sounds then goes on unless it is told
otherwise. Every plan ends in a soundscape without end.

A phase ends, and the next begins, when the next one's music begins to enter. Inside a
phase that has an end the pieces are fitted to it (see fit/); one without a known end
plays the therapist's list from its top. No piece is left but at its natural end, at a
marked exit, or because people asked for something.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kaproom.session.choice import WORTH_BEGINNING_S, Choice, Together
from kaproom.session.cues import PlannedCue
from kaproom.session.fit import (
    BOUNDARY_MAX_S,
    ENTRANCE_MIN_S,
    PLAYED_MIN_S,
    Before,
    Ending,
    From,
    Playing,
    Unit,
    fitted,
)
from kaproom.session.fit.seams import Piece, may_follow, seam
from kaproom.session.phases import Course, Span
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire
from kaproom.session.writer import Occasion, Writer

__all__ = ["Course", "Occasion", "PlannedCue", "Span", "plan"]

# A phase without a known end is planned this far; then its bed plays on.
HORIZON_S = 4 * 3600.0
# A phase that is over sooner is passed by: its music could not even enter.
SHORTEST_PHASE_S = 0.5


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
    planner = _Planner(profile, repertoire, phases, course, occasion)
    for span in phases[planner.index :]:
        if span.index > planner.index and (occasion.open_ended or span.start_s is None):
            break
        planner.phase(span, None if occasion.open_ended else span.end_s)
    planner.end_in_a_bed()
    return tuple(planner.writer.cues)


class _Planner:
    """Plans phase after phase.

    ``index`` is the phase that is written, at first the one whose music sounds. ``leaving``
    is what the music of the next one follows.
    """

    def __init__(
        self,
        profile: Profile,
        repertoire: Repertoire,
        phases: tuple[Span, ...],
        course: Course,
        occasion: Occasion,
    ) -> None:
        self.profile = profile
        self.phases = phases
        self.occasion = occasion
        self.writer = Writer(profile, occasion)
        sounding = occasion.sounding
        self.index = course.index
        goes_on = occasion.keep and occasion.leave_s is None and not occasion.open_ended
        if sounding is not None and goes_on:
            # The music of a phase enters a little before its moment.
            self.index = max(self.index, sounding.phase_index)
        self.first_index = self.index
        self.leaving: Ending | From | None = None
        self.bed_sounds = False
        self.choice = Choice(
            profile,
            repertoire,
            course.index,
            used=occasion.used,
            thrown_out=occasion.thrown_out,
            closing_due=occasion.closing_due,
        )

    # -- what is there when a phase begins to be written

    def _at_first(self, end_s: float | None) -> Before | None:
        """How the present phase goes on from what sounds; None where that covers it."""
        occasion, from_s = self.occasion, self.occasion.from_s
        limit_lufs = occasion.no_louder_than_lufs
        playing, cue = self.writer.sounding(), occasion.sounding
        if playing is None or cue is None:
            return From(None, from_s, limit_lufs)
        piece, start_s = playing
        if occasion.leave_s is not None:
            leave_s = occasion.leave_s
            if cue.end_s is not None:
                leave_s = max(from_s, min(leave_s, cue.end_s))
            return From(piece, leave_s, limit_lufs)
        if not occasion.keep:
            return From(piece, from_s, limit_lufs)
        # Long enough that it was heard as a piece and not as a mistake.
        lingers_s = 2 * self.writer.crossfade_s(self.index)
        if self.choice.thrown_out(cue.offer):
            # It failed, and the player's fallback has taken over.
            at_s = from_s + lingers_s
            if cue.end_s is not None:
                at_s = max(from_s, min(at_s, cue.end_s - ENTRANCE_MIN_S))
            return self._in_time(From(piece, at_s), end_s)
        if cue.end_s is None:
            if cue.phase_index != self.index:
                # It would never leave by itself.
                return From(piece, from_s)
            if cue.offer.key != self.choice.bed(self.index).key:
                return None
            # It was put in for want of a piece that fits; there may be room for one now.
            self.bed_sounds = True
            return self._in_time(From(piece, max(from_s, cue.start_s + lingers_s)), end_s)
        if cue.phase_index < self.index:
            return self._soonest(piece, start_s)
        return Playing(piece, start_s, from_s)

    def _in_time(self, before: From, end_s: float | None) -> From | None:
        soon = end_s is not None and before.at_s >= end_s - WORTH_BEGINNING_S
        return None if soon else before

    def _soonest(self, piece: Piece, start_s: float) -> Ending | From:
        """What is in the way leaves at its next exit."""
        from_s = self.occasion.from_s
        earliest_s = max(from_s, start_s + PLAYED_MIN_S)
        marked = (start_s + exit_s for exit_s in piece.exits_s)
        exit_s = next((at_s for at_s in marked if at_s >= earliest_s), None)
        if exit_s is not None:
            return From(piece, exit_s)
        if piece.quiet or piece.until_s:
            return From(piece, max(from_s, start_s))
        return Ending(piece, start_s + piece.length_s, from_s, from_s)

    def _enters_s(self, before: Before) -> float:
        """When the next music can enter, near enough."""
        if isinstance(before, Playing):
            return before.earliest_s
        if isinstance(before, From):
            return before.at_s
        return max(before.aim_s, before.end_s - 2 * before.piece.crossfade_s, before.earliest_s)

    # -- a phase

    def phase(self, span: Span, end_s: float | None) -> None:
        """Write the cues of one phase."""
        self.index = index = span.index
        first = index == self.first_index
        before: Before | None
        if first:
            before = self._at_first(end_s)
        else:
            assert self.leaving is not None and span.start_s is not None
            before = self.leaving
            if isinstance(before, Ending):
                before = replace(before, aim_s=max(span.start_s, self.occasion.from_s))
        last = span is self.phases[-1]
        closing = self.choice.closing(index)
        if before is None:
            # What sounds covers the phase, or is too near its end to give way.
            if end_s is None or (last and closing is None):
                return
            piece, at_s = self._sounding(), end_s
            ends_s = None if self.writer.current is None else self.writer.current.end_s
            if ends_s is not None:
                at_s = min(at_s, ends_s - ENTRANCE_MIN_S)
            self.leaving = From(piece, max(at_s, self.occasion.from_s))
            if closing is not None:
                self._close(closing, self.leaving, end_s, first=first)
            return
        if closing is not None and end_s is not None:
            self._close(closing, before, end_s, first=first)
            return
        if end_s is not None and last and end_s <= self.occasion.from_s:
            # The session outlasts its plan: there is music as long as there are people.
            end_s = None
        if end_s is not None and not last and self._passed_by(before, end_s, first=first):
            assert not isinstance(before, Playing)
            self.leaving = before
            return
        self._fill(before, end_s, self._following(), first=first)

    def _passed_by(self, before: Before, end_s: float, *, first: bool) -> bool:
        """Whether the phase is over before its music could be heard."""
        if isinstance(before, Playing):
            return False
        enters_s = self._enters_s(before)
        late = isinstance(before, Ending) and enters_s > before.aim_s + BOUNDARY_MAX_S
        least_s = WORTH_BEGINNING_S if late and not first else SHORTEST_PHASE_S
        return end_s - enters_s < least_s

    def _close(self, closing: Offer, before: Before, end_s: float, *, first: bool) -> None:
        """The patient's own piece, so that it ends with the phase, and what is before it."""
        length_s = closing.length_s or 0.0
        before_s = end_s - length_s
        if before_s - self._enters_s(before) >= WORTH_BEGINNING_S:
            piece = self.writer.piece(closing, self.index)
            self._fill(before, before_s, piece, first=first)
            assert self.leaving is not None
            before = self.leaving
        elif isinstance(before, Playing):
            before = self._soonest(before.piece, before.start_s)
        self._play(closing, before)
        own = self.writer.current
        assert own is not None and own.end_s is not None
        if own.end_s < end_s:
            self._play_filling(self.choice.bed(self.index), None, None)
            self.leaving = From(self._sounding(), end_s)
        else:
            self.leaving = Ending(self._sounding(), own.end_s, end_s, self.occasion.from_s)

    def _following(self) -> Piece:
        """What is to enter when this phase ends."""
        if self.index == len(self.phases) - 1:
            return self.writer.piece(self.choice.bed(self.index), self.index)
        return self.writer.piece(self.choice.likely(self.index + 1), self.index + 1)

    def _fill(self, before: Before, end_s: float | None, following: Piece, *, first: bool) -> None:
        """Pieces of the phase up to ``end_s``, or as many as there are."""
        sounding = self.occasion.sounding
        begun = first and sounding is not None and sounding.phase_index == self.index
        playing = sounding.offer if sounding and isinstance(before, Playing) else None
        menu = self.choice.menu(self.index, playing, entering=not begun)
        if end_s is None:
            self._all_there_is(before, (menu.opening, *menu.units, menu.closing))
            return
        units = [menu.opening, *menu.units] if menu.opening else list(menu.units)
        opens = bool(menu.opening)
        if menu.closing:
            closing = [self.writer.piece(offer, self.index) for offer in menu.closing]
            before_s = end_s - _lasts_s(closing, following)
            if before_s - self._enters_s(before) >= 0:
                self._fit(before, units, closing[0], before_s, opens=opens)
                assert self.leaving is not None
                before, units, opens = self.leaving, [menu.closing], True
        self._fit(before, units, following, end_s, opens=opens)

    def _fit(
        self,
        before: Before,
        units: list[Together],
        following: Piece,
        end_s: float,
        *,
        opens: bool,
    ) -> None:
        """Write the best filling of the time up to ``end_s``."""
        index, writer = self.index, self.writer
        if isinstance(before, Ending):
            before = replace(before, earliest_s=max(before.earliest_s, self._last_start_s()))
        if isinstance(before, Playing) and before.piece.until_s:
            # Later than this what follows enters by its end, like any piece.
            latest_s = before.piece.length_s - seam(before.piece, following).wanted_s
            before = replace(before, piece=replace(before.piece, until_s=max(0.0, latest_s)))
        offers = {offer.key: offer for unit in units for offer in unit}
        pieces = [Unit(tuple(writer.piece(o, index) for o in unit)) for unit in units]
        bed = writer.piece(self.choice.bed(index), index)
        filling = fitted(before, pieces, following, bed, end_s, opens=opens)
        if self.bed_goes_on and (not filling.placed or filling.placed[0].piece is bed):
            self.leaving = From(self._sounding(), end_s)
            return
        for placed in filling.placed:
            if placed.piece is bed:
                self._play_filling(None, placed.start_s, placed.crossfade_s, end_s)
                continue
            offer = offers[placed.piece.key]
            turn_s = None if placed.stays or offer.turn_s is None else placed.piece.length_s
            if placed.crossfade_s is None:
                writer.play(offer, index, placed.start_s, turn_s, pinned=True)
            else:
                writer.place(offer, index, placed.start_s, placed.crossfade_s, turn_s)
            self.choice.taken(offer)
        self.leaving = filling.leaving
        if writer.cues:
            self.leaving = replace(self.leaving, piece=self._sounding())

    def _all_there_is(self, before: Before, units: Iterable[Together]) -> None:
        """The list from its top, then what fills in, as far as is planned at all."""
        left = [unit for unit in units if unit]
        while left:
            last = self._sounding() if self.writer.current is not None else None
            allowed = (u for u in left if may_follow(last, self.writer.piece(u[0], self.index)))
            unit = next(allowed, None)
            if unit is None:
                break
            left.remove(unit)
            for offer in unit:
                turn_s = None
                if offer.turn_s is not None:
                    turn_s = self.writer.piece(offer, self.index).length_s
                self._play(offer, before, turn_s)
                before = self._after()
                if isinstance(before, From):
                    return
        if self.bed_goes_on:
            return
        self._play_filling(None, before.at_s if isinstance(before, From) else None, None)

    def _after(self) -> Before:
        """What has just been written, as what is followed."""
        cue = self.writer.current
        assert cue is not None
        if cue.end_s is None:
            return From(self._sounding(), cue.start_s)
        return Ending(self._sounding(), cue.end_s, cue.end_s, self.occasion.from_s)

    # -- one cue

    def _play(self, offer: Offer, before: Before, turn_s: float | None = None) -> None:
        leave_s = before.at_s if isinstance(before, From) else None
        if isinstance(before, Ending) and before.aim_s < before.end_s:
            between = seam(before.piece, self.writer.piece(offer, self.index))
            start_s = max(before.aim_s, before.end_s - between.longest_s)
            start_s = min(start_s, before.end_s - between.shortest_s)
            if start_s >= max(before.earliest_s, self._last_start_s()):
                self.writer.place(offer, self.index, start_s, before.end_s - start_s, turn_s)
                self.choice.taken(offer)
                return
        self.writer.play(offer, self.index, leave_s, turn_s)
        self.choice.taken(offer)

    def _play_filling(
        self,
        bed: Offer | None,
        start_s: float | None,
        crossfade_s: float | None,
        end_s: float | None = None,
    ) -> None:
        """What fills in, one soundscape after the other until ``end_s``; a bed for good."""
        until_s = self.occasion.from_s + HORIZON_S if end_s is None else end_s
        while True:
            cue = self.writer.current
            playing = None if cue is None else cue.offer
            offer = bed or self.choice.filling(self.index, playing)
            at_s = start_s
            if at_s is None:
                assert cue is not None
                at_s = cue.start_s if cue.end_s is None else cue.end_s
            turn_s = self.choice.turn_s(offer, at_s, end_s)
            if start_s is None or crossfade_s is None:
                written = self.writer.play(offer, self.index, start_s, turn_s)
            else:
                written = self.writer.place(offer, self.index, start_s, crossfade_s, turn_s)
            self.choice.taken(offer)
            if written.end_s is None or written.end_s >= until_s:
                return
            start_s = crossfade_s = None

    def end_in_a_bed(self) -> None:
        """Whatever was written last is followed by the phase's bed."""
        current = self.writer.current
        if current is not None and current.end_s is None:
            return
        before: Before | None = self.leaving
        if current is None or before is None:
            before = From(None, self.occasion.from_s) if current is None else self._after()
        self._play(self.choice.bed(self.index), before)

    @property
    def bed_goes_on(self) -> bool:
        """Whether the phase's own bed sounds, and stays if nothing takes its place."""
        return self.bed_sounds and self.index == self.first_index and not self.writer.cues

    def _sounding(self) -> Piece:
        playing = self.writer.sounding()
        assert playing is not None
        return playing[0]

    def _last_start_s(self) -> float:
        current = self.writer.current
        return self.occasion.from_s if current is None else current.start_s


def _lasts_s(pieces: list[Piece], following: Piece) -> float:
    """How long pieces last that stand together, up to when what follows enters."""
    lasts_s = 0.0
    for leaving, entering in zip(pieces, [*pieces[1:], following], strict=True):
        lasts_s += leaving.length_s
        if not leaving.quiet and not (entering.quiet and entering is not following):
            lasts_s -= seam(leaving, entering).wanted_s
    return lasts_s
