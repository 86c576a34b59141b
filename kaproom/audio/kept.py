"""What one player leaves to the next: the programme as it is played, and what failed in it.

Written whole or not at all, in the runtime folder, before any frame of it goes into the
ring; together with the ring it is all that a player needs to carry on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from kaproom.audio.mixer import Failed
from kaproom.audio.programme import Programme
from kaproom.errors import WorldFailed

KEPT_FILE: Final = "programme.json"
_VERSION: Final = "player/1"


@dataclass(frozen=True, slots=True)
class Kept:
    """A player's programme and its failures.

    Attributes:
        programme: With the fallbacks that had to be put in.
        failures: All so far.
        stopped_ns: When the player was asked to end, on the clock that counts time
            asleep; None while it plays, so also after it was killed.
        attempts: How often players have begun at ``frame`` and got no further.
        frame: Where the last of them began.
    """

    programme: Programme
    failures: Sequence[Failed] = ()
    stopped_ns: int | None = None
    attempts: int = 0
    frame: int = -1


def keep(runtime: Path, kept: Kept) -> None:
    """Put it down for the next player.

    Raises:
        WorldFailed: The runtime folder cannot be written or is full.
    """
    path = runtime / KEPT_FILE
    new = runtime / f".{KEPT_FILE}.new"
    values = {
        "kaproom": _VERSION,
        "programme": kept.programme.to_json(),
        "failures": [asdict(failed) for failed in kept.failures],
        "stopped_ns": kept.stopped_ns,
        "attempts": kept.attempts,
        "frame": kept.frame,
    }
    try:
        # No fsync: the folder is memory, and what it must survive is the process only.
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(values, file)
        new.replace(path)
    except OSError as error:
        raise WorldFailed(
            f"{path}: cannot be written ({error.strerror}); make room in the runtime folder"
        ) from error


def found(runtime: Path) -> Kept | None:
    """What the last player left; None when it left nothing that can be played."""
    try:
        values = json.loads((runtime / KEPT_FILE).read_text(encoding="utf-8"))
        if values["kaproom"] != _VERSION:
            return None
        return Kept(
            programme=Programme.from_json(values["programme"]),
            failures=tuple(Failed(**failed) for failed in values["failures"]),
            stopped_ns=values["stopped_ns"],
            attempts=int(values["attempts"]),
            frame=int(values["frame"]),
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget(runtime: Path) -> None:
    """Leave nothing to the next player."""
    (runtime / KEPT_FILE).unlink(missing_ok=True)
