"""The keeper: a warm process that sees to it that something takes from the ring.

It never touches the sound device. It forks a stream, watches its end and its heartbeat,
and has the next one, which waits with all done but the opening, take over at once; killing
the keeper kills nothing audible, because the stream lives on and the next keeper adopts it.
Until that one is there, the waiting stream watches over the playing one itself.
Since it has the time and the frames, it meters what leaves.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import select
import signal
import struct
import sys
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from kaproom.audio.device import Asked
from kaproom.audio.meter import Meter
from kaproom.audio.ring import RING_FILE, SILENCE_DB, Notice, Ring
from kaproom.clock import NS_PER_S, mono_ns, on_time
from kaproom.errors import WorldFailed

SILENT: Final = "silent"  # asked for in place of a device's name
LATENCIES_MS: Final = (10, 800)  # more would not fit into what the ring keeps behind
LOCK_FILE: Final = "output.lock"
MODULE: Final = "kaproom.audio.output"
# Measured: a heartbeat older than a beat and this is that of a stream that hangs.
_OVERDUE_NS: Final = 300_000_000
# Chosen: deaths in a row, each within this of the birth, after which a stream is to leave
# the device alone for a moment.
_YOUNG_NS: Final = 700_000_000
_YOUNG_DEATHS: Final = 3
_HOLD_OFF_S: Final = 0.75
_END_S: Final = 1.5  # a stream fades and drains within it, or is killed
_ENDINGS: Final = (signal.SIGTERM, signal.SIGINT)
# Chosen: how long a stream must have played before the next one is made ready. Ready means
# that only the stream has to be opened: 5 ms instead of 60, and of 1 s on a machine so busy
# that each of PortAudio's two hundred exchanges with the sound server has to queue.
_SPARE_NS: Final = NS_PER_S
# Chosen: how long a spare whose keeper is gone stands by; the next keeper is there in a second.
_INHERIT_NS: Final = 5 * NS_PER_S
_INHERIT_LOOK_S: Final = 0.1
_ORDER: Final = struct.Struct("qd")
_GONE: Final = -1
_FAILED: Final = 70  # exit status of a stream with a mistake of ours


@dataclass(frozen=True, slots=True)
class Order:
    """To a stream that waits: take over from one that ended at ``died_ns``.

    The device is to be left alone for ``hold_off_s``.
    """

    died_ns: int
    hold_off_s: float = 0.0


class Stream(Protocol):
    """What a forked process does."""

    def prepare(self) -> None:
        """Get ready; must not block."""

    def run(self, order: Order) -> int:
        """Take from the ring; return the process's exit status."""


class Keeper:
    """One room's keeper.

    Args:
        runtime: The folder of the ring and the lock.
        asked: What to play on.
        stream: Makes what a forked process does.
    """

    def __init__(
        self, runtime: Path, asked: Asked, stream: Callable[[Ring, Asked], Stream]
    ) -> None:
        self._runtime = runtime
        self._asked = asked
        self._stale_ns = round(asked.beat_s * NS_PER_S) + _OVERDUE_NS
        self._stream = stream
        self._ending = False
        self._private: tuple[int, ...] = ()  # descriptors that no stream may hold
        self._woken = -1
        self._spare: Child | None = None
        self._died_young = 0

    def run(self) -> int:
        """Keep a stream alive until SIGTERM, or until the ring's file is gone or replaced."""
        lock = locked(self._runtime)
        if lock is None:
            raise WorldFailed(f"{self._runtime}: an output runs here already; it goes on")
        ring = Ring.attach(self._runtime / RING_FILE)
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._private = (lock, self._woken, wake)
        signal.set_wakeup_fd(wake)
        for number in _ENDINGS:
            signal.signal(number, self._end)
        # Streams are reaped by the kernel: how they ended is nobody's concern but the log's.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        ring.keeper_pid = os.getpid()
        ring.keeper_heartbeat_ns = mono_ns()
        gc.collect()
        gc.freeze()
        gc.disable()
        child = self._adopt(ring)
        ring.asked_mark = mark_of(self._asked)
        self._keep(ring, child or self._take_over(ring, ring.heartbeat_ns))
        return 0

    def _end(self, _signal: int, _where: object) -> None:
        self._ending = True

    def _keep(self, ring: Ring, child: Child) -> None:
        beat_s = self._asked.beat_s
        levels = _Levels(ring, beat_s)
        looked_ns = mono_ns()
        while not self._ending and ring.in_place():
            ended = child.ended_within(beat_s, self._woken)
            now_ns = mono_ns()
            ring.keeper_heartbeat_ns = now_ns
            stale = now_ns - ring.heartbeat_ns > self._stale_ns
            hangs = stale and on_time(looked_ns, now_ns, beat_s)
            looked_ns = now_ns
            if ended or hangs:
                child = self._replace(ring, child, now_ns)
                continue
            levels.update()
            if (
                self._spare is None
                and ring.device_state == "device"
                and now_ns - child.born_ns > _SPARE_NS
            ):
                self._spare = self._forked(ring)
        child.end(_END_S)
        if self._spare is not None:
            self._spare.end(_END_S)
        ring.level_lufs = ring.peak_dbfs = SILENCE_DB
        ring.announce(Notice("off"))

    def _replace(self, ring: Ring, child: Child, now_ns: int) -> Child:
        young = now_ns - child.born_ns < _YOUNG_NS
        self._died_young = self._died_young + 1 if young else 0
        # A process that is stuck in the kernel does not die of it; it will not be waited
        # for, and it will never run again to touch the ring.
        child.kill()
        return self._take_over(ring, now_ns)

    def _take_over(self, ring: Ring, died_ns: int) -> Child:
        hold_off_s = _HOLD_OFF_S if self._died_young >= _YOUNG_DEATHS else 0.0
        child, self._spare = self._spare, None
        if child is None or child.ended_within(0.0):
            # What crashes may crash on being woken: the time must have gone on before.
            child = self._forked(ring, prepare=not hold_off_s)
        ring.heartbeat_ns = mono_ns()
        child.send(Order(died_ns, hold_off_s), ring.heartbeat_ns)
        return child

    def _forked(self, ring: Ring, prepare: bool = True) -> Child:
        """A process that waits for its order, with all done that takes time."""
        ordered, order = os.pipe2(os.O_CLOEXEC)
        # Until a stream has its own way to end, a signal shall end it and not our flag in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
            os.close(ordered)
            return Child(pid, order)
        status = _FAILED
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, *_ENDINGS):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
            for fd in (*self._private, order):
                os.close(fd)
            stream = self._stream(ring, self._asked)
            if prepare:
                stream.prepare()
            words = os.read(ordered, _ORDER.size)
            # Nothing comes when the keeper is gone.
            told = Order(*_ORDER.unpack(words)) if words else self._inherited(ring)
            status = 0 if told is None else stream.run(told)
        except BaseException:  # noqa: BLE001 - the outermost frame of a process
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            # Not sys.exit: what PortAudio does at exit can hang.
            os._exit(status)

    def _inherited(self, ring: Ring) -> Order | None:
        """The keeper is gone: until there is another, its stream's end is ours to follow.

        Returns:
            The order to take over; None once the next keeper is there, which has its own
            spare, or where the stream was asked to end.
        """
        keeper_pid, stream_pid = ring.keeper_pid, ring.stream_pid
        stream = Child.of(stream_pid)
        give_up_ns = mono_ns() + _INHERIT_NS
        while ring.keeper_pid == keeper_pid and ring.in_place() and mono_ns() < give_up_ns:
            if stream is not None and not stream.ended_within(_INHERIT_LOOK_S):
                continue
            if ring.stream_pid != stream_pid:
                return None
            # Held by whoever is about to be the keeper, or is looking whether there is one.
            lock = locked(self._runtime)
            if lock is not None:
                ring.stream_pid = os.getpid()
                ring.heartbeat_ns = mono_ns()
                os.close(lock)
                return Order(ring.heartbeat_ns)
        return None

    def _adopt(self, ring: Ring) -> Child | None:
        """The stream that a keeper before us left alive, if it is well and what we want."""
        child = Child.of(ring.stream_pid)
        if child is None:
            return None
        if ring.asked_mark != mark_of(self._asked):
            child.end(_END_S)
            ring.announce(Notice("off"))
            return None
        if mono_ns() - ring.heartbeat_ns > self._stale_ns:
            child.kill()
            return None
        return child


class Child:
    """A process of the output, forked here or found."""

    def __init__(self, pid: int, order: int = -1) -> None:
        self.pid = pid
        self.born_ns = 0  # when it took over
        self._order = order
        try:
            self._fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self._fd = _GONE  # it died at once, and the kernel has reaped it

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process ``pid``, when it is an output's; otherwise None."""
        try:
            # Opened before it is asked for its name, so that no other can take its number.
            child = cls(pid)
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        if MODULE.encode() in words:
            return child
        child.close()
        return None

    def send(self, order: Order, now_ns: int) -> None:
        """Have a process that waits take over."""
        self.born_ns = now_ns
        # One that has just died is found out at the next look.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._order, _ORDER.pack(order.died_ns, order.hold_off_s))
        os.close(self._order)
        self._order = -1

    def ended_within(self, timeout_s: float, woken: int = -1) -> bool:
        """Wait until the process ends, ``woken`` is readable, or the time is over."""
        if self._fd == _GONE:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        if woken >= 0:
            poll.register(woken, select.POLLIN)
        return any(fd == self._fd for fd, _ in poll.poll(timeout_s * 1000))

    def kill(self) -> None:
        """End it by force, without waiting for it."""
        self._signal(signal.SIGKILL)
        self.close()

    def end(self, patience_s: float) -> None:
        """Ask it to fall silent and end; by force when it does not within ``patience_s``."""
        self._signal(signal.SIGTERM)
        if not self.ended_within(patience_s):
            self._signal(signal.SIGKILL)
            self.ended_within(patience_s)
        self.close()

    def close(self) -> None:
        """Forget it; it lives on."""
        if self._fd != _GONE:
            os.close(self._fd)

    def _signal(self, number: signal.Signals) -> None:
        if self._fd == _GONE:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)


class _Levels:
    """The meter on what leaves."""

    def __init__(self, ring: Ring, step_s: float) -> None:
        self._ring = ring
        self._meter = Meter(ring.rate_hz, step_s)
        self._metered = ring.read_frame
        self._idle = 0

    def update(self) -> None:
        """Meter what left since the last time, a step ago or so."""
        ring, meter = self._ring, self._meter
        read = ring.read_frame
        moved = read - self._metered
        self._metered = read
        if moved > 0 and read >= meter.block_frames and ring.device_state in ("device", SILENT):
            meter.take(ring.copy(read - meter.block_frames, meter.block_frames))
            self._idle = 0
        else:
            # A device with a long buffer may take nothing for one step.
            self._idle += 1
            if self._idle > 1:
                meter.take_silence()
        gain_db = ring.gain_now_db
        ring.level_lufs = meter.lufs + gain_db
        ring.peak_dbfs = meter.peak_dbfs + gain_db


def mark_of(asked: Asked) -> int:
    """One word that tells one wish from another."""
    return zlib.crc32(f"{asked.device}\n{asked.latency_ms}".encode())


def locked(runtime: Path) -> int | None:
    """Take the output's lock in ``runtime``: a descriptor to be held, or None when it is taken.

    Raises:
        WorldFailed: The folder is not there or not writable.
    """
    path = runtime / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except OSError as error:
        raise WorldFailed(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd
