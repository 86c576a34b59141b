"""What is heard of a programme, to the sample: crossfades, gains, and what fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import music, tone, written

from kaproom.audio import sources
from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.mixer import FALLBACK_SUFFIX, Mixer, render
from kaproom.audio.programme import Bed, Cue, Programme, Quiet, Track
from kaproom.audio.soundscape import soundscape
from kaproom.audio.stereo import Block

RATE_HZ = 48_000
START = 12_345  # never start at zero
BED = Bed("drone", 3)


def frames(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def heard(programme: Programme, from_frame: int, length_s: float, portion: int = 0) -> Block:
    blocks = list(render(programme, RATE_HZ, from_frame, frames(length_s), portion))
    return np.concatenate(blocks)


def cue(id: str, at_s: float, xf_s: float, source: Any, gain_db: float = 0.0) -> Cue:
    return Cue(id, START + frames(at_s), frames(xf_s), source, gain_db)


def programme(*cues: Cue, **more: Any) -> Programme:
    return Programme(cues, BED, **{"ceiling_lufs": -10.0, **more})


def bed_sound(offset: int, length: int) -> Block:
    return soundscape(BED.soundscape, BED.seed, RATE_HZ, BED.intensity).block(offset, length)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """30 s that differ at every instant."""
    return written(tmp_path / "long.wav", music(30.0), subtype="FLOAT")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return written(tmp_path / "other.flac", music(30.0, seed=9))


def test_a_single_track_at_0_db_is_the_file_bit_by_bit(long: Path) -> None:
    played = heard(
        programme(cue("a", 0, 0, Track(str(long), 2.5)), cue("z", 90, 8, BED)), START - 500, 8.0
    )
    assert not played[:500].any()
    np.testing.assert_array_equal(
        played[500:], music(30.0)[frames(2.5) : frames(2.5) + frames(8) - 500]
    )


def test_a_crossfade_has_equal_power(long: Path, other: Path) -> None:
    a, b = music(30.0), np.round(music(30.0, seed=9) * 2**15) / 2**15
    played = heard(
        programme(
            cue("a", 0, 0, Track(str(long))),
            cue("b", 6, 4, Track(str(other), 1.0)),
            cue("z", 90, 8, BED),
        ),
        START,
        12.0,
    )
    np.testing.assert_array_equal(played[: frames(6)], a[: frames(6)])
    x = (np.arange(frames(4)) / frames(4))[:, None]
    fade = slice(frames(6), frames(10))
    expected = np.cos(np.pi / 2 * x) * a[fade] + np.sin(np.pi / 2 * x) * b[frames(1) : frames(5)]
    np.testing.assert_allclose(played[fade], expected, atol=5e-5)
    np.testing.assert_allclose(played[frames(10) :], b[frames(5) : frames(7)], atol=5e-5)


@pytest.mark.parametrize("portion", [1, 777, GRAIN_FRAMES, GRAIN_FRAMES + 1, 250_000])
def test_the_portions_make_no_difference(long: Path, other: Path, portion: int) -> None:
    mixed = programme(
        cue("a", 0, 1, Track(str(long)), 9.0),
        cue("b", 2.1, 1.7, Track(str(other)), -3.0),
        cue("c", 3.0, 2.0, BED, 2.0),
        ceiling_dbtp=-12.0,
        ceiling_lufs=-20.0,
    )
    length_s = 0.2 if portion == 1 else 6.0
    whole = heard(mixed, START, length_s)
    np.testing.assert_array_equal(heard(mixed, START, length_s, portion), whole)


def test_a_render_from_the_middle_is_the_same(long: Path, other: Path) -> None:
    mixed = programme(
        cue("a", 0, 1, Track(str(long)), -3.0),
        cue("b", 9, 4, Track(str(other)), -8.0),
        cue("z", 25, 8, BED, -6.0),
    )
    whole = heard(mixed, START, 30.0)
    for at_s in (5.01, 10.7, 27.0):
        late = heard(mixed, START + frames(at_s), 2.0)
        np.testing.assert_array_equal(late, whole[frames(at_s) : frames(at_s) + len(late)])


def test_a_loudness_ceiling_that_is_at_work_is_found_again_in_the_middle(tmp_path: Path) -> None:
    level = np.repeat([0.9, 0.1], [frames(12), frames(18)])
    path = written(
        tmp_path / "loud.wav",
        (music(30.0, peak=0.8) * level[:, None]).astype(np.float32),
        subtype="FLOAT",
    )
    mixed = programme(cue("a", 0, 1, Track(str(path))), cue("z", 60, 8, BED), ceiling_lufs=-20.0)
    whole = heard(mixed, START, 18.0)
    # At the loud part's end, and while it comes back.
    for at_s in (11.3, 14.5):
        late = heard(mixed, START + frames(at_s), 2.0)
        np.testing.assert_array_equal(late, whole[frames(at_s) : frames(at_s) + len(late)])


def gains_db(played: Block, original: Block) -> Any:
    """The gain in each 10 ms, of a tone."""
    size = 480
    count = len(played) // size * size

    def level(block: Block) -> Any:
        return np.sqrt((block[:count, 0].reshape(-1, size).astype(np.float64) ** 2).mean(axis=1))

    return 20 * np.log10(level(played) / level(original))


def test_a_louder_cue_rises_by_1_db_per_s_from_what_was_reached(tmp_path: Path) -> None:
    # The same tone in both, so that all that changes is the gain.
    samples = tone(30.0, -30.0, hz=1000.0)
    path = str(written(tmp_path / "tone.wav", samples, subtype="FLOAT"))
    played = heard(
        programme(
            cue("a", 0, 0, Track(path), -12.0),
            cue("b", 4, 0, Track(path, 4.0), -5.0),
            cue("c", 7, 0, Track(path, 7.0), -20.0),
            cue("d", 9, 0, Track(path, 9.0), -2.0),
            cue("z", 90, 8, BED),
        ),
        START,
        16.0,
    )
    found = gains_db(played, samples[: len(played)])
    assert np.diff(found).max() <= 0.0101 + 1e-3
    assert found[390] == pytest.approx(-12.0, abs=0.01)
    assert found[600] == pytest.approx(-10.0, abs=0.02)  # 2 s after b began at -12 dB
    assert found[799] == pytest.approx(-20.0, abs=0.02)  # downward at once
    assert found[1400] == pytest.approx(-15.0, abs=0.02)  # c's -20 dB, and 5 s of d


def test_planned_silence_is_silent(long: Path) -> None:
    played = heard(
        programme(cue("a", 0, 0, Track(str(long))), cue("q", 2, 1, Quiet()), cue("z", 5, 1, BED)),
        START,
        6.0,
    )
    assert not played[frames(3) : frames(5)].any()
    assert played[frames(5.5) :].any()


def test_before_the_first_cue_there_is_silence(long: Path) -> None:
    played = heard(programme(cue("a", 1, 1, Track(str(long))), cue("z", 9, 1, BED)), START, 1.5)
    assert not played[: frames(1)].any() and played[frames(1) + 2 :].any()


# -- changes of programme


def taken(mixer: Mixer, length: int, arrived: threading.Event) -> Block:
    parts: list[Block] = []
    while length:
        arrived.clear()
        while not mixer.ready():
            assert arrived.wait(10.0)
            arrived.clear()
        parts.append(mixer.take(length))
        length -= len(parts[-1])
    return np.concatenate(parts)


@pytest.fixture
def mixing() -> Iterator[Callable[[Programme, int], tuple[Mixer, threading.Event]]]:
    begun: list[Mixer] = []

    def begin(what: Programme, frame: int = START) -> tuple[Mixer, threading.Event]:
        arrived = threading.Event()
        begun.append(Mixer(what, RATE_HZ, frame, notify=arrived.set))
        return begun[-1], arrived

    yield begin
    for mixer in begun:
        mixer.close()


Mixing = Callable[..., tuple[Mixer, threading.Event]]


def test_a_change_acts_at_the_next_frame_and_touches_nothing_before(
    mixing: Mixing, long: Path, other: Path
) -> None:
    first = programme(cue("a", 0, 1, Track(str(long)), -3.0), cue("z", 90, 8, BED))
    calm = programme(Cue("calm", 1, frames(2), Track(str(other)), -9.0), cue("z2", 90, 8, BED))
    mixer, arrived = mixing(first)
    # Not on the grid of grains: a player may have to change at any frame.
    before = taken(mixer, frames(3) + 77, arrived)
    mixer.replace(calm)
    after = taken(mixer, frames(4), arrived)
    assert [c.id for c in mixer.programme.cues] == ["a", "calm", "z2"]
    assert mixer.programme.cues[1].start_frame == START + frames(3) + 77
    np.testing.assert_array_equal(
        np.concatenate([before, after]), heard(mixer.programme, START, 7.0 + 77 / RATE_HZ)
    )


def test_a_change_keeps_what_plays_without_a_seam(mixing: Mixing, long: Path) -> None:
    mixer, arrived = mixing(programme(cue("a", 0, 0, Track(str(long))), cue("z", 20, 8, BED)))
    before = taken(mixer, frames(2), arrived)
    mixer.replace(programme(cue("a", 0, 0, Track(str(long))), cue("y", 15, 3, BED)))
    after = taken(mixer, frames(2), arrived)
    np.testing.assert_array_equal(np.concatenate([before, after]), music(30.0)[: frames(4)])


# -- what fails


def test_a_file_that_ends_early_gives_way_to_the_fallback_before_its_end(
    mixing: Mixing, tmp_path: Path
) -> None:
    path = written(tmp_path / "short.wav", music(12.0), subtype="FLOAT")
    mixer, arrived = mixing(
        programme(cue("a", 0, 0, Track(str(path))), cue("z", 25, 4, BED), fallback_gain_db=-4.0)
    )
    played = taken(mixer, frames(20), arrived)
    [failed] = mixer.failures
    assert failed.id == "a" and failed.frame == START + frames(12)
    assert failed.why == f"{path}: ends 13.0 s too soon; replace it"
    substitute = mixer.programme.cues[1]
    assert substitute.id == "a" + FALLBACK_SUFFIX
    assert substitute.start_frame == START + frames(4)  # 8 s ahead of the end
    assert substitute.crossfade_frames == frames(8)
    np.testing.assert_array_equal(played[: frames(4)], music(12.0)[: frames(4)])
    # Never a hole: no 100 ms without sound.
    level = np.abs(played).max(axis=1)[: frames(20) // 4800 * 4800].reshape(-1, 4800).max(axis=1)
    assert level.min() > 0.001
    after = bed_sound(START + frames(13), frames(6)) * np.float32(10 ** (-4 / 20))
    np.testing.assert_allclose(played[frames(13) : frames(19)], after, atol=1e-6)
    # A render of what was played is what was played.
    np.testing.assert_array_equal(heard(mixer.programme, START, 20.0), played)


def test_a_missing_file_is_replaced_from_its_start_and_known_beforehand(
    mixing: Mixing, long: Path, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.flac"
    mixer, arrived = mixing(
        programme(
            cue("a", 0, 0, Track(str(long))),
            cue("b", 9, 4, Track(str(gone))),
            cue("z", 40, 4, BED),
        )
    )
    taken(mixer, frames(1), arrived)
    [failed] = mixer.failures
    assert failed.id == "b" and failed.frame == START + frames(9)
    assert failed.why.startswith(f"{gone}: does not exist; ")
    played = taken(mixer, frames(15), arrived)
    assert [c.id for c in mixer.programme.cues] == ["a", "b" + FALLBACK_SUFFIX, "z"]
    assert len(mixer.failures) == 1
    expected = bed_sound(START + frames(14), frames(2))
    np.testing.assert_allclose(played[frames(13) : frames(15)], expected, atol=1e-6)


def test_two_failures_in_a_row_are_one_bed_without_a_bump(mixing: Mixing, tmp_path: Path) -> None:
    mixer, arrived = mixing(
        programme(
            cue("a", 0, 1, Track(str(tmp_path / "gone.flac"))),
            cue("b", 5, 4, Track(str(tmp_path / "gone too.flac"))),
            cue("z", 30, 4, BED),
        )
    )
    played = taken(mixer, frames(12), arrived)
    assert [failed.id for failed in mixer.failures] == ["a", "b"]
    assert [c.id for c in mixer.programme.cues] == ["a" + FALLBACK_SUFFIX, "z"]
    expected = bed_sound(START + frames(2), frames(10))
    np.testing.assert_allclose(played[frames(2) :], expected, atol=1e-6)


def test_a_failure_is_told_once_though_the_programme_comes_again(
    mixing: Mixing, long: Path, tmp_path: Path
) -> None:
    plan = programme(
        cue("a", 0, 0, Track(str(long))),
        cue("b", 9, 4, Track(str(tmp_path / "gone.flac"))),
        cue("z", 40, 4, BED),
    )
    mixer, arrived = mixing(plan)
    for _ in range(3):
        taken(mixer, frames(1), arrived)
        mixer.replace(plan)
    taken(mixer, frames(9), arrived)
    mixer.replace(plan)
    taken(mixer, frames(1), arrived)
    assert [failed.id for failed in mixer.failures] == ["b"]
    assert mixer.programme.fault() is None


def test_the_planned_end_of_a_file_is_no_failure(mixing: Mixing, tmp_path: Path) -> None:
    path = written(tmp_path / "short.wav", music(6.0), subtype="FLOAT")
    mixer, arrived = mixing(programme(cue("a", 0, 0, Track(str(path))), cue("z", 3, 3, BED)))
    taken(mixer, frames(8), arrived)
    assert mixer.failures == []


def test_a_file_that_ends_within_its_exit_does_not_click(mixing: Mixing, tmp_path: Path) -> None:
    path = written(tmp_path / "short.wav", tone(5.0, -10.0), subtype="FLOAT")
    mixer, arrived = mixing(
        programme(cue("a", 0, 0, Track(str(path))), cue("q", 3, 4, Quiet()), cue("z", 20, 3, BED))
    )
    played = taken(mixer, frames(6), arrived)
    assert (
        np.abs(np.diff(played[:, 0])).max() <= 1.01 * np.abs(np.diff(tone(1.0, -10.0)[:, 0])).max()
    )
    assert np.abs(played[frames(4.99) : frames(5)]).max() < 0.01
    assert mixer.failures == []


class _Stalling:
    """A disk that stops answering after some seconds."""

    good_s = 9.0
    damaged_at_s = ()

    def __init__(self, *_args: object) -> None:
        self._released = threading.Event()

    def __iter__(self) -> Iterator[Block]:
        yield music(self.good_s)
        _stuck.wait(30.0)

    def close(self) -> None:
        self._released.set()


_stuck = threading.Event()


def test_a_file_that_cannot_be_read_in_time_gives_way_to_the_fallback(
    mixing: Mixing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "Decoder", _Stalling)
    try:
        mixer, _ = mixing(programme(cue("a", 0, 0, Track("slow.flac")), cue("z", 30, 4, BED)))
        parts: list[Block] = []
        mixer.ready()
        # All that there is comes at once; nothing more ever does.
        there = (START + frames(_Stalling.good_s)) // GRAIN_FRAMES
        assert mixer._voices["a"].feed.wait(there - 1, 20.0)
        while mixer.frame < START + frames(14):
            if not mixer.ready():
                mixer.hurry()
            parts.append(mixer.take(GRAIN_FRAMES))
        played = np.concatenate(parts)
    finally:
        _stuck.set()
    [failed] = mixer.failures
    assert failed.id == "a" and failed.why.startswith("slow.flac: cannot be read fast enough; ")
    assert mixer.programme.cues[1].id == "a" + FALLBACK_SUFFIX
    size = len(played) // 4800 * 4800
    assert np.abs(played[:size]).max(axis=1).reshape(-1, 4800).max(axis=1).min() > 0.001


def test_memory_stays_small_in_a_long_file(mixing: Mixing, tmp_path: Path) -> None:
    path = written(tmp_path / "long.flac", np.tile(music(10.0), (12, 1)))
    mixer, arrived = mixing(programme(cue("a", 0, 0, Track(str(path))), cue("z", 115, 4, BED)))
    most = 0
    while mixer.frame < START + frames(90):
        taken(mixer, GRAIN_FRAMES, arrived)
        most = max(most, *(len(v.feed._grains) for v in mixer._voices.values()))
    assert most * GRAIN_FRAMES < frames(20)


def test_resampled_music_keeps_its_pitch_and_place(tmp_path: Path) -> None:
    path = written(tmp_path / "cd.flac", tone(12.0, -12.0, 44_100, 997.0), 44_100)
    played = heard(programme(cue("a", 0, 0, Track(str(path))), cue("z", 60, 4, BED)), START, 9.0)
    expected = tone(12.0, -12.0, RATE_HZ, 997.0)
    # The last 8 s are the fallback's entrance.
    part = slice(4_000, frames(4))
    assert np.abs(played[part] - expected[part]).max() < 1e-3


def test_a_bed_that_goes_on_in_a_later_cue_goes_on_where_it_was(mixing: Mixing) -> None:
    first = programme(cue("a", 0, 0, BED))
    mixer, arrived = mixing(first)
    taken(mixer, frames(2), arrived)
    mixer.replace(programme(cue("b", 2, 0, replace(BED, offset_frames=frames(2)))))
    after = taken(mixer, frames(1), arrived)
    np.testing.assert_array_equal(after, bed_sound(frames(2), frames(1)))
