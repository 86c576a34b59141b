"""Every file is measured once, and a broken one costs itself alone."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from studio import Studio, picture

from kaproom.curation.scan import measured, scan
from kaproom.measurements import Measured, Measurements, Stamp, cache_folder


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path / "music")


@pytest.fixture
def kept(tmp_path: Path) -> Measurements:
    return Measurements(tmp_path / "measured")


def problem(path: Path, kept: Measurements) -> str | None:
    return scan([path], kept).files[str(path)].problem


# Measuring


def test_a_file_is_measured_with_its_tags(studio: Studio, kept: Measurements) -> None:
    path = studio.coded("a.flac", "flac", {"title": "Shore", "artist": "Nobody"}, length_s=4.0)
    found = scan([path], kept).files[str(path)]
    assert found.problem is None
    assert (found.title, found.artist, found.codec) == ("Shore", "Nobody", "flac")
    assert (found.rate_hz, found.channels) == (48_000, 2)
    assert found.length_s == pytest.approx(4.0)
    # A sine of amplitude A in both channels: BS.1770 gives 20·log10 A, and 440 Hz weighs -0.63 LU
    # less than 997 Hz.
    assert found.integrated_lufs == pytest.approx(-12.0, abs=0.7)
    assert found.max_short_term_lufs == pytest.approx(found.integrated_lufs, abs=0.1)
    assert found.true_peak_dbtp == pytest.approx(-12.0, abs=0.1)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "name"),
    [
        (8_000, 1, "phone.wav"),
        (11_025, 2, "old.wav"),
        (22_050, 1, "tape.ogg"),
        (44_100, 2, "disc.flac"),
        (48_000, 6, "film.flac"),
        (96_000, 2, "studio.flac"),
        (192_000, 2, "finest.wav"),
    ],
)
def test_mono_surround_and_any_rate_are_measured(
    studio: Studio, kept: Measurements, rate_hz: int, channels: int, name: str
) -> None:
    path = studio.tone(name, 1.5, rate_hz=rate_hz, channels=channels)
    found = scan([path], kept).files[str(path)]
    assert found.problem is None
    assert (found.rate_hz, found.channels) == (rate_hz, channels)
    assert found.length_s == pytest.approx(1.5, abs=0.02)
    assert math.isfinite(found.integrated_lufs) and found.true_peak_dbtp > -13


def test_the_second_scan_measures_nothing(studio: Studio, kept: Measurements) -> None:
    paths = [studio.tone("a.wav"), studio.tone("b.wav")]
    first = scan(paths, kept)
    assert first.measured_now == 2
    told: list[tuple[int, int, str]] = []
    second = scan(paths, kept, lambda *now: told.append(now))
    assert (second.measured_now, told) == (0, [])
    assert second.files == first.files
    assert measured(paths, kept) == first.files


def test_nothing_is_known_of_what_was_never_measured(studio: Studio, kept: Measurements) -> None:
    assert measured([studio.tone("a.wav")], kept) == {}


def test_one_file_under_two_names_is_measured_once(studio: Studio, kept: Measurements) -> None:
    path = studio.tone("a.wav")
    link = studio.folder / "link.wav"
    link.symlink_to(path)
    scan([path], kept)
    found = scan([link], kept)
    assert found.measured_now == 0
    assert found.files[str(link)].path == str(link)


def test_progress_tells_each_name_and_ends_complete(studio: Studio, kept: Measurements) -> None:
    paths = [studio.tone(f"{n}.wav", n + 1.0) for n in range(3)]
    told: list[tuple[int, int, str]] = []
    scan(paths, kept, lambda *now: told.append(now))
    assert [name for _, _, name in told] == ["2.wav", "1.wav", "0.wav", ""]
    assert [total for _, total, _ in told] == [3] * 4
    assert told[-1] == (3, 3, "")


def test_results_stand_in_the_order_asked_for(studio: Studio, kept: Measurements) -> None:
    paths = [studio.tone("b.wav", 1.0), studio.tone("a.wav", 3.0), studio.folder / "c.wav"]
    assert list(scan(paths, kept).files) == [str(path) for path in paths]


# Broken files, read as their owner would


def test_a_file_that_is_missing(studio: Studio, kept: Measurements) -> None:
    said = "does not exist; put it back or name another"
    assert problem(studio.folder / "gone.flac", kept) == said


def test_a_file_that_is_empty(studio: Studio, kept: Measurements) -> None:
    assert problem(studio.bytes("a.flac", b""), kept) == "is empty; copy it again"


def test_a_file_that_is_protected(studio: Studio, kept: Measurements) -> None:
    said = "is copy-protected (DRM); use a copy without protection"
    assert problem(studio.protected("a.m4p"), kept) == said


def test_a_file_that_is_no_music(studio: Studio, kept: Measurements) -> None:
    said = "is not music, or is damaged at its beginning; copy it again or replace it"
    assert problem(studio.bytes("a.mp3", b"Dear diary, " * 500), kept) == said
    assert problem(studio.bytes("a.flac", picture()), kept) == (
        "holds no sound; replace it by a music file"
    )


def test_a_file_whose_head_alone_was_copied(studio: Studio, kept: Measurements) -> None:
    path = studio.cut(studio.tone("a.flac"), 0.01)
    assert problem(path, kept) is not None


def test_a_file_that_was_cut_off_says_how_long_it_should_be(
    studio: Studio, kept: Measurements
) -> None:
    path = studio.cut(studio.tone("a.flac", 10.0), 0.5)
    found = scan([path], kept).files[str(path)]
    assert found.problem is None
    assert found.said_length_s == pytest.approx(10.0, abs=0.1)
    assert 3.0 < found.length_s < 7.0


def test_a_file_that_is_silent(studio: Studio, kept: Measurements) -> None:
    path = studio.tone("a.wav", peak_dbfs=-200)
    assert problem(path, kept) == "is silent from beginning to end; replace it"


def test_a_file_that_is_too_short(studio: Studio, kept: Measurements) -> None:
    path = studio.tone("a.wav", 0.2)
    assert problem(path, kept) == "is shorter than 1 s, too short for music; replace it"


def test_a_file_that_was_cut_off_in_its_first_second(studio: Studio, kept: Measurements) -> None:
    path = studio.cut(studio.tone("a.flac", 10.0), 0.04)
    assert problem(path, kept) == "breaks off within its first second; copy it again"


def test_a_folder_and_a_pipe_are_no_files(studio: Studio, kept: Measurements) -> None:
    studio.folder.mkdir()
    pipe = studio.folder / "pipe.wav"
    os.mkfifo(pipe)
    assert problem(studio.folder, kept) == "is a folder; name a music file"
    assert problem(pipe, kept) == "is not a regular file; name a music file"


def test_a_name_that_is_no_text(studio: Studio, kept: Measurements) -> None:
    broken = os.fsencode(studio.tone("a.wav").parent) + b"/\xff.wav"
    path = (studio.folder / "a.wav").rename(os.fsdecode(broken))
    assert problem(path, kept) == "has a name that is not valid UTF-8; rename it"


def test_a_broken_file_is_tried_again_after_it_was_mended(
    studio: Studio, kept: Measurements
) -> None:
    path = studio.tone("a.wav")
    content = path.read_bytes()
    path.write_bytes(b"")
    assert problem(path, kept) is not None
    path.write_bytes(content)
    assert problem(path, kept) is None


def decoder_that(does: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Has the decoder misbehave on files called bad.wav, in the measurers alone."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'kaproom.curation.measurer' in ' '.join(sys.orig_argv):\n"
        "    import os, signal, threading\n"
        "    from kaproom.audio import loudness\n"
        "    honest = loudness.measure\n"
        "    def measure(path):\n"
        "        if path.endswith('bad.wav'):\n"
        f"            {does}\n"
        "        return honest(path)\n"
        "    loudness.measure = measure\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_a_file_that_crashes_the_decoder_costs_itself_alone(
    studio: Studio, kept: Measurements, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoder_that("os.kill(os.getpid(), signal.SIGSEGV)", monkeypatch, tmp_path / "site")
    paths = [studio.tone(name, 1.0) for name in ("a.wav", "bad.wav", "c.wav", "d.wav")]
    found = scan(paths, kept, workers=1).files
    problems = {Path(path).name: about.problem for path, about in found.items() if about.problem}
    assert problems == {"bad.wav": "crashed the decoder; replace it by another copy"}


def test_a_file_that_never_ends_is_given_up(
    studio: Studio, kept: Measurements, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoder_that("threading.Event().wait()", monkeypatch, tmp_path / "site")
    paths = [studio.tone(name, 1.0) for name in ("a.wav", "bad.wav", "c.wav")]
    found = scan(paths, kept, give_up_s=2.0).files
    problems = {Path(path).name: about.problem for path, about in found.items() if about.problem}
    assert problems == {"bad.wav": "takes for ever to decode; replace it by another copy"}


def test_a_mistake_of_ours_is_told_as_a_problem_of_the_file(
    studio: Studio, kept: Measurements, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoder_that("raise ZeroDivisionError('by zero')", monkeypatch, tmp_path / "site")
    said = "cannot be measured (ZeroDivisionError: by zero); replace it"
    assert problem(studio.tone("bad.wav"), kept) == said


def test_what_a_library_prints_is_not_taken_for_a_measurement(
    studio: Studio, kept: Measurements, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoder_that("print('noise', flush=True)", monkeypatch, tmp_path / "site")
    assert problem(studio.tone("bad.wav"), kept) is None


def test_ctrl_c_keeps_what_is_done_and_leaves_no_process(
    studio: Studio, kept: Measurements
) -> None:
    paths = [studio.tone(f"{n}.wav", 1.0 + n) for n in range(4)]
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kaproom.curation.scan import scan\n"
        "from kaproom.measurements import Measurements\n"
        "def told(done, total, name):\n"
        "    print(done, flush=True)\n"
        "    if done == 2: sys.stdin.read()\n"
        "scan(sys.argv[2:], Measurements(Path(sys.argv[1])), told, workers=1)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(kept.folder), *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    while child.stdout.readline() != "2\n":
        pass
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert said.splitlines()[-1] == "KeyboardInterrupt"
    assert set(measured(paths, kept)) == {str(path) for path in paths[2:]}
    left = subprocess.run(
        ["pgrep", "-f", "kaproom.curation.measurer", "-P", str(child.pid)], check=False
    )
    assert left.returncode == 1


# What is kept


def test_a_changed_file_is_measured_again(studio: Studio, kept: Measurements) -> None:
    path = studio.tone("a.wav", peak_dbfs=-12)
    scan([path], kept)
    studio.tone("a.wav", peak_dbfs=-24)
    found = scan([path], kept)
    assert found.measured_now == 1
    assert found.files[str(path)].true_peak_dbtp == pytest.approx(-24, abs=0.1)


def test_a_replaced_file_is_noticed_though_size_and_time_are_the_same(
    studio: Studio, kept: Measurements
) -> None:
    path = studio.tone("a.wav", peak_dbfs=-12)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    scan([path], kept)
    studio.tone("a.wav", peak_dbfs=-24)
    os.utime(path, ns=times)
    assert measured([path], kept) == {}


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"v": 1}', b'{"v": 1, "stamp": 3, "measured": {}}'],
)
def test_a_damaged_measurement_is_made_anew(
    studio: Studio, kept: Measurements, damage: bytes
) -> None:
    path = studio.tone("a.wav")
    good = scan([path], kept).files
    for file in kept.folder.rglob("*.json"):
        file.write_bytes(damage)
    assert measured([path], kept) == {}
    assert scan([path], kept).files == good
    assert measured([path], kept) == good


def test_a_measurement_with_a_wrong_value_is_made_anew(studio: Studio, kept: Measurements) -> None:
    path = studio.tone("a.wav")
    scan([path], kept)
    for file in kept.folder.rglob("*.json"):
        values = json.loads(file.read_text())
        values["measured"]["integrated_lufs"] = "loud"
        file.write_text(json.dumps(values))
    assert measured([path], kept) == {}


def test_a_folder_that_cannot_be_written_is_told_and_the_files_are_measured(
    studio: Studio,
) -> None:
    path = studio.tone("a.wav")
    found = scan([path], Measurements(Path("/proc/measured")))
    assert found.files[str(path)].problem is None
    assert found.why_not_kept.startswith("/proc/measured cannot be written (")


def test_a_measurement_survives_its_way_through_json() -> None:
    found = Measured("a", 1.5, 1.5, -23.0, -20.0, -3.0, 48_000, 2, "flac", "T", "A", None)
    assert Measured.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_a_file_too_large_for_its_ends_to_meet_is_known_by_both(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(300_000))
    first = Stamp.of(path)
    assert first is not None
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    last = Stamp.of(path)
    assert last is not None and last.ends != first.ends


def test_measurements_lie_with_the_room_or_in_the_users_cache(tmp_path: Path) -> None:
    assert cache_folder(tmp_path / "room") == tmp_path / "room" / "measured"
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    assert cache_folder(None, env) == tmp_path / "kaproom" / "measured"
    assert cache_folder(None, {}) == Path.home() / ".cache/kaproom/measured"
