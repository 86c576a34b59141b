"""The output's meter against the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from kaproom.audio.meter import Meter
from kaproom.audio.weighting import k_response


def metered(meter: Meter, sound: NDArray[np.float32]) -> float:
    for end in range(meter.block_frames, len(sound) + 1, meter.step_frames):
        meter.take(sound[end - meter.block_frames : end])
    return meter.lufs


def sine(rate_hz: int, frequency_hz: float, peak_dbfs: float) -> NDArray[np.float32]:
    time_s = np.arange(2 * rate_hz) / rate_hz
    wave = 10 ** (peak_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * time_s)
    return np.stack([wave, wave], axis=1).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("level_db", [-23.0, -33.0, -60.0])
@pytest.mark.parametrize("step_s", [0.2, 0.4])
def test_a_1_khz_sine_reads_its_level(rate_hz: int, level_db: float, step_s: float) -> None:
    """EBU Tech 3341, cases 1 and 2."""
    assert metered(Meter(rate_hz, step_s), sine(rate_hz, 1000.0, level_db)) == pytest.approx(
        level_db, abs=0.1
    )


def test_the_weighting_is_that_of_the_recommendation() -> None:
    """ITU-R BS.1770, tables 1 and 2, at 48 kHz."""
    b1 = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    a1 = [1.0, -1.69065929318241, 0.73248077421585]
    b2, a2 = [1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621]
    impulse = np.zeros(65_536)
    impulse[0] = 1.0
    weighted = lfilter(b2, a2, lfilter(b1, a1, impulse))
    assert np.abs(np.fft.fft(weighted) - k_response(48_000, 65_536)).max() < 1e-6


def test_over_time_noise_reads_as_its_filtered_mean_square() -> None:
    rate_hz = 48_000
    white = np.random.default_rng(5).normal(0, 0.01, (20 * rate_hz, 2))
    # Flat to 15 Hz and falling from there, so that most of it is below the low cut.
    noise = lfilter([1.0], [1.0, -0.998], white, axis=0)
    spectrum = np.fft.fft(noise, axis=0) * k_response(rate_hz, len(noise))[:, None]
    expected = np.square(np.fft.ifft(spectrum, axis=0).real).mean(axis=0).sum()
    meter = Meter(rate_hz, 0.2)
    energies = []
    for end in range(meter.block_frames, len(noise) + 1, meter.step_frames):
        meter.take(noise[end - meter.block_frames : end].astype(np.float32))
        energies.append(10 ** ((meter.lufs + 0.691) / 10))
    assert 10 * math.log10(np.mean(energies[1:]) / expected) == pytest.approx(0.0, abs=0.15)


def test_silence_reads_as_silence_and_takes_400_ms_to_do_so() -> None:
    meter = Meter(48_000, 0.2)
    metered(meter, sine(48_000, 440.0, -20.0))
    assert meter.peak_dbfs == pytest.approx(-20.0, abs=0.01)
    meter.take_silence()
    assert -30 < meter.lufs < -20
    assert meter.peak_dbfs == -math.inf
    meter.take_silence()
    assert meter.lufs == -math.inf
