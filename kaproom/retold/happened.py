"""What happened in one session, in minutes: phases, pieces, infusion, notes, hands, faults.

Minutes count from the recorded start of the infusion; where none was recorded, from the
opening of the session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from kaproom.arc import Asked, Stretch
from kaproom.clock import Instant
from kaproom.record import SESSION_ENDED, Written
from kaproom.retold.stepping import Turn, stepped
from kaproom.session.cues import PlannedCue
from kaproom.session.effects import Tell
from kaproom.session.events import Amended, Infused, Noted, SourceFailed, Tick
from kaproom.session.machine import Session, opened, step
from kaproom.session.phases import Span
from kaproom.session.prompts import PromptState, dues

NO_SOUND, FILE_FAILED, STOOD_STILL = "no sound", "file failed", "machine down"
"""How interruptions are called."""

# As the record tells of the sound; the words are those of the room's state.
_SILENT = {"unplanned-silence", "device-lost"}
# What people do that lasts, and where a session keeps since when.
_HANDS = {"calm": "calm_s", "duck": "ducked_s", "fade": "faded_s", "away": "away_s"}


@dataclass(frozen=True, slots=True)
class NoteMade:
    """A note, as it stands after all corrections.

    Attributes:
        seq: Its number in the record.
        category: In the profile's words for machines; ``label`` is for people.
        late: Whether it was entered after the event.
        in_error: Whether it was taken back later; it stays in the record all the same.
    """

    seq: int
    at_min: float
    category: str
    label: str
    late: bool
    in_error: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """One session that happened, or that is on.

    Attributes:
        session: Its state at the end, or at the last entry; it holds the profile, the
            repertoire, the infusion's marks and every cue as it was begun.
        id: The session's, opaque.
        opened: When it was opened.
        how: How it ended: "ended" by people, "left open" when nobody did, "open" as long
            as nobody has.
        zero_s: The moment (seconds since the opening) that minute 0 is.
        from_min, to_min: Its opening; its end, or the last that is known.
        spans: The phases as they came, in seconds since the opening.
        planned_spans: As they would have come with the infusion as planned from its
            recorded start on; empty where none was recorded.
        cues: What was begun until the end, in order.
        planned_cues: What would have been played then.
        hands: What people did with the sound: calm, duck, fade, away, hold.
        interruptions: What befell it: no sound, a file that failed, a machine that was down.
        notes: In the order in which they were made.
        prompts: What was asked for until the end, and whether a note answered it.
    """

    session: Session
    id: str
    opened: Instant
    how: Literal["ended", "left open", "open"]
    zero_s: float
    from_min: float
    to_min: float
    spans: tuple[Span, ...]
    planned_spans: tuple[Span, ...]
    cues: tuple[PlannedCue, ...]
    planned_cues: tuple[PlannedCue, ...]
    hands: tuple[Stretch, ...]
    interruptions: tuple[Stretch, ...]
    notes: tuple[NoteMade, ...]
    prompts: tuple[Asked, ...]

    @property
    def opened_utc(self) -> datetime:
        """When it was opened, for people."""
        return self.opened.utc

    def minute(self, at_s: float) -> float:
        """The minute of a moment in seconds since the opening."""
        return (at_s - self.zero_s) / 60


def happened(entries: Iterable[Written]) -> Happened | None:
    """The session that these entries, all of one session, tell of.

    Returns:
        None when they do not begin with a session's start.

    Raises:
        WorldFailed: Its profile or its music cannot be read by this kaproom.
    """
    turns = list(stepped(entries))
    if not turns:
        return None
    last = turns[-1]
    how, end_s = _end(turns)
    session, effects = step(last.session, Tick(end_s, end_s))
    turns.append(replace(last, event=None, session=session, effects=effects))
    started_s = session.infusion.started_at_s
    zero_s = started_s or 0.0

    def stretch(name: str, from_s: float, until_s: float) -> Stretch:
        return Stretch(name, (from_s - zero_s) / 60, (min(until_s, end_s) - zero_s) / 60)

    planned = None if started_s is None else _as_planned(session, started_s)
    return Happened(
        session=session,
        id=last.written.entry.session or "",
        opened=last.opened,
        how=how,
        zero_s=zero_s,
        from_min=-zero_s / 60,
        to_min=(end_s - zero_s) / 60,
        spans=_spans(turns, end_s),
        planned_spans=() if planned is None else _spans_of(planned),
        cues=tuple(cue for cue in session.cues if cue.start_s < end_s),
        planned_cues=() if planned is None else planned.cues,
        hands=tuple(stretch(*found) for found in _hands(turns, end_s)),
        interruptions=tuple(stretch(*found) for found in _interruptions(turns, end_s)),
        notes=tuple(_notes(turns, zero_s)),
        prompts=tuple(_prompts(session, zero_s, end_s)),
    )


def _end(turns: list[Turn]) -> tuple[Literal["ended", "left open", "open"], float]:
    for turn in turns:
        if turn.written.entry.kind == SESSION_ENDED:
            how = turn.written.entry.fields.get("how")
            return ("left open" if how == "left open" else "ended"), max(0.0, turn.at_s)
    last = turns[-1]
    return "open", max(last.at_s, last.session.now_s)


def _spans(turns: list[Turn], end_s: float) -> tuple[Span, ...]:
    """The phases that were on, as the session told of each."""
    names = [phase.name for phase in turns[0].session.profile.phases]
    told = [
        (int(effect.data["index"]), effect.at_s)
        for turn in turns
        for effect in turn.effects
        if isinstance(effect, Tell) and effect.kind == "phase" and effect.at_s < end_s
    ]
    begun = [(0, 0.0), *told]
    ends = [at_s for _, at_s in told] + [end_s]
    return tuple(
        Span(index, names[index], at_s, until_s)
        for (index, at_s), until_s in zip(begun, ends, strict=True)
        if until_s > at_s
    )


def _as_planned(session: Session, started_s: float) -> Session:
    """The same session with nothing recorded but the infusion's start."""
    fresh, _ = opened(session.profile, session.repertoire)
    return step(fresh, Infused(started_s, started_s, what="started"))[0]


def _spans_of(planned: Session) -> tuple[Span, ...]:
    first, *coming = planned.phases
    if planned.course.index == 0:
        return planned.phases
    settled = replace(first, start_s=0.0, end_s=planned.course.since_s)
    return (settled, *(span for span in coming if span.start_s is not None))


def _hands(turns: list[Turn], end_s: float) -> Iterator[tuple[str, float, float]]:
    """What people did with the sound, from when until when."""
    sessions = [turn.session for turn in turns]
    for name, field in _HANDS.items():
        yield from _while(name, [(s.now_s, getattr(s, field), None) for s in sessions], end_s)
    held = [(s.now_s, s.now_s if s.course.held else None, s.course.held_until_s) for s in sessions]
    yield from _while("hold", held, end_s)


def _while(
    name: str, seen: list[tuple[float, float | None, float | None]], end_s: float
) -> Iterator[tuple[str, float, float]]:
    """The stretches for which something was so.

    Args:
        name: What it is called.
        seen: At one moment after another: that moment, since when it is so, and until when
            by itself; None where that is not so, or not known.
        end_s: Of the session.
    """
    since_s: float | None = None
    until_s: float | None = None
    for now_s, so_s, over_s in seen:
        if since_s is None and so_s is not None:
            since_s = so_s
        elif since_s is not None and so_s is None:
            yield name, since_s, now_s if until_s is None else min(now_s, until_s)
            since_s = None
        until_s = over_s
    if since_s is not None:
        yield name, since_s, end_s


def _interruptions(turns: list[Turn], end_s: float) -> Iterator[tuple[str, float, float]]:
    since: tuple[str, float] | None = None
    for before, turn in pairwise(turns):
        entry = turn.written.entry
        if since is None and entry.entered.boot_id != before.written.entry.entered.boot_id:
            since = STOOD_STILL, before.at_s
        if entry.kind == "sound":
            silent = entry.fields.get("state") in _SILENT
            if since is not None and not silent:
                yield *since, turn.at_s
                since = None
            elif since is None and silent:
                since = NO_SOUND, turn.at_s
        if isinstance(turn.event, SourceFailed):
            yield FILE_FAILED, turn.event.at_s, _next_cue_s(turn, end_s)
    if since is not None:
        yield *since, end_s


def _next_cue_s(failed: Turn, end_s: float) -> float:
    """When what is planned takes over from the fallback."""
    coming = (cue.start_s for cue in failed.session.cues if cue.start_s > failed.session.now_s)
    return next(coming, end_s)


def _notes(turns: list[Turn], zero_s: float) -> Iterator[NoteMade]:
    labels = {note.category: note.label for note in turns[0].session.profile.notes}
    made: dict[int, NoteMade] = {}
    for turn in turns:
        seq = turn.written.seq
        match turn.event:
            case Noted(at_s, _, category, integration=False):
                label = labels.get(category, category)
                late = turn.written.entry.late
                made[seq] = NoteMade(seq, (at_s - zero_s) / 60, category, label, late, False)
            case Amended(seq=of, category=category, in_error=in_error) if of in made:
                kept = made[of]
                if turn.event.moved_to_s is not None:
                    kept = replace(kept, at_min=(turn.event.moved_to_s - zero_s) / 60)
                category = category or kept.category
                label = labels.get(category, category)
                in_error = in_error or kept.in_error
                made[of] = replace(kept, category=category, label=label, in_error=in_error)
            case _:
                pass
    yield from made.values()


def _prompts(session: Session, zero_s: float, end_s: float) -> Iterator[Asked]:
    for due in dues(session):
        if due.at_s is not None and due.at_s <= end_s:
            done = due.state is PromptState.DONE
            yield Asked(due.label, (due.at_s - zero_s) / 60, done)
