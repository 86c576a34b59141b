"""Where things lie: room file, profiles, playlists, record, sockets.

Every program of a room asks here, so that daemon, player and a command typed in any
folder agree without talking. Nothing here reads what lies in a file.

What is given on the command line goes before the environment, the environment before
the room file, and the room file before what the system suggests.
"""

from __future__ import annotations

import grp
import hashlib
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kaproom.errors import Mend
from kaproom.session.spelling import did_you_mean, nearest

if TYPE_CHECKING:
    # Importing the model takes longer than a short command may: here only its name is needed.
    from kaproom.session.roomfile import RoomFile

Kind = Literal["profile", "playlist"]

ETC = Path("/etc/kaproom")
SERVICE_DATA = Path("/var/lib/kaproom")
SERVICE_RUNTIME = Path("/run/kaproom")
GROUP = "kaproom"
SUFFIXES = (".yaml", ".yml")

# In the runtime folder: what was done at the player while the daemon hung.
WORD_FILE = "past-the-daemon.json"

# In the data folder: what patients brought to be played at their end.
PIECES = "prepared"

# sun_path of a Unix socket holds 108 bytes, and the last one is a zero.
SOCKET_PATH_MAX_BYTES = 107

# Comparing one name with a thousand takes about 10 ms.
NAMES_COMPARED_MAX = 1000

# A line that YAML and we cannot read differently: an absolute path, nothing quoted but in "".
_PLAIN_RUNTIME = re.compile(r'^runtime: (?:"(/[\w./-]+)"|(/[\w./-]+))$', re.M)

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Kind) -> Path:
    """The folder of profiles or playlists that came with kaproom."""
    installed = _PACKAGE / "shipped" / f"{kind}s"
    # A checkout, or an editable installation of one, has them beside the package.
    return installed if installed.is_dir() else _PACKAGE.parent / f"{kind}s"


def room_file(given: str | Path | None, env: Mapping[str, str] = os.environ) -> Path | None:
    """The room file that counts: given, $KAPROOM_ROOM, XDG, /etc/kaproom; or none at all.

    Raises:
        Mend: A file was named and does not exist.
    """
    named = str(given) if given is not None else env.get("KAPROOM_ROOM")
    if named:
        asked_by = "--room" if given is not None else "KAPROOM_ROOM"
        path = expand(named, Path.cwd())
        if _there(path):
            return path
        raise Mend(f"{shown(path)} does not exist{near(path)}; {asked_by} names it")
    for folder in (_xdg(env, "XDG_CONFIG_HOME", ".config"), ETC):
        path = folder / "room.yaml"
        if _there(path):
            return path
    return None


def located(room: RoomFile, path: Path | None, env: Mapping[str, str] = os.environ) -> RoomFile:
    """The room with every path absolute, and with its folders of data and runtime filled in."""
    base = Path.cwd() if path is None else expand(str(path), Path.cwd()).parent

    def absolute(text: str | None) -> str | None:
        return None if text is None else str(expand(text, base))

    service = base == ETC
    data = env.get("KAPROOM_DATA") or absolute(room.data)
    if not data:
        data = str(SERVICE_DATA if service else _own_data(env))
    data = str(expand(data, Path.cwd()))
    runtime = env.get("KAPROOM_RUNTIME") or absolute(room.runtime)
    if not runtime:
        runtime = str(SERVICE_RUNTIME if service else _own_runtime(Path(data), env))
    broker = room.broker
    if broker is not None:
        files = {
            key: absolute(getattr(broker, key)) for key in ("password_file", "ca", "cert", "key")
        }
        broker = broker.model_copy(update=files)
    return room.model_copy(
        update={
            "data": data,
            "runtime": str(expand(runtime, Path.cwd())),
            "profiles": tuple(str(expand(text, base)) for text in room.profiles),
            "playlists": tuple(str(expand(text, base)) for text in room.playlists),
            "sheets": absolute(room.sheets),
            "broker": broker,
        }
    )


def data_folder(room: RoomFile) -> Path:
    """The folder that keeps this room's record."""
    return Path(room.data or located(room, None).data or ".")


def runtime_folder(room: RoomFile) -> Path:
    """The folder of this room's sockets and shared memory."""
    return Path(room.runtime or located(room, None).runtime or ".")


def runtime_unread(given: str | None = None, env: Mapping[str, str] = os.environ) -> Path | None:
    """The runtime folder where it takes no model of the room file to know it, else None.

    A short command asks this first: reading the file in full takes longer than all the
    rest of it. A plain ``runtime:`` line is believed; anything else is left to be read.
    """
    if env.get("KAPROOM_RUNTIME"):
        return expand(env["KAPROOM_RUNTIME"], Path.cwd())
    path = room_file(given, env)
    if path is None:
        return _own_runtime(_own_data(env), env)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    base = expand(str(path), Path.cwd()).parent
    plain = _PLAIN_RUNTIME.search(text)
    if text.count("runtime") == 1 and plain is not None:
        return expand(plain[1] or plain[2], base)
    return SERVICE_RUNTIME if base == ETC and "runtime" not in text else None


def folders(kind: Kind, room: RoomFile, env: Mapping[str, str] = os.environ) -> list[Path]:
    """Where profiles or playlists are looked for, in this order; some may not exist."""
    own = room.profiles if kind == "profile" else room.playlists
    named = env.get(f"KAPROOM_{kind.upper()}S", "").split(os.pathsep)
    return [
        *(expand(text, Path.cwd()) for text in own),
        *(expand(text, Path.cwd()) for text in named if text),
        _xdg(env, "XDG_CONFIG_HOME", ".config") / f"{kind}s",
        ETC / f"{kind}s",
        shipped(kind),
    ]


def listing(kind: Kind, room: RoomFile, env: Mapping[str, str] = os.environ) -> dict[str, Path]:
    """Every profile or playlist by its name; of two with one name, the one that counts."""
    found: dict[str, Path] = {}
    for folder in folders(kind, room, env):
        for path in sorted(_entries(folder)):
            if path.suffix in SUFFIXES:
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(
    kind: Kind,
    name_or_path: str | Path,
    room: RoomFile,
    beside: Path | None = None,
    env: Mapping[str, str] = os.environ,
) -> Path:
    """The file that a name or a path means.

    Args:
        kind: What is looked for.
        name_or_path: A name as ``listing`` gives it, or a path: with a ``/`` or a suffix.
        room: The room, for its own folders.
        beside: The folder that a relative path starts from; without it, the current one.
        env: The environment.

    Raises:
        Mend: There is none; the line says what there is.
    """
    text = str(name_or_path)
    if "/" in text or text.endswith(SUFFIXES):
        path = expand(text, beside or Path.cwd())
        if _there(path):
            return path
        if "/" in text:
            raise Mend(f"{shown(path)} does not exist{near(path)}")
    names = listing(kind, room, env)
    stem = text.removesuffix(".yaml").removesuffix(".yml")
    if stem in names:
        return names[stem]
    raise Mend(
        f"no {kind} is called '{legible(stem)}'{did_you_mean(stem, names)}; there are"
        f" {', '.join(names) or 'none'} (a path needs a '/', as in ./{legible(stem)}.yaml)"
    )


@dataclass(frozen=True, slots=True)
class Sockets:
    """Where a room's programs meet."""

    daemon: Path
    player: Path


def sockets(runtime: Path) -> Sockets:
    """The sockets in a runtime folder.

    Raises:
        Mend: The folder's path is too long for a socket in it.
    """
    both = Sockets(daemon=runtime / "daemon.sock", player=runtime / "player.sock")
    too_long = max(len(os.fsencode(path)) for path in (both.daemon, both.player))
    if too_long > SOCKET_PATH_MAX_BYTES:
        raise Mend(
            f"{runtime} is too long by {too_long - SOCKET_PATH_MAX_BYTES} bytes to hold a"
            " socket; name a shorter folder with runtime: in the room file or KAPROOM_RUNTIME"
        )
    return both


def make_runtime_folder(runtime: Path) -> Path:
    """Make the runtime folder, for us alone (and group kaproom, when we are of it).

    Raises:
        Mend: It belongs to someone else, or others may write into it, or it cannot be made.
    """
    sockets(runtime)
    remedy = "name another folder with runtime: in the room file or KAPROOM_RUNTIME"
    made = _make(runtime, remedy)
    for folder in (runtime, runtime.parent):
        # /dev/shm is open to all: whoever was first there owns what is called like ours.
        if folder == runtime or folder.name.startswith("kaproom"):
            _must_be_ours(folder, remedy)
            if folder in made:
                _open_to_group(folder)
    return runtime


def make_data_folder(data: Path) -> Path:
    """Make the data folder when it is not there yet.

    Raises:
        Mend: It cannot be made, or is no folder.
    """
    _make(data, "name another folder with data: in the room file or KAPROOM_DATA")
    return data


def expand(text: str, base: Path) -> Path:
    """A path as people write it: ``~`` is their home, a relative one starts at ``base``."""
    if text == "~" or text.startswith("~/"):
        return Path(os.path.normpath(Path.home() / text[2:]))
    return Path(os.path.normpath(base / text))


def shown(path: Path) -> str:
    """A path as people read it: relative where that is shorter, and on one line."""
    try:
        near = path.relative_to(Path.cwd())
    except (ValueError, OSError):
        return legible(str(path))
    return legible(str(near))


def legible(text: str, longest: int = 200) -> str:
    """Foreign text on one line: control characters escaped, cut when it is very long."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def near(path: Path) -> str:
    """What may have been meant by a path that does not exist, in brackets, or nothing."""
    if not path.parent.is_dir():
        parent = path.parent
        while not parent.parent.is_dir():
            parent = parent.parent
        return f" (there is no folder {shown(parent)})"
    if path.is_symlink():
        return f" (it is a link to '{legible(str(path.readlink()))}', which is not there)"
    entries = list(itertools.islice(_entries(path.parent), NAMES_COMPARED_MAX))
    for entry in entries:
        if entry.name.casefold() == path.name.casefold():
            return f" (did you mean '{legible(entry.name)}'? Capitals count)"
    # Compared without suffixes: two names are not alike because both end in .yaml.
    # Of two with one stem, the one of the same suffix was meant: it comes last here.
    entries.sort(key=lambda entry: entry.suffix == path.suffix)
    stems = {legible(entry.stem): legible(entry.name) for entry in entries}
    meant = nearest(path.stem, stems)
    return "" if meant is None else f" (did you mean '{stems[meant]}'?)"


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise Mend(f"{shown(path)} cannot be read: {_reason(error)}") from error


def _xdg(env: Mapping[str, str], variable: str, below_home: str) -> Path:
    # The XDG specification has relative ones ignored.
    named = env.get(variable, "")
    base = Path(named) if named.startswith("/") else Path.home() / below_home
    return base / "kaproom"


def state_folder(env: Mapping[str, str] = os.environ) -> Path:
    """The folder for what a program remembers of its own from one start to the next."""
    return _xdg(env, "XDG_STATE_HOME", ".local/state")


def _own_data(env: Mapping[str, str]) -> Path:
    named = env.get("KAPROOM_DATA")
    return expand(named, Path.cwd()) if named else _xdg(env, "XDG_DATA_HOME", ".local/share")


def _own_runtime(data: Path, env: Mapping[str, str]) -> Path:
    # One folder for each record, so two rooms of one user never share a socket.
    digest = hashlib.sha256(os.fsencode(os.path.realpath(data))).hexdigest()[:8]
    uid = os.geteuid()
    named = env.get("XDG_RUNTIME_DIR", "")
    # A login without PAM does not set the variable, and must find the same sockets.
    for folder in (Path(named or "/nonexistent"), Path(f"/run/user/{uid}")):
        if folder.is_absolute() and folder.is_dir() and folder.stat().st_uid == uid:
            return folder / "kaproom" / digest
    return Path(f"/dev/shm/kaproom-{uid}") / digest


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _make(folder: Path, remedy: str) -> list[Path]:
    made = []
    try:
        for level in reversed([folder, *folder.parents]):
            if not level.exists():
                level.mkdir(mode=0o700, exist_ok=True)
                made.append(level)
        if not folder.is_dir():
            raise Mend(f"{shown(folder)} is not a folder; {remedy}")
    except (OSError, ValueError) as error:
        raise Mend(f"{shown(folder)} cannot be made: {_reason(error)}; {remedy}") from error
    return made


def _open_to_group(folder: Path) -> None:
    # Members of the group reach the daemon's socket; nobody else gets as far as the folder.
    try:
        group = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return
    if os.geteuid() == 0 or group in (os.getegid(), *os.getgroups()):
        os.chown(folder, -1, group)
        folder.chmod(0o750)


def _must_be_ours(folder: Path, remedy: str) -> None:
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        raise Mend(f"{folder} must be a folder itself, not a link to one; {remedy}")
    if found.st_uid != os.geteuid():
        raise Mend(
            f"{folder} belongs to user {found.st_uid}, and we are user {os.geteuid()}; {remedy}"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Mend(f"{folder} may be written by others; run `chmod go-w {folder}`, or {remedy}")


def _reason(error: OSError | ValueError) -> str:
    text = error.strerror if isinstance(error, OSError) else str(error)
    return legible((text or "it cannot be read").lower())
