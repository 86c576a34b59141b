"""What playing costs: CPU seconds per minute, beside an empty stream and other players."""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from bench.costs import cpu_s
from bench.room import Ground, bench_room
from bench.stock import Stock
from bench.told import Told
from pulse import until

AT_MOST_S = {100: 1.0, 400: 0.5}
_WINDOW_S, _QUICK_S = 60.0, 12.0
_WARM_UP_S = 12.0  # as long as ours takes to its full gain
_EMPTY = Path(__file__).with_name("empty.py")


@dataclass(frozen=True, slots=True)
class Cost:
    """Per minute of playing; ``buffer_ms`` is what the sound server says the stream has."""

    cpu_s: float
    server_s: float
    buffer_ms: float


def live(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Ours at 100 and 400 ms, and everybody else, on the same files."""
    meter = _Meter(ground, _QUICK_S if quick else _WINDOW_S)
    told = Told(
        "CPU per minute of live playing, s",
        ("", "files", "buffer ms", "CPU s", "minus empty", "x empty", "server's CPU s"),
    )
    for rate_hz in (48_000, 44_100):
        pieces = stock.pieces(rate_hz)
        files = f"FLAC {rate_hz / 1000:g}"
        empty: dict[int, float] = {}
        for latency_ms in (100, 400):
            # Each time anew, right before: a machine is not as quick at every minute.
            with _spawned([sys.executable, str(_EMPTY), str(latency_ms)], ground) as player:
                cost = meter.of(player.pid)
            empty[latency_ms] = cost.cpu_s
            told.row("empty stream", "-", cost.buffer_ms, cost.cpu_s, "", 1, cost.server_s)
            above_s = _ours(told, meter, ground, pieces, (files, latency_ms, empty[latency_ms]))
            told.promise(
                f"CPU per minute above an empty stream, {latency_ms} ms, {files}",
                above_s,
                "s",
                AT_MOST_S[latency_ms],
            )
        for name, words, asked_ms in _peers(rate_hz == 48_000):
            if not which(name):
                told.row(name, files, "-", "not installed", "", "", "")
                continue
            with _PEERS[name](pieces, ground, asked_ms) as pid:
                cost = meter.of(pid)
            ratio = cost.cpu_s / empty[100]
            told.row(words, files, cost.buffer_ms, cost.cpu_s, "", ratio, cost.server_s)
    told.notes += [
        "Pieces of 60 s, so one crossfade of 8 s a minute (mpv: none); the sum of all",
        f"processes of a player, user and system, over {meter.window_s:g} s; ours with its gain",
        "below 0 dB, ceilings, limiter and meter on. 44.1 kHz is resampled by the server for mpv",
        "and MPD, and paid for there; ours and Liquidsoap do it. x empty: of 100 ms for peers.",
    ]
    return told


def _ours(
    told: Told,
    meter: _Meter,
    ground: Ground,
    pieces: Sequence[Path],
    beside: tuple[str, int, float],
) -> float:
    files, latency_ms, empty_s = beside
    with bench_room(ground, latency_ms=latency_ms) as room:
        room.begin_with(pieces)
        pids = room.pids()
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        daemon_s = cpu_s(room.daemon_pid)
        cost = meter.of(*pids.values(), warm=True)
        shares = {
            name: (cpu_s(pid) - before[name]) * 60 / meter.window_s for name, pid in pids.items()
        }
        daemon_s = (cpu_s(room.daemon_pid) - daemon_s) * 60 / meter.window_s
        assert room.pids() == pids
    above_s = cost.cpu_s - empty_s
    ratio = cost.cpu_s / empty_s
    told.row("kaproom", files, cost.buffer_ms, cost.cpu_s, above_s, ratio, cost.server_s)
    parts = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
    told.notes.append(f"kaproom, {files}, {latency_ms} ms: {parts}; its daemon {daemon_s:.2f}")
    return above_s


class _Meter:
    """Takes one measurement after another."""

    def __init__(self, ground: Ground, window_s: float) -> None:
        self.window_s = window_s
        self._sink = ground.sink

    def of(self, *pids: int, warm: bool = False) -> Cost:
        """What these processes cost from now on, or from when they are warm."""
        if not warm:
            _pass(_WARM_UP_S)
        before_s, server_s = cpu_s(*pids), cpu_s(self._sink.pid)
        buffers = []
        parts = 6
        for _ in range(parts):
            _pass(self.window_s / parts)
            buffers.append(_buffer_ms(self._sink.control("list", "sink-inputs")))
        per_minute = 60 / self.window_s
        return Cost(
            (cpu_s(*pids) - before_s) * per_minute,
            (cpu_s(self._sink.pid) - server_s) * per_minute,
            statistics.median(buffers),
        )


def _pass(seconds: float) -> None:
    threading.Event().wait(seconds)


def _buffer_ms(told: str) -> float:
    found = re.findall(r"Buffer Latency: (\d+) usec", told)
    return max((int(us) / 1000 for us in found), default=0.0)


def _peers(all_of_them: bool) -> list[tuple[str, str, int | None]]:
    peers: list[tuple[str, str, int | None]] = [
        ("mpv", "mpv", None),
        ("mpd", "MPD", None),
        ("liquidsoap", "Liquidsoap", None),
    ]
    if all_of_them:
        peers += [("mpd", "MPD, asked for 100 ms", 100)]
        peers += [("liquidsoap", "Liquidsoap, asked for 100 ms", 100)]
    return peers


@contextlib.contextmanager
def _spawned(
    words: Sequence[str], ground: Ground, latency_ms: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | ground.sink.environment
    if latency_ms is not None:
        environment["PULSE_LATENCY_MSEC"] = str(latency_ms)
    process = subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _buffer_ms(ground.sink.control("list", "sink-inputs")) > 0, 30, words[0])
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _mpv(pieces: Sequence[Path], ground: Ground, latency_ms: int | None) -> Iterator[int]:
    words = ["mpv", "--no-config", "--no-video", "--really-quiet", "--ao=pulse"]
    words += ["--gapless-audio=yes", "--loop-playlist=inf", *map(str, pieces)]
    with _spawned(words, ground, latency_ms) as process:
        yield process.pid


@contextlib.contextmanager
def _mpd(pieces: Sequence[Path], ground: Ground, latency_ms: int | None) -> Iterator[int]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        config = Path(folder) / "mpd.conf"
        socket = Path(folder) / "socket"
        config.write_text(
            f'music_directory "{pieces[0].parent}"\ndb_file "{folder}/db"\n'
            f'state_file "{folder}/state"\nbind_to_address "{socket}"\n'
            'audio_output {\n type "pulse"\n name "cans"\n}\n'
        )
        environment = os.environ | ground.sink.environment
        if latency_ms is not None:
            environment["PULSE_LATENCY_MSEC"] = str(latency_ms)
        process = subprocess.Popen(
            ["mpd", "--no-daemon", str(config)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(socket.exists, 20, "mpd listens")
            words = ("update --wait", "add /", "crossfade 8", "repeat on", "play")
            for line in words:
                told = ["mpc", "-q", "--host", str(socket), *line.split()]
                subprocess.run(told, check=True, stdout=subprocess.DEVNULL)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def _liquidsoap(pieces: Sequence[Path], ground: Ground, latency_ms: int | None) -> Iterator[int]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        script = Path(folder) / "bench.liq"
        script.write_text(
            "settings.init.allow_root.set(true)\nsettings.frame.audio.samplerate.set(48000)\n"
            f'music = playlist(mode="normal", "{pieces[0].parent}")\n'
            "music = crossfade(duration=8., fade_in=8., fade_out=8., music)\n"
            "output.pulseaudio(fallible=true, music)\n"
        )
        with _spawned(["liquidsoap", str(script)], ground, latency_ms) as process:
            yield process.pid


_PEERS = {"mpv": _mpv, "mpd": _mpd, "liquidsoap": _liquidsoap}
