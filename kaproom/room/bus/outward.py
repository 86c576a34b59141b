"""What of the room goes outward: from what the room knows to what the contract allows.

Everything that leaves for the broker is made here, key by key. What is not named here
stays in the room: titles, texts, doses, weights, devices, the clinic's own names for
profiles and phases. It reads no clock and touches no connection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaproom.contract import payload as p
from kaproom.record import SESSION_ENDED, SESSION_STARTED, Entry
from kaproom.record.series import Numbered
from kaproom.room.attention import Matter
from kaproom.session.profile import VOCABULARY, Profile

# Which entries of the record are events. A contract 1 never changes this: the events'
# numbers count these kinds.
KINDS: Mapping[str, str] = {
    SESSION_STARTED: "phase",
    SESSION_ENDED: "phase",
    "phase": "phase",
    "hold": "phase",
    "advance": "phase",
    "infusion": "infusion",
    "note": "note",
    "amendment": "note",
    "sound": "audio",
    "source-failed": "audio",
    "attention": "attention",
}
_PHASE_WHAT = {
    SESSION_STARTED: "session-started",
    SESSION_ENDED: "session-ended",
    "phase": "entered",
    "hold": "held",
    "advance": "advanced",
}
_SILENT = "silent output"
# What people ask for and take back, so that it is known since when it is so.
_LASTING = (p.SoundWord.AWAY, p.SoundWord.FADED, p.SoundWord.DUCKED, p.SoundWord.CALM)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What each message begins with."""

    site: str
    room: str
    boot: int
    seq: int
    ts: datetime


@dataclass(frozen=True, slots=True)
class Shareable:
    """What of a profile may go out.

    Attributes:
        categories: Note categories that are marked ``share``.
        phases: Every phase's word on the wire, by its name.
    """

    categories: frozenset[str] = frozenset()
    phases: Mapping[str, str] | None = None

    @classmethod
    def of(cls, profile: Profile) -> Shareable:
        """What of this profile."""
        return cls(
            frozenset(note.category for note in profile.notes if note.share),
            _phase_words([phase.name for phase in profile.phases]),
        )

    @classmethod
    def recorded(cls, opening: Mapping[str, Any]) -> Shareable:
        """What of the profile that a session was started with, as the record has it."""
        try:
            profile = opening["profile"]
            return cls(
                frozenset(n["category"] for n in profile["notes"] if n.get("share") is True),
                _phase_words([phase["name"] for phase in profile["phases"]]),
            )
        except (KeyError, TypeError, AttributeError):
            return cls()  # nothing is known of it, so nothing is shared

    def category(self, name: object) -> str | None:
        """A category's name, if it may go out."""
        return name if isinstance(name, str) and name in self.categories else None

    def phase(self, name: object) -> str | None:
        """A phase's word on the wire."""
        return (self.phases or {}).get(name) if isinstance(name, str) else None


def _phase_words(names: Sequence[str]) -> dict[str, str]:
    # A clinic calls its phases what it likes, a person's name included.
    return {
        name: name if name in VOCABULARY else f"phase-{index}"
        for index, name in enumerate(names, 1)
    }


def state_of(
    status: Mapping[str, Any],
    shareable: Shareable,
    matters: Sequence[Matter],
    stamp: Stamp,
    events: p.EventsPart,
) -> p.State:
    """The room's state as the wire may have it, from its own."""
    session = status.get("session")
    on = session is not None and session["state"] != "ended"
    return p.State(
        site=stamp.site,
        room=stamp.room,
        boot=stamp.boot,
        seq=stamp.seq,
        ts=stamp.ts,
        up_s=_seconds(status["up_s"]),
        session=_session(session) if on else None,
        phase=_phase(status["phase"], shareable) if on else None,
        infusion=_infusion(status["infusion"]) if on else None,
        sound=_sound(status["sound"]),
        notes=_notes(status["notes"], shareable) if on else None,
        prompts=_prompts(status["prompts"]) if on else None,
        ahead=_ahead(status["ahead"], shareable, status["phases"]) if on else None,
        attention=p.AttentionPart(
            highest=max((m.priority for m in matters), key=lambda x: x.rank, default=None),
            open=[matter.code for matter in matters],
        ),
        record=p.RecordPart(
            head_seq=status["record"]["head_seq"], head_hash=status["record"]["head_hash"]
        ),
        events=events,
        clock=p.ClockPart(synced=status["clock"]["synced"]),
    )


def _session(session: Any) -> p.SessionPart:
    return p.SessionPart(
        id=session["id"],
        state="ending" if session["state"] == "ending" else "open",
        session_s=_rounded(session["session_s"]),
        planned_s=_seconds(session["planned_s"]),
        interrupted_s=_maybe_seconds((session.get("interrupted") or {}).get("gap_s")),
    )


def _phase(phase: Any, shareable: Shareable) -> p.PhasePart:
    return p.PhasePart(
        name=shareable.phase(phase["name"]) or f"phase-{phase['index'] + 1}",
        index=phase["index"],
        count=phase["count"],
        elapsed_s=_seconds(phase["elapsed_s"]),
        remaining_s=_maybe_seconds(phase["remaining_s"]),
        held=phase["held"],
        hold_ends_in_s=_maybe_seconds(phase["hold_ends_in_s"]),
    )


def _infusion(infusion: Any) -> p.InfusionPart:
    return p.InfusionPart(
        state=infusion["state"],
        elapsed_s=_maybe_seconds(infusion["elapsed_s"]),
        planned_s=_seconds(infusion["planned_s"]),
        remaining_s=_seconds(infusion["remaining_s"]),
    )


def _sound(sound: Any) -> p.SoundPart:
    word = p.SoundWord(sound["state"])
    device = sound.get("device") or ""
    if word is p.SoundWord.DEVICE_LOST:
        what = "lost"
    elif not device:
        what = "none"
    else:
        what = "silent" if device == _SILENT else "present"
    return p.SoundPart.model_validate(
        {
            "state": word,
            "level_lufs": _rounded(sound.get("level_lufs")),
            "underruns": sound.get("underruns", 0),
            "device": what,
            "since_s": _maybe_seconds(sound.get("since_s")) if word in _LASTING else None,
        }
    )


def _notes(notes: Any, shareable: Shareable) -> p.NotesPart:
    return p.NotesPart(
        count=notes["count"],
        last_s=_maybe_seconds(notes["last_s"]),
        last_category=shareable.category(notes["last_category"]),
    )


def _prompts(prompts: Any) -> p.PromptsPart:
    return p.PromptsPart(next_in_s=_maybe_seconds(prompts["next_in_s"]), overdue=prompts["overdue"])


def _ahead(ahead: Any, shareable: Shareable, phases: Sequence[Any]) -> p.AheadPart:
    index = {phase["name"]: n for n, phase in enumerate(phases, 1)}

    def word(name: str) -> str:
        return shareable.phase(name) or f"phase-{index[name]}"

    change = ahead["change"]
    return p.AheadPart(
        end_in_s=_maybe_seconds(ahead["end_in_s"]),
        waits_for=ahead["waits_for"],
        change=None
        if change is None
        else p.NextPhase(phase=word(change["phase"]), in_s=_seconds(change["in_s"])),
        cues=[
            p.NextPiece(phase=word(cue["phase"]), in_s=_seconds(cue["in_s"]))
            for cue in ahead["cues"]
        ],
    )


def attention_of(matter: Matter, stamp: Stamp) -> p.Attention:
    """An open matter, to be retained."""
    return p.Attention(
        site=stamp.site,
        room=stamp.room,
        boot=stamp.boot,
        seq=stamp.seq,
        ts=stamp.ts,
        code=matter.code,
        id=matter.id,
        priority=matter.priority,
        since=matter.since.utc,
    )


def event_of(
    numbered: Numbered, site: str, room: str, series: str, shareable: Shareable
) -> tuple[str, p.AnyEvent] | None:
    """An entry of the record as an event, and the topic's last word.

    Returns:
        None when the entry was erased, or says what no version of the contract knows.
    """
    entry = numbered.entry
    if entry is None:
        return None
    kind = KINDS[entry.kind]
    of_all = {
        "site": site,
        "room": room,
        "boot": numbered.boot,
        "seq": numbered.number,
        "ts": entry.at.utc,
        "series": series,
        "entry": numbered.seq,
        "late": entry.late,
        "session": entry.session,
        "session_s": _rounded(entry.session_s),
    }
    try:
        return kind, _MODELS[kind].model_validate(of_all | _own(entry, shareable))
    except (KeyError, ValueError):
        return None


_MODELS: Mapping[str, type[p.AnyEvent]] = {
    "phase": p.PhaseEvent,
    "infusion": p.InfusionEvent,
    "note": p.NoteEvent,
    "audio": p.AudioEvent,
    "attention": p.AttentionEvent,
}


def _own(entry: Entry, shareable: Shareable) -> dict[str, Any]:
    """What this kind of event says beyond what all say."""
    told = entry.fields
    match entry.kind:
        case "infusion":
            return {"what": told["what"]}
        case "note":
            category = shareable.category(told.get("category"))
            return {"what": "noted", "category": category, "amends": None}
        case "amendment":
            return {
                "what": "withdrawn" if told.get("in_error") is True else "amended",
                "category": shareable.category(told.get("category")),
                "amends": told["seq"],
            }
        case "sound":
            return {"what": "state", "state": _word(told["state"]), "was": _word(told.get("was"))}
        case "source-failed":
            return {"what": "source-failed", "state": None, "was": None}
        case "attention":
            return {
                "what": told["what"],
                "code": p.Code(told["code"]),
                "id": told["id"],
                "priority": p.Priority(told["priority"]),
            }
        case kind:
            name = shareable.phase(told.get("name", entry.phase))
            return {"what": _PHASE_WHAT[kind], "name": name}


def _word(state: Any) -> p.SoundWord | None:
    return p.SoundWord(state) if state else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 3)


def _seconds(value: float) -> float:
    return max(0.0, round(float(value), 3))


def _maybe_seconds(value: float | None) -> float | None:
    return None if value is None else _seconds(value)
