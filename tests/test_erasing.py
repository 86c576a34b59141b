"""Erasing and old schemas: a session's words go for good, the chain stays whole."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kaproom.clock import Instant, now
from kaproom.errors import WorldFailed
from kaproom.record import (
    FILE_NAME,
    SESSION_ENDED,
    SESSION_ERASED,
    SESSION_STARTED,
    SIGNED_OFF,
    Entry,
    Head,
    Record,
    verify,
)
from kaproom.record.database import stretches
from kaproom.record.series import Series
from kaproom.room.resume import resumed

MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))
HERS, HIS = "5e" * 16, "07" * 16
SECRET = "quoll-marzipan-2719"
OLD = Path(__file__).parent / "records" / "schema-1.sqlite3"
# Of the committed record of schema 1, as verify told when it was made.
OLD_HEAD = Head(35, "86cc1e02b405739ba5dfdfb59386cf08f67f64556f8afb619ed472fc44790816")
OLD_SESSIONS = ("ac2b598369434d2bbd04c73eb05d307b", "9e3dbd0b0fc4407a944786de221b43ba")


def entry(kind: str = "note", session: str | None = None, text: str = "") -> Entry:
    fields = {"category": "tears", "text": text} if kind == "note" else {"by": "AB"}
    return Entry(kind=kind, at=MORNING, entered=MORNING, session=session, fields=fields)


def erasure(session: str) -> Entry:
    return Entry(kind=SESSION_ERASED, at=MORNING, entered=MORNING, session=session, who="AB")


def two_sessions(folder: Path) -> Record:
    """A record with hers, of which everything holds the secret, and his."""
    record = Record.open(folder)
    for session, text in ((HERS, SECRET), (HIS, "plain")):
        record.append([entry("prepared", None, text), entry(SESSION_STARTED, session)])
        for n in range(60):
            # Some fit a page, some do not.
            record.append([entry("note", session, f"{text} {n} " * (1 + n * 7))])
        record.append([entry(SESSION_ENDED, session)])
    return record


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with two_sessions(tmp_path / "room") as record:
        yield record


def raw_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_what_was_erased_is_in_no_file_of_the_folder_any_more(record: Record) -> None:
    folder = record.path.parent
    assert SECRET.encode() in raw_bytes(folder)
    salt = record._connection.execute("SELECT salt FROM body WHERE seq = 20").fetchone()[0]
    record.erase(erasure(HERS), more=[1])
    assert record.wipe()
    left = raw_bytes(folder)
    assert SECRET.encode() not in left
    assert salt not in left
    assert b"plain 59" in left


def test_the_chain_holds_and_says_what_is_gone_and_since_when(record: Record) -> None:
    before = record.head()
    written = record.erase(erasure(HERS), more=[1])
    record.wipe()
    verdict = verify(record.path, before, record.head())
    assert (verdict.whole, verdict.erased, verdict.entries) == (True, 63, written.seq)
    told = f"what stood in 63 entries that AB erased on 2026-03-05, see entry {written.seq}"
    assert told in verdict.cannot_prove
    assert written.entry.fields["entries"] == [(1, 63)]


def test_the_others_and_the_numbers_of_events_stay_as_they_were(record: Record) -> None:
    with_bodies = Series.open(record.path.parent, ("note",))
    before = with_bodies.after(0, 0, 1000)
    record.erase(erasure(HERS))
    after = with_bodies.after(0, 0, 1000)
    with_bodies.close()
    assert [n.number for n in after] == [n.number for n in before]
    assert [n.entry is None for n in after] == [n.seq <= 63 for n in before]
    hers, his = record.sessions()
    assert (hers.session, hers.erased, hers.started, hers.notes) == (HERS, MORNING, None, 60)
    assert (his.erased, his.notes) == (None, 60)
    assert len(list(record.entries(HIS))) == 62
    assert [w.entry.kind for w in record.entries(HERS)] == [SESSION_ERASED]
    record.append([entry("note", HIS, "and on")])
    assert verify(record.path).whole


def test_no_body_goes_that_no_erasure_names(record: Record) -> None:
    record.erase(erasure(HERS))
    raw = sqlite3.connect(record.path)
    for statement in (
        "DELETE FROM body WHERE seq = 80",
        "DELETE FROM body WHERE seq = (SELECT max(seq) FROM entry)",
        "INSERT INTO body VALUES (20, x'00', x'00')",
        "UPDATE body SET body = x'00' WHERE seq = 80",
        "DELETE FROM entry WHERE seq = 20",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(statement)
    raw.close()


def test_a_body_that_is_gone_though_no_erasure_names_it_is_found(record: Record) -> None:
    record.erase(erasure(HERS))
    raw = sqlite3.connect(record.path, isolation_level=None)
    (trigger,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'body_no_delete'")
    raw.execute("DROP TRIGGER body_no_delete")
    raw.execute("DELETE FROM body WHERE seq = 90")
    raw.execute(trigger[0])
    raw.close()
    verdict = verify(record.path)
    assert verdict.first_broken == 90
    assert verdict.reason == "entry 90 has lost its body, and no erasure names it"


def test_an_erasure_that_was_not_wiped_out_is_wiped_when_the_record_is_opened_again(
    record: Record,
) -> None:
    folder = record.path.parent
    record.erase(erasure(HERS), more=[1])
    record.close()
    Record.open(folder).close()
    assert SECRET.encode() not in raw_bytes(folder)
    assert verify(folder).whole


def test_while_somebody_reads_it_is_not_claimed_to_be_wiped(record: Record) -> None:
    record._connection.execute("PRAGMA busy_timeout = 1")
    raw = sqlite3.connect(record.path, isolation_level=None)
    raw.execute("BEGIN")
    raw.execute("SELECT count(*) FROM body").fetchone()
    record.erase(erasure(HERS))
    assert not record.wipe()
    raw.close()
    assert record.wipe()


def test_an_erasure_that_failed_erased_nothing(record: Record) -> None:
    head = record.head()
    raw = sqlite3.connect(record.path, isolation_level=None)
    record._connection.execute("PRAGMA busy_timeout = 1")
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorldFailed, match="locked"):
        record.erase(erasure(HERS))
    raw.close()
    assert record.head() == head
    assert verify(record.path).erased == 0


@pytest.mark.parametrize(
    ("seqs", "found"),
    [([], []), ([3], [(3, 3)]), ([5, 3, 4, 9, 8, 3], [(3, 5), (8, 9)]), ([1, 3], [(1, 1), (3, 3)])],
)
def test_entries_are_named_by_stretches(seqs: list[int], found: list[tuple[int, int]]) -> None:
    assert stretches(seqs) == found


# What others wrote before us


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A record that kaproom wrote when its schema was 1: two sessions, one of them open."""
    (tmp_path / "old").mkdir()
    shutil.copy(OLD, tmp_path / "old" / FILE_NAME)
    return tmp_path / "old"


def test_a_record_of_schema_1_is_read_as_it_is(old: Path) -> None:
    assert verify(old, OLD_HEAD).whole
    with Record.open(old, read_only=True) as record:
        assert tuple(s.session for s in record.sessions()) == OLD_SESSIONS
        texts = [w.entry.fields.get("text") for w in record.entries(OLD_SESSIONS[0])]
        assert "weint leise, Hand auf dem Herzen" in texts
        assert record.head() == OLD_HEAD
        left_open = record.last_open_session()
        assert left_open is not None
        assert left_open.session == OLD_SESSIONS[1]
    raw = sqlite3.connect(old / FILE_NAME)
    assert raw.execute("PRAGMA user_version").fetchone() == (1,)
    raw.close()


def test_a_record_of_schema_1_is_brought_forward_and_goes_on(old: Path) -> None:
    with Record.open(old) as record:
        assert record.head() == OLD_HEAD
        record.begin_boot()
        record.append([entry("note", OLD_SESSIONS[0], "later")])
        assert verify(old, OLD_HEAD, record.head()).whole
    raw = sqlite3.connect(old / FILE_NAME)
    assert raw.execute("PRAGMA user_version").fetchone() == (2,)
    assert raw.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("2",)
    fresh = Record.open(old.parent / "fresh")
    now_made = set(fresh._connection.execute("SELECT sql FROM sqlite_master WHERE sql NOTNULL"))
    assert set(raw.execute("SELECT sql FROM sqlite_master WHERE sql NOTNULL")) == now_made
    fresh.close()
    raw.close()


def test_what_schema_1_kept_can_be_erased(old: Path) -> None:
    assert b"weint leise, Hand auf dem Herzen" in raw_bytes(old)
    with Record.open(old) as record:
        record.erase(erasure(OLD_SESSIONS[0]))
        assert record.wipe()
        assert verify(old, OLD_HEAD).whole
    assert b"weint leise" not in raw_bytes(old)
    assert b"second session" in raw_bytes(old)


def test_a_session_of_schema_1_is_stepped_through_again(old: Path) -> None:
    with Record.open(old, read_only=True) as record:
        found = resumed(record.entries(OLD_SESSIONS[0]), now())
    assert found is not None
    assert [note.category for note in found.session.notes] == [
        *("vital-signs-taken", "tears", "movement")
    ]


# Who answered for what


def test_sessions_that_ended_wait_for_somebody_to_sign_them_off(record: Record) -> None:
    assert [s.session for s in record.unsigned_sessions()] == [HERS, HIS]
    record.append([entry(SIGNED_OFF, HERS)])
    assert [s.session for s in record.unsigned_sessions()] == [HIS]
    hers = record.sessions()[0]
    assert (hers.session, hers.signed_by, hers.signed_off) == (HERS, "AB", MORNING)
    record.erase(erasure(HIS))
    assert record.unsigned_sessions() == ()
