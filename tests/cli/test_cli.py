"""What a person types, and the one line that answers when something is to be mended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import LivingRoom
from studio import Studio

PROFILE = """\
kaproom: profile/1
title: Own
infusion: {{planned_min: 1}}
playlist: ./own-list.yaml
phases:
  - {{name: settling, section: all}}
  - {{name: descent, start_min: 0.5, section: all}}
session_end_min: 2
refuge: {{soundscape: ocean}}
{more}"""


@pytest.fixture
def room(tmp_path: Path, runtime: Path) -> Iterator[LivingRoom]:
    """A room whose daemon is not started."""
    living = LivingRoom(tmp_path / "data", runtime)
    try:
        yield living
    finally:
        living.close()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a profile, its playlist and one good file."""
    Studio(tmp_path).tone("good.flac", 4.0)
    (tmp_path / "own.yaml").write_text(PROFILE.format(more=""))
    _playlist(tmp_path, "good.flac")
    return tmp_path


def _playlist(folder: Path, *files: str) -> None:
    lines = "".join(f"    - file: {json.dumps(file)}\n" for file in files)
    text = f"kaproom: playlist/1\ntitle: Own\nsections:\n  all:\n{lines}"
    (folder / "own-list.yaml").write_text(text)


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["chekc"], 2, "kaproom: No such command 'chekc'. Did you mean 'check'?; see kaproom"),
        (["note"], 2, "kaproom note: Missing argument 'CATEGORY'; see kaproom note --help"),
        (["note", "tears"], 1, "nobody answers on"),
        (["check", "iv-400"], 2, "no profile is called 'iv-400' (did you mean 'iv-60'?)"),
        (["check", "./none.yaml"], 2, "none.yaml does not exist"),
        (["broker", "add", "x", "robot", "a/b"], 2, "'kind': 'robot' is not one of 'room'"),
        (["level", "up", "40"], 2, "kaproom level up: Invalid value for 'DB'"),
        (["infusion", "rate", "fast", "mg/min"], 2, "Invalid value for 'N'"),
        (["new", "playlist", "/nonexistent"], 2, "/nonexistent does not exist"),
        (["scan", "x" * 300], 2, "xxx: is too long for a file's name; choose a shorter one"),
        (["verify", "--head", "zz"], 2, "--head: 'zz' is neither SEQ:HASH"),
        (["--room", "/nonexistent.yaml", "status"], 2, "/nonexistent.yaml does not exist"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    room: LivingRoom, words: list[str], status: int, line: str
) -> None:
    said = room.kaproom(*words, status=status)
    assert line in said
    assert len(said.strip().splitlines()) == 1, said
    assert "Traceback" not in said


def test_an_ago_that_is_no_time_shows_how_it_is_written(room: LivingRoom) -> None:
    room.start()
    said = room.kaproom("note", "tears", "--ago", "yesterday", status=2)
    assert "write it as 90s, 3m or 2m30s" in said


def test_a_profile_that_is_ready_says_so(room: LivingRoom, desk: Path) -> None:
    said = room.kaproom("check", str(desk / "own.yaml"))
    assert said.strip().endswith("own.yaml: ready")


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "protected"])
def test_a_file_that_cannot_be_played_stops_check_and_start_with_its_place(
    room: LivingRoom, desk: Path, kind: str
) -> None:
    studio = Studio(desk)
    name = {
        "missing": "gone.flac",
        "empty": studio.bytes("empty.flac", b"").name,
        "text": studio.bytes("words.mp3", b"these are words, not music\n" * 40).name,
        "protected": studio.protected("shop.m4p").name,
    }[kind]
    _playlist(desk, "good.flac", name)
    room.start()
    for command in ("check", "start"):
        said = room.kaproom(command, str(desk / "own.yaml"), status=2)
        about = [line for line in said.splitlines() if name in line]
        assert len(about) == 1, said
        assert "own-list.yaml:6" in about[0]
    assert room.status()["session"] is None


def test_several_mistakes_in_a_profile_are_a_line_each(room: LivingRoom, desk: Path) -> None:
    text = PROFILE.format(more="crosfade_s: 3\n").replace("planned_min: 1", "planned_min: -1")
    (desk / "own.yaml").write_text(text)
    said = room.kaproom("check", str(desk / "own.yaml"), status=2).splitlines()
    assert any("own.yaml:3: infusion.planned_min is -1; it must be" in line for line in said)
    assert any("crosfade_s" in line and "did you mean 'crossfade_s'?" in line for line in said)


def test_a_device_that_does_not_exist_stops_the_start(tmp_path: Path, runtime: Path) -> None:
    room = LivingRoom(tmp_path / "data", runtime, device="Nautilus 9")
    try:
        said = room.kaproom("check", "demo-3min", status=2)
        assert any(line.startswith("STOP  sound device:") for line in said.splitlines()), said
    finally:
        room.close()


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    environment = {**os.environ, "KAPROOM_DATA": str(tmp_path / "file" / "data")}
    environment["KAPROOM_RUNTIME"] = str(runtime)
    done = subprocess.run(
        [sys.executable, "-m", "kaproom", "daemon"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "KAPROOM_DATA" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root is refused nothing")
def test_what_one_may_not_read_is_one_line(room: LivingRoom, tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0)
    for words in (["verify", str(shut / "x")], ["backup", str(shut / "x")]):
        said = room.kaproom(*words, status=2)
        assert "may not be read" in said and len(said.strip().splitlines()) == 1
    room.environment["KAPROOM_DATA"] = str(shut / "data")
    assert "a member of the group kaproom" in room.kaproom("report", status=2)


def test_the_daemon_says_which_room_file_it_took(room: LivingRoom) -> None:
    room.start()
    assert any(str(room.file) in line for line in room.said)


def test_json_is_given_where_a_person_gets_a_table(room: LivingRoom, desk: Path) -> None:
    room.start()
    assert json.loads(room.kaproom("status", "--json"))["room"] == "one"
    assert isinstance(json.loads(room.kaproom("check", "demo-3min", "--json")), list)
    assert "iv-60" in json.loads(room.kaproom("profiles", "--json"))
    assert json.loads(room.kaproom("scan", str(desk), "--json"))[0]["rate_hz"] == 48_000
    assert json.loads(room.kaproom("verify", "--json"))["first_broken"] is None


def test_a_name_that_would_paint_on_the_terminal_is_told_as_text(
    room: LivingRoom, tmp_path: Path
) -> None:
    studio = Studio(tmp_path / "music")
    studio.cut(studio.tone("\x1b[31mred\n.flac", 10.0), 0.5)
    line = room.kaproom("scan", str(studio.folder)).strip()
    assert "\\x1b[31mred\\n.flac  breaks off at " in line and "\n" not in line


def test_pieces_with_a_tag_and_the_patients_own_last_piece_are_heeded(
    room: LivingRoom, desk: Path
) -> None:
    Studio(desk).tone("own last.flac", 3.0)
    _playlist(desk, "good.flac")
    with (desk / "own-list.yaml").open("a") as file:
        file.write("      tags: [drums]\n")
    room.start()
    said = room.kaproom(
        "start",
        str(desk / "own.yaml"),
        "--without",
        "drums",
        "--closing",
        str(desk / "own last.flac"),
    )
    assert "'Own' has begun." in said
    room.call("infusion", {"what": "started"})
    status = room.status()
    titles = {cue["title"] for cue in status["sound"]["coming"]} | {
        (status["sound"]["now"] or {"title": ""})["title"]
    }
    assert "good" not in titles
