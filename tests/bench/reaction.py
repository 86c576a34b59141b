"""How soon a word can be understood: from the client's write of ``duck`` to -1 dB heard.

The programme is a tone whose amplitude is the same at every sample, so a single frame
tells the gain that it left with. Heard is when the sink's monitor had handed the frame to
us: what the capture itself takes, up to 20 ms, is counted in.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from bisect import bisect_left

import numpy as np
from bench.room import REST_DB, BenchRoom, Ground, bench_room, hogs
from bench.stock import Stock
from bench.told import Told, percentile
from pulse import RATE_HZ, NullSink, until

_TRIALS, _QUICK_TRIALS, _HOGGED_TRIALS = 110, 8, 30
_TARGET_P99_MS = 150.0
_FELL = 10 ** (-1 / 20)
_FRAME_BYTES = 8


def reaction(ground: Ground, stock: Stock, quick: bool) -> Told:
    """``duck`` through the real daemon at 100 ms, in a quiet machine and in a busy one."""
    told = Told(
        "duck: from the client's socket write, ms",
        ("", "trials", "-1 dB heard p50", "p99", "worst", "acknowledged p50", "p99"),
    )
    with bench_room(ground) as room:
        room.begin_with([stock.tone()])
        ear = _Ear(ground.sink)
        try:
            trials = _QUICK_TRIALS if quick else _TRIALS
            quiet_ms = _row(told, "100 ms", [_duck(room, ear) for _ in range(trials)])
            trials = _QUICK_TRIALS if quick else _HOGGED_TRIALS
            with hogs(2):
                _row(told, "100 ms, two hogs", [_duck(room, ear) for _ in range(trials)])
        finally:
            ear.close()
    told.promise("duck to -1 dB at the monitor, p99", quiet_ms, "ms", _TARGET_P99_MS)
    return told


def _row(told: Told, what: str, found_ms: list[tuple[float, float]]) -> float:
    heard_ms, answered_ms = zip(*found_ms, strict=True)
    p99_ms = percentile(heard_ms, 99)
    told.row(
        what,
        len(heard_ms),
        percentile(heard_ms, 50),
        p99_ms,
        max(heard_ms),
        percentile(answered_ms, 50),
        percentile(answered_ms, 99),
    )
    return p99_ms


def _duck(room: BenchRoom, ear: _Ear) -> tuple[float, float]:
    """One trial: ms until it is heard, and until it is acknowledged."""
    room.wait_for_gain(REST_DB)
    ear.wait_s(0.3 + random.random() * 0.1)
    before = ear.amplitude()
    with room.client() as client:
        began_ns = time.monotonic_ns()
        client.call("duck")
        answered_ns = time.monotonic_ns()
        heard_ns = ear.fell_ns(began_ns, before * _FELL)
        client.call("return")
    return (heard_ns - began_ns) / 1e6, (answered_ns - began_ns) / 1e6


class _Ear:
    """Hears what the sink plays, and knows when each frame arrived."""

    def __init__(self, sink: NullSink) -> None:
        self._recorder = subprocess.Popen(
            [
                *("parec", "--device=cans.monitor", "--format=float32le"),
                *(f"--rate={RATE_HZ}", "--channels=2", "--latency-msec=10"),
            ],
            env=os.environ | sink.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._bytes = bytearray()
        self._arrived: list[tuple[int, int]] = []  # (ns, frames that were there then)
        self._grown = threading.Condition()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()
        until(lambda: self._frames() > 0, 20, "the capture runs")

    def close(self) -> None:
        self._recorder.kill()
        self._recorder.wait()
        self._thread.join()
        assert self._recorder.stdout is not None
        self._recorder.stdout.close()

    def _hear(self) -> None:
        assert self._recorder.stdout is not None
        fd = self._recorder.stdout.fileno()
        while piece := os.read(fd, 65536):
            now_ns = time.monotonic_ns()
            with self._grown:
                self._bytes += piece
                self._arrived.append((now_ns, len(self._bytes) // _FRAME_BYTES))
                self._grown.notify_all()

    def _frames(self) -> int:
        with self._grown:
            return len(self._bytes) // _FRAME_BYTES

    def wait_s(self, seconds: float) -> None:
        """Until so much more was heard."""
        goal = self._frames() + round(seconds * RATE_HZ)
        with self._grown:
            heard = self._grown.wait_for(lambda: len(self._bytes) // _FRAME_BYTES >= goal, 30)
        assert heard, "nothing arrives from the monitor"

    def amplitude(self) -> float:
        """Of the last 10 ms."""
        levels = self._levels(self._frames() - RATE_HZ // 100)
        return float(np.median(levels))

    def fell_ns(self, since_ns: int, level: float) -> int:
        """When the first frame below ``level`` arrived, of those that came after ``since_ns``."""
        with self._grown:
            first = bisect_left(self._arrived, (since_ns, 0))
            at = self._arrived[first - 1][1] if first else 0
        while True:
            found = np.flatnonzero(self._levels(at) < level)
            if len(found):
                break
            self.wait_s(0.01)
        frame = at + int(found[0])
        with self._grown:
            counts = [count for _, count in self._arrived]
            return self._arrived[bisect_left(counts, frame + 1)][0]

    def _levels(self, start: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        with self._grown:
            stop = len(self._bytes) // _FRAME_BYTES
            piece = bytes(self._bytes[start * _FRAME_BYTES : stop * _FRAME_BYTES])
        both = np.frombuffer(piece, np.float32).reshape(-1, 2)
        return np.hypot(both[:, 0], both[:, 1])
