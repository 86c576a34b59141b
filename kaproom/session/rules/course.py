"""Staying in a phase, and going on: what people ask of the phases."""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Refused
from kaproom.session import events as e
from kaproom.session.effects import Effect
from kaproom.session.phases import Course, phase_by_clock
from kaproom.session.replanning import Result, begun, replanned, tell_phase
from kaproom.session.state import LEAD_S, Session

ADVANCE_CROSSFADE_S = 12.0


def held(session: Session, event: e.Held) -> Result:
    """Stay in this phase."""
    if session.course.held:
        raise Refused("this phase is held already; `kaproom advance` goes on")
    session, told = begun(session)
    session = replace(session, course=replace(session.course, held=True))
    return _with_music(session, told)


def advanced(session: Session, event: e.Advanced) -> Result:
    """Go on to the next phase; after a hold, to where the infusion is now."""
    profile, course = session.profile, session.course
    name = profile.phases[course.index].name
    if session.infusion.started_at_s is None:
        if course.held:
            return replace(session, course=replace(course, held=False)), ()
        raise Refused(
            f"'{name}' lasts until the infusion's start is recorded: `kaproom infusion started`"
        )
    following = course.index + 1
    if course.held:
        # The infusion did not wait for us, so the music rejoins it where it is now.
        following = max(following, phase_by_clock(profile, session.infusion, session.now_s))
    if following >= len(profile.phases):
        if not course.held:
            raise Refused(f"'{name}' is the last phase; `kaproom end` closes")
        return _with_music(replace(session, course=replace(course, held=False)), ())
    if not course.held and session.now_s - course.since_s < LEAD_S:
        raise Refused(
            f"'{name}' has only just begun and is not heard yet; `kaproom advance` again in a "
            f"few seconds goes on to '{profile.phases[following].name}'"
        )
    session, told = begun(session)
    if told:
        # It was about to come by itself, and its music is on the way.
        return _with_music(replace(session, course=_asked_for(session)), told)
    course = replace(course, index=following, since_s=session.now_s, held=False, asked=following)
    session = replace(session, course=course)
    return _with_music(session, (tell_phase(session),), keep=False)


def _asked_for(session: Session) -> Course:
    return replace(session.course, asked=session.course.index)


def _with_music(session: Session, told: tuple[Effect, ...], *, keep: bool = True) -> Result:
    """The music follows, unless the refuge plays or nobody listens: then it waits."""
    if session.elsewhere:
        return session, told
    crossfade_s = None if keep else ADVANCE_CROSSFADE_S
    session, play = replanned(session, keep=keep, crossfade_s=crossfade_s)
    return session, (*told, *play)
