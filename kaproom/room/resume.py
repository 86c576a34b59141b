"""A session picked up from the record, as if the daemon had never been away.

The machine is pure, so stepping through the recorded events again gives the session
that was; what is asked of the sound on the way is not done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from kaproom.clock import Instant
from kaproom.errors import WorldFailed
from kaproom.record import Entry, Written
from kaproom.retold.stepping import Turn, stepped
from kaproom.room.scribe import Scribe
from kaproom.session.events import Interrupted, Tick
from kaproom.session.machine import Close, Session, Stage, step


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session as the record tells it, up to ``now``."""

    scribe: Scribe
    session: Session
    last_seen: Instant


def resumed(entries: Iterable[Written], now: Instant) -> Resumed | None:
    """The session that these entries, all of one session, add up to at ``now``.

    Returns:
        None when they do not begin with a session's start that can be planned.
    """
    last: Turn | None = None
    with suppress(WorldFailed):
        for turn in stepped(entries):
            last = turn
    if last is None or last.written.entry.session is None:
        return None
    scribe = Scribe(last.written.entry.session, last.opened)
    scribe.reckoning = last.reckoning.met(now)
    now_s = scribe.at_s(now)
    session, _ = step(last.session, Tick(now_s, now_s))
    return Resumed(scribe, session, last.written.entry.entered)


def last_before_restart(entries: Iterable[Written], now: Instant) -> Instant | None:
    """The session's last moment before the machine was off.

    Returns:
        None when it was not, or when the room has asked already what the pump does.
    """
    last: Instant | None = None
    for written in entries:
        entry = written.entry
        if entry.entered.boot_id != now.boot_id:
            last = entry.entered
        elif entry.kind == Interrupted.kind:
            return None
    return last


def closed_as_found(
    scribe: Scribe, session: Session, last: Instant, now: Instant
) -> tuple[Entry, str]:
    """The end of a session that is too old to go on, with what is known of it.

    Returns:
        The entry that closes it, and what has to be told; empty when people had ended it.
    """
    last_s = scribe.at_s(last)
    closing = scribe.told(session, Close(last_s), now)
    if session.stage is not Stage.OPEN:
        return closing, ""
    found_s = round(scribe.at_s(now) - last_s, 3)
    known = {"how": "left open", "last_utc": last.utc.isoformat(), "found_after_s": found_s}
    opened, lived = (at.utc.astimezone() for at in (scribe.opened, last))
    return replace(closing, fields=known), (
        f"the session of {opened:%Y-%m-%d %H:%M} was left open and is closed with what is "
        f"known: the room last lived at {lived:%Y-%m-%d %H:%M}"
    )
