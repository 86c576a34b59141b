"""A copy of the record, taken while the room runs, and proven before it gets its name.

SQLite's online backup takes one moment of the record; nobody waits for it. The copy is one
file, not in WAL, that any kaproom reads and that becomes a record again where it is put.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kaproom.errors import Mend, WorldFailed
from kaproom.record.database import FILE_NAME
from kaproom.record.entry import Head
from kaproom.record.opening import FAULTS, connect, recognise, sync, why
from kaproom.record.verdict import Verdict, verify


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that is whole, on disk under its name.

    Attributes:
        file: Where it is.
        verdict: What a walk over the copy itself found; it holds the head to be kept.
    """

    file: Path
    verdict: Verdict


def copied(folder: Path, to: Path, name: str, *kept: Head) -> Copy:
    """Copy the record in ``folder``, prove the copy, and give it its name.

    Args:
        folder: The room's data folder.
        to: A folder that is there, or a file that is not.
        name: What the copy is called in a folder.
        kept: Heads that must be in it.

    Raises:
        Mend: There is no record, or the copy cannot be put there.
        WorldFailed: It was not copied, or is not whole. Nothing is left behind.
    """
    target = to / name if to.is_dir() else to
    if target.exists():
        raise Mend(f"{target}: is there already, and a copy replaces nothing; choose another name")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640))
    except OSError as error:
        raise Mend(
            f"{target.parent}: a copy cannot be put there ({(error.strerror or '').lower()}); "
            "choose a folder that is there and that you may write to"
        ) from error
    try:
        _copy(folder / FILE_NAME, part)
        verdict = verify(part, *kept)
        if not verdict.whole:
            raise WorldFailed(f"{folder / FILE_NAME}: {verdict.reason}; not copied to {target}")
        _name(part, target)
    except OSError as error:
        raise WorldFailed(f"{target}: {(error.strerror or str(error)).lower()}") from error
    finally:
        for left in part.parent.glob(f"{part.name}*"):  # a journal beside it, if it failed
            left.unlink(missing_ok=True)
    return Copy(target, verdict)


def _copy(source: Path, part: Path) -> None:
    here = connect(source, read_only=True)
    try:
        recognise(source, here)
        there = sqlite3.connect(part, isolation_level=None)
        try:
            here.backup(there)
            there.execute("PRAGMA journal_mode = DELETE").fetchall()
        except FAULTS as error:
            raise WorldFailed(f"{part.parent}: {why(error)}") from error
        finally:
            there.close()
    finally:
        here.close()
    fd = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        # Proven is what the disk gives back, not what memory still holds.
        with suppress(OSError):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def _name(part: Path, target: Path) -> None:
    """All of it under its name, or nothing; never in place of another file."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        # A stick's file system knows no second name.
        part.rename(target)
    sync(target.parent, os.O_DIRECTORY)
