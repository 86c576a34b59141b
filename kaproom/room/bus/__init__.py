"""What the daemon has to do with the bus: open matters, the call, and what is published.

With or without a broker the matters are watched, for the room's own screens show them
too. Nothing here waits for anybody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from kaproom.clock import NS_PER_S, Instant
from kaproom.contract.payload import Priority
from kaproom.errors import Mend, Reason, Refused
from kaproom.record import Record
from kaproom.room.attention import Attention, Change, call_status
from kaproom.room.bus.outward import Shareable
from kaproom.room.bus.publisher import WHOM, Publisher
from kaproom.room.stamps import moment
from kaproom.session.machine import Session
from kaproom.session.profile import Profile
from kaproom.session.roomfile import RoomFile

# An open call is looked for among so many entries of the record.
_RECENT = 1000
_CALLS = (Priority.ASSIST, Priority.URGENT)


class Bus:
    """The bus of one room, as its daemon uses it."""

    def __init__(self, room: RoomFile, data: Path, record: Record) -> None:
        """``record`` is the daemon's own, its start counted, the recorder not begun yet."""
        self._room = room
        self._data = data
        self._boot = record.boot or 0
        self._attention = Attention(self._boot)
        head = record.head().seq
        self._attention.restore_call(record.entries(after_seq=max(0, head - _RECENT)))
        self._mark = record.acknowledged(WHOM)
        if room.broker is not None and not self._mark:
            # What happened before the room had a broker is nobody's news.
            self._mark = head
            record.acknowledge(WHOM, head)
        self._publisher: Publisher | None = None
        self._resumed: Instant | None = None
        self._profile: Profile | None = None
        self._shareable = Shareable()
        self._said = ""

    def begin(self, keep: Callable[[str, int], None]) -> None:
        """Begin to publish, if there is a broker; ``keep`` keeps whom and how far."""
        if self._room.broker is not None:
            self._publisher = Publisher(
                self._room,
                self._data,
                self._boot,
                self._mark,
                lambda seq: keep(WHOM, seq),
            )

    def resumed(self, now: Instant) -> None:
        """This daemon took up a session that the last one left."""
        self._resumed = now

    def look(self, status: dict[str, Any], now: Instant) -> list[Change]:
        """What began or is over; each is to be recorded."""
        resumed_s = None
        if self._resumed is not None:
            resumed_s = (now.mono_ns - self._resumed.mono_ns) / NS_PER_S
        return self._attention.look(status, now, resumed_s)

    def call(self, args: dict[str, Any], now: Instant) -> tuple[str, list[Change]]:
        """Somebody is needed, or not any more; the line to answer, and what is to be recorded.

        Raises:
            Mend: There is no such call.
            Refused: There is none to be cancelled.
        """
        if args.get("cancel") is True:
            changes = self._attention.cancel_call()
            if not changes:
                raise Refused("no call is open", Reason.NO_CALL)
            return "The call is taken back.", changes
        level = args.get("level", str(Priority.ASSIST))
        if level not in _CALLS:
            raise Mend(f"a call is {' or '.join(_CALLS)}, e.g. `kaproom call urgent`")
        pressed_ns = moment(args, now).at_ns
        ago = timedelta(microseconds=(now.mono_ns - pressed_ns) / 1000)
        pressed = Instant(pressed_ns, now.boot_id, now.utc - ago)
        changes = self._attention.raise_call(Priority(level), pressed)
        return f"Calling: {level}.", changes

    def told(self, status: dict[str, Any], now: Instant) -> dict[str, Any]:
        """The room's state, and with it how the bus and the open matters stand."""
        facts = None if self._publisher is None else self._publisher.facts()
        matters = [
            {"code": str(m.code), "priority": str(m.priority), "since": m.since.utc.isoformat()}
            for m in self._attention.matters
        ]
        call = call_status(self._attention.call, facts, now)
        return status | {"bus": facts, "attention": matters, "call": call}

    def publish(self, status: dict[str, Any], session: Session | None) -> None:
        """Let the broker have the room's state; returns at once."""
        if self._publisher is None:
            return
        if session is None:
            self._profile, self._shareable = None, Shareable()
        elif session.profile is not self._profile:
            self._profile, self._shareable = session.profile, Shareable.of(session.profile)
        self._publisher.tell(status, self._shareable, self._attention.matters)
        self._say(self._publisher.facts())

    def written(self) -> None:
        """The record has new entries on disk."""
        if self._publisher is not None:
            self._publisher.written()

    def close(self, in_session: bool) -> None:
        """Say goodbye to the broker; takes 3 s at most, when there is no answer."""
        if self._publisher is not None:
            self._publisher.close(in_session)

    def _say(self, facts: dict[str, Any]) -> None:
        """For the service's log, once for each change."""
        line = f"broker {facts['url']}: connected" if facts["connected"] else facts["fault"]
        if line and line != self._said:
            self._said = line
            sys.stderr.write(f"{line}\n" if facts["connected"] else f"{line}; the room runs on\n")
            sys.stderr.flush()
