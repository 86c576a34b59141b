"""A session's phases turned and its plan made anew, whatever the reason.

What has started, or is so near that the player may have begun it, stays as it is.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf

from kaproom.session.choice import WORTH_BEGINNING_S
from kaproom.session.cues import PlannedCue, gone_s, next_exit_s
from kaproom.session.effects import Effect, Play, Tell
from kaproom.session.infusion import InfusionState
from kaproom.session.phases import begins_s
from kaproom.session.state import LEAD_S, Session
from kaproom.session.timeline import Occasion, plan

LONG_CROSSFADE_S = 20.0  # a stop, a late entry: the music turns without a jolt
TURN_WAIT_S = 60.0
"""So long after a stop, or a start, its music waits for an exit of what sounds."""

EARLY_MAX_S = 31.0
"""So long before its phase music enters at most: at an exit, where that is the nearest."""

Result = tuple[Session, tuple[Effect, ...]]


def turned(session: Session, previous_s: float) -> Result:
    """The phases that began since ``previous_s``, each told with the moment at which it did.

    What should have begun before, as a late entry shows, begins at ``previous_s``; of
    several such only the last was ever on. A hold for a given time is over with it.
    """
    course = session.course
    if course.held:
        if course.held_until_s is None or course.held_until_s > session.now_s:
            return session, ()
        previous_s = max(previous_s, course.held_until_s)
        course = course.let_go()
    told: list[Tell] = []
    for index in range(course.index + 1, len(session.profile.phases)):
        at_s = begins_s(session.profile, session.infusion, course, index)
        if at_s is None or at_s > session.now_s:
            break
        course = replace(course, index=index, since_s=max(at_s, previous_s))
        if told and told[-1].at_s == course.since_s:
            told.pop()
        told.append(tell_phase(replace(session, course=course)))
    return replace(session, course=course), tuple(told)


def begun(session: Session) -> Result:
    """The next phase, if its music cannot be called back any more: it begins now.

    For what would otherwise keep the session in a phase whose music is leaving.
    """
    entering = session.cue_at(session.now_s + LEAD_S)
    course = session.course
    if entering is None or session.elsewhere or entering.phase_index <= course.index:
        return session, ()
    if course.held_for_good:
        return session, ()
    at_s = begins_s(session.profile, session.infusion, course, entering.phase_index)
    if at_s is not None and course.held_until_s is not None:
        at_s = max(at_s, course.held_until_s)
    # What is here for another reason, as after a stop that was taken back, stays.
    early_s = max(entering.crossfade_s + 1.0, EARLY_MAX_S)
    if at_s is None or at_s > session.now_s + LEAD_S + early_s:
        return session, ()
    course = replace(course.let_go(), index=entering.phase_index, since_s=session.now_s)
    session = replace(session, course=course)
    return session, (tell_phase(session),)


def tell_phase(session: Session) -> Tell:
    """For the record: this phase has begun."""
    phase = session.profile.phases[session.course.index]
    return Tell(
        "phase", session.course.since_s, {"index": session.course.index, "name": phase.name}
    )


def started(session: Session, from_s: float) -> tuple[PlannedCue, ...]:
    """The cues that a change at ``from_s`` cannot touch."""
    return tuple(cue for cue in session.cues if cue.start_s < from_s)


def awaited(session: Session, from_s: float) -> PlannedCue | None:
    """What is to bring in the present phase while a piece of an earlier one still sounds.

    It was promised to come at that piece's exit, and comes then whatever is planned anew.
    """
    before = started(session, from_s)
    if session.elsewhere or not before or before[-1].phase_index >= session.course.index:
        return None
    if before[-1].offer.key in session.thrown_out or len(before) == len(session.cues):
        return None
    return session.cues[len(before)]


def occasion(
    session: Session,
    from_s: float,
    *,
    keep: bool = True,
    wait_s: float = 0.0,
    crossfade_s: float | None = None,
    exactly: bool = False,
    no_louder_than_lufs: float | None = None,
) -> Occasion:
    """From where, and around what, the plan is made anew."""
    before = started(session, from_s)
    sounding = before[-1] if before else None
    state = session.infusion.state(session.now_s)
    waiting = state in (InfusionState.NOT_STARTED, InfusionState.PAUSED)
    leave_s = None
    if keep:
        promised = awaited(session, from_s)
        if promised is not None:
            leave_s, crossfade_s = promised.start_s, promised.crossfade_s
    elif sounding is not None:
        within_s = session.now_s + wait_s - from_s
        leave_s = next_exit_s(sounding, from_s, within_s, crossfade_s or 0.0)
        # To wait for nothing helps nobody.
        leave_s = from_s if leave_s is None else leave_s
    left_s = inf if leave_s is None else leave_s + (crossfade_s or 0.0)
    return Occasion(
        from_s=from_s,
        sounding=sounding,
        keep=keep,
        leave_s=leave_s,
        first_crossfade_s=crossfade_s,
        exactly=exactly,
        used=session.thrown_out | _heard(session, before, left_s),
        thrown_out=session.thrown_out,
        closing_due=_closing_due(session, before, keep),
        number=session.number,
        open_ended=session.course.held_for_good or waiting,
        no_louder_than_lufs=no_louder_than_lufs,
    )


def replanned(
    session: Session,
    *,
    from_s: float | None = None,
    keep: bool = True,
    wait_s: float = 0.0,
    crossfade_s: float | None = None,
    exactly: bool = False,
    no_louder_than_lufs: float | None = None,
) -> Result:
    """The plan anew from the moment at which a change can be heard.

    Unless it is to ``keep`` on, what sounds leaves at its next exit, if that comes within
    ``wait_s``, else at once.
    """
    why = occasion(
        session,
        session.now_s + LEAD_S if from_s is None else from_s,
        keep=keep,
        wait_s=wait_s,
        crossfade_s=crossfade_s,
        exactly=exactly,
        no_louder_than_lufs=no_louder_than_lufs,
    )
    fresh = plan(session.profile, session.repertoire, session.phases, session.course, why)
    return put_in(session, why.from_s, fresh)


def put_in(session: Session, from_s: float, fresh: tuple[PlannedCue, ...]) -> Result:
    """These cues from ``from_s`` on, in place of what was to come."""
    session = replace(
        session,
        cues=(*started(session, from_s), *fresh),
        number=session.number + len(fresh),
    )
    return session, (_play(session),)


def _play(session: Session) -> Play:
    """What sounds now and all that is to come.

    What sounds is told again because the player may not have begun what is only just
    past recall, and because a plan that adds nothing must still take away what it drops.
    """
    sounding = session.cue_at(session.now_s)
    from_s = session.cues[0].start_s if sounding is None else sounding.start_s
    told = tuple(cue for cue in session.cues if cue.start_s >= from_s)
    return Play(tuple(c for c in told if c.offer.key not in session.thrown_out or c is told[-1]))


def _heard(session: Session, before: tuple[PlannedCue, ...], left_s: float) -> frozenset[str]:
    """Keys of the pieces that had a turn: all but those that only ran while nobody listened.

    What sounds at the end of ``before`` has gone by ``left_s``; a piece that goes on is heard.
    """
    left = [min(at_s, left_s) for at_s in (*gone_s(before), inf)]
    return frozenset(
        cue.offer.key
        for cue, at_s in zip(before, left, strict=False)
        if at_s == inf or _audible(session, cue, at_s)
    )


def _audible(session: Session, cue: PlannedCue, until_s: float) -> bool:
    return not any(silence.covers(cue.start_s, until_s) for silence in session.silences)


def closing_missed(session: Session) -> bool:
    """Whether the patient's own piece went by while nobody could hear it, and is not to come."""
    before = started(session, session.now_s + LEAD_S)
    closing = session.repertoire.closing
    if closing is None or not any(cue.offer.key == closing.key for cue in before):
        return False
    ahead = any(cue.offer.key == closing.key for cue in session.cues[len(before) :])
    return not ahead and _closing_due(session, before, keep=True)


def _closing_due(session: Session, before: tuple[PlannedCue, ...], keep: bool) -> bool:
    """Whether the patient's own piece is still to come, or to come again: it was cut short."""
    closing = session.repertoire.closing
    if closing is None or closing.key in session.thrown_out:
        return False
    for (cue, following), until_s in zip(pairwise(before), gone_s(before), strict=True):
        if cue.offer.key == closing.key and _audible(session, cue, until_s):
            left_s = (cue.end_s or following.start_s) - following.start_s
            if following.offer.key == closing.key or left_s < WORTH_BEGINNING_S:
                return False
    return not (keep and before and before[-1].offer.key == closing.key)
