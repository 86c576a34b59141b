"""Entries of some kinds, numbered from 1 without gaps: the record read as a series.

The number of an entry is how many of these kinds there are up to it, so it follows from
the record alone and is the same after every restart. It reads beside the writer, on a
connection of its own, and keeps nothing in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from kaproom.errors import WorldFailed
from kaproom.record.database import FILE_NAME
from kaproom.record.entry import DAEMON_STARTED, SESSION_STARTED, Entry, entry_of
from kaproom.record.opening import FAULTS, connect, recognise, why
from kaproom.record.schema import LANDMARK


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry in its place in the series.

    Attributes:
        number: In the series, from 1.
        seq: In the record.
        boot: Which start of the daemon recorded it.
        entry: None when its body was erased; its number stays taken.
    """

    number: int
    seq: int
    boot: int
    entry: Entry | None


class Series:
    """One series of one record. Made by ``open``; used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, kinds: Collection[str]) -> None:
        self._path = path
        self._connection = connection
        self._of = f"kind IN ({', '.join('?' * len(kinds))})"
        self._kinds = tuple(sorted(kinds))

    @classmethod
    def open(cls, folder: Path, kinds: Collection[str]) -> Self:
        """Open the series of these kinds in the record in ``folder``, to read.

        Raises:
            Mend: There is no record, or it cannot be read.
        """
        path = folder / FILE_NAME
        connection = connect(path, read_only=True)
        try:
            recognise(path, connection)
        except BaseException:
            connection.close()
            raise
        return cls(path, connection, kinds)

    def close(self) -> None:
        """Close; does nothing when it is closed."""
        self._connection.close()

    def id(self) -> str:
        """Tells this record's numbers from another's; it says nothing else."""
        rows = self._rows("SELECT hash FROM entry WHERE seq = 1", ())
        return str(rows[0][0].hex()[:16]) if rows else "none"

    def number_at(self, seq: int) -> int:
        """How many there are up to entry ``seq`` of the record."""
        query = f"SELECT count(*) FROM entry WHERE {self._of} AND seq <= ?"
        return int(self._rows(query, (*self._kinds, seq))[0][0])

    def after(self, seq: int, number: int, most: int) -> list[Numbered]:
        """The next ones after entry ``seq``, the last of which had ``number``.

        Raises:
            WorldFailed: The record cannot be read now.
        """
        rows = self._rows(
            "SELECT seq, body FROM entry LEFT JOIN body USING (seq) "
            f"WHERE seq > ? AND {self._of} ORDER BY seq LIMIT ?",
            (seq, *self._kinds, most),
        )
        if not rows:
            return []
        starts = self._starts(rows[-1][0])
        found = []
        for place, (at_seq, body) in enumerate(rows, number + 1):
            boot = sum(start <= at_seq for start in starts)
            entry = None if body is None else self._entry(at_seq, body)
            found.append(Numbered(place, at_seq, boot, entry))
        return found

    def numbered(self, first: int, most: int) -> list[Numbered]:
        """Those with the numbers from ``first`` on, at most so many."""
        first = max(first, 1)
        query = f"SELECT seq FROM entry WHERE {self._of} ORDER BY seq LIMIT 1 OFFSET ?"
        rows = self._rows(query, (*self._kinds, first - 1))
        return self.after(rows[0][0] - 1, first - 1, most) if rows else []

    def opening(self, session: str) -> Mapping[str, Any]:
        """What a session was started with; empty when that is not recorded."""
        rows = self._rows(
            "SELECT seq, body FROM entry JOIN body USING (seq) "
            f"WHERE {LANDMARK} AND kind = ? AND session = ? ORDER BY seq LIMIT 1",
            (SESSION_STARTED, session),
        )
        return self._entry(*rows[0]).fields if rows else {}

    def _starts(self, up_to: int) -> list[int]:
        query = f"SELECT seq FROM entry WHERE {LANDMARK} AND kind = ? AND seq <= ?"
        return [seq for (seq,) in self._rows(query, (DAEMON_STARTED, up_to))]

    def _entry(self, seq: int, body: bytes) -> Entry:
        try:
            return entry_of(body)
        except ValueError as error:
            raise WorldFailed(
                f"{self._path}: entry {seq} is damaged; run `kaproom verify`"
            ) from error

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except FAULTS as error:
            raise WorldFailed(f"{self._path}: {why(error)}") from error
