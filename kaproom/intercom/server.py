"""The serving end of a local socket: one thread, never waiting for a client.

Whatever comes in over it is a request or it is garbage; garbage is answered with one line,
counted, and ends that connection, never the server.
"""

import grp
import os
import selectors
import socket
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kaproom import __version__
from kaproom.intercom.connection import Connection, allowed, peer_of
from kaproom.intercom.lines import (
    LINE_MAX_BYTES,
    PROTOCOL,
    Garbage,
    decode,
    encode,
)
from kaproom.intercom.listener import listen

GROUP: Final = "kaproom"
CONNECTIONS_MAX: Final = 64
ANSWERS_KEPT: Final = 1_000
OWED_MAX: Final = 256  # requests without an answer that one client may have
ID_MAX: Final = 64
_ACCEPTS_A_POLL: Final = 64

Callback = Callable[[], object]


class Request:
    """Something that a client wants done. Answered once, now or later, in whatever order.

    Attributes:
        id: The command's, made by the client.
        do: What.
        args: With what; JSON values.
        client: What the client calls itself.
        pid: Its process.
        uid: Its user.
    """

    __slots__ = ("_server", "args", "client", "do", "id", "pid", "uid")

    def __init__(self, server: "Server", connection: Connection, line: Mapping[str, Any]) -> None:
        self._server = server
        self.id: str = line["id"]
        self.do: str = line["do"]
        self.args: dict[str, Any] = line.get("args", {})
        self.client = connection.client
        self.pid = connection.peer.pid
        self.uid = connection.peer.uid

    def reply(self, ok: Mapping[str, Any] | None = None) -> None:
        """It is done; ``ok`` says more."""
        self._server._answer(self.id, {"id": self.id, "ok": ok or {}})

    def refuse(self, line: str, reason: str | None = None) -> None:
        """It would be wrong now, and nothing was changed; ``reason`` is for programs."""
        why = {} if reason is None else {"reason": reason}
        self._server._answer(self.id, {"id": self.id, "refused": line, **why})

    def mend(self, line: str) -> None:
        """Something in it, or a file or setting behind it, is to be mended."""
        self._server._answer(self.id, {"id": self.id, "mend": line})

    def fail(self, line: str) -> None:
        """The world failed."""
        self._server._answer(self.id, {"id": self.id, "failed": line})


class Server:
    """Serves a socket on ``path``, open from now on.

    Attributes:
        garbage: How many connections ended because of what came over them.

    Raises:
        Refused: Another one answers there.
        Mend: The socket cannot be made there.
    """

    def __init__(
        self,
        path: Path | str,
        role: str,
        *,
        group: str = GROUP,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.path = Path(path)
        self.garbage = 0
        self._role = role
        self._group = group
        self._connections_max = connections_max
        self._greeting = encode({"kaproom": PROTOCOL, "role": role, "version": __version__})
        self._group_gid = _gid(group)
        self._connections: dict[Connection, None] = {}
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._pending: dict[str, list[Connection]] = {}
        self._selector = selectors.EpollSelector()
        self._spare_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._listener = listen(self.path, role, self._group_gid)
        self._file = self.path.stat()
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def fileno(self) -> int:
        """Readable when ``poll`` has something to do, for whoever waits on more."""
        return self._selector.fileno()

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Have ``poll`` wait on another descriptor as well, and call when it is readable."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd: int) -> None:
        """Undo ``add_reader``."""
        self._selector.unregister(fd)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def poll(self, timeout_s: float | None) -> list[Request]:
        """Wait until something happens, at most ``timeout_s``; the requests that came.

        ``watch`` and what was sent before are answered here and not returned.
        """
        requests: list[Request] = []
        for key, events in self._selector.select(timeout_s):
            if not isinstance(key.data, Connection):
                # A callback may remove another that is ready in the same round.
                if self._selector.get_map().get(key.fd) == key:
                    key.data()
                continue
            connection = key.data
            if connection.open and events & selectors.EVENT_WRITE:
                self._flush(connection)
            if connection.listening and events & selectors.EVENT_READ:
                requests += self._read(connection)
        return requests

    def push(self, topic: str, fields: Mapping[str, Any], *, keep: bool = False) -> None:
        """Tell every client that watches.

        Args:
            topic: Of a client that is behind, the newest of each topic is kept.
            fields: What; a key ``push`` is the topic's.
            keep: Keep every one of them for a client that is behind, until the limit.
        """
        watching = [connection for connection in self._connections if connection.watching]
        if not watching:
            return
        line = encode({**fields, "push": topic})
        for connection in watching:
            connection.put(line, None if keep else topic)
            self._flush(connection)

    def close(self) -> None:
        """Hang up on everybody and take the socket away."""
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.close()
        # Only our own: another server may have taken the place of a socket that was deleted.
        with suppress(OSError):
            if os.path.samestat(self.path.stat(), self._file):
                self.path.unlink()
        self._listener.close()
        os.close(self._spare_fd)

    # -- coming

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_A_POLL):
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError:
                if not self._hang_up_on_one():
                    return
                continue
            self._welcome(accepted)

    def _hang_up_on_one(self) -> bool:
        """No descriptor is left: the spare one takes the call. False when nobody waits.

        Left waiting, they would keep the listener readable, and the loop from resting.
        """
        os.close(self._spare_fd)
        try:
            self._listener.accept()[0].close()
        except OSError:
            return False
        finally:
            self._spare_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _welcome(self, accepted: socket.socket) -> None:
        connection = Connection(accepted, peer_of(accepted))
        if not allowed(connection.peer, os.geteuid(), self._group_gid):
            self.garbage += 1
            line = f"{self.path}: user {connection.peer.uid} is not in group {self._group}"
            connection.put(encode({"mend": line}))
            connection.flush()
            connection.close()
            return
        if len(self._connections) >= self._connections_max and not self._make_room():
            line = f"{self.path}: {self._connections_max} clients are connected; close one"
            connection.put(encode({"refused": line}))
            connection.flush()
            connection.close()
            return
        self._connections[connection] = None
        self._selector.register(connection, selectors.EVENT_READ, connection)
        connection.put(self._greeting)
        self._flush(connection)

    def _make_room(self) -> bool:
        """Hang up on whoever has said nothing for longest, if there is one."""
        silent = next((each for each in self._connections if not each.greeted), None)
        if silent is not None:
            self._drop(silent)
        return silent is not None

    # -- reading

    def _read(self, connection: Connection) -> list[Request]:
        lines = connection.receive()
        if lines is None:
            self._hear_no_more(connection)
            return []
        requests = []
        try:
            for line in lines:
                request = self._line(connection, decode(line))
                if request is not None:
                    requests.append(request)
                if not connection.listening:
                    break
        except Garbage as garbage:
            self._turn_away(connection, f"this is not kaproom's {PROTOCOL}: {garbage}")
        return requests

    def _line(self, connection: Connection, line: dict[str, Any]) -> Request | None:
        if not connection.greeted:
            self._greeted(connection, line)
            return None
        id_, do, args = line.get("id"), line.get("do"), line.get("args", {})
        if not isinstance(id_, str) or not 0 < len(id_) <= ID_MAX:
            raise Garbage("a request without an id")
        if not isinstance(do, str) or not isinstance(args, dict):
            raise Garbage("a request without 'do', or with 'args' that are no object")
        # Before the answers: sent again over a new connection, it is that one which watches.
        connection.watching = connection.watching or do == "watch"
        if id_ in self._answers:
            connection.put(self._answers[id_])
            self._flush(connection)
            return None
        connection.owed += 1
        if connection.owed > OWED_MAX:
            raise Garbage(f"more than {OWED_MAX} requests before the first answer")
        if id_ in self._pending:
            self._pending[id_].append(connection)
            return None
        self._pending[id_] = [connection]
        request = Request(self, connection, line)
        if do == "watch":
            request.reply()
            return None
        return request

    def _greeted(self, connection: Connection, line: dict[str, Any]) -> None:
        spoken, client = line.get("kaproom"), line.get("client")
        if spoken == PROTOCOL and isinstance(client, str):
            connection.greeted = True
            connection.client = client[:ID_MAX]
            return
        if isinstance(spoken, str) and spoken.startswith("intercom/"):
            self._turn_away(
                connection,
                f"this {self._role} (kaproom {__version__}) speaks {PROTOCOL}, the client "
                f"{spoken[:ID_MAX]}: update the older one and restart it",
            )
            return
        raise Garbage("no greeting")

    def _turn_away(self, connection: Connection, line: str) -> None:
        self.garbage += 1
        connection.put(encode({"mend": line}))
        connection.flush()
        self._drop(connection)

    def _hear_no_more(self, connection: Connection) -> None:
        """The client has closed its end, or both: it still gets the answers it waits for."""
        connection.listening = connection.watching = False
        if connection.owed == 0 and not connection.behind:
            self._drop(connection)
            return
        self._wait_on(connection)

    # -- answering

    def _answer(self, id_: str, line: Mapping[str, Any]) -> None:
        waiting = self._pending.pop(id_, None)
        assert waiting is not None, f"request {id_} was answered twice"
        encoded = encode(line)
        if len(encoded) > LINE_MAX_BYTES:
            encoded = encode({"id": id_, "failed": "the answer is longer than a line may be"})
        self._answers[id_] = encoded
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        for connection in waiting:
            connection.owed -= 1
            if connection.open:
                connection.put(encoded)
                self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        alive = connection.flush()
        finished = not connection.listening and connection.owed == 0 and not connection.behind
        if finished or not alive:
            self._drop(connection)
        else:
            self._wait_on(connection)

    def _wait_on(self, connection: Connection) -> None:
        wanted = selectors.EVENT_READ * connection.listening
        wanted |= selectors.EVENT_WRITE * connection.behind
        registered = self._selector.get_map().get(connection)
        if registered is None:
            if wanted:
                self._selector.register(connection, wanted, connection)
        elif not wanted:
            self._selector.unregister(connection)
        elif registered.events != wanted:
            self._selector.modify(connection, wanted, connection)

    def _drop(self, connection: Connection) -> None:
        if not connection.open:
            return
        if self._selector.get_map().get(connection) is not None:
            self._selector.unregister(connection)
        del self._connections[connection]
        connection.close()


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None
