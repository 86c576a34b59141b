"""The console: how soon a key is seen, what it costs while nobody touches it, how soon it is back.

A real window on an X server in memory, whose pixels are read where the server keeps them;
real keys through the X server; a real daemon with its player.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from bench.room import Ground
from bench.stock import Stock
from bench.told import Told
from pulse import short_folder, until
from rooms import LivingRoom
from xserver import XServer, x_server

from kaproom.displays.palette import Palette, Role

ACCENT, TEXT = Palette()[Role.ACCENT], Palette()[Role.TEXT]
# Through the middle of the field in which a note's text is typed.
_FIELD_X = 1000
_UNIT_RESTARTS_S = 0.25
"""As kaproom-console.service has it."""


def console(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Key to pixel, idle cost and start of the room's console."""
    told = Told("The console", ("", "n", "p50", "p99", "worst", ""))
    with x_server() as screen, _room() as room:
        _starts(told, screen, room, 2 if quick else 10)
        with _shown(screen, room) as shown:
            screen.find(shown.pid)
            until(lambda: screen.shows(TEXT, 5_000), what="the session")
            _keys(told, screen, 8 if quick else 100)
            _idle(told, shown, 8 if quick else 40)
        _comes_back(told, screen, room, 2 if quick else 10)
    return told


@contextmanager
def _room() -> Iterator[LivingRoom]:
    with short_folder() as data, short_folder() as runtime:
        room = LivingRoom(data / "data", runtime)
        room.start()
        try:
            room.begin("iv-40-calm-from-35")
            yield room
        finally:
            room.close()


@contextmanager
def _shown(screen: XServer, room: LivingRoom) -> Iterator[subprocess.Popen[bytes]]:
    with short_folder() as state:
        process = _started(screen, room, state)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _started(screen: XServer, room: LivingRoom, state: Path) -> subprocess.Popen[bytes]:
    own = {"DISPLAY": screen.environment["DISPLAY"], "XDG_STATE_HOME": str(state)}
    return subprocess.Popen(
        [*room.program, "console", "--language", "en"],
        env={**screen.environment, **room.environment, **own},
    )


def _pause(seconds: float) -> None:
    time.sleep(seconds)


def _seen(do: Callable[[], object], seen: Callable[[], bool]) -> float:
    """From before the key is sent, xdotool's own start included, until the pixels are there."""
    began_ns = time.monotonic_ns()
    do()
    while not seen():
        _pause(0.001)
    return (time.monotonic_ns() - began_ns) / 1e6


def _keys(told: Told, screen: XServer, rounds: int) -> None:
    found, bare = [], []

    def field() -> bool:
        return screen.column(_FIELD_X, ACCENT) >= 2

    for _ in range(rounds):
        found.append(_seen(lambda: screen.do("key", "o"), field))
        screen.do("key", "Escape")
        until(lambda: not field(), what="an empty field")
        began_ns = time.monotonic_ns()
        screen.do("getmouselocation")
        bare.append((time.monotonic_ns() - began_ns) / 1e6)
        _pause(0.35)  # pressed sooner it would be the same note
    told.spread("xdotool alone, that sends no key", bare, "ms")
    p99 = told.spread("key by xdotool to changed pixel, xdotool included", found, "ms")
    told.promise("key event to changed pixel on the console, p99", p99, "ms", 80)


def _idle(told: Told, shown: subprocess.Popen[bytes], seconds: int) -> None:
    cpu = psutil.Process(shown.pid)
    before, began_s = cpu.cpu_times(), time.monotonic()
    _pause(seconds)
    after, took_s = cpu.cpu_times(), time.monotonic() - began_s
    share = (after.user + after.system - before.user - before.system) / took_s * 100
    told.row("in a session that nobody touches, of one core", seconds, share, "", "", "%")
    told.row("resident memory", "", cpu.memory_info().rss / 1e6, "", "", "MB")
    told.promise("idle console", share, "% of a core", 3)


def _comes_back(told: Told, screen: XServer, room: LivingRoom, rounds: int) -> None:
    """Killed while a note is half typed, and started again as its unit does it."""
    found, text = [], "held by warm water"

    def written() -> bool:
        # The field stands there again, with the words in it.
        return screen.column(_FIELD_X, ACCENT) >= 2

    gaps = room.status()["sound"]["underruns"]
    with short_folder() as state:
        shown = _started(screen, room, state)
        try:
            screen.find(shown.pid)
            until(lambda: screen.shows(TEXT, 5_000), what="the session")
            screen.key("w")
            screen.type(text)
            until(lambda: any(text in kept.read_text() for kept in state.rglob("*.json")))
            for _ in range(rounds):
                shown.kill()
                shown.wait()
                began_s = time.monotonic()
                until(lambda: not written(), what="an empty screen")
                _pause(_UNIT_RESTARTS_S)
                shown = _started(screen, room, state)
                while not written():
                    _pause(0.002)
                found.append(time.monotonic() - began_s)
            screen.find(shown.pid)
            screen.key("Return")
            until(
                lambda: [n["text"] for n in room.status()["notes"]["recent"]][-1:] == [text],
                what="the whole text in the room",
            )
        finally:
            shown.kill()
            shown.wait()
    p99 = told.spread("killed while a note is typed, to the same screen with its text", found, "s")
    told.promise("the same screen again after a crash, p99", p99, "s", 2)
    heard = room.status()["sound"]["underruns"] - gaps
    told.promise("gaps in the sound meanwhile", heard, "", 0)


def _starts(told: Told, screen: XServer, room: LivingRoom, rounds: int) -> None:
    found = []
    for _ in range(rounds):
        began_s = time.monotonic()
        with _shown(screen, room):
            # The notes' buttons: the session is on the screen.
            while screen.column(900, Palette()[Role.PANEL]) < 200:
                _pause(0.002)
            found.append(time.monotonic() - began_s)
        until(lambda: not screen.shows(TEXT), what="an empty screen")
    p99 = told.spread("start to the first frame with the session", found, "s")
    told.promise("start to first useful frame, p99", p99, "s", 1.5)
