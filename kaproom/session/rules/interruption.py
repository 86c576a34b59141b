"""A loss of power in mid-session: the refuge rises, and people are asked what the pump does.

Nothing is assumed of the pump, which may have run on, or stopped with us. What people then
say of it is set into what was recorded before, so that the infusion's clock shows what the
pump shows; when it did so in between, nobody can know.
"""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Refused
from kaproom.session import events as e
from kaproom.session.infusion import Infusion, InfusionState, Mark, What
from kaproom.session.refuge import plan_refuge
from kaproom.session.replanning import Result, occasion, put_in, replanned, started
from kaproom.session.rules.pieces import BACK_CROSSFADE_S, CALM_CROSSFADE_S
from kaproom.session.rules.pump import corrected
from kaproom.session.state import Interruption, Session, Stage

WAITS = (
    "the room was without power and waits to be told what the pump does: `kaproom continue`, "
    "with --infusion-minute N or --infusion stopped|paused; or `kaproom end`"
)
_SAME = {
    "stopped": (InfusionState.STOPPED, InfusionState.COMPLETE),
    "paused": (InfusionState.PAUSED,),
}
SAME_S = 30.0
"""A minute is told as a whole number; what is nearer than this is what was recorded."""


def interrupted(session: Session, event: e.Interrupted) -> Result:
    """The power is back: the refuge at once, out of a silence that nobody wanted.

    What was lowered or silenced on purpose stays so; a piece kept for later is given up.
    """
    if session.stage is not Stage.OPEN:
        return session, ()
    earlier = session.interruption
    gap = Interruption(
        from_s=max(session.now_s - event.gap_s, 0.0) if earlier is None else earlier.from_s,
        until_s=session.now_s,
        was_calm=session.calm_s is not None if earlier is None else earlier.was_calm,
    )
    calm_s = session.now_s if session.calm_s is None else session.calm_s
    session = replace(
        session,
        interruption=gap,
        lost_cues=len(started(session, session.now_s)),
        calm_s=calm_s,
        kept=None,
        silent_until_s=None,
    )
    why = occasion(session, session.now_s, keep=False, crossfade_s=BACK_CROSSFADE_S, exactly=True)
    return put_in(
        session,
        session.now_s,
        plan_refuge(session.profile, session.repertoire, session.course, why),
    )


def continued(session: Session, event: e.Continued) -> Result:
    """People have looked at the pump: the plan's music, where the infusion is now."""
    gap = session.interruption
    if gap is None:
        raise Refused("nothing was interrupted that could be continued")
    infusion = session.infusion
    for mark in _marks(infusion, gap, event, session.now_s):
        infusion = infusion.recorded(mark)
    session = replace(session, infusion=infusion, interruption=None)
    if event.infusion == "stopped":
        # A stop leads over to the descent; what was asked for before it no longer holds.
        session = replace(session, course=session.course.let_go())
    session, told = corrected(session)
    if gap.was_calm:
        return session, told
    session = replace(session, calm_s=None)
    if session.elsewhere:
        return session, told
    session, play = replanned(session, keep=False, crossfade_s=CALM_CROSSFADE_S)
    return session, (*told, *play)


def _marks(
    infusion: Infusion, gap: Interruption, event: e.Continued, now_s: float
) -> tuple[Mark, ...]:
    """What has to be added to the recorded marks for them to say what was told."""
    if event.minute is not None:
        return _to_minute(infusion, gap, event.minute * 60, now_s)
    if event.infusion is None:
        return ()
    so_already = infusion.state(now_s) in _SAME[event.infusion]
    return () if so_already else (Mark(event.infusion, now_s),)


def _to_minute(
    infusion: Infusion, gap: Interruption, told_s: float, now_s: float
) -> tuple[Mark, ...]:
    """Marks by which the infusion runs now, and its clock shows ``told_s``.

    What is missing stood still while the power was gone. What cannot have is a start that
    was recorded with a wrong time, or a wall clock that was wrong after the loss.
    """

    def late(what: What, at_s: float) -> Mark:
        return Mark(what, at_s, late=True)

    start_s = infusion.started_at_s
    if start_s is None:
        return (late("started", now_s - told_s),)
    shown_s = infusion.elapsed_s(now_s) or 0.0
    gone_s = gap.until_s - gap.from_s
    ahead_s = told_s - shown_s
    if infusion.state(now_s) in (InfusionState.RUNNING, InfusionState.UNCONFIRMED):
        if abs(ahead_s) <= SAME_S:
            return ()
        if -gone_s <= ahead_s < 0:
            return (late("paused", gap.from_s), late("resumed", gap.from_s - ahead_s))
        return (late("started", start_s - ahead_s),)
    could_s = now_s - gap.from_s
    if -SAME_S <= ahead_s <= could_s:
        return (late("resumed", now_s - max(ahead_s, 0.0)),)
    return (late("resumed", gap.from_s), late("started", start_s - (ahead_s - could_s)))
