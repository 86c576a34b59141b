"""How loud it is: duck, fade, return, level, end. Each acts at once, behind no ring."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

from kaproom.errors import Mend, Reason, Refused
from kaproom.session import events as e
from kaproom.session.effects import SetGain
from kaproom.session.replanning import Result, closing_missed, replanned
from kaproom.session.rules.interruption import WAITS
from kaproom.session.rules.pieces import CALM_CROSSFADE_S, not_away
from kaproom.session.state import SILENT_DB, Session, Stage

FADE_S, FADE_NOW_S, END_S = 3.0, 0.3, 8.0
# The record closes when the last of the sound has left the device.
END_TAIL_S = 0.5


def ducked(session: Session, event: e.Ducked) -> Result:
    """Lower for a voice, until `return`."""
    if session.ducked_s is not None:
        raise Refused(
            "the sound is lowered already; `kaproom return` brings it back", Reason.DUCKED
        )
    return replace(session, ducked_s=session.now_s), ()


def faded(session: Session, event: e.Faded) -> Result:
    """To silence, until `return`; also while the session ends, where 8 s are too long."""
    on_its_way_back = session.silent_until_s is not None
    if session.faded_s is not None and not event.at_once and not on_its_way_back:
        raise Refused("the sound is faded already; `kaproom return` brings it back", Reason.FADED)
    if session.stage is Stage.OPEN:
        faded_s = session.now_s if session.faded_s is None else session.faded_s
        session = replace(session, faded_s=faded_s, silent_until_s=None)
    return session, (SetGain(SILENT_DB, FADE_NOW_S if event.at_once else FADE_S),)


def returned(session: Session, event: e.Returned) -> Result:
    """The plan's music, where the infusion is now."""
    not_away(session)
    asked = session.interruption is not None
    was_calm = session.calm_s is not None and not asked
    if not was_calm and session.ducked_s is None and session.faded_s is None:
        if asked:
            raise Refused(WAITS, Reason.INTERRUPTED)
        raise Refused(
            "the plan's music plays already; there is nothing to return from", Reason.PLAN_PLAYS
        )
    calm_s = session.calm_s if asked else None
    session = replace(session, ducked_s=None, calm_s=calm_s, faded_s=None)
    if not was_calm:
        missed = closing_missed(session) and not session.elsewhere
        return replanned(session) if missed else (session, ())
    return replanned(session, keep=False, crossfade_s=CALM_CROSSFADE_S)


def levelled(session: Session, event: e.Levelled) -> Result:
    """Louder or softer, as far as the profile allows."""
    if not isfinite(event.by_db):
        raise Mend("a step in level is a number of dB, e.g. `kaproom level up 2`")
    limits = session.profile.limits
    level_db = min(max(session.level_db + event.by_db, limits.level_min_db), limits.level_max_db)
    if level_db == session.level_db:
        bound = "highest" if event.by_db > 0 else "lowest"
        raise Refused(
            f"the level is at its {bound}, {level_db:g} dB; the profile limits it: "
            f"limits.{'level_max_db' if event.by_db > 0 else 'level_min_db'}",
            Reason.LOUDEST if event.by_db > 0 else Reason.SOFTEST,
        )
    return replace(session, level_db=level_db), ()


def ended(session: Session, event: e.Ended) -> Result:
    """Close softly."""
    ends_s = session.now_s + END_S + END_TAIL_S
    return replace(session, stage=Stage.ENDING, ends_s=ends_s), ()
