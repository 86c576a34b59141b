"""A session played through before anybody lies down: each planted fault is found where it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from recordings import music, written

from kaproom.audio import programme, voice
from kaproom.curation.courses import NAMES, PLANNED, course
from kaproom.curation.deep import chosen, rehearse
from kaproom.curation.faults import Fault, merged
from kaproom.curation.flat import flat_tops
from kaproom.curation.listening import Listening
from kaproom.curation.measurer import measure
from kaproom.curation.playthrough import Playthrough
from kaproom.curation.rehearser import rehearsed
from kaproom.curation.selection import selected
from kaproom.errors import Mend
from kaproom.files import LoadedProfile, load_profile
from kaproom.files.loading import pieces
from kaproom.measurements import Measured
from kaproom.session.repertoire import Repertoire
from kaproom.session.roomfile import RoomFile

PROFILE = """\
kaproom: profile/1
title: Short
infusion: {planned_min: 1}
playlist: ./list.yaml
crossfade_s: 4
phases:
  - {name: settling, section: first, bed: ocean}
  - {name: peak, start_min: 0, section: open}
  - {name: recovery, start_min: 1, bed: pad}
session_end_min: 1.25
refuge: {soundscape: ocean}
prompts: []
"""
OPEN_S = 24.0
"""Three of these, with their crossfades, last as long as the peak."""


@dataclass
class House:
    """A profile of a minute and a half, and its music."""

    folder: Path

    def piece(self, name: str, sound: NDArray[Any], subtype: str = "") -> Path:
        return written(self.folder / name, sound, subtype=subtype)

    def ready(self, *open_: str, first: str = "first.flac") -> LoadedProfile:
        rows = "\n".join(f"    - file: {name}" for name in open_)
        (self.folder / "list.yaml").write_text(
            f"kaproom: playlist/1\nsections:\n  first:\n    - file: {first}\n  open:\n{rows}\n"
        )
        profile = self.folder / "short.yaml"
        if not profile.exists():
            profile.write_text(PROFILE)
        return load_profile(self.folder / "short.yaml", RoomFile())

    def measured(self, loaded: LoadedProfile) -> dict[str, Measured]:
        paths = [located.path for located in pieces(loaded)]
        return {str(path): _measured(path.resolve(), path) for path in paths}

    def faults(self, *open_: str, on: str = PLANNED, then: Callable[[], Any] | None = None) -> Any:
        """What is heard of these pieces; ``then`` happens after they were measured."""
        loaded = self.ready(*open_)
        files = self.measured(loaded)
        if then is not None:
            then()
        said = {path: one.said_length_s for path, one in files.items()}
        return heard(loaded, selected(loaded, files, 0), on, said)


@lru_cache
def _of(path: Path) -> Measured:
    return measure(str(path))


def _measured(real: Path, path: Path) -> Measured:
    """As `scan` would, here and once: its processes would take longer than the listening."""
    return replace(_of(real), path=str(path))


def heard(loaded: LoadedProfile, music: Repertoire, on: str, said: dict[str, float]) -> list[Fault]:
    way = course(on, loaded.profile)
    assert way is not None
    told = rehearsed(loaded.profile, music, way, said)
    return [each for each in told if isinstance(each, Fault)]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound music, made once."""
    folder = tmp_path_factory.mktemp("shelf")
    written(folder / "first.flac", music(20.0, seed=9))
    for number in (1, 2, 3):
        written(folder / f"{number}.flac", music(OPEN_S, seed=number))
    return folder


@pytest.fixture
def house(tmp_path: Path, shelf: Path) -> House:
    for path in shelf.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return House(tmp_path)


Found = dict[str, list[Fault]]


def one(faults: list[Fault]) -> tuple[str, str, float, str]:
    """The only fault: kind, phase, second of the file, line."""
    assert len(faults) == 1, faults
    fault = faults[0]
    assert fault.file_at_s is not None
    return fault.kind, fault.phase, fault.file_at_s, fault.line


@pytest.mark.parametrize("on", [PLANNED, "pause", "skip"])
def test_a_sound_session_has_no_fault_whatever_befalls_it(house: House, on: str) -> None:
    found = house.faults("1.flac", "2.flac", "3.flac", on=on)
    # A disturbance may ask for more music than there is.
    assert {fault.kind for fault in found} <= (set() if on == PLANNED else {"too-little-music"})


def test_a_planned_silence_after_a_loud_piece_is_no_rise(house: House) -> None:
    house.piece("loud.flac", music(OPEN_S, seed=4) * 3)
    found = house.faults("loud.flac\n    - silence: 10 s", "2.flac", "3.flac")
    assert [fault.line for fault in found if fault.kind == "rise"] == []


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, shelf: Path) -> dict[str, list[Fault]]:
    """What is heard of a playlist of which every piece is broken in its own way."""
    house = House(tmp_path_factory.mktemp("broken"))
    (house.folder / "first.flac").symlink_to(shelf / "first.flac")
    cut = house.piece("cut.flac", music(OPEN_S, seed=5))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    hurt = house.piece("hurt.flac", music(OPEN_S, seed=6))
    content = bytearray(hurt.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 300] = bytes(300)
    hurt.write_bytes(content)
    hush = music(OPEN_S, seed=7)
    hush[8 * 48_000 : 16 * 48_000] = 0.0
    house.piece("hush.flac", hush)
    house.piece("hot.flac", np.clip(music(OPEN_S, seed=8) * 12, -1.0, 1.0))
    gone = house.piece("gone.flac", music(OPEN_S, seed=9))
    names = ("cut.flac", "hurt.flac", "hush.flac", "hot.flac", "gone.flac")
    by_file: dict[str, list[Fault]] = {name: [] for name in names}
    minutes = PROFILE.replace("planned_min: 1", "planned_min: 1.8").replace(
        "start_min: 1,", "start_min: 1.8,"
    )
    (house.folder / "short.yaml").write_text(minutes.replace("end_min: 1.25", "end_min: 2"))
    for fault in house.faults(*names, then=gone.unlink):
        by_file[Path(fault.file).name].append(fault)
    return by_file


def test_a_file_that_was_cut_off_is_found_where_it_breaks_off(found: Found) -> None:
    kind, phase, at_s, line = one(found["cut.flac"])
    assert (kind, phase) == ("unreadable", "peak")
    assert at_s == pytest.approx(OPEN_S / 2, abs=2)
    assert line == "breaks off and should last 0:24; copy it again"


def test_a_file_that_went_away_is_found_and_a_soundscape_takes_over(found: Found) -> None:
    kind, phase, at_s, line = one(found["gone.flac"])
    assert (kind, phase, at_s) == ("unreadable", "peak", 0)
    assert line.startswith("does not exist; a soundscape takes over; put it back")


def test_a_corrupt_frame_is_found_at_its_second(found: Found) -> None:
    kind, phase, at_s, line = one(found["hurt.flac"])
    assert (kind, phase) == ("damaged", "peak")
    assert at_s == pytest.approx(OPEN_S / 2, abs=2)
    assert line.endswith("copy it again")


def test_silence_within_a_piece_is_found_with_its_length(found: Found) -> None:
    kind, phase, at_s, line = one(found["hush.flac"])
    assert (kind, phase) == ("silence", "peak")
    assert at_s == pytest.approx(8, abs=0.2)
    assert line.startswith("nothing is heard for 8 s, and no silence is planned; set cue_in_s")


def test_a_clipped_recording_is_found(found: Found) -> None:
    kind, phase, _, line = one(found["hot.flac"])
    assert (kind, phase) == ("clipped", "peak")
    assert line.endswith("use another copy or transfer")


def test_a_fault_is_told_with_its_minute(found: Found) -> None:
    faults = [fault for of_file in found.values() for fault in of_file]
    assert sorted(round(fault.minute, 1) for fault in faults)[0] >= 0
    assert all(fault.minute <= 1.8 for fault in faults)
    assert {fault.title for fault in faults} == {"cut", "hurt", "hush", "hot", "gone"}


def test_a_loud_start_after_a_quiet_end_is_found_at_its_seam(house: House) -> None:
    ends_softly, starts_loudly = music(OPEN_S, seed=5), music(OPEN_S, seed=6)
    ends_softly[10 * 48_000 :] *= 0.02
    starts_loudly[8 * 48_000 :] *= 0.3
    house.piece("soft.flac", ends_softly, "PCM_24")
    house.piece("loud.flac", starts_loudly)
    kind, phase, at_s, line = one(house.faults("soft.flac", "loud.flac", "1.flac"))
    assert (kind, phase, at_s) == ("level-step", "peak", 0)
    assert "LU above what it follows" in line
    assert line.endswith("give it a longer crossfade, a later cue_in_s or another place")


@pytest.mark.parametrize("hz", [30.0, 440.0, 11_025.0])
def test_a_tone_at_full_scale_is_not_clipped(tmp_path: Path, hz: float) -> None:
    time_s = np.arange(20 * 48_000) / 48_000
    sine = np.repeat(np.sin(2 * np.pi * hz * time_s)[:, None], 2, axis=1)
    assert flat_tops(str(written(tmp_path / f"{hz}.flac", sine))) == ()


def test_a_first_piece_that_cannot_be_read_is_found_before_the_infusion(house: House) -> None:
    gone = house.folder / "first.flac"
    (fault,) = house.faults("1.flac", "2.flac", "3.flac", then=gone.unlink)
    assert (fault.kind, fault.phase, fault.title) == ("unreadable", "settling", "first")
    assert fault.minute == pytest.approx(-0.31, abs=0.05)


def test_a_phase_with_too_little_music_is_found(house: House) -> None:
    longer = PROFILE.replace("planned_min: 1", "planned_min: 4").replace(
        "start_min: 1,", "start_min: 4,"
    )
    (house.folder / "short.yaml").write_text(longer.replace("end_min: 1.25", "end_min: 4.25"))
    (fault,) = [fault for fault in house.faults("1.flac") if fault.phase == "peak"]
    assert (fault.kind, fault.file) == ("too-little-music", "")
    assert fault.line.startswith("'open' has music for 0:")
    assert fault.line.endswith("; its bed, pad, fills the rest: add pieces")


def test_a_gain_that_rises_faster_than_the_law_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.piece("soft.flac", music(OPEN_S, seed=5) * 0.1, "PCM_24")
    monkeypatch.setattr(programme, "SLEW_DB_PER_S", 12.0)
    monkeypatch.setattr(voice, "SLEW_DB_PER_S", 12.0)
    found = house.faults("1.flac", "soft.flac", "2.flac")
    assert "rise" in {fault.kind for fault in found}


def test_a_mix_above_the_ceiling_is_found(house: House) -> None:
    loaded = house.ready("1.flac", "2.flac", "3.flac")
    way = course(PLANNED, loaded.profile)
    assert way is not None
    play = Playthrough(loaded.profile, selected(loaded, house.measured(loaded), 0), way)
    listening = Listening(PLANNED, way.start_s, {})
    sounding: Iterator[Any] = play.heard()
    first = next(sounding)
    listening.hear(replace(first, block=first.block * 0 + np.float32(0.95)))
    sounding.close()  # type: ignore[attr-defined]
    (fault,) = listening.finish()
    assert fault.kind == "over-ceiling"
    assert "above the ceiling of -1.0" in fault.line


def test_the_same_fault_on_two_courses_is_told_once() -> None:
    fault = Fault("damaged", "planned", 3.0, "peak", "x", "/x.flac", 180.0, "is damaged")
    again = replace(fault, course="pause", minute=9.0, file_at_s=181.0)
    other = replace(fault, course="pause", file_at_s=240.0)
    assert merged([fault, again, other]) == [replace(fault, also=("pause",)), other]
    assert Fault.from_json(fault.to_json()) == fault


def test_courses_are_chosen_by_name(house: House) -> None:
    profile = house.ready("1.flac").profile

    def named(names: list[str] | None) -> list[str]:
        return [way.name for way in chosen(names, profile)]

    assert named(None) == ["planned", "late-start", "pause", "stop-early", "calm"]
    assert named(["skip"]) == ["planned", "skip"]
    assert named(["none"]) == ["planned"]
    assert len(named(["all"])) == len(NAMES) - 2  # no dose, so no rate to change
    with pytest.raises(Mend, match="did you mean 'pause'"):
        chosen(["paus"], profile)


def test_each_course_is_a_process_of_its_own(house: House) -> None:
    sound = music(OPEN_S, seed=5)
    sound[8 * 48_000 : 16 * 48_000] = 0.0
    house.piece("hush.flac", sound)
    loaded = house.ready("1.flac", "hush.flac", "2.flac")
    files = house.measured(loaded)
    told: dict[str, float] = {}
    courses = chosen(["hold"], loaded.profile)
    deep = rehearse(loaded.profile, selected(loaded, files, 0), files, courses, told.__setitem__)
    assert told == {"planned": 1.0, "hold": 1.0}
    hush = next(fault for fault in deep.faults if fault.kind == "silence")
    assert (hush.course, hush.also) == ("planned", ("hold",))


def test_a_course_that_kills_its_process_is_a_fault_and_the_others_are_played(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = house.ready("1.flac", "2.flac", "3.flac")
    files = house.measured(loaded)
    whole = chosen(["calm"], loaded.profile)
    strange = replace(whole[0], name="no such course")
    deep = rehearse(loaded.profile, selected(loaded, files, 0), files, (strange, whole[1]))
    (fault,) = deep.faults
    assert (fault.course, fault.kind) == ("no such course", "unreadable")
    assert "ended the process" in fault.line
