"""Everything that would stop or spoil a session, as its user reads it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pulse import NullSink, until
from studio import Studio, picture

from kaproom.audio.devices import devices, named, of_device, of_haste
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.curation.check import Checked, check
from kaproom.curation.scan import scan
from kaproom.errors import WorldFailed
from kaproom.files import load_profile
from kaproom.measurements import Measurements
from kaproom.session.roomfile import RoomFile

PROFILE = """\
kaproom: profile/1
title: Trial
infusion:
  planned_min: 2
playlist: ./list.yaml
{head}
crossfade_s: 2
phases:
  - name: settling
    bed: ocean
  - name: peak
    start_min: 0
    section: open
{peak}
  - name: recovery
    start_min: 2
    bed: pad
session_end_min: 3
refuge: {refuge}
"""


class House:
    """A profile, a playlist and their music in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.studio = Studio(folder / "music")
        self.kept = Measurements(folder / "measured")
        self.room = RoomFile(data=str(folder / "data"), device="silent")

    def write(
        self,
        *pieces: str,
        head: str = "",
        peak: str = "",
        refuge: str = "{soundscape: ocean}",
        more: str = "",
    ) -> None:
        """Pieces of the section `open`, each as its keys in one line."""
        rows = "\n".join(f"    - {{{piece}}}" for piece in pieces)
        (self.folder / "list.yaml").write_text(
            f"kaproom: playlist/1\nsections:\n  open:\n{rows}\n{more}"
        )
        peak = "\n".join(f"    {line}" for line in peak.splitlines())
        (self.folder / "trial.yaml").write_text(PROFILE.format(head=head, peak=peak, refuge=refuge))

    def check(
        self,
        without: frozenset[str] = frozenset(),
        closing: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Checked:
        return check(
            load_profile(self.folder / "trial.yaml", self.room),
            self.room,
            without,
            closing,
            kept=self.kept,
            progress=progress,
            surroundings=False,
        )

    def lines(
        self, without: frozenset[str] = frozenset(), closing: Path | None = None
    ) -> list[str]:
        found = self.check(without, closing).findings
        assert not any("\n" in str(finding) for finding in found)
        return [f"{finding.level} {finding}" for finding in found]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    return House(tmp_path)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Measurements]:
    """A piece long enough for `peak`, measured once for all tests."""
    folder = tmp_path_factory.mktemp("shelf")
    path = Studio(folder).tone("long.flac", 125.0, rate_hz=8_000, peak_dbfs=-23)
    kept = Measurements(folder / "measured")
    scan([path], kept)
    return path, kept


@pytest.fixture
def full(house: House, shelf: tuple[Path, Measurements]) -> House:
    """A session with just enough music."""
    house.studio.folder.mkdir()
    (house.studio.folder / "long.flac").symlink_to(shelf[0])
    house.kept = shelf[1]
    return house


def test_a_session_with_all_its_music_is_ready(full: House) -> None:
    full.write("file: music/long.flac")
    found = full.check()
    assert found.findings == []
    assert not found.stops
    assert found.measured[str(full.folder / "music/long.flac")].length_s == pytest.approx(125)


def test_a_session_without_any_file_is_ready(house: House) -> None:
    house.write("soundscape: pad")
    assert house.lines() == []


def test_what_was_measured_once_is_not_measured_again(full: House) -> None:
    full.write("file: music/long.flac")
    full.kept = Measurements(full.folder / "measured")
    told: list[tuple[int, int, str]] = []
    full.check(progress=lambda *now: told.append(now))
    assert told == [(0, 1, "long.flac"), (1, 1, "")]
    full.check(progress=lambda *now: told.append(now))
    assert len(told) == 2


# Files that cannot be played

AT = "stop list.yaml:5: sections.open[2].file: "


def with_second(house: House, file: str) -> list[str]:
    """What is said of a session whose second piece is this file."""
    house.write("file: music/long.flac", f'file: "{file}"')
    return [line for line in house.lines() if line.startswith("stop")]


def test_a_missing_file_is_told_with_the_one_that_was_meant(full: House) -> None:
    assert with_second(full, "music/lonk.flac") == [
        AT + "'music/lonk.flac' does not exist (did you mean 'long.flac'?); "
        "put it back or name another"
    ]


def test_an_empty_file_is_told(full: House) -> None:
    full.studio.bytes("e.flac", b"")
    assert with_second(full, "music/e.flac") == [AT + "'music/e.flac' is empty; copy it again"]


def test_a_protected_file_is_told(full: House) -> None:
    full.studio.protected("shop.m4p")
    assert with_second(full, "music/shop.m4p") == [
        AT + "'music/shop.m4p' is copy-protected (DRM); use a copy without protection"
    ]


def test_a_file_that_is_no_music_is_told(full: House) -> None:
    full.studio.bytes("cover.mp3", picture())
    full.studio.bytes("diary.mp3", b"Dear diary, " * 500)
    assert with_second(full, "music/cover.mp3") == [
        AT + "'music/cover.mp3' holds no sound; replace it by a music file"
    ]
    assert with_second(full, "music/diary.mp3") == [
        AT + "'music/diary.mp3' is not music, or is damaged at its beginning; "
        "copy it again or replace it"
    ]


def test_a_folder_instead_of_a_file_is_told(full: House) -> None:
    assert with_second(full, "music") == [AT + "'music' is a folder; name a music file"]


def test_a_file_that_was_cut_off_is_told_and_plays_as_far_as_it_goes(full: House) -> None:
    full.studio.cut(full.studio.tone("cut.flac", 60.0, peak_dbfs=-23), 0.5)
    full.write("file: music/cut.flac", "file: music/long.flac")
    line = full.lines()[0]
    assert line.startswith("warn list.yaml:4: sections.open[1].file: 'music/cut.flac' breaks off")
    assert line.endswith("and should last 1:00; copy it again")


@pytest.mark.parametrize(("channels", "rate_hz"), [(1, 8_000), (6, 48_000), (2, 192_000)])
def test_mono_surround_and_unusual_rates_are_no_trouble(
    full: House, channels: int, rate_hz: int
) -> None:
    full.studio.tone("a.flac", 2.0, channels=channels, rate_hz=rate_hz, peak_dbfs=-23)
    full.write("file: music/a.flac", "file: music/long.flac")
    assert [line for line in full.lines() if not line.startswith("note")] == []


def test_every_bad_file_has_a_line_of_its_own(full: House) -> None:
    full.studio.bytes("e.flac", b"")
    full.write("file: music/e.flac", "file: music/gone.flac", "file: music/long.flac")
    found = full.check()
    assert found.stops
    assert [f.where for f in found.findings if f.level == "stop"] == [
        "list.yaml:4: sections.open[1].file",
        "list.yaml:5: sections.open[2].file",
    ]


def test_a_piece_that_begins_after_its_file_ends_is_told(full: House) -> None:
    full.write('file: music/long.flac, cue_in_s: "5:00"', "soundscape: pad")
    assert full.lines() == [
        "stop list.yaml:4: sections.open[1].file: 'music/long.flac' begins at 5:00 and ends at "
        "2:05; correct cue_in_s"
    ]


def test_a_piece_that_should_end_after_its_file_does_is_told(full: House) -> None:
    full.write('file: music/long.flac, cue_out_s: "5:00"')
    assert full.lines() == [
        "warn list.yaml:4: sections.open[1].file: 'music/long.flac' ends at 2:05, before its "
        "cue_out_s, 5:00; correct it"
    ]


def test_a_piece_that_would_play_for_less_than_a_second_is_told(full: House) -> None:
    full.write("file: music/long.flac, cue_in_s: 10, cue_out_s: 10.5", "soundscape: pad")
    assert full.lines() == [
        "stop list.yaml:4: sections.open[1].file: 'music/long.flac' plays for 0.5 s, which is no "
        "music; correct cue_out_s"
    ]


def test_an_exit_after_the_end_is_told(full: House) -> None:
    full.write("file: music/long.flac, exits_s: [60, 200]")
    assert full.lines() == [
        "warn list.yaml:4: sections.open[1].file: 'music/long.flac' ends at 2:05, before its exit "
        "at 3:20; correct exits_s"
    ]


def test_a_link_that_leads_nowhere_is_not_told_as_a_slip_of_the_pen(full: House) -> None:
    (full.folder / "music" / "linked.flac").symlink_to("unplugged/a.flac")
    assert with_second(full, "music/linked.flac") == [
        AT + "'music/linked.flac' does not exist (it is a link to 'unplugged/a.flac', which is not "
        "there); put it back or name another"
    ]


# Loudness


def test_a_very_quiet_transfer_is_told(full: House) -> None:
    full.studio.tone("hiss.flac", 125.0, rate_hz=8_000, peak_dbfs=-40, subtype="PCM_24")
    full.write("file: music/hiss.flac")
    lines = full.lines()
    assert len(lines) == 1
    assert lines[0].startswith(
        "warn list.yaml:4: sections.open[1].file: 'music/hiss.flac' is very quiet (-40."
    )
    assert lines[0].endswith("dB, which lifts its noise as well; use a better transfer")


def clicks(house: House, peak_dbfs: float) -> None:
    """Soft music with a loud click."""
    import numpy as np
    import soundfile

    path = house.studio.tone("clicks.flac", 125.0, rate_hz=8_000, peak_dbfs=-32)
    samples, rate_hz = soundfile.read(path)
    samples[1000:1003] = 10 ** (peak_dbfs / 20)
    soundfile.write(path, np.asarray(samples), rate_hz)


def test_peaks_that_keep_a_piece_soft_are_told(full: House) -> None:
    clicks(full, peak_dbfs=-6)
    full.write("file: music/clicks.flac")
    lines = full.lines()
    assert len(lines) == 1
    assert "note list.yaml:4: sections.open[1].file: 'music/clicks.flac' will be" in lines[0]
    assert "LU softer than 'peak' wants: its peaks (-" in lines[0]


def test_a_loud_passage_that_keeps_a_piece_soft_is_told(full: House) -> None:
    full.write("file: music/long.flac, gain_trim_db: 6", head="limits: {ceiling_lufs: -20}")
    lines = full.lines()
    assert len(lines) == 1
    assert "LU softer than 'peak' wants: its loudest passage (-23." in lines[0]


# What of the playlist plays


def test_too_little_music_is_told_and_the_bed_fills(house: House) -> None:
    house.studio.tone("short.flac", 31.0, rate_hz=8_000, peak_dbfs=-23)
    house.write("file: music/short.flac")
    lines = house.lines()
    assert lines == [
        "note list.yaml: 'peak' lasts 2:00 and 'open' has music for 0:32 of it; "
        "its bed, pad, fills the rest"
    ]


def test_pieces_that_will_not_have_a_turn_are_told(full: House) -> None:
    full.studio.tone("spare.flac", 60.0, rate_hz=8_000, peak_dbfs=-23)
    pieces = [
        f"file: music/spare.flac, title: {title}, cue_in_s: {n}"
        for n, title in enumerate(("One", "Two", "Three", "Four"))
    ]
    full.write(*pieces)
    assert full.lines() == [
        "note list.yaml: 2 pieces of 'open' will not have a turn unless others are skipped: "
        "Three, Four"
    ]


def test_a_section_that_no_phase_draws_on_is_told_and_not_measured(full: House) -> None:
    full.write("file: music/long.flac", more="  other:\n    - {file: music/gone.flac}\n")
    assert full.lines() == []
    full.write("file: music/long.flac", more="  other:\n    - {soundscape: pad}\n")
    assert full.lines() == ["note list.yaml: no phase draws on 'other'"]


def test_vocals_where_a_phase_allows_none_are_told_and_left_out(full: House) -> None:
    full.studio.tone("song.flac", 30.0, rate_hz=8_000, peak_dbfs=-23)
    pieces = ("file: music/song.flac, vocals: true", "file: music/long.flac")
    full.write(*pieces, peak="vocals: none")
    assert (
        "note list.yaml: 1 piece of 'open' with vocals will not play in 'peak', "
        "which allows none" in full.lines()
    )
    full.write(*pieces)
    assert not any("vocals" in line for line in full.lines())


def test_what_is_left_out_of_this_session_is_not_judged(full: House) -> None:
    full.write("file: music/gone.flac, tags: [strings]", "file: music/long.flac")
    assert full.check().stops
    assert full.lines(frozenset({"strings"})) == []


def test_vocals_can_be_left_out_like_a_tag(full: House) -> None:
    full.write("file: music/gone.flac, vocals: true", "file: music/long.flac")
    assert full.lines(frozenset({"vocals"})) == []


def test_leaving_out_a_tag_that_nothing_has_is_told(full: House) -> None:
    full.write("file: music/long.flac, tags: [strings]")
    assert full.lines(frozenset({"string"})) == [
        "warn --without: no piece has the tag 'string' (did you mean 'strings'?), so nothing is "
        "left out"
    ]


def test_a_phase_that_nothing_is_left_for_is_told(full: House) -> None:
    full.write("file: music/long.flac, tags: [strings]")
    assert full.lines(frozenset({"strings"})) == [
        "warn list.yaml: no piece of 'open' is left for 'peak', so its bed, pad, plays alone; "
        "add pieces, or leave less out"
    ]


# Refuge and closing


def test_a_refuge_that_is_not_there_stops_the_session(full: House) -> None:
    full.write("file: music/long.flac", refuge="{file: music/calm.flac}")
    lines = full.lines()
    assert len(lines) == 1
    assert lines[0].startswith("stop trial.yaml:")
    assert "refuge.file: 'music/calm.flac' does not exist" in lines[0]


def test_a_refuge_shorter_than_a_long_calm_is_told(full: House) -> None:
    full.studio.tone("calm.flac", 100.0, rate_hz=8_000, peak_dbfs=-23)
    full.write("file: music/long.flac", refuge="{file: music/calm.flac}")
    lines = full.lines()
    assert len(lines) == 1
    assert "refuge.file: lasts 1:40; a calm that lasts longer goes on with" in lines[0]


def test_a_patients_closing_piece_is_measured(full: House) -> None:
    full.write("file: music/long.flac, cue_out_s: 95")
    own = full.studio.tone("own.mp3", 30.0, peak_dbfs=-23)
    found = full.check(closing=own)
    assert found.findings == []
    assert found.measured[str(own)].length_s == pytest.approx(30, abs=0.1)


def test_a_closing_piece_that_cannot_be_played_stops_the_session(full: House) -> None:
    full.write("file: music/long.flac")
    own = full.studio.protected("own.m4p")
    assert full.lines(closing=own) == [
        "stop --closing: 'music/own.m4p' is copy-protected (DRM); use a copy without protection"
    ]
    gone = full.folder / "gone.mp3"
    assert full.lines(closing=gone) == [
        "stop --closing: 'gone.mp3' does not exist; put it back or name another"
    ]


def test_a_closing_piece_longer_than_the_last_phase_is_told(full: House) -> None:
    full.write("file: music/long.flac")
    own = full.folder / "music/long.flac"
    assert full.lines(closing=own) == [
        "warn --closing: lasts 2:05, longer than 'recovery', 1:00; the session ends 1:05 later"
    ]


def test_a_closing_piece_that_breaks_the_clinics_limit_stops_the_session(full: House) -> None:
    full.write("file: music/long.flac", head="limits: {max_session_min: 3.5}")
    own = full.folder / "music/long.flac"
    assert full.lines(closing=own) == [
        "stop --closing: the session would last 4 min with it and limits.max_session_min allows "
        "3.5; choose a shorter one"
    ]


def test_measurements_that_cannot_be_kept_are_told(full: House) -> None:
    full.write("file: music/long.flac")
    full.kept = Measurements(Path("/proc/measured"))
    lines = full.lines()
    assert len(lines) == 1
    assert lines[0].startswith("warn measurements: /proc/measured cannot be written (")


# The device and what is around


def around(house: House, device: str) -> list[str]:
    """Stops and warnings of a session on a real sound server."""
    house.write("soundscape: pad")
    room = house.room.model_copy(update={"device": device})
    loaded = load_profile(house.folder / "trial.yaml", room)
    found = check(loaded, room, kept=house.kept).findings
    # What this machine's clock and login service are like is not the matter here.
    return [f"{f.level} {f}" for f in found if f.where not in ("clock", "sleep", "power")]


@pytest.mark.usefixtures("own_cans")
def test_a_room_with_its_device_is_ready(house: House) -> None:
    assert around(house, "auto") == []
    assert around(house, "pulse") == []


@pytest.mark.usefixtures("own_cans")
def test_a_device_that_does_not_exist_stops_the_session(house: House) -> None:
    lines = around(house, "Scarlett")
    assert len(lines) == 1
    assert lines[0].startswith(
        "stop sound device: no output is called 'Scarlett'; plug it in, or set device to one of: "
    )
    assert "pulse" in lines[0]


def test_a_muted_sink_stops_and_another_stream_warns(house: House, own_cans: NullSink) -> None:
    own_cans.control("set-sink-mute", "cans", "1")
    player = subprocess.Popen(["pacat", "--client-name=Browser", "-d", "cans", "/dev/zero"])
    try:
        until(lambda: own_cans.control("list", "short", "sink-inputs"), what="its stream appears")
        lines = around(house, "auto")
    finally:
        player.kill()
        player.wait()
    assert [line.split(";")[0] for line in lines] == [
        "stop system volume: Null Output is muted",
        "warn other sound: Browser: /dev/zero also plays into Null Output, to the patient's ears",
    ]


@pytest.mark.usefixtures("own_cans")
def test_the_devices_are_listed_with_the_default(house: House) -> None:
    found = devices()
    assert "pulse" in [device.name for device in found]
    assert len([device for device in found if device.default]) == 1
    assert of_device(house.room.model_copy(update={"device": "PULSE"})) == []


def test_a_frozen_sound_server_stops_the_session_in_time(house: House, own_cans: NullSink) -> None:
    own_cans.freeze()
    found = of_device(house.room.model_copy(update={"device": "auto"}), timeout_s=1.0)
    assert [finding.level for finding in found] == ["stop"]
    assert "the sound server does not answer within 1 s" in found[0].line
    with pytest.raises(WorldFailed):
        devices(timeout_s=0.1)


def test_a_machine_without_any_output_stops_the_session(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    found = of_device(house.room.model_copy(update={"device": "auto"}))
    if Path("/proc/asound/cards").exists() and os.listdir("/dev/snd"):  # noqa: PTH208
        pytest.skip("this machine has a sound card")
    assert [finding.level for finding in found] == ["stop"]
    assert found[0].line.startswith("there is no sound output")


def test_a_player_that_could_be_heard_to_wait_is_told(runtime: Path) -> None:
    assert of_haste(runtime) == []
    ring = Ring.create(runtime / RING_FILE, 48_000)
    assert of_haste(runtime) == []
    ring.player_pid = os.getpid()  # as ordinary as a player on a desktop
    (found,) = of_haste(runtime)
    assert f"{found.level} {found}" == (
        "note sound device: player and output have no real time: a very busy machine may be heard; "
        "`kaproom install` gives it, or a line `@audio - rtprio 20` in /etc/security/limits.d "
        "and a new login"
    )
    gone = subprocess.Popen(["true"])
    gone.wait()
    ring.player_pid = gone.pid
    assert of_haste(runtime) == []
    ring.close()


def test_a_silent_room_is_told(house: House) -> None:
    assert [f"{f.level} {f}" for f in of_device(house.room)] == [
        "warn sound device: is `silent`: nothing will be heard; name one that `kaproom devices` "
        "lists"
    ]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("usb", ["USB Audio: - (hw:1,0)"]),
        ("USB hw:1", ["USB Audio: - (hw:1,0)"]),
        ("hw:1 USB", []),
        ("pulse", ["pulse"]),
        ("p", ["pulse", "pulse two"]),
    ],
)
def test_a_device_is_named_as_portaudio_would(wanted: str, meant: list[str]) -> None:
    names = ["USB Audio: - (hw:1,0)", "pulse", "pulse two", "default"]
    assert named(wanted, names) == meant


def test_a_phase_that_tracks_must_fill_says_how_many_minutes_it_lacks(full: House) -> None:
    full.write("file: music/long.flac", peak="fill: tracks")
    assert full.lines() == []
    full.studio.tone("short.flac", 50.0, rate_hz=8_000, peak_dbfs=-23)
    full.write("file: music/short.flac", peak="fill: tracks")
    found = [line for line in full.lines() if line.startswith("stop")]
    assert len(found) == 1
    assert "trial.yaml:14: phases.peak.fill: 'peak' lasts 2:00 and its pieces" in found[0]
    assert "are missing; add pieces of that length to 'open', or write `fill: bed`" in found[0]


def test_a_programme_that_hardly_outlasts_the_infusion_is_refused(full: House) -> None:
    full.write("file: music/long.flac", head="margin_min: 4")
    assert full.lines() == [
        "stop trial.yaml:18: session_end_min: the programme outlasts the infusion of 2 min by"
        " 1:00 and must by 4:00, so 3:00 are missing in 'recovery'; set it to 6 or more, or"
        " `margin_min: 1`"
    ]


def test_a_phase_that_a_pause_brings_out_of_order_is_told_with_its_remedy(full: House) -> None:
    full.write("file: music/long.flac")
    path = full.folder / "trial.yaml"
    written = path.read_text().replace("planned_min: 2", "planned_min: 2\n  dose_mg: 10")
    peak = "  - name: late\n    effect: {fraction: 0.95, side: falling}\n  - name: recovery"
    written = written.replace("  - name: recovery", peak).replace(
        "session_end_min: 3", "session_end_min: 60"
    )
    path.write_text(
        written.replace("    start_min: 2\n", "    effect: {fraction: 0.9, side: falling}\n")
    )
    found = [line for line in full.lines() if line.startswith("stop")]
    assert found and all("phases.recovery.effect" in line for line in found)
    assert "a pause of" in found[0] and "; add `not_before_min:" in found[0]
