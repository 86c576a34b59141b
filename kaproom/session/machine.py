"""The session's state machine.

Every change of a session happens in step(). It reads no clock and touches no device:
time arrives inside events, work leaves as effects. What would be wrong now is refused
and changes nothing.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.infusion import Infusion, InfusionState, Mark
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire, gain_db
from kaproom.session.timeline import (
    Course,
    Occasion,
    PlannedCue,
    Span,
    at_music_clock,
    phase_by_clock,
    plan,
    spans,
)

REST_DB = -6.0
"""The output's gain at rest, so that `level up` has room."""
DUCK_DB = -18.0
"""How far `duck` lowers: a voice at 60 dB(A) stands clear of music at 65."""
CALM_DB = -6.0
"""How far `calm` lowers at once; the refuge stays so much softer."""
LEAD_S = 3.3
"""A change of the programme is heard so much later: the ring's 3 s and some to write."""

FADE_S, FADE_NOW_S, AWAY_S, END_S = 3.0, 0.3, 3.0, 8.0
DUCK_S, CALM_S, LEVEL_S = 0.25, 1.5, 0.5

CALM_CROSSFADE_S = 8.0
SKIP_CROSSFADE_S = 6.0  # with LEAD_S, the piece has left within 10 s
ADVANCE_CROSSFADE_S = 12.0
LONG_CROSSFADE_S = 20.0  # a stop, a late entry: the music turns without a jolt
BACK_CROSSFADE_S = 0.2  # heard by nobody: the gain is silent until it is over

SILENT_DB = float("-inf")


class Stage(StrEnum):
    """Of the session's life."""

    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SetGain:
    """The output's gain, at once. ``target_db`` may be minus infinity."""

    target_db: float
    fall_s: float


@dataclass(frozen=True, slots=True)
class Play:
    """What has not started yet is replaced by these cues."""

    cues: tuple[PlannedCue, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Something happened by itself that the record keeps."""

    kind: str
    at_s: float
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """The fade at the end is over: stop the sound, seal the session."""

    at_s: float


Effect = SetGain | Play | Tell | Close


@dataclass(frozen=True, slots=True)
class Note:
    """A note as the screens need it; its text is in the record."""

    at_s: float
    category: str


@dataclass(frozen=True, slots=True)
class Session:
    """All that is known of one session; replaced, never changed.

    Attributes:
        profile: The clinic's plan.
        repertoire: The music of this session.
        now_s: The last moment that was stepped to.
        cues: What was and will be played, in order.
        phases: As predicted at the last plan.
        ducked_s: Since when it is lowered for a voice; likewise calm, faded, away.
        kept: While away, the piece that was left and where.
        silent_until_s: The gain stays silent until then (a kept piece comes first).
    """

    profile: Profile
    repertoire: Repertoire
    infusion: Infusion
    now_s: float = 0.0
    stage: Stage = Stage.OPEN
    course: Course = field(default_factory=Course)
    cues: tuple[PlannedCue, ...] = ()
    phases: tuple[Span, ...] = ()
    thrown_out: frozenset[str] = field(default_factory=frozenset)
    number: int = 1
    level_db: float = REST_DB
    ducked_s: float | None = None
    calm_s: float | None = None
    faded_s: float | None = None
    away_s: float | None = None
    kept: PlannedCue | None = None
    silent_until_s: float | None = None
    ends_s: float | None = None
    notes: tuple[Note, ...] = ()

    def cue_at(self, at_s: float) -> PlannedCue | None:
        """What was entering or sounding at ``at_s``; None before the first cue."""
        current = None
        for cue in self.cues:
            if cue.start_s > at_s:
                break
            current = cue
        return current

    @property
    def infusion_state(self) -> InfusionState:
        """What is known of the infusion now."""
        return self.infusion.state(self.now_s)

    @property
    def gain_db(self) -> float:
        """The gain that the output is to have."""
        silent = (
            self.faded_s is not None
            or self.away_s is not None
            or self.silent_until_s is not None
            or self.stage is not Stage.OPEN
        )
        if silent:
            return SILENT_DB
        lowered = DUCK_DB if self.ducked_s is not None else 0.0
        lowered = min(lowered, CALM_DB if self.calm_s is not None else 0.0)
        return self.level_db + lowered


def opened(profile: Profile, repertoire: Repertoire) -> tuple[Session, tuple[Effect, ...]]:
    """A session at its first moment, and the effects that begin it."""
    session = Session(profile, repertoire, Infusion(profile.infusion.planned_min * 60))
    session, play = _replanned(session, from_s=0.0)
    return session, (SetGain(session.gain_db, LEVEL_S), *play)


def step(session: Session, event: e.Event) -> tuple[Session, tuple[Effect, ...]]:
    """What ``event`` makes of the session, and what is to be done about it.

    Raises:
        Refused: It would be wrong now; the text says why and what to do instead.
        Mend: It names something that does not exist.
    """
    ticked, passed = _passed(session, max(session.now_s, event.entered_s))
    if isinstance(event, e.Tick):
        return ticked, passed
    if ticked.stage is not Stage.OPEN and not isinstance(event, e.Noted | e.Amended):
        raise Refused(_OVER[ticked.stage])
    before = ticked.gain_db
    after, effects = _RULES[type(event)](ticked, event)
    if after.gain_db != before and not any(isinstance(x, SetGain) for x in effects):
        effects = (SetGain(after.gain_db, _FALLS.get(type(event), LEVEL_S)), *effects)
    return after, (*passed, *effects)


_OVER = {
    Stage.ENDING: "the session is ending; the sound fades out and the record closes",
    Stage.ENDED: "the session has ended; `kaproom start PROFILE` begins the next one",
}

_FALLS: dict[type[e.Event], float] = {
    e.Ducked: DUCK_S,
    e.Calmed: CALM_S,
    e.WentAway: AWAY_S,
    e.Ended: END_S,
}

_Result = tuple[Session, tuple[Effect, ...]]


def _passed(session: Session, now_s: float) -> _Result:
    """Time went on to ``now_s``: phases begin, silences end, an ending is over."""
    previous_s = session.now_s
    session = replace(session, now_s=now_s)
    effects: list[Effect] = []
    if session.stage is Stage.ENDING and session.ends_s is not None and now_s >= session.ends_s:
        return replace(session, stage=Stage.ENDED), (Close(session.ends_s),)
    if session.stage is not Stage.OPEN:
        return session, ()
    if session.silent_until_s is not None and now_s >= session.silent_until_s:
        session = replace(session, silent_until_s=None)
        effects.append(SetGain(session.gain_db, LEVEL_S))
    wanted = phase_by_clock(session.profile, session.infusion, now_s)
    if not session.course.held and wanted > session.course.index:
        start_s = (session.profile.phases[wanted].start_min or 0.0) * 60
        since_s = at_music_clock(session.profile, session.infusion, start_s, now_s)
        since_s = min(max(since_s or now_s, previous_s), now_s)
        session = replace(session, course=Course(wanted, since_s))
        session = replace(session, phases=_spans(session))
        effects.append(_tell_phase(session))
    return session, tuple(effects)


def _tell_phase(session: Session) -> Tell:
    phase = session.profile.phases[session.course.index]
    data = {"index": session.course.index, "name": phase.name}
    return Tell("phase", session.course.since_s, data)


def _spans(session: Session) -> tuple[Span, ...]:
    return spans(session.profile, session.infusion, session.course, session.now_s)


def _replanned(
    session: Session,
    *,
    from_s: float | None = None,
    keep: bool = True,
    crossfade_s: float | None = None,
    no_louder_than_lufs: float | None = None,
    end_sounding_s: float | None = None,
) -> _Result:
    """The plan anew from the moment at which a change can be heard."""
    start_s = session.now_s + LEAD_S if from_s is None else from_s
    started = tuple(c for c in session.cues if c.start_s < start_s)
    sounding = started[-1] if started else None
    if sounding is not None and end_sounding_s is not None:
        sounding = replace(sounding, end_s=end_sounding_s)
        started = (*started[:-1], sounding)
    session = replace(session, phases=_spans(session))
    state = session.infusion.state(session.now_s)
    waiting = state in (InfusionState.NOT_STARTED, InfusionState.PAUSED)
    occasion = Occasion(
        from_s=start_s,
        sounding=sounding,
        keep=keep,
        first_crossfade_s=crossfade_s,
        used=session.thrown_out | {c.offer.key for c in started},
        number=session.number,
        open_ended=session.course.held or waiting,
        no_louder_than_lufs=no_louder_than_lufs,
    )
    fresh = plan(session.profile, session.repertoire, session.phases, session.course, occasion)
    session = replace(session, cues=(*started, *fresh), number=session.number + len(fresh))
    return session, (Play(fresh),)


def _infused(session: Session, event: e.Infused) -> _Result:
    if event.at_s < 0:
        raise Refused("that is before this session was opened; record it in your own notes")
    if event.what == "rate" and event.unit == "mL/h":
        _need_concentration(session.profile)
    mark = Mark(event.what, event.at_s, event.late, event.value, event.unit)
    session = replace(session, infusion=session.infusion.recorded(mark))
    if event.what in ("rate", "bolus"):
        return session, ()
    index = session.course.index
    if event.what == "stopped":
        # A stop leads over to the descent; what was asked for before it no longer holds.
        session = replace(session, course=replace(session.course, held=False))
    session, passed = _passed(session, session.now_s)
    if session.calm_s is not None or session.away_s is not None:
        return replace(session, phases=_spans(session)), passed
    turned = session.course.index != index
    session, play = _replanned(
        session, keep=not turned, crossfade_s=LONG_CROSSFADE_S if turned else None
    )
    return session, (*passed, *play)


def _need_concentration(profile: Profile) -> None:
    if profile.infusion.concentration_mg_per_ml is None:
        raise Mend(
            "a rate in mL/h needs the concentration; add infusion.concentration_mg_per_ml to "
            f"profile '{profile.name}', or give the rate in mg/min"
        )


def _noted(session: Session, event: e.Noted) -> _Result:
    known = [note.category for note in session.profile.notes]
    if event.category not in known:
        raise Mend(
            f"'{event.category}' is not a note category of this profile; it has {', '.join(known)}"
        )
    note = Note(event.at_s, event.category)
    return replace(session, notes=(*session.notes, note)), ()


def _amended(session: Session, event: e.Amended) -> _Result:
    return session, ()


def _held(session: Session, event: e.Held) -> _Result:
    if session.course.held:
        raise Refused("this phase is held already; `kaproom advance` goes on")
    session = replace(session, course=replace(session.course, held=True))
    if _elsewhere(session):
        return replace(session, phases=_spans(session)), ()
    return _replanned(session)


def _advanced(session: Session, event: e.Advanced) -> _Result:
    profile, course = session.profile, session.course
    if session.infusion.started_at_s is None:
        raise Refused(
            f"'{profile.phases[0].name}' lasts until the infusion's start is recorded: "
            "`kaproom infusion started`"
        )
    following = course.index + 1
    if course.held:
        # The infusion did not wait for us, so the music rejoins it where it is now.
        following = max(following, phase_by_clock(profile, session.infusion, session.now_s))
    if following >= len(profile.phases):
        if not course.held:
            raise Refused(f"'{profile.phases[-1].name}' is the last phase; `kaproom end` closes")
        session = replace(session, course=replace(course, held=False))
        return (session, ()) if _elsewhere(session) else _replanned(session)
    session = replace(session, course=Course(following, session.now_s))
    tell = _tell_phase(session)
    if _elsewhere(session):
        return replace(session, phases=_spans(session)), (tell,)
    session, play = _replanned(session, keep=False, crossfade_s=ADVANCE_CROSSFADE_S)
    return session, (tell, *play)


def _elsewhere(session: Session) -> bool:
    """Whether what sounds is not the plan's: the plan waits for `return` or `back`."""
    return session.calm_s is not None or session.away_s is not None


def _calmed(session: Session, event: e.Calmed) -> _Result:
    if session.calm_s is not None:
        raise Refused("the refuge plays already; `kaproom return` brings the plan's music back")
    _at_home(session)
    start_s = session.now_s + LEAD_S
    started = tuple(c for c in session.cues if c.start_s < start_s)
    refuge = session.repertoire.refuge
    phase = session.profile.phases[session.course.index]
    limit_lufs = started[-1].loudness_lufs if started else None
    length_s = refuge.length_s
    cue = PlannedCue(
        id=f"c{session.number}",
        offer=refuge,
        phase_index=session.course.index,
        start_s=start_s,
        crossfade_s=CALM_CROSSFADE_S,
        gain_db=gain_db(refuge, session.profile, phase, limit_lufs),
        cue_in_s=refuge.cue_in_s if refuge.soundscape is None else start_s,
        end_s=None if length_s is None else start_s + length_s,
        intensity=phase.intensity if refuge.intensity is None else refuge.intensity,
    )
    session = replace(
        session, cues=(*started, cue), number=session.number + 1, calm_s=session.now_s
    )
    return session, (Play((cue,)),)


def _at_home(session: Session) -> None:
    if session.away_s is not None:
        raise Refused("the headphones are off; `kaproom back` once they are on again")


def _skipped(session: Session, event: e.Skipped) -> _Result:
    _at_home(session)
    if session.calm_s is not None:
        raise Refused("the refuge plays; `kaproom return` brings the plan's music back")
    sounding = session.cue_at(session.now_s + LEAD_S)
    if sounding is None:
        raise Refused("nothing sounds yet that could be skipped")
    session = replace(session, thrown_out=session.thrown_out | {sounding.offer.key})
    return _replanned(
        session,
        keep=False,
        crossfade_s=SKIP_CROSSFADE_S,
        no_louder_than_lufs=sounding.loudness_lufs,
    )


def _ducked(session: Session, event: e.Ducked) -> _Result:
    if session.ducked_s is not None:
        raise Refused("the sound is lowered already; `kaproom return` brings it back")
    return replace(session, ducked_s=session.now_s), ()


def _faded(session: Session, event: e.Faded) -> _Result:
    if session.faded_s is not None and not event.at_once:
        raise Refused("the sound is faded already; `kaproom return` brings it back")
    session = replace(session, faded_s=session.faded_s or session.now_s)
    return session, (SetGain(SILENT_DB, FADE_NOW_S if event.at_once else FADE_S),)


def _returned(session: Session, event: e.Returned) -> _Result:
    _at_home(session)
    was_calm = session.calm_s is not None
    if not was_calm and session.ducked_s is None and session.faded_s is None:
        raise Refused("the plan's music plays already; there is nothing to return from")
    session = replace(session, ducked_s=None, calm_s=None, faded_s=None)
    if not was_calm:
        return session, ()
    return _replanned(session, keep=False, crossfade_s=CALM_CROSSFADE_S)


def _levelled(session: Session, event: e.Levelled) -> _Result:
    limits = session.profile.limits
    level_db = min(max(session.level_db + event.by_db, limits.level_min_db), limits.level_max_db)
    if level_db == session.level_db:
        bound = "highest" if event.by_db > 0 else "lowest"
        raise Refused(f"the level is at its {bound}, {level_db:g} dB, which the profile limits")
    return replace(session, level_db=level_db), ()


def _went_away(session: Session, event: e.WentAway) -> _Result:
    if session.away_s is not None:
        raise Refused("the headphones are off already; `kaproom back` once they are on again")
    heard = session.cue_at(session.now_s)
    kept = None
    if heard is not None and session.calm_s is None:
        kept = replace(heard, cue_in_s=heard.position_s(session.now_s), start_s=session.now_s)
    return replace(session, away_s=session.now_s, kept=kept, silent_until_s=None), ()


def _came_back(session: Session, event: e.CameBack) -> _Result:
    if session.away_s is None:
        raise Refused("nobody is away; `kaproom away` is for headphones taken off")
    kept = session.kept
    session = replace(
        session,
        away_s=None,
        kept=None,
        calm_s=None,
        faded_s=None,
        ducked_s=None,
        silent_until_s=session.now_s + LEAD_S + BACK_CROSSFADE_S,
    )
    if kept is None or event.rejoin:
        return _replanned(session, keep=False, crossfade_s=BACK_CROSSFADE_S)
    start_s = session.now_s + LEAD_S
    again = replace(kept.moved(start_s), id=f"c{session.number}", crossfade_s=BACK_CROSSFADE_S)
    started = tuple(c for c in session.cues if c.start_s < start_s)
    session = replace(session, cues=(*started, again), number=session.number + 1)
    session, (play,) = _replanned(session, from_s=start_s + BACK_CROSSFADE_S)
    assert isinstance(play, Play)
    return session, (Play((again, *play.cues)),)


def _ended(session: Session, event: e.Ended) -> _Result:
    return replace(session, stage=Stage.ENDING, ends_s=session.now_s + END_S + 0.5), ()


def _source_failed(session: Session, event: e.SourceFailed) -> _Result:
    failed = next((c for c in session.cues if c.id == event.cue), None)
    if failed is None:
        return session, ()
    session = replace(session, thrown_out=session.thrown_out | {failed.offer.key})
    if _elsewhere(session) or session.cue_at(session.now_s + LEAD_S) is not failed:
        return session, ()
    crossfade_s = session.profile.phase_crossfade_s(session.profile.phases[failed.phase_index])
    # The fallback bed has taken over; another piece comes when it has had time to be heard.
    return _replanned(session, end_sounding_s=session.now_s + LEAD_S + 2 * crossfade_s)


def _shifted(session: Session, event: e.Shifted) -> _Result:
    start_s = session.now_s + LEAD_S
    started = [c for c in session.cues if c.start_s < start_s]
    if started and started[-1].end_s is not None:
        started[-1] = replace(started[-1], end_s=started[-1].end_s + event.by_s)
    session = replace(session, cues=(*started, *session.cues[len(started) :]))
    if _elsewhere(session):
        return session, ()
    return _replanned(session)


_RULES: dict[type[e.Event], Callable[[Session, Any], _Result]] = {
    e.Infused: _infused,
    e.Noted: _noted,
    e.Amended: _amended,
    e.Held: _held,
    e.Advanced: _advanced,
    e.Calmed: _calmed,
    e.Skipped: _skipped,
    e.Ducked: _ducked,
    e.Faded: _faded,
    e.Returned: _returned,
    e.Levelled: _levelled,
    e.WentAway: _went_away,
    e.CameBack: _came_back,
    e.Ended: _ended,
    e.SourceFailed: _source_failed,
    e.Shifted: _shifted,
}
