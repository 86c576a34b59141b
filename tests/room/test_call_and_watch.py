"""`kaproom call` and `kaproom watch`, as people type them, with a real room and a real broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus import Peer
from rooms import LivingRoom

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.room.broker import Broker, _program

pytestmark = pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto")

CALL = "kaproom/1/test/one/attention/call"
DESK = "kaproom/1/test/station/desk"


@pytest.fixture
def on_air(tmp_path: Path, runtime: Path, broker: Broker) -> Iterator[LivingRoom]:
    """A room with a broker in its room file; its daemon runs."""
    living = LivingRoom(tmp_path / "data", runtime)
    living.file.write_text(f"{living.file.read_text()}display_name: The quiet room\n")
    living.tells(broker.url)
    living.start()
    try:
        living.wait_for(lambda status: status["bus"]["connected"])
        yield living
    finally:
        living.close()


def typed(room: LivingRoom, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kaproom", *words],
        env=room.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def snapshot(matter: str, *, seen: bool = False) -> str:
    of = {"room": "one", "code": "call", "id": matter}
    told = {
        **{"v": 1, "site": "test", "station": "desk", "display_name": "The desk"},
        **{"ts": "2026-01-01T00:00:00Z", "rooms": [{"room": "one", "boot": 1, "seq": 1}]},
        **{"shown": [of]},
        "acknowledged": [{**of, "by": "I.K.", "at": "2026-01-01T00:00:00Z"}] if seen else [],
    }
    return json.dumps(told)


def raised(ear: Peer) -> str:
    found: list[str] = []

    def there(_: object) -> bool:
        found[:] = [json.loads(h.payload)["id"] for h in ear.heard if h.topic == CALL and h.payload]
        return bool(found)

    ear.wait_for(there)
    return found[-1]


def test_a_call_is_told_step_by_step_until_somebody_has_seen_it(
    on_air: LivingRoom, broker: Broker
) -> None:
    with Peer(broker.port) as desk:
        desk.subscribe("kaproom/1/test/one/#")
        calling = typed(on_air, "call", "urgent")
        assert line(calling) == "Calling (urgent): sending …"
        matter = raised(desk)
        desk.publish(DESK, snapshot(matter), retain=True)
        assert line(calling) == "Shown at The desk; waiting for somebody to see it."
        desk.publish(DESK, snapshot(matter, seen=True), retain=True)
        assert line(calling) == "Seen by I.K. at The desk."
        assert calling.wait(10) == 0
        assert on_air.kaproom("call", "--cancel") == "The call is taken back.\n"
        desk.wait_for_topic(CALL, b"")
        assert on_air.kaproom("call", "--cancel", status=1) == "no call is open\n"
    kinds = on_air.kinds()
    assert kinds.count("attention") == 2


def test_a_call_that_nobody_shows_is_not_delivered_within_3_s(on_air: LivingRoom) -> None:
    said = on_air.kaproom("call", "--json", status=1)
    last = json.loads(said.splitlines()[-2])
    assert last["state"] == "not-delivered"
    assert last["open_s"] < 3.0  # since the key press
    assert said.splitlines()[-1] == (
        "NOT DELIVERED: no nurse station has shown it; use the wall button"
        " (it is still being sent; `kaproom call --cancel` takes it back)"
    )


def test_a_call_without_a_broker_or_a_daemon_says_so_at_once(room: LivingRoom) -> None:
    said = room.kaproom("call", status=1)
    assert said.startswith("NOT DELIVERED: this room has no broker; use the wall button")
    room.kill()
    said = room.kaproom("call", status=1)
    assert said.startswith("NOT DELIVERED: ") and "use the wall button" in said


def test_a_call_outlives_the_daemon_that_made_it(on_air: LivingRoom, broker: Broker) -> None:
    on_air.kaproom("call", "urgent", status=1)
    on_air.kill()
    on_air.start()
    with Peer(broker.port) as desk:
        desk.subscribe("kaproom/1/test/one/#")
        assert raised(desk)
        assert on_air.status()["call"]["level"] == "urgent"


def test_a_session_taken_up_again_is_told(on_air: LivingRoom, broker: Broker) -> None:
    on_air.begin()
    on_air.kill()
    on_air.start()
    with Peer(broker.port) as desk:
        desk.subscribe("kaproom/1/test/one/attention/daemon-restarted")
        desk.wait_for(lambda heard: any(h.payload for h in heard))


def test_a_watch_shows_the_rooms_and_tells_of_one_that_is_lost(
    on_air: LivingRoom, broker: Broker
) -> None:
    table = on_air.kaproom("watch", broker.url, "--once")
    assert "The quiet room" in table and "live" in table
    watching = typed(on_air, "watch", broker.url)
    while "live" not in (said := line(watching)):
        assert said
    on_air.call("call", {"level": "assist"})
    while said != "test/one  1  attention  raised call assist":
        said = line(watching)
        assert said
    on_air.kill()
    while said != "test/one  NO DATA":
        said = line(watching)
        assert said
    watching.send_signal(signal.SIGINT)
    assert watching.wait(10) == 130
    assert watching.stdout is not None and watching.stderr is not None
    watching.stdout.close()
    watching.stderr.close()


def test_a_broker_that_is_gone_keeps_no_command_waiting_and_is_said_in_the_log(
    on_air: LivingRoom, broker: Broker
) -> None:
    os.kill(broker.pid, signal.SIGKILL)
    on_air.wait_for(lambda status: not status["bus"]["connected"])
    on_air.begin()
    began_ns = clock.mono_ns()
    for _ in range(20):
        on_air.call("note", {"category": "tears"})
    assert (clock.mono_ns() - began_ns) / NS_PER_S < 4.0
    assert on_air.terminate() == 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("http://x",), 2, "http://x is no broker; write mqtt://HOST:1883"),
        (("mqtt://127.0.0.1:9", "--once"), 1, "nobody listens at 127.0.0.1:9"),
        (("mqtt://no-such-host.invalid",), 2, "is not resolved to an address"),
        (("mqtt://x", "--ca", "a.pem"), 2, "certificates need TLS"),
        ((), 2, "names no broker; write `kaproom watch mqtt://HOST`"),
    ],
)
def test_a_watch_that_cannot_be_says_why(
    tmp_path: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    room = LivingRoom(tmp_path / "data", tmp_path / "run")
    assert said in room.kaproom("watch", *words, status=status)


def test_a_check_names_what_is_wrong_with_the_broker_and_it_stops_nothing(tmp_path: Path) -> None:
    room = LivingRoom(tmp_path / "data", tmp_path / "run")
    room.tells("mqtt://no-such-host.invalid")
    said = subprocess.run(
        [sys.executable, "-m", "kaproom", "check", "demo-3min"],
        env=room.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "warn  broker.url: the name in no-such-host.invalid:1883 is not resolved to an address;"
        " correct it, or look at the network; the room runs on"
    ) in said.stdout.splitlines()
