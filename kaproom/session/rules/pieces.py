"""What plays: the refuge and back from it, another piece, headphones off and on again."""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Reason, Refused
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.refuge import plan_after_refuge, plan_refuge
from kaproom.session.repertoire import Offer, bed_key, gain_db
from kaproom.session.replanning import Result, begun, occasion, put_in, replanned, started
from kaproom.session.state import LEAD_S, Session

CALM_CROSSFADE_S = 8.0
SKIP_CROSSFADE_S = 6.0  # with LEAD_S, the piece has left within 10 s
GONE_WITHIN_S = 10.0
BACK_CROSSFADE_S = 0.2  # heard by nobody: the gain is silent until it is over
# Less than this is left of a kept piece: it would be over before it has risen from silence.
KEEP_MIN_S = 20.0


def not_away(session: Session) -> None:
    """Refuse what makes no sense while the headphones are off."""
    if session.away_s is not None:
        raise Refused("the headphones are off; `kaproom back` once they are on again", Reason.AWAY)


def calmed(session: Session, event: e.Calmed) -> Result:
    """To the refuge, no louder than anything that sounds, until `return`.

    From a fade the refuge rises out of the silence: to ask for it is to want to hear it.
    """
    not_away(session)
    if session.calm_s is not None:
        raise Refused(
            "the refuge plays already; `kaproom return` brings the plan's music back", Reason.CALM
        )
    faded = session.faded_s is not None
    from_s = session.now_s + LEAD_S
    session = replace(session, calm_s=session.now_s)
    session, play = _refuge(session, BACK_CROSSFADE_S if faded else CALM_CROSSFADE_S)
    if faded:
        # The fade is over when the refuge has come in; see machine.step.
        session = replace(session, silent_until_s=from_s + BACK_CROSSFADE_S)
    return session, play


def _refuge(session: Session, crossfade_s: float) -> Result:
    from_s = session.now_s + LEAD_S
    heard = session.cue_at(session.now_s)
    sounding = started(session, from_s)[-1:]
    limit_lufs = min(
        (cue.loudness_lufs for cue in (heard, *sounding) if cue is not None), default=None
    )
    why = occasion(
        session,
        from_s,
        keep=False,
        crossfade_s=crossfade_s,
        exactly=True,
        no_louder_than_lufs=limit_lufs,
    )
    return put_in(
        session, from_s, plan_refuge(session.profile, session.repertoire, session.course, why)
    )


def skipped(session: Session, event: e.Skipped) -> Result:
    """The piece that is heard leaves for another of the phase, and does not come again."""
    not_away(session)
    if session.calm_s is not None:
        raise Refused(
            "the refuge plays; `kaproom return` brings the plan's music back", Reason.CALM
        )
    session, told = begun(session)
    heard = session.cue_at(session.now_s)
    if heard is None:
        raise Refused(
            "nothing sounds yet that could be skipped; wait for the first piece",
            Reason.NOTHING_SOUNDS,
        )
    session = replace(session, thrown_out=session.thrown_out | _names(heard.offer))
    following = started(session, session.now_s + LEAD_S)[-1]
    if _replaces_in_time(session, heard, following):
        session, play = replanned(session)
        return session, (*told, *play)
    session, play = replanned(
        session,
        keep=False,
        crossfade_s=SKIP_CROSSFADE_S,
        exactly=True,
        no_louder_than_lufs=heard.loudness_lufs,
    )
    coming = next(cue for cue in session.cues if cue.start_s >= session.now_s + LEAD_S)
    if _names(coming.offer) & session.thrown_out:
        raise Refused(
            "nothing else is left that could play in this phase; `kaproom calm` goes to the "
            "refuge, `kaproom fade` to silence",
            Reason.NOTHING_ELSE,
        )
    return session, (*told, *play)


def _names(offer: Offer) -> frozenset[str]:
    """All by which a piece is known: a soundscape is the same whichever section names it."""
    if offer.soundscape is None:
        return frozenset({offer.key})
    return frozenset({offer.key, bed_key(offer.soundscape)})


def _replaces_in_time(session: Session, heard: PlannedCue, following: PlannedCue) -> bool:
    """Whether what is heard is leaving already, soon enough and for nothing louder."""
    return (
        not _names(following.offer) & _names(heard.offer)
        and following.start_s + following.crossfade_s <= session.now_s + GONE_WITHIN_S
        and following.loudness_lufs <= heard.loudness_lufs
    )


def went_away(session: Session, event: e.WentAway) -> Result:
    """The headphones are off: silence; the piece is kept, the infusion is not waited for."""
    if session.away_s is not None:
        raise Refused(
            "the headphones are off already; `kaproom back` once they are on again", Reason.AWAY
        )
    # On the way back from another absence the kept piece has not come in yet.
    silent_until_s = session.silent_until_s
    heard = session.cue_at(session.now_s if silent_until_s is None else silent_until_s)
    kept = None
    if heard is not None:
        kept = _left_at(heard, max(session.now_s, heard.start_s), session.now_s)
    return replace(session, away_s=session.now_s, kept=kept, silent_until_s=None), ()


def _left_at(cue: PlannedCue, left_s: float, now_s: float) -> PlannedCue:
    """What is left of a cue at ``left_s``, as one that starts at ``now_s``."""
    rest = replace(cue, cue_in_s=cue.position_s(left_s), start_s=left_s)
    return rest.moved(now_s)


def came_back(session: Session, event: e.CameBack) -> Result:
    """The headphones are on again: up from silence, at the kept place unless asked otherwise.

    What was lowered for a voice, or calm, stays so until `return`; a fade does not.
    """
    if session.away_s is None:
        raise Refused("nobody is away; `kaproom away` is for headphones taken off", Reason.NOT_AWAY)
    kept = session.kept
    from_s = session.now_s + LEAD_S
    # Where the infusion is nobody knows before people looked at the pump: the refuge till then.
    rejoins = event.rejoin and session.interruption is None
    session = replace(
        session,
        away_s=None,
        kept=None,
        faded_s=None,
        calm_s=None if rejoins else session.calm_s,
        silent_until_s=from_s + BACK_CROSSFADE_S,
    )
    if kept is not None and not event.rejoin and _worth_keeping(session, kept):
        return _went_on(session, kept, from_s)
    if session.calm_s is not None:
        return _refuge(session, BACK_CROSSFADE_S)
    return replanned(session, keep=False, crossfade_s=BACK_CROSSFADE_S, exactly=True)


def _went_on(session: Session, kept: PlannedCue, from_s: float) -> Result:
    """The kept piece from its place, and what follows it: the plan's, or the refuge's."""
    session, _ = put_in(session, from_s, (_again(session, kept, from_s),))
    then_s = from_s + BACK_CROSSFADE_S
    if session.calm_s is None:
        return replanned(session, from_s=then_s)
    why = occasion(session, then_s)
    after = plan_after_refuge(session.profile, session.repertoire, session.course, why)
    return put_in(session, then_s, after)


def _worth_keeping(session: Session, kept: PlannedCue) -> bool:
    if kept.offer.key in session.thrown_out:
        return False
    if kept.end_s is None:
        # A bed without end would go on into phases that have their own.
        return kept.phase_index == session.course.index or session.calm_s is not None
    return kept.end_s - kept.start_s >= KEEP_MIN_S


def _again(session: Session, kept: PlannedCue, from_s: float) -> PlannedCue:
    """The kept piece, now of the phase that is on, and no louder than that asks for."""
    index = session.course.index
    gain = gain_db(kept.offer, session.profile, session.profile.phases[index])
    return replace(
        kept.moved(from_s),
        id=f"c{session.number}",
        phase_index=index,
        crossfade_s=BACK_CROSSFADE_S,
        gain_db=min(kept.gain_db, gain),
    )
