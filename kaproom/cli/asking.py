"""How a command reaches the room: by the daemon's socket, or past a dead daemon."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from kaproom import clock
from kaproom.errors import Mend, Refused, WorldFailed

if TYPE_CHECKING:
    from kaproom.intercom import Client
    from kaproom.session.roomfile import RoomFile

# The key press that began this command, as nearly as a process can know it.
PRESSED_NS = clock.mono_ns()
TIMEOUT_S = 10.0
# Whoever wants it quiet does not wait for a daemon that hangs.
_FADE_TIMEOUT_S = 1.5

_FADES = {"duck": 0.25, "fade": 3.0, "end": 8.0}
_DUCK_DB = -24.0  # the resting gain of -6 dB, and 18 dB down for a voice


@dataclass(slots=True)
class Here:
    """Where this command was given: the room file that --room named."""

    room_file: str | None = None

    def room(self) -> tuple[RoomFile, Path | None]:
        """The room, with every path absolute, and the file that it came from."""
        from kaproom.files import load_room

        return load_room(self.room_file)

    def runtime(self) -> Path:
        """The folder of this room's sockets."""
        from kaproom.places import runtime_folder, runtime_unread

        found = runtime_unread(self.room_file)
        if found is not None:
            return found
        return runtime_folder(self.room()[0])


HERE = Here()


def daemon(name: str = "cli", timeout_s: float = TIMEOUT_S) -> Client:
    """A connection to the room's daemon.

    Raises:
        WorldFailed: Nobody answers.
    """
    from kaproom.intercom import Client
    from kaproom.places import sockets

    return Client(sockets(HERE.runtime()).daemon, name, timeout_s)


def ask(
    do: str,
    args: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
    as_json: bool = False,
    pressed_ns: int = PRESSED_NS,
) -> None:
    """Have the daemon do something, and say what it answered; or what it would do."""
    stamped = {"mono_ns": pressed_ns, "boot_id": clock.boot_id(), **(args or {})}
    try:
        client = daemon(timeout_s=_FADE_TIMEOUT_S if do in _FADES else TIMEOUT_S)
        if preview:
            answer = client.call("preview", {**stamped, "do": do})
        else:
            answer = client.call(do, stamped)
    except WorldFailed as failed:
        if preview or do not in _FADES or "not recorded" in str(failed):
            raise
        past_the_daemon(do, args or {})
        return
    typer.echo(json.dumps(answer) if as_json else answer.get("line", "Done."))
    if preview and not as_json:
        from kaproom.displays.foretold import foretold

        for line in foretold(answer["preview"], clock.now().utc.astimezone()):
            typer.echo(line)


def ago(written: str | None, option: str = "--ago") -> dict[str, float]:
    """The argument for `--ago`, or another option that is a length of time.

    Raises:
        Mend: It is not a time; the text shows how it is written.
    """
    from kaproom.session.events import ago_s

    if written is None:
        return {}
    try:
        return {"ago_s": ago_s(written)}
    except ValueError as error:
        raise Mend(f"{option}: {error}") from error


def past_the_daemon(do: str, args: Mapping[str, Any]) -> None:
    """The daemon is dead or hangs: lower the sound at the player itself.

    Raises:
        WorldFailed: Always: how it went, for it was not done as it should be.
    """
    raise WorldFailed(done_at_the_player(do, args))


def done_at_the_player(do: str, args: Mapping[str, Any]) -> str:
    """Lower the sound at the player itself; the line that says so.

    Under the daemon's lock it is recorded as well, so that the next daemon knows of it.
    Lowering is safe whoever does it, so a daemon that hangs on the lock hinders nothing.

    Raises:
        WorldFailed: The player does not answer either.
    """
    from kaproom.intercom import Client
    from kaproom.places import data_folder, sockets
    from kaproom.record import RoomLock

    room, _ = HERE.room()
    lock = RoomLock(data_folder(room))
    try:
        lock.take()
        alone = True
    except (Refused, Mend):
        alone = False
    try:
        player = Client(sockets(HERE.runtime()).player, "cli", _FADE_TIMEOUT_S)
        fall_s = 0.3 if args.get("now") else _FADES[do]
        target_db = _DUCK_DB if do == "duck" else None
        player.call("gain", {"target_db": target_db, "fall_s": fall_s})
        recorded = alone and _recorded(data_folder(room), do, args)
        if not alone:
            _leave_word(HERE.runtime(), do, args)
        if do == "end" and alone:
            player.call("close")
    finally:
        lock.release()
    if not alone:
        how = "does not answer: done at the player; recorded when it answers again"
    elif recorded:
        how = "does not run: done at the player, and recorded"
    else:
        how = "does not run: done at the player, not recorded"
    return f"the daemon {how}"


def _leave_word(runtime: Path, do: str, args: Mapping[str, Any]) -> None:
    """Tell a daemon that hangs what was done past it, so that it does not undo it."""
    from kaproom.places import WORD_FILE

    word = {"do": do, "args": {"mono_ns": PRESSED_NS, "boot_id": clock.boot_id(), **args}}
    written = runtime / f"{WORD_FILE}.{os.getpid()}"
    written.write_text(json.dumps(word), encoding="utf-8")
    written.replace(runtime / WORD_FILE)


def _recorded(data: Path, do: str, args: Mapping[str, Any]) -> bool:
    """Whether the open session's record took it; we are its only writer now."""
    from kaproom.record import Record
    from kaproom.room import commands
    from kaproom.room.clockwatch import ClockWatch
    from kaproom.room.resume import resumed
    from kaproom.session.machine import step

    try:
        with Record.open(data) as record:
            left_open = record.last_open_session()
            if left_open is None:
                return False
            now = clock.now()
            found = resumed(record.entries(left_open.session), now)
            if found is None:
                return False
            now_s = found.scribe.at_s(now)
            event = commands.read(do, args, now_s, now_s)
            after, _ = step(found.session, event)
            found.scribe.clock = ClockWatch().facts
            record.append([found.scribe.entry(after, event, now, None)])
    except (Refused, Mend, WorldFailed):
        return False
    return True
