"""The nurse station: how soon a pixel changes, what many rooms cost, and what is right when.

A real window on an X server in memory, whose pixels are read where the server keeps them;
a real broker, and where a room's own part counts a real daemon.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import psutil
from bench.room import Ground
from bench.stock import Stock
from bench.told import Told, percentile
from bus import Peer
from numpy.typing import NDArray
from pulse import short_folder, until
from rooms import LivingRoom
from xserver import XServer, x_server

from kaproom.displays.painter import Painter
from kaproom.displays.palette import Palette, Role
from kaproom.displays.pixels import pygame
from kaproom.displays.shapes import Group
from kaproom.displays.station.imagined import ImaginedRoom
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.screen import Composer, Moment
from kaproom.displays.station.tour import Stage, ordinary
from kaproom.displays.station.view import View
from kaproom.displays.words import Words
from kaproom.intercom import Client
from kaproom.room.broker import Broker, start_broker

LIVE, URGENT, ACCENT = (Palette()[role] for role in (Role.FINE, Role.URGENT, Role.ACCENT))
SAY = Saying(Words("en"))
_SIZE = (1280, 800)
_ROOMS = 200


def station(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Reaction, load, start and return of the nurse station; what drawing what changed saves."""
    told = Told("The nurse station", ("", "n", "p50", "p99", "worst", ""))
    with x_server() as screen:
        _reaction(told, screen, 6 if quick else 60)
        _receipts(told, screen, 2 if quick else 12)
        _many(told, screen, 8 if quick else 40)
        _idle(told, screen, 8 if quick else 40)
        _starts(told, screen, 2 if quick else 8)
        _returns(told, screen, 1 if quick else 6, 3.0 if quick else 8.0)
    _drawing(told, 20 if quick else 200)
    return told


@contextmanager
def _shown(screen: XServer, broker: Broker) -> Iterator[subprocess.Popen[bytes]]:
    with short_folder() as state:
        words = ("--broker", broker.url, "--id", "bench", "--name", "Bench", "--language", "en")
        process = subprocess.Popen(
            [sys.executable, "-m", "kaproom", "station", *words],
            env={**screen.environment, "XDG_STATE_HOME": str(state)},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextmanager
def _room(broker: Broker) -> Iterator[LivingRoom]:
    with short_folder() as data, short_folder() as runtime:
        room = LivingRoom(data / "data", runtime)
        room.tells(broker.url)
        room.start()
        try:
            room.begin()
            yield room
        finally:
            room.close()


@contextmanager
def _broker() -> Iterator[Broker]:
    with short_folder() as folder, start_broker(folder, ("mosquitto",)) as broker:
        yield broker


# -- a change, until it is seen


def _reaction(told: Told, screen: XServer, rounds: int) -> None:
    with _broker() as broker, _shown(screen, broker), _room(broker) as room:
        until(lambda: screen.shows(LIVE), what="a live room")
        call_ms, away_ms = [], []
        with room.client() as client:
            for _ in range(rounds):
                raised = _until_seen(
                    lambda: client.call("call", {"level": "urgent"}),
                    lambda: screen.column(900, URGENT) > 20,
                )
                call_ms.append(raised)
                client.call("call", {"cancel": True})
                until(lambda: not screen.shows(URGENT), what="a quiet screen")
                _pause(0.15)
                away_ms.append(
                    _until_seen(
                        lambda: client.call("away", {}), lambda: screen.column(900, ACCENT) > 20
                    )
                )
                client.call("back", {})
                until(lambda: not screen.shows(ACCENT, 25_000), 30, "an end of AWAY")
                _pause(0.15)
        call_p99 = told.spread("call: request to changed pixel", call_ms, "ms")
        away_p99 = told.spread("away: request to changed pixel", away_ms, "ms")
        told.promise(
            "state change in the daemon to changed pixel, p99", max(call_p99, away_p99), "ms", 100
        )


# -- what the room reads of a call


def _receipts(told: Told, screen: XServer, rounds: int) -> None:
    """A call, signed with the keyboard; then nobody is there, and then no broker either."""
    shown_ms, seen_ms, alone_ms = [], [], []
    with _broker() as broker, _room(broker) as room, room.client() as client:
        for _ in range(rounds):
            with _shown(screen, broker) as shown:
                screen.find(shown.pid)
                until(lambda: room.status()["bus"]["stations"] == ["Bench"], 30, "a station")
                began_ns = time.monotonic_ns()
                client.call("call", {"level": "urgent"})
                shown_ms.append(_until_call(client, "shown", began_ns))
                screen.key("a")
                screen.type("AB")
                began_ns = time.monotonic_ns()
                screen.key("Return")
                seen_ms.append(_until_call(client, "seen", began_ns))
                client.call("call", {"cancel": True})
            until(lambda: room.status()["bus"]["stations"] == [], 30, "that nobody watches")
            began_ns = time.monotonic_ns()
            client.call("call", {"level": "assist"})
            alone_ms.append(_until_call(client, "not-delivered", began_ns))
            client.call("call", {"cancel": True})
        broker.stop()
        for _ in range(rounds):
            began_ns = time.monotonic_ns()
            client.call("call", {"level": "urgent"})
            alone_ms.append(_until_call(client, "not-delivered", began_ns))
            client.call("call", {"cancel": True})
    for what, found, most_ms in (
        ("call: request to `shown at` in the room", shown_ms, 1000),
        ("call: Enter after the initials to `seen by` in the room", seen_ms, 1000),
        ("call with no station, or no broker: request to NOT DELIVERED", alone_ms, 3000),
    ):
        told.spread(what, found, "ms")
        told.promise(f"{what}, worst", max(found), "ms", most_ms)


def _until_call(client: Client, state: str, began_ns: int) -> float:
    """Until the room reads it of its call, asked as a console asks."""
    while (client.call("status", {}).get("call") or {}).get("state") != state:
        _pause(0.005)
    return (time.monotonic_ns() - began_ns) / 1e6


def _until_seen(do: Callable[[], Any], seen: Callable[[], bool]) -> float:
    began_ns = time.monotonic_ns()
    asking = threading.Thread(target=do)
    asking.start()
    while not seen():
        _pause(0.001)
    took_ms = (time.monotonic_ns() - began_ns) / 1e6
    asking.join()
    return took_ms


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


# -- many rooms, and none that does anything


def _speak(peer: Peer, rooms: list[ImaginedRoom], every_s: float, seconds: float) -> None:
    """Each room says its state so often, spread over the time."""
    began_s = time.monotonic()
    number = 0
    while (due_s := number * every_s / len(rooms)) < seconds:
        _pause(max(0.0, began_s + due_s - time.monotonic()))
        room = rooms[number % len(rooms)]
        room.at = datetime.now(UTC)
        session_s = 300.0 + 11 * (number % len(rooms)) + number // len(rooms)
        peer.publish(*room.in_session(session_s), retain=True)
        number += 1


def _introduced(peer: Peer, count: int) -> list[ImaginedRoom]:
    now = datetime.now(UTC)
    rooms = [ImaginedRoom(f"room-{n}", f"Room {n}", now) for n in range(1, count + 1)]
    for room in rooms:
        for message in (room.presence(), room.meta()):
            peer.publish(*message, retain=True)
    return rooms


def _many(told: Told, screen: XServer, seconds: int) -> None:
    with _broker() as broker, Peer(broker.port) as peer, _shown(screen, broker) as shown:
        rooms = _introduced(peer, _ROOMS)
        _speak(peer, rooms, 1.0, 3.0)
        cpu = psutil.Process(shown.pid)
        before, began_s = cpu.cpu_times(), time.monotonic()
        _speak(peer, rooms, 1.0, float(seconds))
        after, took_s = cpu.cpu_times(), time.monotonic() - began_s
        share = (after.user + after.system - before.user - before.system) / took_s * 100
        _pause(0.3)
        wrong = _wrong_tiles(screen, rooms)
    told.row(f"{_ROOMS} rooms at 1 Hz, of one core", seconds, share, "", "", "%")
    told.row("tiles that are not what was sent last", _ROOMS, wrong, "", "", "tiles")
    told.promise("station with 200 rooms at 1 Hz", share, "% of a core", 25)
    told.promise("wrong tiles of 200", wrong, "tiles", 0)


def _wrong_tiles(screen: XServer, rooms: list[ImaginedRoom]) -> int:
    """Each tile on the screen beside the one that these messages should make, at each age."""
    on_screen = screen.picture()
    expected: list[tuple[list[Group], NDArray[np.uint8]]] = []
    stage = Stage(SAY)
    for room in rooms:
        for message in (room.presence(), room.meta(), room.state()):
            stage.hear(message)
    for _ in range(4):
        composer = Composer(stage.ward, stage.desk, SAY)
        size = (float(_SIZE[0]), float(_SIZE[1]))
        made = composer.compose(View(), size, Moment(stage.now_ns, stage.at)).screen
        surface = pygame.Surface(_SIZE)
        Painter(surface, Palette()).paint(made)
        raw = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
        tiles = [group for group in made.groups if group.key.startswith("tile ")]
        expected.append((tiles, raw.reshape(_SIZE[1], _SIZE[0], 3)))
        stage.wait(1.0)
    wrong = 0
    for index in range(len(rooms)):
        box = expected[0][0][index].box
        part = (
            slice(round(box.y), round(box.bottom)),
            slice(round(box.x), round(box.right)),
        )
        wrong += not any((on_screen[part] == picture[part]).all() for _, picture in expected)
    return wrong


def _idle(told: Told, screen: XServer, seconds: int) -> None:
    with _broker() as broker, Peer(broker.port) as peer, _shown(screen, broker) as shown:
        rooms = _introduced(peer, 12)
        _speak(peer, rooms, 2.0, 4.0)
        cpu = psutil.Process(shown.pid)
        before, began_s = cpu.cpu_times(), time.monotonic()
        _speak(peer, rooms, 2.0, float(seconds))
        after, took_s = cpu.cpu_times(), time.monotonic() - began_s
        share = (after.user + after.system - before.user - before.system) / took_s * 100
        memory_mb = cpu.memory_info().rss / 1e6
    told.row("idle: 12 rooms that only beat, of one core", seconds, share, "", "", "%")
    told.row("resident memory", "", memory_mb, "", "", "MB")
    told.promise("idle station", share, "% of a core", 3)


# -- starts and returns


def _starts(told: Told, screen: XServer, rounds: int) -> None:
    found = []
    with _broker() as broker, Peer(broker.port) as peer:
        rooms = _introduced(peer, 12)
        for room in rooms:
            peer.publish(*room.in_session(600.0), retain=True)
        unverified = Palette()[Role.ASSIST]
        for _ in range(rounds):
            began_s = time.monotonic()
            with _shown(screen, broker):
                while not screen.shows(unverified, 5_000):
                    _pause(0.002)
                found.append(time.monotonic() - began_s)
            _pause(0.3)
    told.spread("start to the first frame with its rooms", found, "s")
    told.promise("start to first useful frame, median", percentile(found, 50), "s", 1.5)


def _returns(told: Told, screen: XServer, rounds: int, away_s: float) -> None:
    """The broker, then the station, is killed and comes back; a real daemon is the room."""
    broker_s, station_s, wrong = [], [], 0
    with short_folder() as folder:
        broker = start_broker(folder, ("mosquitto",))
        try:
            with _room(broker) as room:
                for _ in range(rounds):
                    with _shown(screen, broker):
                        until(lambda: screen.shows(LIVE), 30, "a live room")
                        broker.stop()
                        gone_s = time.monotonic()
                        while (passed_s := time.monotonic() - gone_s) < away_s:
                            # Half a second to see that it is gone; from then on nothing is live.
                            wrong += passed_s > 0.5 and screen.shows(LIVE)
                            _pause(0.01)
                        broker = start_broker(folder, ("mosquitto",), broker.port)
                        back_s = time.monotonic()
                        while not screen.shows(LIVE):
                            _pause(0.005)
                        broker_s.append(time.monotonic() - back_s)
                    _pause(0.5)
                    began_s = time.monotonic()
                    with _shown(screen, broker):
                        while not screen.shows(LIVE):
                            _pause(0.005)
                        station_s.append(time.monotonic() - began_s)
                assert room.status()["bus"]["connected"]
        finally:
            broker.stop()
    told.spread("broker back to a live room", broker_s, "s")
    told.spread("station killed, start to a live room", station_s, "s")
    told.row("looks with a wrong OK in between", "", wrong, "", "", "")
    told.promise("all right after the broker's return, worst", max(broker_s), "s", 3)
    told.promise("all right after the station's start, worst", max(station_s), "s", 3)
    told.promise("wrong OK while the broker is gone", wrong, "looks", 0)


# -- drawing


def _drawing(told: Told, frames: int) -> None:
    """One room in a frame speaks: what changed, beside all of it."""
    for count in (12, 60, 200):
        cost: dict[str, float] = {}
        for how in ("what changed", "all of it"):
            stage = Stage(SAY)
            ordinary(stage, count)
            composer = Composer(stage.ward, stage.desk, SAY)
            painter = Painter(pygame.Surface(_SIZE), Palette())
            spent_ns = 0
            for number in range(frames):
                room = stage.rooms[number % count]
                told_parts = json.loads(room.state()[1])
                if told_parts["session"] is not None:
                    session_s = (told_parts["session"]["session_s"] or 0.0) + 60
                    stage.hear(room.in_session(session_s))
                moment = Moment(stage.now_ns, stage.at)
                made = composer.compose(View(), (1280.0, 800.0), moment).screen
                began_ns = time.process_time_ns()
                if how == "all of it":
                    painter.onto(painter.surface)
                painter.paint(made)
                spent_ns += time.process_time_ns() - began_ns
            cost[how] = spent_ns / frames / 1e6
        less = cost["all of it"] / cost["what changed"]
        told.row(f"drawing a frame, {count} rooms", frames, cost["what changed"], "", "", "ms")
        told.row(
            f"  the same, all of it ({less:.0f} times)", frames, cost["all of it"], "", "", "ms"
        )
    told.notes.append("drawing: process time of the painter alone, 1280 by 800, one room a frame")
