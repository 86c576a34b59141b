"""A room for a bench: the real daemon and player on a null sink, its session of real music."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.hearing import Compared, Frames, at_gain, compare, played, rendered
from pulse import RATE_HZ, NullSink, in_real_time, short_folder, until
from rooms import LivingRoom

REST_DB = -6.0
_SPINNING = Path(__file__).with_name("spinning.py")
# Without this right nothing runs in real time, nor with a nice value below 0.
_ORDINARY = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]
# What was handed over before the gain came to rest, or the device's buffer, has gone by then.
_UNDERWAY_S = 1.0


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the benches work.

    Attributes:
        disk: A folder on a real disk, for records and captures.
        sink: The sound server.
    """

    disk: Path
    sink: NullSink


class Tape:
    """What the sink plays, written to a file: it outlives ten minutes and a busy machine."""

    def __init__(self, sink: NullSink, path: Path) -> None:
        self._path = path
        with path.open("wb") as file:
            self._recorder = subprocess.Popen(
                [
                    *("parec", "--device=cans.monitor", "--format=float32le"),
                    *(f"--rate={RATE_HZ}", "--channels=2", "--latency-msec=10"),
                ],
                env=os.environ | sink.environment,
                stdout=file,
                stderr=subprocess.DEVNULL,
                preexec_fn=in_real_time,  # noqa: PLW1509 - the child only asks for a priority
            )
        until(lambda: self.frames > 0, 20, "the capture runs")

    @property
    def frames(self) -> int:
        return self._path.stat().st_size // 8

    def wait_s(self, seconds: float) -> None:
        """Until so much more is captured."""
        goal = self.frames + round(seconds * RATE_HZ)
        until(lambda: self.frames >= goal, seconds * 1.5 + 20, "more of the capture")

    def stop(self) -> Frames:
        """End it; all that it holds, shape (frames, 2)."""
        self.close()
        samples = np.fromfile(self._path, np.float32)
        return samples[: len(samples) // 2 * 2].reshape(-1, 2)

    def close(self) -> None:
        """End it; what it holds stays in its file."""
        if self._recorder.poll() is None:
            self._recorder.terminate()
            self._recorder.wait()


class BenchRoom(LivingRoom):
    """A living room whose daemon can be made to spin, and whose processes to be ordinary."""

    def __init__(
        self,
        data: Path,
        runtime: Path,
        device: str = "auto",
        *,
        latency_ms: int = 100,
        spinning: bool = False,
        ordinary: bool = False,
    ) -> None:
        super().__init__(data, runtime, device)
        with self.file.open("a") as file:
            file.write(f"latency_ms: {latency_ms}\n")
        if spinning:
            self.program = [sys.executable, str(_SPINNING)]
        if ordinary:
            self.program = [*_ORDINARY, *self.program]

    def begin_with(self, pieces: Sequence[Path], crossfade_s: float = 8.0) -> None:
        """A session that settles with these pieces; returns when its gain is at rest."""
        items = "".join(f"    - file: {json.dumps(str(piece))}\n" for piece in pieces)
        playlist = self.data / "bench-list.yaml"
        playlist.write_text(f"kaproom: playlist/1\ntitle: Bench\nsections:\n  all:\n{items}")
        profile = self.data / "bench.yaml"
        profile.write_text(
            "kaproom: profile/1\ntitle: Bench\ninfusion: {planned_min: 200}\n"
            f"playlist: ./{playlist.name}\ncrossfade_s: {crossfade_s:g}\nphases:\n"
            "  - {name: settling, section: all}\n  - {name: onset, start_min: 0, section: all}\n"
            "session_end_min: 220\nrefuge: {soundscape: ocean, intensity: 0.2}\n"
        )
        self.kaproom("start", str(profile))
        self.wait_for(lambda s: s["sound"]["state"] == "playing")
        self.wait_for_gain(REST_DB)

    def wait_for_gain(self, gain_db: float) -> None:
        """Until the output's gain has arrived there."""
        with self.ring() as ring:
            until(lambda: ring.gain_now_db == gain_db, 40, f"a gain of {gain_db:g} dB")

    def pids(self) -> dict[str, int]:
        """Player, keeper and stream."""
        with self.ring() as ring:
            return {"player": ring.player_pid, "keeper": ring.keeper_pid, "stream": ring.stream_pid}


@contextmanager
def bench_room(
    ground: Ground,
    *,
    device: str = "auto",
    latency_ms: int = 100,
    spinning: bool = False,
    ordinary: bool = False,
) -> Iterator[BenchRoom]:
    """A room with its daemon running, all of it gone afterwards."""
    with short_folder() as runtime, tempfile.TemporaryDirectory(dir=ground.disk) as folder:
        data = Path(folder) / "data"
        room = BenchRoom(
            data, runtime, device, latency_ms=latency_ms, spinning=spinning, ordinary=ordinary
        )
        room.start()
        try:
            yield room
        finally:
            room.close()


@contextmanager
def tape(ground: Ground) -> Iterator[Tape]:
    """A capture, begun a moment before what is to be heard on it."""
    path = ground.disk / "capture.raw"
    running = Tape(ground.sink, path)
    try:
        running.wait_s(_UNDERWAY_S)
        yield running
    finally:
        running.close()
        path.unlink()


def heard(room: BenchRoom, captured: Frames, gain_db: float = REST_DB) -> Compared:
    """A capture of this room, beside the render of what its player played."""
    with room.ring() as ring:
        stop = ring.write_frame
    length = len(captured)
    # The capture ends a moment ago: no more than the ring, the latency and this look.
    start = max(0, stop - length - 60 * RATE_HZ)
    expected = at_gain(rendered(played(room.runtime), RATE_HZ, start, stop), gain_db)
    return compare(captured, expected)


@contextmanager
def hogs(count: int) -> Iterator[list[int]]:
    """Processes that do nothing but compute."""
    words = [sys.executable, "-c", "while True: pass"]
    started = [subprocess.Popen(words) for _ in range(count)]
    try:
        yield [one.pid for one in started]
    finally:
        for one in started:
            one.kill()
            one.wait()


@contextmanager
def spinning_client(socket: Path) -> Iterator[None]:
    """A client that watches the room while a thread of it never rests."""
    words = [sys.executable, str(_SPINNING), "client", str(socket)]
    with subprocess.Popen(words) as client:
        try:
            yield
        finally:
            client.send_signal(signal.SIGKILL)
