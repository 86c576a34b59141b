"""How loud it is now: the momentary loudness of ITU-R BS.1770 by one short FFT a step.

The K-weighting is a weight on each frequency's energy, so neither a recursive filter (and
scipy) nor a way back from the frequencies is needed. Above 5 kHz the weight is the same for
all, so the energy of the whole needs no transform; only what the lower frequencies weigh
less is taken off again, and for those a quarter of the frames is enough. Left and right go
through one complex transform: the weights are even, so their cross terms cancel and their
energies add.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.ring import SILENCE_DB
from kaproom.audio.weighting import k_response, lufs

_MOMENTARY_S: Final = 0.4  # ITU-R BS.1770
# The rate, about, at which the lower frequencies are weighed. What folds onto those below
# 2 kHz, where the weights differ by more than 1 dB, was 13 dB down before, and is from above
# 10 kHz, where music has little: on white noise it makes 0.01 dB.
_LOWER_HZ: Final = 12_000
# Chosen: steps overlap by this, so that cutting a step out makes no sound of its own. The
# squares of neighbouring edges add up to one; the K-weighting's memory is ten times shorter.
_EDGE_S: Final = 0.04


class Meter:
    """Loudness of a run of blocks of ``block_frames``, each ``step_frames`` after the last.

    Args:
        rate_hz: Of the blocks.
        step_s: How often there is a new figure; 400 ms, or a whole part of it.
    """

    def __init__(self, rate_hz: int, step_s: float) -> None:
        self._fold = max(1, round(rate_hz / _LOWER_HZ))
        self.step_frames = round(step_s * rate_hz)
        edge = round(_EDGE_S * rate_hz)
        # Cut to a multiple of the fold.
        edge -= (self.step_frames + edge) % self._fold
        self.block_frames = self.step_frames + edge
        rising = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / edge)
        window = np.ones(self.block_frames)
        window[:edge] = rising
        window[-edge:] = rising[::-1]
        self._window = window.astype(np.float32)
        size = _smooth(self.block_frames // self._fold)
        self._everywhere, lower = _weights(rate_hz, size, self._fold)
        self._everywhere /= self.step_frames
        # Twice each: the real and the imaginary part stand side by side.
        self._lower = np.repeat(lower / self.step_frames, 2).astype(np.float32)
        self._windowed = np.zeros(self.block_frames, np.complex64)
        self._folded = np.zeros(size, np.complex64)
        self._energies = [0.0] * round(_MOMENTARY_S / step_s)
        self._peak = 0.0

    def take(self, block: NDArray[np.float32]) -> None:
        """Meter ``block``, shape (block_frames, 2), of which the last step is new."""
        windowed, fold = self._windowed, self._fold
        np.multiply(np.ascontiguousarray(block).view(np.complex64)[:, 0], self._window, windowed)
        samples = windowed.view(np.float32)
        energy = self._everywhere * float(np.dot(samples, samples))
        folded = self._folded[: len(windowed) // fold]
        folded[:] = windowed[::fold]
        for phase in range(1, fold):
            folded += windowed[phase::fold]
        parts = np.fft.fft(self._folded).view(np.float32)
        np.multiply(parts, parts, out=parts)
        self._push(max(0.0, energy + float(np.dot(parts, self._lower))))
        self._peak = float(max(block.max(), -block.min()))

    def take_silence(self) -> None:
        """Meter a step in which nothing left."""
        self._push(0.0)
        self._peak = 0.0

    def _push(self, energy: float) -> None:
        self._energies = [*self._energies[1:], energy]

    @property
    def lufs(self) -> float:
        """Momentary loudness of the last 400 ms; -inf for silence."""
        energy = sum(self._energies) / len(self._energies)
        return lufs(energy)

    @property
    def peak_dbfs(self) -> float:
        """Sample peak of the last step; -inf for silence."""
        return 20 * math.log10(self._peak) if self._peak > 0.0 else SILENCE_DB


def _weights(rate_hz: int, size: int, fold: int) -> tuple[float, NDArray[np.float64]]:
    """The weight of all energy, and what each lower frequency adds to it (below 0).

    For ``size`` frequencies of the sums of ``fold`` neighbouring frames.
    """
    lower = np.abs(k_response(rate_hz, size * fold)) ** 2
    everywhere = float(lower[size * fold // 2])
    at = np.abs(np.fft.fftfreq(size)) / fold  # cycles a frame
    kept = np.ones(size)
    kept[1:] = np.sin(np.pi * at[1:] * fold) / np.sin(np.pi * at[1:]) / fold
    bins = np.round(np.fft.fftfreq(size) * size).astype(int)
    # Parseval's 1/size, of sums that are so many times larger and so many times fewer.
    return everywhere, (lower[bins] - everywhere) / kept**2 / size / fold


def _smooth(least: int) -> int:
    """The next size that an FFT is quick at: no prime factor above 5."""
    size = least
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
