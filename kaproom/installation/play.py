"""The player's service: takes the room file's device and becomes the player.

The player reads no settings, so that it comes up quickly and no mistake in a file can
keep it down; this reads them for it.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from kaproom import places
from kaproom.errors import Mend
from kaproom.files import load_room

PLAYER_LOCK = "player.lock"
# What the player was last started with; a room file that someone broke must not end the music.
LAST_ARGUMENTS = "player.arguments"


def play() -> None:
    """Become the player that the room file asks for; never returns.

    A room file that cannot be read does not keep the music away: what counted last does.
    """
    try:
        room, _ = load_room()
        runtime = places.runtime_folder(room)
        arguments = [
            *("--device", room.device),
            *("--latency-ms", f"{room.latency_ms:g}"),
            *("--rate-hz", str(room.rate_hz)),
        ]
    except Mend as error:
        runtime = Path(os.environ.get("RUNTIME_DIRECTORY") or places.SERVICE_RUNTIME)
        arguments = _last_arguments(runtime)
        sys.stderr.write(f"{error}\nplaying with what counted before: {' '.join(arguments)}\n")
    else:
        places.make_runtime_folder(runtime)
        (runtime / LAST_ARGUMENTS).write_text("\n".join(arguments), encoding="utf-8")
    _wait_for_turn(runtime / PLAYER_LOCK)
    program = [sys.executable, "-m", "kaproom.audio.player", str(runtime), *arguments]
    os.execv(program[0], program)


def _last_arguments(runtime: Path) -> list[str]:
    try:
        return (runtime / LAST_ARGUMENTS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _wait_for_turn(lock: Path) -> None:
    # A player that somebody started by hand goes on; a second one would only fail, at once
    # and again and again.
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("a player is running already; waiting for its end\n")
            fcntl.flock(file, fcntl.LOCK_EX)


if __name__ == "__main__":
    try:
        play()
    except Mend as error:
        sys.exit(f"{error}")
