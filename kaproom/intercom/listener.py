"""A socket in its place: made for its group only, and never in place of one that answers."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from kaproom.errors import Mend, Refused
from kaproom.intercom.lines import SOCKET_PATH_MAX_BYTES


def listen(path: Path, role: str, group_gid: int | None) -> socket.socket:
    """Listen on ``path``, in place of the socket of a server that is no more.

    Args:
        path: Where.
        role: What listens there, for the line that refuses a second one.
        group_gid: Whose members may connect, if there is such a group and it is ours to give.

    Raises:
        Refused: Another one answers there.
        Mend: No socket can be made there.
    """
    address = str(path)
    length = len(os.fsencode(address))
    if length > SOCKET_PATH_MAX_BYTES:
        raise Mend(
            f"{address}: {length} bytes are too long for a socket "
            f"({SOCKET_PATH_MAX_BYTES} at most); choose a shorter runtime folder"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        _bind(listener, path, role)
        # Before listen() nobody can connect, so there is no moment of wider rights.
        path.chmod(0o660)
        if group_gid is not None:
            with suppress(PermissionError):
                os.chown(path, -1, group_gid)
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        listener.close()
        raise Mend(
            f"{address}: no socket can be made there ({error.strerror}); "
            "make the runtime folder writable or choose another"
        ) from error
    except (Mend, Refused):
        listener.close()
        raise
    return listener


def _bind(listener: socket.socket, path: Path, role: str) -> None:
    try:
        listener.bind(str(path))
    except OSError:
        if path.exists():
            _clear_away(path, role)
        listener.bind(str(path))


def _clear_away(path: Path, role: str) -> None:
    """Remove the socket of a server that is no more; one that answers is left alone."""
    if not path.is_socket():
        raise Mend(f"{path}: is not a socket; move it away or choose another folder")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.setblocking(False)
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except BlockingIOError:
            pass  # alive, and busy
    raise Refused(f"{path}: another {role} answers there; end it first")
