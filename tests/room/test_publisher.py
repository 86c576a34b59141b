"""The room on the bus, with a real broker that comes, goes, freezes and forgets."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bus import Heard, Peer
from onair import OnAir, against_the_contract, events, last_event, states
from pulse import until

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.contract.payload import Priority
from kaproom.contract.subscriber import Rooms
from kaproom.room.attention import NOT_DELIVERED_S
from kaproom.room.broker import Broker, _program, start_broker
from kaproom.room.bus.replay import REQUESTS_PER_S
from kaproom.session import events as e
from kaproom.session.status import Sound
from kaproom.wire import link
from kaproom.wire.link import Version

pytestmark = [
    pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto"),
    pytest.mark.usefixtures("impatient"),
]

ROOM = "kaproom/1/test/one"
NOTED = f"{ROOM}/event/note"


@pytest.fixture
def ear(broker: Broker) -> Iterator[Peer]:
    with Peer(broker.port) as peer:
        peer.subscribe("kaproom/1/#")
        yield peer


@pytest.fixture
def room(tmp_path: Path, broker: Broker) -> Iterator[OnAir]:
    on_air = OnAir(tmp_path / "data", broker.url)
    yield on_air
    on_air.stop()


def noted(heard: list[Heard]) -> list[int]:
    """The numbers of the notes among what was heard."""
    return [json.loads(h.payload)["seq"] for h in heard if h.topic == NOTED]


def _heard_notes(count: int, heard: list[Heard]) -> bool:
    return len(set(noted(heard))) == count


def live(heard: list[Heard]) -> bool:
    return bool(states(heard))


def open_matter(ear: Peer, code: str) -> bytes:
    """What is retained of a matter, once it is open."""
    found: list[bytes] = []

    def there(heard: list[Heard]) -> bool:
        found[:] = [h.payload for h in heard if h.topic == f"{ROOM}/attention/{code}" and h.payload]
        return bool(found)

    ear.wait_for(there)
    return found[-1]


def station(
    room_id: str = "one", *, shown: str = "", seen: str = "", name: str = "desk", site: str = "test"
) -> bytes:
    of = {"room": room_id, "code": "call"}
    snapshot: dict[str, Any] = {
        "v": 1,
        "site": site,
        "station": name,
        "ts": "2026-01-01T10:00:00Z",
        "rooms": [{"room": room_id, "boot": 1, "seq": 1}],
        "shown": [{**of, "id": shown}] if shown else [],
        "acknowledged": (
            [{**of, "id": seen, "by": "I.K.", "at": "2026-01-01T10:00:00Z"}] if seen else []
        ),
    }
    return json.dumps(snapshot).encode()


def a_whole_session(room: OnAir) -> None:
    """One of everything that can be told."""
    room.begin()
    room.pass_s(12)
    room.do(e.Noted, "vital-signs-taken", "135/80")
    room.do(e.Infused, "started")
    room.pass_s(30)
    room.do(e.Noted, "tears", "of relief")
    room.do(e.Infused, "rate", 0.4, "mg/min")
    room.do(e.Infused, "bolus", 12.5, "mg")
    room.do(e.Amended, 5, "no tears", None, True)
    room.do(e.Ducked)
    room.do(e.Returned)
    room.do(e.Held)
    room.pass_s(30)
    room.do(e.Advanced)
    room.hear(Sound("", "unplugged", True, -70.0, -70.0, 1))
    room.pass_s(2)
    room.call(Priority.URGENT)
    room.call(None)
    room.hear(Sound("Headphones", None, True, -23.0, -6.0, 1))
    room.do(e.SourceFailed, "c2", "the file is gone")
    room.do(e.Infused, "stopped")
    room.pass_s(20)
    room.do(e.Ended)
    room.pass_s(30)


@pytest.mark.parametrize("version", [4, 5], ids=["mqtt3", "mqtt5"])
def test_every_message_of_a_whole_session_follows_the_shipped_contract(
    tmp_path: Path, broker: Broker, ear: Peer, version: Version
) -> None:
    room = OnAir(tmp_path / "data", broker.url, versions=(version,))
    ear.wait_for(live)
    a_whole_session(room)
    ear.wait_for(lambda heard: any(x["what"] == "session-ended" for x in events(heard)))
    room.stop()
    ear.wait_for_topic(f"{ROOM}/availability", b"stopped")
    against_the_contract(ear.heard)
    told = events(ear.heard)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    assert {h.topic.removeprefix(f"{ROOM}/") for h in ear.heard} >= {
        *("state", "availability", "meta", "event/phase", "event/infusion", "event/note"),
        *("event/audio", "event/attention", "attention/call", "attention/device-lost"),
    }


def test_a_change_is_told_at_once_and_states_are_in_order(room: OnAir, ear: Peer) -> None:
    room.begin()
    ear.wait_for(lambda heard: any(s["session"] for s in states(heard)))
    room.do(e.Ducked)
    ear.wait_for(lambda heard: states(heard)[-1]["sound"]["state"] == "ducked")
    order = [(s["boot"], s["seq"]) for s in states(ear.heard)]
    assert order == sorted(set(order))


def test_at_most_ten_states_leave_in_a_second_and_the_last_one_is_right(
    room: OnAir, ear: Peer
) -> None:
    room.begin()
    ear.wait_for(lambda heard: any(s["session"] for s in states(heard)))
    before = len(states(ear.heard))
    for _ in range(40):
        room.do(e.Ducked)
        room.do(e.Returned)
    room.do(e.Calmed)
    ear.wait_for(lambda heard: states(heard)[-1]["sound"]["state"] == "calm")
    assert len(states(ear.heard)) - before <= 20


def test_a_session_that_ended_leaves_nothing_of_itself_in_the_retained_state(
    room: OnAir, ear: Peer, broker: Broker
) -> None:
    session = room.begin()
    ear.wait_for(lambda heard: any(s["session"] for s in states(heard)))
    room.do(e.Ended)
    room.pass_s(30)
    ear.wait_for(lambda heard: states(heard)[-1]["session"] is None)
    with Peer(broker.port) as late:
        late.subscribe("kaproom/1/#")
        late.wait_for(live)
        assert not any(session.encode() in h.payload for h in late.heard)


def test_a_clean_end_says_stopped_and_clears_state_and_attention(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    room = OnAir(tmp_path / "data", broker.url)
    ear.wait_for(live)
    room.call(Priority.ASSIST)
    open_matter(ear, "call")
    room.stop()
    ear.wait_for_topic(f"{ROOM}/availability", b"stopped")
    with Peer(broker.port) as late:
        late.subscribe("kaproom/1/#")
        late.wait_for_topic(f"{ROOM}/availability", b"stopped")
        late.wait_for_topic(f"{ROOM}/meta")
        assert set(late.topics()) == {f"{ROOM}/availability", f"{ROOM}/meta"}


def test_a_daemon_that_leaves_in_mid_session_is_offline_and_not_stopped(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    room = OnAir(tmp_path / "data", broker.url)
    room.begin()
    ear.wait_for(lambda heard: any(s["session"] for s in states(heard)))
    room.stop()
    ear.wait_for_topic(f"{ROOM}/availability", b"offline")
    assert states(ear.heard)[-1]["session"]


def test_a_room_that_reads_its_own_availability_as_offline_corrects_it(
    room: OnAir, ear: Peer
) -> None:
    ear.wait_for(live)
    with Peer(ear.port) as ghost:
        ghost.publish(f"{ROOM}/availability", b"offline", retain=True)
        ear.wait_for_topic(f"{ROOM}/availability", b"offline")
    ear.wait_for(
        lambda heard: (
            [h.payload for h in heard if h.topic.endswith("availability")][-1] == b"online"
        )
    )


def test_the_last_will_says_offline_when_the_room_is_lost(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    room = OnAir(tmp_path / "data", broker.url, versions=(4,))
    ear.wait_for(live)
    with Peer(broker.port, client_id="kaproom-test-one"):  # takes its place: the other is lost
        ear.wait_for_topic(f"{ROOM}/availability", b"offline")
    room.stop()


def test_a_broker_that_comes_late_gets_everything_in_order(tmp_path: Path) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as probe:
        port = probe.port
    room = OnAir(tmp_path / "data", f"mqtt://127.0.0.1:{port}")
    a_whole_session(room)
    assert not room.publisher.facts()["connected"]
    with start_broker(tmp_path, ("mosquitto",), port), Peer(port) as ear:
        ear.subscribe("kaproom/1/#")
        last = last_event(room)
        until(lambda: room.publisher.facts()["events"]["sent"] == last, what="all events sent")
        # Those that left before this subscriber was there it asks for.
        ear.publish(f"{ROOM}/replay/req", json.dumps({"from": 1, "to": last}))
        ear.wait_for(lambda heard: {x["seq"] for x in events(heard)} == set(range(1, last + 1)))
        assert "session-ended" in {x["what"] for x in events(ear.heard)}
        room.stop()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_broker_that_comes_back_empty_has_the_whole_state_again_and_no_event_is_lost(
    tmp_path: Path, how: str
) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as first:
        room = OnAir(tmp_path / "data", first.url)
        room.begin()
        with Peer(first.port) as ear:
            ear.subscribe("kaproom/1/#")
            ear.wait_for(live)
            room.do(e.Noted, "tears", "")
            ear.wait_for(noted)
            before = list(ear.heard)
        if how == "killed":
            os.kill(first.pid, signal.SIGKILL)
    for _ in range(50):
        room.do(e.Noted, "tears", "")
    room.call(Priority.ASSIST)
    numbers = Rooms()
    with start_broker(tmp_path, ("mosquitto",), first.port), Peer(first.port) as ear:
        ear.subscribe("kaproom/1/#")
        ear.wait_for(live)
        open_matter(ear, "call")
        ear.wait_for_topic(f"{ROOM}/meta")
        ear.wait_for_topic(f"{ROOM}/availability", b"online")
        last = states(ear.heard)[-1]["events"]["last_seq"]
        for message in [*before, *ear.heard]:
            numbers.hear(message.topic, message.payload, message.retained, 0)
        for _, first_seq, last_seq in numbers.missing():
            ear.publish(f"{ROOM}/replay/req", json.dumps({"from": first_seq, "to": last_seq}))

        def whole(heard: list[Heard]) -> bool:
            told = {x["seq"] for x in [*events(before), *events(heard)]}
            return told >= set(range(min(told), last + 1))

        ear.wait_for(whole)
        room.stop()


def test_a_frozen_broker_is_noticed_and_keeps_nobody_waiting(
    room: OnAir, broker: Broker, ear: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "ANSWER_MAX_S", 0.5)
    room.begin()
    ear.wait_for(live)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        for _ in range(30):
            room.do(e.Noted, "tears", "")
        until(lambda: not room.publisher.facts()["connected"], 10, "the room to notice")
        assert "answer" in str(room.publisher.facts()["fault"])
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    until(lambda: room.publisher.facts()["connected"], 10, "the connection")
    ear.wait_for(lambda heard: len(set(noted(heard))) == 30)
    firsts = list(dict.fromkeys(noted(ear.heard)))
    assert firsts == sorted(firsts)


def test_events_that_a_dead_room_left_behind_are_sent_by_the_next(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    nowhere = OnAir(tmp_path / "data", "mqtt://127.0.0.1:9")
    nowhere.begin()
    nowhere.do(e.Noted, "tears", "")
    nowhere.stop()
    room = OnAir(tmp_path / "data", broker.url)
    room.begin()
    ear.wait_for(lambda heard: len(events(heard)) >= 3)
    told = events(ear.heard)
    assert [x["seq"] for x in told] == [1, 2, 3]
    assert [x["boot"] for x in told] == [1, 1, 2]
    assert len({x["series"] for x in told}) == 1
    room.stop()


def test_what_was_acknowledged_is_not_sent_again_after_a_restart(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    room = OnAir(tmp_path / "data", broker.url)
    a_whole_session(room)
    ear.wait_for(lambda heard: any(x["what"] == "session-ended" for x in events(heard)))
    room.stop()
    count = len(events(ear.heard))
    again = OnAir(tmp_path / "data", broker.url)
    again.begin()
    ear.wait_for(lambda heard: events(heard)[-1]["seq"] == count + 1)
    assert len(events(ear.heard)) == count + 1
    again.stop()


def test_a_replay_gives_the_very_same_events_bounded_and_clamped(room: OnAir, ear: Peer) -> None:
    room.begin()
    for _ in range(20):
        room.do(e.Noted, "tears", "")
    ear.wait_for(lambda heard: len(noted(heard)) == 20)
    first = {h.payload for h in ear.heard if h.topic == NOTED}
    ear.heard.clear()
    ear.publish(f"{ROOM}/replay/req", json.dumps({"v": 1, "from": -5, "to": 10**12, "new": 1}))
    ear.wait_for(lambda heard: len(noted(heard)) == 20)
    assert {h.payload for h in ear.heard if h.topic == NOTED} == first


def test_a_thousand_requests_cost_no_more_than_one(room: OnAir, ear: Peer) -> None:
    room.begin()
    for _ in range(10):
        room.do(e.Noted, "tears", "")
    ear.wait_for(lambda heard: len(noted(heard)) == 10)
    began_ns = clock.mono_ns()
    for _ in range(1000):
        ear.publish(f"{ROOM}/replay/req", b'{"from": 1, "to": 1000}')
    allowed = REQUESTS_PER_S * (1 + (clock.mono_ns() - began_ns) // NS_PER_S)
    room.do(e.Noted, "tears", "")
    ear.wait_for(lambda heard: 12 in noted(heard))
    until(
        lambda: room.publisher.facts()["ignored"].get("replay: too often", 0) >= 1000 - allowed,
        30,
        "the count",
    )
    assert len(noted(ear.heard)) <= 12 + 11 * allowed


def test_garbage_is_ignored_with_a_counted_reason_and_the_room_goes_on(
    room: OnAir, ear: Peer
) -> None:
    room.begin()
    ear.wait_for(live)
    deep = b'{"v":1,"rooms":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    for payload in (b"", b"\xff\xfe", b"null", b"[]", b"{}", deep, b"x" * 200_000, b'{"from":1}'):
        ear.publish(f"{ROOM}/replay/req", payload)
        ear.publish("kaproom/1/test/station/evil", payload)
    ear.publish(f"{ROOM}/replay/req", b'{"from": 5, "to": 2}')
    ear.publish(f"{ROOM}/replay/req", b'{"from": 1, "to": 2, "series": "another"}')
    ear.publish(f"{ROOM}/replay/req", b'{"from": true, "to": "2"}')
    ear.publish("kaproom/1/test/station/desk", station(name="other"))
    ear.publish("kaproom/1/test/station/desk", station(site="elsewhere"))
    until(
        lambda: room.publisher.facts()["ignored"].get("station: says it is another") == 2,
        30,
        "the counts",
    )
    ignored = room.publisher.facts()["ignored"]
    assert ignored["station: not a snapshot"] == 7
    assert ignored["replay: nothing there"] == 1
    assert ignored["replay: another series"] == 1
    assert ignored["replay: not a request"] >= 5
    assert ignored["replay: too large"] == 2
    room.do(e.Ducked)
    ear.wait_for(lambda heard: states(heard)[-1]["sound"]["state"] == "ducked")


def test_a_retained_request_is_not_carried_out_at_every_connection(
    tmp_path: Path, broker: Broker, ear: Peer
) -> None:
    ear.publish(f"{ROOM}/replay/req", b'{"from": 1, "to": 9}', retain=True)
    room = OnAir(tmp_path / "data", broker.url)
    until(lambda: room.publisher.facts()["ignored"].get("replay: retained") == 1, 10, "the count")
    room.stop()


def test_a_call_is_shown_and_seen_by_the_stations_receipts(room: OnAir, ear: Peer) -> None:
    ear.wait_for(live)
    room.call(Priority.ASSIST)
    matter = json.loads(open_matter(ear, "call"))
    status = room.call_status()
    assert status is not None and status["state"] == "sending"
    ear.publish("kaproom/1/test/station/desk", station(shown=matter["id"]), retain=True)
    until(lambda: (room.call_status() or {})["state"] == "shown", 10, "the receipt")
    assert (room.call_status() or {})["shown"] == ["desk"]
    ear.publish(
        "kaproom/1/test/station/desk", station(shown=matter["id"], seen=matter["id"]), retain=True
    )
    until(lambda: (room.call_status() or {})["state"] == "seen", 10, "the receipt")
    (seen,) = (room.call_status() or {})["seen"]
    assert (seen["station"], seen["by"]) == ("desk", "I.K.")
    room.call(None)
    ear.wait_for_topic(f"{ROOM}/attention/call", b"")


def test_a_call_that_no_station_shows_within_3_s_is_not_delivered(room: OnAir, ear: Peer) -> None:
    ear.wait_for(live)
    room.call(Priority.URGENT)
    old = station(shown="0-99")  # of another call
    ear.publish("kaproom/1/test/station/desk", old, retain=True)
    until(lambda: room.publisher.facts()["stations"] == ["desk"], 10, "the station")
    room.passed_s += NOT_DELIVERED_S - 0.1
    assert (room.call_status() or {})["state"] == "sending"
    room.passed_s += 0.2
    status = room.call_status() or {}
    assert status["state"] == "not-delivered"
    assert status["why"] == "no nurse station has shown it"


def test_lost_sound_is_told_within_2_s_and_cleared(room: OnAir, ear: Peer) -> None:
    room.begin()
    ear.wait_for(live)
    playing = room.sound
    room.pass_s(10)
    room.silent()
    room.pass_s(0.9)
    assert not room.attention.matters
    room.pass_s(0.2)
    told = json.loads(open_matter(ear, "sound-lost"))
    assert told["priority"] == "assist"
    ear.wait_for(lambda heard: states(heard)[-1]["attention"]["open"] == ["sound-lost"])
    room.hear(playing)
    ear.wait_for(
        lambda heard: heard[-1].topic != "" and states(heard)[-1]["attention"]["open"] == []
    )
    assert [h.payload for h in ear.heard if h.topic == f"{ROOM}/attention/sound-lost"][-1] == b""


def test_a_connection_that_breaks_again_and_again_loses_no_event(
    room: OnAir, ear: Peer, broker: Broker
) -> None:
    room.begin()
    ear.wait_for(live)
    for number in range(1, 11):
        room.do(e.Noted, "tears", "")
        # It takes the room's place at the broker, which drops the room.
        with Peer(broker.port, client_id="kaproom-test-one"):
            pass
        ear.wait_for(partial(_heard_notes, number))
    firsts = list(dict.fromkeys(noted(ear.heard)))
    assert firsts == sorted(firsts)


def test_without_a_broker_the_publisher_rests_between_its_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, trials = [0], threading.Semaphore(0)
    turn, connect = link.Link.turn, link.Link._connect

    def counted(one: link.Link, timeout_s: float) -> list[link.News]:
        turns[0] += 1
        return turn(one, timeout_s)

    def tried(one: link.Link) -> None:
        connect(one)
        trials.release()

    monkeypatch.setattr(link.Link, "turn", counted)
    monkeypatch.setattr(link.Link, "_connect", tried)
    room = OnAir(tmp_path / "data", "mqtt://127.0.0.1:9")
    room.begin()
    for _ in range(12):
        assert trials.acquire(timeout=20)
    room.stop()
    # A turn for each trial, one for each change that was told, and a few to spare.
    assert turns[0] < 40


def test_an_hour_without_a_broker_costs_no_memory(tmp_path: Path) -> None:
    room = OnAir(tmp_path / "data", "mqtt://127.0.0.1:9")
    room.begin()

    def minutes(count: int) -> None:
        assert room.scribe is not None and room.session is not None
        for _ in range(count * 600):  # ten events a second
            entry = room.scribe.fact(room.session, "sound", room.now, {"state": "playing"})
            room.write([entry])
            room.passed_s += 0.1
            room.tell()

    minutes(1)
    gc.collect()
    tracemalloc.start()
    minutes(2)
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    room.stop()
    assert grown * 30 < 10_000_000  # for the hour
