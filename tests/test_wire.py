"""The door to MQTT: kept up, never in the way, and plain about what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from bus import Peer
from clinic import ELSEWHERE, ROOM, STATION, Clinic, running
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.room.broker import Broker as Running
from kaproom.room.broker import Kind, _program, start_broker
from kaproom.session.roomfile import Broker
from kaproom.wire import Acknowledged, Connected, Down, Heard, Link, Message, News, link, trial
from kaproom.wire.access import exposed
from kaproom.wire.link import Version

pytestmark = pytest.mark.usefixtures("impatient")
needs_mosquitto = pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto")


def turned(on: Link, wanted: Callable[[News], object], within_s: float = 15.0) -> Any:
    """Turn until there is such news."""
    until_ns = clock.mono_ns() + round(within_s * NS_PER_S)
    seen: list[News] = []
    while clock.mono_ns() < until_ns:
        for news in on.turn(0.2):
            seen.append(news)
            if wanted(news):
                return news
    raise AssertionError(seen)


def up(news: News) -> bool:
    return isinstance(news, Connected)


def down(news: News) -> bool:
    return isinstance(news, Down)


@needs_mosquitto
@pytest.mark.parametrize("version", [4, 5], ids=["mqtt3", "mqtt5"])
def test_what_is_published_is_acknowledged_and_heard(broker: Running, version: Version) -> None:
    one = Link(Broker(url=broker.url), "one", None, ["a/#"], versions=(version,))
    assert turned(one, up) == Connected(version)
    assert one.publish(Message("a/b", b"hello", expiry_s=5), "token")
    turned(one, lambda news: news == Acknowledged("token"))
    one.publish(Message("a/c", b"again"))
    turned(one, lambda news: news == Heard("a/c", b"again", retained=False))
    one.close()


@pytest.mark.parametrize("kind", ["mosquitto", "iotcore"])
def test_a_broker_that_speaks_one_version_only_is_spoken_to_in_that(
    tmp_path: Path, kind: Kind
) -> None:
    if _program(kind) is None:
        pytest.skip(f"{kind} is not installed")
    with start_broker(tmp_path, (kind,)) as found:
        one = Link(Broker(url=found.url), "one")
        assert turned(one, up) == Connected(5 if kind == "mosquitto" else 4)
        one.close()


@needs_mosquitto
def test_small_messages_do_not_wait_for_each_other(broker: Running) -> None:
    one = Link(Broker(url=broker.url), "one")
    turned(one, up)
    assert one._client is not None
    connection: Any = one._client.socket()
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    one.close()


@needs_mosquitto
def test_nothing_is_queued_without_a_connection(tmp_path: Path) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as found:
        one = Link(Broker(url=found.url), "one")
        assert not one.publish(Message("a", b"too early"))
        turned(one, up)
        os.kill(found.pid, signal.SIGKILL)
        turned(one, down)
        assert not one.publish(Message("a", b"lost"))
        assert one.owed == 0
    with start_broker(tmp_path, ("mosquitto",), found.port), Peer(found.port) as ear:
        ear.subscribe("#")
        turned(one, up)
        one.publish(Message("a", b"new"), "token")
        turned(one, lambda news: news == Acknowledged("token"))
        ear.wait_for_topic("a", b"new")
        assert [heard.payload for heard in ear.heard] == [b"new"]
        one.close()


@needs_mosquitto
def test_a_frozen_broker_is_noticed_without_anything_to_send(
    broker: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "KEEPALIVE_S", 1)
    one = Link(Broker(url=broker.url), "one", versions=(4,))
    turned(one, up)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        turned(one, down, 5.0)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
        one.close()


@needs_mosquitto
def test_another_thread_ends_the_wait(broker: Running) -> None:
    one = Link(Broker(url=broker.url), "one")
    turned(one, up)
    began_ns = clock.mono_ns()
    threading.Timer(0.05, one.wake).start()
    while not (woken := clock.mono_ns() - began_ns > 0.05 * NS_PER_S):
        one.turn(10.0)
    assert woken
    assert clock.mono_ns() - began_ns < 0.9 * NS_PER_S
    one.close()


# -- what is wrong, in one line


def test_a_name_that_is_not_resolved_is_said_so() -> None:
    fault = trial(Broker(url="mqtt://no-such-host.invalid"), "one")
    assert fault is not None and fault.mend
    assert fault.line == (
        "broker.url: the name in no-such-host.invalid:1883 is not resolved to an address;"
        " correct it, or look at the network"
    )


def test_nobody_listening_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        fault = trial(Broker(url=f"mqtt://127.0.0.1:{port}"), "one")
    assert fault is not None and not fault.mend
    assert fault.line == (
        f"broker.url: nobody listens at 127.0.0.1:{port}; start the broker, or correct the port"
    )


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    pytest.importorskip("cryptography")
    if _program("mosquitto") is None:
        pytest.skip("no mosquitto")
    folder = tmp_path_factory.mktemp("clinic")
    made = Clinic(folder / "c").enrol(ROOM, STATION)
    with running(made):
        yield made


def settings_of(clinic: Clinic, **other: Any) -> Broker:
    cert, key = clinic.pair(ROOM)
    given = {
        "url": f"mqtts://127.0.0.1:{clinic.port}",
        "ca": str(clinic.ca),
        "cert": str(cert),
        "key": str(key),
    }
    chosen = {k: v for k, v in (given | other).items() if v is not None}
    return Broker.model_validate(chosen)


def test_a_room_with_its_certificate_is_let_in(clinic: Clinic) -> None:
    assert trial(settings_of(clinic), "one") is None


def test_without_a_certificate_the_line_says_which_settings_are_missing(clinic: Clinic) -> None:
    fault = trial(settings_of(clinic, cert=None, key=None), "one")
    assert fault is not None and fault.mend
    assert "add broker.cert and broker.key" in fault.line


def test_another_authority_is_not_trusted(clinic: Clinic, tmp_path: Path) -> None:
    other = Clinic(tmp_path / "other")
    fault = trial(settings_of(clinic, ca=str(other.ca)), "one")
    assert fault is not None and fault.mend
    assert fault.line.startswith(f"broker.ca: the certificate of 127.0.0.1:{clinic.port} is not")
    assert str(other.ca) in fault.line


def test_a_certificate_of_another_authority_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    other = Clinic(tmp_path / "other").enrol(ELSEWHERE)
    cert, key = other.pair(ELSEWHERE)
    fault = trial(settings_of(clinic, cert=str(cert), key=str(key)), "one")
    assert fault is not None and "broker.cert" in fault.line


def test_tls_where_none_is_spoken_and_none_where_it_is_are_told_apart(
    clinic: Clinic, tmp_path: Path
) -> None:
    fault = trial(Broker(url=f"mqtt://127.0.0.1:{clinic.port}"), "one")
    assert fault is not None and "does it want TLS (mqtts://)?" in fault.line
    with start_broker(tmp_path, ("mosquitto",)) as plain:
        fault = trial(Broker(url=f"mqtts://127.0.0.1:{plain.port}"), "one")
        assert fault is not None and "no TLS is spoken there" in fault.line


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
def test_a_file_that_is_missing_or_no_pem_is_named(
    clinic: Clinic, tmp_path: Path, key: str
) -> None:
    fault = trial(settings_of(clinic, **{key: str(tmp_path / "gone")}), "one")
    assert fault is not None and fault.mend
    assert fault.line == f"broker.{key}: {tmp_path}/gone cannot be read: no such file or directory"
    (tmp_path / "text").write_text("not a certificate")
    fault = trial(settings_of(clinic, **{key: str(tmp_path / "text")}), "one")
    assert fault is not None and fault.mend and "PEM" in fault.line


def test_a_key_of_another_certificate_is_named(clinic: Clinic) -> None:
    _, key = clinic.pair(STATION)
    fault = trial(settings_of(clinic, key=str(key)), "one")
    assert fault is not None and f"does not belong to the key in {key}" in fault.line


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[str]:
    """A broker that lets in only "room" with the password "right"."""
    passwords, conf = tmp_path / "passwords", tmp_path / "guarded.conf"
    passwords.write_text("room:right\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    import pwd
    import subprocess

    from kaproom.room import broker as launcher

    program = _program("mosquitto")
    if program is None:
        pytest.skip("no mosquitto")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\n"
        f"user {pwd.getpwuid(os.geteuid()).pw_name}\n"
    )
    process = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        assert launcher._wait_until_it_listens(process, port) == ""
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        launcher._end(process)


@pytest.mark.parametrize("version", [4, 5], ids=["mqtt3", "mqtt5"])
def test_a_password_is_right_wrong_or_missing(
    guarded: str, tmp_path: Path, version: Version
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    told = Broker(url=guarded, username="room", password_file=str(secret))
    one = Link(told, "one", versions=(version,))
    fault = turned(one, down).fault
    assert fault.mend
    assert "refuses user 'room'; correct broker.username or the password in" in fault.line
    secret.write_text("right\n")  # mended, and read at the next attempt
    turned(one, up)
    one.close()
    fault = turned(one := Link(Broker(url=guarded), "one", versions=(version,)), down).fault
    assert "wants a user; add broker.username and broker.password_file" in fault.line
    one.close()
    secret.write_text("")
    fault = trial(told, "one")
    assert fault is not None and "no password in its first line" in fault.line


def test_a_secret_that_every_account_may_read_is_told(tmp_path: Path) -> None:
    secret, key = tmp_path / "secret", tmp_path / "room.key"
    for path in (secret, key):
        path.touch(mode=0o640)
    told = Broker(
        url="mqtts://broker",
        username="room",
        password_file=str(secret),
        key=str(key),
        cert=str(key),
    )
    assert exposed(told) == []
    assert exposed(Broker(url="mqtt://broker")) == []
    secret.chmod(0o644)
    (fault,) = exposed(told)
    assert fault.mend and fault.line == (
        f"broker.password_file: {secret} can be read by every account of this machine; "
        f"chmod o= {secret}"
    )
    key.chmod(0o604)
    assert [fault.line.partition(":")[0] for fault in exposed(told)] == [
        *("broker.password_file", "broker.key")
    ]
    secret.unlink()
    assert len(exposed(told)) == 1


# -- brokers out of their mind


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """Something that listens and gives each connection these bytes, and then hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(4096)
                        for answer in answers:
                            connection.sendall(answer)
                        connection.shutdown(socket.SHUT_WR)
                        connection.recv(4096)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


CONNACK = b"\x20\x02\x00\x00"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    garbage=st.binary(min_size=1, max_size=80), accepted=st.booleans(), v=st.sampled_from([4, 5])
)
def test_a_broker_that_sends_garbage_costs_the_connection_and_nothing_else(
    garbage: bytes, accepted: bool, v: Version
) -> None:
    connack = b"\x20\x03\x00\x00\x00" if v == 5 else CONNACK
    with answering(*([connack] if accepted else []), garbage) as url:
        one = Link(Broker(url=url), "one", None, ["a"], versions=(v,))
        try:
            turned(one, down, 8.0)
        finally:
            one.close()


def test_who_takes_the_connection_and_never_answers_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "ANSWER_MAX_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = Link(Broker(url=f"mqtt://127.0.0.1:{server.getsockname()[1]}"), "one")
        fault = turned(one, down).fault
        assert not fault.mend
        one.close()


@needs_mosquitto
def test_a_message_that_is_too_large_is_dropped_and_said_so(broker: Running) -> None:
    one = Link(Broker(url=broker.url), "one", None, ["a/#"], versions=(4,))
    turned(one, up)
    with Peer(broker.port) as peer:
        peer.publish("a/b", b"x" * 262_000)
        assert len(turned(one, lambda n: isinstance(n, Heard)).payload) == 262_000
    one.close()
    text = b"x" * (link.HEARD_MAX_BYTES + 1)
    message = paho.MQTTMessage(topic=b"a")
    message.payload = text
    assert link._heard(message) == Heard("a", b"", False, too_large=True)
