"""Neither ceiling can be passed, and what is below both is not touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recordings import music, tone, written

from kaproom.audio.cuts import NO_CUT, between, boundary_cuts
from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.limiter import MARGIN_FRAMES, limited, limiter_carry, limiter_cut_db
from kaproom.audio.loudness import (
    LoudnessMeter,
    k_slope_factor,
    k_weighted_powers,
    lead_in_frames,
)
from kaproom.audio.mixer import render
from kaproom.audio.programme import Bed, Cue, Programme, Track
from kaproom.audio.sources import Feed
from kaproom.audio.stereo import Block
from kaproom.audio.weighting import lufs

RATE_HZ = 48_000
FIRST_GRAIN = 5  # never start at zero


def through(samples: Block, ceiling_dbtp: float = -1.0, carry: float = NO_CUT) -> Block:
    """All whole grains of ``samples`` through the limiter."""
    grains = len(samples) // GRAIN_FRAMES
    silence = np.zeros((MARGIN_FRAMES, 2), dtype=np.float32)
    padded = np.concatenate([silence, samples[: grains * GRAIN_FRAMES], silence])
    parts = []
    for number in range(grains):
        at = number * GRAIN_FRAMES
        around = padded[at : at + GRAIN_FRAMES + 2 * MARGIN_FRAMES]
        part, carry = limited(around, FIRST_GRAIN + number, ceiling_dbtp, RATE_HZ, carry)
        parts.append(part)
    return np.concatenate(parts)


def true_peak_dbtp(samples: Block) -> float:
    # Its own beginning and end are not part of the question.
    finer = soxr.resample(samples, RATE_HZ, 4 * RATE_HZ, quality="VHQ")[4000:-4000]
    return float(20 * np.log10(np.abs(finer).max()))


chance = np.random.default_rng(3)
LOUD: dict[str, NDArray[Any]] = {
    "noise": chance.standard_normal((4 * RATE_HZ, 2)) * 0.6,
    "bits": chance.choice([-1.0, 1.0], (4 * RATE_HZ, 2)),
    "clipped music": np.clip(music(4.0, peak=6.0), -1.0, 1.0),
    "between the samples": tone(4.0, 1.0, hz=12_000.0, phase=np.pi / 4),
    "bursts": tone(4.0, 9.0) * (np.arange(4 * RATE_HZ) % 40_000 < 900)[:, None],
    "one step": np.repeat((np.arange(4 * RATE_HZ) > 100_000)[:, None] * 1.0, 2, axis=1),
}


@pytest.mark.parametrize("name", LOUD)
@pytest.mark.parametrize("ceiling_dbtp", [-1.0, -9.0])
def test_the_true_peak_stays_below_the_ceiling(name: str, ceiling_dbtp: float) -> None:
    out = through(LOUD[name].astype(np.float32), ceiling_dbtp)
    assert true_peak_dbtp(out) <= ceiling_dbtp
    # And is used: it is a ceiling, not a mute.
    assert true_peak_dbtp(out) > ceiling_dbtp - 1.5


def test_what_needs_no_limiting_passes_bit_by_bit() -> None:
    samples = tone(4.0, -1.3, hz=997.0)[: 5 * GRAIN_FRAMES]
    np.testing.assert_array_equal(through(samples), samples)


def test_the_gain_comes_back_by_1_db_per_s_and_starts_down_ahead() -> None:
    quiet = tone(6.0, -20.0, hz=997.0)
    burst = slice(2 * RATE_HZ, 2 * RATE_HZ + 400)
    loud = quiet.copy()
    loud[burst] *= 30.0
    out = through(loud)
    steady = np.abs(loud[: len(out), 0]) > 0.02
    gain_db = 20 * np.log10(np.abs(out[:, 0])[steady] / np.abs(loud[: len(out), 0])[steady])
    frames = np.flatnonzero(steady)
    assert gain_db[frames < 2 * RATE_HZ - 1000].max() == 0.0
    assert gain_db[frames < 2 * RATE_HZ - 1000].min() == 0.0
    deepest = gain_db.min()
    assert deepest < -9.0
    after = frames > burst.stop + 100
    slope = np.diff(gain_db[after]) / (np.diff(frames[after]) / RATE_HZ)
    assert np.median(slope) == pytest.approx(1.0, abs=0.02)
    # Float32 samples show the gain with a grain of their own.
    rise = np.maximum.accumulate(gain_db[after]) - gain_db[after][0]
    assert (rise <= (frames[after] - frames[after][0]) / RATE_HZ + 1e-4).all()


def test_the_next_player_carries_the_limiter_on() -> None:
    loud = LOUD["noise"].astype(np.float32)[: 8 * GRAIN_FRAMES]
    carry = limiter_carry(6.5, FIRST_GRAIN, RATE_HZ)
    assert limiter_cut_db(carry, FIRST_GRAIN, RATE_HZ) == pytest.approx(6.5)
    assert limiter_cut_db(carry, FIRST_GRAIN + 3, RATE_HZ) == pytest.approx(
        6.5 - 3 * GRAIN_FRAMES / RATE_HZ
    )
    quiet = through(loud * np.float32(0.01), carry=carry)
    assert np.abs(quiet[:2000]).max() < 0.5 * np.abs(loud[:2000] * 0.01).max()


needs = st.lists(st.one_of(st.just(0.0), st.floats(0, 30)), min_size=20, max_size=90)


@given(needs, st.integers(1, 12), st.integers(0, 10**6), st.floats(0.001, 0.2))
def test_every_slot_is_cut_as_far_as_it_needs(
    wanted: list[float], ahead: int, first: int, slot_s: float
) -> None:
    values = np.array(wanted)
    cuts_db, _ = boundary_cuts(values, first, ahead, slot_s, NO_CUT)
    inside = values[1 : len(cuts_db)]
    curve = between(cuts_db, 8).reshape(-1, 8)
    assert (curve.min(axis=1) >= inside - 1e-6).all()
    # It is released no faster than 1 dB/s.
    assert np.diff(cuts_db).min(initial=0.0) >= -slot_s - 1e-6
    if not values.any():
        assert not cuts_db.any()


@given(needs, st.integers(1, 12), st.integers(0, 10**6), st.data())
def test_the_cuts_are_the_same_in_whatever_blocks(
    wanted: list[float], ahead: int, first: int, data: st.DataObject
) -> None:
    values: NDArray[np.float64] = np.array(wanted)
    whole, _ = boundary_cuts(values, first, ahead, 0.01, NO_CUT)
    slots = len(whole) - 1
    split = data.draw(st.integers(1, max(1, slots - 1)))
    if split >= slots:
        return
    head, carry = boundary_cuts(values[: split + ahead + 2], first, ahead, 0.01, NO_CUT)
    tail, _ = boundary_cuts(values[split:], first + split, ahead, 0.01, carry)
    np.testing.assert_array_equal(np.concatenate([head[:-1], tail]), whole)


# -- the loudness ceiling, on whole programmes


def played(path: Path, length_s: float, gain_db: float, ceiling_lufs: float) -> Block:
    start = 7_000
    bed = Bed("pad", 1)
    cues = (
        Cue("loud", start, 0, Track(str(path)), gain_db),
        Cue("end", start + round(length_s * RATE_HZ), 48_000, bed, -40.0),
    )
    programme = Programme(cues, bed, ceiling_lufs=ceiling_lufs)
    return np.concatenate(list(render(programme, RATE_HZ, start, round(length_s * RATE_HZ))))


def loudest_lufs(samples: Block) -> float:
    meter = LoudnessMeter(RATE_HZ)
    meter.feed(samples)
    return meter.finish().max_short_term_lufs


def swelling(tmp_path: Path, loud: float = 0.9) -> tuple[Path, Block]:
    """10 s quiet, 8 s loud, 14 s quiet."""
    level = np.repeat([0.05, loud, 0.05], [10 * RATE_HZ, 8 * RATE_HZ, 14 * RATE_HZ])
    samples = (music(32.0, peak=0.8) * level[:, None]).astype(np.float32)
    return written(tmp_path / "swelling.wav", samples, subtype="FLOAT"), samples


def test_no_three_seconds_are_louder_than_the_loudness_ceiling(tmp_path: Path) -> None:
    path, samples = swelling(tmp_path)
    assert loudest_lufs(samples) > -12.0
    for ceiling_lufs in (-16.0, -20.0):
        out = played(path, 32.0, 0.0, ceiling_lufs)
        assert ceiling_lufs - 0.6 < loudest_lufs(out) <= ceiling_lufs
        ratio = np.abs(out).sum(axis=1) / np.maximum(np.abs(samples).sum(axis=1), 1e-9)
        # Untouched well ahead of it.
        np.testing.assert_array_equal(out[: 5 * RATE_HZ], samples[: 5 * RATE_HZ])
        gain_db = 20 * np.log10(np.maximum(ratio[15 * RATE_HZ :: 480], 1e-6))
        assert np.diff(gain_db).max() <= 0.01 + 1e-3


def test_a_piece_below_the_loudness_ceiling_passes_bit_by_bit(tmp_path: Path) -> None:
    path, samples = swelling(tmp_path, loud=0.45)
    assert -13.0 < loudest_lufs(samples) < -10.5
    # In the last second the file ends within its exit, and fades.
    whole = slice(31 * RATE_HZ)
    np.testing.assert_array_equal(played(path, 32.0, 0.0, -10.0)[whole], samples[whole])


def test_the_ceiling_counts_the_gain(tmp_path: Path) -> None:
    path, _ = swelling(tmp_path)
    assert loudest_lufs(played(path, 32.0, 12.0, -15.0)) <= -15.0


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.floats(-22, -10), st.floats(-6, 18))
def test_no_programme_passes_either_ceiling(seed: int, ceiling_lufs: float, gain_db: float) -> None:
    bed = Bed("bowls", seed)
    cue = Cue("bed", 4_321, 0, bed, gain_db)
    programme = Programme((cue,), bed, ceiling_lufs=ceiling_lufs)
    out = np.concatenate(list(render(programme, RATE_HZ, 4_321, 6 * RATE_HZ)))
    assert loudest_lufs(out) <= ceiling_lufs
    assert true_peak_dbtp(out) <= -1.0


# -- the bounds that spare it the K-weighting

SPECTRA: dict[str, Callable[[int], NDArray[Any]]] = {
    "white": lambda rate_hz: chance.normal(0, 0.2, (4 * rate_hz, 2)),
    "bright": lambda rate_hz: np.diff(chance.normal(0, 0.1, (4 * rate_hz + 1, 2)), axis=0),
    "60 Hz": lambda rate_hz: tone(4.0, -3.0, rate_hz, 60.0),
    "2 kHz": lambda rate_hz: tone(4.0, -6.0, rate_hz, 2000.0),
    "12 kHz": lambda rate_hz: tone(4.0, -6.0, rate_hz, 12_000.0),
    "music": lambda rate_hz: music(4.0, rate_hz),
}


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("name", SPECTRA)
def test_no_three_seconds_are_louder_than_their_slopes_say(name: str, rate_hz: int) -> None:
    sound = SPECTRA[name](rate_hz).astype(np.float32)
    length = 3 * rate_hz
    plain = np.einsum("ij,ij->", sound[-length:], sound[-length:], dtype=np.float64)
    slopes = np.diff(sound, axis=0)[-length:]
    steep = np.einsum("ij,ij->", slopes, slopes, dtype=np.float64)
    bound = lufs((plain + k_slope_factor(rate_hz) * steep) / length)
    lead_in = lead_in_frames(rate_hz)
    block = sound[-(length + lead_in) :]
    size = 2 ** int(np.ceil(np.log2(len(block))))
    (power,) = k_weighted_powers(block, rate_hz, length, size)
    assert lufs(power) <= bound + 0.05


@pytest.mark.parametrize("ceiling_lufs", [-14.0, -20.0])
def test_with_the_bounds_or_without_them_the_same_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ceiling_lufs: float
) -> None:
    path, _ = swelling(tmp_path)
    bounded = played(path, 32.0, 3.0, ceiling_lufs)
    monkeypatch.setattr(Feed, "k_bounds", lambda feed, grain: None)
    np.testing.assert_array_equal(bounded, played(path, 32.0, 3.0, ceiling_lufs))


def test_what_is_loud_by_its_pitch_alone_is_held_as_well(tmp_path: Path) -> None:
    # By its plain power 2.7 LU below the ceiling, by its K-weighted one above it.
    sound = tone(8.0, -16.0, hz=12_000.0)
    path = written(tmp_path / "high.wav", sound, subtype="FLOAT")
    assert loudest_lufs(sound) > -13.0
    assert loudest_lufs(played(path, 8.0, 0.0, -14.0)) <= -14.0
