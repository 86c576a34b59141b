"""Keeps watch beside the loop: leaves word that the room lives, and looks at the disk's room.

After a loss of power the record's last entry may be minutes old; what was written here is
seconds old. It is no entry: it is written over, and losing it loses nothing but precision.
Both may take as long as a slow disk takes, so both are done on a thread.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kaproom import clock
from kaproom.clock import Instant
from kaproom.surroundings import DISK_WARN_BYTES

FILE_NAME = "alive.json"
EVERY_S = 5.0
CLEARED_PART = 1.1


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Vigil:
    """Of one room; ``begin`` starts its thread.

    Args:
        data: The record's folder.
        free_bytes_of: How much room is left where a folder is.

    Attributes:
        free_bytes: Room left on the record's disk; None when that is not known.
        low: Whether that is so little that somebody should free some; a session takes 5 MB.
    """

    def __init__(self, data: Path, free_bytes_of: Callable[[Path], int] = _free_bytes) -> None:
        self._data = data
        self._free_bytes_of = free_bytes_of
        self._leaving = False
        self._in_session = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vigil", daemon=True)
        self.free_bytes: int | None = None
        self.low = False

    def begin(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def session(self, on: bool) -> None:
        """Whether a session is on: only then is there something to leave word of."""
        begins = on and not self._in_session
        self._in_session = on
        if begins:
            self._wake.set()

    def close(self) -> None:
        """Stop watching; does not wait for a disk that hangs."""
        self._leaving = True
        self._wake.set()
        self._thread.join(timeout=1.0)

    def _watch(self) -> None:
        while not self._leaving:
            self._wake.clear()
            self.look()
            if self._in_session:
                # The record's own failures are told; this is beside it.
                with suppress(OSError):
                    leave_word(self._data, clock.now())
            self._wake.wait(EVERY_S)

    def look(self) -> None:
        """Look how much room is left."""
        try:
            free_bytes = self._free_bytes_of(self._data)
        except OSError:
            self.free_bytes, self.low = None, False
            return
        # What is raised at one level is cleared at another, or it would flutter between.
        enough_bytes = DISK_WARN_BYTES * (CLEARED_PART if self.low else 1.0)
        self.free_bytes, self.low = free_bytes, free_bytes < enough_bytes


def leave_word(data: Path, now: Instant) -> None:
    """Write down that the room lives, on disk when this returns."""
    told = {"mono_ns": now.mono_ns, "boot": now.boot_id, "utc": now.utc.isoformat()}
    beside = data / f".{FILE_NAME}"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(data / FILE_NAME)


def last_word(data: Path) -> Instant | None:
    """When the room was last known to live; None when nobody left word."""
    try:
        told = json.loads((data / FILE_NAME).read_bytes())
        at = Instant(int(told["mono_ns"]), str(told["boot"]), datetime.fromisoformat(told["utc"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return at if at.utc.tzinfo is not None else None
