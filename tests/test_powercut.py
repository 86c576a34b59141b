"""The power goes at every boundary of a session's writing: nothing that was told is lost."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from powercut import Disk, Left
from pulse import short_folder

from kaproom.clock import Instant
from kaproom.record import FILE_NAME, SESSION_ERASED, SESSION_STARTED, Entry, Head, Record, verify

MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))
SESSION = "5e" * 16
OLD = Path(__file__).parent / "records" / "schema-1.sqlite3"


def note(number: int, text: str = "") -> Entry:
    """A note; its command is told by its number."""
    return Entry(
        kind="note",
        at=MORNING,
        entered=MORNING,
        session=SESSION,
        command_id=f"press-{number}",
        fields={"category": "tears", "text": text or f"note {number}"},
    )


def plain(kind: str, **fields: object) -> Entry:
    return Entry(kind=kind, at=MORNING, entered=MORNING, session=SESSION, fields=fields)


@dataclass
class Writing:
    """A record on a watched disk, and what it acknowledged after how much was asked of it."""

    folder: Path
    disk: Disk
    heads: list[tuple[int, Head]] = field(default_factory=list)
    sent: list[tuple[int, int, Entry]] = field(default_factory=list)
    erased: tuple[int, int] | None = None

    def open(self) -> Record:
        return Record.open(self.folder, engine=self.disk.engine)

    def begin_boot(self, record: Record) -> None:
        written = record.begin_boot(MORNING)
        self.heads.append((len(self.disk.asked), Head(written.seq, written.hash)))

    def write(self, record: Record, *entries: Entry) -> None:
        before = len(self.disk.asked)
        written = record.append(entries)
        after = len(self.disk.asked)
        self.heads += [(after, Head(w.seq, w.hash)) for w in written]
        self.sent += [(before, after, entry) for entry in entries]

    def a_session(self) -> None:
        """As the daemon writes one: single notes, several at once, marks, checkpoints."""
        with self.open() as record:
            self.begin_boot(record)
            self.write(record, plain(SESSION_STARTED, profile="p" * 9_000))
            for number in range(5):
                self.write(record, note(number))
            self.write(record, note(5), note(6, "long " * 1_500), note(7))
            record.acknowledge("mqtt", 5)
            record.checkpoint()
            for number in range(8, 12):
                self.write(record, note(number))
        with self.open() as record:
            self.begin_boot(record)
            self.write(record, note(12))

    def an_erasure(self) -> None:
        with self.open() as record:
            before = len(self.disk.asked)
            written = record.erase(plain(SESSION_ERASED))
            self.erased = before, len(self.disk.asked)
            self.heads.append((len(self.disk.asked), Head(written.seq, written.hash)))
            record.wipe()
            self.write(record, note(13))


def check(writing: Writing, count: int, left: Left, folder: Path) -> None:
    """The power went after ``count`` things were asked, and left this."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in left.items():
        (folder / name).write_bytes(content)
    told = [head for asked, head in writing.heads if asked <= count]
    with Record.open(folder) as record:
        # Those that were asked for last, and never answered, are sent again by their clients.
        for before, after, entry in writing.sent:
            if before <= count < after and not record.recorded(entry.command_id or "-"):
                record.append([entry])
        found = verify(folder, *told)
        assert found.whole, (count, found)
        here = [w.entry.command_id for w in record.entries() if w.entry.command_id]
    assert len(here) == len(set(here)), count
    if writing.erased is None or count < writing.erased[0]:
        sent = {e.command_id for before, _, e in writing.sent if before <= count and e.command_id}
        assert sent <= set(here), count
    elif count >= writing.erased[1]:
        assert found.erased > 0
        left_over = b"".join(file.read_bytes() for file in folder.iterdir())
        assert b"long long" not in left_over, count


def every_moment(writing: Writing) -> int:
    """Check each moment; how many different ones there were."""
    # The same files later, with more acknowledged, are the stricter case.
    moments = {tuple(sorted(left.items())): count for count, left in writing.disk.moments()}
    with short_folder() as folder:
        for files, count in moments.items():
            check(writing, count, dict(files), folder / "room")
    return len(moments)


def test_what_was_acknowledged_is_there_whenever_the_power_goes() -> None:
    with short_folder() as folder:
        writing = Writing(folder, Disk(folder))
        writing.a_session()
        assert every_moment(writing) > 100
        assert {asked.what for asked in writing.disk.asked} >= {"write", "sync", "delete"}


def test_an_erasure_is_whole_or_not_at_all_whenever_the_power_goes() -> None:
    with short_folder() as folder:
        with Record.open(folder) as record:
            record.append([plain(SESSION_STARTED), note(0), note(1, "long " * 1_500)])
        writing = Writing(folder, Disk(folder))
        writing.an_erasure()
        assert every_moment(writing) > 30


def test_a_record_of_schema_1_survives_the_power_going_while_it_is_brought_forward() -> None:
    with short_folder() as folder:
        shutil.copy(OLD, folder / FILE_NAME)
        writing = Writing(folder, Disk(folder))
        with Record.open(folder, read_only=True) as record:
            writing.heads.append((0, record.head()))
        with writing.open() as record:
            writing.write(record, note(1))
        assert every_moment(writing) > 10


def test_a_disk_that_only_pretends_to_sync_is_found_out_by_this_test() -> None:
    with short_folder() as folder:
        writing = Writing(folder, Disk(folder))
        writing.a_session()
        lying = [asked for asked in writing.disk.asked if asked.what != "sync"]
        writing.disk.asked = lying
        writing.heads = [(0, head) for _, head in writing.heads]
        lost = 0
        with short_folder() as other:
            for count, left in list(writing.disk.moments())[::25]:
                try:
                    check(writing, count, left, other / "room")
                except AssertionError:
                    lost += 1
        assert lost > 0
