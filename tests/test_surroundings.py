"""What of the machine around the room could spoil a session, and how a person reads it."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pulse import NullSink, until

from kaproom.audio.outputs import start_output, stop_output
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.awake import stay_awake
from kaproom.sound_server import Sink, SoundServer, Stream, ask
from kaproom.surroundings import (
    MB,
    About,
    Disk,
    Finding,
    Power,
    Surroundings,
    disk,
    findings,
    look,
    power,
)

FINE = Surroundings(
    sound=SoundServer(
        "yes",
        sink=Sink("cans", "Headphones", False, (100.0, 100.0), False, "set it", "unmute it"),
        streams=(),
    ),
    disk=Disk(Path("/data"), 50_000 * MB, ""),
    power=Power(True, None),
    clock_synchronised=True,
    why_not_awake="",
)


def lines(around: Surroundings) -> list[str]:
    return [f"{finding.level} {finding}" for finding in findings(around)]


def sink(**changed: object) -> Sink:
    assert FINE.sound.sink is not None
    return replace(FINE.sound.sink, **changed)  # type: ignore[arg-type]


def with_sound(**changed: object) -> Surroundings:
    return replace(FINE, sound=replace(FINE.sound, **changed))  # type: ignore[arg-type]


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


# What is judged


def test_nothing_is_said_of_a_machine_that_is_fine() -> None:
    assert findings(FINE) == []


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (
            with_sound(sink=sink(muted=True)),
            "stop system volume: Headphones is muted; unmute it: unmute it",
        ),
        (
            with_sound(sink=sink(volume_percent=(74.0, 74.0))),
            "stop system volume: Headphones stands at 74 %; kaproom sets the level and needs "
            "100 %: headphones off the ears, then set it",
        ),
        (
            with_sound(sink=sink(volume_percent=(100.0, 153.0))),
            "stop system volume: Headphones stands at 100 to 153 %; kaproom sets the level and "
            "needs 100 %: headphones off the ears, then set it",
        ),
        (
            with_sound(sink=sink(bluetooth=True)),
            "warn headphones: Headphones is a Bluetooth output: its sound comes late, may drop "
            "out and may pause when a phone rings; use a cable",
        ),
        (
            with_sound(streams=(Stream("Firefox: Video", False, False, False, 100.0),)),
            "warn other sound: Firefox: Video also plays into Headphones, to the patient's "
            "ears; close it",
        ),
        (
            with_sound(streams=(Stream("Firefox: Video", False, True, False, 100.0),)),
            "note other sound: Firefox: Video is paused in Headphones and could go on; close it",
        ),
        (
            with_sound(streams=(Stream("python3", True, False, False, 40.0),)),
            "stop system volume: kaproom's own stream stands at 40 % in the system's mixer; "
            "headphones off the ears, then set it to 100 % there",
        ),
        (
            with_sound(streams=(Stream("python3", True, False, True, 100.0),)),
            "stop system volume: kaproom's own stream is muted in the system's mixer; "
            "unmute it there",
        ),
        (
            with_sound(answer="frozen", sink=None, streams=None),
            "stop sound server: does not answer, so nothing would be heard; restart it: "
            "systemctl --user restart pipewire pipewire-pulse, or pulseaudio --kill",
        ),
        (
            with_sound(answer="not known", sink=None, why="neither pactl nor wpctl is installed"),
            "note sound server: neither pactl nor wpctl is installed, so other streams and the "
            "system's volume are not known",
        ),
        (
            with_sound(sink=None, why="the sound server has no output"),
            "stop sound server: the sound server has no output; plug the headphones' interface in",
        ),
        (
            replace(FINE, disk=Disk(Path("/data"), 99 * MB, "")),
            "stop /data: only 99 MB free; the record needs 100 MB: free some",
        ),
        (
            replace(FINE, disk=Disk(Path("/data"), 999 * MB, "")),
            "warn /data: only 999 MB free on its disk; free some soon",
        ),
        (
            replace(FINE, disk=Disk(Path("/data"), 50_000 * MB, "read-only file system")),
            "stop /data: the record cannot be written there (read-only file system); make the "
            "folder writable for this user or choose another data folder",
        ),
        (
            replace(FINE, power=Power(False, 71)),
            "warn power: the machine runs on its battery (71 %); plug it in",
        ),
        (
            replace(FINE, power=Power(False, 12)),
            "stop power: the machine runs on its battery (12 %); plug it in",
        ),
        (
            replace(FINE, clock_synchronised=False),
            "warn clock: not synchronised, so the record's times may be off: "
            "timedatectl set-ntp true",
        ),
        (
            replace(FINE, clock_synchronised=None),
            "note clock: whether it is synchronised is not known",
        ),
        (
            replace(FINE, why_not_awake="systemd-inhibit is not installed"),
            "warn sleep: the machine cannot be kept awake (systemd-inhibit is not installed); "
            "turn off sleep and the lid switch in its settings",
        ),
    ],
)
def test_each_trouble_is_one_line_with_its_remedy(around: Surroundings, said: str) -> None:
    assert lines(around) == [said]


def test_kaprooms_own_stream_is_no_trouble() -> None:
    assert findings(with_sound(streams=(Stream("python3", True, False, False, 100.0),))) == []


def test_every_trouble_is_about_one_of_the_matters_that_are_looked_at() -> None:
    muted = with_sound(sink=sink(muted=True, bluetooth=True))
    around = replace(
        muted,
        clock_synchronised=None,
        power=Power(False, 12),
        why_not_awake="no",
        disk=Disk(Path("/data"), MB, ""),
    )
    assert {(f.where.partition("/")[0], f.about) for f in findings(around)} == {
        ("system volume", About.LEVEL),
        ("headphones", About.SOUND),
        ("", About.DISK),
        ("power", About.POWER),
        ("clock", About.CLOCK),
        ("sleep", About.POWER),
    }


def test_what_stops_the_session_is_said_first() -> None:
    around = replace(FINE, clock_synchronised=None, power=Power(False, 12), why_not_awake="no")
    assert [finding.level for finding in findings(around)] == ["stop", "warn", "note"]


def test_a_finding_reads_as_place_and_line() -> None:
    assert str(Finding("note", "clock", "is late")) == "clock: is late"


# The disk and the power


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    found = disk(tmp_path / "kaproom" / "room-2")
    assert found.why_not_writable == ""
    assert found.free_bytes is not None and found.free_bytes > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_noticed_even_by_root() -> None:
    assert disk(Path("/proc/self/task")).why_not_writable != ""


def supply(folder: Path, name: str, **words: str) -> None:
    (folder / name).mkdir(parents=True)
    for word, value in words.items():
        (folder / name / word).write_text(f"{value}\n")


def test_a_laptop_on_its_battery_is_noticed(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", status="Discharging", capacity="63")
    assert power(tmp_path) == Power(False, 63)


def test_a_laptop_charging_over_usb_is_on_mains(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "ucsi-1", type="USB", online="1")
    supply(tmp_path, "BAT0", type="Battery", status="Charging", capacity="63")
    assert power(tmp_path) == Power(True, 63)


def test_the_battery_of_a_mouse_does_not_count(tmp_path: Path) -> None:
    supply(tmp_path, "hidpp_0", type="Battery", scope="Device", status="Discharging", capacity="5")
    assert power(tmp_path) == Power(None, None)


def test_a_machine_that_tells_of_no_supply_is_not_blamed(tmp_path: Path) -> None:
    assert power(tmp_path / "absent") == Power(None, None)
    assert findings(replace(FINE, power=power(tmp_path / "absent"))) == []


# The sound server


@contextmanager
def playing(own_cans: NullSink, name: str, title: str, sink: str = "cans") -> Iterator[None]:
    """Another program that plays into a sink."""
    player = subprocess.Popen(
        ["pacat", f"--client-name={name}", f"--stream-name={title}", "-d", sink, "/dev/zero"]
    )
    try:
        until(lambda: own_cans.control("list", "short", "sink-inputs"), what="its stream appears")
        yield
    finally:
        player.kill()
        player.wait()


@pytest.mark.usefixtures("own_cans")
def test_a_sink_at_full_volume_with_nothing_else_in_it_is_fine() -> None:
    sound = ask()
    assert sound.answer == "yes"
    assert sound.sink is not None and sound.sink.name == "cans"
    assert sound.streams == ()
    assert findings(replace(FINE, sound=sound)) == []


def test_another_programs_stream_is_named(own_cans: NullSink) -> None:
    with playing(own_cans, "Firefox", "A film\nabout 'bees'"):
        streams = ask().streams
    assert streams is not None
    assert [stream.title for stream in streams] == ["Firefox: A film about 'bees'"]
    assert not streams[0].ours


def test_a_stream_in_another_sink_does_not_matter(own_cans: NullSink) -> None:
    own_cans.control("load-module", "module-null-sink", "sink_name=desk")
    own_cans.control("set-default-sink", "cans")
    with playing(own_cans, "Firefox", "A film", sink="desk"):
        assert ask().streams == ()
        assert ask("desk").streams != ()


def test_kaprooms_own_output_is_known_as_ours_and_its_volume_is_watched(
    own_cans: NullSink, runtime: Path
) -> None:
    ring = Ring.create(runtime / RING_FILE, 48_000)
    start_output(runtime)
    try:
        until(lambda: own_cans.control("list", "short", "sink-inputs"), 20, "our stream appears")
        streams = ask().streams
        assert streams is not None and [stream.ours for stream in streams] == [True]
        assert findings(replace(FINE, sound=ask())) == []
        index = own_cans.control("list", "short", "sink-inputs").split()[0]
        own_cans.control("set-sink-input-volume", index, "50%")
        assert [finding.level for finding in findings(replace(FINE, sound=ask()))] == ["stop"]
    finally:
        stop_output(runtime)
        ring.close()


def test_the_remedies_for_volume_and_mute_mend_them(own_cans: NullSink) -> None:
    own_cans.control("set-sink-volume", "cans", "74%")
    own_cans.control("set-sink-mute", "cans", "1")
    found = ask().sink
    assert found is not None and found.muted
    assert found.volume_percent == pytest.approx((74.0, 74.0), abs=0.1)
    subprocess.run(found.remedy_volume.split(), check=True)
    subprocess.run(found.remedy_mute.split(), check=True)
    assert findings(replace(FINE, sound=ask())) == []


@pytest.mark.usefixtures("own_cans")
def test_a_locale_with_decimal_commas_does_not_spoil_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert ask().answer == "yes"


def test_a_frozen_sound_server_costs_at_most_its_two_seconds(own_cans: NullSink) -> None:
    own_cans.freeze()
    before = time.monotonic()
    sound = ask(timeout_s=0.3)
    took_s = time.monotonic() - before
    assert sound.answer == "frozen"
    assert took_s < 0.8


def test_no_sound_server_is_said_and_not_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    sound = ask()
    assert (sound.answer, sound.why) == ("absent", "no sound server is running")


def test_a_machine_without_the_tools_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ask().answer == "not known"
    around = look(tmp_path)
    assert around.why_not_awake == "systemd-inhibit is not installed"


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '{"default_sink_name": 3}', "\\377\\376"])
def test_a_tool_that_talks_nonsense_is_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nonsense: str
) -> None:
    program(tmp_path, "pactl", f"printf '%b' '{nonsense}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert ask().answer in ("not known", "absent")


def test_where_only_wpctl_is_there_it_tells_volume_mute_and_bluetooth(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = """
    if [ "$1" = get-volume ]; then echo 'Volume: 0.40 [MUTED]'; else
    echo 'id 51, type PipeWire:Interface:Node'
    echo '    device.api = "bluez5"'
    echo '  * node.description = "WH-1000XM4"'
    echo '  * node.name = "bluez_output.38_18_4C.1"'; fi"""
    program(tmp_path, "wpctl", said)
    # Only this folder, so that the machine's own pactl is not asked.
    monkeypatch.setenv("PATH", str(tmp_path))
    sound = ask()
    assert sound.sink == Sink(
        name="bluez_output.38_18_4C.1",
        title="WH-1000XM4",
        muted=True,
        volume_percent=(40.0, 40.0),
        bluetooth=True,
        remedy_volume="wpctl set-volume @DEFAULT_AUDIO_SINK@ 1.0",
        remedy_mute="wpctl set-mute @DEFAULT_AUDIO_SINK@ 0",
    )
    assert [f.level for f in findings(replace(FINE, sound=sound))] == [
        *("stop", "stop", "warn", "note")
    ]


@pytest.mark.parametrize("device", ["silent", "USB Audio: - (hw:1,0)"])
def test_a_device_past_the_sound_server_is_not_judged_by_it(device: str) -> None:
    assert ask(device).answer == "not known"


# Keeping awake

INHIBIT = """
while case "$1" in --*) true;; *) false;; esac; do shift; done
echo $$ > "$LOCK"
"$@"
"""


def gone(pid: int) -> bool:
    """Whether that process ended, waited for."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], 10)[0])
    finally:
        os.close(pidfd)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A systemd-inhibit that keeps its lock's owner in a file."""
    program(tmp_path / "bin", "systemd-inhibit", INHIBIT)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("LOCK", str(tmp_path / "lock"))
    return tmp_path / "lock"


def test_the_machine_is_kept_awake_until_released(lock: Path) -> None:
    awake = stay_awake("a session runs")
    assert awake.held() and awake.what == "sleep:idle:handle-lid-switch"
    pid = int(lock.read_text())
    awake.release()
    awake.release()
    assert not awake.held()
    assert gone(pid)


def test_the_lock_goes_when_the_session_dies(lock: Path) -> None:
    program_text = (
        "import sys, signal; from kaproom.awake import stay_awake; "
        "awake = stay_awake('a session runs'); print('held', flush=True); signal.pause()"
    )
    room = subprocess.Popen([sys.executable, "-c", program_text], stdout=subprocess.PIPE)
    assert room.stdout is not None
    assert room.stdout.readline() == b"held\n"
    pid = int(lock.read_text())
    room.kill()
    room.wait()
    room.stdout.close()
    assert gone(pid)


def test_a_seat_that_may_not_hold_the_lid_holds_sleep(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = 'case "$1" in *lid*) echo "Failed to inhibit: Access denied" >&2; exit 1;; esac'
    program(tmp_path, "systemd-inhibit", refusing + INHIBIT)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("LOCK", str(tmp_path / "lock"))
    awake = stay_awake("a session runs")
    assert awake.what == "sleep:idle"
    awake.release()


def test_a_login_service_that_hangs_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path, "systemd-inhibit", "exec sleep 1000")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    awake = stay_awake("a session runs", timeout_s=0.1)
    assert not awake.held()
    assert awake.why_not == "the system's login service does not answer"


def test_looking_around_leaves_nothing_behind(tmp_path: Path) -> None:
    look(tmp_path)
    assert list(tmp_path.iterdir()) == []
