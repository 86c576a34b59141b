"""A room PC: the services, their account and their folders, so that it comes up ready.

``install`` brings the machine to one written state and says each step that this took;
done twice, the second time says and does nothing. It never touches what people write
(room file, profiles, record), and ``uninstall`` leaves those where they are.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

from kaproom import places
from kaproom.errors import Mend, WorldFailed
from kaproom.installation.steps import Command, File, Folder, Gone, Link, Step

ACCOUNT = "kaproom"
SERVICES = ("kaproom-player.service", "kaproom-daemon.service")
CONSOLE = "kaproom-console.service"

_UNITS = Path("etc/systemd/system")
_USER_UNITS = Path("etc/systemd/user")
_RULES = Path("etc/polkit-1/rules.d/50-kaproom.rules")
_LIMITS = Path("etc/security/limits.d/50-kaproom.conf")
_LINGER = Path("var/lib/systemd/linger")
_COMMAND = Path("usr/local/bin/kaproom")

Say = Callable[[str], None]


def install(
    say: Say,
    *,
    user: str = ACCOUNT,
    root: Path | None = None,
    dry_run: bool = False,
    uninstall: bool = False,
) -> None:
    """Make this machine a room PC, or undo it.

    Args:
        say: Takes each line that a person should read.
        user: The account that the services run as; made when it is ``kaproom``.
        root: For trials: write below this folder, make no account, run nothing.
        dry_run: Say every step and take none.
        uninstall: Remove the services; accounts, room file and record stay.

    Raises:
        Mend: It takes root, another account or another place of installation; nothing
            that runs was changed.
        WorldFailed: A program of the system's failed.
    """
    if root is None and not dry_run and os.geteuid() != 0:
        raise Mend(f"this needs root: sudo {_command()} install")
    base = root or Path("/")
    live = root is None
    plan = _removal(base, live) if uninstall else _installation(user, base, live, dry_run)
    steps = 0
    for step in plan:
        if step.needed():
            steps += 1
            say(f"would {step}" if dry_run else str(step))
            if not dry_run:
                try:
                    step.carry_out()
                except OSError as error:
                    raise WorldFailed(f"could not {step}: {error.strerror or error}") from error
    for line in _left_to_say(user, base, live, uninstall, steps):
        say(line)


def unit(name: str, user: str, uid: int | None) -> str:
    """A shipped unit as it is written for this machine.

    ``uid`` is None where the account does not exist; what needs it is left out.
    """
    words = {
        "@PYTHON@": _in_unit(sys.executable),
        "@KAPROOM@": _in_unit(_command()),
        "@README@": str(_shipped("README.md")),
        "@USER@": user,
        "@UID@": str(uid),
    }
    lines = _shipped(name).read_text(encoding="utf-8").splitlines()
    written = []
    for line in lines:
        if "@UID@" in line and uid is None:
            continue
        for word, meaning in words.items():
            line = line.replace(word, meaning)  # noqa: PLW2901 - one line, word by word
        written.append(line)
    return "\n".join(written) + "\n"


def _installation(user: str, base: Path, live: bool, dry_run: bool) -> Iterator[Step]:
    if live:
        yield from _accounts(user)
        if not dry_run:
            _must_be_able_to_run(user)
    own = (user, ACCOUNT) if live else ("", "")
    yield Folder(base / places.ETC.relative_to("/"))
    for kind in ("profiles", "playlists"):
        yield Folder(base / places.ETC.relative_to("/") / kind)
    yield File(base / places.ETC.relative_to("/") / "room.yaml", _room_file(), theirs=True)
    yield Folder(base / places.SERVICE_DATA.relative_to("/"), 0o750, *own)
    yield File(base / _LINGER / user, "")
    yield File(base / _LIMITS, _shipped("limits.conf").read_text("utf-8").replace("@USER@", user))
    yield File(base / _RULES, _shipped(_RULES.name).read_text(encoding="utf-8"))
    yield Link(base / _COMMAND, _command())
    before = _written(base)
    uid = _uid(user, base, live)
    for name in SERVICES:
        yield File(base / _UNITS / name, unit(name, user, uid))
        yield Link(base / _UNITS / "multi-user.target.wants" / name, f"../{name}")
    yield File(base / _USER_UNITS / CONSOLE, unit(CONSOLE, user, uid))
    yield Link(base / _USER_UNITS / "graphical-session.target.wants" / CONSOLE, f"../{CONSOLE}")
    if live and _systemd_runs():
        if _written(base) != before:
            yield Command(("systemctl", "daemon-reload"))
        for name in SERVICES:
            if not _active(name):
                yield Command(("systemctl", "start", name))


def _accounts(user: str) -> Iterator[Step]:
    """The group that may talk to the room, and the account that the services run as."""
    if not _known(grp.getgrnam, ACCOUNT):
        yield Command(("groupadd", "--system", ACCOUNT))
    if not _known(pwd.getpwnam, user):
        if user != ACCOUNT:
            raise Mend(f"there is no account {user}; make it first: adduser {user}")
        home = str(places.SERVICE_DATA)
        made = ("--system", "--gid", ACCOUNT, "--home-dir", home, "--shell", "/usr/sbin/nologin")
        yield Command(("useradd", *made, "--comment", "kaproom", user))
    for group in ("audio", ACCOUNT):
        if _known(grp.getgrnam, group) and not _member(user, group):
            yield Command(("usermod", "--append", "--groups", group, user))


def _must_be_able_to_run(user: str) -> None:
    """The account has to reach what was installed, which may lie in somebody's home."""
    look = ("runuser", "-u", user, "--", sys.executable, "-c", "import kaproom.audio.programme")
    if subprocess.run(look, cwd="/", capture_output=True, check=False).returncode:
        raise Mend(
            f"the account {user} cannot run {sys.executable}; install where everybody may read:"
            " sudo ./setup.sh install"
        )


def _removal(base: Path, live: bool) -> Iterator[Step]:
    if live and _systemd_runs():
        # The daemon first: it closes the session, and the player fades.
        for name in reversed(SERVICES):
            if _active(name):
                yield Command(("systemctl", "stop", name))
    for name in SERVICES:
        yield Gone(base / _UNITS / "multi-user.target.wants" / name)
        yield Gone(base / _UNITS / name)
    yield Gone(base / _USER_UNITS / "graphical-session.target.wants" / CONSOLE)
    yield Gone(base / _USER_UNITS / CONSOLE)
    yield Gone(base / _RULES)
    yield Gone(base / _LIMITS)
    yield Gone(base / _LINGER / ACCOUNT)
    if (base / _COMMAND).is_symlink():
        yield Gone(base / _COMMAND)
    if live and _systemd_runs():
        yield Command(("systemctl", "daemon-reload"))


def _left_to_say(user: str, base: Path, live: bool, uninstall: bool, steps: int) -> Iterator[str]:
    if uninstall:
        yield f"{places.ETC}, {places.SERVICE_DATA} with the record, and the account {user} stay"
        return
    if not steps:
        yield "nothing to do: this is a room PC already"
    if live and not _systemd_runs():
        yield "systemd does not run here; the services start at the next boot"
    if user == ACCOUNT and (base / _UNITS / "display-manager.service").exists():
        yield (
            "this machine has a desktop, whose sound server would share the headphones with"
            " ours; if the room's screen logs in as NAME, install with --user NAME"
        )
    yield f"who may run the room: sudo usermod -aG {ACCOUNT} NAME"


def _room_file() -> str:
    schema = places.shipped("profile") / "room.schema.json"
    text = _shipped("room.yaml").read_text(encoding="utf-8")
    return text.replace("@SCHEMA@", schema.as_uri())


def _shipped(name: str) -> Path:
    return Path(str(files("kaproom") / "systemd" / name))


def _command() -> str:
    return str(Path(sys.executable).with_name("kaproom"))


def _in_unit(path: str) -> str:
    """A path as a word of an ExecStart line (systemd.service(5), "Command lines")."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(c.isspace() or c in "\\\"';" for c in path) else escaped


def _written(base: Path) -> tuple[str, ...]:
    paths = [base / _UNITS / name for name in SERVICES]
    return tuple(p.read_text(encoding="utf-8") if p.exists() else "" for p in paths)


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _active(name: str) -> bool:
    return subprocess.run(("systemctl", "is-active", "--quiet", name), check=False).returncode == 0


def _uid(user: str, base: Path, live: bool) -> int | None:
    if live:
        return pwd.getpwnam(user).pw_uid if _known(pwd.getpwnam, user) else None
    passwd = base / "etc/passwd"
    for line in passwd.read_text(encoding="utf-8").splitlines() if passwd.exists() else ():
        name, _, uid, *_ = line.split(":")
        if name == user:
            return int(uid)
    return None


def _known(look_up: Callable[[str], object], name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True


def _member(user: str, group: str) -> bool:
    if not _known(pwd.getpwnam, user):
        return False
    return grp.getgrnam(group).gr_gid in os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
