"""A cue's sound, made ahead of need in a thread of its own.

The mixer never reads a file and never waits here: it asks how far a feed has come and
takes what is there. A feed holds what is needed next and a few seconds more, whatever
the length of the file. That a file ended, early or as planned, or could not be read at
all, is known as far ahead as it is decoded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.decoder import DecodeError, Decoder
from kaproom.audio.grain import GRAIN_FRAMES, HOP_FRAMES, HOPS, grain_at, grains_in
from kaproom.audio.haste import make_way
from kaproom.audio.loudness import k_slope_factor, k_weighted_powers, lead_in_frames
from kaproom.audio.programme import Bed, Cue, Tone, Track
from kaproom.audio.soundscape import soundscape
from kaproom.audio.stereo import Block
from kaproom.audio.tone import pulses

AHEAD_S: Final = 12.0
"""A file is decoded at least so far ahead of what is being mixed."""

# Filled in bursts of so much more, so that the thread wakes a few times a minute.
_BURST_S: Final = 4.0
# It wakes before it is needed.
_WAKE_GRAINS: Final = 3
# A bed cannot end, so only the loudness ceiling looks ahead.
_BED_AHEAD_S: Final = 5.5
_BED_BURST_S: Final = 1.0


class Feed:
    """One cue's sound, grain by grain.

    Made by one thread, used by another: what is written here is either published by
    ``made`` or only read once ``end_frame`` is set.

    Attributes:
        made: All grains before this one are there; grains count from the programme's 0.
        end_frame: The programme's frame at which the sound ends; None while unknown.
        why: Why it could not be read; None when it could.
        wanted: ``notify`` is called when ``made`` reaches this, and at the end.
        damaged_at_s: Where in the file something was damaged or missing, so far; it grows.
    """

    def __init__(
        self, cue: Cue, rate_hz: int, first_grain: int, notify: Callable[[], None]
    ) -> None:
        """Begin to make grains from ``first_grain`` on, or the cue's first if that is later."""
        assert isinstance(cue.source, Track | Bed | Tone)
        self.cue = cue
        self.rate_hz = rate_hz
        self.first_grain = max(first_grain, grain_at(cue.start_frame))
        self.made = self.first_grain
        self.end_frame: int | None = None
        self.why: str | None = None
        self.wanted = 0
        self.damaged_at_s: Sequence[float] = ()
        endless = not isinstance(cue.source, Track)
        self.ahead_grains = grains_in(_BED_AHEAD_S if endless else AHEAD_S, rate_hz)
        self._burst_grains = grains_in(_BED_BURST_S if endless else _BURST_S, rate_hz)
        self._notify = notify
        self._grains: dict[int, Block] = {}
        self._energies: dict[int, NDArray[np.float64]] = {}
        self._totals: dict[int, tuple[float, float]] = {}
        self._needed = self.first_grain
        self._released = self._forgotten = self.first_grain
        self._room = threading.Event()
        self._advanced = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"feed {cue.id}", daemon=True)
        self._thread.start()

    def far_enough(self, grain: int) -> bool:
        """Whether ``grain`` is there and all that lies ``AHEAD_S`` beyond it, or the end is."""
        return self.end_frame is not None or self.made > grain + self.ahead_grains

    def grain(self, grain: int) -> Block | None:
        """Shape (GRAIN_FRAMES, 2), not to be changed; None where there is no sound (yet)."""
        return self._grains.get(grain)

    def energies(self, grain: int) -> NDArray[np.float64] | None:
        """The sum of squares of each of the grain's hops; kept longer than the sound."""
        return self._energies.get(grain)

    def totals(self, low: int, high: int) -> list[float]:
        """The sums of squares of the half grains from grain ``low`` to before ``high``."""
        silent = (0.0, 0.0)
        halves: list[float] = []
        for grain in range(low, high):
            halves += self._totals.get(grain, silent)
        return halves

    def k_bounds(self, grain: int) -> NDArray[np.float64] | None:
        """What the K-weighted energies cannot exceed; None where the sound is not held."""
        sound, plain = self._grains.get(grain), self._energies.get(grain)
        if sound is None or plain is None:
            return None
        slopes = np.diff(sound, axis=0, prepend=sound[:1]).reshape(HOPS, -1)
        bounds: NDArray[np.float64] = np.einsum("ij,ij->i", slopes, slopes, dtype=np.float64)
        bounds *= k_slope_factor(self.rate_hz)
        bounds += plain
        return bounds

    def k_energies(self, grain: int) -> NDArray[np.float64] | None:
        """The energies, K-weighted; None where the sound is not held any more, or not yet."""
        sound = self._grains.get(grain)
        if sound is None:
            return None
        lead_in = lead_in_frames(self.rate_hz)
        before = self._grains.get(grain - 1)
        if before is None:
            before = np.zeros((lead_in, 2), dtype=np.float32)
        stretch = np.concatenate([before[-lead_in:], sound])
        powers = k_weighted_powers(stretch, self.rate_hz, HOP_FRAMES, _fft_frames(stretch))
        return powers * HOP_FRAMES

    def need(self, grain: int, energies_from: int) -> None:
        """Let go of the sound before ``grain`` and of the energies before ``energies_from``."""
        # Not beyond what is made: what comes later would never be let go.
        for number in range(self._released, min(grain, self.made)):
            self._grains.pop(number, None)
            self._released = number + 1
        for number in range(self._forgotten, min(energies_from, self.made)):
            self._energies.pop(number, None)
            self._totals.pop(number, None)
            self._forgotten = number + 1
        self._needed = grain
        if self.made - grain <= self.ahead_grains + _WAKE_GRAINS:
            self._room.set()

    def wait(self, grain: int, timeout_s: float) -> bool:
        """Wait until ``grain`` is made; only sensible for what no disk can hold up."""
        while self.made <= grain and self.end_frame is None:
            self._advanced.clear()
            if self.made <= grain and not self._advanced.wait(timeout_s):
                return False
        return True

    def cut(self, why: str) -> None:
        """Take what is made for all there is; ``why`` is what people are told."""
        if self.end_frame is None:
            self.why = why
            self.end_frame = max(self.cue.start_frame, self.made * GRAIN_FRAMES)
        self.close()

    def close(self) -> None:
        """Let the thread end; what was made stays."""
        self._closed = True
        self._room.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread to have ended."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        end = self.cue.start_frame
        why: str | None = "its decoder failed"
        try:
            for reached in self._make():
                end = reached
                if self._closed:
                    return
            why = None
        except DecodeError as error:
            why = str(error)
        finally:
            if not self._closed and self.end_frame is None:
                self.why = why
                self.end_frame = end
                self._notify()

    def _make(self) -> Iterator[int]:
        """Publish grain after grain; yields the frame up to which there is sound."""
        start = max(self.cue.start_frame, self.first_grain * GRAIN_FRAMES)
        grain, filled = divmod(start, GRAIN_FRAMES)
        sound = np.empty((GRAIN_FRAMES, 2), dtype=np.float32)
        sound[:filled] = 0.0
        for block in self._blocks(start - self.cue.start_frame):
            taken = 0
            while taken < len(block):
                part = block[taken : taken + GRAIN_FRAMES - filled]
                sound[filled : filled + len(part)] = part
                taken += len(part)
                filled += len(part)
                if filled == GRAIN_FRAMES:
                    self._publish(grain, sound)
                    yield (grain + 1) * GRAIN_FRAMES
                    grain, filled = grain + 1, 0
                    sound = np.empty((GRAIN_FRAMES, 2), dtype=np.float32)
        if filled:
            sound[filled:] = 0.0
            self._publish(grain, sound)
        yield max(start, grain * GRAIN_FRAMES + filled)

    def _publish(self, grain: int, sound: Block) -> None:
        by_hop = sound.reshape(HOPS, -1)
        energies: NDArray[np.float64] = np.einsum("ij,ij->i", by_hop, by_hop, dtype=np.float64)
        by_half = energies.reshape(2, -1).sum(axis=1)
        self._totals[grain] = (float(by_half[0]), float(by_half[1]))
        self._energies[grain] = energies
        self._grains[grain] = sound
        self.made = grain + 1
        self._advanced.set()
        if self.made == self.wanted:
            self._notify()
        make_way()
        if self.made - self._needed > self.ahead_grains + self._burst_grains:
            self._room.clear()
            # Looked at again after the clear: the need may have moved in between.
            if self.made - self._needed > self.ahead_grains + _WAKE_GRAINS and not self._closed:
                self._room.wait()

    def _blocks(self, from_frame: int) -> Iterator[Block]:
        source = self.cue.source
        if not isinstance(source, Track):
            at = from_frame
            size = GRAIN_FRAMES - (self.cue.start_frame + from_frame) % GRAIN_FRAMES
            make = self._endless()
            while True:
                yield make(at, size)
                at += size
                size = GRAIN_FRAMES
        decoder = Decoder(source.path, self.rate_hz, source.cue_in_s, source.cue_out_s, from_frame)
        self.damaged_at_s = decoder.damaged_at_s
        try:
            yield from decoder
        finally:
            decoder.close()

    def _endless(self) -> Callable[[int, int], Block]:
        """What makes the sound of a bed or a tone: from its own frame, so many frames."""
        source = self.cue.source
        if isinstance(source, Bed):
            bed = soundscape(source.soundscape, source.seed, self.rate_hz, source.intensity)
            offset = source.offset_frames
            return lambda at, size: bed.block(offset + at, size)
        assert isinstance(source, Tone)
        side = source.side
        return lambda at, size: pulses(side, self.rate_hz, at, size)


def _fft_frames(stretch: Block) -> int:
    """A length at which the transform is quick."""
    size = 1
    while size < len(stretch):
        size *= 2
    return size // 4 * 3 if size // 4 * 3 >= len(stretch) else size
