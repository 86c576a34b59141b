"""The sheets of sessions that were signed off, written where the clinic wants them.

Another process writes them: drawing one takes seconds and much memory, and the room may
have its next patient. What became of it is told once, when it is known.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITTEN, FAILED = "sheet-written", "sheet-failed"
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """What became of one: the file, or why there is none."""

    session: str
    file: str | None
    why: str | None

    @property
    def kind(self) -> str:
        """Of its entry in the record."""
        return FAILED if self.file is None else WRITTEN

    @property
    def fields(self) -> dict[str, Any]:
        """For the record."""
        return {"why": self.why} if self.file is None else {"file": self.file}


class Sheets:
    """``fileno`` is readable when ``done`` has something to give.

    Args:
        folder: Where to; None when the room file names none, and then nothing is written.
        command: ``kaproom report``, to which the session and the folder are added.
    """

    def __init__(self, folder: Path | None, command: Sequence[str]) -> None:
        self.folder = folder
        self._command = tuple(command)
        self._done: deque[Sheet] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """To be waited on for reading."""
        return self._bell

    def write(self, session: str) -> None:
        """Have the sheet of a session written; returns at once."""
        if self.folder is not None and self._command:
            arguments = (session, self.folder)
            threading.Thread(target=self._run, args=arguments, name="sheet", daemon=True).start()

    def done(self) -> list[Sheet]:
        """What became of those that were asked for, since the last call."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        found = []
        while self._done:
            found.append(self._done.popleft())
        return found

    def _run(self, session: str, folder: Path) -> None:
        self._done.append(self._written(session, folder))
        os.eventfd_write(self._bell, 1)

    def _written(self, session: str, folder: Path) -> Sheet:
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            before = _files(folder)
            ran = subprocess.run(
                [*self._command, session, "--html", "--out", str(folder)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_S,
            )
            if ran.returncode != 0:
                lines = ran.stderr.strip().splitlines() or [f"exit status {ran.returncode}"]
                return Sheet(session, None, lines[-1])
            new = [file for file, at_ns in _files(folder).items() if before.get(file) != at_ns]
        except (OSError, subprocess.TimeoutExpired) as error:
            return Sheet(session, None, str(error))
        ours = [file for file in new if session[:8] in file.name]
        if not ours:
            return Sheet(session, None, f"nothing was written to {folder}")
        return Sheet(session, str(ours[-1]), None)


def _files(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.glob("*.html")}
