"""A room PC: what is written, that it is valid, and that it never costs anybody's files."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest

from kaproom.errors import Mend
from kaproom.files import load_room
from kaproom.installation import CONSOLE, SERVICES, install, unit
from kaproom.installation.play import LAST_ARGUMENTS, PLAYER_LOCK
from kaproom.room.headphones import SUPERVISED

UNITS = Path("etc/systemd/system")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("kaproom:x:997:990::/var/lib/kaproom:/bin/false\n")
    return tmp_path


def said(**options: object) -> list[str]:
    lines: list[str] = []
    install(lines.append, **options)  # type: ignore[arg-type]
    return lines


def setting(text: str, section: str, key: str) -> str:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser[section][key]


def tree(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): str(p.readlink()) if p.is_symlink() else p.read_text()
        for p in root.rglob("*")
        if p.is_symlink() or p.is_file()
    }


def test_both_services_come_up_at_boot(root: Path) -> None:
    said(root=root)
    for name in SERVICES:
        wanted = root / UNITS / "multi-user.target.wants" / name
        assert wanted.resolve() == (root / UNITS / name).resolve()
        assert wanted.read_text() == unit(name, "kaproom", 997)


def test_installing_twice_changes_nothing_the_second_time(root: Path) -> None:
    said(root=root)
    before = tree(root)
    assert said(root=root)[0] == "nothing to do: this is a room PC already"
    assert tree(root) == before


def test_a_dry_run_says_every_step_and_takes_none(root: Path) -> None:
    before = tree(root)
    would = [line.removeprefix("would ") for line in said(root=root, dry_run=True)]
    assert tree(root) == before
    assert would == said(root=root)


def test_a_dry_run_of_the_real_machine_needs_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert any("kaproom-player.service" in line for line in said(dry_run=True))


def test_without_root_one_line_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Mend, match=r"^this needs root: sudo /.*kaproom install$"):
        said()


def test_a_room_file_that_someone_wrote_is_never_replaced(root: Path) -> None:
    written = root / "etc/kaproom/room.yaml"
    written.parent.mkdir()
    written.write_text("kaproom: room/1\nroom: blue\n")
    said(root=root)
    said(root=root, uninstall=True)
    assert written.read_text() == "kaproom: room/1\nroom: blue\n"


def test_the_room_file_that_is_written_is_a_valid_one_of_only_defaults(root: Path) -> None:
    said(root=root)
    room, path = load_room(root / "etc/kaproom/room.yaml", {})
    assert path == root / "etc/kaproom/room.yaml"
    assert (room.device, room.room, room.broker) == ("auto", "room", None)


def test_every_line_of_the_room_file_is_valid_when_its_comment_is_taken_away(root: Path) -> None:
    said(root=root)
    path = root / "etc/kaproom/room.yaml"
    path.write_text(re.sub(r"^#(?=\S|  )", "", path.read_text(), flags=re.MULTILINE))
    room, _ = load_room(path, {})
    assert room.broker is not None
    assert room.calibration is not None
    assert room.display_name == "Room 1"


def test_uninstalling_leaves_only_what_people_and_the_record_own(root: Path) -> None:
    before = set(tree(root))
    said(root=root)
    record = root / "var/lib/kaproom/record.sqlite"
    record.write_text("entries")
    line = said(root=root, uninstall=True)[-1]
    left = set(tree(root)) - before
    assert left == {"etc/kaproom/room.yaml", "var/lib/kaproom/record.sqlite"}
    assert "record" in line and line.endswith("stay")


def test_the_record_is_for_the_room_s_people_only(root: Path) -> None:
    said(root=root)
    assert (root / "var/lib/kaproom").stat().st_mode & 0o777 == 0o750


def test_the_sound_server_may_have_the_priority_that_it_asks_for(root: Path) -> None:
    said(root=root, user="room")
    limits = (root / "etc/security/limits.d/50-kaproom.conf").read_text().splitlines()
    assert [s for s in limits if not s.startswith("#")] == ["room - rtprio 20", "room - nice -11"]


def test_a_command_that_is_somebody_else_s_stays(root: Path) -> None:
    theirs = root / "usr/local/bin/kaproom"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("#!/bin/sh\n")
    said(root=root)
    said(root=root, uninstall=True)
    assert theirs.read_text() == "#!/bin/sh\n"


def test_an_older_unit_is_brought_up_to_date(root: Path) -> None:
    said(root=root)
    stale = root / UNITS / SERVICES[0]
    stale.write_text("[Unit]\n")
    assert f"write {stale}" in said(root=root)
    assert stale.read_text() == unit(SERVICES[0], "kaproom", 997)


def test_a_desktop_is_warned_of_its_second_sound_server(root: Path) -> None:
    (root / UNITS).mkdir(parents=True)
    (root / UNITS / "display-manager.service").write_text("")
    assert any("--user NAME" in line for line in said(root=root))
    assert not any("--user NAME" in line for line in said(root=root, user="room"))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_restarted_at_once_and_for_ever(name: str) -> None:
    text = unit(name, "kaproom", 997)
    assert setting(text, "Service", "Restart") == "always"
    assert setting(text, "Service", "RestartSec") == "250ms"
    assert setting(text, "Unit", "StartLimitIntervalSec") == "0"


def test_the_output_outlives_the_player_and_finds_its_ring() -> None:
    text = unit("kaproom-player.service", "kaproom", 997)
    assert setting(text, "Service", "KillMode") == "process"
    assert setting(text, "Service", "RuntimeDirectoryPreserve") == "yes"


def test_the_daemon_leaves_the_player_to_its_own_service() -> None:
    text = unit("kaproom-daemon.service", "kaproom", 997)
    assert f"Environment={SUPERVISED}=1" in text.splitlines()


def test_a_unit_for_an_account_that_does_not_exist_yet_names_no_sound_server() -> None:
    text = unit("kaproom-player.service", "kaproom", None)
    assert "@" not in "".join(s for s in text.splitlines() if not s.startswith("#"))
    assert "/run/user" not in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("python", ["python", "kap $room 50%/python"])
def test_systemd_finds_nothing_wrong_with_the_units(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / python
    program.parent.mkdir(exist_ok=True)
    for executable in (program, program.with_name("kaproom")):
        executable.write_text("#!/bin/sh\n")
        executable.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    for name in (*SERVICES, CONSOLE):
        (tmp_path / name).write_text(unit(name, "root", 0))
    runtime = tmp_path / "run"
    runtime.mkdir()
    for scope, names in (("--system", SERVICES), ("--user", (CONSOLE,))):
        verdict = subprocess.run(
            ["systemd-analyze", "verify", scope, "--man=no", *(str(tmp_path / n) for n in names)],
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
            capture_output=True,
            text=True,
            check=False,
        )
        # Other units of the machine may have faults of their own.
        ours = [line for line in verdict.stderr.splitlines() if "kaproom" in line]
        assert (verdict.returncode, ours) == (0, []), verdict.stderr


Player = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def as_player(tmp_path: Path) -> Player:
    """Start the player's service with a player that only says what it was started with."""
    stand_in = tmp_path / "stand-in" / "sitecustomize.py"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "import os\n"
        "def execv(program, arguments):\n"
        "    os.write(1, '\\n'.join(arguments[1:]).encode())\n"
        "    os._exit(0)\n"
        "os.execv = execv\n"
    )
    room = tmp_path / "room.yaml"

    def start(text: str) -> subprocess.Popen[str]:
        room.write_text(text)
        return subprocess.Popen(
            [sys.executable, "-m", "kaproom.installation.play"],
            env={
                **os.environ,
                "PYTHONPATH": str(stand_in.parent),
                "KAPROOM_ROOM": str(room),
                "KAPROOM_RUNTIME": str(tmp_path / "run"),
                "RUNTIME_DIRECTORY": str(tmp_path / "run"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def test_the_player_s_service_takes_the_device_from_the_room_file(
    as_player: Player, tmp_path: Path
) -> None:
    with as_player("kaproom: room/1\ndevice: USB Headset\nlatency_ms: 200\n") as player:
        out, _ = player.communicate()
    module, runtime, *arguments = out.splitlines()[1:]
    assert module == "kaproom.audio.player"
    assert runtime == str(tmp_path / "run")
    assert arguments == ["--device", "USB Headset", "--latency-ms", "200", "--rate-hz", "48000"]


def test_a_room_file_that_someone_broke_does_not_keep_the_music_away(as_player: Player) -> None:
    with as_player("kaproom: room/1\ndevice: USB Headset\n") as first:
        first.communicate()
    with as_player("kaproom: room/1\ndevcie: Loudspeaker\n") as player:
        out, err = player.communicate()
    assert out.splitlines()[3:5] == ["--device", "USB Headset"]
    assert "room.yaml:2" in err


def test_a_room_file_broken_from_the_first_boot_still_gives_a_player(
    as_player: Player, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    with as_player("nonsense") as player:
        out, _ = player.communicate()
    assert out.splitlines() == ["-m", "kaproom.audio.player", str(tmp_path / "run")]
    assert not (tmp_path / "run" / LAST_ARGUMENTS).exists()


def test_a_second_player_waits_for_the_first_to_end(as_player: Player, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    with (tmp_path / "run" / PLAYER_LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        player = as_player("kaproom: room/1\n")
        assert player.stderr is not None
        assert "waiting for its end" in player.stderr.readline()
        assert player.poll() is None
    out, _ = player.communicate()
    assert "kaproom.audio.player" in out
