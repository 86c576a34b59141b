"""What becomes of sessions once they are over: signed off, their sheets, copied, erased.

The daemon's loop asks here; what is written goes through it, so that the record keeps one
order. None of it is ever in the way of the session that is on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaproom import clock
from kaproom.errors import Mend, Refused
from kaproom.intercom import Request
from kaproom.record import SIGNED_OFF, Done, Entry, Record, Recorder, SessionSummary, Written
from kaproom.room.erasing import BACKED_UP, Erasure, asked, confirmed, going
from kaproom.room.sheets import Sheets
from kaproom.room.unsigned import Unsigned

_FILE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Erasing:
    """Somebody waits until a session is erased."""

    request: Request
    erasure: Erasure

    @property
    def session(self) -> str:
        """Which."""
        return self.erasure.going.session

    def told(self, done: Done) -> None:
        """It is done, or it is not."""
        if done.failed is not None:
            self.request.fail(f"nothing was erased: {done.failed}")
        else:
            self.request.reply({"line": self.erasure.line(), "seq": done.written[-1].seq})


class Afterwards:
    """Of one room.

    Args:
        data: The record's folder.
        sheets: Writes the sheets.
        waiting: Sessions that ended before this start of the daemon, and nobody signed.
        write: Takes entries that nobody waits for.
    """

    def __init__(
        self,
        data: Path,
        sheets: Sheets,
        waiting: Collection[SessionSummary],
        write: Callable[[Sequence[Entry]], None],
    ) -> None:
        self._data = data
        self._sheets = sheets
        self._unsigned = Unsigned(waiting)
        self._write = write

    def told(self) -> list[dict[str, Any]]:
        """The sessions that wait to be signed off, for the screens."""
        return self._unsigned.told()

    def written(self, entries: Iterable[Written]) -> None:
        """These are on disk now; a signature among them has its sheet written."""
        entries = list(entries)
        self._unsigned.written(entries)
        for written in entries:
            if written.entry.kind == SIGNED_OFF and written.entry.session:
                self._sheets.write(written.entry.session)

    def name_unsigned(self, request: Request, in_session: bool) -> None:
        """Where no session is named, sign the one off that ended last of those that wait.

        Raises:
            Refused: None does.
        """
        with Record.open(self._data, read_only=True) as record:
            waiting = record.unsigned_sessions()
        if waiting:
            request.args["session"] = waiting[-1].session
        elif not in_session:
            raise Refused("no session waits to be signed off")

    def signed_line(self, entry: Entry) -> str:
        """What is added to the answer of who signs off: which session it was, and its sheet."""
        folder = self._sheets.folder
        sheet = "" if folder is None else f" Its sheet goes to {folder}."
        return f" That is session {(entry.session or '')[:8]}.{sheet}"

    def sheet_told(self) -> None:
        """A sheet was written, or could not be."""
        for sheet in self._sheets.done():
            now = clock.now()
            fields, session = sheet.fields, sheet.session
            entry = Entry(kind=sheet.kind, at=now, entered=now, session=session, fields=fields)
            self._write([entry])

    def copy_entry(self, request: Request) -> Entry:
        """A copy of the record was made: an erasure has to name it.

        Raises:
            Mend: It has no name.
        """
        now, file = clock.now(), request.args.get("file")
        if not isinstance(file, str):
            raise Mend("a copy is named by its file")
        fields = {"file": file[:_FILE_MAX]}
        return Entry(kind=BACKED_UP, at=now, entered=now, command_id=request.id, fields=fields)

    def erase(self, request: Request, recorder: Recorder, in_session: bool) -> None:
        """Say what would go; or, confirmed, take it away.

        Raises:
            Refused: A session is on: nobody's note waits until a file is written anew.
                Or it cannot be erased, or something else was confirmed.
            Mend: There is no such session.
        """
        if in_session:
            raise Refused("a session is on; erase between sessions")
        with Record.open(self._data, read_only=True) as record:
            found = going(record, str(request.args.get("session", "")))
        erasure = confirmed(found, request.args.get("confirm"), request.args.get("by"))
        if erasure is None:
            request.reply(asked(found))
        else:
            recorder.perform(erasure.work, Erasing(request, erasure))
