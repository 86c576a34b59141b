"""The room on the bus, as the daemon sees it: told and asked, and never waited for.

A thread of its own speaks with the broker. What the daemon tells replaces what it told
before, and what it asks was found out before it asked; so whatever the broker does, the
session goes on at its speed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.room.attention import Matter
from kaproom.room.bus.outward import Shareable
from kaproom.room.bus.sender import Latest, Sender
from kaproom.session.roomfile import RoomFile
from kaproom.wire.link import Version

WHOM = "mqtt"
"""Under this name the record keeps what the broker has acknowledged."""
LEAVE_MAX_S = 3.0
# A mistake of ours ends the thread and not the room: it is begun anew, so seldom.
AGAIN_S = 10.0


class Publisher:
    """The bus, from the daemon's thread. See ``Sender`` for the arguments."""

    def __init__(
        self,
        room: RoomFile,
        data: Path,
        boot: int,
        acknowledged: int,
        keep: Callable[[int], None],
        *,
        versions: Sequence[Version] = (5, 4),
    ) -> None:
        self._new: Callable[[], Sender] = lambda: Sender(
            room, data, boot, self._mark, self._keep_mark, versions=versions
        )
        self._keep = keep
        self._mark = acknowledged
        self._latest: Latest | None = None
        self._written = threading.Event()
        self._leaving: bool | None = None
        self._left = False
        self._begin()

    def _begin(self) -> None:
        self._sender = self._new()
        self._facts = self._sender.facts()
        self._begun_ns = clock.mono_ns()
        self._thread = threading.Thread(
            target=self._run, args=(self._sender,), name="publisher", daemon=True
        )
        self._thread.start()

    def tell(
        self, status: dict[str, Any], shareable: Shareable, matters: tuple[Matter, ...]
    ) -> None:
        """The room's state now; only the latest one counts."""
        if self._leaving is not None:
            return
        self._latest = Latest(status, shareable, matters)
        if not self._thread.is_alive():
            if clock.mono_ns() - self._begun_ns < AGAIN_S * NS_PER_S:
                return
            self._begin()
        self._sender.link.wake()

    def written(self) -> None:
        """The record has new entries on disk."""
        if self._leaving is None:
            self._written.set()
            self._sender.link.wake()

    def facts(self) -> dict[str, Any]:
        """How the bus is: connected, why not, acknowledged events, stations, receipts."""
        if self._thread.is_alive():
            return self._facts
        return self._facts | {
            "connected": False,
            "fault": "the publisher ended by a mistake of ours; it begins again",
            "mend": False,
            "receipts": None,
            "stations": [],
        }

    def close(self, in_session: bool) -> None:
        """Say goodbye if there is somebody to say it to; takes at most ``LEAVE_MAX_S``."""
        if self._thread.is_alive():
            self._leaving = in_session
            self._sender.link.wake()
            self._thread.join(LEAVE_MAX_S)
        self._leaving = in_session
        self._left = True

    def _keep_mark(self, seq: int) -> None:
        self._mark = max(self._mark, seq)
        # Left behind while connecting, we may come too late; then it is sent once more.
        if not self._left:
            self._keep(seq)

    def _run(self, sender: Sender) -> None:
        while self._leaving is None:
            written = self._written.is_set()
            if written:
                self._written.clear()
            sender.turn(self._latest, written)
            self._facts = sender.facts()
        sender.leave(self._leaving)
        self._facts = sender.facts()
