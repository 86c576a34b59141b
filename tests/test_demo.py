"""The demonstration as its user has it: a process that plays, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pulse import until
from rooms import LivingRoom
from xserver import XServer, needs_screen

from kaproom.curation.selection import selected
from kaproom.demo import SCRIPT, Act, Demo
from kaproom.displays.palette import Palette, Role
from kaproom.files import load_profile, load_room
from kaproom.places import listing, make_runtime_folder
from kaproom.record import Record, verify
from kaproom.session.events import event_from
from kaproom.session.roomfile import RoomFile


def _left_running(marker: str) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if marker in words and process.pid != os.getpid():
            found.append(words)
    return found


@pytest.fixture
def started(
    tmp_path: Path, runtime: Path, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[str]]:
    others = ("KAPROOM_", "PULSE_", "DISPLAY", "WAYLAND_DISPLAY")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    if "screen" in request.fixturenames:
        environment["DISPLAY"] = request.getfixturevalue("screen").environment["DISPLAY"]
    environment |= {"XDG_RUNTIME_DIR": str(runtime), "PULSE_SERVER": "unix:/nonexistent"}
    demo = subprocess.Popen(
        [sys.executable, "-m", "kaproom", "demo", "--data", str(tmp_path / "data")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield demo
    if demo.poll() is None:
        os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()


def _child(demo: subprocess.Popen[str], program: str) -> int:
    """The process of one of the demo's windows; 0 while there is none."""
    for pid in Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split():
        with suppress(OSError):
            if program in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                return int(pid)
    return 0


@needs_screen
def test_where_there_is_a_screen_the_demo_shows_the_console_and_a_station_with_its_room_on_it(
    started: subprocess.Popen[str], screen: XServer, runtime: Path
) -> None:
    # Nobody manages the windows: they lie in a pile.
    until(lambda: _child(started, "console") and _child(started, "station"), what="two windows")
    screen.do("windowraise", screen.find(_child(started, "console")))
    until(lambda: screen.shows(Palette()[Role.ACCENT]), what="the session on the console")
    screen.do("windowraise", screen.find(_child(started, "station")))
    until(lambda: screen.shows(Palette()[Role.FINE]), what="a live room on the station")
    started.send_signal(signal.SIGTERM)
    assert started.wait(20) == 0
    until(lambda: not _left_running(str(runtime)), what="the end of every process")
    assert not screen.shows(Palette()[Role.FINE])


def test_a_demo_that_is_interrupted_fades_closes_its_record_and_leaves_nothing_running(
    started: subprocess.Popen[str], tmp_path: Path, runtime: Path
) -> None:
    assert started.stdout is not None
    said = []
    for line in started.stdout:
        said.append(line)
        if "playing" in line:
            break
    assert any("in silence, on a real clock" in line for line in said), said
    started.send_signal(signal.SIGINT)
    said += started.stdout.readlines()
    assert started.wait(20) == 0, said
    assert any("record.sqlite3" in line for line in said), said
    assert "".join(said).count("silence, on a real clock") == 1
    with Record.open(tmp_path / "data", read_only=True) as record:
        kinds = [w.entry.kind for w in record.entries()]
    assert kinds[-1] == "session-ended" or "session-ended" in kinds
    assert "end" in kinds
    assert verify(tmp_path / "data").whole
    until(lambda: not _left_running(str(runtime)), what="the end of every process")


def test_a_session_runs_through_every_phase_with_a_line_for_each_change(
    tmp_path: Path,
    runtime: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    profile = tmp_path / "short.yaml"
    profile.write_text(
        "kaproom: profile/1\ntitle: Short\nplaylist: soundscapes\nsession_end_min: 0.15\n"
        "infusion: {planned_min: 0.1}\ncrossfade_s: 0.5\nrefuge: {soundscape: ocean}\n"
        "phases:\n  - name: settling\n  - {name: onset, start_min: 0}\n"
        "  - {name: peak, start_min: 0.04}\n  - {name: descent, start_min: 0.08}\n"
    )
    make_runtime_folder(runtime)
    room, _ = load_room(LivingRoom(tmp_path / "data", runtime).file)
    loaded = load_profile(profile, room)
    begin = {
        "profile": loaded.profile.model_dump(mode="json"),
        "repertoire": selected(loaded, {}, seed=3).model_dump(mode="json"),
    }
    script: tuple[Act, ...] = (
        (1.0, "infusion", {"what": "started"}),
        (2.0, "note", {"category": "tears", "text": "quiet"}),
        (6.0, "infusion", {"what": "stopped"}),
        (7.0, "end", {}),
    )
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        Demo(tmp_path / "data", runtime, "silent", begin, script).run()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    said = capsys.readouterr().out
    for words in (
        *("phase: settling", "phase: onset", "phase: peak", "phase: descent"),
        *("infusion: running", "note: tears: quiet", "sound: FADED"),
    ):
        assert words in said
    assert "notes      1" in said
    assert not _left_running(str(runtime))


def test_every_act_of_the_shipped_script_is_one_that_the_daemon_knows() -> None:
    from kaproom.room.commands import read

    profile, _ = load_profile("demo-3min", RoomFile()).profile, listing("profile", RoomFile())
    categories = {note.category for note in profile.notes}
    assert [at_s for at_s, *_ in SCRIPT] == sorted(at_s for at_s, *_ in SCRIPT)
    for at_s, do, args in SCRIPT:
        event = read(do, args, at_s, at_s)
        assert event_from(event.kind, at_s, at_s, event.to_data()) == event
        assert args.get("category", "tears") in categories
    assert SCRIPT[-1][:2] == (180.0, "end")
