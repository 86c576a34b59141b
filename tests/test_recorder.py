"""The recorder's thread: each submission comes back once, in order, with the truth."""

import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kaproom.clock import Instant
from kaproom.record import Done, Entry, Record, Recorder, verify

MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))


def entry(**fields: object) -> Entry:
    return Entry(kind="note", at=MORNING, entered=MORNING, fields=fields)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "room") as record:
        yield record


def wait_for(recorder: Recorder, count: int) -> list[Done]:
    found: list[Done] = []
    while len(found) < count:
        ready, _, _ = select.select([recorder], [], [], 10)
        assert ready, f"only {len(found)} of {count} came back"
        found += recorder.done()
    return found


def test_every_submission_comes_back_once_and_in_order(record: Record) -> None:
    recorder = Recorder(record)
    for n in range(300):
        recorder.submit([entry(n=n)] * (n % 3), n)
    found = wait_for(recorder, 300)
    assert [done.token for done in found] == list(range(300))
    assert [len(done.written) for done in found] == [n % 3 for n in range(300)]
    assert [each.seq for done in found for each in done.written] == list(range(1, 301))
    recorder.close()
    assert recorder.done() == []
    assert verify(record.path).entries == 300


def test_nothing_is_to_be_read_until_something_was_completed(record: Record) -> None:
    recorder = Recorder(record)
    assert recorder.done() == []
    assert select.select([recorder], [], [], 0)[0] == []
    recorder.submit([entry()], "a")
    assert [done.token for done in wait_for(recorder, 1)] == ["a"]
    assert select.select([recorder], [], [], 0)[0] == []
    recorder.close()


def test_what_comes_back_as_written_is_on_disk_for_another_reader(record: Record) -> None:
    recorder = Recorder(record)
    recorder.submit([entry(text="now")], "a")
    (done,) = wait_for(recorder, 1)
    with Record.open(record.path.parent, read_only=True) as reader:
        assert list(reader.entries()) == list(done.written)
    recorder.close()


def test_closing_writes_what_was_submitted(record: Record) -> None:
    recorder = Recorder(record)
    for n in range(50):
        recorder.submit([entry(n=n)], n)
    recorder.close()
    assert [done.token for done in recorder.done()] == list(range(50))
    recorder.close()
    assert recorder.done() == []
    assert verify(record.path).entries == 50


class Gate(Record):
    """A record whose disk answers when it is told to."""

    def close_gate(self) -> None:
        self.opened = threading.Event()
        self.commits: list[int] = []

    def append_prepared(self, prepared):  # type: ignore[no-untyped-def]
        self.opened.wait(10)
        self.commits.append(len(prepared))
        return super().append_prepared(prepared)


def test_what_waits_for_a_slow_disk_shares_the_next_commit(tmp_path: Path) -> None:
    with Gate.open(tmp_path) as record:
        record.close_gate()
        recorder = Recorder(record)
        for n in range(20):
            recorder.submit([entry(n=n)], n)
        record.opened.set()
        wait_for(recorder, 20)
        recorder.close()
        # The first may have gone alone; the rest did not wait one by one.
        assert sum(record.commits) == 20
        assert len(record.commits) <= 2


def test_a_full_disk_comes_back_as_a_line_and_the_next_is_tried_again(record: Record) -> None:
    record._connection.execute("PRAGMA max_page_count = 1")
    recorder = Recorder(record)
    recorder.submit([entry(text="x" * 9_000)], "too much")
    (failed,) = wait_for(recorder, 1)
    assert failed.token == "too much"
    assert failed.written == ()
    assert failed.failed is not None
    assert failed.failed.endswith("record.sqlite3: the disk is full; free some space")
    record._connection.execute("PRAGMA max_page_count = 100000")
    recorder.submit([entry(text="x" * 9_000)], "again")
    (again,) = wait_for(recorder, 1)
    assert (again.token, again.failed) == ("again", None)
    recorder.close()
    assert verify(record.path).entries == 1


def test_one_that_is_too_big_for_the_disk_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    with Gate.open(tmp_path) as record:
        record.close_gate()
        record.opened.set()
        record.append([entry()])
        (pages,) = record._connection.execute("PRAGMA page_count").fetchone()
        record._connection.execute(f"PRAGMA max_page_count = {pages}")
        record.opened.clear()
        recorder = Recorder(record)
        for n in range(5):
            recorder.submit([entry(text="x" * (90_000 if n == 2 else 1))], n)
        record.opened.set()
        found = wait_for(recorder, 5)
        recorder.close()
    assert [done.token for done in found if done.failed is not None] == [2]
    assert [done.token for done in found] == [0, 1, 2, 3, 4]
    assert verify(tmp_path).entries == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_real_full_disk_refuses_loudly_and_takes_notes_again_when_freed(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with Record.open(disk / "room") as record:
            recorder = Recorder(record)
            recorder.submit([entry(text="before")], "before")
            assert wait_for(recorder, 1)[0].failed is None
            ballast = disk / "ballast"
            with ballast.open("wb", buffering=0) as filling, pytest.raises(OSError):
                while True:
                    filling.write(b"x" * 4_096)
            recorder.submit([entry(text="y" * 20_000)], "full")
            line = wait_for(recorder, 1)[0].failed
            assert line is not None
            assert "the disk is full; free some space" in line
            ballast.unlink()
            recorder.submit([entry(text="y" * 20_000)], "after")
            assert wait_for(recorder, 1)[0].failed is None
            recorder.close()
        assert verify(disk / "room").entries == 2
        assert verify(disk / "room").whole
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_confirmations_are_kept_without_being_answered(record: Record) -> None:
    recorder = Recorder(record)
    for seq in (3, 9, 4):
        recorder.acknowledge("broker", seq)
    recorder.submit([entry()], "a")
    recorder.close()
    assert [done.token for done in recorder.done()] == ["a"]
    assert record.acknowledged("broker") == 9


def test_what_is_wrong_with_an_entry_shows_where_it_was_made(record: Record) -> None:
    recorder = Recorder(record)
    with pytest.raises(AssertionError, match="weight"):
        recorder.submit([entry(weight_kg=70)], "a")
    with pytest.raises(ValueError):
        recorder.submit([entry(level=float("inf"))], "b")
    recorder.submit([entry()], "c")
    recorder.close()
    assert [done.token for done in recorder.done()] == ["c"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_in_the_thread_ends_the_daemon_instead_of_silencing_it(tmp_path: Path) -> None:
    class Mistaken(Record):
        def append_prepared(self, prepared):  # type: ignore[no-untyped-def]
            raise KeyError("ours")

    with Mistaken.open(tmp_path) as record:
        recorder = Recorder(record)
        recorder.submit([entry()], "a")
        assert select.select([recorder], [], [], 10)[0]
        with pytest.raises(AssertionError, match="thread has ended"):
            recorder.done()
        recorder.close()


WRITER = """
import os, select, sys
from pathlib import Path
from kaproom import clock
from kaproom.record import Entry, Record, Recorder

record = Record.open(Path(sys.argv[1]))
record.begin_boot()
recorder = Recorder(record)
n = 0
while True:
    for _ in range(1 + n % 3):
        n += 1
        now = clock.now()
        note = Entry(kind="note", at=now, entered=now, fields={"text": "x" * (n * 37 % 900)})
        recorder.submit([note], n)
    select.select([recorder], [], [])
    for done in recorder.done():
        assert done.failed is None, done.failed
        for each in done.written:
            os.write(1, f"{each.seq} {each.hash}\\n".encode())
"""


def test_everything_acknowledged_is_there_after_kill_9_at_any_instant(tmp_path: Path) -> None:
    chance = random.Random(random.randrange(2**32))
    acknowledged: dict[int, str] = {}
    rounds = 6
    for round_ in range(1, rounds + 1):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 120))]
        for _ in range(chance.randrange(20_000)):
            pass  # anywhere between two acknowledgements
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.wait()
        writer.stdout.close()
        for line in lines:
            seq, digest = line.split()
            assert int(seq) not in acknowledged
            acknowledged[int(seq)] = digest
        with Record.open(tmp_path, read_only=True) as record:
            kept = {each.seq: each.hash for each in record.entries()}
        verdict = verify(tmp_path)
        assert verdict.whole, verdict.reason
        assert acknowledged.items() <= kept.items()
        # What was not acknowledged is at most what was under way at each kill, and the boots.
        assert len(kept) - len(acknowledged) <= round_ * 7
