"""The decoder on real files of every kind, whole, odd and broken."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from recordings import SAMPLE_EXACT, SUFFIXES, decoded, music, tone, written

from kaproom.audio.decoder import DecodeError, Decoder, probe


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same 14 s of music in every format, at 44.1 kHz (Opus knows only 48)."""
    folder = tmp_path_factory.mktemp("shelf")
    for suffix in SUFFIXES:
        rate_hz = 48_000 if suffix == "opus" else 44_100
        written(folder / f"music.{suffix}", music(14.013, rate_hz), rate_hz)
    return folder


def rate_of(suffix: str) -> int:
    return 48_000 if suffix == "opus" else 44_100


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_is_heard_where_it_was_played(shelf: Path, suffix: str) -> None:
    rate_hz = rate_of(suffix)
    original = music(14.013, rate_hz)
    heard = decoded(shelf / f"music.{suffix}", rate_hz)
    # An AAC file without a container does not know its coder's delay: 1024 or 2112 frames.
    lag = 1024 if suffix == "aac" else 0
    assert abs(len(heard) - len(original)) <= 2500
    part = slice(5 * rate_hz, 6 * rate_hz)
    late = np.roll(heard, -lag, axis=0)
    error = np.abs(late[part] - original[part]).std() / original[part].std()
    assert error < (2e-4 if suffix in SAMPLE_EXACT else 0.5)
    if suffix not in SAMPLE_EXACT:
        # Lossy, but the same music at the same place: any shift by a frame correlates less.
        fits = [
            float((np.roll(late, by, axis=0)[part] * original[part]).sum()) for by in (-1, 0, 1)
        ]
        assert np.argmax(fits) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("from_s", [0.31, 9.7])
def test_a_start_in_the_middle_is_exact_to_the_sample(
    shelf: Path, suffix: str, from_s: float
) -> None:
    rate_hz = rate_of(suffix)
    path = shelf / f"music.{suffix}"
    whole = decoded(path, rate_hz)
    start = round(from_s * rate_hz) + 7
    np.testing.assert_array_equal(decoded(path, rate_hz, from_frame=start), whole[start:])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_resampled_start_in_the_middle_makes_an_inaudible_seam(shelf: Path, suffix: str) -> None:
    path = shelf / f"music.{suffix}"
    rate_hz = 44_100 if suffix == "opus" else 48_000
    whole = decoded(path, rate_hz)
    start = round(8.9 * rate_hz) + 11
    late = decoded(path, rate_hz, from_frame=start)
    size = min(len(late), len(whole) - start)
    assert abs(len(late) - (len(whole) - start)) <= 1
    assert np.abs(late[:size] - whole[start : start + size]).max() < 1e-6


def test_cue_in_and_cue_out_cut_exactly(shelf: Path) -> None:
    for suffix in SUFFIXES:
        rate_hz = rate_of(suffix)
        path = shelf / f"music.{suffix}"
        part = decoded(path, rate_hz, cue_in_s=7.25, cue_out_s=9.0)
        whole = decoded(path, rate_hz)
        first, last = round(7.25 * rate_hz), round(9.0 * rate_hz)
        np.testing.assert_array_equal(part, whole[first:last])


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_every_rate_becomes_the_rings_rate(tmp_path: Path, rate_hz: int) -> None:
    path = written(tmp_path / "tone.wav", tone(2.0, -6.0, rate_hz, 440.0), rate_hz)
    heard = decoded(path, 48_000)
    assert abs(len(heard) - 96_000) <= 1
    expected = tone(2.0, -6.0, 48_000, 440.0)
    middle = slice(20_000, 80_000)
    assert np.abs(heard[middle] - expected[middle]).max() < 1e-3


@pytest.mark.parametrize(
    ("subtype", "exact"), [("PCM_U8", 1e-2), ("PCM_24", 0.0), ("PCM_32", 0.0), ("FLOAT", 0.0)]
)
def test_every_width_of_sample_is_full_scale_one(
    tmp_path: Path, subtype: str, exact: float
) -> None:
    samples = (np.round(music(0.5) * 2**15) / 2**15).astype(np.float32)
    path = written(tmp_path / "music.wav", samples, subtype=subtype)
    assert np.abs(decoded(path) - samples).max() <= exact


def test_mono_goes_to_both_ears(tmp_path: Path) -> None:
    mono = music(0.5)[:, :1]
    heard = decoded(written(tmp_path / "mono.flac", mono))
    np.testing.assert_array_equal(heard[:, 0], heard[:, 1])
    assert np.abs(heard[:, 0] - mono[:, 0]).max() < 1e-4


def six_tones() -> NDArray[np.float64]:
    """Front left and right, centre, low-frequency effects, and the two surrounds."""
    time_s = np.arange(24_000) / 48_000
    return np.stack([0.1 * np.sin(2 * np.pi * 200 * (n + 1) * time_s) for n in range(6)], axis=1)


@pytest.mark.parametrize("named", [True, False])
def test_surround_comes_down_by_the_itu_coefficients(tmp_path: Path, named: bool) -> None:
    samples = six_tones()
    path = tmp_path / "surround.wav"
    # WAVEX carries a channel mask, plain WAV none: both mean the same.
    soundfile.write(path, samples, 48_000, format="WAVEX" if named else "WAV", subtype="FLOAT")
    left, right, centre, _effects, back_left, back_right = samples.T
    expected = np.stack([left, right], axis=1) + np.sqrt(0.5) * np.stack(
        [centre + back_left, centre + back_right], axis=1
    )
    assert np.abs(decoded(path) - expected).max() < 1e-6


def test_a_cover_picture_is_not_taken_for_music(tmp_path: Path) -> None:
    samples = music(1.0)
    path = written(tmp_path / "song.flac", samples)
    content = path.read_bytes()
    picture = b"\0\0\0\3\0\0\0\x09image/png\0\0\0\0" + b"\0" * 16 + b"\0\0\0\x08\x89PNG\r\n\x1a\n"
    block = bytes([6]) + len(picture).to_bytes(3, "big") + picture
    head = 4 + 4 + 34
    path.write_bytes(content[:head] + block + content[head:])
    assert np.abs(decoded(path) - samples).max() < 1e-4


def test_the_head_of_a_file_tells_length_and_tags(shelf: Path, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        found = probe(shelf / f"music.{suffix}")
        assert found.length_s == pytest.approx(14.013, abs=0.06), suffix
        assert (found.rate_hz, found.channels) == (rate_of(suffix), 2)
    path = tmp_path / "tagged.flac"
    with soundfile.SoundFile(path, "w", 48_000, 2) as file:
        file.title, file.artist = "Weightless", "Nobody"
        file.write(music(0.2))
    tags = probe(path).tags
    assert (tags["title"], tags["artist"]) == ("Weightless", "Nobody")


# -- broken files


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_in_the_middle_is_stepped_over(shelf: Path, tmp_path: Path, suffix: str) -> None:
    content = bytearray((shelf / f"music.{suffix}").read_bytes())
    chance = random.Random(5)
    for _ in range(8):
        at = chance.randrange(len(content) // 3, len(content) * 2 // 3)
        content[at : at + 150] = chance.randbytes(150)
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    whole = decoded(shelf / f"music.{suffix}")
    heard = decoded(path)
    assert len(heard) > 0.5 * len(whole)
    assert np.isfinite(heard).all() and np.abs(heard).max() <= 4.0
    np.testing.assert_array_equal(heard[:96_000], whole[:96_000])


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg", "opus", "m4a"])
def test_where_a_file_is_damaged_is_told(shelf: Path, tmp_path: Path, suffix: str) -> None:
    content = bytearray((shelf / f"music.{suffix}").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = random.Random(1).randbytes(2000)
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    whole, damaged = Decoder(shelf / f"music.{suffix}", 48_000), Decoder(path, 48_000)
    length_s = sum(map(len, whole)) / 48_000
    highest = max(float(np.abs(block).max()) for block in damaged)
    assert whole.damaged_at_s == []
    assert damaged.damaged_at_s[0] == pytest.approx(length_s / 2, abs=1.5)
    # What is damaged is left out; as noise it would be at full level.
    assert highest < 0.9


def test_damaged_packets_are_counted(shelf: Path, tmp_path: Path) -> None:
    content = bytearray((shelf / "music.mp3").read_bytes())
    content[100_000:110_000] = random.Random(1).randbytes(10_000)
    path = tmp_path / "damaged.mp3"
    path.write_bytes(content)
    decoder = Decoder(path, 44_100)
    frames = sum(len(block) for block in decoder)
    assert decoder.skipped_packets > 0
    assert 12 * 44_100 < frames < 14.2 * 44_100


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s != "m4a"])
def test_a_truncated_file_plays_as_far_as_it_goes(shelf: Path, tmp_path: Path, suffix: str) -> None:
    content = (shelf / f"music.{suffix}").read_bytes()
    path = tmp_path / f"short.{suffix}"
    path.write_bytes(content[: len(content) // 2])
    heard = decoded(path)
    whole = decoded(shelf / f"music.{suffix}")
    assert 5 * 48_000 < len(heard) < 9 * 48_000
    np.testing.assert_array_equal(heard[:96_000], whole[:96_000])


def says(path: Path, cue_in_s: float = 0.0) -> str:
    """The one line that a person reads about it."""
    with pytest.raises(DecodeError) as caught:
        next(iter(Decoder(path, 48_000, cue_in_s)))
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and ";" in line
    return line


def test_what_cannot_be_played_is_said_in_one_line(shelf: Path, tmp_path: Path) -> None:
    assert "does not exist" in says(tmp_path / "gone.flac")
    assert "is a folder" in says(tmp_path)
    empty = tmp_path / "empty.mp3"
    empty.touch()
    assert "is empty" in says(empty)
    notes = tmp_path / "notes.flac"
    notes.write_text("dear diary\n" * 200)
    assert "not music" in says(notes) or "no sound" in says(notes)
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(random.Random(2).randbytes(50_000))
    assert "sound" in says(noise) or "not music" in says(noise)
    head = tmp_path / "head.flac"
    head.write_bytes((shelf / "music.flac").read_bytes()[:50])
    assert "not music" in says(head) or "no sound" in says(head)
    cut = tmp_path / "cut.m4a"
    content = (shelf / "music.m4a").read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    assert "damaged" in says(cut)


def test_protected_music_is_called_that(shelf: Path, tmp_path: Path) -> None:
    path = tmp_path / "bought.m4p"
    path.write_bytes((shelf / "music.m4a").read_bytes().replace(b"mp4a", b"drms"))
    assert "copy-protected" in says(path)


def test_a_cue_in_beyond_the_end_is_the_cue_ins_fault(shelf: Path) -> None:
    assert "correct its cue-in" in says(shelf / "music.flac", cue_in_s=60.0)


def test_no_name_reaches_the_network(tmp_path: Path) -> None:
    for name in ("http://127.0.0.1:9/x.mp3", "concat:a|b", "pipe:0"):
        with pytest.raises(DecodeError, match="does not exist"):
            Decoder(name, 48_000)
    playlist = tmp_path / "stream.m3u8"
    playlist.write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(DecodeError):
        next(iter(Decoder(playlist, 48_000)))
