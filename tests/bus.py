"""Ordinary MQTT clients, and what a broker's process listens on."""

from __future__ import annotations

import itertools
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

WITHIN_S = 10.0

_marks = itertools.count(1)


class TurnedAway(Exception):  # noqa: N818 - what the broker did, not a mistake of ours
    """The broker did not let the client in."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a subscriber got it."""

    topic: str
    payload: bytes
    retained: bool
    qos: int


class Peer:
    """A client that says what became of each thing it tried.

    Args:
        port: Of a broker on this machine.
        certificate: A folder's ``ca.crt`` and the pair to show; ``pair`` None shows none.
        login: User and password.
        will: Topic and payload of a retained last will, QoS 1.
    """

    def __init__(
        self,
        port: int,
        *,
        ca: Path | None = None,
        pair: tuple[Path, Path] | None = None,
        login: tuple[str, str | None] | None = None,
        client_id: str = "",
        will: tuple[str, bytes] | None = None,
        transport: Literal["tcp", "websockets"] = "tcp",
        mqtt5: bool = False,
    ) -> None:
        self.port = port
        self.heard: list[Heard] = []
        self.ended = threading.Event()
        self._grown = threading.Condition()
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            transport=transport,
            protocol=MQTTProtocolVersion.MQTTv5 if mqtt5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if ca is not None:
            cert, key = pair or (None, None)
            client.tls_set(
                ca_certs=str(ca),
                certfile=None if cert is None else str(cert),
                keyfile=None if key is None else str(key),
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        if login is not None:
            client.username_pw_set(*login)
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.suppress_exceptions = False

    # Callbacks run holding paho's own lock: they only put into a queue.

    def _on_connect(
        self, _c: object, _u: object, _f: object, code: ReasonCode, _p: Properties | None
    ) -> None:
        self._events.put(("connect", code))

    def _on_subscribe(
        self, _c: object, _u: object, mid: int, codes: list[ReasonCode], _p: Properties | None
    ) -> None:
        self._events.put(("subscribe", codes))

    def _on_publish(
        self, _c: object, _u: object, mid: int, code: ReasonCode, _p: Properties | None
    ) -> None:
        self._events.put(("publish", (mid, code)))

    def _on_message(self, _c: object, _u: object, message: paho.MQTTMessage) -> None:
        with self._grown:
            self.heard.append(
                Heard(message.topic, bytes(message.payload), message.retain, message.qos)
            )
            self._grown.notify_all()

    def _on_disconnect(
        self, _c: object, _u: object, _f: object, code: ReasonCode, _p: Properties | None
    ) -> None:
        self.ended.set()
        self._events.put(("disconnect", code))

    def __enter__(self) -> Self:
        return self if self._client.is_connected() else self.connect()

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> Self:
        """Connect once.

        Raises:
            TurnedAway: Refused, by TLS, by the broker's word or by its hanging up.
        """
        try:
            self._client.connect("127.0.0.1", self.port, keepalive=30)
        except (OSError, paho.WebsocketConnectionError) as error:
            raise TurnedAway(str(error)) from error
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            # Otherwise each of several small packets in a row waits 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.loop_start()
        try:
            what, code = self._events.get(timeout=WITHIN_S)
        except queue.Empty:
            raise AssertionError("the broker neither took nor refused the connection") from None
        if what != "connect" or code.is_failure:
            self.close()
            raise TurnedAway(f"{what}: {code}")
        return self

    def subscribe(self, *filters: str, qos: int = 1) -> list[bool]:
        """Ask for topics; whether each was granted."""
        self._client.subscribe([(topic, qos) for topic in filters])
        return [not code.is_failure for code in self._answer("subscribe")]

    def publish(
        self, topic: str, payload: bytes | str = b"", *, qos: int = 1, retain: bool = False
    ) -> bool:
        """Publish; returns when the broker is done with it, with whether it acknowledged.

        A QoS 0 message is not acknowledged; a mark sent after it on one's own connection
        is, and the broker takes a connection's messages in order.
        """
        told = self._client.publish(topic, payload, qos=qos, retain=retain)
        if qos == 0:
            self._answer("publish")  # paho's own: written to the socket
            self.publish(f"mark/{next(_marks)}", qos=1)
            return True
        mid, code = self._answer("publish")
        assert mid == told.mid
        return not code.is_failure

    def _answer(self, wanted: str) -> Any:
        try:
            what, value = self._events.get(timeout=WITHIN_S)
        except queue.Empty:
            raise AssertionError(f"no answer to {wanted}") from None
        if what == "disconnect":
            raise TurnedAway(f"hung up instead of answering {wanted}: {value}")
        assert what == wanted, (what, wanted)
        return value

    def wait_for(self, condition: Callable[[list[Heard]], object]) -> None:
        """Look whenever something was heard, until it holds."""
        with self._grown:
            assert self._grown.wait_for(lambda: condition(self.heard), WITHIN_S), self.heard

    def wait_for_topic(self, topic: str, payload: bytes | None = None) -> Heard:
        """The first message heard on this topic."""
        found: list[Heard] = []

        def there(heard: list[Heard]) -> bool:
            found[:] = [h for h in heard if h.topic == topic and payload in (None, h.payload)]
            return bool(found)

        self.wait_for(there)
        return found[0]

    def topics(self) -> list[str]:
        """What was heard so far, in its order."""
        with self._grown:
            return [heard.topic for heard in self.heard]

    def close(self) -> None:
        """Say goodbye; no last will is sent."""
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """The connection breaks without a goodbye: the broker sends the last will."""
        connection = self._client.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """Where a process listens on TCP: ("127.0.0.1", port) or, for IPv6, ("::…", port)."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        target = str(fd.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for address, inode in _listening(Path(f"/proc/{pid}/net/{table}").read_text()):
            if inode in inodes:
                host, _, port = address.partition(":")
                found.add((_address(host), int(port, 16)))
    return found


def _listening(table: str) -> Iterable[tuple[str, str]]:
    for line in table.splitlines()[1:]:
        words = line.split()
        if words[3] == "0A":  # TCP_LISTEN
            yield words[1], words[9]


def _address(host: str) -> str:
    if len(host) == 8:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(host)))
    return f"::{host.lower()}"
