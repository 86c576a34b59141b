"""How loud it is now: the momentary loudness of ITU-R BS.1770 by one FFT a step.

The K-weighting is a weight on each frequency's energy, so neither a recursive filter (and
scipy) nor a way back from the frequencies is needed. Left and right go through one complex
transform: the weights are even, so their cross terms cancel and their energies add.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.ring import SILENCE_DB

STEP_S: Final = 0.2  # chosen: a new figure five times a second
_STEPS: Final = 2  # ITU-R BS.1770: momentary is 400 ms
# Chosen: steps overlap by this, so that cutting a step out makes no sound of its own. The
# squares of neighbouring edges add up to one; the K-weighting's memory is ten times shorter.
_EDGE_S: Final = 0.04


class Meter:
    """Loudness of a run of blocks of ``block_frames``, each ``step_frames`` after the last."""

    def __init__(self, rate_hz: int) -> None:
        self.step_frames = round(STEP_S * rate_hz)
        edge = round(_EDGE_S * rate_hz)
        self.block_frames = self.step_frames + edge
        rising = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / edge)
        window = np.ones(self.block_frames)
        window[:edge] = rising
        window[-edge:] = rising[::-1]
        self._window = window.astype(np.float32)
        size = _smooth(self.block_frames)
        energy = np.abs(k_response(rate_hz, size)) ** 2
        # Parseval's 1/size, and the mean over a step.
        # Twice each: the real and the imaginary part stand side by side.
        self._weights = np.repeat(energy / size / self.step_frames, 2).astype(np.float32)
        self._windowed = np.zeros(size, np.complex64)
        self._energies = [0.0] * _STEPS
        self._peak = 0.0

    def take(self, block: NDArray[np.float32]) -> None:
        """Meter ``block``, shape (block_frames, 2), of which the last step is new."""
        stereo = np.ascontiguousarray(block).view(np.complex64)[:, 0]
        np.multiply(stereo, self._window, out=self._windowed[: self.block_frames])
        spectrum = np.fft.fft(self._windowed)
        parts = spectrum.view(spectrum.real.dtype)
        np.multiply(parts, parts, out=parts)
        self._push(float(np.dot(parts, self._weights)))
        self._peak = float(max(block.max(), -block.min()))

    def take_silence(self) -> None:
        """Meter a step in which nothing left."""
        self._push(0.0)
        self._peak = 0.0

    def _push(self, energy: float) -> None:
        self._energies = [*self._energies[1:], energy]

    @property
    def lufs(self) -> float:
        """Momentary loudness of the last two steps; -inf for silence."""
        energy = sum(self._energies) / _STEPS
        return -0.691 + 10 * math.log10(energy) if energy > 0.0 else SILENCE_DB

    @property
    def peak_dbfs(self) -> float:
        """Sample peak of the last step; -inf for silence."""
        return 20 * math.log10(self._peak) if self._peak > 0.0 else SILENCE_DB


def k_response(rate_hz: int, size: int) -> NDArray[np.complex128]:
    """The K-weighting's response at the ``size`` frequencies of a complex FFT.

    Source: ITU-R BS.1770-5, with the analogue parameters that give its 48 kHz coefficients
    at any rate.
    """
    z1 = np.exp(-2j * np.pi * np.fft.fftfreq(size))
    k, q = math.tan(math.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = (high + band * k / q + k * k) + 2 * (k * k - high) * z1
    shelf += (high - band * k / q + k * k) * z1**2
    shelf /= (1 + k / q + k * k) + 2 * (k * k - 1) * z1 + (1 - k / q + k * k) * z1**2
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    low_cut = (1 - z1) ** 2 * (1 + k / q + k * k)
    low_cut /= (1 + k / q + k * k) + 2 * (k * k - 1) * z1 + (1 - k / q + k * k) * z1**2
    response: NDArray[np.complex128] = shelf * low_cut
    return response


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
