"""A copy of the record is made while it is written, proven, and takes nobody's place."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kaproom.clock import Instant
from kaproom.errors import Mend, WorldFailed
from kaproom.record import FILE_NAME, Entry, Record, copied, verify

MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))


def note(text: str = "") -> Entry:
    return Entry(kind="note", at=MORNING, entered=MORNING, fields={"text": text})


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "room") as record:
        record.append([note(f"{n} " * 50) for n in range(500)])
        yield record


def test_a_copy_taken_while_notes_are_written_is_whole_up_to_one_moment(
    record: Record, tmp_path: Path
) -> None:
    enough = threading.Event()

    def write() -> None:
        while not enough.is_set():
            record.append([note("meanwhile")])

    writer = threading.Thread(target=write)
    before = record.head()
    writer.start()
    try:
        copy = copied(record.path.parent, tmp_path, "copy.sqlite3", before)
    finally:
        enough.set()
        writer.join()
    assert copy.file == tmp_path / "copy.sqlite3"
    assert copy.verdict.entries >= before.seq
    assert verify(copy.file, before, copy.verdict.head).whole
    assert verify(record.path, copy.verdict.head).whole
    assert copy.file.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.sqlite3", "room"]


def test_a_copy_becomes_a_record_again_where_it_is_put(record: Record, tmp_path: Path) -> None:
    copy = copied(record.path.parent, tmp_path / "there.sqlite3", "unused")
    (tmp_path / "other").mkdir()
    shutil.copy(copy.file, tmp_path / "other" / FILE_NAME)
    with Record.open(tmp_path / "other") as again:
        again.append([note("and on")])
    assert verify(tmp_path / "other", copy.verdict.head).entries == 501


def test_a_copy_takes_no_other_files_place(record: Record, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite3").write_text("holiday")
    with pytest.raises(Mend, match="is there already, and a copy replaces nothing"):
        copied(record.path.parent, tmp_path, "copy.sqlite3")
    with pytest.raises(Mend, match="cannot be put there"):
        copied(record.path.parent, tmp_path / "nowhere" / "copy.sqlite3", "copy.sqlite3")
    with pytest.raises(Mend, match="no record here"):
        copied(tmp_path, tmp_path, "another.sqlite3")
    assert (tmp_path / "copy.sqlite3").read_text() == "holiday"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_record_that_is_not_whole_is_not_copied(record: Record, tmp_path: Path) -> None:
    raw = sqlite3.connect(record.path, isolation_level=None)
    raw.execute("DROP TRIGGER entry_no_update")
    raw.execute("UPDATE entry SET kind = 'x' WHERE seq = 7")
    raw.close()
    with pytest.raises(WorldFailed, match=r"entry 7 was changed: .*; not copied to"):
        copied(record.path.parent, tmp_path, "copy.sqlite3")
    assert [file.name for file in tmp_path.iterdir()] == ["room"]


def test_a_full_disk_leaves_no_half_a_copy(record: Record, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        with pytest.raises(WorldFailed, match="the disk"):
            copied(record.path.parent, tmp_path, "copy.sqlite3")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [file.name for file in tmp_path.iterdir()] == ["room"]
    assert verify(record.path).whole
