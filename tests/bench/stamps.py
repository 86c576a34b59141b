"""From a key in a real terminal to the instant that the record keeps of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench.room import BenchRoom, Ground, bench_room
from bench.stock import Stock
from bench.told import Told, percentile
from keys import Terminal
from pulse import until

from kaproom.record import NOTE, Record

_PRESSES, _QUICK_PRESSES = 400, 40
_MEDIAN_MS, _P99_MS = 5.0, 20.0
_KEYS = "tmbno"  # each of its own category: none is pressed twice within 300 ms
_SPIN = "while True: pass"


def stamps(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Keys at uneven moments into `kaproom notes`, and the record's instants of them."""
    told = Told(
        "key press to recorded instant, ms",
        ("", "presses", "median", "p99", "worst", "earliest"),
    )
    presses = _QUICK_PRESSES if quick else _PRESSES
    for computing in (0, os.cpu_count() or 1):
        with bench_room(ground) as room, _computing(computing):
            room.begin()
            late_ms = _pressed(room, presses // 4 if computing else presses)
        condition = f"{computing} processes compute" if computing else "a session plays"
        median_ms, p99_ms = percentile(late_ms, 50), percentile(late_ms, 99)
        told.row(condition, len(late_ms), median_ms, p99_ms, max(late_ms), min(late_ms))
        if not computing:
            told.promise("key press to recorded instant, median", median_ms, "ms", _MEDIAN_MS)
            told.promise("key press to recorded instant, p99", p99_ms, "ms", _P99_MS)
    told.notes += [
        "a byte is written to a pseudo-terminal in which `kaproom notes` runs, the clock read",
        "just before; against the instant of the note in the record. The keyboard's own way",
        "to the terminal is not in it.",
    ]
    return told


def _pressed(room: BenchRoom, presses: int) -> list[float]:
    chance = random.Random(11)
    pause = threading.Event()
    moments = []
    with Terminal(["notes"], room.environment) as terminal:
        terminal.shows("t Tears")
        for number in range(presses):
            pause.wait(chance.uniform(0.03, 0.12))
            moments.append(terminal.press(_KEYS[number % len(_KEYS)]))
            pause.wait(chance.uniform(0.03, 0.12))
            terminal.press("\r")
        until(lambda: len(_recorded(room)) == presses, 60, "every note on disk")
        terminal.press("\x03")
        terminal.leaves()
    recorded = _recorded(room)
    return [(at - moment) / 1e6 for at, moment in zip(recorded, moments, strict=True)]


def _recorded(room: BenchRoom) -> list[int]:
    with Record.open(room.data, read_only=True) as record:
        return [w.entry.at.mono_ns for w in record.entries() if w.entry.kind == NOTE]


@contextmanager
def _computing(processes: int) -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(processes)]
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.wait()
