"""From what sounds at an instant to samples, by inverse FFT.

Frames stand one hop apart on a grid that belongs to the programme, not to the caller.
Sines are written as the lobes of a Blackman-Harris window into a spectrum (Rodet and
Depalle 1992) and cross-faded with a Hann window: a steady sine comes out steady.
Noise is a fresh random spectrum for each frame, cross-faded at equal power.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.soundscapes import chance
from kaproom.audio.soundscapes.chance import Reals

Samples = NDArray[np.float32]

LOBE_BINS = 8
"""Width of the Blackman-Harris main lobe; all outside it lies below -92 dB."""
LOBE_STEPS = 4096
"""Steps to a bin in the lobe's table: an error below -80 dB, where 1.0 is the sine."""
INAUDIBLE = 1e-6
"""Amplitude (-120 dBFS) below which a sine is not written at all."""

AIR_HZ = np.geomspace(50.0, 9000.0, 12)
"""Centres of the noise bands, two thirds of an octave apart."""


@dataclass(frozen=True, slots=True)
class Sines:
    """What sounds with a pitch at n instants, as K sines; every array is (n, K).

    Attributes:
        hz: Frequency. Constant or drifting by less than a cent or two per hop.
        turns: Phase at the instant, in turns; its derivative is ``hz``.
        left: Amplitude at the left ear; 0.0 where a sine rests.
        right: The same at the right ear.
        lead_turns: By how much the right ear's phase leads the left's.
    """

    hz: Reals
    turns: Reals
    left: Reals
    right: Reals
    lead_turns: Reals

    def louder(self, gain: Reals) -> Sines:
        """The same times ``gain``, (n, 1)."""
        return replace(self, left=self.left * gain, right=self.right * gain)


@dataclass(frozen=True, slots=True)
class Air:
    """What sounds without a pitch at n instants.

    Attributes:
        left: RMS per band of AIR_HZ at the left ear, (n, bands).
        right: The same at the right ear.
        shared: Share of the power in each band that both ears have in common, (bands,).
    """

    left: Reals
    right: Reals
    shared: Reals

    def louder(self, gain: Reals) -> Air:
        """The same times ``gain``, (n, 1)."""
        return replace(self, left=self.left * gain, right=self.right * gain)


def top_hz(rate_hz: int) -> float:
    """Nothing is written above this: room for the fall of any converter's filter."""
    return 0.45 * rate_hz


class Score(Protocol):
    """What a soundscape is: what sounds at an instant, as loud as it likes."""

    @property
    def hop_at_48k_frames(self) -> int:
        """Distance of the instants at which the synthesis asks."""

    @property
    def evenness(self) -> float:
        """How much of the swell within seconds is taken back: 0.0 none, 1.0 all."""

    def sines(self, time_s: Reals) -> Sines | None:
        """The pitched part at each of ``time_s``, (n,), which may lie before zero."""

    def air(self, time_s: Reals) -> Air | None:
        """The unpitched part at each of ``time_s``."""


def grid_frames(score: Score, rate_hz: int) -> int:
    """The hop at ``rate_hz``: the score's own, as a power of two of about the same length."""
    return int(score.hop_at_48k_frames * 2.0 ** round(float(np.log2(rate_hz / 48_000))))


class SineBank:
    """Sines to samples. Holds tables only."""

    def __init__(self, rate_hz: int, hop_frames: int) -> None:
        self._hop_frames = hop_frames
        self._size = 4 * hop_frames
        self._bin_hz = rate_hz / self._size
        self._top_hz = top_hz(rate_hz)
        self._lobes = _lobes(self._size)
        self._window = _middle(self._size)

    def render(self, sines: Sines) -> Samples:
        """Samples between the first instant and the last: ((n - 1) * hop, 2)."""
        n = sines.hz.shape[0]
        heard = (np.maximum(sines.left, sines.right) > INAUDIBLE) & (sines.hz < self._top_hz)
        frame, which = np.nonzero(heard)
        position = sines.hz[frame, which] / self._bin_hz
        nearest = np.floor(position).astype(np.int64)
        step = ((position - nearest) * LOBE_STEPS).astype(np.int64)
        lobe = self._lobes[step]
        bins = self._size // 2 + 1
        first = frame * bins + nearest - (LOBE_BINS // 2 - 1)
        cell = (first[:, None] + np.arange(LOBE_BINS)).ravel()
        turns = sines.turns[frame, which]
        lead = sines.lead_turns[frame, which]
        halves = np.empty((2, n, self._size // 2), np.float32)
        for ear, amplitude, phase in (
            (0, sines.left, turns),
            (1, sines.right, turns + lead),
        ):
            angle = (2.0 * np.pi * (phase - np.floor(phase))).astype(np.float32)
            level = amplitude[frame, which].astype(np.float32)
            spectrum = np.empty(n * bins, np.complex64)
            for part, wave in (("real", np.cos(angle)), ("imag", np.sin(angle))):
                weights = (lobe * (level * wave)[:, None]).ravel()
                setattr(spectrum, part, np.bincount(cell, weights, n * bins))
            wave_form = np.fft.irfft(spectrum.reshape(n, bins), self._size, axis=1)
            quarter = self._size // 4
            halves[ear, :, :quarter] = wave_form[:, -quarter:]
            halves[ear, :, quarter:] = wave_form[:, :quarter]
        return _overlapped(halves * self._window, self._hop_frames)


class AirBank:
    """Noise bands to samples. Holds tables only."""

    def __init__(self, rate_hz: int, hop_frames: int, seed_key: chance.Keys) -> None:
        self._hop_frames = hop_frames
        self._size = 2 * hop_frames
        self._key = seed_key
        self._shapes = _band_shapes(rate_hz, self._size).astype(np.float32)
        angle = np.pi * (np.arange(self._size) + 0.5) / self._size
        self._window = np.sin(angle).astype(np.float32)

    def render(self, air: Air, first_index: int) -> Samples:
        """Samples between the first instant and the last: ((n - 1) * hop, 2).

        Args:
            air: At n instants one hop apart.
            first_index: Number of the first of them on the grid; it names the noise.
        """
        n = air.left.shape[0]
        bins = self._size // 2 + 1
        used = self._used_bins
        noise = self._noise(first_index, n, used)
        power = self._shapes[:, :used] ** 2
        halves = np.empty((2, n, self._size), np.float32)
        common = np.sqrt(air.shared)
        own = np.sqrt(1.0 - air.shared)
        for ear, level in ((0, air.left), (1, air.right)):
            spectrum = np.zeros((n, bins), np.complex64)
            for source, share in ((0, common), (1 + ear, own)):
                gain = np.einsum("nb,bk->nk", ((level * share) ** 2).astype(np.float32), power)
                spectrum[:, :used] += np.sqrt(gain) * noise[source]
            halves[ear] = np.fft.irfft(spectrum, self._size, axis=1)
        return _overlapped(halves * self._window, self._hop_frames)

    @property
    def _used_bins(self) -> int:
        return int(np.flatnonzero(self._shapes.max(axis=0) > 0.0)[-1]) + 1

    def _noise(self, first_index: int, n: int, used: int) -> NDArray[np.complex64]:
        """(3, n, used): common, left and right, of power (size²)/2 in each bin."""
        words = -(-3 * used // 2)
        index = np.arange(first_index, first_index + n, dtype=np.int64)
        drawn = chance.bits(chance.bits(self._key, index)[:, None], np.arange(words))
        parts = drawn.view(np.int16).astype(np.float32)[:, : 6 * used]
        # Even over ±2^15 in both parts: each has a third of 2^30 as its power.
        scale = np.float32(self._size * np.sqrt(0.75) / 2.0**15)
        numbers = (parts * scale).reshape(n, 3, 2 * used).view(np.complex64)
        return numbers.transpose(1, 0, 2)


def _overlapped(halves: Samples, hop_frames: int) -> Samples:
    """Overlap-add of (2, n, 2 * hop) windows, without the outer halves: (…, 2)."""
    tail = halves[:, :-1, hop_frames:]
    head = halves[:, 1:, :hop_frames]
    return np.ascontiguousarray((tail + head).reshape(2, -1).T)


def _blackman_harris(size: int) -> Reals:
    angle = 2.0 * np.pi * np.arange(size) / size
    terms = (0.35875, -0.48829, 0.14128, -0.01168)
    return np.asarray(sum(a * np.cos(m * angle) for m, a in enumerate(terms)))


def _lobes(size: int) -> NDArray[np.float32]:
    """Half the window's spectrum around a sine that stands s/LOBE_STEPS above a bin.

    Row s, column j: the bin j - 3 above the sine's own. Scaled for irfft.
    """
    offset = np.arange(LOBE_BINS) - (LOBE_BINS // 2 - 1)
    distance = offset[None, :] - np.arange(LOBE_STEPS + 1)[:, None] / LOBE_STEPS
    row = np.zeros(distance.shape)
    terms = (0.35875, -0.48829 / 2.0, 0.14128 / 2.0, -0.01168 / 2.0)
    for m, a in enumerate(terms):
        for shift in {m, -m}:
            # The window is centred on sample 0 here, so its odd terms change sign.
            sign = -1.0 if m % 2 else 1.0
            row += sign * a * np.sinc(distance + shift)
    return np.asarray(row * size / 2.0, np.float32)


def _middle(size: int) -> NDArray[np.float32]:
    """Hann over the middle half of a frame, with the Blackman-Harris window undone."""
    quarter = size // 4
    middle = _blackman_harris(size)[quarter:-quarter]
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(2 * quarter) / (2 * quarter))
    return np.asarray(hann / middle, np.float32)


def _band_shapes(rate_hz: int, size: int) -> Reals:
    """Amplitude of each noise band over the bins of an irfft of ``size``; power 1.0 each."""
    hz = np.arange(size // 2 + 1) * rate_hz / size
    spacing = float(np.log(AIR_HZ[1] / AIR_HZ[0]))
    distance = np.log(np.maximum(hz, 1e-3)[None, :] / AIR_HZ[:, None]) / spacing
    # cos² in power over log frequency adds up to a smooth curve between the centres.
    shape = np.where(np.abs(distance) < 1.0, np.cos(0.5 * np.pi * distance), 0.0)
    shape[:, (hz < 20.0) | (hz > top_hz(rate_hz))] = 0.0
    # Even power per hertz within a band would sound like a staircase of plateaus.
    shape /= np.sqrt(np.maximum(hz, 20.0))
    norm = np.sqrt((shape**2).sum(axis=1, keepdims=True))
    return np.asarray(np.divide(shape, norm, out=np.zeros_like(shape), where=norm > 0.0))
