"""Where things lie: the same answer for everyone who asks."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaproom import places
from kaproom.errors import Mend
from kaproom.files import load_room
from kaproom.session.roomfile import RoomFile

ROOM = RoomFile()


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an /etc/kaproom, a home and a current folder of its own."""
    for folder in ("etc", "home", "here"):
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(places, "ETC", tmp_path / "etc")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in tuple(os.environ):
        if name.startswith(("KAPROOM_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's."""
    folder = Path(tempfile.mkdtemp(prefix="kap", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def write(path: Path, text: str = "kaproom: room/1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# The room file


def test_the_room_file_is_the_given_one_then_the_environments_then_xdg_then_etc(
    machine: Path,
) -> None:
    assert places.room_file(None, {}) is None
    etc = write(machine / "etc" / "room.yaml")
    assert places.room_file(None, {}) == etc
    home = write(machine / "home" / ".config" / "kaproom" / "room.yaml")
    assert places.room_file(None, {}) == home
    xdg = write(machine / "xdg" / "kaproom" / "room.yaml")
    env = {"XDG_CONFIG_HOME": str(machine / "xdg")}
    assert places.room_file(None, env) == xdg
    named = write(machine / "named.yaml")
    env["KAPROOM_ROOM"] = str(named)
    assert places.room_file(None, env) == named
    given = write(machine / "here" / "given.yaml")
    assert places.room_file("given.yaml", env) == given


def test_a_relative_xdg_folder_is_ignored_as_its_standard_demands(machine: Path) -> None:
    write(machine / "here" / "xdg" / "kaproom" / "room.yaml")
    assert places.room_file(None, {"XDG_CONFIG_HOME": "xdg"}) is None


def test_a_named_room_file_that_is_not_there_is_told(machine: Path) -> None:
    write(machine / "here" / "garden.yaml")
    with pytest.raises(Mend) as caught:
        places.room_file("gardn.yaml", {})
    assert str(caught.value) == (
        "gardn.yaml does not exist (did you mean 'garden.yaml'?); --room names it"
    )
    with pytest.raises(Mend, match="does not exist; KAPROOM_ROOM names it"):
        places.room_file(None, {"KAPROOM_ROOM": "nowhere.yaml"})


# Profiles and playlists


def test_a_name_is_found_in_the_rooms_folders_first_and_among_the_shipped_last(
    machine: Path,
) -> None:
    env = {"KAPROOM_PROFILES": f"{machine}/one{os.pathsep}{machine}/two"}
    assert (
        places.find("profile", "iv-60", ROOM, env=env) == places.shipped("profile") / "iv-60.yaml"
    )
    for folder in (
        machine / "etc" / "profiles",
        machine / "home" / ".config" / "kaproom" / "profiles",
        machine / "two",
        machine / "one",
        machine / "own",
    ):
        expected = write(folder / "iv-60.yaml")
        room = RoomFile(profiles=(str(machine / "own"),))
        assert places.find("profile", "iv-60", room, env=env) == expected
        assert places.listing("profile", room, env)["iv-60"] == expected


def test_a_path_is_that_file_and_nothing_else(machine: Path) -> None:
    mine = write(machine / "here" / "iv-60.yaml")
    assert places.find("profile", "./iv-60.yaml", ROOM) == mine
    assert places.find("profile", "iv-60.yaml", ROOM) == mine
    assert places.find("profile", str(mine), ROOM) == mine
    assert places.find("profile", "iv-60", ROOM) != mine
    assert places.find("playlist", "iv-60.yaml", ROOM, beside=machine / "here") == mine


def test_a_path_may_begin_at_home(machine: Path) -> None:
    mine = write(machine / "home" / "spring.yml")
    assert places.find("playlist", "~/spring.yml", ROOM) == mine


def test_a_name_with_its_suffix_is_still_a_name() -> None:
    assert places.find("profile", "iv-60.yaml", ROOM) == places.shipped("profile") / "iv-60.yaml"


def test_an_unknown_name_is_told_with_the_known_ones(machine: Path) -> None:
    write(machine / "etc" / "profiles" / "spring.yaml")
    with pytest.raises(Mend) as caught:
        places.find("profile", "sprint", ROOM)
    told = str(caught.value)
    assert told.startswith("no profile is called 'sprint' (did you mean 'spring'?); there are ")
    assert "iv-60, spring" in told and told.endswith("(a path needs a '/', as in ./sprint.yaml)")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "/", "../..", "\n", "\udcff"])
def test_a_name_that_cannot_be_one_is_told_on_one_line(name: str) -> None:
    try:
        found = places.find("profile", name, ROOM)
    except Mend as error:
        assert "\n" not in str(error)
        assert str(error).isprintable()
    else:
        assert found.is_dir()


# Data and runtime


def test_the_record_lies_where_the_environment_says_then_the_room_then_xdg(machine: Path) -> None:
    def data(room: RoomFile, path: Path | None, env: dict[str, str]) -> Path:
        return places.data_folder(places.located(room, path, env))

    path = machine / "garden" / "room.yaml"
    assert data(ROOM, path, {}) == machine / "home" / ".local" / "share" / "kaproom"
    assert data(ROOM, path, {"XDG_DATA_HOME": "/d"}) == Path("/d/kaproom")
    room = RoomFile(data="record")
    assert data(room, path, {"XDG_DATA_HOME": "/d"}) == machine / "garden" / "record"
    assert data(room, path, {"KAPROOM_DATA": "/e"}) == Path("/e")


def test_a_room_of_etc_is_a_service(machine: Path) -> None:
    room = places.located(ROOM, machine / "etc" / "room.yaml", {})
    assert places.data_folder(room) == Path("/var/lib/kaproom")
    assert places.runtime_folder(room) == Path("/run/kaproom")


def test_two_records_never_share_a_socket_and_one_record_always_does(machine: Path) -> None:
    def runtime(data: Path) -> Path:
        env = {"KAPROOM_DATA": str(data), "XDG_RUNTIME_DIR": str(machine / "home")}
        return places.runtime_folder(places.located(ROOM, None, env))

    one = machine / "one"
    one.mkdir()
    (machine / "alias").symlink_to(one)
    assert runtime(one) == runtime(machine / "alias")
    assert runtime(one) != runtime(machine / "two")
    assert runtime(one).parent == machine / "home" / "kaproom"


def test_without_a_runtime_folder_of_the_login_shared_memory_serves() -> None:
    uid = os.geteuid()
    if Path(f"/run/user/{uid}").is_dir():
        pytest.skip("this login has a runtime folder")
    env = {"XDG_RUNTIME_DIR": "/nonexistent/folder"}
    runtime = places.runtime_folder(places.located(ROOM, None, env))
    assert runtime.parent == Path(f"/dev/shm/kaproom-{uid}")


def test_a_short_command_finds_the_same_sockets_without_reading_a_file(machine: Path) -> None:
    for env in ({}, {"KAPROOM_DATA": "/d"}, {"KAPROOM_RUNTIME": "/r"}, {"XDG_DATA_HOME": "/x"}):
        read = places.runtime_folder(places.located(ROOM, None, env))
        assert places.runtime_unread(env=env) == read
    write(machine / "etc" / "room.yaml")
    assert places.runtime_unread(env={}) == places.SERVICE_RUNTIME
    assert places.runtime_unread(env={"KAPROOM_RUNTIME": "/r"}) == Path("/r")


def test_finding_the_sockets_imports_no_model() -> None:
    program = "import kaproom.places, sys; print({'pydantic', 'yaml'} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert ran.stdout == "set()\n"


def test_the_runtime_folder_is_for_us_alone(short: Path) -> None:
    runtime = places.make_runtime_folder(short / "kaproom" / "abcd1234")
    for folder in (runtime, runtime.parent):
        found = folder.stat()
        assert found.st_uid == os.geteuid()
        assert found.st_mode & 0o027 == 0
    assert places.make_runtime_folder(runtime) == runtime


def test_a_runtime_folder_of_someone_else_is_refused(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = short / "kaproom-1000"
    theirs.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: short.stat().st_uid + 1)
    with pytest.raises(Mend, match="belongs to user") as caught:
        places.make_runtime_folder(theirs)
    assert "KAPROOM_RUNTIME" in str(caught.value)


def test_a_runtime_folder_that_others_may_write_is_refused(short: Path) -> None:
    loose = short / "loose"
    loose.mkdir()
    loose.chmod(0o777)
    with pytest.raises(Mend, match="may be written by others; run `chmod go-w"):
        places.make_runtime_folder(loose)
    assert loose.stat().st_mode & 0o777 == 0o777


def test_a_link_is_no_runtime_folder(short: Path) -> None:
    (short / "real").mkdir(mode=0o700)
    (short / "link").symlink_to("real")
    with pytest.raises(Mend, match="not a link"):
        places.make_runtime_folder(short / "link")


def test_a_file_in_the_way_is_told(short: Path) -> None:
    (short / "file").write_text("")
    with pytest.raises(Mend, match="is not a folder; name another folder with data:"):
        places.make_data_folder(short / "file")
    with pytest.raises(Mend, match="cannot be made: not a directory; name another folder"):
        places.make_data_folder(short / "file" / "below")


def test_a_socket_whose_path_would_be_too_long_is_refused() -> None:
    fits = Path("/" + "a" * (107 - len("/daemon.sock") - 1))
    assert len(bytes(places.sockets(fits).daemon)) == 107
    with pytest.raises(Mend, match="is too long by 1 bytes to hold a socket; name a shorter"):
        places.sockets(Path(f"{fits}a"))


def test_what_is_shown_is_short_and_on_one_line(machine: Path) -> None:
    assert places.shown(machine / "here" / "a.yaml") == "a.yaml"
    assert places.shown(machine / "b.yaml") == str(machine / "b.yaml")
    assert places.legible("a\nb\x1b[2J") == "a\\nb\\x1b[2J"
    assert len(places.legible("x" * 1000)) == 200


# What came with kaproom


def test_shipped_files_lie_beside_the_package_or_in_it(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = machine / "kaproom"
    monkeypatch.setattr(places, "_PACKAGE", package)
    assert places.shipped("profile") == machine / "profiles"
    (package / "shipped" / "profiles").mkdir(parents=True)
    assert places.shipped("profile") == package / "shipped" / "profiles"


def test_a_wheel_carries_profiles_playlists_and_their_schemas(tmp_path: Path) -> None:
    wheel = pytest.importorskip("hatchling.builders.wheel")
    checkout = Path(places.__file__).resolve().parent.parent
    if not (checkout / "pyproject.toml").exists():
        pytest.skip("kaproom is installed without its sources")
    built = next(wheel.WheelBuilder(str(checkout)).build(directory=str(tmp_path)))
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    for kind in ("profile", "playlist"):
        for path in (checkout / f"{kind}s").iterdir():
            assert f"kaproom/shipped/{kind}s/{path.name}" in names


@pytest.mark.parametrize(
    ("line", "glanced"),
    [
        ("runtime: /run/kap-1", True),
        ('runtime: "/dev/shm/kap"', True),
        ("runtime: '/run/kap'", False),
        ("runtime: run", False),
        ("runtime: /run/kap # here", False),
        ("site: runtime", False),
        ("display_name: a runtime\nruntime: /run/kap", False),
    ],
)
def test_a_glance_at_the_room_file_says_what_reading_it_says_or_nothing(
    tmp_path: Path, line: str, glanced: bool
) -> None:
    file = tmp_path / "room.yaml"
    file.write_text(f"kaproom: room/1\n{line}\n")
    found = places.runtime_unread(str(file), {})
    assert (found is not None) == glanced
    if found is not None:
        room, _ = load_room(file, {})
        assert found == places.runtime_folder(room)
