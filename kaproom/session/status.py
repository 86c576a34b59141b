"""What others may know of a session: one snapshot, in plain values.

This is what the room's own clients see (console, command line, demo). What goes on
the wire is less, and is chosen elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from kaproom.session.cues import PlannedCue
from kaproom.session.dosing import runs_until_s
from kaproom.session.infusion import InfusionState
from kaproom.session.outlook import coming, outlook, told
from kaproom.session.phases import Span
from kaproom.session.prompts import PromptState, dues
from kaproom.session.state import SILENT_DB, Session, Stage

GAP_KNOWN_S = 1.0
"""No machine restarts faster: a shorter gap is a wall clock that was lost with the power."""
BEGIN_MAX_S = 2.0
"""Until then after its opening, a session that is not heard yet is not a silence to report."""


class SoundState(StrEnum):
    """What the headphones do, as the wire and the screens name it."""

    PLAYING = "playing"
    CALM = "calm"
    DUCKED = "ducked"
    AWAY = "away"
    PLANNED_SILENCE = "planned-silence"
    FADED = "faded"
    UNPLANNED_SILENCE = "unplanned-silence"
    DEVICE_LOST = "device-lost"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Sound:
    """What the output says of itself.

    Attributes:
        device: What plays: its name, or "silent output"; empty while none was opened yet.
        lost: Why there is no device although one was asked for; None when all is well.
        running: Whether sound flows: the output lives and has something to play.
        level_lufs: Momentary loudness of what left for the device.
        gain_now_db: The gain that is reached.
        underruns: Times that the output wanted frames and had none.
    """

    device: str
    lost: str | None
    running: bool
    level_lufs: float
    gain_now_db: float
    underruns: int


@dataclass(frozen=True, slots=True)
class Sounded:
    """Where the sound was at some moment, by the output's own count.

    Attributes:
        frame: The programme's frame that was heard.
        rate_hz: Frames a second.
        origin_frames: The frame of the session's opening, as the plan had it then.
    """

    frame: int
    rate_hz: int
    origin_frames: float

    @property
    def at_s(self) -> float:
        """The session's time that this frame belongs to."""
        return (self.frame - self.origin_frames) / self.rate_hz


NO_SOUND = Sound("", None, False, SILENT_DB, SILENT_DB, 0)


def sound_state(session: Session | None, sound: Sound) -> SoundState:
    """The one word for what is heard, the gravest first."""
    if session is None or session.stage is Stage.ENDED:
        return SoundState.OFF
    if sound.lost is not None:
        return SoundState.DEVICE_LOST
    if not sound.running:
        begun = session.now_s >= BEGIN_MAX_S
        return SoundState.UNPLANNED_SILENCE if begun else SoundState.OFF
    if session.away_s is not None:
        return SoundState.AWAY
    if session.faded_s is not None or session.stage is Stage.ENDING:
        return SoundState.FADED
    if session.silent_until_s is not None:
        return SoundState.AWAY  # they are back, and the music is on its way
    if silent_since_s(session) is not None:
        return SoundState.PLANNED_SILENCE
    if session.ducked_s is not None:
        return SoundState.DUCKED
    return SoundState.CALM if session.calm_s is not None else SoundState.PLAYING


def silent_since_s(session: Session) -> float | None:
    """Since when the plan's own silence lasts; None where there is none now."""
    cue = session.cue_at(session.now_s)
    if cue is None or cue.offer.silence_s is None:
        return None
    # Until then the piece before it fades out.
    since_s = cue.start_s + cue.crossfade_s
    return since_s if since_s <= session.now_s else None


def snapshot(session: Session, sound: Sound) -> dict[str, Any]:
    """The session as it is at ``session.now_s``; seconds throughout, None for unknown."""
    now_s = session.now_s
    start_s = session.infusion.started_at_s
    phases = session.phases
    return {
        "session": {
            "state": str(session.stage),
            "profile": session.profile.name,
            "title": session.profile.title,
            "who": session.who.split(),
            "closing": list(session.profile.checklist.after),
            "open_s": now_s,
            "session_s": None if start_s is None else now_s - start_s,
            "planned_s": session.profile.session_end_min * 60,
            "end_in_s": _in_s(phases[-1].end_s, now_s),
            "signed_by": session.signed_by,
            "interrupted": _interrupted(session),
        },
        "phase": _phase(session, phases),
        "phases": [
            {
                "name": s.name,
                "start_in_s": _in_s(s.start_s, now_s),
                "end_in_s": _in_s(s.end_s, now_s),
                "intensity": phase.intensity,
            }
            for s, phase in zip(phases, session.profile.phases, strict=True)
        ],
        "infusion": _infusion(session),
        "sound": _sound(session, sound),
        "notes": _notes(session),
        "prompts": _prompts(session),
        "ahead": outlook(session),
    }


def _in_s(at_s: float | None, now_s: float) -> float | None:
    return None if at_s is None else at_s - now_s


def _interrupted(session: Session) -> dict[str, Any] | None:
    """What is asked after a loss of power; None once it was answered."""
    gap = session.interruption
    if gap is None:
        return None
    gap_s = gap.until_s - gap.from_s
    minutes, seconds = divmod(round(gap_s), 60)
    long = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    if gap_s < GAP_KNOWN_S:
        long = "(for how long is not known)"
    return {
        "gap_s": gap_s,
        "since_s": session.now_s - gap.until_s,
        "ask": f"interrupted {long}: is the infusion running, at which minute?",
    }


def _infusion(session: Session) -> dict[str, Any]:
    state = session.infusion_state
    elapsed_s = session.infusion.elapsed_s(session.now_s)
    planned_s = session.infusion.planned_s
    # Of what was stopped nothing remains, whatever was planned.
    over = state in (InfusionState.STOPPED, InfusionState.COMPLETE)
    return {
        "state": str(state),
        "elapsed_s": elapsed_s,
        "planned_s": planned_s,
        "remaining_s": 0.0 if over else max(0.0, planned_s - (elapsed_s or 0.0)),
        "end_in_s": None
        if over or session.infusion.started_at_s is None
        else max(0.0, runs_until_s(session.infusion, session.now_s) - session.now_s),
    }


def _notes(session: Session) -> dict[str, Any]:
    # The latest to be made, which a late entry need not be.
    counted = [note for note in session.notes if note.counts]
    last = max(counted, key=lambda note: note.at_s, default=None)
    return {
        "count": len(counted),
        "last_s": None if last is None else session.now_s - last.at_s,
        "last_category": None if last is None else last.category,
        "keys": [
            {"key": note.key, "category": note.category, "label": note.label}
            for note in session.profile.notes
        ],
    }


def _phase(session: Session, phases: tuple[Span, ...]) -> dict[str, Any]:
    index, now_s = session.course.index, session.now_s
    end_s = phases[index].end_s
    following = phases[index + 1].name if index + 1 < len(phases) else None
    return {
        "name": session.profile.phases[index].name,
        "index": index,
        "count": len(session.profile.phases),
        "elapsed_s": now_s - session.course.since_s,
        "remaining_s": None if end_s is None else max(0.0, end_s - now_s),
        "held": session.course.held,
        "hold_ends_in_s": _in_s(session.course.held_until_s, now_s),
        "next": following,
    }


def _sound(session: Session, sound: Sound) -> dict[str, Any]:
    now_s = session.now_s
    heard = session.cue_at(now_s)
    since_s = next(
        (
            now_s - since
            for since in (
                session.away_s,
                session.faded_s,
                silent_since_s(session),
                session.ducked_s,
                session.calm_s,
            )
            if since is not None
        ),
        None,
    )
    return {
        "state": str(sound_state(session, sound)),
        "since_s": since_s,
        "device": sound.device,
        "why": sound.lost,
        "level_lufs": _finite(sound.level_lufs),
        "gain_db": _finite(sound.gain_now_db),
        "level_db": session.level_db,
        "underruns": sound.underruns,
        "now": None
        if heard is None
        else told(session, heard)
        | {
            "position_s": heard.position_s(now_s),
            "remaining_s": _in_s(heard.end_s, now_s),
        },
        "coming": coming(session),
    }


def heard(session: Session, at_s: float, sounded: Sounded | None = None) -> dict[str, Any] | None:
    """What was audible at ``at_s``, for the record: piece, position in it, level.

    As it was then: a standstill that came later does not count, nor a level of now. While
    one piece goes over into another, the one that leaves is told under ``leaving``. With
    ``sounded`` the position is the output's, to the sample, not the plan's.
    """
    if session.ends_s is not None and at_s > session.ends_s:
        return None
    cues, stands_s = cues_then(session, at_s)
    sound_s = at_s if sounded is None else sounded.at_s
    if stands_s is not None:
        sound_s, sounded = stands_s, None
    begun = [cue for cue in cues if cue.start_s <= sound_s]
    if not begun:
        return None
    cue = begun[-1]
    gain_db = session.gain_at_db(at_s)
    told = _piece(cue, sound_s) | {
        "silent": stands_s is not None or session.silent_at(at_s),
        "gain_db": _finite(gain_db),
        "loudness_lufs": _finite(cue.loudness_lufs + gain_db),
    }
    if sounded is not None:
        start_frame = round(sounded.origin_frames + cue.start_s * sounded.rate_hz)
        within = sounded.frame - start_frame + round(cue.cue_in_s * sounded.rate_hz)
        told |= {"frame": sounded.frame, "rate_hz": sounded.rate_hz, "position_frames": within}
    if len(begun) > 1 and sound_s < cue.start_s + cue.crossfade_s:
        told["leaving"] = _piece(begun[-2], sound_s)
    return told


def cues_then(session: Session, at_s: float) -> tuple[list[PlannedCue], float | None]:
    """The cues with their starts of then; and while the sound stood still, where it stood."""
    later_s: dict[str, float] = {}
    stands_s = None
    for stood in session.stood:
        if at_s < stood.at_s - max(stood.by_s, 0.0):
            later_s[stood.cue] = later_s.get(stood.cue, 0.0) + stood.by_s
        elif at_s < stood.at_s:
            stands_s = stood.at_s
    return [
        cue.moved(cue.start_s - later_s[cue.id]) if cue.id in later_s else cue
        for cue in session.cues
    ], stands_s


def _piece(cue: PlannedCue, at_s: float) -> dict[str, Any]:
    return {
        "cue": cue.id,
        "title": cue.offer.title,
        "key": cue.offer.key,
        "position_s": round(cue.position_s(at_s), 6),
    }


def _prompts(session: Session) -> dict[str, Any]:
    due = dues(session)
    ahead = [d for d in due if d.state is PromptState.AHEAD and d.at_s is not None]
    following = min(ahead, key=lambda d: d.at_s or 0.0, default=None)
    return {
        "next_in_s": None if following is None else _in_s(following.at_s, session.now_s),
        "next_label": None if following is None else following.label,
        "due": [d.label for d in due if d.state is PromptState.DUE],
        "overdue": sum(d.state is PromptState.OVERDUE for d in due),
        "done": sum(d.state is PromptState.DONE for d in due),
        "missed": sum(d.state is PromptState.MISSED for d in due),
    }


def _finite(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None
