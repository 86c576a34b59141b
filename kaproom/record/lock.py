"""One daemon per room: a lock on the data folder that dies with whoever holds it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Self

from kaproom.errors import Mend, Refused


class RoomLock:
    """The right to run the room whose data is in ``folder``.

    Taken by ``take`` or ``with``; the kernel gives it back when its process ends, however
    it ends. The file ``lock`` stays: its text is for people, the lock is the kernel's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        self._fd: int | None = None

    def take(self) -> None:
        """Take the lock, or change nothing.

        Raises:
            Refused: Another process runs this room; the line names it.
            Mend: The folder cannot be written.
        """
        assert self._fd is None
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise Mend(
                f"{self.path}: cannot be opened ({error.strerror}); "
                "make the data folder writable or choose another in the room file"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            by = f"process {holder}" if holder.isdigit() else "another process"
            raise Refused(
                f"{self.path.parent}: {by} already runs this room; end it first, "
                "or give this one another data folder"
            ) from error
        self._fd = fd
        # On a full disk the lock holds all the same; it only cannot say by whom.
        with suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
