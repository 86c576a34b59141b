"""What a bed promises the patient: it is there, it is soft, it never ends, never returns."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal

from kaproom.audio.soundscape import CEILING, Soundscape, names, soundscape
from kaproom.audio.soundscapes import chance
from kaproom.audio.soundscapes.synthesis import AIR_HZ, Air, AirBank, SineBank, Sines
from kaproom.audio.soundscapes.tuning import GROUND_TONES, PALETTES, chord_number, home

RATE_HZ = 48_000
HOUR = 3600 * RATE_HZ
Samples = NDArray[np.float32]

every = pytest.mark.parametrize("name", names())


def bed(name: str, seed: int = 5, intensity: float = 0.5, rate_hz: int = RATE_HZ) -> Soundscape:
    return soundscape(name, seed, rate_hz, intensity)


def likeness(a: Samples, b: Samples) -> float:
    """Correlation, -1.0 to 1.0; neither has an offset."""
    return float((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean()))


@pytest.fixture(scope="module")
def minute() -> dict[tuple[str, float], Samples]:
    """A minute of every bed, from the middle of a session, sparse and dense."""
    return {
        (name, i): bed(name, 8, i).block(HOUR // 3, 60 * RATE_HZ)
        for name in names()
        for i in (0.2, 0.9)
    }


# --- the door


def test_the_three_beds_of_the_profiles_exist() -> None:
    assert {"pad", "ocean", "bowls"} <= set(names())


def test_an_unknown_bed_is_answered_with_what_exists() -> None:
    with pytest.raises(ValueError, match="'whales' does not exist; there are pad, ocean, bowls"):
        soundscape("whales", 1, RATE_HZ, 0.5)


@pytest.mark.parametrize("intensity", [-0.1, 1.01, float("nan"), float("inf")])
def test_an_intensity_out_of_range_is_refused_with_the_range(intensity: float) -> None:
    with pytest.raises(ValueError, match=r"intensity is \S+; it must be 0\.0 to 1\.0"):
        soundscape("pad", 1, RATE_HZ, intensity)


def test_a_rate_that_no_device_has_is_refused() -> None:
    with pytest.raises(ValueError, match="rate_hz is 0; it must be 8000 to 192000"):
        soundscape("pad", 1, 0, 0.5)


def test_the_player_is_spared_everything_but_numpy() -> None:
    probe = (
        "import sys, kaproom.audio.soundscape as s; s.soundscape('pad', 1, 48000, .5).block(0, 99);"
        "print([m for m in ('scipy', 'pydantic', 'paho', 'av', 'sounddevice') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# --- a pure function of the frame


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(names()),
    start_frame=st.integers(0, 12 * HOUR),
    cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=5),
)
def test_any_cut_into_blocks_gives_the_same_samples(
    name: str, start_frame: int, cuts: list[int]
) -> None:
    whole = bed(name).block(start_frame, sum(cuts))
    other = bed(name)
    at = start_frame
    parts = []
    for frames in cuts:
        parts.append(other.block(at, frames))
        at += frames
    assert np.array_equal(np.concatenate(parts), whole)


@every
def test_what_was_heard_before_changes_nothing(name: str) -> None:
    fresh = bed(name).block(HOUR, 5000)
    used = bed(name)
    for start_frame in (0, 7 * HOUR, HOUR - 3 * RATE_HZ):
        used.block(start_frame, 4096)
    assert np.array_equal(used.block(HOUR, 5000), fresh)


@every
def test_a_block_belongs_to_its_caller(name: str) -> None:
    one = bed(name)
    first = one.block(1000, 3000)
    kept = first.copy()
    first[:] = 0.0
    assert np.array_equal(one.block(1000, 3000), kept)
    assert kept.dtype == np.float32
    assert kept.shape == (3000, 2)


@every
def test_a_seed_means_one_sound_and_another_seed_another(name: str) -> None:
    a = bed(name, 1).block(HOUR, RATE_HZ)
    assert np.array_equal(bed(name, 1).block(HOUR, RATE_HZ), a)
    for other in (bed(name, 2), bed(name, 1, 0.6)):
        b = other.block(HOUR, RATE_HZ)
        assert abs(likeness(a.mean(axis=1), b.mean(axis=1))) < 0.6


def test_chance_is_the_same_on_every_machine() -> None:
    key = chance.keys("pad", 7, 0.5, "notes", count=2)
    assert [int(k) for k in key] == [3714048958532598348, 17175664471285219601]
    assert chance.uniform(key, [0, -3]).tolist() == [0.11341312138673187, 0.897301618930051]


@every
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 96_000])
def test_every_rate_gives_the_same_bed(name: str, rate_hz: int) -> None:
    """Up to 3 kHz, second by second."""
    curves = []
    for rate in (RATE_HZ, rate_hz):
        mono = bed(name, 3, 0.7, rate).block(100 * rate, 12 * rate).mean(axis=1)
        _, _, power = signal.spectrogram(mono, rate, nperseg=rate, noverlap=0, mode="psd")
        curves.append(10.0 * np.log10(power[60:3000].sum(axis=0)))
    assert np.abs(np.diff(curves, axis=0)).max() < 1.5


# --- how loud


def lufs(x: Samples) -> float:
    """Integrated loudness, BS.1770-5, for 48 kHz."""
    shelf = ([1.53512485958697, -2.69169619, 1.19839281], [1.0, -1.69065929318241, 0.73248077])
    highpass = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    y = signal.lfilter(*highpass, signal.lfilter(*shelf, x.astype(np.float64), axis=0), axis=0)
    step = RATE_HZ // 10
    tenths = (y[: len(y) // step * step] ** 2).reshape(-1, step, 2).mean(axis=1).sum(axis=1)
    blocks = np.convolve(tenths, np.ones(4) / 4.0, "valid")
    loud = blocks[blocks > 10.0 ** ((-70.0 + 0.691) / 10.0)]
    loud = loud[loud > 0.1 * loud.mean()]
    return float(-0.691 + 10.0 * np.log10(loud.mean()))


@every
@pytest.mark.parametrize(("intensity", "seed"), [(0.0, 21), (0.5, 22), (1.0, 23)])
def test_five_minutes_are_as_loud_at_any_intensity(name: str, intensity: float, seed: int) -> None:
    """Two seconds of every twelve; random access makes that cheap."""
    one = bed(name, seed, intensity)
    parts = [one.block((1800 + 12 * k) * RATE_HZ, 2 * RATE_HZ) for k in range(25)]
    assert lufs(np.concatenate(parts)) == pytest.approx(-23.0, abs=1.0)


@every
@pytest.mark.parametrize("intensity", [0.2, 0.9])
def test_there_is_room_above_the_peaks_and_never_silence(
    name: str, intensity: float, minute: dict[tuple[str, float], Samples]
) -> None:
    x = minute[name, intensity]
    assert np.abs(x).max() < CEILING < 10.0 ** (-6.0 / 20.0)
    true_peak = np.abs(signal.resample_poly(x[: 20 * RATE_HZ], 4, 1, axis=0)).max()
    assert true_peak < 10.0 ** (-3.0 / 20.0)
    second = (x.reshape(-1, RATE_HZ, 2) ** 2).mean(axis=(1, 2))
    assert 10.0 * np.log10(second.min()) > -40.0
    assert np.abs(x.mean(axis=0)).max() < 1e-4


@every
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_first_frames_already_sound(name: str, seed: int) -> None:
    start = bed(name, seed).block(0, RATE_HZ // 10)
    assert 10.0 * np.log10((start**2).mean()) > -40.0


# --- how soft


@every
@pytest.mark.parametrize("intensity", [0.2, 0.9])
def test_nothing_starts_suddenly(
    name: str, intensity: float, minute: dict[tuple[str, float], Samples]
) -> None:
    """The level over 30 ms never rises by 6 dB within 50 ms."""
    x = minute[name, intensity]
    power = (x.reshape(-1, RATE_HZ // 100, 2) ** 2).mean(axis=(1, 2))
    level_db = 10.0 * np.log10(np.convolve(power, np.ones(3) / 3.0, "valid"))
    assert (level_db[5:] - level_db[:-5]).max() < 6.0


@every
@pytest.mark.parametrize("intensity", [0.2, 0.9])
def test_nothing_clicks(
    name: str, intensity: float, minute: dict[tuple[str, float], Samples]
) -> None:
    """A click is broad: it would stand out far above 6 kHz, where there is next to nothing."""
    x = minute[name, intensity].mean(axis=1)
    high = signal.sosfilt(signal.butter(4, 6000.0, "high", fs=RATE_HZ, output="sos"), x)[RATE_HZ:]
    five_ms = (high.reshape(-1, RATE_HZ // 200) ** 2).mean(axis=1)
    around = np.convolve(five_ms, np.ones(41) / 41.0, "same")
    assert (five_ms / around).max() < 4.0
    assert np.abs(np.diff(x)).max() < 0.15


@every
@pytest.mark.parametrize("intensity", [0.2, 0.9])
def test_the_highs_are_never_harsh(
    name: str, intensity: float, minute: dict[tuple[str, float], Samples]
) -> None:
    hz, psd = signal.welch(minute[name, intensity].mean(axis=1), RATE_HZ, nperseg=16_384)
    centres = 500.0 * 2.0 ** np.arange(0.0, 3.1, 0.5)
    bands = [(hz >= c * 2.0**-0.25) & (hz < c * 2.0**0.25) for c in centres]
    level_db = [10.0 * np.log10(psd[band].mean()) for band in bands]
    per_octave_db = np.polyfit(np.log2(centres), level_db, 1)[0]
    assert -12.0 < per_octave_db < -4.0
    assert psd[hz > 8000.0].sum() < 0.02 * psd.sum()
    assert psd[hz < 25.0].sum() < 5e-3 * psd.sum()


@every
@pytest.mark.parametrize("intensity", [0.2, 0.9])
def test_it_is_wide_and_survives_one_ear(
    name: str, intensity: float, minute: dict[tuple[str, float], Samples]
) -> None:
    x = minute[name, intensity]
    power = (x**2).mean(axis=0)
    assert abs(10.0 * np.log10(power[0] / power[1])) < 3.0
    assert 0.2 < likeness(x[:, 0], x[:, 1]) < 0.93
    lost_db = 10.0 * np.log10((x.mean(axis=1) ** 2).mean() / power.mean())
    assert lost_db > -3.0


# --- how it lives


@every
def test_nothing_comes_back_within_an_hour(name: str) -> None:
    """What sounds, band by band every 2 s, is unlike itself at any later time."""
    score = bed(name)._score
    time_s = 1000.0 + np.arange(0.0, 3600.0, 2.0)
    edges_hz = np.geomspace(45.0, 5000.0, 49)
    picture = np.zeros((len(time_s), len(edges_hz) + 1))
    for part in np.array_split(np.arange(len(time_s)), 30):
        sines = score.sines(time_s[part])
        if sines is not None:
            column = np.searchsorted(edges_hz, sines.hz)
            np.add.at(picture, (part[:, None], column), sines.left**2 + sines.right**2)
        air = score.air(time_s[part])
        if air is not None:
            picture[part[:, None], np.searchsorted(edges_hz, AIR_HZ)] += air.left**2
    picture = np.log10(picture[:, picture.min(axis=0) > 0.0] + 1e-8)
    picture = (picture - picture.mean(axis=0)) / picture.std(axis=0)
    returns = [
        float((picture[:-lag] * picture[lag:]).mean()) for lag in range(60, len(time_s) - 300)
    ]
    assert max(returns) < 0.5


@every
def test_intensity_makes_it_brighter(name: str) -> None:
    centre_hz = []
    for intensity in (0.0, 1.0):
        one = bed(name, 4, intensity)
        mono = np.concatenate([one.block(k * 15 * RATE_HZ, 2 * RATE_HZ) for k in range(8)])
        hz, psd = signal.welch(mono.mean(axis=1), RATE_HZ, nperseg=8192)
        centre_hz.append(float(np.exp((np.log(hz[1:]) * psd[1:]).sum() / psd[1:].sum())))
    assert centre_hz[1] > 1.05 * centre_hz[0]


def test_chords_that_meet_differ_and_know_nothing_of_the_way_there() -> None:
    key = chance.keys("x")
    all_at_once = chord_number(key, np.arange(-50.0, 5000.0), 5)
    assert all(a != b for a, b in pairwise(all_at_once))
    assert set(all_at_once.tolist()) == set(range(5))
    alone = chord_number(key, np.array([1234.0]), 5)
    assert alone[0] == all_at_once[1234 + 50]


@pytest.mark.parametrize("palette", PALETTES, ids=lambda p: p.name)
def test_what_rings_on_into_the_next_chord_does_not_grate(palette: object) -> None:
    chords = next(p for p in PALETTES if p is palette).chords
    tones = {t for chord in chords for t in chord[GROUND_TONES:]}
    for a, b in combinations(sorted(tones), 2):
        assert min(b / a, 2.0 * a / b) > 1.11


def test_bowls_stand_in_the_harmony_of_the_pad_of_the_same_seed() -> None:
    for seed in range(20):
        at_home = home(seed)
        tones = {t for chord in at_home.palette.chords for t in chord}
        assert set(at_home.mode) <= tones
        assert 98.0 <= at_home.tonic_hz < 139.0


# --- what it is made of


@pytest.mark.parametrize(("hop", "hz"), [(2048, 61.3), (4096, 440.12), (8192, 5000.37)])
def test_a_steady_sine_comes_out_steady(hop: int, hz: float) -> None:
    instants: NDArray[np.float64] = np.arange(12.0)[:, None] * (hop / RATE_HZ)
    even = np.ones((12, 1))
    sines = Sines(hz * even, hz * instants, 0.3 * even, 0.1 * even, 0.25 * even)
    made = SineBank(RATE_HZ, hop).render(sines)
    t = np.arange(len(made)) / RATE_HZ
    wanted = np.stack((0.3 * np.cos(2 * np.pi * hz * t), -0.1 * np.sin(2 * np.pi * hz * t)), axis=1)
    assert np.abs(made - wanted).max() < 0.3 * 10.0 ** (-74.0 / 20.0)


def test_noise_has_the_power_and_the_kinship_that_were_asked_for() -> None:
    level = np.tile(0.05 * AIR_HZ**-0.1, (700, 1))
    made = AirBank(RATE_HZ, 2048, chance.keys("x")).render(
        Air(level, 2.0 * level, np.full(len(AIR_HZ), 0.4)), 90
    )
    wanted = (level[0] ** 2).sum()
    assert (made**2).mean(axis=0) == pytest.approx([wanted, 4.0 * wanted], rel=0.05)
    assert likeness(made[:, 0], made[:, 1]) == pytest.approx(0.4, abs=0.05)


# --- what it costs; of time the bench `beds` tells


@every
def test_a_bed_stays_small_for_hours(name: str) -> None:
    tracemalloc.start()
    one = bed(name, 5, 1.0)
    for hour in range(6):
        one.block(hour * HOUR, 3 * RATE_HZ)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 6e6
    assert most < 30e6
