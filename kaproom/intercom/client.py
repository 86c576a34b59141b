"""A client of a local socket: asks, waits for the answer, listens.

A connection that breaks before the answer is made anew, and the request sent once more
with its id: the server gives its first answer, so nothing is done twice. Only the
standard library is imported, so that a command in the dark starts at once.
"""

import os
import select
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

from kaproom.clock import NS_PER_S, mono_ns
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom.lines import (
    PROTOCOL,
    SOCKET_PATH_MAX_BYTES,
    Garbage,
    Lines,
    decode,
    encode,
)

_ANSWER_MAX_BYTES = 16 << 20
_RETRY_S = 0.05
_ERRORS = {"refused": Refused, "mend": Mend, "failed": WorldFailed}


class _Broken(Exception):  # noqa: N818 - answered by trying again
    """The connection went away."""


class Client:
    """A connection to the server on ``path``, made at once.

    Args:
        path: The socket.
        name: Who asks: ``cli``, ``console`` …
        timeout_s: How long to wait for the connection and for an answer.
        served_by: The command that would serve there; named when nobody answers.

    Raises:
        WorldFailed: Nobody answers there.
        Mend: We may not, or speak another version.
    """

    def __init__(
        self,
        path: Path | str,
        name: str,
        timeout_s: float = 5.0,
        *,
        served_by: str = "kaproom daemon",
    ) -> None:
        self.path = Path(path)
        self.greeting: Mapping[str, Any] = {}
        self._name = name
        self._timeout_s = timeout_s
        self._served_by = served_by
        self._socket: socket.socket | None = None
        self._lines = Lines(_ANSWER_MAX_BYTES)
        self._arrived: deque[dict[str, Any]] = deque()
        self._pushes: deque[dict[str, Any]] = deque()
        self._watching = False
        self._connect(self._deadline_ns(timeout_s))

    def close(self) -> None:
        """Hang up; does nothing when there is no connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """To be waited on for reading; changes when the connection is made anew."""
        assert self._socket is not None
        return self._socket.fileno()

    def call(
        self,
        do: str,
        args: Mapping[str, Any] | None = None,
        id: str | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Have something done, and wait for the answer.

        Args:
            do: What.
            args: With what.
            id: The command's id, of a command that was sent before; else a new one.
            timeout_s: Instead of the connection's own.

        Returns:
            What the server answered under ``ok``.

        Raises:
            Refused: It would be wrong now; nothing was changed.
            Mend: Something in the request is to be mended.
            WorldFailed: It failed, or no answer came: then it may have been done.
        """
        id = id or os.urandom(16).hex()
        deadline_ns = self._deadline_ns(self._timeout_s if timeout_s is None else timeout_s)
        line = encode({"id": id, "do": do, "args": args or {}})
        if self._socket is None:
            self._connect(deadline_ns)
        try:
            return self._ask(id, line, deadline_ns)
        except _Broken:
            self._connect_again(deadline_ns)
        try:
            return self._ask(id, line, deadline_ns)
        except _Broken:
            self._gone()

    def watch(self) -> Iterator[dict[str, Any]]:
        """What the server pushes, from now on, one after another; waits as long as it takes.

        Raises:
            WorldFailed: The server went away.
        """
        self._begin_to_watch()
        return self._watched()

    def pushes(self) -> list[dict[str, Any]]:
        """What was pushed since the last call, when ``fileno`` is readable; never waits.

        Raises:
            WorldFailed: The server went away.
        """
        if not self._watching:
            self._begin_to_watch()
        try:
            while self._receive(0.0):
                pass
        except _Broken:
            self._gone()
        self._sort()
        found = list(self._pushes)
        self._pushes.clear()
        return found

    def _begin_to_watch(self) -> None:
        self.call("watch")
        self._watching = True

    def _watched(self) -> Iterator[dict[str, Any]]:
        while True:
            self._sort()
            while self._pushes:
                yield self._pushes.popleft()
            try:
                self._receive(None)
            except _Broken:
                self._gone()

    def _sort(self) -> None:
        """Keep the pushes of what arrived; a last word of the server is raised."""
        while self._arrived:
            line = self._arrived.popleft()
            if "push" in line:
                self._pushes.append(line)
            elif "id" not in line:
                self._raise(line)

    def _ask(self, id: str, line: bytes, deadline_ns: int) -> dict[str, Any]:
        try:
            self._send(line, deadline_ns)
        except _Broken:
            # Turned away, the server's last word may already be here.
            self._last_word()
            raise
        while True:
            while self._arrived:
                found = self._arrived.popleft()
                if "push" in found:
                    self._pushes.append(found)
                elif found.get("id") == id:
                    if "ok" in found:
                        return dict(found["ok"])
                    self._raise(found)
                elif "id" not in found:
                    self._raise(found)
            if not self._receive(_left_s(deadline_ns)):
                # An answer that comes later must not be taken for another's.
                self.close()
                raise WorldFailed(
                    f"no answer on {self.path} within the time; it may have been done all the same"
                )

    def _last_word(self) -> None:
        try:
            while self._receive(0.0):
                pass
        except _Broken:
            pass
        for found in self._arrived:
            if "id" not in found and "push" not in found:
                self._raise(found)

    def _raise(self, line: Mapping[str, Any]) -> NoReturn:
        if "id" not in line:
            self.close()
        for word, error in _ERRORS.items():
            if word in line:
                if error is Refused and isinstance(line.get("reason"), str):
                    raise Refused(str(line[word]), line["reason"])
                raise error(str(line[word]))
        self._foreign()

    def _foreign(self) -> NoReturn:
        self.close()
        raise Mend(
            f"what answers on {self.path} is no kaproom that this one understands; "
            f"restart `{self._served_by}` after an upgrade"
        )

    def _gone(self) -> NoReturn:
        self.close()
        self._watching = False
        raise WorldFailed(f"{self.path}: the connection broke; is `{self._served_by}` running?")

    def _connect(self, deadline_ns: int) -> None:
        if len(os.fsencode(self.path)) > SOCKET_PATH_MAX_BYTES:
            raise Mend(
                f"{self.path}: too long for a socket ({SOCKET_PATH_MAX_BYTES} bytes at most)"
            )
        self.close()
        self._socket = self._reach(deadline_ns)
        self._lines = Lines(_ANSWER_MAX_BYTES)
        self._arrived.clear()
        try:
            self._greet(deadline_ns)
            if self._watching:
                watch = {"id": os.urandom(16).hex(), "do": "watch", "args": {}}
                self._send(encode(watch), deadline_ns)
        except _Broken:
            self._gone()

    def _reach(self, deadline_ns: int) -> socket.socket:
        trying = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        trying.setblocking(False)
        try:
            while True:
                try:
                    trying.connect(str(self.path))
                    return trying
                except BlockingIOError:
                    # Somebody is there, with more callers waiting than the kernel keeps.
                    if _left_s(deadline_ns) <= _RETRY_S:
                        raise
                    select.select([], [], [], _RETRY_S)
        except PermissionError as error:
            trying.close()
            raise Mend(
                f"{self.path}: not allowed; ask for membership in the group kaproom "
                "(sudo adduser NAME kaproom, then log in anew)"
            ) from error
        except OSError as error:
            trying.close()
            raise WorldFailed(
                f"nobody answers on {self.path}: is `{self._served_by}` running?"
            ) from error

    def _greet(self, deadline_ns: int) -> None:
        try:
            self._send(encode({"kaproom": PROTOCOL, "client": self._name}), deadline_ns)
        except _Broken:
            self._last_word()
            raise
        while not self._arrived:
            if not self._receive(_left_s(deadline_ns)):
                self.close()
                raise WorldFailed(
                    f"{self.path}: something listens there and does not answer; "
                    f"restart `{self._served_by}`"
                )
        greeting = self._arrived.popleft()
        if greeting.get("kaproom") == PROTOCOL:
            self.greeting = greeting
            return
        if "kaproom" in greeting:
            self.close()
            raise Mend(
                f"{self.path}: `{self._served_by}` speaks {greeting['kaproom']}, this command "
                f"{PROTOCOL}; restart it after the upgrade"
            )
        self._raise(greeting)

    def _connect_again(self, deadline_ns: int) -> None:
        """A daemon that was killed is back within seconds: try until the time is over."""
        while True:
            try:
                self._connect(deadline_ns)
                return
            except WorldFailed:
                if _left_s(deadline_ns) <= _RETRY_S:
                    raise
                select.select([], [], [], _RETRY_S)

    def _send(self, line: bytes, deadline_ns: int) -> None:
        assert self._socket is not None
        left = memoryview(line)
        while left:
            if not _ready(self._socket, select.POLLOUT, max(_left_s(deadline_ns), 0.0)):
                self.close()
                raise WorldFailed(
                    f"{self.path}: does not take what is sent; restart `{self._served_by}`"
                )
            try:
                left = left[self._socket.send(left) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise _Broken from error

    def _receive(self, timeout_s: float | None) -> bool:
        """Take in what has come, waiting for it; False when nothing came in time."""
        assert self._socket is not None
        if timeout_s is not None and timeout_s < 0:
            return False
        if not _ready(self._socket, select.POLLIN, timeout_s):
            return False
        try:
            found = self._socket.recv(1 << 16)
        except BlockingIOError:
            return True
        except OSError as error:
            raise _Broken from error
        if not found:
            raise _Broken
        try:
            self._arrived.extend(decode(line) for line in self._lines.feed(found))
        except Garbage:
            self._foreign()
        return True

    @staticmethod
    def _deadline_ns(timeout_s: float) -> int:
        return mono_ns() + round(timeout_s * NS_PER_S)


def _ready(on: socket.socket, what: int, timeout_s: float | None) -> bool:
    poll = select.poll()  # select itself knows no descriptor above 1023
    poll.register(on, what)
    return bool(poll.poll(None if timeout_s is None else timeout_s * 1_000))


def _left_s(deadline_ns: int) -> float:
    return (deadline_ns - mono_ns()) / NS_PER_S
