"""The measurements of EBU Tech 3341, and libebur128's where libav has it."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from recordings import music, tone, written
from scipy import signal

from kaproom.audio.loudness import (
    Loudness,
    LoudnessMeter,
    k_weighted_powers,
    lead_in_frames,
    measure,
)
from kaproom.audio.stereo import Block


def measured(samples: Block, rate_hz: int = 48_000, portion: int = 65_536) -> Loudness:
    meter = LoudnessMeter(rate_hz)
    for start in range(0, len(samples), portion):
        meter.feed(samples[start : start + portion])
    return meter.finish()


def sequence(*parts: tuple[float, float], times: int = 1, rate_hz: int = 48_000) -> Block:
    """Tones of (length, level) one after another, in one running phase."""
    level = np.concatenate([np.full(round(s * rate_hz), 10 ** (dbfs / 20)) for s, dbfs in parts])
    level = np.tile(level, times)
    sine = level * np.sin(2 * np.pi * 1000 * np.arange(len(level)) / rate_hz)
    return np.repeat(sine[:, None], 2, axis=1).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_ebu_3341_cases_1_and_2_a_steady_tone(rate_hz: int, level: float) -> None:
    found = measured(tone(20.0, level, rate_hz), rate_hz)
    assert found.integrated_lufs == pytest.approx(level, abs=0.1)
    assert found.max_short_term_lufs == pytest.approx(level, abs=0.1)
    assert found.max_momentary_lufs == pytest.approx(level, abs=0.1)
    assert found.length_s == pytest.approx(20.0)


@pytest.mark.parametrize(
    "parts",
    [
        ((10.0, -36.0), (60.0, -23.0), (10.0, -36.0)),
        ((10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)),
        ((20.0, -26.0), (20.1, -20.0), (20.0, -26.0)),
    ],
)
def test_ebu_3341_cases_3_to_5_gating(parts: tuple[tuple[float, float], ...]) -> None:
    assert measured(sequence(*parts)).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_9_short_term() -> None:
    samples = sequence((1.34, -20.0), (1.66, -30.0), times=5)
    assert measured(samples).max_short_term_lufs == pytest.approx(-23.0, abs=0.1)


def test_ebu_3341_case_12_momentary() -> None:
    samples = sequence((0.18, -20.0), (0.22, -30.0), times=25)
    assert measured(samples).max_momentary_lufs == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("hz", "phase_deg", "expected"),
    [
        (12_000.0, 0.0, -6.0),
        (12_000.0, 45.0, -6.0),
        (8_000.0, 60.0, -6.0),
        (6_000.0, 67.5, -6.0),
    ],
)
def test_ebu_3341_cases_15_to_18_true_peak(hz: float, phase_deg: float, expected: float) -> None:
    samples = tone(1.0, 20 * math.log10(0.5), hz=hz, phase=math.radians(phase_deg))
    # Faded in, since a tone that begins at once has its own overshoot.
    samples[:4800] *= np.linspace(0, 1, 4800, dtype=np.float32)[:, None]
    samples[-4800:] *= np.linspace(1, 0, 4800, dtype=np.float32)[:, None]
    peak = measured(samples).true_peak_dbtp
    assert expected - 0.4 <= peak <= expected + 0.2


def test_the_portions_make_no_difference() -> None:
    samples = music(7.3)
    whole = measured(samples, portion=10**9)
    for portion in (1_000, 4_801, 300_000):
        parts = measured(samples, portion=portion)
        assert parts.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-9)
        assert parts.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=1e-4)


def test_silence_has_no_loudness() -> None:
    found = measured(np.zeros((96_000, 2), dtype=np.float32))
    assert (found.integrated_lufs, found.true_peak_dbtp) == (-math.inf, -math.inf)
    assert measured(np.zeros((10, 2), dtype=np.float32)).max_short_term_lufs == -math.inf


def test_a_very_short_file_is_still_measured() -> None:
    found = measured(tone(0.5, -20.0))
    assert found.integrated_lufs == pytest.approx(-20.0, abs=0.1)
    assert found.max_short_term_lufs == pytest.approx(-20.0 - 10 * math.log10(6.0), abs=0.1)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000, 96_000])
def test_the_weighting_by_fft_is_the_filters(rate_hz: int) -> None:
    samples = music(1.0, rate_hz, seed=3)
    hop = rate_hz // 20
    lead_in = lead_in_frames(rate_hz)
    block = samples[: lead_in + 10 * hop]
    found = k_weighted_powers(block, rate_hz, hop, 131_072)
    weighted = signal.sosfilt(sections(rate_hz), block.astype(np.float64), axis=0)
    parts = weighted[lead_in:].reshape(10, hop, 2)
    np.testing.assert_allclose(found, (parts**2).sum(axis=(1, 2)) / hop, rtol=1e-4)


def sections(rate_hz: int) -> Any:
    """BS.1770's two filters at any rate, as libebur128 reckons them."""
    k = math.tan(math.pi * 1681.974450955533 / rate_hz)
    q, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    ]
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return np.array([shelf, [1, -2, 1, 1, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0]])


def test_the_filters_at_48_khz_are_those_of_the_standards_table() -> None:
    table = [
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1.0, -1.69065929318241, 0.73248077421585],
        [1.0, -2.0, 1.0],
        [1.0, -1.99004745483398, 0.99007225036621],
    ]
    np.testing.assert_allclose(sections(48_000).reshape(4, 3), table, atol=1e-7)


def by_libav(path: Path) -> float:
    """Integrated loudness by libav's ebur128; PyAV does not hand out what it finds."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg to compare with")
    said = subprocess.run(
        ["ffmpeg", "-nostats", "-hide_banner", "-i", path, "-af", "ebur128", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return float(re.findall(r"I:\s+(\S+) LUFS", said)[-1])


def test_it_agrees_with_libebur128_on_music(tmp_path: Path) -> None:
    swelling = music(20.0) * np.linspace(0.05, 1.0, 960_000, dtype=np.float32)[:, None]
    path = written(tmp_path / "music.wav", swelling, subtype="FLOAT")
    # It prints one decimal place.
    assert measure(path).integrated_lufs == pytest.approx(by_libav(path), abs=0.051)


def test_mono_is_measured_as_it_is_heard_on_both_sides(tmp_path: Path) -> None:
    path = written(tmp_path / "mono.wav", tone(5.0, -23.0)[:, :1], subtype="FLOAT")
    assert measure(path).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_odd_rates_are_measured_too(tmp_path: Path) -> None:
    for rate_hz in (8_000, 11_025, 192_000):
        path = tmp_path / f"{rate_hz}.wav"
        soundfile.write(path, tone(3.0, -20.0, rate_hz), rate_hz, subtype="FLOAT")
        assert measure(path).integrated_lufs == pytest.approx(-20.0, abs=0.1)
