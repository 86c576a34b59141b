"""The ring: what the player hands to the output, and what each must know of the other.

One file in the runtime folder, mapped by every process that needs it. Each field has one
writer, and each store is one aligned 8-byte word, so a reader sees the old value or the
new one, never half of either; what needs several words is written beside the last one and
then published by a count. A frame is published after its samples. A writer killed at any
instant leaves a ring that the next one can carry on.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from kaproom.clock import NS_PER_S, awake_ns, mono_ns
from kaproom.errors import WorldFailed

RING_FILE = "ring"  # its name in the runtime folder
SILENCE_DB = -math.inf
FLOOR_DB = -60.0  # chosen: a gain below it is silence

_MAGIC: Final = int.from_bytes(b"KAPRING\0", "little")
_VERSION: Final = 1
_CAPACITY_S: Final = 4
# Of the capacity so much is filled ahead. With the device's 0.1 s, what a command changes is
# heard within 3 s; the rest, more than 1 s, stays readable behind the read frame.
_FILL_S: Final = 2.7
_HEADER_BYTES: Final = 4096
_FRAME_BYTES: Final = 8  # two float32
_FALL_LIMIT_MS: Final = 600_000
_GAIN_STEPS: Final = 60_001  # a word's upper half: 0 is silence, 1 … 60,001 are -60.000 … 0 dB

# Words of the header. Each writer has cache lines (eight words) of its own.
_MAGIC_AT, _VERSION_AT, _RATE_AT, _CAPACITY_AT, _FILL_AT = range(5)
_WRITE_AT, _GAIN_AT, _READ_AT, _BEAT_AT = 8, 16, 24, 25
_GAIN_NOW_AT, _ENTRY_AT, _SOUNDED_AT, _ASLEEP_AT = 32, 33, 34, 35
_TIMING_AT, _TIMING_SLOTS = 64, (72, 80)
_NOTICE_AT, _NOTICE_SLOTS, _NOTICE_BYTES = 88, (96, 160), 512

# An empty critical section: its atomic operations keep a processor with weakly ordered
# memory from showing the count before what it counts. Plain stores would do on x86.
_FENCE = threading.Lock()


class RingError(WorldFailed):
    """There is no ring here that this kaproom can use."""


@dataclass(frozen=True, slots=True)
class GainTarget:
    """Where the output's gain shall go; a fall takes ``fall_s``, a rise the ear's law."""

    target_db: float
    fall_s: float


@dataclass(frozen=True, slots=True)
class Timing:
    """``frame`` was handed over at ``mono_ns`` and is heard ``latency_ns`` later."""

    frame: int
    mono_ns: int
    latency_ns: int


@dataclass(frozen=True, slots=True)
class Notice:
    """What the output says of its device.

    Attributes:
        state: ``device`` (it plays), ``silent`` (asked to be), ``lost`` (no device, the
            programme's time goes on), ``off``.
        cause: Why it is lost, for code: ``no-portaudio``, ``no-device``, ``refused``,
            ``gone``, ``frozen``; empty otherwise.
        device: The device's name as PortAudio gives it; what was asked for when lost.
        why: The same for people, one line with the remedy.
    """

    state: str
    cause: str = ""
    device: str = ""
    why: str = ""


class _Whole:
    """One int64 word of the header."""

    __slots__ = ("_at",)

    def __init__(self, at: int) -> None:
        self._at = at

    def __get__(self, ring: Ring, _owner: object = None) -> int:
        return ring._whole[self._at]

    def __set__(self, ring: Ring, value: int) -> None:
        ring._whole[self._at] = value


class _Real:
    """One float64 word of the header."""

    __slots__ = ("_at",)

    def __init__(self, at: int) -> None:
        self._at = at

    def __get__(self, ring: Ring, _owner: object = None) -> float:
        return ring._real[self._at]

    def __set__(self, ring: Ring, value: float) -> None:
        ring._real[self._at] = value


class Ring:
    """One mapping of the ring file; every process has its own."""

    # The player writes these.
    write_frame = _Whole(_WRITE_AT)
    playing = _Whole(9)  # 1 while a programme should be heard: starving then is an underrun
    mix_gain_db = _Real(10)  # for the next player: where the mixer's slewed gain was,
    limiter_db = _Real(11)  # and its limiter
    player_pid = _Whole(12)
    # The daemon (with the daemon dead, the player).
    gain_word = _Whole(_GAIN_AT)
    # The output's stream.
    read_frame = _Whole(_READ_AT)
    heartbeat_ns = _Whole(_BEAT_AT)
    underruns = _Whole(26)  # how often the ring ran dry while playing
    missing_frames = _Whole(27)  # frames wanted then and not there
    epoch = _Whole(28)  # counts suspends: the frames and the clock have parted
    stream_pid = _Whole(29)
    device_underflows = _Whole(30)  # PortAudio's own count, which is known to be low
    gain_now_db = _Real(_GAIN_NOW_AT)  # the gain that leaves now, or that an interruption cut off
    entry_left_frames = _Whole(_ENTRY_AT)  # what is left of a soft entry
    sounded_ns = _Whole(_SOUNDED_AT)  # until when something was heard
    asleep_ns = _Whole(_ASLEEP_AT)  # how long the machine has slept since its boot
    # The output's keeper.
    keeper_pid = _Whole(40)
    keeper_heartbeat_ns = _Whole(41)
    level_lufs = _Real(42)  # momentary, of what leaves; -inf is silence
    peak_dbfs = _Real(43)
    asked_mark = _Whole(44)  # which device and latency it was asked for

    def __init__(self, path: Path, mapping: mmap.mmap, file: os.stat_result) -> None:
        self.path = path
        self._file = (file.st_dev, file.st_ino)
        self._noticed = (0, Notice("off"))
        self._mapping = mapping
        self._bytes = memoryview(mapping)
        header = self._bytes[:_HEADER_BYTES]
        self._whole = header.cast("q")
        self._real = header.cast("d")
        self.rate_hz = self._whole[_RATE_AT]
        self.capacity_frames = self._whole[_CAPACITY_AT]
        self.fill_frames = self._whole[_FILL_AT]
        self.samples: NDArray[np.float32] = np.frombuffer(
            mapping, np.float32, self.capacity_frames * 2, _HEADER_BYTES
        ).reshape(-1, 2)

    @classmethod
    def create(cls, path: Path, rate_hz: int) -> Self:
        """Lay a new, empty ring at ``path``; one that was there is replaced whole.

        Its gain is silence until somebody sets one.

        Raises:
            RingError: The folder cannot be written or is full.
        """
        capacity = _CAPACITY_S * rate_hz
        size = _HEADER_BYTES + capacity * _FRAME_BYTES
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
            try:
                # Taking the memory now turns a full tmpfs into an error here; a later
                # store would be a SIGBUS.
                os.posix_fallocate(fd, 0, size)
                mapping = mmap.mmap(fd, size)
                file = os.fstat(fd)
            finally:
                os.close(fd)
            words = memoryview(mapping)[:_HEADER_BYTES].cast("q")
            words[_RATE_AT] = rate_hz
            words[_CAPACITY_AT] = capacity
            words[_FILL_AT] = round(_FILL_S * rate_hz)
            words[_VERSION_AT] = _VERSION
            words[_MAGIC_AT] = _MAGIC
            words.release()
            ring = cls(path, mapping, file)
            ring.playing = 1
            ring.asleep_ns = mono_ns() - awake_ns()
            ring.gain_now_db = ring.level_lufs = ring.peak_dbfs = SILENCE_DB
            new.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise RingError(
                f"{path}: cannot lay the ring ({error.strerror}); "
                f"{size // 2**20 + 1} MB must be free and writable there"
            ) from error
        return ring

    @classmethod
    def attach(cls, path: Path) -> Self:
        """Map the ring that is at ``path``.

        Raises:
            RingError: Nothing is there, or not a ring of this version.
        """
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise RingError(f"{path}: no ring here ({error.strerror}); start the player") from error
        try:
            fault = _fault(fd)
            if fault:
                raise RingError(f"{path}: {fault}; delete it and restart the player")
            file = os.fstat(fd)
            return cls(path, mmap.mmap(fd, file.st_size), file)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let the mapping go; the file stays."""
        self._whole.release()
        self._real.release()
        self._bytes.release()
        self.samples = np.empty((0, 2), np.float32)
        try:
            self._mapping.close()
        except BufferError:
            # Somebody still holds a view of the samples; the mapping goes with it.
            return

    def in_place(self) -> bool:
        """Whether the file is still there, and still this one."""
        try:
            file = self.path.stat()
        except OSError:
            return False
        return (file.st_dev, file.st_ino) == self._file

    # -- the player's side

    def space_frames(self) -> int:
        """How many frames the player may write now."""
        return max(0, self.fill_frames - (self.write_frame - self.read_frame))

    def write(self, block: NDArray[np.float32]) -> None:
        """Append ``block``, shape (frames, 2), of at most ``space_frames()``."""
        start = self.write_frame
        # Not fill_frames: a new stream may just have stepped back by the device's latency.
        assert start + len(block) - self.read_frame <= self.capacity_frames, "the ring is full"
        self._put(start, block)
        with _FENCE:
            pass
        self.write_frame = start + len(block)

    def _put(self, start: int, block: NDArray[np.float32]) -> None:
        at = start % self.capacity_frames
        head = min(len(block), self.capacity_frames - at)
        self.samples[at : at + head] = block[:head]
        self.samples[: len(block) - head] = block[head:]

    # -- the daemon's side

    def set_gain(self, target_db: float, fall_s: float) -> None:
        """Send the output's gain to ``target_db``; above 0 dB is 0 dB, -inf is silence."""
        self.gain_word = packed(target_db, fall_s)

    def gain(self) -> GainTarget:
        """The target in force; what is no target reads as silence."""
        return unpacked(self.gain_word) or GainTarget(SILENCE_DB, 0.0)

    # -- the output's side

    def copy(self, frame: int, frames: int) -> NDArray[np.float32]:
        """``frames`` frames from ``frame`` on, shape (frames, 2)."""
        at = frame % self.capacity_frames
        head = min(frames, self.capacity_frames - at)
        return np.concatenate((self.samples[at : at + head], self.samples[: frames - head]))

    # Forty times a second, on a processor whose caches others have filled, what counts is
    # how little code runs: hence these three, beside the fields that they touch.

    def beat(self, now_ns: int) -> tuple[int, int, int]:
        """Show life; return the write frame, the gain word and how long the machine slept."""
        words = self._whole
        words[_BEAT_AT] = now_ns
        return words[_WRITE_AT], words[_GAIN_AT], words[_ASLEEP_AT]

    def keep_gain(self, gain_db: float, entry_left_frames: int, sounded_ns: int) -> None:
        """Keep for the next stream where this one is with its gain."""
        self._real[_GAIN_NOW_AT] = gain_db
        self._whole[_ENTRY_AT] = entry_left_frames
        self._whole[_SOUNDED_AT] = sounded_ns

    def hand_over(self, frame: int, frames: int, now_ns: int, latency_ns: int) -> int:
        """Publish that ``frames`` from ``frame`` on leave now; return the new read frame."""
        self.set_timing(frame, now_ns, latency_ns)
        read_frame = self._whole[_READ_AT] = frame + frames
        return read_frame

    def set_timing(self, frame: int, mono_ns: int, latency_ns: int) -> None:
        """Publish when ``frame`` was handed over and how much later it is heard."""
        words = self._whole
        count = words[_TIMING_AT] + 1
        at = _TIMING_SLOTS[count & 1]
        words[at] = frame
        words[at + 1] = mono_ns
        words[at + 2] = latency_ns
        with _FENCE:
            pass
        words[_TIMING_AT] = count

    def announce(self, notice: Notice) -> None:
        """Publish what people and programs may know of the device."""
        words = self._whole
        count = words[_NOTICE_AT] + 1
        fields = (notice.state, notice.cause, notice.device[:80], notice.why)
        text = "\x1f".join(fields).encode()[: _NOTICE_BYTES - 8]
        at = _NOTICE_SLOTS[count & 1]
        words[at] = len(text)
        self._bytes[at * 8 + 8 : at * 8 + 8 + len(text)] = text
        with _FENCE:
            pass
        words[_NOTICE_AT] = count

    # -- for every reader

    def timing(self) -> Timing:
        """The last hand-over; all zero before the first."""
        words = self._whole
        while True:
            count = words[_TIMING_AT]
            at = _TIMING_SLOTS[count & 1]
            timing = Timing(words[at], words[at + 1], words[at + 2])
            # The writer fills the other slot first, so an unchanged count vouches for this
            # one, and a writer that was killed half way blocks nobody.
            if words[_TIMING_AT] == count:
                return timing

    def notice(self) -> Notice:
        """What the output last said of its device; ``off`` before it said anything."""
        words = self._whole
        if words[_NOTICE_AT] == self._noticed[0]:
            return self._noticed[1]
        while True:
            count = words[_NOTICE_AT]
            at = _NOTICE_SLOTS[count & 1]
            size = min(max(words[at], 0), _NOTICE_BYTES - 8)
            text = bytes(self._bytes[at * 8 + 8 : at * 8 + 8 + size])
            if words[_NOTICE_AT] == count:
                break
        notice = Notice(*text.decode(errors="replace").split("\x1f")[:4])
        self._noticed = (count, notice)
        return notice

    @property
    def device_state(self) -> str:
        """``device``, ``silent``, ``lost`` or ``off``."""
        return self.notice().state

    def frame_at(self, mono_ns: int) -> int:
        """The frame that is heard at ``mono_ns``, by the last hand-over known.

        Past instants are exact only back to the last interruption.
        """
        timing = self.timing()
        since_ns = mono_ns - timing.mono_ns - timing.latency_ns
        heard = timing.frame + since_ns * self.rate_hz // NS_PER_S
        return max(0, min(heard, self.read_frame))

    def mono_at(self, frame: int) -> int:
        """The instant at which ``frame`` is heard, by the last hand-over known."""
        timing = self.timing()
        after_ns = (frame - timing.frame) * NS_PER_S // self.rate_hz
        return timing.mono_ns + timing.latency_ns + after_ns


def packed(target_db: float, fall_s: float) -> int:
    """A gain target as one word, so that no reader can see half of it."""
    if math.isnan(target_db) or math.isnan(fall_s):
        raise ValueError(f"a gain of {target_db} dB in {fall_s} s is no gain")
    step = 0 if target_db < FLOOR_DB else round((min(target_db, 0.0) - FLOOR_DB) * 1000) + 1
    fall_ms = round(min(max(fall_s, 0.0) * 1000, _FALL_LIMIT_MS))
    return step << 32 | fall_ms


def unpacked(word: int) -> GainTarget | None:
    """The target that ``word`` holds; None when no ``packed`` can have made it."""
    step, fall_ms = word >> 32, word & 0xFFFFFFFF
    if not 0 <= step <= _GAIN_STEPS or fall_ms > _FALL_LIMIT_MS:
        return None
    target_db = SILENCE_DB if step == 0 else (step - 1) / 1000 + FLOOR_DB
    return GainTarget(target_db, fall_ms / 1000)


def _fault(fd: int) -> str | None:
    """Why the file behind ``fd`` cannot be used as a ring; None when it can."""
    head = os.pread(fd, 64, 0)
    if len(head) < 64:
        return "is no ring"
    words = memoryview(head).cast("q")
    if words[_MAGIC_AT] != _MAGIC:
        return "is no ring"
    if words[_VERSION_AT] != _VERSION:
        return f"is a ring of version {words[_VERSION_AT]}, this kaproom speaks {_VERSION}"
    size = os.fstat(fd).st_size
    expected = _HEADER_BYTES + words[_CAPACITY_AT] * _FRAME_BYTES
    if size != expected:
        return f"is {size} bytes long, not {expected}"
    return None
