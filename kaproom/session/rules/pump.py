"""What people recorded of the pump: the music follows, as it follows nothing else.

Facts are kept whatever the session does; the music turns only while it is open.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from kaproom.errors import Mend, Reason, Refused
from kaproom.session import events as e
from kaproom.session.effects import Effect
from kaproom.session.infusion import InfusionState, Mark
from kaproom.session.phases import phase_by_clock
from kaproom.session.profile import Profile
from kaproom.session.replanning import (
    LONG_CROSSFADE_S,
    TURN_WAIT_S,
    Result,
    begun,
    replanned,
    tell_phase,
    turned,
)
from kaproom.session.state import LEAD_S, Session, Stage


def infused(session: Session, event: e.Infused) -> Result:
    """Something was done at the pump."""
    if event.at_s > session.now_s:
        raise Refused("that lies ahead; record it when it is done", Reason.LIES_AHEAD)
    _check_amount(session.profile, event)
    mark = Mark(event.what, event.at_s, event.late, event.value, event.unit)
    infusion = session.infusion.recorded(mark)
    recorded = replace(session, infusion=infusion)
    # What was given moves only what waits for the effect, or for the infusion's end.
    given = event.what in ("rate", "bolus")
    if session.stage is not Stage.OPEN or (given and recorded.phases == session.phases):
        return recorded, ()
    was_stopped = session.infusion.stopped_at_s is not None
    # A start that was recorded with a wrong time may have led phases too far.
    had_start = session.infusion.started_at_s is not None
    corrects = was_stopped or (event.what == "started" and had_start)
    told: tuple[Effect, ...] = ()
    early = infusion.state(session.now_s) is InfusionState.STOPPED
    if event.what == "stopped" and not was_stopped and early:
        # It leads over to the descent, and what was asked for before it no longer holds. A
        # stop as planned leaves a hold alone.
        session = replace(session, course=session.course.let_go())
    elif not corrects:
        session, told = begun(session)
    session = replace(session, infusion=infusion)
    session, on = corrected(session) if corrects else turned(session, session.now_s)
    if session.elsewhere:
        return session, (*told, *on)
    session, play = _followed(session, turned=on != (), since_s=event.at_s)
    return session, (*told, *on, *play)


def expected(session: Session, event: e.Expected) -> Result:
    """When people mean to start it; nothing follows but what the timers ask for before."""
    return replace(session, expected_s=event.infusion_s), ()


def _followed(session: Session, *, turned: bool, since_s: float) -> Result:
    """The phase's music: what sounds goes on, unless the phase turned or it is ahead of it.

    A turn waits for an exit at most until TURN_WAIT_S after what was done at the pump: one
    that is entered later than that comes at once.
    """
    entering = session.cue_at(session.now_s + LEAD_S)
    index = session.course.index
    ahead = entering is not None and entering.phase_index > index
    fits = entering is not None and entering.phase_index == index
    if ahead or (turned and not fits):
        wait_s = max(0.0, since_s + TURN_WAIT_S - session.now_s)
        return replanned(session, keep=False, wait_s=wait_s, crossfade_s=LONG_CROSSFADE_S)
    return replanned(session)


def corrected(session: Session) -> Result:
    """A start or a stop taken back or given another time: to the phase the infusion is in.

    The only way back that there is: without it one wrong key would cost the patient the
    rest of the plan. What people asked for, by `advance` or `hold`, stays.
    """
    session, on = turned(session, session.now_s)
    course = session.course
    by_clock = phase_by_clock(session.profile, session.infusion, session.now_s)
    index = max(by_clock, course.asked)
    if session.infusion.stopped_at_s is not None or course.held or index >= course.index:
        return session, on
    session = replace(session, course=replace(course, index=index, since_s=session.now_s))
    return session, (tell_phase(session),)


def _check_amount(profile: Profile, event: e.Infused) -> None:
    if event.what not in ("rate", "bolus"):
        return
    if event.value is None or not isfinite(event.value) or event.value < 0:
        raise Mend(
            f"a {event.what} needs its amount, e.g. `kaproom infusion "
            f"{'rate 0.5 mg/min' if event.what == 'rate' else 'bolus 10'}`"
        )
    if event.unit == "mL/h" and profile.infusion.concentration_mg_per_ml is None:
        raise Mend(
            "a rate in mL/h needs the concentration; add infusion.concentration_mg_per_ml to "
            f"profile '{profile.name}', or give the rate in mg/min"
        )
