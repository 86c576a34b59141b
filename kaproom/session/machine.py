"""The session's state machine.

Every change of a session happens in step(). It reads no clock and touches no device:
time arrives inside events, work leaves as effects. What would be wrong now is refused
and changes nothing.

A session is what its events made of it: the ticks in between only tell what had come
to pass. So the recorded events, stepped through again, give the session that was.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kaproom.errors import Reason, Refused
from kaproom.session import events as e
from kaproom.session.effects import Close, Effect, Play, SetGain, Tell
from kaproom.session.infusion import Infusion
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.replanning import Result, replanned, turned
from kaproom.session.rules import course, interruption, mishaps, notes, pieces, pump, sound
from kaproom.session.state import (
    CALM_DB,
    DUCK_DB,
    LEAD_S,
    REST_DB,
    SILENT_DB,
    Began,
    Gained,
    Note,
    Session,
    Silence,
    Stage,
)

__all__ = [
    "CALM_DB",
    "DUCK_DB",
    "LEAD_S",
    "LEVEL_S",
    "REST_DB",
    "SILENT_DB",
    "Close",
    "Effect",
    "Note",
    "Play",
    "Session",
    "SetGain",
    "Stage",
    "Tell",
    "opened",
    "step",
]

LEVEL_S = 0.5
"""How fast a gain falls where nothing says otherwise."""

_FALLS_S: dict[type[e.Event], float] = {
    e.Ducked: 0.25,
    e.Calmed: 1.5,
    e.WentAway: 3.0,
    e.Ended: sound.END_S,
}

_OVER = {
    Stage.ENDING: (
        "the session is ending; the sound fades out and the record closes",
        Reason.ENDING,
    ),
    Stage.ENDED: (
        "the session has ended; `kaproom start PROFILE` begins the next one",
        Reason.ENDED,
    ),
}

# What is a fact, and what the machine reports, is heard whatever the stage.
_ALWAYS = (
    e.Noted,
    e.NotedAgain,
    e.Worded,
    e.Amended,
    e.Present,
    e.WorkedOff,
    e.Infused,
    e.SourceFailed,
    e.Shifted,
    e.SignedOff,
)
# What the music is to do is asked first of the pump, once the power came back.
_ASKED_FIRST = (e.Held, e.Advanced, e.Skipped)

_RULES: dict[type[e.Event], Callable[[Session, Any], Result]] = {
    e.Infused: pump.infused,
    e.Noted: notes.noted,
    e.NotedAgain: notes.noted_again,
    e.Worded: notes.worded,
    e.Amended: notes.amended,
    e.Present: notes.present,
    e.WorkedOff: notes.worked_off,
    e.Expected: pump.expected,
    e.Held: course.held,
    e.Advanced: course.advanced,
    e.Calmed: pieces.calmed,
    e.Skipped: pieces.skipped,
    e.WentAway: pieces.went_away,
    e.CameBack: pieces.came_back,
    e.Ducked: sound.ducked,
    e.Faded: sound.faded,
    e.Returned: sound.returned,
    e.Levelled: sound.levelled,
    e.Ended: sound.ended,
    e.Interrupted: interruption.interrupted,
    e.Continued: interruption.continued,
    e.SignedOff: notes.signed_off,
    e.SourceFailed: mishaps.source_failed,
    e.Shifted: mishaps.shifted,
}


def opened(profile: Profile, repertoire: Repertoire) -> Result:
    """A session at its first moment, and the effects that begin it."""
    session = Session(
        profile,
        repertoire,
        Infusion(profile.infusion.planned_min * 60),
        level_db=min(REST_DB, profile.limits.level_max_db),
    )
    session = replace(session, gains=(Gained(0.0, session.gain_db),))
    session, play = replanned(session, from_s=0.0)
    return session, (SetGain(session.gain_db, LEVEL_S), *play)


def step(session: Session, event: e.Event) -> Result:
    """What ``event`` makes of the session, and what is to be done about it.

    Raises:
        Refused: It would be wrong now; the text says why and what to do instead.
        Mend: It names something that does not exist.
    """
    event = _to_the_nanosecond(event)
    ticked, passed = _passed(session, max(session.now_s, event.entered_s))
    ticked = _with_phases(ticked, passed)
    if isinstance(event, e.Tick):
        return ticked, passed
    quicker = isinstance(event, e.Faded) and ticked.stage is Stage.ENDING
    if ticked.stage is not Stage.OPEN and not quicker and not isinstance(event, _ALWAYS):
        raise Refused(*_OVER[ticked.stage])
    if ticked.interruption is not None and isinstance(event, _ASKED_FIRST):
        raise Refused(interruption.WAITS, Reason.INTERRUPTED)
    after, effects = _RULES[type(event)](ticked, event)
    after = _with_phases(_with_gain(ticked, after, after.now_s), effects)
    if after.gain_db != ticked.gain_db and not any(isinstance(x, SetGain) for x in effects):
        effects = (SetGain(after.gain_db, _FALLS_S.get(type(event), LEVEL_S)), *effects)
    return after, (*passed, *effects)


def _to_the_nanosecond(event: e.Event) -> e.Event:
    """The event at the moments that clocks can tell apart.

    A time that took another way through the arithmetic, as one from the record may, is
    the same time again.
    """
    return replace(event, at_s=round(event.at_s, 9), entered_s=round(event.entered_s, 9))


def _passed(session: Session, now_s: float) -> Result:
    """Time went on to ``now_s``: phases begin, silences end, an ending is over."""
    previous_s = session.now_s
    session = replace(session, now_s=now_s)
    if session.stage is Stage.ENDING and session.ends_s is not None and now_s >= session.ends_s:
        return replace(session, stage=Stage.ENDED), (Close(session.ends_s),)
    if session.stage is not Stage.OPEN:
        return session, ()
    effects: list[Effect] = []
    until_s = session.silent_until_s
    if until_s is not None and now_s >= until_s:
        heard_again = replace(session, silent_until_s=None, faded_s=None)
        session = _with_gain(session, heard_again, until_s)
        effects.append(SetGain(session.gain_db, LEVEL_S))
    session, told = turned(session, previous_s)
    return session, (*effects, *told)


def _with_phases(session: Session, effects: tuple[Effect, ...]) -> Session:
    """The phases that began, kept in mind for entries that come late."""
    told = tuple(x for x in effects if isinstance(x, Tell) and x.kind == "phase")
    if not told:
        return session
    began = tuple(Began(tell.at_s, int(tell.data["index"])) for tell in told)
    return replace(session, began=(*session.began, *began))


def _with_gain(before: Session, after: Session, at_s: float) -> Session:
    """The gain that is wanted from now on, and the silence that began or was over."""
    if after.gain_db != before.gain_db:
        after = replace(after, gains=(*after.gains, Gained(at_s, after.gain_db)))
    was, now = before.gain_db == SILENT_DB, after.gain_db == SILENT_DB
    if was == now:
        return after
    if now:
        return replace(after, silences=(*after.silences, Silence(at_s)))
    *earlier, last = after.silences
    return replace(after, silences=(*earlier, replace(last, until_s=at_s)))
