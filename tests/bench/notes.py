"""From a note to its acknowledgement: over the daemon's socket, and as a typed command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench import commit
from bench.room import BenchRoom, Ground, bench_room
from bench.stock import Stock
from bench.told import Told, percentile

from kaproom.record.entry import body_of

_NOTES, _QUICK_NOTES = 400, 60
_COMMANDS, _QUICK_COMMANDS = 20, 5
_OVER_BARE_MS, _P99_MS, _COMMAND_MS = 1.0, 30.0, 300.0
_NOTE = {"category": "tears", "text": "a few words"}


def notes(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Bare commits and notes in turn, on one disk; then `kaproom note`."""
    told = Told(
        "note to acknowledgement, ms",
        ("", "condition", "times", "p50", "p99", "worst", "p50 x bare"),
    )
    count = _QUICK_NOTES if quick else _NOTES
    for spinning in (False, True):
        with bench_room(ground, spinning=spinning) as room:
            room.begin()
            bare_ms, note_ms = _in_turn(room, count)
        condition = "a thread spins in the daemon" if spinning else "a session plays"
        bare_p50_ms = percentile(bare_ms, 50)
        for what, taken_ms in (("bare commit", bare_ms), ("note on the socket", note_ms)):
            _row(told, what, condition, taken_ms, bare_p50_ms)
        if not spinning:
            over_ms = percentile(note_ms, 50) - bare_p50_ms
            told.promise(
                "note to acknowledgement above the bare commit, p50", over_ms, "ms", _OVER_BARE_MS
            )
            told.promise("note to acknowledgement, p99", percentile(note_ms, 99), "ms", _P99_MS)
    with bench_room(ground) as room:
        room.begin()
        commands = _QUICK_COMMANDS if quick else _COMMANDS
        unread = {"KAPROOM_RUNTIME": str(room.runtime)}
        for what, more in (("room file read", {}), ("runtime folder given", unread)):
            taken_ms = [_typed_ms(room.environment | more) for _ in range(commands)]
            _row(told, "kaproom note", what, taken_ms, None)
            told.promise(f"kaproom note, p99, {what}", percentile(taken_ms, 99), "ms", _COMMAND_MS)
    told.notes += [
        "bare commit: one INSERT of the same bytes into another SQLite file of the same folder,",
        "same pragmas; in turn with the notes. kaproom note: from the start of its process to",
        "the line that acknowledges.",
    ]
    return told


def _row(
    told: Told, what: str, condition: str, taken_ms: list[float], bare_p50_ms: float | None
) -> None:
    p50_ms = percentile(taken_ms, 50)
    ratio = "" if bare_p50_ms is None else p50_ms / bare_p50_ms
    p99_ms = percentile(taken_ms, 99)
    told.row(what, condition, len(taken_ms), p50_ms, p99_ms, max(taken_ms), ratio)


def _in_turn(room: BenchRoom, count: int) -> tuple[list[float], list[float]]:
    bare = commit.bare_table(room.data / "bare.sqlite3")
    bare_ms, note_ms = [], []
    with room.client() as client:
        for number in range(count):
            body = body_of(commit.a_note(number))
            began_ns = time.perf_counter_ns()
            bare.execute("INSERT INTO note (body) VALUES (?)", (body,))
            bare_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
            began_ns = time.perf_counter_ns()
            client.call("note", _NOTE)
            note_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
    bare.close()
    return bare_ms, note_ms


def _typed_ms(environment: dict[str, str]) -> float:
    words = [str(Path(sys.executable).with_name("kaproom")), "note", "tears", "a few words"]
    began_ns = time.perf_counter_ns()
    with subprocess.Popen(words, env=os.environ | environment, stdout=subprocess.PIPE) as typed:
        assert typed.stdout is not None
        line = typed.stdout.readline()
        taken_ms = (time.perf_counter_ns() - began_ns) / 1e6
    assert line.startswith(b"Noted"), line
    return taken_ms
