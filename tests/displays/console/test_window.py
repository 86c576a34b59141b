"""The console as its people have it: a window, a room with its player, keys and a pointer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from pulse import NullSink, until
from rooms import LivingRoom
from xserver import XServer, needs_screen

from kaproom.displays.palette import Palette, Role
from kaproom.room.broker import _program, start_broker

pytestmark = [
    needs_screen,
    pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto"),
]

URGENT, ACCENT = Palette()[Role.URGENT], Palette()[Role.ACCENT]


def console(screen: XServer, room: LivingRoom, state: Path) -> subprocess.Popen[bytes]:
    here = {"XDG_STATE_HOME": str(state), "XDG_CACHE_HOME": str(state)}
    shown = subprocess.Popen(
        [*room.program, "console", "--language", "en", "--by", "AB"],
        env={**screen.environment, **room.environment, "DISPLAY": screen.environment["DISPLAY"]}
        | here,
    )
    screen.find(shown.pid)
    return shown


def texts(room: LivingRoom) -> list[tuple[str, str]]:
    return [(one["category"], one["text"]) for one in room.status()["notes"]["recent"]]


def pressed(screen: XServer, key: str) -> bool:
    """Pressed again where a second press at once was taken for the first."""
    screen.key(key)
    return True


def sound(room: LivingRoom) -> str:
    return str(room.status()["sound"]["state"])


def test_a_session_by_key_and_by_touch_through_a_crash_of_the_console_and_of_the_room(
    tmp_path: Path, runtime: Path, screen: XServer, cans: NullSink
) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as broker:
        room = LivingRoom(tmp_path / "data", runtime, "auto")
        room.tells(broker.url)
        room.start()
        shown = console(screen, room, tmp_path)
        try:
            # The shortest profile is looked for by name, checked and begun, by keys alone.
            until(lambda: screen.shows(ACCENT), what="a list of profiles")
            screen.key("Return")
            until(lambda: screen.shows(Palette()[Role.ASSIST], 1500), 30, "NOT YET")
            # The headphones are tried: left by keys, right by touch.
            screen.key("Left")
            room.wait_for(lambda status: status["tones"]["sounding"] == "left")
            screen.key("Up")
            room.wait_for(lambda status: (status["tones"]["left"] or {}).get("by") == "AB")
            screen.press(790, 258)
            room.wait_for(lambda status: status["tones"]["sounding"] == "right")
            screen.press(980, 258)
            until(lambda: screen.shows(Palette()[Role.FINE], 1500), 30, "GO")
            until(lambda: pressed(screen, "Return") and room.status()["session"], what="a session")
            room.wait_for(lambda status: status["sound"]["state"] == "playing")
            # A note by one key; what cannot wait works while its text is typed.
            screen.key("t")
            screen.type("quiet")
            screen.key("F5")
            room.wait_for(lambda status: status["sound"]["state"] == "ducked")
            screen.key("Return")
            until(lambda: ("tears", "quiet") in texts(room), what="a note with its text")
            # By touch: the music back, and what was done at the pump.
            screen.press(876, 690)
            room.wait_for(lambda status: status["sound"]["state"] == "playing")
            screen.key("ctrl+s")
            room.wait_for(lambda status: status["infusion"]["state"] == "running")
            # A crash of the console is not heard, and its half-typed text is not lost.
            screen.key("w")
            screen.type("like water")
            kept = next(tmp_path.rglob("console-*.json"))
            until(lambda: "like water" in kept.read_text(), what="the draft")
            assert kept.stat().st_mode & 0o777 == 0o600
            shown.kill()
            shown.wait()
            assert sound(room) == "playing"
            shown = console(screen, room, tmp_path)
            until(lambda: screen.shows(ACCENT, 2000), what="the session again")
            screen.type(" held")
            screen.key("Return")
            until(lambda: ("own-words", "like water held") in texts(room), what="the whole text")
            until(lambda: json.loads(kept.read_text())["notes"] == {}, what="an empty draft")
            # The room's service dies: it is said, and the sound is lowered all the same.
            room.kill()
            until(lambda: screen.shows(URGENT), what="that the room does not answer")
            screen.key("F5")
            with room.ring() as ring:
                until(lambda: ring.gain().target_db < -20, what="the player's gain")
            room.start()
            until(lambda: not screen.shows(URGENT), what="that it is back")
            room.wait_for(lambda status: status["sound"]["state"] == "ducked")
            # Leaving asks, and the end asks.
            screen.key("End", "Return")
            room.wait_for(lambda status: status["session"]["state"] != "open")
            screen.key("ctrl+q", "Return")
            assert shown.wait(10) == 0
            assert not kept.exists()
        finally:
            shown.kill()
            shown.wait()
            room.close()
