"""What the record holds, session by session, in a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kaproom.clock import Instant
from kaproom.record.entry import (
    NOTE,
    SESSION_ENDED,
    SESSION_ERASED,
    SESSION_STARTED,
    SIGNED_OFF,
    Entry,
)
from kaproom.record.schema import LANDMARK

Rows = Callable[[str, Any], list[Any]]
"""Asks the record's database."""

UNSIGNED_MAX = 20
"""A clinic that signs nothing off shall not wait for the list of it."""

_SUMS = "SELECT session, min(seq), max(seq), count(*), sum(kind = ?) FROM entry "


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One session of the record, in a line.

    Attributes:
        session: Its id.
        first_seq: Of its first entry.
        last_seq: Of its newest.
        entries: How many it has.
        notes: How many of them are notes.
        started: None when its start is not recorded.
        ended: None while it is open, or was interrupted.
        started_with: The fields of its first ``session-started``: profile and so on.
        signed_off: When somebody answered for it; None while nobody has.
        signed_by: Their initials.
        erased: When its bodies were; of such a session little else is known.
    """

    session: str
    first_seq: int
    last_seq: int
    entries: int
    notes: int
    started: Instant | None
    ended: Instant | None
    started_with: Mapping[str, Any]
    signed_off: Instant | None = None
    signed_by: str | None = None
    erased: Instant | None = None


class Sessions:
    """The sessions of one record.

    Args:
        rows: Asks its database.
        entry: Reads an entry's bytes.
    """

    def __init__(self, rows: Rows, entry: Callable[[int, bytes], Entry]) -> None:
        self._rows = rows
        self._entry = entry

    def every(self) -> tuple[SessionSummary, ...]:
        """All of them, the oldest first."""
        rows = self._rows(
            f"{_SUMS} WHERE session IS NOT NULL GROUP BY session ORDER BY min(seq)", (NOTE,)
        )
        return tuple(self._summary(*row) for row in rows)

    def last_open(self) -> SessionSummary | None:
        """The newest that started and has not ended; None when there is none."""
        rows = self._rows(
            f"SELECT session FROM entry AS started WHERE {LANDMARK} AND kind = ? "
            "AND NOT EXISTS (SELECT 1 FROM entry AS ended "
            f"WHERE {LANDMARK} AND kind = ? AND ended.session = started.session) "
            "ORDER BY seq DESC LIMIT 1",
            (SESSION_STARTED, SESSION_ENDED),
        )
        return self.of(rows[0][0]) if rows else None

    def unsigned(self) -> tuple[SessionSummary, ...]:
        """The newest that ended and that nobody has answered for, the oldest of them first."""
        rows = self._rows(
            f"SELECT session FROM entry AS ended WHERE {LANDMARK} AND kind = ? "
            "AND NOT EXISTS (SELECT 1 FROM entry AS later WHERE later.session = ended.session "
            "AND later.kind IN (?, ?)) ORDER BY seq DESC LIMIT ?",
            (SESSION_ENDED, SIGNED_OFF, SESSION_ERASED, UNSIGNED_MAX),
        )
        return tuple(self.of(session) for (session,) in reversed(rows))

    def of(self, session: str) -> SessionSummary:
        """The one with this id."""
        return self._summary(*self._rows(f"{_SUMS} WHERE session = ?", (NOTE, session))[0])

    def _summary(
        self, session: str, first_seq: int, last_seq: int, entries: int, notes: int
    ) -> SessionSummary:
        started = self._of_kind(session, SESSION_STARTED, "ASC")
        ended = self._of_kind(session, SESSION_ENDED, "DESC")
        signed = self._of_kind(session, SIGNED_OFF, "ASC")
        erased = self._of_kind(session, SESSION_ERASED, "ASC")
        return SessionSummary(
            session,
            first_seq,
            last_seq,
            entries,
            notes,
            None if started is None else started.at,
            None if ended is None else ended.at,
            {} if started is None else started.fields,
            None if signed is None else signed.at,
            None if signed is None else signed.fields.get("by"),
            None if erased is None else erased.at,
        )

    def _of_kind(self, session: str, kind: str, direction: str) -> Entry | None:
        rows = self._rows(
            "SELECT seq, body FROM entry JOIN body USING (seq) "
            f"WHERE session = ? AND kind = ? ORDER BY seq {direction} LIMIT 1",
            (session, kind),
        )
        return self._entry(*rows[0]) if rows else None
