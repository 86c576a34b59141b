"""Where a sheet goes: whole or not at all, and for its owner's eyes only."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kaproom.errors import Mend, WorldFailed
from kaproom.places import shown
from kaproom.report.sessions import ID_SHOWN


def name_of(session: str, opened_utc: datetime | None, kind: str) -> str:
    """A file's name: day, time and id of the session, never the clinic's reference.

    File names travel: into backups, lists of recent files, the subject of a mail.
    """
    when = "undated" if opened_utc is None else f"{opened_utc.astimezone():%Y-%m-%d-%H%M}"
    return f"kaproom-{when}-{session[:ID_SHOWN]}{kind}"


def write(path: Path, content: bytes) -> Path:
    """Write a file beside its place and move it there; on disk when this returns.

    Raises:
        Mend: Its folder is not there.
        WorldFailed: It cannot be written; what was there before is as it was.
    """
    if path.is_dir():
        raise Mend(f"{shown(path)} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise Mend(f"there is no folder {shown(path.parent)}; make it, or name another with --out")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise WorldFailed(f"{shown(path)} cannot be written: {error.strerror}") from error
    return path
