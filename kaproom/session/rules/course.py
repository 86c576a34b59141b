"""Staying in a phase, and going on: what people ask of the phases."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from kaproom.errors import Mend, Reason, Refused
from kaproom.session import events as e
from kaproom.session.effects import Effect
from kaproom.session.phase import Phase
from kaproom.session.phases import Course, phase_by_clock
from kaproom.session.replanning import Result, awaited, begun, replanned, tell_phase
from kaproom.session.state import LEAD_S, Session

ADVANCE_CROSSFADE_S = 12.0
ADVANCE_WAIT_S = 30.0  # so long at most for an exit of what sounds
HOLD_MAX_MIN = 240.0


def held(session: Session, event: e.Held) -> Result:
    """Stay in this phase, until `advance` or for a while; a new time replaces the last."""
    if event.for_min is not None and not (
        isfinite(event.for_min) and 0 < event.for_min <= HOLD_MAX_MIN
    ):
        raise Mend(
            f"a hold of {event.for_min:g} min; give more than 0 and at most {HOLD_MAX_MIN:g}, "
            "or none for until `kaproom advance`"
        )
    if session.course.held_for_good and event.for_min is None:
        raise Refused("this phase is held already; `kaproom advance` goes on", Reason.HELD)
    session, told = begun(session)
    until_s = None if event.for_min is None else session.now_s + event.for_min * 60
    course = replace(session.course, held=True, held_until_s=until_s)
    return _with_music(replace(session, course=course), told)


def advanced(session: Session, event: e.Advanced) -> Result:
    """Go on to the next phase; after a hold, to where the infusion is now."""
    profile, course = session.profile, session.course
    name = profile.phases[course.index].name
    if session.infusion.started_at_s is None:
        if course.held:
            return replace(session, course=course.let_go()), ()
        raise Refused(
            f"'{name}' lasts until the infusion's start is recorded: `kaproom infusion started`",
            Reason.WAITS_FOR_INFUSION,
        )
    following = course.index + 1
    if course.held:
        # The infusion did not wait for us, so the music rejoins it where it is now.
        following = max(following, phase_by_clock(profile, session.infusion, session.now_s))
    if following >= len(profile.phases):
        if not course.held:
            raise Refused(f"'{name}' is the last phase; `kaproom end` closes", Reason.LAST_PHASE)
        return _with_music(replace(session, course=course.let_go()), ())
    if not course.held and session.now_s - course.since_s < LEAD_S:
        raise Refused(
            f"'{name}' has only just begun and is not heard yet; `kaproom advance` again in a "
            f"few seconds goes on to '{profile.phases[following].name}'",
            Reason.JUST_BEGUN,
        )
    coming = None if course.held else awaited(session, session.now_s + LEAD_S)
    if coming is not None:
        minutes, seconds = divmod(round(coming.start_s - session.now_s), 60)
        raise Refused(
            f"'{name}' enters in {minutes}:{seconds:02d}, at an exit of what sounds; `kaproom "
            f"skip` goes to it now, and `kaproom advance` again, once it is heard, to "
            f"'{profile.phases[following].name}'",
            Reason.COMES_ALREADY,
        )
    if not event.sure and more_intense(profile.phases[course.index], profile.phases[following]):
        raise Refused(
            f"'{profile.phases[following].name}' is more intense than '{name}'; if that is "
            "meant, `kaproom advance --yes` goes on",
            Reason.MORE_INTENSE,
        )
    session, told = begun(session)
    if told:
        # It was about to come by itself, and its music is on the way.
        return _with_music(replace(session, course=_asked_for(session)), told)
    course = replace(course.let_go(), index=following, since_s=session.now_s, asked=following)
    session = replace(session, course=course)
    return _with_music(session, (tell_phase(session),), keep=False)


def more_intense(present: Phase, following: Phase) -> bool:
    """Whether a phase asks more of the patient: it is denser, or as dense and louder."""
    return (following.intensity, following.level_lu) > (present.intensity, present.level_lu)


def _asked_for(session: Session) -> Course:
    return replace(session.course, asked=session.course.index)


def _with_music(session: Session, told: tuple[Effect, ...], *, keep: bool = True) -> Result:
    """The music follows, unless the refuge plays or nobody listens: then it waits."""
    if session.elsewhere:
        return session, told
    if keep:
        session, play = replanned(session)
    else:
        session, play = replanned(
            session, keep=False, wait_s=ADVANCE_WAIT_S, crossfade_s=ADVANCE_CROSSFADE_S
        )
    return session, (*told, *play)
