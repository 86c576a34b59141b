"""The record, open: adding to it, reading from it.

An ``append`` that returned is on disk. One that raised left nothing behind that was
acknowledged, and the next is tried as if it were the first.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from kaproom import __version__, clock
from kaproom.clock import Instant
from kaproom.errors import WorldFailed
from kaproom.record.entry import (
    DAEMON_STARTED,
    SALT_BYTES,
    SESSION_ERASED,
    Entry,
    Head,
    Written,
    body_of,
    chain_start,
    digest_of,
    entry_of,
    hash_of,
)
from kaproom.record.opening import (
    FAULTS,
    WIPE_DUE,
    Engine,
    connect,
    make_file,
    make_writable,
    recognise,
    set_meta,
    standard,
    why,
    wiped,
)
from kaproom.record.schema import LANDMARK
from kaproom.record.sessions import Sessions, SessionSummary

FILE_NAME = "record.sqlite3"
_ROWS_A_READ = 500  # a read ends between them, so that the WAL can start over
_ROWS_A_STATEMENT = 500  # SQLite takes 32,766 values in one


@dataclass(frozen=True, slots=True)
class Prepared:
    """An entry and its bytes, made where the entry was made."""

    entry: Entry
    body: bytes


def prepare(entries: Sequence[Entry]) -> tuple[Prepared, ...]:
    """Make the bytes of entries; what is wrong with one shows here, not in the writer."""
    return tuple(Prepared(entry, body_of(entry)) for entry in entries)


class Record:
    """The record of one room, open. Made by ``open``; used by one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.boot: int | None = None
        self._connection = connection
        self._sessions = Sessions(self._rows, self._entry)
        self._tail: tuple[int, bytes] | None = None
        self._paths = (path, Path(f"{path}-wal"))
        self._files: tuple[tuple[int, int], ...] = ()

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False, engine: Engine = standard) -> Self:
        """Open the record in ``folder``; to write, it is made when there is none.

        A read-only one never keeps the writer waiting, and may be open beside it.

        Raises:
            Mend: The folder or the file cannot be used, is not a record, or was written
                by a newer kaproom. Nothing was changed.
        """
        path = folder / FILE_NAME
        if not read_only:
            make_file(path)
        connection = connect(path, read_only=read_only, engine=engine)
        record = cls(path, connection)
        try:
            if not read_only:
                make_writable(path, connection)
            recognise(path, connection)
            if not read_only:
                record._files = record._files_now()
                if record._one("SELECT value FROM meta WHERE key = ?", (WIPE_DUE,)) == "yes":
                    record.wipe()
        except BaseException:
            connection.close()
            raise
        return record

    def close(self) -> None:
        """Close; does nothing when it is closed."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, entries: Sequence[Entry]) -> tuple[Written, ...]:
        """Add entries in one transaction; when this returns they are on disk.

        Raises:
            WorldFailed: None of them was recorded.
        """
        return self.append_prepared(prepare(entries))

    def append_prepared(self, prepared: Sequence[Prepared]) -> tuple[Written, ...]:
        """Add what ``prepare`` made; like ``append``."""
        if not prepared:
            return ()
        with self._adding():
            seq, previous = self._tail or self._read_tail()
            written, rows = _chained(prepared, seq, previous)
            self._insert(rows)
        self._tail = (written[-1].seq, bytes.fromhex(written[-1].hash))
        return written

    def erase(self, entry: Entry, more: Collection[int] = ()) -> Written:
        """Take the bodies and salts of a session away, and say so in the chain; see README.

        Args:
            entry: Of kind ``session-erased``, for the session that goes. Which entries went
                is added to its fields.
            more: Entries that belong to the session though they do not carry its id.

        Raises:
            WorldFailed: Nothing was erased.
        """
        assert entry.kind == SESSION_ERASED and entry.session is not None
        rows = self._rows(
            "SELECT seq FROM entry JOIN body USING (seq) WHERE session = ? AND kind <> ?",
            (entry.session, SESSION_ERASED),
        )
        gone = stretches({*more, *(seq for (seq,) in rows)})
        named = replace(entry, fields={**entry.fields, "entries": gone})
        with self._adding():
            (written,), chained = _chained(prepare((named,)), *(self._tail or self._read_tail()))
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(*_statement(chained))
            for first, last in gone:
                self._connection.execute(
                    "DELETE FROM body WHERE seq BETWEEN ? AND ?", (first, last)
                )
            set_meta(self._connection, WIPE_DUE, "yes")
            self._connection.execute("COMMIT")
        self._tail = (written.seq, bytes.fromhex(written.hash))
        return written

    def wipe(self) -> bool:
        """Leave nothing of what was erased in the file's free parts, nor in the WAL.

        Returns:
            False when something kept it from that; it is tried again at the next opening.
        """
        try:
            return wiped(self._connection)
        except FAULTS:
            self._roll_back()
            return False

    @contextmanager
    def _adding(self) -> Iterator[None]:
        try:
            yield
            # Deleted under us, SQLite would go on writing into files that nobody can open.
            if self._files_now() != self._files:
                raise WorldFailed(
                    f"{self.path}: was moved or deleted while open; restart `kaproom daemon`"
                )
        except (*FAULTS, OSError) as error:
            self._tail = None
            self._roll_back()
            raise WorldFailed(self._line(error)) from error
        except WorldFailed:
            self._tail = None
            raise

    def begin_boot(
        self, at: Instant | None = None, fields: Mapping[str, Any] | None = None
    ) -> Written:
        """Count this start of the daemon and record it; ``boot`` is its number from now on.

        Raises:
            WorldFailed: It could not be recorded.
        """
        at = at or clock.now()
        count = self._one(
            f"SELECT count(*) FROM entry WHERE {LANDMARK} AND kind = ?", (DAEMON_STARTED,)
        )
        boot = int(count) + 1
        entry = Entry(
            kind=DAEMON_STARTED,
            at=at,
            entered=at,
            fields={**(fields or {}), "boot": boot, "kaproom": __version__},
        )
        (written,) = self.append((entry,))
        self.boot = boot
        return written

    def entries(self, session: str | None = None, after_seq: int = 0) -> Iterator[Written]:
        """Entries in order, of one session or of all, those after ``after_seq``.

        What is written meanwhile is found as well; no lock is kept between two of them.
        """
        of_session = "" if session is None else "AND session = :session"
        query = (
            "SELECT seq, hash, body FROM entry JOIN body USING (seq) "
            f"WHERE seq > :after {of_session} ORDER BY seq LIMIT {_ROWS_A_READ}"
        )
        while rows := self._rows(query, {"after": after_seq, "session": session}):
            for seq, digest, body in rows:
                yield Written(seq, digest.hex(), self._entry(seq, body))
            after_seq = rows[-1][0]

    def recorded(self, command_id: str, among: int = 1_000) -> tuple[Written, ...]:
        """What a command left in the newest ``among`` entries; empty when it left nothing.

        After a crash it tells whether a command that was sent again has been done.
        """
        rows = self._rows(
            "SELECT seq, hash, body FROM entry JOIN body USING (seq) "
            "WHERE seq > (SELECT ifnull(max(seq), 0) FROM entry) - :among "
            "AND json_extract(CAST(body AS TEXT), '$.command_id') = :command_id ORDER BY seq",
            {"among": among, "command_id": command_id},
        )
        return tuple(
            Written(seq, digest.hex(), self._entry(seq, body)) for seq, digest, body in rows
        )

    def sessions(self) -> tuple[SessionSummary, ...]:
        """Every session of the record, the oldest first."""
        return self._sessions.every()

    def last_open_session(self) -> SessionSummary | None:
        """The newest session that started and has not ended; None when there is none."""
        return self._sessions.last_open()

    def unsigned_sessions(self) -> tuple[SessionSummary, ...]:
        """The newest sessions that ended and nobody has signed off, the oldest of them first."""
        return self._sessions.unsigned()

    def head(self) -> Head:
        """Where the record ends now."""
        seq, digest = self._tail or self._read_tail()
        return Head(seq, digest.hex())

    def acknowledged(self, whom: str) -> int:
        """The sequence up to which ``whom`` has confirmed; 0 when nothing was."""
        return int(self._one("SELECT seq FROM acknowledged WHERE whom = ?", (whom,)) or 0)

    def acknowledge(self, whom: str, seq: int) -> None:
        """Keep that ``whom`` has confirmed everything up to ``seq``; it never goes back.

        Raises:
            WorldFailed: It was not kept; what was sent will be sent again.
        """
        try:
            self._connection.execute(
                "INSERT INTO acknowledged VALUES (?, ?) "
                "ON CONFLICT (whom) DO UPDATE SET seq = max(seq, excluded.seq)",
                (whom, seq),
            )
        except FAULTS as error:
            raise WorldFailed(self._line(error)) from error

    def checkpoint(self) -> None:
        """Move what is in the WAL into the file, as far as readers allow. Loses nothing."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except FAULTS:
            # The entries are safe in the WAL, and the next commit that fails is told.
            self._roll_back()

    def _insert(self, rows: list[tuple[Any, ...]]) -> None:
        # One statement and one commit in one call: each call gives up the interpreter's
        # lock and has to win it back, from a display's thread if need be.
        if len(rows) <= _ROWS_A_STATEMENT:
            self._connection.execute(*_statement(rows))
            return
        self._connection.execute("BEGIN IMMEDIATE")
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            self._connection.execute(*_statement(rows[start : start + _ROWS_A_STATEMENT]))
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except FAULTS:
                return  # SQLite has rolled back by itself

    def _read_tail(self) -> tuple[int, bytes]:
        rows = self._rows("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1", ())
        if rows:
            return rows[0][0], rows[0][1]
        return 0, chain_start(self._one("SELECT value FROM meta WHERE key = 'record_id'", ()))

    def _files_now(self) -> tuple[tuple[int, int], ...]:
        found = (path.stat() for path in self._paths)
        return tuple((of.st_dev, of.st_ino) for of in found)

    def _rows(self, query: str, values: Any) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except FAULTS as error:
            raise WorldFailed(self._line(error)) from error

    def _one(self, query: str, values: tuple[Any, ...]) -> Any:
        rows = self._rows(query, values)
        return rows[0][0] if rows else None

    def _entry(self, seq: int, body: bytes) -> Entry:
        try:
            return entry_of(body)
        except ValueError as error:
            raise WorldFailed(
                f"{self.path}: entry {seq} is damaged; run `kaproom verify`"
            ) from error

    def _line(self, error: sqlite3.Error | UnicodeDecodeError | OSError) -> str:
        return f"{self.path}: {why(error)}"


def _chained(
    prepared: Sequence[Prepared], seq: int, previous: bytes
) -> tuple[tuple[Written, ...], list[tuple[Any, ...]]]:
    written = []
    rows = []
    salts = os.urandom(SALT_BYTES * len(prepared))
    for index, each in enumerate(prepared):
        seq += 1
        salt = salts[index * SALT_BYTES : (index + 1) * SALT_BYTES]
        digest = digest_of(salt, each.body)
        previous = hash_of(previous, seq, digest)
        written.append(Written(seq, previous.hex(), each.entry))
        entry = each.entry
        rows.append((seq, entry.session, entry.kind, digest, previous, salt, each.body))
    return tuple(written), rows


def stretches(seqs: Collection[int]) -> list[tuple[int, int]]:
    """Sequences as stretches without gaps, first and last of each."""
    found: list[tuple[int, int]] = []
    for seq in sorted(set(seqs)):
        if found and seq == found[-1][1] + 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found


def _statement(rows: list[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    places = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(rows))
    return f"INSERT INTO append VALUES {places}", [value for row in rows for value in row]
