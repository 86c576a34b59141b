"""The demo's broker: comes up by itself, on loopback, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus import Peer, listening_addresses

from kaproom.errors import Mend, WorldFailed
from kaproom.room import broker as launcher
from kaproom.room.broker import Broker, Kind, start_broker

BOTH: tuple[Kind, ...] = ("mosquitto", "iotcore")

# A demo that starts a broker, says its process, and waits to be ended.
DEMO = """
import signal, sys
from pathlib import Path
from kaproom.room.broker import start_broker
signal.signal(signal.SIGINT, signal.SIG_IGN)
with start_broker(Path(sys.argv[1]), (sys.argv[2],)) as broker:
    print(broker.pid, broker.port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    if launcher._program(found) is None:
        pytest.skip(f"{found} is not installed")
    return found


@pytest.fixture
def running(kind: Kind, tmp_path: Path) -> Iterator[Broker]:
    with start_broker(tmp_path, (kind,)) as broker:
        yield broker


def gone(pid: int) -> bool:
    """Whether a process has ended, once it has, or after 5 s."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 5.0)[0])
    finally:
        os.close(watched)


def refused(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("mqtt5", [False, True], ids=["mqtt3", "mqtt5"])
def test_clients_of_both_versions_hear_each_other_and_what_was_retained(
    running: Broker, mqtt5: bool
) -> None:
    port = running.port_mqtt5 if mqtt5 else running.port
    with Peer(running.port) as room, Peer(port, mqtt5=mqtt5) as station:
        assert room.publish("kaproom/1/demo/demo/state", b"early", retain=True)
        assert station.subscribe("kaproom/1/demo/#") == [True]
        assert station.wait_for_topic("kaproom/1/demo/demo/state").retained
        assert room.publish("kaproom/1/demo/demo/state", b"late", retain=True)
        station.wait_for_topic("kaproom/1/demo/demo/state", b"late")


def test_a_last_will_is_sent_when_the_room_dies(running: Broker) -> None:
    topic = "kaproom/1/demo/demo/availability"
    with Peer(running.port) as station, Peer(running.port, will=(topic, b"offline")) as room:
        station.subscribe(topic)
        room.drop()
        assert station.wait_for_topic(topic).payload == b"offline"


def test_nobody_outside_this_machine_can_reach_it(running: Broker) -> None:
    addresses = listening_addresses(running.pid)
    assert {host for host, _ in addresses} == {"127.0.0.1"}
    assert {port for _, port in addresses} == {running.port, running.port_mqtt5}
    assert running.url == f"mqtt://127.0.0.1:{running.port}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_it_does_not_run_as_root(running: Broker) -> None:
    uids = Path(f"/proc/{running.pid}/status").read_text().split("Uid:")[1].split("\n")[0]
    assert "0" not in uids.split()


def test_after_stop_nothing_listens_and_nothing_runs(running: Broker) -> None:
    assert running.alive()
    running.stop()
    running.stop()
    assert not running.alive()
    assert gone(running.pid)
    assert refused(running.port) and refused(running.port_mqtt5)


def test_even_a_frozen_one_is_stopped(running: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "STOP_MAX_S", 0.1)
    os.kill(running.pid, signal.SIGSTOP)
    running.stop()
    assert not running.alive()


def test_one_that_was_killed_can_be_brought_back_where_clients_look_for_it(
    running: Broker, tmp_path: Path
) -> None:
    os.kill(running.pid, signal.SIGKILL)
    assert gone(running.pid)
    with start_broker(tmp_path, (running.kind,), running.port) as again:
        assert again.port == running.port
        with Peer(again.port) as room:
            assert room.publish("kaproom/1/demo/demo/state", b"back")


def test_ctrl_c_leaves_it_running_and_the_demo_s_violent_death_takes_it_along(
    kind: Kind, tmp_path: Path
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-c", DEMO, str(tmp_path), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert demo.stdout is not None
        pid, port = map(int, demo.stdout.readline().split())
        os.killpg(demo.pid, signal.SIGINT)
        with Peer(port) as client:
            assert client.publish("kaproom/1/demo/demo/state", b"still here")
        demo.kill()
        assert gone(pid)
        assert refused(port)
    finally:
        demo.kill()
        demo.communicate()


def test_mosquitto_is_taken_before_the_embedded_one(tmp_path: Path) -> None:
    if launcher._program("mosquitto") is None:
        pytest.skip("mosquitto is not installed")
    with start_broker(tmp_path) as broker:
        assert broker.kind == "mosquitto"


def test_mosquitto_is_found_where_an_ordinary_path_does_not_lead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = tmp_path / "mosquitto"
    there.write_text("#!/bin/sh\n")
    there.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(launcher, "_SBIN", (str(tmp_path),))
    assert launcher._program("mosquitto") == str(there)


def test_one_that_does_not_come_up_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if launcher._program("iotcore") is None:
        pytest.skip("iotcore is not installed")
    monkeypatch.setattr(launcher, "_MOSQUITTO", "nonsense true\n")
    with start_broker(tmp_path) as broker:
        assert broker.kind == "iotcore"


def test_no_broker_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher, "_program", lambda _kind: None)
    with pytest.raises(Mend) as refusal:
        start_broker(tmp_path)
    assert str(refusal.value) == (
        "no MQTT broker is installed; run `apt-get install mosquitto`"
        f" or `{sys.executable} -m pip install iotcore`"
    )


def test_a_port_that_is_taken_is_one_line_and_nothing_is_left_running(
    kind: Kind, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(WorldFailed) as failure:
            start_broker(tmp_path, (kind,), port)
    line = str(failure.value)
    assert line.startswith(f"{kind} did not start; ") and "in use" in line, line
    assert "\n" not in line


def test_it_never_takes_somebody_else_s_broker_for_its_own(kind: Kind, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(WorldFailed, match=f"port {port} is in use"):
            start_broker(tmp_path, (kind,), port)
