"""What the machine itself reports: a file that failed, a sound that stood still.

The player has acted already; here the plan learns of it. Once the session ends it is
of no consequence.
"""

from __future__ import annotations

from dataclasses import replace

from kaproom.session import events as e
from kaproom.session.replanning import (
    LONG_CROSSFADE_S,
    TURN_WAIT_S,
    Result,
    awaited,
    begun,
    replanned,
)
from kaproom.session.state import LEAD_S, Session, Stage, Stood


def source_failed(session: Session, event: e.SourceFailed) -> Result:
    """A piece could not be read: it is not planned again, and another takes its place."""
    failed = next((c for c in session.cues if c.id == event.cue), None)
    if failed is None or failed.offer.path is None or session.stage is not Stage.OPEN:
        return session, ()
    session = replace(session, thrown_out=session.thrown_out | {failed.offer.key})
    sounding = session.cue_at(session.now_s)
    over = sounding is not None and failed.start_s < sounding.start_s
    if session.elsewhere or over:
        return session, ()
    return replanned(session)


def shifted(session: Session, event: e.Shifted) -> Result:
    """The sound stood still: what sounded then, and all after it, is later by so much."""
    if session.stage is not Stage.OPEN:
        return session, ()
    sounding = session.cue_at(session.now_s - event.by_s) or session.cue_at(session.now_s)
    if sounding is None:
        return session, ()
    # What the player of before a loss of power began, this one cannot have held up.
    index = max(session.cues.index(sounding), session.lost_cues)
    before, sounding = session.cues[:index], session.cues[index]
    # Neither back behind the piece before it, nor on beyond now: it has been heard.
    back_s = sounding.start_s - (before[-1].start_s if before else 0.0)
    by_s = max(min(event.by_s, session.now_s - sounding.start_s), -back_s)
    later = tuple(cue.moved(cue.start_s + by_s) for cue in session.cues[index:])
    if before and before[-1].end_s is not None:
        # It stood still as well, if it was still leaving.
        end_s = max(before[-1].end_s, later[0].start_s)
        before = (*before[:-1], replace(before[-1], end_s=end_s))
    stood = Stood(session.now_s, by_s, sounding.id)
    session = replace(session, cues=(*before, *later), stood=(*session.stood, stood))
    if session.elsewhere:
        return session, ()
    session, told = begun(session)
    entering = session.cue_at(session.now_s + LEAD_S)
    coming = awaited(session, session.now_s + LEAD_S)
    waited_for = coming is not None and by_s < coming.start_s - session.now_s <= TURN_WAIT_S
    # A long standstill may have outlasted the phase whose music it was.
    astray = entering is not None and entering.phase_index < session.course.index
    astray = astray and not waited_for
    crossfade_s = LONG_CROSSFADE_S if astray else None
    session, play = replanned(session, keep=not astray, crossfade_s=crossfade_s)
    return session, (*told, *play)
