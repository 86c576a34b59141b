"""Note to acknowledgement, beside the bare SQLite commit: same disk, same pragmas, one run.

``python tests/bench/commit.py [FOLDER]``. Every round times one bare commit and one note
through the recorder, in turn, so that both meet the disk in the same state.

*bare* is one INSERT of an entry's bytes into a table of its own, committed; *recorder* is
``submit`` to the moment at which the waiting loop has its ``Done`` in hand. With *spinning*
another Python thread of the process never rests; the interpreter then hands its lock over
once in a switch interval (5 ms unless told otherwise).
"""

import os
import select
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaproom import clock
from kaproom.record import Entry, Record, Recorder
from kaproom.record.entry import body_of

NOTES = 400
DEFAULT_SWITCH_S = 0.005
DAEMON_SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; all in milliseconds."""

    what: str
    condition: str
    p50_ms: float
    p99_ms: float
    worst_ms: float


def measure(
    folder: Path,
    *,
    notes: int = NOTES,
    spinning: bool = False,
    switch_s: float = DEFAULT_SWITCH_S,
) -> tuple[Row, Row]:
    """Time ``notes`` bare commits and as many notes in turn; both files go into ``folder``."""
    former_s = sys.getswitchinterval()
    sys.setswitchinterval(switch_s)
    bare = bare_table(folder / "bare.sqlite3")
    record = Record.open(folder / "room")
    recorder = Recorder(record)
    bare_ms, recorder_ms = [], []
    try:
        with _spinning(spinning):
            for n in range(notes):
                note = a_note(n)
                body = body_of(note)
                start_ns = time.perf_counter_ns()
                bare.execute("INSERT INTO note (body) VALUES (?)", (body,))
                bare_ms.append((time.perf_counter_ns() - start_ns) / 1e6)

                start_ns = time.perf_counter_ns()
                recorder.submit([note], n)
                select.select([recorder], [], [])
                (done,) = recorder.done()
                recorder_ms.append((time.perf_counter_ns() - start_ns) / 1e6)
                assert done.failed is None, done.failed
    finally:
        sys.setswitchinterval(former_s)
        recorder.close()
        record.close()
        bare.close()
    condition = f"spinning, switch {switch_s * 1e3:g} ms" if spinning else "quiet"
    return _row("bare commit", condition, bare_ms), _row("recorder", condition, recorder_ms)


def rows(folder: Path, notes: int = NOTES) -> Iterator[Row]:
    """Quiet, and with a spinning thread at the interpreter's switch interval and the daemon's."""
    conditions = (
        (False, DEFAULT_SWITCH_S),
        (True, DEFAULT_SWITCH_S),
        (True, DAEMON_SWITCH_S),
    )
    for spinning, switch_s in conditions:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            yield from measure(Path(fresh), notes=notes, spinning=spinning, switch_s=switch_s)


def table(found: list[Row]) -> str:
    """The rows for people."""
    lines = [f"{'what':<12}  {'condition':<24}  {'p50':>7}  {'p99':>7}  {'worst':>7}  ms"]
    lines += [
        f"{row.what:<12}  {row.condition:<24}  "
        f"{row.p50_ms:7.2f}  {row.p99_ms:7.2f}  {row.worst_ms:7.2f}"
        for row in found
    ]
    return "\n".join(lines)


def bare_table(path: Path) -> sqlite3.Connection:
    bare = sqlite3.connect(path, isolation_level=None)
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = FULL")
    bare.execute("CREATE TABLE note (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    return bare


def a_note(n: int) -> Entry:
    now = clock.now()
    return Entry(
        kind="note",
        at=now,
        entered=now,
        session="5e" * 16,
        session_s=754.5 + n,
        infusion_s=731.25 + n,
        phase="ascent",
        heard={"cue": "ascent-2", "title": "a title", "position_s": 61.004},
        who="AB",
        command_id=os.urandom(16).hex(),
        fields={"category": "tears", "text": "a few words"},
    )


@contextmanager
def _spinning(wanted: bool) -> Iterator[None]:
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            pass

    thread = threading.Thread(target=spin, daemon=True)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if wanted:
            thread.join()


def _row(what: str, condition: str, taken_ms: list[float]) -> Row:
    cuts = statistics.quantiles(taken_ms, n=100, method="inclusive")
    return Row(what, condition, cuts[49], cuts[98], max(taken_ms))


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.cwd()
    print(table(list(rows(place))))
