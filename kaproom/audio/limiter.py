"""The true-peak limiter: nothing leaves the mixer above the ceiling.

The peak is that of the signal oversampled four times. The gain comes down ahead of a
peak, linear in dB, and rises by at most 1 dB/s; what needs no limiting passes bit by
bit. A grain's result depends on the frames around it and on one number that the grain
before it left.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from kaproom.audio.cuts import NO_CUT, between, boundary_cuts, carry_of, cut_at
from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.stereo import Block

MARGIN_FRAMES: Final = 2048
"""How much the limiter must see on either side of a grain."""

_SLOT_FRAMES: Final = 32
_SLOTS: Final = GRAIN_FRAMES // _SLOT_FRAMES
_AHEAD_SLOTS: Final = 15  # chosen: 10 ms at 48 kHz
_TIMES: Final = 4  # BS.1770 annex 2
_REACH_FRAMES: Final = 64  # of the interpolation, to either side
_PHASES: Final = (0.25, 0.5, 0.75)
# By how much the peak between samples can exceed every sample: 2.02 by the interpolation
# of BS.1770 (its coefficients' sum). A longer one can find more, but in nothing shorter than
# ten samples in a row that alternate in sign at full level.
_OVERSHOOT_MAX: Final = 2.5
# 3 dB: white noise makes the two interpolations differ by 1 dB.
_DISAGREEMENT: Final = 0.7
# No interpolation is ideal: the next one may find this much more at the same place.
_MARGIN_DB: Final = 0.1
_CUT_MAX_DB: Final = 60.0


def limited(
    around: Block, grain: int, ceiling_dbtp: float, rate_hz: int, carry: float
) -> tuple[Block, float]:
    """One grain with its true peak below the ceiling.

    Args:
        around: The mix of this grain with ``MARGIN_FRAMES`` on either side, shape
            (frames, 2); not changed.
        grain: Its number.
        ceiling_dbtp: What must not be exceeded, in dB below full scale.
        rate_hz: Of the mix.
        carry: What the grain before returned, ``cuts.NO_CUT`` at first.

    Returns:
        The grain, a view of ``around`` when nothing had to be limited; and the carry.
    """
    inside = around[MARGIN_FRAMES:-MARGIN_FRAMES]
    slot_s = _SLOT_FRAMES / rate_hz
    first = grain * _SLOTS
    ceiling = 10.0 ** ((ceiling_dbtp - _MARGIN_DB) / 20.0)
    needs_db = _needs_db(around, ceiling, rate_hz)
    if needs_db is None:
        if cut_at(carry, first, slot_s) == 0.0:
            return inside, NO_CUT
        needs_db = np.zeros(_SLOTS + _AHEAD_SLOTS + 2)
    cuts_db, carry = boundary_cuts(needs_db, first, _AHEAD_SLOTS, slot_s, carry)
    if not cuts_db.any():
        return inside, carry
    gain = (10.0 ** (between(cuts_db, _SLOT_FRAMES) / -20.0)).astype(np.float32)
    return inside * gain[:, None], carry


def limiter_cut_db(carry: float, grain: int, rate_hz: int) -> float:
    """How far the limiter is down at the beginning of ``grain``."""
    return cut_at(carry, grain * _SLOTS, _SLOT_FRAMES / rate_hz)


def limiter_carry(cut_db: float, grain: int, rate_hz: int) -> float:
    """The carry of a limiter that is so far down at the beginning of ``grain``."""
    return carry_of(cut_db, grain * _SLOTS, _SLOT_FRAMES / rate_hz)


def _needs_db(around: Block, ceiling: float, rate_hz: int) -> NDArray[np.float64] | None:
    """The cut that each slot needs, from one before the grain on; None when none does."""
    sample_peak = max(float(around.max()), -float(around.min()))
    if sample_peak * _OVERSHOOT_MAX <= ceiling:
        return None
    # Two interpolations, since near half the sampling rate no two agree; the dearer one
    # only where it could still matter.
    peaks = _resampled_peaks(around, rate_hz)
    if peaks.max() > ceiling * _DISAGREEMENT:
        np.maximum(peaks, _interpolated_peaks(around), out=peaks)
    begin = MARGIN_FRAMES // _SLOT_FRAMES - 1
    wanted = peaks[begin : begin + _SLOTS + _AHEAD_SLOTS + 2]
    if wanted.max() <= ceiling:
        return None
    over_db = 20.0 * np.log10(np.maximum(wanted, ceiling) / ceiling)
    return np.minimum(over_db, _CUT_MAX_DB)


def _resampled_peaks(around: Block, rate_hz: int) -> NDArray[np.float64]:
    """Each slot's highest value at four times the rate, by soxr."""
    finer = soxr.resample(around, rate_hz, rate_hz * _TIMES, quality="HQ")
    by_slot = np.abs(finer[: len(around) * _TIMES]).reshape(len(around) // _SLOT_FRAMES, -1)
    peaks: NDArray[np.float64] = by_slot.max(axis=1).astype(np.float64)
    return peaks


def _interpolated_peaks(around: Block) -> NDArray[np.float64]:
    """The same by a windowed sinc, which lets the highest octave's edge pass."""
    # Left and right travel as the real and the imaginary part through one transform.
    both = np.empty(len(around), dtype=np.complex128)
    both.real = around[:, 0]
    both.imag = around[:, 1]
    spectrum = np.fft.fft(both)
    highest = np.abs(around).max(axis=1).astype(np.float64)
    for response in _responses(len(around)):
        shifted = np.fft.ifft(spectrum * response)
        np.maximum(highest, np.abs(shifted.real), out=highest)
        np.maximum(highest, np.abs(shifted.imag), out=highest)
    peaks: NDArray[np.float64] = highest.reshape(-1, _SLOT_FRAMES).max(axis=1)
    return peaks


@lru_cache(maxsize=1)
def _kernels() -> NDArray[np.float64]:
    """For each phase between two frames, what each near frame gives to it."""
    near = np.arange(1 - _REACH_FRAMES, _REACH_FRAMES + 1)
    distance = np.array(_PHASES)[:, None] - near
    window = np.i0(8.0 * np.sqrt(1.0 - (distance / _REACH_FRAMES) ** 2)) / np.i0(8.0)
    return np.asarray(np.sinc(distance) * window)


@lru_cache(maxsize=1)
def _responses(frames: int) -> NDArray[np.complex128]:
    spread = np.zeros((len(_PHASES), frames))
    near = np.arange(1 - _REACH_FRAMES, _REACH_FRAMES + 1)
    spread[:, -near % frames] = _kernels()
    return np.asarray(np.fft.fft(spread, axis=1))
