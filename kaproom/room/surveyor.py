"""Looks at the room's machine when somebody asks, on a thread: it may take seconds.

The daemon looks, because it has the rights and the sound server that a session will have.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from kaproom.audio.devices import survey
from kaproom.intercom import Request
from kaproom.session.roomfile import RoomFile
from kaproom.surroundings import Finding


class Surveyor:
    """``fileno`` is readable when ``answer`` has somebody to answer."""

    def __init__(self, room: RoomFile, data: Path, runtime: Path) -> None:
        self._room = room
        self._data = data
        self._runtime = runtime
        self._waiting: list[Request] = []
        self._found: deque[list[Finding]] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """To be waited on for reading."""
        return self._bell

    def ask(self, request: Request) -> None:
        """Look, and answer this request then; who asks meanwhile gets the same answer."""
        self._waiting.append(request)
        if len(self._waiting) == 1:
            threading.Thread(target=self._look, name="surveyor", daemon=True).start()

    def answer(self) -> None:
        """Answer those who wait, if the look is over; never waits itself."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        while self._found:
            findings = [asdict(finding) for finding in self._found.popleft()]
            waiting, self._waiting = self._waiting, []
            for request in waiting:
                request.reply({"findings": findings})

    def _look(self) -> None:
        self._found.append(survey(self._room, self._data, self._runtime))
        os.eventfd_write(self._bell, 1)
