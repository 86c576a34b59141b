"""Every command of the README but the set-up and the test command itself, run as written."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rooms import LivingRoom
from studio import Studio

README = Path(__file__).parent.parent / "README.md"
# Not run here: they set up, they are the tests themselves, or they are the service that runs.
_ELSEWHERE = ("./setup.sh demo", "./setup.sh test", "sudo ./setup.sh install", "kaproom daemon")


def _block(mark: str) -> list[str]:
    found = re.search(rf"<!-- tested: {mark} -->\n```\n(.*?)```", README.read_text(), re.S)
    assert found is not None, mark
    return found[1].strip().splitlines()


def _run(line: str, room: LivingRoom, home: Path) -> str:
    words = shlex.split(line.replace("~", str(home)))
    assert words[0] == "kaproom"
    done = subprocess.run(
        [sys.executable, "-m", *words],
        env=room.environment | {"HOME": str(home)},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{line}: {done.stderr}"
    return done.stdout


def test_the_session_by_hand_runs_as_written(room: LivingRoom, tmp_path: Path) -> None:
    for line in _block("session"):
        said = _run(line, room, tmp_path)
        if line.startswith("kaproom start"):
            room.wait_for(lambda s: s["sound"]["state"] == "playing")
        if line.startswith("kaproom infusion"):
            assert "kaproom cannot touch the pump." in said
        if line == "kaproom end":
            room.wait_for(lambda s: s["session"]["state"] == "ended")
        if line == "kaproom verify":
            assert said.startswith("whole: ")


def test_the_music_commands_run_as_written(room: LivingRoom, tmp_path: Path) -> None:
    folder = tmp_path / "Music"
    folder.mkdir()
    Studio(folder).tone("one.flac", 3.0)
    for line in _block("music"):
        _run(line, room, tmp_path)
    assert "one.flac" in (tmp_path / "journeys.yaml").read_text()


def test_no_command_in_the_readme_is_left_untried() -> None:
    tried = {*_block("session"), *_block("music"), *_ELSEWHERE}
    blocks = re.findall(r"```\n(.*?)```", README.read_text(), re.S)
    for block in blocks:
        for line in block.strip().splitlines():
            if line.startswith(("kaproom ", "./", "sudo ")):
                assert line in tried, line


def test_every_command_is_named_in_the_readme() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kaproom", "--help"],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = re.findall(r"^  ([a-z]+) ", done.stdout.partition("Commands:")[2], re.M)
    text = README.read_text()
    assert len(commands) > 20
    missing = [name for name in commands if not re.search(rf"\b{name}\b", text)]
    assert not missing
