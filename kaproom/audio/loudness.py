"""Loudness and true peak, as ITU-R BS.1770-4 and EBU R 128 define them.

The K-weighting is done by FFT with a lead-in longer than its memory, so a block's
weighted power depends on its own frames and the lead-in alone, needs no scipy, and is
the same in whatever portions it is asked for. A file of any length is measured in
memory that grows by 8 bytes for each 100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from kaproom.audio.decoder import Decoder, probe
from kaproom.audio.stereo import Block
from kaproom.audio.weighting import k_response, lufs, power_of

K_GAIN_MAX_DB = 4.0
"""The K-weighting raises no frequency by more than this (3.9998 dB above 10 kHz)."""

# The high-pass remembers: after this its poles have fallen by 200 dB.
_LEAD_IN_S = 0.1
_FFT_FRAMES = 65_536
_BOUND_FRAMES = 8192  # its frequencies lie close enough to find the steepest
_HOPS_PER_S = 10
_MOMENTARY_HOPS = 4  # 400 ms
_SHORT_TERM_HOPS = 30  # 3 s
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
# Within these a file is measured at its own rate; others at this one.
_OWN_RATES_HZ = (32_000, 96_000)
_USUAL_RATE_HZ = 48_000
# BS.1770 annex 2 asks for at least 192 kHz.
_OVERSAMPLED_HZ = 192_000


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a file is, as it will be heard: in stereo, mono on both sides.

    Attributes:
        integrated_lufs: Gated, of the whole; -inf when all of it is silent.
        max_short_term_lufs: Of the loudest 3 s.
        max_momentary_lufs: Of the loudest 400 ms.
        true_peak_dbtp: Oversampled four times; -inf when all of it is silent.
        length_s: As decoded.
    """

    integrated_lufs: float
    max_short_term_lufs: float
    max_momentary_lufs: float
    true_peak_dbtp: float
    length_s: float


def measure(path: str | Path) -> Loudness:
    """Decode a whole file once and measure it.

    Raises:
        DecodeError: It cannot be played.
    """
    own_hz = probe(path).rate_hz
    usable = _OWN_RATES_HZ[0] <= own_hz <= _OWN_RATES_HZ[1] and own_hz % _HOPS_PER_S == 0
    rate_hz = own_hz if usable else _USUAL_RATE_HZ
    meter = LoudnessMeter(rate_hz)
    decoder = Decoder(path, rate_hz)
    try:
        for block in decoder:
            meter.feed(block)
    finally:
        decoder.close()
    return meter.finish()


class LoudnessMeter:
    """Measures what it is fed with, of any length.

    Args:
        rate_hz: Of the blocks; a multiple of 10.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz % _HOPS_PER_S:
            raise ValueError(f"a meter's rate is a multiple of {_HOPS_PER_S}, not {rate_hz}")
        self._rate_hz = rate_hz
        self._hop_frames = rate_hz // _HOPS_PER_S
        lead_in = lead_in_frames(rate_hz)
        hops = (_FFT_FRAMES - lead_in) // self._hop_frames
        self._step_frames = hops * self._hop_frames
        # What was not measured yet, behind the lead-in that the next step needs.
        self._waiting: list[Block] = [np.zeros((lead_in, 2), dtype=np.float32)]
        self._waiting_frames = 0
        self._powers: list[NDArray[np.float64]] = []
        self._frames = 0
        self._peak = _PeakMeter(rate_hz)

    def feed(self, block: Block) -> None:
        """Take in the next frames, shape (frames, 2), full scale 1.0."""
        self._frames += len(block)
        self._peak.feed(block)
        self._waiting.append(block)
        self._waiting_frames += len(block)
        if self._waiting_frames >= self._step_frames:
            self._measure_waiting()

    def finish(self) -> Loudness:
        """The measurement; the meter is of no further use."""
        self._measure_waiting()
        rest = self._waiting_frames // self._hop_frames
        if rest:
            self._waiting_frames = rest * self._hop_frames
            waiting = np.concatenate(self._waiting)
            keep = len(waiting) - lead_in_frames(self._rate_hz) - self._waiting_frames
            self._powers.append(self._hop_powers(waiting[: len(waiting) - keep]))
        powers = np.concatenate(self._powers) if self._powers else np.zeros(0)
        momentary = _sliding(powers, _MOMENTARY_HOPS)
        # A file shorter than the window counts as if silence had gone before.
        padded = np.concatenate([np.zeros(_SHORT_TERM_HOPS - 1), powers])
        return Loudness(
            integrated_lufs=_gated(momentary),
            max_short_term_lufs=lufs(float(_sliding(padded, _SHORT_TERM_HOPS).max(initial=0.0))),
            max_momentary_lufs=lufs(float(momentary.max(initial=0.0))),
            true_peak_dbtp=self._peak.finish(),
            length_s=self._frames / self._rate_hz,
        )

    def _measure_waiting(self) -> None:
        waiting = np.concatenate(self._waiting)
        lead_in = lead_in_frames(self._rate_hz)
        at = 0
        while self._waiting_frames >= self._step_frames:
            self._powers.append(self._hop_powers(waiting[at : at + lead_in + self._step_frames]))
            at += self._step_frames
            self._waiting_frames -= self._step_frames
        self._waiting = [waiting[at:]]

    def _hop_powers(self, block: Block) -> NDArray[np.float64]:
        return k_weighted_powers(block, self._rate_hz, self._hop_frames, _FFT_FRAMES)


class _PeakMeter:
    """The highest oversampled sample of all that it was fed with."""

    def __init__(self, rate_hz: int) -> None:
        times = max(1, -(-_OVERSAMPLED_HZ // rate_hz))
        self._stream = (
            soxr.ResampleStream(rate_hz, rate_hz * times, 2, dtype="float32", quality="HQ")
            if times > 1
            else None
        )
        self._highest = 0.0

    def feed(self, block: Block, last: bool = False) -> None:
        self._take(block)
        if self._stream is not None:
            self._take(self._stream.resample_chunk(block, last=last))

    def _take(self, samples: Block) -> None:
        if len(samples):
            self._highest = max(self._highest, float(samples.max()), -float(samples.min()))

    def finish(self) -> float:
        self.feed(np.zeros((0, 2), dtype=np.float32), last=True)
        return decibels(self._highest)


def lead_in_frames(rate_hz: int) -> int:
    """How many frames before a block its K-weighted power depends on."""
    return math.ceil(_LEAD_IN_S * rate_hz)


def k_weighted_powers(
    block: Block, rate_hz: int, hop_frames: int, fft_frames: int
) -> NDArray[np.float64]:
    """Mean K-weighted power of each hop, both channels added.

    Args:
        block: Shape (``lead_in_frames`` + any number of whole hops, 2).
        rate_hz: Of the block.
        hop_frames: Frames in a hop.
        fft_frames: At least as long as the block.

    Returns:
        One power for each hop; ``lufs`` makes loudness of it.
    """
    hops = (len(block) - lead_in_frames(rate_hz)) // hop_frames
    # Left and right travel as the real and the imaginary part through one transform.
    both = np.empty(len(block), dtype=np.complex128)
    both.real = block[:, 0]
    both.imag = block[:, 1]
    spectrum = np.fft.fft(both, fft_frames)
    spectrum *= k_response(rate_hz, fft_frames)
    weighted = np.fft.ifft(spectrum)[len(block) - hops * hop_frames : len(block)]
    parts = weighted.view(np.float64).reshape(hops, -1)
    powers: NDArray[np.float64] = np.einsum("ij,ij->i", parts, parts) / hop_frames
    return powers


@lru_cache(maxsize=4)
def k_slope_factor(rate_hz: int) -> float:
    """The least that bounds K-weighted energy: plain + this times that of the slopes.

    Slopes are the differences of neighbouring frames. In music, most of whose energy lies
    low, the bound is within 1 or 2 dB; that of ``K_GAIN_MAX_DB`` is not.
    """
    slopes = 4.0 * np.sin(np.pi * np.fft.fftfreq(_BOUND_FRAMES)[1:]) ** 2
    excess = np.abs(k_response(rate_hz, _BOUND_FRAMES)[1:]) ** 2 - 1.0
    return float((excess / slopes).max())


def decibels(amplitude: float) -> float:
    """20·log10; -inf for nothing."""
    return 20.0 * math.log10(amplitude) if amplitude > 0.0 else -math.inf


def _sliding(powers: NDArray[np.float64], hops: int) -> NDArray[np.float64]:
    """Means over each ``hops`` neighbours; empty when there are fewer."""
    if len(powers) < hops:
        return np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(powers, hops)
    means: NDArray[np.float64] = windows.mean(axis=1)
    return means


def _gated(momentary: NDArray[np.float64]) -> float:
    """Integrated loudness: the mean of what passes the absolute and the relative gate."""
    heard = momentary[momentary > power_of(_ABSOLUTE_GATE_LUFS)]
    if not len(heard):
        return -math.inf
    gate = float(heard.mean()) * 10.0 ** (_RELATIVE_GATE_LU / 10.0)
    return lufs(float(heard[heard > gate].mean()))
