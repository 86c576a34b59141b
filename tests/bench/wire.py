"""The bus, beside bare paho on the same broker.

``python tests/bench/wire.py latency [ROUNDS]``
    A change of the room's state to a subscriber in another process, and a bare paho publish
    of the same bytes, in turn.
``python tests/bench/wire.py outage [RUNS [OUTAGE_S]]``
    50 events a second; the broker is killed for the outage, and the room's process is killed
    in the middle of it. Lost, and delivered twice after deduplication; beside it a plain paho
    client that goes through the same.
``python tests/bench/wire.py rooms [SECONDS]``
    1,000 rooms that publish a state each second: the broker's CPU, the latency, and the
    snapshot for a new subscriber.
``python tests/bench/wire.py hour``
    An hour without a broker at 10 events a second, as fast as it goes: memory.
"""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import paho.mqtt.client as paho
import psutil
from onair import OnAir
from paho.mqtt.enums import CallbackAPIVersion

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.contract.subscriber import Rooms
from kaproom.record.series import Series
from kaproom.room.broker import start_broker
from kaproom.room.bus.outward import KINDS
from kaproom.session.roomfile import Broker
from kaproom.wire import Connected, Heard, Link, Message

RATE = 50
ROOMS = 1000
CONNECTIONS = 10


def main(words: Sequence[str]) -> None:
    """Run one of them."""
    what, *numbers = words or ["latency"]
    match what:
        case "latency":
            latency(*map(int, numbers))
        case "outage":
            outage(*map(int, numbers))
        case "rooms":
            rooms(*map(int, numbers))
        case "hour":
            hour()
        case "hear":
            hear(numbers[0])
        case "talk":
            talk(Path(numbers[0]), numbers[1])
        case "plain":
            plain(Path(numbers[0]), int(numbers[1]))


def pause(seconds: float) -> None:
    select.select([], [], [], max(0.0, seconds))


def ourselves(*words: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, __file__, *words], text=True, **more)


def percentiles(what: str, found_ms: list[float]) -> None:
    found_ms.sort()
    p50 = statistics.median(found_ms)
    p99 = found_ms[int(len(found_ms) * 0.99)]
    print(f"{what:<24} p50 {p50:6.2f} ms   p99 {p99:6.2f} ms   worst {found_ms[-1]:6.2f} ms")


# -- latency


def hear(url: str) -> None:
    """A subscriber in a process of its own: which message came when."""
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def on_message(_c: object, _u: object, message: paho.MQTTMessage) -> None:
        now_ns = clock.mono_ns()
        if not message.payload:
            return
        notes = json.loads(message.payload).get("notes") or {}
        print(message.topic, notes.get("count", -1), now_ns, flush=True)

    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    host, port = url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.subscribe([("kaproom/1/+/+/state", 1), ("bare", 1)])
    client.loop_forever()


def _at_once(_client: object, _userdata: object, connection: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _passed_on(lines: Iterable[str], to: queue.SimpleQueue[str]) -> None:
    for line in lines:
        to.put(line)


def latency(rounds: int = 200) -> None:
    with tempfile.TemporaryDirectory() as at, start_broker(Path(at), ("mosquitto",)) as broker:
        ear = ourselves("hear", broker.url, stdout=subprocess.PIPE)
        assert ear.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        out = ear.stdout
        threading.Thread(target=_passed_on, args=(out, lines), daemon=True).start()
        assert lines.get(timeout=10).strip() == "ready"
        room = OnAir(Path(at) / "data", broker.url)
        room.begin()
        bare = paho.Client(CallbackAPIVersion.VERSION2)
        bare.on_socket_open = _at_once
        bare.connect("127.0.0.1", broker.port)
        bare.loop_start()
        status = room.status()
        pause(1.0)
        payload: dict[str, Any] = {"notes": {"count": 0}, "filling": "x" * 1000}
        found: dict[str, list[float]] = {"bare": [], "state": []}

        def arrived(topic: str, count: int) -> int:
            while True:
                words = lines.get(timeout=10).split()
                if words[0].endswith(topic) and int(words[1]) == count:
                    return int(words[2])

        for number in range(1, rounds + 1):
            payload["notes"]["count"] = number
            began_ns = clock.mono_ns()
            bare.publish("bare", json.dumps(payload), 1, True)
            found["bare"].append((arrived("bare", number) - began_ns) / 1e6)
            pause(0.05)
            changed = status | {"notes": {**status["notes"], "count": number}}
            began_ns = clock.mono_ns()
            room.publisher.tell(changed, room.publisher._latest.shareable, ())  # type: ignore[union-attr]
            found["state"].append((arrived("state", number) - began_ns) / 1e6)
            pause(0.08)
        bare.loop_stop()
        room.stop()
        ear.kill()
        ear.wait()
        for what, of in found.items():
            percentiles(what, of)


# -- outage


def talk(data: Path, url: str) -> None:
    """A room that does something 50 times a second, until it is killed."""
    room = OnAir(data, url)
    room.begin()
    assert room.scribe is not None and room.session is not None
    print("ready", flush=True)
    next_ns = clock.mono_ns()
    while True:
        room.write([room.scribe.fact(room.session, "sound", room.now, {"state": "playing"})])
        room.tell()
        next_ns += NS_PER_S // RATE
        pause((next_ns - clock.mono_ns()) / NS_PER_S)


def plain(counter: Path, port: int) -> None:
    """What one writes first: paho's own thread, its queue, a number from a file."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.reconnect_delay_set(1, 5)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    print("ready", flush=True)
    number = int(counter.read_text()) if counter.exists() else 0
    next_ns = clock.mono_ns()
    while True:
        number += 1
        kept = counter.with_name("kept")
        kept.write_text(str(number))
        kept.replace(counter)
        client.publish("plain", str(number), 1)
        next_ns += NS_PER_S // RATE
        pause((next_ns - clock.mono_ns()) / NS_PER_S)


class Subscriber(threading.Thread):
    """Hears everything, asks for what is missing, and counts what it was given twice."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.link = Link(Broker(url=url), "bench", None, ["kaproom/1/#", "plain"])
        self.rooms = Rooms()
        self.told: list[int] = []
        self.repeated = 0
        self.plain: list[int] = []
        self.leaving = False
        self.first = 0

    def run(self) -> None:
        asked_ns = 0
        while not self.leaving:
            for news in self.link.turn(0.2):
                if isinstance(news, Connected):
                    asked_ns = clock.mono_ns()
                if isinstance(news, Heard) and news.topic == "plain":
                    self.plain.append(int(news.payload))
                elif isinstance(news, Heard):
                    new = self.rooms.hear(news.topic, news.payload, news.retained, clock.mono_ns())
                    if new is not None:
                        self.told.append(new.seq)
                    elif "/event/" in news.topic:
                        self.repeated += 1
            if clock.mono_ns() - asked_ns > NS_PER_S:
                asked_ns = clock.mono_ns()
                for _, first, last in list(self.rooms.missing())[:5]:
                    ask = json.dumps({"from": first, "to": last}).encode()
                    self.link.publish(Message("kaproom/1/test/one/replay/req", ask))
        self.link.close()


def started(*words: str) -> subprocess.Popen[str]:
    process = ourselves(*words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    return process


def outage(runs: int = 1, outage_s: int = 30) -> None:
    lost = twice = plain_lost = plain_twice = all_events = all_plain = repeated = 0
    for run in range(1, runs + 1):
        with tempfile.TemporaryDirectory() as at:
            data, counter = Path(at) / "data", Path(at) / "counter"
            with start_broker(Path(at), ("mosquitto",)) as broker:
                port = broker.port
                ear = Subscriber(broker.url)
                ear.start()
                pause(0.5)
                talker = started("talk", str(data), broker.url)
                simple = started("plain", str(counter), str(port))
                pause(3)
                os.kill(broker.pid, 9)
            pause(outage_s / 2)
            for killed in (talker, simple):
                killed.kill()
                killed.wait()
            talker = started("talk", str(data), f"mqtt://127.0.0.1:{port}")
            simple = started("plain", str(counter), str(port))
            pause(outage_s / 2)
            with start_broker(Path(at), ("mosquitto",), port):
                pause(12)
                simple.kill()
                talker.kill()
                for killed in (talker, simple):
                    killed.wait()
                # The last events are sent by the next start of the room.
                room = OnAir(data, f"mqtt://127.0.0.1:{port}")
                series = Series.open(data, KINDS)
                there = series.number_at(2**60)
                series.close()
                until_ns = clock.mono_ns() + 20 * NS_PER_S
                while len(ear.told) < there and clock.mono_ns() < until_ns:
                    pause(0.2)
                room.stop()
                ear.leaving = True
                ear.join()
            last_plain = int(counter.read_text())
        run_lost = there - len(set(ear.told))
        run_twice = len(ear.told) - len(set(ear.told))
        lost, twice, all_events = lost + run_lost, twice + run_twice, all_events + there
        repeated += ear.repeated
        plain_lost += last_plain - len(set(ear.plain))
        plain_twice += len(ear.plain) - len(set(ear.plain))
        all_plain += last_plain
        print(f"run {run}: {there} events, {run_lost} lost, {run_twice} twice", flush=True)
    print(f"kaproom     {all_events} events, {lost} lost, {twice} twice after deduplication")
    print(f"            ({repeated} repetitions were recognised by their number)")
    print(f"plain paho  {all_plain} messages, {plain_lost} lost, {plain_twice} twice")


# -- many rooms


def a_state(at: Path, url: str) -> dict[str, Any]:
    """A room's state in mid-session, as it is published."""
    room = OnAir(at / "data", url, room={"site": "model"})
    room.begin()
    link = Link(Broker(url=url), "model", None, ["kaproom/1/model/+/state"])
    found: dict[str, Any] = {}
    while not found.get("session"):
        for news in link.turn(0.5):
            if isinstance(news, Heard) and news.payload:
                found = json.loads(news.payload)
    link.close()
    room.stop()
    return found


def rooms(seconds: int = 10) -> None:
    with tempfile.TemporaryDirectory() as at, start_broker(Path(at), ("mosquitto",)) as broker:
        model = a_state(Path(at), broker.url)
        senders = [paho.Client(CallbackAPIVersion.VERSION2) for _ in range(CONNECTIONS)]
        for sender in senders:
            sender.max_inflight_messages_set(200)
            sender.on_socket_open = _at_once
            sender.connect("127.0.0.1", broker.port)
            sender.loop_start()
        ear = Link(Broker(url=broker.url), "ear", None, ["kaproom/1/#"])
        found: list[float] = []
        leaving = threading.Event()

        def listen() -> None:
            while not leaving.is_set():
                for news in ear.turn(0.2):
                    if isinstance(news, Heard) and not news.retained:
                        found.append((clock.mono_ns() - json.loads(news.payload)["seq"]) / 1e6)

        thread = threading.Thread(target=listen)
        thread.start()
        process = psutil.Process(broker.pid)
        process.cpu_percent()
        next_ns = clock.mono_ns()
        for number in range(seconds * ROOMS):
            room = f"room-{number % ROOMS}"
            told = json.dumps(model | {"room": room, "seq": clock.mono_ns()})
            senders[number % CONNECTIONS].publish(f"kaproom/1/clinic/{room}/state", told, 1, True)
            next_ns += NS_PER_S // ROOMS
            pause((next_ns - clock.mono_ns()) / NS_PER_S)
        cpu = process.cpu_percent()
        began_ns = clock.mono_ns()
        late = Link(Broker(url=broker.url), "late", None, ["kaproom/1/#"])
        known: set[str] = set()
        while len(known) < ROOMS and clock.mono_ns() - began_ns < 10 * NS_PER_S:
            known |= {news.topic for news in late.turn(0.2) if isinstance(news, Heard)}
        snapshot_ms = (clock.mono_ns() - began_ns) / 1e6
        leaving.set()
        thread.join()
        for link in (ear, late):
            link.close()
        for sender in senders:
            sender.loop_stop()
        percentiles(f"{ROOMS} rooms, 1 Hz", found)
        print(f"broker's CPU {cpu:.1f} % of a core; {len(found)} of {seconds * ROOMS} heard")
        print(f"snapshot for a new subscriber: {len(known)} rooms in {snapshot_ms:.0f} ms")


# -- an hour without a broker


def hour() -> None:
    with tempfile.TemporaryDirectory() as at:
        room = OnAir(Path(at) / "data", "mqtt://127.0.0.1:9")
        room.begin()
        assert room.scribe is not None and room.session is not None
        process = psutil.Process()
        before = 0
        for number in range(36_000 + 3_000):
            if number == 3_000:
                before = process.memory_info().rss
            room.write([room.scribe.fact(room.session, "sound", room.now, {"state": "playing"})])
            room.passed_s += 0.1
            room.tell()
        grown = (process.memory_info().rss - before) / 1e6
        room.stop()
        print(f"an hour without a broker, 10 events a second: {grown:+.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
