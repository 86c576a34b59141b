"""How the player has an output: start it, stop it, see that it lives, list what there is.

Nothing here touches PortAudio; what must is asked of a process of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaproom.audio.device import Asked
from kaproom.audio.keeper import LATENCIES_MS, MODULE, SILENT, Child, locked, mark_of
from kaproom.audio.ring import RING_FILE, Ring, RingError
from kaproom.clock import NS_PER_S, mono_ns
from kaproom.errors import Mend, WorldFailed

__all__ = [
    "LATENCIES_MS",
    "SILENT",
    "SoundOutput",
    "output_alive",
    "sound_outputs",
    "start_output",
    "stop_output",
]

# The meter's FFT takes and returns half a megabyte five times a second. Measured: handing it
# back to the kernel in between costs as much as the FFT.
_SURROUNDINGS: Final = {
    "MALLOC_MMAP_THRESHOLD_": "16777216",
    "MALLOC_TRIM_THRESHOLD_": "16777216",
}
_LOG_FILE: Final = "output.log"
_LOG_LIMIT_BYTES: Final = 1_000_000
_ALIVE_NS: Final = 2 * NS_PER_S
_PATIENCE_S: Final = 4.0  # a keeper gives its stream twice 1.5 s to end


@dataclass(frozen=True, slots=True)
class SoundOutput:
    """One output that PortAudio knows; a room file may give ``name``, or part of it."""

    name: str
    default: bool
    rate_hz: int


@dataclass(frozen=True, slots=True)
class _Started:
    keeper: subprocess.Popen[bytes]
    asked: Asked


_started: dict[Path, _Started] = {}  # by this process, to reap them and not to start twice


def start_output(runtime: Path, device: str | None = None, latency_ms: int = 100) -> None:
    """See that an output runs on the ring in ``runtime``: start it, adopt it or replace it.

    Returns at once; may be called as often as one likes. The output outlives its caller.

    Args:
        runtime: Holds the ring; the output's lock and log are put there.
        device: Part of the output's name, ``silent``, or None for the system's default.
        latency_ms: What the device shall buffer, within ``LATENCIES_MS``.

    Raises:
        Mend: The latency is out of range.
        WorldFailed: There is no ring, or the folder cannot be written.
    """
    low_ms, high_ms = LATENCIES_MS
    if not low_ms <= latency_ms <= high_ms:
        raise Mend(f"a latency of {latency_ms} ms is not possible; say {low_ms} to {high_ms}")
    asked = Asked(device, latency_ms)
    _end_a_frozen_keeper(runtime)
    started = _started.get(runtime)
    if started is not None and started.keeper.poll() is None:
        if started.asked == asked:
            return
        stop_output(runtime)
    elif (lock := locked(runtime)) is None:
        if _asked_mark(runtime) == mark_of(asked):
            return
        stop_output(runtime)
    else:
        os.close(lock)
    _started[runtime] = _Started(_spawned(runtime, asked), asked)


def _end_a_frozen_keeper(runtime: Path) -> None:
    """A keeper that hangs looks after nothing; its stream lives on, for the next to adopt."""
    with contextlib.suppress(RingError):
        ring = Ring.attach(runtime / RING_FILE)
        keeper = None if output_alive(ring) else Child.of(ring.keeper_pid)
        ring.close()
        if keeper is not None:
            keeper.kill()
            started = _started.pop(runtime, None)
            if started is not None:
                started.keeper.wait()


def stop_output(runtime: Path) -> None:
    """End the output in ``runtime`` and its stream, within 50 ms of fade; none is no error."""
    with contextlib.suppress(RingError):
        ring = Ring.attach(runtime / RING_FILE)
        # The keeper first, or it would start the next stream. Without one there may still
        # be a stream that outlived it.
        for pid in (ring.keeper_pid, ring.stream_pid):
            child = Child.of(pid)
            if child is not None:
                child.end(_PATIENCE_S)
        ring.close()
    started = _started.pop(runtime, None)
    if started is not None:
        if started.keeper.poll() is None:
            # It had not got as far as the ring.
            started.keeper.terminate()
        started.keeper.wait()


def output_alive(ring: Ring) -> bool:
    """Whether a keeper looks after the output; if not, ``start_output`` mends that.

    Cheap; looked at ten times a second it keeps the gap short when everything was killed.
    """
    if mono_ns() - ring.keeper_heartbeat_ns > _ALIVE_NS:
        return False
    try:
        keeper = Child(ring.keeper_pid)
    except (OSError, ValueError):
        return False
    alive = not keeper.ended_within(0.0)
    keeper.close()
    return alive


def sound_outputs(timeout_s: float = 5.0) -> list[SoundOutput]:
    """The outputs that PortAudio sees now.

    Raises:
        WorldFailed: PortAudio is not installed, or the sound server does not answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", MODULE, "--list"],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise WorldFailed(
            f"the sound server does not answer within {timeout_s:g} s; restart it"
        ) from error
    if done.returncode != 0:
        raise WorldFailed(done.stderr.strip().splitlines()[-1])
    return [SoundOutput(**json.loads(line)) for line in done.stdout.splitlines()]


def _asked_mark(runtime: Path) -> int:
    ring = Ring.attach(runtime / RING_FILE)
    mark = ring.asked_mark
    ring.close()
    return mark


def _spawned(runtime: Path, asked: Asked) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", MODULE, str(runtime), "--latency-ms", str(asked.latency_ms)]
    if asked.device is not None:
        command.append(f"--device={asked.device}")
    log = runtime / _LOG_FILE
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            log.unlink()
    with log.open("ab") as said:
        return subprocess.Popen(
            command,
            env=os.environ | _SURROUNDINGS,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
