"""The record: what was acknowledged is there, as it was, and cannot be changed from here."""

import json
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.clock import Instant
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.record import FILE_NAME, Entry, Head, Record, RoomLock, verify
from kaproom.record.entry import body_of, entry_of

MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))
SESSION = "5e" * 16


def entry(kind: str = "note", **changes: Any) -> Entry:
    return Entry(kind=kind, at=MORNING, entered=MORNING, **changes)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "room") as record:
        yield record


# What an entry is


def test_an_entry_comes_back_as_it_was_given(record: Record) -> None:
    given_in = entry(
        session=SESSION,
        session_s=754.5,
        infusion_s=731.25,
        phase="ascent",
        heard={"cue": "ascent-2", "title": "Ström", "position_s": 61.004},
        who="AB",
        late=True,
        command_id="c0" * 16,
        fields={"category": "tears", "text": "weint leise, ok\n'so'"},
    )
    (written,) = record.append([given_in])
    assert list(record.entries()) == [written]
    assert written.entry == given_in
    assert record.head() == Head(1, written.hash)


def test_the_body_is_canonical_json_with_the_documented_keys() -> None:
    body = body_of(entry(fields={"b": 1, "a": "é"}))
    found = json.loads(body)
    assert (
        body
        == json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )
    assert set(found) == {
        *("v", "kind", "session", "at", "entered", "late", "session_s", "infusion_s"),
        *("phase", "heard", "who", "clock", "command_id", "data"),
    }
    assert found["at"] == {
        "mono_ns": MORNING.mono_ns,
        "boot": "boot-a",
        "utc": "2026-03-05T10:33:05.250000+00:00",
    }


def test_times_of_any_zone_are_kept_in_utc() -> None:
    berlin = datetime(2026, 3, 5, 11, 33, 5, 250_000, timezone(timedelta(hours=1)))
    moved = Entry(kind="note", at=Instant(1, "b", berlin), entered=MORNING)
    assert entry_of(body_of(moved)).at.utc == MORNING.utc
    assert b"10:33:05.250000+00:00" in body_of(moved)


@given(
    text=st.text(st.characters()),
    inner=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
        max_leaves=8,
    ),
)
def test_any_text_and_any_fields_make_a_body_that_reads_back(text: str, inner: object) -> None:
    if "weight" in str(inner).lower() or "inf" in str(inner):
        return
    once = body_of(entry(fields={"text": text, "inner": inner}))
    again = body_of(entry_of(once))
    assert once == again


def test_a_lone_surrogate_from_a_broken_terminal_becomes_a_replacement_character() -> None:
    assert entry_of(body_of(entry(fields={"text": "a\ud800b 😀"}))).fields["text"] == "a\ufffdb 😀"


@pytest.mark.parametrize(
    "fields", [{"weight_kg": 70}, {"Weight": 70}, {"plan": [{"weights": []}]}, {"a": {"weight": 1}}]
)
def test_a_weight_never_enters_the_record(record: Record, fields: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="weight"):
        record.append([entry(fields=fields)])
    assert record.head().seq == 0


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"kind":1}', b"[" * 5_000])
def test_bytes_that_are_no_entry_are_told_as_such(body: bytes) -> None:
    with pytest.raises(ValueError):
        entry_of(body)


# Opening


def test_a_new_record_is_a_versioned_wal_database_of_ours(tmp_path: Path) -> None:
    with Record.open(tmp_path / "clinic" / "room") as record:
        raw = sqlite3.connect(record.path)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA application_id").fetchone() == (0x6B617072,)
        assert raw.execute("PRAGMA user_version").fetchone() == (2,)
        assert dict(raw.execute("SELECT key, value FROM meta"))["schema"] == "2"
        raw.close()
    assert record.path.stat().st_mode & 0o777 == 0o640
    assert record.path.parent.stat().st_mode & 0o777 == 0o750


def test_the_writer_waits_for_the_disk_at_every_commit(record: Record) -> None:
    assert record._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_record_goes_on_where_it_ended(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        first = record.append([entry(), entry(session=SESSION)])
    with Record.open(tmp_path) as record:
        assert record.head() == Head(2, first[1].hash)
        record.append([entry()])
    assert verify(tmp_path).entries == 3
    assert verify(tmp_path).whole


def test_an_empty_file_left_by_a_crash_becomes_a_record(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    with Record.open(tmp_path) as record:
        record.append([entry()])
    assert verify(tmp_path).whole


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(b"my holiday\n" * 1_000)
    with pytest.raises(Mend, match=r"record\.sqlite3: is not a kaproom record; move it away"):
        Record.open(tmp_path)
    assert path.read_bytes() == b"my holiday\n" * 1_000


def test_a_copy_without_its_wal_says_how_a_record_is_copied(tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    with Record.open(tmp_path / "room") as record:
        record.append([entry()])
        shutil.copyfile(record.path, copy)
    with pytest.raises(Mend, match="copy with `kaproom backup`"):
        verify(copy)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / FILE_NAME)
    raw.execute("CREATE TABLE holiday (day)")
    raw.commit()
    raw.close()
    with pytest.raises(Mend, match="is a database, but not kaproom's"):
        Record.open(tmp_path)


def test_a_record_of_a_newer_kaproom_is_refused(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        record._connection.execute("PRAGMA user_version = 9")
    for read_only in (False, True):
        with pytest.raises(Mend, match=r"newer kaproom \(schema 9, this one reads 2\)"):
            Record.open(tmp_path, read_only=read_only)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Mend, match=r"cannot be made .*; make the data folder writable or choose"):
        Record.open(tmp_path / "file" / "room")


def test_reading_where_there_is_no_record_makes_none(tmp_path: Path) -> None:
    with pytest.raises(Mend, match="no record here; `kaproom daemon` begins one"):
        Record.open(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def without_privileges(work: Callable[[Path], str]) -> str:
    """What ``work`` says as an ordinary user, in a folder that such a user can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        if os.geteuid() != 0:
            return work(folder)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                os.write(writing, work(folder).encode())
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as told:
            return told.read()
    finally:
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o755)
        shutil.rmtree(folder)


def seal(folder: Path) -> None:
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)


def test_a_read_only_data_folder_is_one_line_before_the_session() -> None:
    def work(folder: Path) -> str:
        try:
            Record.open(folder).close()
        except Mend as error:
            return str(error)
        return "opened"

    def sealed_empty(folder: Path) -> str:
        if folder.stat().st_uid == os.geteuid():
            seal(folder)
        return work(folder)

    assert "cannot be made (Permission denied)" in without_privileges(sealed_empty)


def test_a_record_that_is_only_ours_to_read_is_read_and_not_written() -> None:
    room = Path(tempfile.mkdtemp())
    try:
        with Record.open(room) as record:
            record.append([entry()])
        seal(room)

        def work(_: Path) -> str:
            with Record.open(room, read_only=True) as record:
                found = len(list(record.entries()))
            try:
                Record.open(room).close()
            except Mend as error:
                return f"{found} {verify(room).whole} {error}"
            return "opened"

        told = without_privileges(work)
        assert told.startswith("1 True ")
        assert "record.sqlite3: cannot be opened or written" in told
    finally:
        room.chmod(0o755)
        shutil.rmtree(room)


# Append-only


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET kind = 'other'",
        "DELETE FROM entry WHERE seq = 2",
        "UPDATE body SET body = x'00'",
        "DELETE FROM body",
        "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 1",
        "REPLACE INTO body SELECT * FROM body WHERE seq = 2",
        "INSERT INTO entry SELECT seq + 5, session, kind, digest, hash FROM entry",
        "INSERT INTO body SELECT seq + 5, salt, body FROM body",
        "UPDATE OR REPLACE entry SET seq = 1 WHERE seq = 2",
        "UPDATE meta SET value = 'other' WHERE key = 'record_id'",
        "DELETE FROM meta",
    ],
)
def test_sqlite_itself_refuses_to_rewrite(record: Record, statement: str) -> None:
    record.append([entry(), entry()])
    raw = sqlite3.connect(record.path)  # any program, without our settings
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    raw.close()
    assert verify(record.path).whole


def test_several_entries_are_recorded_together_or_not_at_all(record: Record) -> None:
    record.append([entry()])
    record._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(WorldFailed):
        record.append([entry(fields={"text": "x" * 9_000})] * 3)
    assert record.head().seq == 1
    assert verify(record.path).entries == 1


def test_more_entries_than_one_statement_takes_are_still_one_commit(record: Record) -> None:
    written = record.append([entry(fields={"n": n}) for n in range(1_201)])
    assert [each.seq for each in written] == list(range(1, 1_202))
    assert [each.entry.fields["n"] for each in record.entries()] == list(range(1_201))
    assert verify(record.path).whole


def test_nothing_to_record_is_not_a_commit(record: Record) -> None:
    assert record.append([]) == ()
    assert record.head().seq == 0


# Failing disks


def test_a_full_database_is_one_line_and_the_next_entry_is_tried_again(record: Record) -> None:
    record._connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(WorldFailed, match=r"record\.sqlite3: the disk is full; free some space"):
        record.append([entry(fields={"text": "x" * 9_000})])
    record._connection.execute("PRAGMA max_page_count = 100000")
    (written,) = record.append([entry()])
    assert written.seq == 1
    assert verify(record.path).whole


def test_a_disk_that_takes_no_more_bytes_loses_nothing_that_was_recorded(record: Record) -> None:
    record.append([entry()])
    size = Path(f"{record.path}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 5_000, hard))
    try:
        with pytest.raises(WorldFailed, match="the disk failed"):
            record.append([entry(fields={"text": "x" * 20_000})])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    record.append([entry()])
    assert verify(record.path).entries == 2
    assert verify(record.path).whole


def test_a_record_deleted_while_open_acknowledges_nothing(record: Record) -> None:
    record.append([entry()])
    shutil.rmtree(record.path.parent)
    with pytest.raises(WorldFailed, match="was the data folder moved or deleted"):
        record.append([entry()])


def test_a_record_replaced_while_open_acknowledges_nothing(record: Record) -> None:
    record.append([entry()])
    moved = record.path.rename(record.path.with_suffix(".old"))
    shutil.copy(moved, record.path)
    with pytest.raises(WorldFailed, match="moved or deleted while open; restart `kaproom daemon`"):
        record.append([entry()])


def test_a_record_locked_by_another_program_says_so(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record._connection.execute("PRAGMA busy_timeout = 1")
    raw = sqlite3.connect(record.path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorldFailed, match="another program keeps it locked"):
        record.append([entry()])
    raw.close()
    record.append([entry()])
    assert verify(record.path).entries == 1


# Reading


def test_a_reader_and_the_writer_do_not_wait_for_each_other(record: Record) -> None:
    record.append([entry(fields={"n": n}) for n in range(1_200)])
    with Record.open(record.path.parent, read_only=True) as reader:
        found = reader.entries()
        assert next(found).seq == 1
        record.append([entry(fields={"n": "while reading"})])
        record.checkpoint()
        assert [each.seq for each in found] == list(range(2, 1_202))


def test_a_read_only_record_cannot_be_added_to(record: Record) -> None:
    record.append([entry()])
    with (
        Record.open(record.path.parent, read_only=True) as reader,
        pytest.raises(WorldFailed, match="cannot be opened or written"),
    ):
        reader.append([entry()])
    assert verify(record.path).entries == 1


def test_entries_can_be_asked_by_session_and_from_a_sequence_on(record: Record) -> None:
    other = "07" * 16
    record.append([entry(session=SESSION), entry(), entry(session=other), entry(session=SESSION)])
    assert [each.seq for each in record.entries(SESSION)] == [1, 4]
    assert [each.seq for each in record.entries(after_seq=2)] == [3, 4]
    assert [each.seq for each in record.entries(SESSION, after_seq=1)] == [4]


def test_sessions_are_summed_up_in_a_line_each(record: Record) -> None:
    later = Instant(MORNING.mono_ns + 1, "boot-a", MORNING.utc + timedelta(hours=2))
    other = "07" * 16
    record.append(
        [
            entry("session-started", session=SESSION, fields={"profile": "iv-60"}),
            entry(session=SESSION),
            entry(session=SESSION),
            Entry(kind="session-ended", at=later, entered=later, session=SESSION),
            entry(session=SESSION, fields={"category": "integration"}),
            entry("session-started", session=other),
        ]
    )
    first, second = record.sessions()
    assert (first.session, first.first_seq, first.last_seq) == (SESSION, 1, 5)
    assert (first.entries, first.notes) == (5, 3)
    assert (first.started, first.ended) == (MORNING, later)
    assert first.started_with == {"profile": "iv-60"}
    assert (second.session, second.notes, second.ended) == (other, 0, None)


def test_the_open_session_is_the_one_that_started_and_did_not_end(record: Record) -> None:
    assert record.last_open_session() is None
    record.append([entry("session-started", session=SESSION), entry(session=SESSION)])
    found = record.last_open_session()
    assert found is not None
    assert (found.session, found.entries, found.notes) == (SESSION, 2, 1)
    record.append([entry("session-ended", session=SESSION), entry(session=SESSION)])
    assert record.last_open_session() is None


def test_a_command_that_is_sent_again_after_a_crash_is_found(record: Record) -> None:
    record.append([entry(command_id="aa"), entry(command_id="aa"), entry(command_id="bb")])
    assert [each.seq for each in record.recorded("aa")] == [1, 2]
    assert record.recorded("cc") == ()
    assert record.recorded("aa", among=1) == ()


def test_each_start_of_the_daemon_is_counted_in_the_record(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        with Record.open(tmp_path) as record:
            assert record.boot is None
            written = record.begin_boot(MORNING, {"room": "blue"})
            assert record.boot == count
            assert written.entry.kind == "daemon-started"
            assert written.entry.fields["boot"] == count
            assert written.entry.fields["room"] == "blue"


def test_what_was_confirmed_never_goes_back_and_is_kept(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        assert record.acknowledged("broker") == 0
        record.acknowledge("broker", 7)
        record.acknowledge("broker", 3)
        record.acknowledge("station", 2)
    with Record.open(tmp_path) as record:
        assert (record.acknowledged("broker"), record.acknowledged("station")) == (7, 2)


# One daemon per room


def test_a_second_daemon_is_refused_and_told_who_holds_the_room(tmp_path: Path) -> None:
    with (
        RoomLock(tmp_path / "room"),
        pytest.raises(Refused, match=f"process {os.getpid()} already runs this room"),
    ):
        RoomLock(tmp_path / "room").take()
    with RoomLock(tmp_path / "room"):
        pass


def test_the_room_is_free_when_its_daemon_was_killed(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        RoomLock(tmp_path).take()
        os.write(writing, b"held")
        signal_never, _ = os.pipe()
        os.read(signal_never, 1)
        os._exit(0)
    assert os.read(reading, 4) == b"held"
    with pytest.raises(Refused, match=f"process {child} "):
        RoomLock(tmp_path).take()
    os.kill(child, 9)
    os.waitpid(child, 0)
    with RoomLock(tmp_path):
        pass


def test_a_lock_in_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Mend, match=r"cannot be opened .*; make the data folder writable"):
        RoomLock(tmp_path / "file").take()
