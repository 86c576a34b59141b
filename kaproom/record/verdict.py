"""The proof that a record was not changed, and a plain word on what it cannot prove.

It trusts nothing in the file but SQLite's ability to read it, and walks every entry.
"""

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaproom.errors import Mend
from kaproom.record import schema
from kaproom.record.database import FILE_NAME
from kaproom.record.entry import (
    SALT_BYTES,
    SESSION_ERASED,
    Head,
    chain_start,
    digest_of,
    entry_of,
    hash_of,
)
from kaproom.record.opening import FAULTS, connect, recognise

_WALK = """SELECT seq, digest, hash, salt, body, kind, session
FROM entry LEFT JOIN body USING (seq) ORDER BY seq"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a walk over the record found.

    Attributes:
        entries: How many were found whole, from the first on.
        first_broken: The first entry that is not as it was written; None when all are,
            or when what is wrong belongs to no entry.
        reason: What is wrong; None when nothing is.
        head: Where the record ends, as far as it is whole.
        erased: How many of them have no body any more because a session was erased.
        cannot_prove: What stays possible all the same, a line each.
    """

    entries: int
    first_broken: int | None
    reason: str | None
    head: Head
    erased: int
    cannot_prove: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing was found wrong."""
        return self.reason is None


class _Broken(Exception):  # noqa: N818 - it is the finding, not a failure
    def __init__(self, seq: int | None, reason: str) -> None:
        self.seq = seq
        self.reason = reason


def verify(path: Path, *kept: Head) -> Verdict:
    """Walk the record at ``path`` (its folder or file); it may be in use meanwhile.

    Args:
        path: The data folder, or the record's file.
        kept: Heads that were kept elsewhere, on a station for example: they prove that
            nothing before them was cut off or replaced.

    Raises:
        Mend: There is no record there.
    """
    path = path / FILE_NAME if path.is_dir() else path
    walk = _Walk(kept)
    reason, broken = None, None
    try:
        connection = connect(path, read_only=True)
        try:
            recognise(path, connection)
            connection.execute("BEGIN")  # one moment of the record, whoever writes meanwhile
            walk.all_of(connection)
        finally:
            connection.close()
    except _Broken as found:
        reason, broken = found.reason, found.seq
    except FAULTS as error:
        reason, broken = f"the file is damaged: {error}", walk.seq + 1
    except Mend as error:
        if not isinstance(error.__cause__, FAULTS):
            raise
        reason, broken = str(error), 1
    here = Head(walk.seq, walk.hash.hex())
    return Verdict(walk.seq, broken, reason, here, walk.erased, _cannot_prove(here, walk))


class _Walk:
    """From the first entry on: ``seq`` and ``hash`` are those of the last whole one."""

    def __init__(self, kept: Collection[Head]) -> None:
        self.kept: dict[int, set[str]] = {}
        for head in kept:
            self.kept.setdefault(head.seq, set()).add(head.hash)
        self.matched = 0
        self.seq = 0
        self.hash = b""
        self.erased = 0
        self.erasures: list[str] = []
        self._gone: list[tuple[int, int, int]] = []

    def all_of(self, connection: sqlite3.Connection) -> None:
        record_id = connection.execute("SELECT value FROM meta WHERE key = 'record_id'").fetchone()
        if record_id is None:
            raise _Broken(1, "the record has lost its id, the beginning of its chain")
        self.hash = chain_start(record_id[0])
        self._read_erasures(connection)
        self._against_kept()
        for row in connection.execute(_WALK):
            self._step(row)
            if self.seq in self.kept:
                self._against_kept()
        newest = max(self.kept, default=0)
        if self.seq < newest:
            raise _Broken(
                self.seq + 1,
                f"the end was cut off: the record ends at {self.seq}, "
                f"the head kept elsewhere is entry {newest}",
            )
        strays = connection.execute(
            "SELECT count(*), min(seq) FROM body WHERE seq NOT IN (SELECT seq FROM entry)"
        ).fetchone()
        if strays[0]:
            raise _Broken(strays[1], f"{strays[0]} bodies belong to no entry")
        self._not_half_erased(connection)
        _same_schema(connection)
        found = [line for (line,) in connection.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise _Broken(None, f"the file is damaged: {found[0]}")

    def _step(self, row: tuple[Any, ...]) -> None:
        seq, digest, link, salt, body, kind, session = row
        expected = self.seq + 1
        if seq != expected:
            missing = f"entry {expected} is missing: the next one is {seq}"
            raise _Broken(
                expected, missing if seq > expected else f"entry {seq} is no entry's number"
            )
        if body is None:
            self._lost(seq)
        elif len(salt) != SALT_BYTES or digest != digest_of(salt, body):
            raise _Broken(seq, f"entry {seq} was changed: its body does not give its digest")
        if link != hash_of(self.hash, seq, digest):
            raise _Broken(seq, f"entry {seq} was changed: it does not follow from the one before")
        if body is not None and not _says(body, kind, session):
            _says_by_parsing(seq, body, kind, session)
        self.seq, self.hash = seq, link

    def _lost(self, seq: int) -> None:
        """A body is not there: it may be missing only where a later erasure names it."""
        if not any(first <= seq <= last and seq < by for first, last, by in self._gone):
            raise _Broken(seq, f"entry {seq} has lost its body, and no erasure names it")
        self.erased += 1

    def _read_erasures(self, connection: sqlite3.Connection) -> None:
        """What the erasures name; that they are genuine the walk finds out when it is there."""
        query = (
            "SELECT seq, body FROM entry JOIN body USING (seq) "
            f"WHERE {schema.LANDMARK} AND kind = ? ORDER BY seq"
        )
        for seq, body in connection.execute(query, (SESSION_ERASED,)):
            try:
                entry = entry_of(body)
                gone = [(int(first), int(last)) for first, last in entry.fields["entries"]]
            except (ValueError, KeyError, TypeError):
                continue  # the walk will tell
            self._gone += [(first, last, seq) for first, last in gone]
            count = sum(last - first + 1 for first, last in gone)
            on = entry.at.utc.strftime("%Y-%m-%d")
            by = entry.who or "somebody"
            self.erasures.append(f"{count} entries that {by} erased on {on}, see entry {seq}")

    def _not_half_erased(self, connection: sqlite3.Connection) -> None:
        for first, last, by in self._gone:
            query = "SELECT min(seq) FROM body WHERE seq BETWEEN ? AND ?"
            (left,) = connection.execute(query, (first, last)).fetchone()
            if left is not None:
                raise _Broken(left, f"entry {left} should be erased, see entry {by}")

    def _against_kept(self) -> None:
        known = self.kept.get(self.seq)
        if known is None:
            return
        if known != {self.hash.hex()}:
            since = f"after entry {self.matched}" if self.matched else "there or before"
            raise _Broken(
                max(self.seq, 1),
                f"entry {self.seq} is not the one whose hash was kept elsewhere: "
                f"the record was rewritten {since}, or is another room's",
            )
        self.matched = self.seq


def _says(body: bytes, kind: str, session: str | None) -> bool:
    """Whether a body as kaproom writes it is of this kind and session; parsing takes longer.

    Its keys are sorted, no object comes after the kind, and a quote in a text is escaped.
    """
    of = b"null" if session is None else b'"%b"' % session.encode()
    place = body.rfind(b',"kind":"%b","late":' % kind.encode())
    return place > 0 and body.find(b',"session":%b,"session_s":' % of, place) > 0


def _says_by_parsing(seq: int, body: bytes, kind: str, session: str | None) -> None:
    try:
        found = json.loads(body)
        same = found["kind"] == kind and found["session"] == session
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _Broken(seq, f"entry {seq} was not written by kaproom") from error
    if not same:
        raise _Broken(seq, f"entry {seq} was changed: its kind or session is not its body's")


def _same_schema(connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    wanted = schema.OF_VERSION[version]
    found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql}
    missing = [sql for sql in wanted if sql not in found]
    if missing or len(found) != len(wanted):
        what = " ".join((missing or sorted(found - set(wanted)))[0].split()[:3])
        raise _Broken(None, f"the file's own protection was changed, see {what}")


def _cannot_prove(here: Head, walk: _Walk) -> tuple[str, ...]:
    newest = max(walk.kept, default=None)
    if newest is None:
        tail = (
            f"that nothing was cut off after entry {here.seq}, or all of it written anew: "
            "compare with a head kept elsewhere, as the stations keep it"
        )
    else:
        tail = (
            f"that nothing was cut off after entry {here.seq}, if there ever was more: "
            f"the head kept elsewhere is entry {newest}"
        )
    erased = [f"what stood in {told}" for told in walk.erasures]
    return (tail, *erased, "that what was entered is true, or that the clock was right")
