"""One connection to a broker, kept up by turning it.

A link belongs to the thread that turns it; only ``wake`` may be called from another. Each
attempt has a paho client of its own, so nothing of a lost connection is left in a queue:
what the broker has not acknowledged is for the caller to send again. paho's callbacks only
put into a list, which is read after paho has returned and holds no lock any more.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.session.roomfile import Broker
from kaproom.wire.access import Access, access, host_port, last_word
from kaproom.wire.extras import (
    connect_properties,
    expiring,
    will_properties,
    without_session,
)
from kaproom.wire.faults import Fault, connect_fault, ended_fault, refused_fault

Version = Literal[5, 4]
"""MQTT 5, or 4: the protocol level of MQTT 3.1.1."""

KEEPALIVE_S = 5  # chosen; a frozen broker is noticed within two of them
ANSWER_MAX_S = 5.0  # to the connection, and to every publish
ALERT_MAX_S = 1.0
RETRY_MIN_S = 1.0
RETRY_MAX_S = 1.5  # chosen; a station is to be right again 3 s after its broker is back
HEARD_MAX_BYTES = 262_144

# What a broker that has lost its mind makes paho raise.
_GARBAGE = (
    OSError,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AssertionError,
    struct.error,
    MQTTException,
)


@dataclass(frozen=True, slots=True)
class Message:
    """Something to publish. ``expiry_s`` is kept by MQTT 5 only."""

    topic: str
    payload: bytes
    retain: bool = False
    expiry_s: int | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker has taken us; nothing of an earlier connection is on its way."""

    version: Version


@dataclass(frozen=True, slots=True)
class Down:
    """There is no connection: not yet, or not any more."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Heard:
    """A message; ``payload`` is empty and ``too_large`` set when it was too large to keep."""

    topic: str
    payload: bytes
    retained: bool
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has it. ``refused``: it has it, and gives it to nobody."""

    token: Any
    refused: bool = False


News = Connected | Down | Heard | Acknowledged


class Link:
    """One connection.

    Args:
        broker: Where to, and how.
        client_id: The same for each attempt, so the broker drops a half-dead predecessor.
        will: What the broker publishes when we are lost.
        subscriptions: Topic filters, asked for at every connection.
        versions: Tried in this order; the one that worked is kept.
        catches_up: Whether the broker keeps for some seconds what we miss, and brings it at
            the next connection. A screen must not take that for new.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: Message | None = None,
        subscriptions: Sequence[str] = (),
        versions: Sequence[Version] = (5, 4),
        *,
        catches_up: bool = True,
    ) -> None:
        self._broker = broker
        self._catches_up = catches_up
        self._client_id = client_id
        self._will = will
        self._subscriptions = tuple(subscriptions)
        self._versions = deque(versions)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._where = "{}:{}".format(*host_port(broker))
        self._client: paho.Client | None = None
        self._reach: Access | None = None
        self._up = False
        self._news: deque[News] = deque()
        self._told: deque[tuple[str, Any]] = deque()
        self._owed: dict[int, tuple[Any, int]] = {}
        self._asked_ns = 0
        self._next_try_ns = 0
        self._delay_s = RETRY_MIN_S
        self._said = ""

    @property
    def up(self) -> bool:
        """Whether the broker has taken us."""
        return self._up

    @property
    def owed(self) -> int:
        """So many publishes are not acknowledged yet."""
        return len(self._owed)

    def wake(self) -> None:
        """End the turn that another thread waits in."""
        with suppress(BlockingIOError):  # it has been rung so often that it cannot be missed
            os.eventfd_write(self._wake, 1)

    def turn(self, timeout_s: float) -> list[News]:
        """Do what is to be done on the connection; wait at most so long for something.

        Connecting may take ``ANSWER_MAX_S``, and as long as the name's resolution.
        """
        if self._client is None:
            wait_s = (self._next_try_ns - clock.mono_ns()) / NS_PER_S
            if wait_s > 0:
                self._sleep(min(wait_s, timeout_s))
                return self._gathered()
            self._connect()
        if self._client is not None:
            self._serve(timeout_s)
        return self._gathered()

    def publish(self, message: Message, token: Any = None) -> bool:
        """Send at QoS 1; False, and nothing is queued, without a connection."""
        if self._client is None or not self._up:
            return False
        properties = None
        if message.expiry_s is not None and self._versions[0] == 5:
            properties = expiring(message.expiry_s)
        try:
            info = self._client.publish(
                message.topic, message.payload, 1, message.retain, properties
            )
        except _GARBAGE as error:
            self._said = str(error)
            self._drop()
            return False
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_QUEUE_SIZE):
            self._drain()
            return False
        self._owed[info.mid] = (token, clock.mono_ns())
        return True

    def close(self) -> None:
        """Say goodbye: no last will is published."""
        if self._client is not None:
            with suppress(*_GARBAGE):
                self._client.disconnect(
                    properties=without_session() if self._versions[0] == 5 else None
                )
            self._forget()
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1

    # -- connecting

    def _connect(self) -> None:
        found = access(self._broker)
        if isinstance(found, Fault):
            self._down(found)
            return
        self._reach = found
        version = self._versions[0]
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion(version),
            clean_session=None if version == 5 else True,
            reconnect_on_failure=False,
        )
        client.suppress_exceptions = False
        client.connect_timeout = ANSWER_MAX_S
        if found.tls is not None:
            client.tls_set_context(found.tls)
        if found.username is not None:
            client.username_pw_set(found.username, found.password)
        if self._will is not None:
            client.will_set(
                self._will.topic,
                self._will.payload,
                qos=1,
                retain=self._will.retain,
                properties=will_properties() if version == 5 else None,
            )
        self._listen(client)
        self._said = ""
        try:
            if version == 5:
                client.connect(
                    found.host,
                    found.port,
                    KEEPALIVE_S,
                    # With a clean start the broker would publish the will that is waiting.
                    clean_start=not self._catches_up,
                    properties=connect_properties(HEARD_MAX_BYTES, self._catches_up),
                )
            else:
                client.connect(found.host, found.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self._down(connect_fault(self._broker, self._where, error))
            return
        except _GARBAGE as error:
            self._down(ended_fault(self._broker, self._where, str(error), answered=False))
            return
        self._client = client
        self._asked_ns = clock.mono_ns()

    def _listen(self, client: paho.Client) -> None:
        told = self._told
        client.on_connect = lambda _c, _u, _f, code, _p: told.append(("connect", code))
        client.on_disconnect = lambda _c, _u, _f, code, _p: told.append(("end", code))
        client.on_publish = lambda _c, _u, mid, code, _p: told.append(("publish", (mid, code)))
        client.on_message = lambda _c, _u, message: told.append(("message", _heard(message)))
        client.on_log = lambda _c, _u, level, text: self._log(level, text)
        client.on_socket_open = lambda _c, _u, opened: _at_once(opened)

    def _log(self, level: int, text: str) -> None:
        if level == paho.MQTT_LOG_ERR:
            self._said = text

    # -- connected

    def _serve(self, timeout_s: float) -> None:
        client = self._client
        assert client is not None
        connection: Any = client.socket()
        if connection is None:
            self._drain()
            return
        ready = isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
        writing = [connection] if client.want_write() else []
        try:
            readable, writable, _ = select.select(
                [connection, self._wake], writing, [], 0.0 if ready else self._patience(timeout_s)
            )
            if self._wake in readable:
                self._hushed()
            if ready or connection in readable:
                client.loop_read()
            if writable:
                client.loop_write()
            client.loop_misc()
        except _GARBAGE as error:
            self._said = str(error)
            self._drop()
            return
        self._drain()
        self._give_up_waiting()

    def _patience(self, timeout_s: float) -> float:
        # loop_misc looks after the keepalive, and an answer that does not come is to be noticed.
        return max(0.0, min(timeout_s, 1.0))

    def _give_up_waiting(self) -> None:
        """A broker that does not answer is as good as none."""
        if self._client is None:
            return
        since_ns = self._asked_ns if not self._up else None
        if self._owed:
            since_ns = next(iter(self._owed.values()))[1]
        if since_ns is not None and clock.mono_ns() - since_ns > ANSWER_MAX_S * NS_PER_S:
            self._said = f"no answer for {ANSWER_MAX_S:g} s"
            self._drop()

    def _drain(self) -> None:
        """Take what paho's callbacks told."""
        while self._told:
            what, value = self._told.popleft()
            match what:
                case "connect":
                    self._on_connect(value)
                case "publish":
                    mid, code = value
                    token, _ = self._owed.pop(mid, (None, 0))
                    self._news.append(Acknowledged(token, bool(code.is_failure)))
                case "message":
                    self._news.append(value)
                case _:
                    self._on_end(value)

    def _on_connect(self, code: ReasonCode) -> None:
        if code.is_failure:
            if code.value == 132:
                self._other_version()
            self._down(refused_fault(self._broker, self._where, code))
            return
        client = self._client
        if client is None:
            return
        self._up = True
        self._delay_s = RETRY_MIN_S
        if self._subscriptions:
            client.subscribe([(topic, 1) for topic in self._subscriptions])
        self._news.append(Connected(self._versions[0]))

    def _on_end(self, code: ReasonCode) -> None:
        if self._client is None:
            return
        if not self._up and "SSL" not in self._said:
            self._said = last_word(self._reach, ALERT_MAX_S) if self._reach else ""
        if not self._up and not self._said:
            # Some brokers hang up on a version that they do not speak.
            self._other_version()
        # What paho made up itself says nothing; what a broker said does.
        told = "" if code.value in (0, 128) else str(code).lower()
        self._down(ended_fault(self._broker, self._where, self._said or told, self._up))

    def _other_version(self) -> None:
        self._versions.rotate(1)

    def _drop(self) -> None:
        """End a connection that is of no use any more."""
        self._drain()
        if self._client is not None:
            self._down(ended_fault(self._broker, self._where, self._said, self._up))

    def _down(self, fault: Fault) -> None:
        self._forget()
        self._next_try_ns = clock.mono_ns() + round(self._delay_s * NS_PER_S)
        self._delay_s = min(self._delay_s * 2, RETRY_MAX_S)
        self._news.append(Down(fault))

    def _forget(self) -> None:
        client, self._client, self._up = self._client, None, False
        self._owed.clear()
        if client is not None:
            connection = client.socket()
            client.on_disconnect = None
            if connection is not None:
                with suppress(OSError):
                    connection.close()
        self._told.clear()

    # -- waiting

    def _sleep(self, seconds: float) -> None:
        if select.select([self._wake], [], [], seconds)[0]:
            self._hushed()

    def _hushed(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._wake)

    def _gathered(self) -> list[News]:
        news = list(self._news)
        self._news.clear()
        return news


def trial(broker: Broker, client_id: str) -> Fault | None:
    """Connect once and leave; what is wrong, or None. Takes at most some ten seconds."""
    link = Link(broker, client_id)
    deadline_ns = clock.mono_ns() + round(2 * ANSWER_MAX_S * NS_PER_S)
    fault: Fault | None = None
    attempts = 0
    try:
        while clock.mono_ns() < deadline_ns and attempts < 2:
            for news in link.turn(1.0):
                if isinstance(news, Connected):
                    return None
                if isinstance(news, Down):
                    fault = news.fault
                    attempts += 1
                    if fault.mend:
                        return fault
        return fault or Fault(f"broker {broker.url}: does not answer")
    finally:
        link.close()


def _at_once(connection: Any) -> None:
    # Without it a small message waits up to 40 ms for the answer to the one before it.
    with suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _heard(message: paho.MQTTMessage) -> Heard:
    try:
        topic = message.topic
    except UnicodeDecodeError:
        topic = ""
    payload = bytes(message.payload)
    if len(payload) > HEARD_MAX_BYTES:
        return Heard(topic, b"", message.retain, too_large=True)
    return Heard(topic, payload, message.retain)
