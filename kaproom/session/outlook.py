"""What lies ahead: when the session ends, what plays next, and what a command would change.

A preview is the same step that the command would be, taken and forgotten. Nobody who asks
what would happen has done anything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kaproom.errors import Mend
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.infusion import InfusionState
from kaproom.session.machine import step
from kaproom.session.rules.course import more_intense
from kaproom.session.state import Session, Stage

COMING = 3
"""So many cues to come are told."""

_RUNS = (InfusionState.RUNNING, InfusionState.UNCONFIRMED)
_STANDS = (InfusionState.NOT_STARTED, InfusionState.PAUSED)
# What changes nothing that lies ahead has no preview.
_PREVIEWED = (
    e.Infused,
    e.Held,
    e.Advanced,
    e.Calmed,
    e.Skipped,
    e.Faded,
    e.Returned,
    e.WentAway,
    e.CameBack,
    e.Continued,
    e.Ended,
)


def outlook(session: Session) -> dict[str, Any]:
    """What lies ahead of a session at ``session.now_s``, in plain values.

    Returns:
        ``end_in_s``: the planned end, None while that is open; a pause is taken to end now.
        ``waits_for``: what the phase cannot go on without, ``infusion`` or ``advance``.
        ``change``: the next phase, None where that is open. ``cues``: the next pieces.
        Each with ``in_s`` from now, and ``infusion_s`` on the infusion's clock, which is None
        while that does not run.
    """
    if session.stage is not Stage.OPEN:
        end_s = session.ends_s if session.stage is Stage.ENDING else None
        return {"end_in_s": _in_s(session, end_s), "waits_for": None, "change": None, "cues": []}
    spans = session.phases
    following = next((s for s in spans[session.course.index + 1 :] if s.start_s is not None), None)
    change = None
    if following is not None and following.start_s is not None:
        change = {"phase": following.name, **_when(session, following.start_s)}
    return {
        "end_in_s": _in_s(session, spans[-1].end_s),
        "waits_for": _waits_for(session),
        "change": change,
        "cues": coming(session),
    }


def coming(session: Session) -> list[dict[str, Any]]:
    """The next pieces and when they enter."""
    ahead = [cue for cue in session.cues if cue.start_s > session.now_s][:COMING]
    return [told(session, cue) | _when(session, cue.start_s) for cue in ahead]


def told(session: Session, cue: PlannedCue) -> dict[str, Any]:
    """A piece as the room may know it."""
    return {
        "cue": cue.id,
        "title": cue.offer.title,
        "phase": session.profile.phases[cue.phase_index].name,
        "generated": cue.offer.soundscape is not None,
        "silence": _silence(session, cue),
    }


def _silence(session: Session, cue: PlannedCue) -> dict[str, Any] | None:
    """When a planned silence begins, the piece before it having faded out, and ends."""
    if cue.offer.silence_s is None:
        return None
    begins_s = cue.start_s + cue.crossfade_s
    return {
        "begins_in_s": begins_s - session.now_s,
        "ends_in_s": begins_s + cue.offer.silence_s - session.now_s,
    }


def preview(session: Session, event: e.Event) -> dict[str, Any]:
    """What lies ahead now, and what would if this were done; nothing is.

    Returns:
        ``before`` and ``after``: each an outlook, with ``phase``, the present one, and
        ``open``, whether the session goes on; ``more_intense``: whether ``advance`` would
        ask first.

    Raises:
        Refused: It would be refused.
        Mend: It cannot be done, or changes nothing that lies ahead.
    """
    if not isinstance(event, _PREVIEWED):
        raise Mend("that changes nothing that lies ahead; there is no preview of it")
    if isinstance(event, e.Advanced):
        event = replace(event, sure=True)
    before, _ = step(session, e.Tick(event.entered_s, event.entered_s))
    after, _ = step(session, event)
    phases = session.profile.phases
    denser = more_intense(phases[before.course.index], phases[after.course.index])
    return {
        "before": _present(before) | outlook(before),
        "after": _present(after) | outlook(after),
        "more_intense": isinstance(event, e.Advanced) and denser,
    }


def _present(session: Session) -> dict[str, Any]:
    phase = session.profile.phases[session.course.index]
    return {"phase": phase.name, "open": session.stage is Stage.OPEN}


def _waits_for(session: Session) -> str | None:
    if session.course.held_for_good:
        return "advance"
    return "infusion" if session.infusion_state in _STANDS else None


def _when(session: Session, at_s: float) -> dict[str, float | None]:
    runs = session.infusion_state in _RUNS and session.interruption is None
    return {
        "in_s": at_s - session.now_s,
        "infusion_s": session.infusion.elapsed_s(at_s) if runs else None,
    }


def _in_s(session: Session, at_s: float | None) -> float | None:
    return None if at_s is None else at_s - session.now_s
