"""The output: what the player writes leaves here, in a process that may be killed at any time.

A child of the keeper holds one stream in its life. Its main thread never waits for the
device: while there is none, it takes the frames out of the ring by the clock, so that the
programme's time goes on; when the device stops for long, the child ends and the next takes
over. Nothing is ever repaired.
"""

from __future__ import annotations

import os

# The keeper must be single-threaded when it forks; numpy's BLAS would start a thread a core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio import device
from kaproom.audio.device import FLEETING, HUNG, NO_PORTAUDIO, STALLED, Asked, Device, Failure
from kaproom.audio.haste import OUTPUT_PRIORITY, hasten
from kaproom.audio.keeper import LATENCIES_MS, SILENT, Keeper, Order
from kaproom.audio.outlet import Outlet
from kaproom.audio.ring import Notice, Ring
from kaproom.clock import NS_PER_S, mono_ns, on_time
from kaproom.errors import WorldFailed

ENDED, LOST, FROZEN, HANGS = 0, 3, 4, 5  # how a stream's process ends

_NS_PER_MS: Final = 1_000_000
_CLOCK_S: Final = 0.05  # between takes by the clock
# Chosen: how long a stream waits for a device that just was there, rather than let the
# programme go on unheard. Opening takes 5 to 60 ms, more with both cores busy.
_GRACE_NS: Final = 300 * _NS_PER_MS
_STALL_NS: Final = 300 * _NS_PER_MS
# Measured: a null sink that was idle takes a new stream's first 100 ms at once and then
# nothing for up to 1.6 s. So a stream counts as playing, and may be waited for, only then.
_PROVEN_NS: Final = 500 * _NS_PER_MS
_GIVE_UP_NS: Final = 2500 * _NS_PER_MS
_HANG_NOTICE_NS: Final = NS_PER_S
_HANG_NS: Final = 5 * NS_PER_S
_CATCH_UP_NS: Final = NS_PER_S // 2


class Stream:
    """One process's life, from when it takes over."""

    def __init__(self, ring: Ring, asked: Asked) -> None:
        self._ring = ring
        self._asked = asked
        self._silent = asked.device == SILENT
        self._device = Device(asked, ring.rate_hz, self._call, self._finish)
        self._outlet: Outlet
        self._wake = threading.Event()
        self._turn = threading.Lock()  # held by whoever takes from the ring
        self._ending = False
        # Of the callback.
        self._finished = False
        self._opened_ns = 0
        self._progress_ns = 0
        # Of the main thread.
        self._proven = False  # whether the device is known to take frames steadily
        self._anchor_ns = 0  # up to here the clock has taken frames
        self._underflows = ring.device_underflows  # of those before
        self._scratch = np.zeros((round(_CLOCK_S * 4 * ring.rate_hz), 2), np.float32)

    def prepare(self) -> None:
        """Do what can be done before this stream is the one that plays."""
        if not self._silent:
            self._device.prepare()

    def run(self, order: Order) -> int:
        """Take over; play until asked to end or until the device is lost; return which."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ring, now_ns = self._ring, mono_ns()
        ring.stream_pid = os.getpid()
        ring.heartbeat_ns = now_ns
        was = ring.device_state
        self._outlet = Outlet(ring)
        self._anchor_ns = now_ns
        if was != "off":
            self._anchor_ns = max(order.died_ns, now_ns - _CATCH_UP_NS)
        if was == "device":
            # What the server still held went with the last stream.
            self._outlet.step_back(order.died_ns)
        if self._silent:
            ring.announce(Notice("silent", device=SILENT))
        else:
            if order.hold_off_s:
                self._announce_lost(FLEETING)
            self._device.open(order.hold_off_s)
        patient_until_ns = now_ns + (_GRACE_NS if was in ("device", "off") else 0)
        # Without its ring nobody can ask an orphan to end.
        while not self._ending and ring.in_place():
            looked_ns, pause_s = now_ns, self._asked.beat_s if self._opened_ns else _CLOCK_S
            self._wake.wait(pause_s)
            self._wake.clear()
            now_ns = mono_ns()
            ring.heartbeat_ns = now_ns
            lost = None
            if self._opened_ns:
                lost = self._watch_device(now_ns, on_time(looked_ns, now_ns, pause_s))
            elif self._silent:
                self._pour_by_clock(now_ns)
            else:
                lost = self._wait_for_device(now_ns, now_ns > patient_until_ns)
            if lost is not None:
                return lost
        self._fall_silent()
        # Who waits to take over need not: nothing happened that was not asked for.
        ring.stream_pid = 0
        return ENDED

    # -- the main thread, with a device

    def _watch_device(self, now_ns: int, may_judge: bool) -> int | None:
        if self._finished:
            return LOST
        self._ring.device_underflows = self._underflows + self._device.underflows
        # A buffer's length may pass between two calls of a device that is well.
        still_ns = now_ns - self._progress_ns - self._asked.latency_ms * _NS_PER_MS
        if still_ns < _STALL_NS:
            if self._progress_ns - self._opened_ns > _PROVEN_NS:
                self._proven = True
                self._announce(Notice("device", device=self._device.name))
            return None
        if not may_judge:
            return None
        give_up = still_ns > _GIVE_UP_NS
        # Whom it has let down before does not wait for it a second time.
        if give_up or self._proven or self._ring.device_state == "lost":
            self._announce_lost(STALLED)
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
        hanging_ns = self._device.hanging_ns(now_ns)
        failure = HUNG if hanging_ns > _HANG_NOTICE_NS else self._device.failure
        if failure is not None:
            self._announce_lost(failure)
        if failure is not None or impatient:
            self._pass_by_clock(now_ns)
        return HANGS if hanging_ns > _HANG_NS or self._device.broken else None

    def _announce_lost(self, failure: Failure) -> None:
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
            # Due since then, however late this thread runs: the line of frames stays even.
            self._outlet.pour(self._scratch[:frames], now_ns, -due * NS_PER_S // rate_hz)
            due -= frames

    # -- PortAudio's thread

    def _call(self, out: NDArray[np.float32], latency_ns: int) -> None:
        now_ns = mono_ns()
        self._progress_ns = now_ns
        if not self._turn.acquire(blocking=False):
            out.fill(0.0)  # the clock takes its last frames
            return
        if not self._opened_ns:
            self._opened_ns = now_ns
            self._wake.set()
        self._outlet.pour(out, now_ns, latency_ns)
        self._turn.release()

    def _finish(self) -> None:
        self._finished = True
        self._wake.set()


def _print_outputs() -> int:
    try:
        for facts in device.outputs():
            print(json.dumps(facts))  # noqa: T201
    except OSError:
        print(NO_PORTAUDIO.why, file=sys.stderr)  # noqa: T201
        return 1
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
    hasten(OUTPUT_PRIORITY)
    device.warm_up()
    try:
        return Keeper(given.runtime, Asked(given.device, given.latency_ms), Stream).run()
    except WorldFailed as failed:
        print(failed, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
