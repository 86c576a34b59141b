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
from kaproom.errors import Mend, WorldFailed

if TYPE_CHECKING:
    from kaproom.intercom import Client
    from kaproom.session.roomfile import RoomFile

# The key press that began this command, as nearly as a process can know it.
PRESSED_NS = clock.mono_ns()
TIMEOUT_S = 10.0

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

        # Reading a room file takes longer than all the rest of a command.
        found = None if self.room_file else runtime_unread(os.environ)
        if found is not None:
            return found
        return runtime_folder(self.room()[0])


HERE = Here()


def daemon(name: str = "cli") -> Client:
    """A connection to the room's daemon.

    Raises:
        WorldFailed: Nobody answers.
    """
    from kaproom.intercom import Client
    from kaproom.places import sockets

    return Client(sockets(HERE.runtime()).daemon, name, TIMEOUT_S)


def ask(do: str, args: Mapping[str, Any] | None = None, *, as_json: bool = False) -> None:
    """Have the daemon do something, and say what it answered."""
    stamp = {"mono_ns": PRESSED_NS, "boot_id": clock.boot_id()}
    try:
        client = daemon()
    except WorldFailed:
        if do not in _FADES:
            raise
        _past_the_daemon(do, args or {})
        return
    answer = client.call(do, {**stamp, **(args or {})})
    typer.echo(json.dumps(answer) if as_json else answer.get("line", "Done."))


def ago(written: str | None) -> dict[str, float]:
    """The argument for `--ago`.

    Raises:
        Mend: It is not a time; the text shows how it is written.
    """
    from kaproom.session.events import ago_s

    if written is None:
        return {}
    try:
        return {"ago_s": ago_s(written)}
    except ValueError as error:
        raise Mend(f"--ago: {error}") from error


def _past_the_daemon(do: str, args: Mapping[str, Any]) -> None:
    """The daemon is dead: lower the sound at the player itself, under the daemon's lock."""
    from kaproom.intercom import Client
    from kaproom.places import data_folder, sockets
    from kaproom.record import RoomLock

    room, _ = HERE.room()
    lock = RoomLock(data_folder(room))
    lock.take()
    try:
        player = Client(sockets(HERE.runtime()).player, "cli", TIMEOUT_S)
        fall_s = 0.3 if args.get("now") else _FADES[do]
        target_db = _DUCK_DB if do == "duck" else None
        player.call("gain", {"target_db": target_db, "fall_s": fall_s})
        if do == "end":
            player.call("close")
    finally:
        lock.release()
    raise WorldFailed("the daemon does not run: done at the player, not recorded")
