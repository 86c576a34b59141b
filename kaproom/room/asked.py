"""A command for one session: read as an event of it, answered in a line.

The same for the session that is on and for one that is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from kaproom.clock import NS_PER_S, Instant
from kaproom.errors import Mend, Refused
from kaproom.record import Entry
from kaproom.room import commands
from kaproom.room.answers import answer
from kaproom.room.past import Case
from kaproom.room.stamps import AGO_MAX_S, DOUBTS, Moment, moment, told_at
from kaproom.session import events as e
from kaproom.session.machine import Session, step
from kaproom.session.rules.notes import as_one

# What may be added to a session that is over.
_AFTERWARDS = ("note", "note-text", "amend", "checklist", "sign-off")


class Answered(NamedTuple):
    """What a command came to.

    Attributes:
        entries: To be written, the command's own last.
        line: For whoever gave it.
        note: Which of the session's notes it made or was about, counted from 0; else None.
        again: Whether it was a note's key, pressed twice.
    """

    entries: list[Entry]
    line: str
    note: int | None = None
    again: bool = False


def read(of: Case, do: str, args: Mapping[str, Any], now: Instant) -> tuple[e.Event, Moment]:
    """What a command says happened in a session, and when.

    Raises:
        Mend: It is no command, its arguments are not, or it was so long before the session
            that a day or a year must have slipped.
    """
    opened = of.scribe.opened
    opened_ns = opened.mono_ns if opened.boot_id == now.boot_id else None
    when = moment(args, now, opened_ns)
    entered_s = of.scribe.at_s(now)
    at_s = entered_s - (now.mono_ns - when.at_ns) / NS_PER_S
    if when.recalled and at_s < -AGO_MAX_S:
        began = opened.utc.astimezone()
        raise Mend(
            f"{when.told or 'that'} is more than {AGO_MAX_S / 3600:g} h before the session, "
            f"which was opened on {began:%Y-%m-%d at %H:%M}"
        )
    event = commands.read(do, args, at_s, entered_s)
    match event:
        case e.WorkedOff() if event.left_at is not None:
            told_at(event.left_at, now.utc)
            return event, when
        case e.Noted() if when.pressed:
            return as_one(of.session, event), when
        case e.Worded():
            return replace(event, note=of.notebook.completed(event.seq)), when
        case e.Amended():
            return replace(event, note=of.notebook.amended(event.seq)), when
        case _:
            return event, when


def answered_by(entry: Entry, after: Session, event: e.Event, when: Moment) -> Answered:
    """What is said to whoever gave the command that this entry tells of."""
    line = answer(event, after, entry.at.utc.astimezone().strftime("%H:%M:%S"))
    if when.doubt is not None:
        line += f" The key press's own time {DOUBTS[when.doubt]}, so its arrival counts."
    note = len(after.notes) - 1 if isinstance(event, e.Noted) else getattr(event, "note", None)
    return Answered([entry], line, note, isinstance(event, e.NotedAgain))


def added_to_past(
    past: Case, do: str, args: Mapping[str, Any], command_id: str, now: Instant
) -> Answered:
    """Add a note, its text or an amendment to a session that is over.

    Raises:
        Refused: That session takes it no more.
        Mend: It is nothing that is added afterwards, or its arguments are wrong.
    """
    if do not in _AFTERWARDS:
        raise Refused("only notes and amendments are added to a session that is over")
    event, when = read(past, do, args, now)
    after, _ = step(past.session, event)
    entry = past.scribe.entry(after, event, now, command_id, when.fields)
    # Its notes are not those that our screens show.
    return answered_by(entry, after, event, when)._replace(note=None)
