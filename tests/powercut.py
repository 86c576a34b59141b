"""A disk that loses power: what was asked of it in order, and what may be left at any moment.

A VFS beneath SQLite notes every write, truncation, sync, creation and removal. From the
notes any moment's disk is made again: with what was synced alone, with all, or with some
of the unsynced sectors and not others, as a disk with a cache may leave it.

`Disk.engine` is what `Record.open` takes; the record's own code runs on it unchanged.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

import apsw

SECTOR_BYTES = 512

Left = dict[str, bytes]
"""Files by name, as they are found after a loss of power."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that was asked of the disk: of a file, by name."""

    what: Literal["create", "write", "truncate", "sync", "delete"]
    name: str
    offset: int = 0
    content: bytes = b""
    synced: bool = False


@dataclass(slots=True)
class _File:
    """One name on its way to the disk.

    Attributes:
        durable: What is on the disk of the file that has the name now.
        pending: What was asked of it since its last sync.
        linked: Whether the folder on the disk gives it that name.
        former: What else has the name there: a file whose removal nobody synced.
        removed: Whether the name is gone, but for the disk.
    """

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Asked] = field(default_factory=list)
    linked: bool = False
    former: bytes | None = None
    removed: bool = False

    def synced(self) -> bytes | None:
        """What is there when nothing but what was synced is."""
        return bytes(self.durable) if self.linked else self.former

    def take(self, asked: Asked) -> None:
        """One more thing was asked."""
        match asked.what:
            case "create":
                fresh = _File(former=self.synced())
                self.durable, self.pending, self.linked = fresh.durable, fresh.pending, False
                self.former, self.removed = fresh.former, False
            case "sync":
                for write in self.pending:
                    _apply(self.durable, write)
                self.pending.clear()
            case "delete":
                self.removed = True
                self.pending.clear()
            case _:
                self.pending.append(asked)

    def folder_synced(self) -> None:
        """The folder on the disk has the names as they are now."""
        self.linked, self.former = not self.removed, None

    def torn(self, kept: Callable[[], bool], last: float) -> bytes | None:
        """Some sectors of what was not synced; of the last write only the first part."""
        changed = self.removed or not self.linked
        if changed and not kept():
            return self.synced()
        if self.removed:
            return None
        content = bytearray(self.durable)
        for place, asked in enumerate(self.pending):
            newest = place == len(self.pending) - 1
            whole = round(len(asked.content) * last) if newest else len(asked.content)
            if asked.what == "truncate" and kept():
                _apply(content, asked)
            for start in range(0, whole, SECTOR_BYTES):
                if kept():
                    sector = asked.content[start : min(start + SECTOR_BYTES, whole)]
                    _apply(content, Asked("write", asked.name, asked.offset + start, sector))
        return bytes(content)


class _Chance:
    """Whether something is kept, by chance, and the same at every run."""

    def __init__(self, seed: int, part: float) -> None:
        self._random = random.Random(seed)
        self._part = part

    def __call__(self) -> bool:
        return self._random.random() < self._part


def _apply(content: bytearray, asked: Asked) -> None:
    if asked.what == "truncate":
        del content[asked.offset :]
        return
    end = asked.offset + len(asked.content)
    content.extend(bytes(max(0, end - len(content))))
    content[asked.offset : end] = asked.content


class Disk:
    """One folder's disk, as SQLite used it."""

    _number = 0

    def __init__(self, folder: Path) -> None:
        Disk._number += 1
        self.folder = folder
        self.asked: list[Asked] = []
        # What the folder held before was there for good.
        self.before = {file.name: file.read_bytes() for file in folder.iterdir()}
        self._vfs = _PowerVfs(f"power-{Disk._number}", self)

    def engine(self, uri: str) -> sqlite3.Connection:
        """A connection whose every byte passes by here."""
        path = unquote(urlsplit(uri).path)
        if not self.asked:
            # Our own code made the file, and synced both it and its folder.
            self.before.setdefault(Path(path).name, b"")
        return cast(sqlite3.Connection, _Connected(path, self._vfs.name))

    def note(self, asked: Asked) -> None:
        """The VFS was asked for this."""
        self.asked.append(replace(asked, name=Path(asked.name).name))

    def moments(self) -> Iterator[tuple[int, Left]]:
        """What a loss of power may leave, at every boundary: how much was asked, and the files."""
        files = {
            name: _File(durable=bytearray(content), linked=True)
            for name, content in self.before.items()
        }
        for count in range(len(self.asked) + 1):
            if count:
                asked = self.asked[count - 1]
                file = files.setdefault(asked.name, _File())
                # As strace shows, SQLite syncs the folder when it first syncs what it made.
                made = asked.what == "sync" and not file.linked
                file.take(asked)
                if made or asked.synced:
                    for each in files.values():
                        each.folder_synced()
            for chance, last in ((0.0, 1.0), (1.0, 1.0), (1.0, 0.5), (0.5, 1.0), (0.9, 1.0)):
                kept = _Chance(count, chance)
                left = {name: file.torn(kept, last) for name, file in files.items()}
                yield count, {name: found for name, found in left.items() if found is not None}


class _PowerVfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self.name = name
        self._disk = disk
        super().__init__(name, "")

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _PowerFile(path, flags, self._disk)

    def xDelete(self, name: str, sync_folder: bool) -> None:
        super().xDelete(name, sync_folder)
        self._disk.note(Asked("delete", name, synced=sync_folder))


class _PowerFile(apsw.VFSFile):
    def __init__(self, path: Any, flags: list[int], disk: Disk) -> None:
        self._name = str(path or "temporary")
        self._disk = disk
        self._kept = bool(path) and not flags[0] & apsw.SQLITE_OPEN_DELETEONCLOSE
        fresh = self._kept and not Path(self._name).exists()
        super().__init__("", path, flags)
        if fresh:
            disk.note(Asked("create", self._name))

    def xWrite(self, content: Any, offset: int) -> None:
        super().xWrite(content, offset)
        if self._kept:
            self._disk.note(Asked("write", self._name, offset, bytes(content)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        if self._kept:
            self._disk.note(Asked("truncate", self._name, size))

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        if self._kept:
            self._disk.note(Asked("sync", self._name))


class _Rows(list[Any]):
    def fetchall(self) -> list[Any]:
        return self

    def fetchone(self) -> Any:
        return self[0] if self else None


class _Connected:
    """As much of sqlite3's connection as the record uses."""

    def __init__(self, path: str, vfs: str) -> None:
        self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)

    def execute(self, statement: str, values: Any = ()) -> _Rows:
        try:
            return _Rows(self._connection.execute(statement, values))
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error

    def executemany(self, statement: str, rows: Any) -> None:
        for row in rows:
            self.execute(statement, row)

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def close(self) -> None:
        self._connection.close()
