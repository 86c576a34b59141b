"""A sound device without a card: a PulseAudio server of one's own, and what it plays.

Nothing here has a fixed path or port, and every process is ended by its id.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
_START_S = 20.0
_PIPE_BYTES = 1 << 20  # as much as anybody may have: nearly 3 s


def until(condition: Callable[[], object], within_s: float = 10.0, what: str = "") -> None:
    """Return as soon as ``condition`` holds; fail when it does not ``within_s``."""
    give_up = time.monotonic() + within_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"not within {within_s} s: {what or condition}")
        pause.wait(0.005)


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A folder in memory with a path short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="kr-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def in_real_time(task: int = 0) -> None:
    """Have a task (or this one) run before everything ordinary, where that may be had."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(task, os.SCHED_FIFO, os.sched_param(5))


class Capture:
    """All that a sink played since the capture began."""

    def __init__(self, recorder: subprocess.Popen[bytes]) -> None:
        self._recorder = recorder
        self._bytes = bytearray()
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._recorder.stdout is not None
        fd = self._recorder.stdout.fileno()
        while piece := os.read(fd, 65536):
            with self._grown:
                self._bytes += piece
                self._grown.notify_all()

    def __len__(self) -> int:
        with self._grown:
            return len(self._bytes) // 8

    def samples(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """Frames ``start`` to ``stop``, shape (frames, 2)."""
        with self._grown:
            whole = len(self._bytes) // 8
            stop = whole if stop is None else min(stop, whole)
            piece = bytes(self._bytes[start * 8 : stop * 8])
        return np.frombuffer(piece, np.float32).reshape(-1, 2)

    def more(self, frames: int, within_s: float = 30.0) -> NDArray[np.float32]:
        """The next ``frames`` frames from now on."""
        start = len(self)
        self.wait_for(lambda: len(self._bytes) // 8 >= start + frames, within_s)
        return self.samples(start, start + frames)

    def wait_for(self, condition: Callable[[], bool], within_s: float = 30.0) -> None:
        """Look at ``condition`` whenever the capture has grown."""
        with self._grown:
            assert self._grown.wait_for(condition, within_s), f"not captured within {within_s} s"

    def running(self) -> bool:
        return self._recorder.returncode is None

    def stop(self) -> None:
        self._recorder.kill()
        self._recorder.wait()
        self._reader.join()
        assert self._recorder.stdout is not None
        self._recorder.stdout.close()


class NullSink:
    """A PulseAudio server with one null sink, ``cans``, to which somebody always listens.

    Without a listener a null sink plays in blocks of 2 s, which no headphones do.
    ``environment`` is what a program needs to find it, through PortAudio as well.
    """

    def __init__(self, folder: Path, rate_hz: int = RATE_HZ) -> None:
        self.folder = folder
        self.rate_hz = rate_hz
        self._socket = folder / "native"
        self.environment = {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(folder),
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._listener: subprocess.Popen[bytes] | None = None
        self._captures: list[Capture] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        for capture in self._captures:
            capture.stop()
        self.kill()

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    @property
    def listener_pid(self) -> int:
        """Of who listens always."""
        assert self._listener is not None
        return self._listener.pid

    @contextlib.contextmanager
    def in_real_time(self) -> Iterator[None]:
        """What is measured meanwhile is not how the server does on a busy machine."""
        tasks = self._tasks()
        before = {task: (os.sched_getscheduler(task), os.sched_getparam(task)) for task in tasks}
        for task in tasks:
            in_real_time(task)
        try:
            yield
        finally:
            for task, (policy, param) in before.items():
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(task, policy, param)

    def _tasks(self) -> list[int]:
        return [int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir()]

    def start(self) -> None:
        """Start the server; return when the sink is there."""
        assert shutil.which("pulseaudio"), "apt-get install pulseaudio pulseaudio-utils"
        self._socket.unlink(missing_ok=True)
        self._server = subprocess.Popen(
            [
                "pulseaudio",
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--disable-shm=yes",
                "--use-pid-file=no",
                f"-Lmodule-native-protocol-unix auth-anonymous=1 socket={self._socket}",
                "-Lmodule-null-sink sink_name=cans"
                f" rate={self.rate_hz} channels=2 format=float32le",
            ],
            env=os.environ | self.environment | {"XDG_CONFIG_HOME": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # As a real one: not in the group of processes that a busy test belongs to.
            start_new_session=True,
        )
        until(self._answers, _START_S, "pulseaudio listens")
        sinks = self.control("list", "short", "sinks")
        assert "cans" in sinks, sinks
        self._listener = self._listen(subprocess.DEVNULL)

    def _answers(self) -> bool:
        assert self._server is not None
        assert self._server.poll() is None, "pulseaudio ended"
        with socket.socket(socket.AF_UNIX) as knock:
            return knock.connect_ex(str(self._socket)) == 0

    def control(self, *words: str) -> str:
        """What ``pactl`` says to these words."""
        done = subprocess.run(
            ["pactl", *words],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            timeout=_START_S,
            check=True,
        )
        return done.stdout

    def capture(self) -> Capture:
        """Record what the sink plays from now on; returns when the recording runs.

        Whoever plays and records is ahead of everything ordinary from now on, and a busy
        test may fetch it late: what is missing shall be the room's doing.
        """
        recorder = self._listen(subprocess.PIPE)
        assert recorder.stdout is not None
        fcntl.fcntl(recorder.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        for task in [recorder.pid, *self._tasks()]:
            in_real_time(task)
        capture = Capture(recorder)
        self._captures = [*filter(Capture.running, self._captures), capture]
        capture.wait_for(lambda: len(capture._bytes) > 0, _START_S)
        return capture

    def _listen(self, to: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                "parec",
                "--device=cans.monitor",
                "--format=float32le",
                f"--rate={self.rate_hz}",
                "--channels=2",
                "--latency-msec=10",
            ],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """The server crashes."""
        for process in (self._server, self._listener):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()

    @property
    def well(self) -> bool:
        """Whether the server runs."""
        return self._server is not None and self._server.poll() is None

    def freeze(self) -> None:
        """The server stops answering, with its socket open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
