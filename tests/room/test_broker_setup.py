"""A clinic's broker as its folder: made whole, kept in order, handed out, installed."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from bus import Peer, TurnedAway
from clinic import DASHBOARD, EVERYBODY, ROOM, STATION, Clinic, copied, running
from cryptography import x509
from pulse import until
from typer.testing import CliRunner, Result

from kaproom import clock
from kaproom.cli import broker as commands
from kaproom.errors import Mend, Refused
from kaproom.files import load_room
from kaproom.room import broker as launcher
from kaproom.room import clinic_broker

APP = typer.Typer()
commands.add_to(APP)
DOCUMENTS = Path(clinic_broker.__file__).parent

needs_mosquitto = pytest.mark.skipif(
    launcher._program("mosquitto") is None, reason="apt-get install mosquitto"
)


@pytest.fixture
def own_clinic(tmp_path: Path) -> Iterator[Clinic]:
    """A broker at work that this test may change."""
    with running(Clinic(tmp_path / "broker").enrol(*EVERYBODY)) as clinic:
        yield clinic


def run(line: str) -> Result:
    """One command as it is typed, without its first word."""
    return CliRunner().invoke(APP, shlex.split(line))


def said(line: str) -> str:
    """What a command says that is content."""
    result = run(line)
    assert result.exit_code == 0, (line, result.output, result.exception)
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A broker's folder, made by its command, called `desk` from where we stand."""
    monkeypatch.chdir(tmp_path)
    said("broker init desk --host broker.clinic.example --host 10.0.0.5")
    return tmp_path / "desk"


def content(folder: Path) -> dict[str, str]:
    """Every file and what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_keys_and_passwords_are_their_owner_s_alone(folder: Path) -> None:
    umask = os.umask(0)
    try:
        said("broker add desk room clinic/room-1")
        said("broker add desk dashboard clinic/wall --password")
        said("broker renew desk clinic/room-1")
        said("broker renew desk server")
    finally:
        os.umask(umask)
    secret = [
        path
        for path in folder.rglob("*")
        if path.suffix == ".key" or path.name in ("password", "passwords", "clinic.json")
    ]
    assert len(secret) == 8, secret
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_made_again_it_changes_nothing_and_says_what_does(folder: Path) -> None:
    before = content(folder)
    result = run("broker init desk --host elsewhere")
    assert isinstance(result.exception, Refused)
    assert str(result.exception) == (
        "desk holds a broker already, and nothing was changed;"
        " `kaproom broker renew desk server` makes a new server certificate"
    )
    assert content(folder) == before


def test_it_is_never_made_among_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").touch()
    result = run("broker init etc --host broker")
    assert str(result.exception) == "etc is not empty; name a folder that is still to be"
    assert [path.name for path in tmp_path.rglob("*")] == ["etc", "passwd"]


def test_a_making_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def full(_path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kaproom.room.clinic_broker.folder._replace", full)
    result = run("broker init desk --host broker")
    assert str(result.exception) == "desk cannot be made: no space left on device"
    assert list(tmp_path.iterdir()) == []


def test_who_is_enrolled_is_not_enrolled_again(folder: Path) -> None:
    said("broker add desk station clinic/desk-1")
    before = content(folder)
    for again in ("clinic/desk-1", "clinic/station/desk-1"):
        result = run(f"broker add desk station {again}")
        assert isinstance(result.exception, Refused)
        assert str(result.exception) == (
            "clinic/station/desk-1 is enrolled already; `kaproom broker renew desk"
            " clinic/station/desk-1` replaces what it comes with"
        )
    assert content(folder) == before


def test_no_key_and_no_certificate_is_ever_overwritten(folder: Path) -> None:
    said("broker add desk room clinic/room-1")
    before = {d for name, d in content(folder).items() if name.endswith((".key", ".crt"))}
    said("broker renew desk clinic/room-1")
    said("broker renew desk server --host new.example")
    said("broker revoke desk clinic/room-1")
    said("broker add desk room clinic/room-1")
    assert before <= set(content(folder).values())


def test_the_server_s_certificate_carries_every_name_that_was_given(folder: Path) -> None:
    def names() -> list[str]:
        server = certificate(folder / "broker" / "server.crt")
        found = server.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [str(name.value) for name in found.value]

    assert names() == ["broker.clinic.example", "10.0.0.5"]
    said("broker renew desk server")
    assert names() == ["broker.clinic.example", "10.0.0.5"]
    said("broker renew desk server --host 10.0.0.6 --host fd00::1")
    assert names() == ["10.0.0.6", "fd00::1"]
    said("broker add desk room clinic/room-1")
    assert "mqtts://10.0.0.6:8883" in (folder / "clients/clinic/room-1/room.yaml").read_text()


def test_the_revocation_list_lasts_as_long_as_the_authority(folder: Path) -> None:
    said("broker add desk room clinic/room-1")
    revoked = certificate(folder / "clients/clinic/room-1/kaproom.crt")
    said("broker revoke desk clinic/room-1")
    found = x509.load_pem_x509_crl((folder / "broker" / "crl.pem").read_bytes())
    assert [entry.serial_number for entry in found] == [revoked.serial_number]
    assert found.next_update_utc == certificate(folder / "ca" / "ca.crt").not_valid_after_utc


def test_the_lines_for_the_room_s_file_are_a_room_file(folder: Path) -> None:
    said("broker add desk room clinic/room-1")
    handed = folder / "clients" / "clinic" / "room-1"
    room, _ = load_room(str(handed / "room.yaml"))
    assert (room.site, room.room) == ("clinic", "room-1")
    assert room.broker is not None
    assert room.broker.url == "mqtts://broker.clinic.example:8883"
    assert room.broker.key == str(handed / "broker" / "kaproom.key")


def test_the_list_tells_who_comes_with_what_and_warns_in_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("broker add desk room clinic/room-1")
    said("broker add desk dashboard clinic/wall --password")
    said("broker renew desk clinic/room-1")
    assert said("broker list desk").splitlines() == [
        "server                 certificate    824 days left",
        "clinic/dashboard/wall  password",
        "clinic/room-1          certificate    824 days left",
    ]
    lines = json.loads(said("broker list desk --all --json"))
    assert [(line["name"], line["state"]) for line in lines if line["name"] == ROOM] == [
        (ROOM, "replaced"),
        (ROOM, "current"),
    ]
    later = clock.utc() + timedelta(days=790)
    monkeypatch.setattr("kaproom.clock.utc", lambda: later)
    result = run("broker list desk")
    assert result.exit_code == 1
    assert "clinic/room-1: `kaproom broker renew desk clinic/room-1`" in result.stderr


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (
            "add desk room room-1",
            "'room-1' is no room; write SITE/NAME, as in clinic/one",
        ),
        (
            "add desk station clinic/room/desk",
            "'clinic/room/desk' is no station; write SITE/NAME, as in clinic/one",
        ),
        (
            "add desk room clinic/#",
            "'#' in 'clinic/#': it may hold only a-z, 0-9 and '-' (not at its ends), at most 40"
            " of them",
        ),
        (
            "add desk room clinic/station",
            "'station' belongs to the nurse stations; call the room something else",
        ),
        (
            f"add desk station {'c' * 40}/{'d' * 20}",
            f"'{'c' * 40}/station/{'d' * 20}' has 69 characters and a certificate's name at most"
            " 64; choose shorter aliases",
        ),
        (
            "add desk room clinic/room-1 --password",
            "--password: only a dashboard may come with one; others need their key",
        ),
        (
            "revoke desk clinic/room-7",
            "nobody is enrolled as 'clinic/room-7' (did you mean 'clinic/room-2'?);"
            " `kaproom broker list desk` shows who is",
        ),
        (
            "revoke desk server",
            "clients ask for no revocations of the server's certificate; when its key is lost,"
            " make a new broker folder and enrol everybody anew",
        ),
        ("renew desk clinic/room-2 --host x", "--host: only the server has one"),
        (
            "renew desk server --host mqtts://broker:8883",
            "--host: 'mqtts://broker:8883' is neither a name nor an address; write it without"
            " mqtts:// and without a port",
        ),
        ("list nowhere", "nowhere is no broker's folder; `kaproom broker init nowhere` makes one"),
        ("init new", "--host: name what the rooms reach the broker by, at least once"),
        (
            "init new --host b --bind everywhere",
            "--bind: 'everywhere' is no address; write one as 10.0.0.5",
        ),
        ("init new --host b --port 0", "--port: 0 is no port; it must be 1 to 65535"),
        (
            "init new --host b --websockets-port 8883",
            "--websockets-port: 8883 is the port of MQTT already",
        ),
        (
            "init new --host b --at relative",
            "--at: 'relative' must be a whole path of letters, digits and ./_+-",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_how_to_mend_it(
    folder: Path, line: str, answer: str
) -> None:
    said("broker add desk room clinic/room-2")
    before = content(folder)
    result = run(f"broker {line}")
    assert isinstance(result.exception, Mend), result
    assert str(result.exception) == answer
    assert content(folder) == before
    assert not Path("new").exists()


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"kaproom": "clinic-broker/1"}', "\0"])
def test_a_damaged_book_is_one_line_and_left_as_it_is(folder: Path, damage: str) -> None:
    book = folder / "ca" / "clinic.json"
    book.write_text(damage)
    before = content(folder)
    for line in ("list desk", "add desk room clinic/room-1", "revoke desk clinic/room-1"):
        result = run(f"broker {line}")
        answer = "desk/ca/clinic.json is damaged; bring it back from your backup"
        assert str(result.exception) == answer
    assert content(folder) == before


def test_a_lost_authority_is_one_line(folder: Path) -> None:
    (folder / "ca" / "ca.key").unlink()
    before = content(folder)
    result = run("broker add desk room clinic/room-1")
    assert str(result.exception) == (
        "desk/ca/ca.crt and ca.key cannot be read; bring them back from your backup"
    )
    assert content(folder) == before | {"ca/lock": content(folder)["ca/lock"]}


def test_without_cryptography_it_says_what_to_install() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; sys.modules['cryptography'] = None\n"
            "from kaproom.errors import Mend\n"
            "import kaproom.cli.broker, kaproom.room.broker\n"
            "try: import kaproom.room.clinic_broker\n"
            "except Mend as line: print(line)",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == (
        "the package 'cryptography' is missing; run "
        f"`{sys.executable} -m pip install cryptography`\n"
    ), done.stderr


def test_every_command_in_the_instructions_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = []
    for document, folder in (("BROKER.md", "clinic-broker"), ("FOLDER.md", "mine")):
        text = (DOCUMENTS / document).read_text(encoding="utf-8")
        found = re.findall(r"(?m)^    kaproom (broker [^#\n]+)", text)
        assert len(found) >= 3
        lines += [line.replace("DIR", folder) for line in found]
    said("broker init mine --host broker")
    for line in lines:
        said(line)
    assert "@" not in (tmp_path / "mine" / "README.md").read_text()


@pytest.mark.parametrize("check", [["sh", "-n"], ["shellcheck"]])
def test_the_installing_script_is_portable(folder: Path, check: list[str]) -> None:
    if not shutil.which(check[0]):
        pytest.skip(f"{check[0]} is not installed")
    subprocess.run([*check, folder / "broker" / "install.sh"], check=True)


@needs_mosquitto
def test_a_room_that_is_enrolled_again_gets_in_and_its_former_certificate_does_not(
    own_clinic: Clinic, tmp_path: Path
) -> None:
    former = copied(own_clinic.pair(ROOM), tmp_path)
    own_clinic.broker.revoke(ROOM)
    own_clinic.enrol(ROOM)
    own_clinic.restart()
    assert own_clinic.keeps_out(former)
    with own_clinic.peer(ROOM) as room, own_clinic.peer(STATION) as station:
        station.subscribe("kaproom/1/clinic/#")
        room.publish(f"kaproom/1/{ROOM}/state", b"honest")
        station.wait_for_topic(f"kaproom/1/{ROOM}/state", b"honest")


@needs_mosquitto
def test_a_renewed_room_changes_over_without_haste(own_clinic: Clinic, tmp_path: Path) -> None:
    former = copied(own_clinic.pair(ROOM), tmp_path)
    own_clinic.broker.renew(ROOM)
    own_clinic.restart()
    for pair in (former, own_clinic.pair(ROOM)):
        with Peer(own_clinic.port, ca=own_clinic.ca, pair=pair) as room:
            assert room.publish(f"kaproom/1/{ROOM}/state", b"honest")
    assert own_clinic.broker.revoke(ROOM, replaced_only=True) == 1
    own_clinic.restart()
    assert own_clinic.keeps_out(former)
    assert not own_clinic.keeps_out(own_clinic.pair(ROOM))


@needs_mosquitto
def test_a_dashboard_s_password_is_taken_and_given_without_a_restart(own_clinic: Clinic) -> None:
    own_clinic.add_browser()
    own_clinic.reload()

    def lets_in() -> bool:
        try:
            own_clinic.browser().connect().close()
        except TurnedAway:
            return False
        return True

    until(lets_in)
    aside = own_clinic.browser()
    own_clinic.broker.revoke("clinic/dashboard/browser")
    own_clinic.reload()

    def turned_away() -> bool:
        try:
            aside.connect().close()
        except TurnedAway:
            return True
        return False

    until(turned_away)


@needs_mosquitto
def test_a_new_server_certificate_is_taken_by_those_who_trusted_the_former(
    own_clinic: Clinic,
) -> None:
    own_clinic.broker.renew("server", ("127.0.0.1", "broker.example"))
    own_clinic.restart()
    with own_clinic.peer(ROOM) as room:
        assert room.publish(f"kaproom/1/{ROOM}/state", b"honest")


@needs_mosquitto
def test_a_station_sees_a_thousand_rooms_and_more_when_it_connects(own_clinic: Clinic) -> None:
    topics = [f"kaproom/1/{ROOM}/attention/{number}" for number in range(1500)]
    with own_clinic.peer(ROOM) as room:
        for topic in topics:
            room._client.publish(topic, b"open", qos=1, retain=True)
        for _ in topics:
            room._answer("publish")
    with own_clinic.peer(STATION) as station:
        station.subscribe("kaproom/1/clinic/#")
        station.wait_for(lambda heard: len(heard) >= len(topics))
        assert sorted(station.topics()) == sorted(topics)


@needs_mosquitto
def test_what_was_retained_outlives_a_restart(own_clinic: Clinic) -> None:
    with own_clinic.peer(ROOM) as room:
        room.publish(f"kaproom/1/{ROOM}/availability", b"stopped", retain=True)
    own_clinic.restart()
    with own_clinic.peer(STATION) as station:
        station.subscribe("kaproom/1/clinic/#")
        assert station.wait_for_topic(f"kaproom/1/{ROOM}/availability").payload == b"stopped"


@needs_mosquitto
@pytest.mark.parametrize("name", [ROOM, DASHBOARD])
def test_the_line_that_is_handed_over_to_try_it_works(own_clinic: Clinic, name: str) -> None:
    clinic = own_clinic
    if not shutil.which("mosquitto_sub"):
        pytest.skip("apt-get install mosquitto-clients")
    folder = clinic.folder / "clients" / name
    line = (folder / "connect.txt").read_text().split("To try it:")[1].strip()
    with clinic.peer(STATION if name == ROOM else ROOM) as other:
        topic = f"kaproom/1/{ROOM}/{'replay/req' if name == ROOM else 'state'}"
        other.publish(topic, b"honest", retain=True)
        said = subprocess.run(
            ["/bin/sh", "-c", f"{line} -C 1 -W 10"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("kaproom/1/clinic/")


@needs_mosquitto
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hand files to another account")
def test_installed_as_told_it_runs_as_its_own_account_with_files_it_cannot_change(
    tmp_path_factory: pytest.TempPathFactory, runtime: Path
) -> None:
    try:
        account = pwd.getpwnam("mosquitto")
    except KeyError:
        pytest.skip("there is no account mosquitto")
    runtime.chmod(0o755)  # the account has to get as far as its files
    at, state = runtime / "etc", runtime / "state"
    state.mkdir()
    os.chown(state, account.pw_uid, account.pw_gid)
    clinic = Clinic(tmp_path_factory.mktemp("clinic") / "broker", at=at, state=state).enrol(ROOM)

    def install() -> None:
        script = clinic.folder / "broker" / "install.sh"
        subprocess.run([script, "--files-only"], check=True)

    install()
    assert {path.name for path in at.iterdir()} == {
        *("mosquitto.conf", "acl", "passwords", "ca.crt", "crl.pem", "server.crt", "server.key")
    }
    assert all(
        (f.stat().st_uid, f.stat().st_gid, f.stat().st_mode & 0o777) == (0, account.pw_gid, 0o640)
        for f in at.iterdir()
    )
    clinic.start(at / "mosquitto.conf")
    try:
        assert Path(f"/proc/{clinic.pid}").stat().st_uid == account.pw_uid
        with clinic.peer(ROOM) as room:
            assert room.publish(f"kaproom/1/{ROOM}/state", b"honest")
        stolen = copied(clinic.pair(ROOM), runtime)
        before = {path: path.stat().st_mtime_ns for path in at.iterdir()}
        install()
        assert before == {path: path.stat().st_mtime_ns for path in at.iterdir()}
        clinic.broker.revoke(ROOM)
        install()
        changed = {path.name for path in at.iterdir() if before[path] != path.stat().st_mtime_ns}
        assert changed == {"acl", "crl.pem"}
        clinic.reload()
        until(lambda: clinic.keeps_out(stolen))
    finally:
        clinic.stop()
