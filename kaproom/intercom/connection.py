"""One client's connection, as the server sees it: what came in, what is still to go out.

Nothing here waits. A client that does not read keeps the newest push of each topic; one
that lets answers and kept pushes pile up beyond the limit is dropped.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kaproom.intercom.lines import LINE_MAX_BYTES, Lines

QUEUED_MAX_BYTES: Final = LINE_MAX_BYTES
# Chosen: what the kernel holds for a client that sleeps is old when it wakes, so little.
_KERNEL_BYTES: Final = 1 << 16
_READ_BYTES: Final = 1 << 16  # at a time, so that one who sends without end has to take turns

_SO_PEERGROUPS: Final = 59  # Linux 4.13; Python has no name for it
_PEER = struct.Struct("3i")
_GROUPS_MAX = 256  # getsockopt takes 1,024 bytes here


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by the kernel's word, as it was when they connected."""

    pid: int
    uid: int
    gids: frozenset[int]


def peer_of(accepted: socket.socket) -> Peer:
    """Who connected."""
    packed = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    pid, uid, gid = _PEER.unpack(packed)
    try:
        groups = accepted.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _GROUPS_MAX)
    except OSError:
        groups = b""
    return Peer(pid, uid, frozenset({gid, *(gid for (gid,) in struct.iter_unpack("I", groups))}))


def allowed(peer: Peer, our_uid: int, group_gid: int | None) -> bool:
    """Whether this peer may talk to us: ourselves, root, and members of the group."""
    return peer.uid in (our_uid, 0) or (group_gid is not None and group_gid in peer.gids)


class Connection:
    """An accepted socket with its lines in and its queue out.

    Attributes:
        greeted: The client's greeting came, and it is one of ours.
        watching: It asked for pushes.
        owed: How many of its requests have no answer yet.
        listening: We still read from it.
        open: It has not been closed.
    """

    def __init__(self, accepted: socket.socket, peer: Peer) -> None:
        self.peer = peer
        self.client = ""
        self.greeted = False
        self.watching = False
        self.owed = 0
        self.listening = True
        self.open = True
        self._socket = accepted
        self._lines = Lines()
        self._going = memoryview(b"")
        self._queue: dict[object, bytes] = {}
        self._queued_bytes = 0
        accepted.setblocking(False)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up; what could not be sent is dropped."""
        self.open = self.listening = self.watching = False
        self._socket.close()

    def receive(self) -> Iterator[bytes] | None:
        """The lines that came; None when the client will send no more.

        Raises:
            Garbage: While iterating: a line is too long.
        """
        try:
            found = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return iter(())
        except OSError:
            return None
        return self._lines.feed(found) if found else None

    def put(self, line: bytes, topic: str | None = None) -> None:
        """Queue a line; with a topic it takes the place of the topic's former one."""
        key: object = object() if topic is None else topic
        self._queued_bytes += len(line) - len(self._queue.pop(key, b""))
        self._queue[key] = line

    def flush(self) -> bool:
        """Send what the client takes; False when the connection is gone or has to go."""
        try:
            while self._going or self._queue:
                if not self._going:
                    self._next()
                self._going = self._going[self._socket.send(self._going) :]
        except BlockingIOError:
            return self._queued_bytes <= QUEUED_MAX_BYTES
        except OSError:
            return False
        return True

    @property
    def behind(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._going) or bool(self._queue)

    def _next(self) -> None:
        key = next(iter(self._queue))
        line = self._queue.pop(key)
        self._queued_bytes -= len(line)
        self._going = memoryview(line)
