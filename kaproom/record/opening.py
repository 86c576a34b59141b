"""SQLite's one door: making a record's file, opening it, and saying what is wrong with it."""

import os
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

from kaproom import __version__, clock
from kaproom.errors import Mend
from kaproom.record import schema

BUSY_S = 2.0  # how long to wait for another writer: there should be none
# A checkpoint costs several fsyncs; the Recorder does it when nobody waits. This many
# pages is where SQLite does it by itself within a commit.
_CHECKPOINT_PAGES = 4_000
_REWRITE_IN_MEMORY_BYTES = 256_000_000

Engine = Callable[[str], sqlite3.Connection]
"""Opens what a file: URI names. A test of failing disks brings its own."""

WIPE_DUE = "wipe_due"
"""In ``meta``: "yes" while something that was erased may still lie in the file."""

# SQLite quotes a damaged file in its message, which need not be UTF-8.
FAULTS = (sqlite3.Error, UnicodeDecodeError)


def standard(uri: str) -> sqlite3.Connection:
    """Python's own SQLite."""
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,  # the Recorder's thread takes over what the daemon opened
    )


def connect(path: Path, *, read_only: bool, engine: Engine = standard) -> sqlite3.Connection:
    """A connection with the record's settings, to a file that exists.

    Raises:
        Mend: There is none, or it cannot be opened.
    """
    try:
        there = path.is_file()
    except PermissionError as error:
        raise Mend(
            f"{path}: may not be read by this user; give the command as the account that runs the "
            "room, or as a member of the group kaproom"
        ) from error
    if not there:
        raise Mend(
            f"{path}: no record here; `kaproom daemon` begins one, "
            "and --room or KAPROOM_DATA names another room's"
        )
    try:
        if not read_only:
            return _set_up(engine(_uri(path, "mode=rw")))
        try:
            connection = engine(_uri(path, "mode=ro"))
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError:
            if Path(f"{path}-wal").exists():
                raise
            # WAL needs a file beside the record, which we may not make in a folder that
            # is only ours to read. Without a WAL nobody has it open: it stands still.
            connection = engine(_uri(path, "immutable=1"))
        return connection
    except FAULTS as error:
        raise Mend(f"{path}: {why(error)}") from error


def _uri(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def _set_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    for pragma in (
        "synchronous = FULL",
        "recursive_triggers = ON",  # or REPLACE would delete past them
        "cell_size_check = ON",
        "secure_delete = ON",  # what is erased is overwritten, not only unlinked
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def make_file(path: Path) -> None:
    """Make an empty file, on disk itself and in its folder, before SQLite first sees it.

    Raises:
        Mend: The folder cannot be written.
    """
    try:
        missing = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        for made in missing:
            sync(made.parent, os.O_DIRECTORY)
        if path.exists():
            return
        path.touch(mode=0o640)
        sync(path, 0)
        sync(path.parent, os.O_DIRECTORY)
    except OSError as error:
        raise Mend(
            f"{path}: cannot be made ({error.strerror}); "
            "make the data folder writable or choose another in the room file"
        ) from error


def sync(path: Path, flags: int) -> None:
    """Wait until a file, or a folder, is on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_writable(path: Path, connection: sqlite3.Connection) -> None:
    """Make the tables of a new record; find out now whether an old one can be written.

    Raises:
        Mend: It cannot.
    """
    try:
        if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise Mend(f"{path}: its disk cannot hold a WAL; choose a folder on a local disk")
        connection.execute("BEGIN IMMEDIATE")
        if _is_new(connection):
            for statement in schema.STATEMENTS:
                connection.execute(statement)
            meta = {
                "schema": str(schema.SCHEMA),
                "record_id": secrets.token_hex(16),
                "created_utc": clock.utc().isoformat(timespec="seconds"),
                "kaproom": __version__,
            }
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {schema.SCHEMA}")
            connection.execute("COMMIT")
        else:
            _migrate(connection)
            connection.execute("COMMIT")
    except FAULTS as error:
        raise Mend(f"{path}: {why(error)}") from error


def _migrate(connection: sqlite3.Connection) -> None:
    """Bring a record of ours forward; what is not ours, or is newer, is left as it is."""
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    while ours and version in schema.MIGRATIONS:
        for statement in schema.MIGRATIONS[version]:
            connection.execute(statement)
        version += 1
        set_meta(connection, "schema", str(version))
        connection.execute(f"PRAGMA user_version = {version}")


def set_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a fact about the file itself."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def wiped(connection: sqlite3.Connection) -> bool:
    """Write the file anew without its free parts, and empty the WAL; False while it is in use.

    The first emptying has the file's old pages overwritten before it shrinks.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * page_bytes <= _REWRITE_IN_MEMORY_BYTES:
        # What stays need not lie in another folder meanwhile.
        connection.execute("PRAGMA temp_store = MEMORY")
    for step in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        told = connection.execute(step).fetchall()
        if told and told[0][0]:
            return False
    set_meta(connection, WIPE_DUE, "no")
    return True


def _is_new(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    unclaimed = connection.execute("PRAGMA application_id").fetchone()[0] == 0
    return bool(tables == 0 and unclaimed)


def recognise(path: Path, connection: sqlite3.Connection) -> None:
    """Make sure that this is a record, and one that this kaproom can read.

    Raises:
        Mend: It is not.
    """
    try:
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == schema.APPLICATION_ID
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    except FAULTS as error:
        raise Mend(f"{path}: {why(error)}") from error
    if not ours and empty:
        # All of a young record is still in its WAL: this is what a file manager copies of it.
        raise Mend(
            f"{path}: is an empty database; if it is a copy of a record, what is in it was left "
            "behind in record.sqlite3-wal: copy with `kaproom backup`"
        )
    if not ours:
        raise Mend(
            f"{path}: is a database, but not kaproom's; move it away or choose another data folder"
        )
    if version < 1:
        raise Mend(f"{path}: names no schema; it was changed by another program")
    if version > schema.SCHEMA:
        raise Mend(
            f"{path}: was written by a newer kaproom (schema {version}, this one reads "
            f"{schema.SCHEMA}); install the newer one again"
        )


def why(error: sqlite3.Error | UnicodeDecodeError | OSError) -> str:
    """The rest of a line: what is wrong with the file, and how to mend it."""
    if isinstance(error, OSError):
        return f"{(error.strerror or str(error)).lower()}; was the data folder moved or deleted?"
    if isinstance(error, UnicodeDecodeError):
        return "is damaged; run `kaproom verify`, keep a copy, move it away"
    name = getattr(error, "sqlite_errorname", None) or ""
    match name.removeprefix("SQLITE_").partition("_")[0]:
        case "FULL":
            return "the disk is full; free some space"
        case "READONLY" | "PERM" | "CANTOPEN":
            return f"cannot be opened or written ({error}); check folder, owner and mount"
        case "IOERR":
            return f"the disk failed ({name}); check that it is neither full nor dying"
        case "BUSY" | "LOCKED":
            return "another program keeps it locked; end that one"
        case "CORRUPT":
            return f"is damaged ({error}); run `kaproom verify`, keep a copy, move it away"
        case "NOTADB":
            return "is not a kaproom record; move it away or choose another data folder"
        case _:
            return f"{error} ({name})" if name else str(error)
