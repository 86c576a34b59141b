"""What a programme of three hours holds in memory.

The output is ourselves here: we take the frames out of the ring as fast as the player
makes them, so three hours pass in minutes. The output's own memory does not depend on the
programme; it is read off one that plays.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.costs import Memory, cpu_s, memory
from bench.room import Ground, bench_room
from bench.stock import Stock
from bench.told import Told
from pulse import RATE_HZ, short_folder, until

from kaproom.audio.decoder import probe
from kaproom.audio.device import Asked
from kaproom.audio.keeper import LOCK_FILE, SILENT, mark_of
from kaproom.audio.player import SOCKET_FILE
from kaproom.audio.programme import Bed, Cue, Programme, Track
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.clock import mono_ns
from kaproom.intercom import Client

_AT_MOST_MB = 120.0
_LENGTH_S, _QUICK_S = 10_800, 900
_CROSSFADE_S = 8.0


def holding(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Player and output, over a programme of tracks, and over one MP3 of three hours."""
    told = Told(
        "memory, MB",
        ("process", "programme", "h", "RSS", "PSS", "highest RSS", "CPU s per h"),
    )
    length_s = _QUICK_S if quick else _LENGTH_S
    mp3 = stock.three_hours()
    tracks = [*stock.album(48_000), *stock.album(44_100)]
    one_file = [Cue("mp3", 0, 0, Track(str(mp3)), -3.0)]
    for name, cues in (("tracks, 8 s crossfades", _cues(tracks, length_s)), ("one MP3", one_file)):
        programme = Programme(
            (*cues, Cue("end", (length_s - 8) * RATE_HZ, 8 * RATE_HZ, Bed("ocean", 1))),
            fallback=Bed("ocean", 1),
        )
        with _hungry_player() as player:
            highest, cpu = player.through(programme, length_s)
            told.row(
                "player",
                name,
                length_s / 3600,
                highest.rss_mb,
                highest.pss_mb,
                highest.peak_rss_mb,
                cpu * 3600 / length_s,
            )
            told.promise(f"player, highest RSS, {name}", highest.peak_rss_mb, "MB", _AT_MOST_MB)
            if name == "one MP3" and not quick:
                again_s = player.replaced_s()
                told.promise("next player, 3 h into an MP3, writes after", again_s, "s", 2.3)
    with bench_room(ground) as room:
        room.begin_with(stock.pieces(48_000))
        for name, pid in room.pids().items():
            if name != "player":
                now = memory(pid)
                told.row(name, "plays", "-", now.rss_mb, now.pss_mb, now.peak_rss_mb, "")
                told.promise(f"{name}, highest RSS", now.peak_rss_mb, "MB", _AT_MOST_MB)
    return told


def _cues(tracks: list[Path], length_s: int) -> list[Cue]:
    cues: list[Cue] = []
    at_s = 0.0
    number = 0
    while at_s < length_s - 60:
        track = tracks[number % len(tracks)]
        crossfade_s = _CROSSFADE_S if number else 0.0
        cues.append(
            Cue(
                f"c{number}",
                round(at_s * RATE_HZ),
                round(crossfade_s * RATE_HZ),
                Track(str(track)),
                -3.0,
            )
        )
        at_s += probe(track).length_s - _CROSSFADE_S
        number += 1
    return cues


class _HungryPlayer:
    """A player whose ring is emptied as fast as it fills it."""

    def __init__(self, runtime: Path) -> None:
        self._runtime = runtime
        self._process = self._started()
        until((runtime / RING_FILE).exists, 20, "the ring")
        self._ring = Ring.attach(runtime / RING_FILE)
        until((runtime / SOCKET_FILE).exists, 20, "the player listens")
        # We hold the output's lock, and say that we are the one that is wanted.
        self._ring.asked_mark = mark_of(Asked(SILENT, 100))
        self._ring.keeper_pid = os.getpid()

    def _started(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "kaproom.audio.player", str(self._runtime)]
        return subprocess.Popen([*words, "--device", SILENT])

    def through(self, programme: Programme, length_s: int) -> tuple[Memory, float]:
        """Play it all; what it held at most, and the CPU seconds that it took."""
        ring = self._ring
        with Client(self._runtime / SOCKET_FILE, "bench") as client:
            client.call("programme", {"programme": programme.to_json()})
        highest = memory(self._process.pid)
        looked = 0
        while ring.read_frame < (length_s - 20) * RATE_HZ:
            self._take()
            if ring.read_frame - looked > 30 * RATE_HZ:
                looked = ring.read_frame
                now = memory(self._process.pid)
                highest = Memory(
                    max(highest.rss_mb, now.rss_mb),
                    max(highest.pss_mb, now.pss_mb),
                    now.peak_rss_mb,
                )
            assert self._process.poll() is None, "the player ended"
        return highest, cpu_s(self._process.pid)

    def replaced_s(self) -> float:
        """How long after its start the next player writes, when this one was killed."""
        self._process.kill()
        self._process.wait()
        written = self._ring.write_frame
        # As much room as a ring that is nearly dry.
        self._ring.read_frame = written - RATE_HZ // 10
        began_s = time.monotonic()
        self._process = self._started()
        until(lambda: self._ring.write_frame > written, 60, "the next player writes")
        return time.monotonic() - began_s

    def _take(self) -> None:
        ring = self._ring
        ring.keeper_heartbeat_ns = mono_ns()
        there = ring.write_frame - ring.read_frame
        if there > RATE_HZ:
            ring.read_frame += there - RATE_HZ
        else:
            threading.Event().wait(0.002)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._ring.close()


@contextmanager
def _hungry_player() -> Iterator[_HungryPlayer]:
    with short_folder() as runtime, (runtime / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        player = _HungryPlayer(runtime)
        try:
            yield player
        finally:
            player.close()
