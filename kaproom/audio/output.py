"""The output: the one door to PortAudio, in a process that may be killed at any time.

A frozen sound server hangs whoever touches it, so PortAudio is touched here only, in a
forked child of the keeper, and there only by a thread of its own and by its callback. The
child's main thread never waits for either: while there is no device it takes the frames
out of the ring by the clock, so that the programme's time goes on; when the device stops
making progress the child ends, and the keeper forks the next. A child holds one stream in
its life: nothing is ever closed or repaired, which is what hangs.
"""

from __future__ import annotations

import os

# The keeper must be single-threaded when it forks; numpy's BLAS would start a thread a core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import json
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.keeper import LATENCIES_MS, SILENT, Asked, Keeper
from kaproom.audio.outlet import Outlet
from kaproom.audio.ring import Notice, Ring
from kaproom.clock import NS_PER_S, mono_ns
from kaproom.errors import WorldFailed

ENDED, LOST, FROZEN, HUNG = 0, 3, 4, 5  # how a stream's process ends

_NS_PER_MS: Final = 1_000_000
_BEAT_S: Final = 0.2  # between looks at the device; the keeper allows 500 ms
_CLOCK_S: Final = 0.05  # between takes by the clock
# Chosen: how long a child waits for a device that just was there, rather than let the
# programme go on unheard. Opening takes 60 ms, 200 ms with both cores busy.
_GRACE_NS: Final = 300 * _NS_PER_MS
_STALL_NS: Final = 300 * _NS_PER_MS
# Measured: a null sink that was idle takes a new stream's first 100 ms at once and then
# nothing for up to 1.6 s. So a stream counts as playing, and may be waited for, only then.
_PROVEN_NS: Final = 500 * _NS_PER_MS
_GIVE_UP_NS: Final = 2500 * _NS_PER_MS
_HANG_NOTICE_NS: Final = NS_PER_S
_HANG_NS: Final = 5 * NS_PER_S
_RETRY_S: Final = 0.75
_RETRY_LIBRARY_S: Final = 5.0  # looking for the library costs a process
_CATCH_UP_NS: Final = NS_PER_S // 2
_NICENESS: Final = -11  # as PulseAudio's and PipeWire's own


@dataclass(frozen=True, slots=True)
class _Failure:
    cause: str
    why: str


_NO_PORTAUDIO: Final = _Failure(
    "no-portaudio", "PortAudio is not installed: sudo apt-get install libportaudio2"
)
_HUNG: Final = _Failure("frozen", "the sound server does not answer: wait, or restart it")
_STALLED: Final = _Failure("frozen", "the sound device stands still: wait, or restart the server")
_YOUNG: Final = _Failure("gone", "the sound device failed just after it was opened; trying again")


class Stream:
    """One child's life.

    Args:
        ring: Shared with everybody.
        asked: The device.
        died_ns: When the stream before this one ended; None for the first.
        hold_off_s: How long to leave the device alone, after a child that died young.
    """

    def __init__(
        self, ring: Ring, asked: Asked, died_ns: int | None = None, hold_off_s: float = 0.0
    ) -> None:
        self._ring = ring
        self._asked = asked
        self._died_ns = died_ns
        self._hold_off_s = hold_off_s
        self._outlet = Outlet(ring)
        self._wake = threading.Event()
        self._turn = threading.Lock()  # held by whoever takes from the ring
        self._ending = False
        self._finished = False
        # Of the opener.
        self._retry = threading.Event()  # never set: the opener waits on it
        self._stream: Any = None  # sounddevice.OutputStream
        self._device_name = ""
        self._attempt_ns = 0  # since when it has been inside PortAudio; 0 while it is not
        self._failure = _YOUNG if hold_off_s else None
        # Of the callback.
        self._opened_ns = 0
        self._progress_ns = 0
        self._proven = False  # whether the device is known to take frames steadily
        # Of the clock.
        self._anchor_ns = 0  # up to here the frames have been taken
        self._scratch = np.zeros((round(_CLOCK_S * 4 * ring.rate_hz), 2), np.float32)

    def run(self) -> int:
        """Play until asked to end or until the device is lost; return how it ended."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ring, now_ns = self._ring, mono_ns()
        ring.stream_pid = os.getpid()
        ring.heartbeat_ns = now_ns
        was = ring.device_state
        self._anchor_ns = now_ns
        if was != "off" and self._died_ns is not None:
            self._anchor_ns = max(self._died_ns, now_ns - _CATCH_UP_NS)
        if was == "device" and self._died_ns is not None:
            # What the server still held went with the last stream.
            self._outlet.step_back(self._died_ns)
        if self._asked.device == SILENT:
            ring.announce(Notice("silent", device=SILENT))
        else:
            _hasten()
            threading.Thread(target=self._open, name="opener", daemon=True).start()
        patient_until_ns = now_ns + (_GRACE_NS if was in ("device", "off") else 0)
        # Without its ring nobody can ask an orphan to end.
        while not self._ending and ring.in_place():
            self._wake.wait(_BEAT_S if self._opened_ns else _CLOCK_S)
            self._wake.clear()
            now_ns = mono_ns()
            ring.heartbeat_ns = now_ns
            lost = None
            if self._opened_ns:
                lost = self._watch_device(now_ns)
            elif self._asked.device == SILENT:
                self._pour_by_clock(now_ns)
            else:
                lost = self._wait_for_device(now_ns, now_ns > patient_until_ns)
            if lost is not None:
                return lost
        self._fall_silent()
        return ENDED

    # -- the main thread, with a device

    def _watch_device(self, now_ns: int) -> int | None:
        if self._finished:
            return LOST
        # A buffer's length may pass between two calls of a device that is well.
        still_ns = now_ns - self._progress_ns - self._asked.latency_ms * _NS_PER_MS
        if still_ns < _STALL_NS:
            if self._progress_ns - self._opened_ns > _PROVEN_NS:
                self._proven = True
                self._announce(Notice("device", device=self._device_name))
            return None
        give_up = still_ns > _GIVE_UP_NS
        # Whom it has let down before does not wait for it a second time.
        if give_up or self._proven or self._ring.device_state == "lost":
            self._announce_lost(_STALLED)
            self._anchor_ns = max(self._anchor_ns, self._progress_ns)
            self._pass_by_clock(now_ns)
        return FROZEN if give_up else None

    def _fall_silent(self) -> None:
        self._outlet.close()
        give_up_ns = mono_ns() + _GRACE_NS
        while self._opened_ns and not self._outlet.silent and mono_ns() < give_up_ns:
            self._wake.wait(_CLOCK_S / 2)
        if self._opened_ns:
            self._wake.clear()
            self._wake.wait(self._ring.timing().latency_ns / NS_PER_S)

    def _end(self, _signal: int, _where: object) -> None:
        # Only this: setting the event in here could wait for a lock that we hold ourselves.
        self._ending = True

    # -- the main thread, without a device

    def _wait_for_device(self, now_ns: int, impatient: bool) -> int | None:
        since_ns = now_ns - (self._attempt_ns or now_ns)
        failure = _HUNG if since_ns > _HANG_NOTICE_NS else self._failure
        if failure is not None:
            self._announce_lost(failure)
        if failure is not None or impatient:
            self._pass_by_clock(now_ns)
        return HUNG if since_ns > _HANG_NS else None

    def _announce_lost(self, failure: _Failure) -> None:
        self._announce(Notice("lost", failure.cause, self._asked.name, failure.why))

    def _announce(self, notice: Notice) -> None:
        if notice != self._ring.notice():
            self._ring.announce(notice)

    def _pass_by_clock(self, now_ns: int) -> None:
        rate_hz = self._ring.rate_hz
        due = (now_ns - self._anchor_ns) * rate_hz // NS_PER_S
        if not self._turn.acquire(blocking=False):
            return  # the device is taking frames at this moment
        try:
            passed = self._outlet.pass_over(due, now_ns)
        finally:
            self._turn.release()
        # When the ring is dry the programme waits, and is not hurried for it afterwards.
        self._anchor_ns = now_ns if passed < due else self._anchor_ns + passed * NS_PER_S // rate_hz

    def _pour_by_clock(self, now_ns: int) -> None:
        rate_hz = self._ring.rate_hz
        due = (now_ns - self._anchor_ns) * rate_hz // NS_PER_S
        self._anchor_ns += due * NS_PER_S // rate_hz
        # After a suspend much is due; the outlet has to see one block to notice.
        due = min(due, rate_hz)
        while due > 0:
            frames = min(due, len(self._scratch))
            self._outlet.pour(self._scratch[:frames], now_ns, 0)
            due -= frames

    # -- the opener's thread, which may hang

    def _open(self) -> None:
        self._retry.wait(self._hold_off_s)
        first = True
        while True:
            self._attempt_ns = mono_ns()
            failure = self._try_to_open(first)
            self._attempt_ns = 0
            if failure is None:
                return
            first = failure is _NO_PORTAUDIO
            self._failure = failure
            self._wake.set()
            self._retry.wait(_RETRY_LIBRARY_S if first else _RETRY_S)

    def _try_to_open(self, first: bool) -> _Failure | None:
        try:
            # Its import already initialises PortAudio, so it cannot stand at the top.
            import sounddevice
        except OSError:
            return _NO_PORTAUDIO
        name, rate_hz = self._asked.name, self._ring.rate_hz
        try:
            if not first:
                # Only a new initialisation sees devices that came back.
                with contextlib.suppress(sounddevice.PortAudioError):
                    sounddevice._terminate()
                sounddevice._initialize()
            self._device_name = sounddevice.query_devices(self._asked.device, "output")["name"]
        except ValueError as error:
            if "Multiple" in str(error):
                return _Failure("no-device", f"{name} names several outputs: see kaproom devices")
            return _Failure("no-device", f"no sound output is named {name}: see kaproom devices")
        except sounddevice.PortAudioError:
            why = "there is no sound output: plug it in, or start the sound server"
            return _Failure("no-device", why)
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=rate_hz,
                blocksize=0,
                device=self._asked.device,
                channels=2,
                dtype="float32",
                latency=self._asked.latency_ms / 1000,
                callback=self._call,
                finished_callback=self._finish,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            said = " ".join(str(error.args[0]).split())
            return _Failure("refused", f"{name} refused {rate_hz} Hz stereo: {said}")
        return None

    # -- PortAudio's thread

    def _call(self, out: NDArray[np.float32], _frames: int, at: Any, status: Any) -> None:
        now_ns = mono_ns()
        self._progress_ns = now_ns
        if not self._turn.acquire(blocking=False):
            out.fill(0.0)  # the clock takes its last frames
            return
        if not self._opened_ns:
            self._opened_ns = now_ns
            self._wake.set()
        latency_ns = int((at.outputBufferDacTime - at.currentTime) * NS_PER_S)
        if not 0 <= latency_ns < _HANG_NS:
            latency_ns = self._asked.latency_ms * _NS_PER_MS
        if status:
            self._ring.device_underflows += 1
        self._outlet.pour(out, now_ns, latency_ns)
        self._turn.release()

    def _finish(self) -> None:
        self._finished = True
        self._wake.set()


def _hasten() -> None:
    """Run ahead of everything ordinary, if the machine lets us.

    Measured: SCHED_FIFO would cost 0.3 CPU s a minute more, in switches between PortAudio's
    and the sound server's threads; this costs nothing.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


def _play(ring: Ring, asked: Asked, died_ns: int | None, hold_off_s: float) -> int:
    return Stream(ring, asked, died_ns, hold_off_s).run()


def _print_outputs() -> int:
    try:
        import sounddevice
    except OSError:
        print(_NO_PORTAUDIO.why, file=sys.stderr)  # noqa: T201
        return 1
    default = sounddevice.default.device[1]
    for device in sounddevice.query_devices():
        if device["max_output_channels"] >= 2:
            facts = {
                "name": device["name"],
                "default": device["index"] == default,
                "rate_hz": round(device["default_samplerate"]),
            }
            print(json.dumps(facts))  # noqa: T201
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Keep a room's output until it is asked to end."""
    parser = argparse.ArgumentParser(prog="python -m kaproom.audio.output", description=__doc__)
    parser.add_argument("runtime", type=Path, nargs="?", help="the room's runtime folder")
    parser.add_argument("--device", help=f"part of its name, or {SILENT}")
    parser.add_argument("--latency-ms", type=int, default=100)
    parser.add_argument("--list", action="store_true", help="the outputs there are, as JSON")
    given = parser.parse_args(arguments)
    if given.list:
        return _print_outputs()
    if given.runtime is None:
        parser.error("a runtime folder is needed")
    low_ms, high_ms = LATENCIES_MS
    if not low_ms <= given.latency_ms <= high_ms:
        parser.error(f"--latency-ms is {given.latency_ms}; it must be {low_ms} to {high_ms}")
    try:
        return Keeper(given.runtime, Asked(given.device, given.latency_ms), _play).run()
    except WorldFailed as failed:
        print(failed, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
