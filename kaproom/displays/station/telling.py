"""What a tile says of a room, in words and numbers; nothing old is told as if it were new.

A tile's facts are rounded as they are shown, so two that look the same are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from kaproom.contract.payload import AvailabilityWord, Priority, SoundWord, State
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Kind
from kaproom.displays.station.matters import Matter, Step
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.ward import Key, Place, Standing, Ward

_GRAVE = (SoundWord.UNPLANNED_SILENCE, SoundWord.DEVICE_LOST)
_PARTS = 200
"""A bar is told in so many steps: finer, it would move without being seen to."""

MARKS = {Priority.NOTICE: "!", Priority.ASSIST: "!!", Priority.URGENT: "!!!"}
SHAPES = {
    Priority.NOTICE: Kind.DISC,
    Priority.ASSIST: Kind.TRIANGLE,
    Priority.URGENT: Kind.DIAMOND,
}
ROLES = {
    Priority.NOTICE: Role.NOTICE,
    Priority.ASSIST: Role.ASSIST,
    Priority.URGENT: Role.URGENT,
}
_INFUSION_SHAPES = {
    "not-started": Kind.RING,
    "running": Kind.PLAY,
    "paused": Kind.PAUSE,
    "stopped": Kind.SQUARE,
    "complete": Kind.CHECK,
    "unconfirmed": Kind.TRIANGLE,
}


@dataclass(frozen=True, slots=True)
class MatterLine:
    """An open matter on a tile or in the banner."""

    priority: Priority
    text: str
    short: str
    since: str
    seen: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """What is told of a session.

    Attributes:
        left: Minutes left, the largest on the tile, and what they mean.
        badge: What is large beside them: AWAY, HELD.
    """

    left: str
    left_means: str
    elapsed: str
    whole: float
    phase: str
    phase_times: str
    phase_part: float | None
    infusion_shape: Kind
    infusion_role: Role
    infusion: str
    infusion_short: str
    infusion_brief: str
    infusion_times: str
    infusion_known: str
    badge: str | None
    sound: str
    sound_grave: bool
    notes: str
    prompts: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """Everything that one tile says.

    Attributes:
        standing_text: STALE 14 s, NO DATA, live: how far it is to be believed, and its age.
        call: The call with its minutes, large; and whether somebody has seen it.
        running: The session; None when there is none, or nothing is to be shown of it.
        idle: What stands in place of a session.
        severity: Sorts the gravest first.
    """

    key: Key
    name: str
    standing: Standing
    standing_text: str
    age: str
    call: str | None
    call_role: Role | None
    call_seen: bool
    running: Running | None
    idle: str
    idle_more: str
    matters: tuple[MatterLine, ...]
    severity: int


def tile(
    ward: Ward, found: Place, matters: Sequence[Matter], now_ns: int, *, say: Saying, clock: str
) -> Tile:
    """What a room's tile says now.

    Args:
        ward: What the station knows.
        found: The room.
        matters: Those of this room, the most pressing first.
        now_ns: This moment, by the clock of the arrivals.
        say: The language.
        clock: When the room last said something, as people read it.
    """
    standing = ward.standing(found, now_ns)
    age_s = ward.age_s(found, now_ns)
    state = found.room.state
    gone = found.room.availability is AvailabilityWord.STOPPED
    shown = state is not None and standing is not Standing.NO_DATA and not gone
    running = _running(state, say) if shown and state is not None else None
    idle, more = _idle(standing, clock, say)
    call = next((m for m in matters if m.code == "call"), None)
    return Tile(
        found.key,
        found.label,
        standing,
        _standing(standing, age_s, say),
        say.age(age_s),
        None if call is None else f"{say.brief(call.code)} {say.age(call.open_s)}",
        None if call is None else ROLES[call.priority],
        call is not None and call.seen_by is not None,
        running,
        idle,
        more,
        tuple(matter_line(matter, say) for matter in matters),
        _severity(standing, matters, running),
    )


def matter_line(matter: Matter, say: Saying) -> MatterLine:
    """An open matter in words."""
    seen = None
    if matter.seen_by is not None:
        seen = say.words("station.seen-by", by=matter.seen_by[0], station=matter.seen_by[1])
    since = "" if matter.since is None else matter.since.astimezone().strftime("%H:%M")
    return MatterLine(
        matter.priority,
        say.matter(matter.code, matter.priority),
        say.brief(matter.code),
        say.words("station.since", since=since, span=say.age(matter.open_s)),
        seen,
    )


def _standing(standing: Standing, age_s: float | None, say: Saying) -> str:
    word = say.words(f"standing.{standing}")
    if standing in (Standing.STALE, Standing.NO_DATA, Standing.NO_LINK) and age_s is not None:
        return f"{word} {say.age(age_s)}"
    return word


def _idle(standing: Standing, clock: str, say: Saying) -> tuple[str, str]:
    """What stands where a session would."""
    words = say.words
    match standing:
        case Standing.NO_DATA | Standing.NO_LINK:
            more = words("station.last-heard", clock=clock) if clock else ""
            return words(f"standing.{standing}"), more or words("station.never-heard")
        case Standing.STOPPED:
            return words("station.closed"), words("station.closed-more")
        case _:
            return words("station.no-session"), ""


def _severity(standing: Standing, matters: Sequence[Matter], running: Running | None) -> int:
    """The gravest first; what nobody has taken note of before what somebody has."""
    open_ranks = [matter.priority.rank for matter in matters if matter.step > Step.SEEN]
    if open_ranks:
        return 2 - max(open_ranks)
    if standing in (Standing.NO_DATA, Standing.NO_LINK):
        return 3
    if standing is Standing.STALE:
        return 4
    if matters:
        return 5
    if running is not None and (running.sound_grave or running.overdue):
        return 6
    return 9 if standing is Standing.STOPPED else 7 if running is not None else 8


def _running(state: State, say: Saying) -> Running | None:
    session, phase, infusion = state.session, state.phase, state.infusion
    notes, prompts = state.notes, state.prompts
    if None in (session, phase, infusion, notes, prompts):
        return None
    assert session and phase and infusion and notes and prompts
    words = say.words
    left, means = _left(session.session_s, session.planned_s, session.state, say)
    phase_part = None
    times = say.minutes(phase.elapsed_s)
    if phase.remaining_s is not None:
        phase_part = _part(phase.elapsed_s, phase.elapsed_s + phase.remaining_s)
        times = words(
            "station.phase-times", elapsed=times, left=say.minutes_left(phase.remaining_s)
        )
    unconfirmed = infusion.state == "unconfirmed"
    short = words(f"infusion-short.{infusion.state}")
    known = words("station.known-unconfirmed" if unconfirmed else "station.known-recorded")
    return Running(
        left,
        means,
        ""
        if session.session_s is None
        else words("station.since-start", span=say.minutes(session.session_s)),
        _part(session.session_s or 0.0, session.planned_s),
        words("station.phase-of", phase=say.phase(phase.name), n=phase.index + 1, of=phase.count),
        times,
        phase_part,
        _INFUSION_SHAPES[infusion.state],
        Role.ASSIST if infusion.state in ("paused", "unconfirmed") else Role.TEXT,
        words("station.infusion"),
        short,
        words("station.infusion-brief", state=short),
        words(
            "station.of-minutes",
            elapsed=int((infusion.elapsed_s or 0) // 60),
            planned=ceil(infusion.planned_s / 60),
        ),
        known,
        _badge(state, phase.held, say),
        _sound(state, say),
        state.sound.state in _GRAVE,
        words("station.notes", count=notes.count, age=say.age(_coarse(notes.last_s)))
        if notes.count
        else words("station.no-notes"),
        _prompts(prompts.overdue, prompts.next_in_s, say),
        prompts.overdue > 0,
    )


def _badge(state: State, held: bool, say: Saying) -> str | None:
    if state.sound.state is SoundWord.AWAY:
        away = say.words("station.away")
        since_s = state.sound.since_s
        return away if since_s is None else f"{away} {say.minutes(since_s)}"
    return say.words("phase.held") if held else None


def _sound(state: State, say: Saying) -> str:
    text = say.words(f"sound.{state.sound.state}")
    since_s = state.sound.since_s
    return text if since_s is None else f"{text} {say.minutes(since_s)}"


def _prompts(overdue: int, next_in_s: float | None, say: Saying) -> str:
    if overdue:
        return say.words.count("station.overdue", overdue)
    if next_in_s is None:
        return say.words("station.no-prompts")
    return say.words("station.next-prompt", minutes=say.minutes_left(next_in_s))


def _left(session_s: float | None, planned_s: float, state: str, say: Saying) -> tuple[str, str]:
    words = say.words
    if state == "ending":
        return words("station.ending"), ""
    if session_s is None:
        return words("station.before"), words("station.before-more")
    left_s = planned_s - session_s
    if left_s < 0:
        return f"+{say.minutes(-left_s)}", words("station.over")
    return say.minutes_left(left_s), words("station.left")


def _coarse(seconds: float | None) -> float | None:
    # The age of a note that ticks each second would draw the eye for nothing.
    return None if seconds is None else seconds // 10 * 10


def _part(done: float, whole: float) -> float:
    return round(min(1.0, max(0.0, done / whole if whole > 0 else 0.0)) * _PARTS) / _PARTS
