"""The station as its users have it: a window, a broker, a room, and keys that are pressed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bus import Peer
from pulse import until
from rooms import LivingRoom
from xserver import XServer, needs_screen

from kaproom.displays.palette import Palette, Role
from kaproom.displays.station.imagined import ImaginedRoom
from kaproom.room.broker import _program, start_broker

pytestmark = [
    needs_screen,
    pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto"),
]

URGENT = Palette()[Role.URGENT]
LIVE = Palette()[Role.FINE]
"""The disc of a tile that is live; the one in the head has fewer pixels than are asked for."""
OURS = "kaproom/1/clinic/station/ward-3"


def station(screen: XServer, url: str, state: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kaproom", "station", "--broker", url, "--id", "ward-3"]
    return subprocess.Popen(
        [*command, "--name", "Ward 3", "--language", "en"],
        env={**screen.environment, "XDG_STATE_HOME": str(state)},
    )


def call(room: LivingRoom) -> str:
    told = room.status()["call"]
    return told["state"] if told else "none"


def test_a_call_is_shown_on_the_screen_signed_by_key_and_pointer_and_read_in_the_room(
    tmp_path: Path, runtime: Path, screen: XServer
) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as broker:
        room = LivingRoom(tmp_path / "data", runtime)
        room.tells(broker.url)
        room.start()
        shown = station(screen, broker.url, tmp_path)
        try:
            screen.find(shown.pid)
            room.wait_for(lambda status: status["bus"]["stations"] == ["Ward 3"])
            until(lambda: screen.shows(LIVE), what="a live room on the screen")
            assert not screen.shows(URGENT)
            room.call("call", {"level": "urgent"})
            until(lambda: call(room) == "shown", what="that the call is shown")
            assert screen.shows(URGENT, 20_000)
            screen.key("Right", "a")
            screen.type("AB")
            screen.key("Return")
            until(lambda: call(room) == "seen", what="that somebody saw it")
            seen = room.status()["call"]["seen"]
            assert [(one["by"], one["station"]) for one in seen] == [("AB", "Ward 3")]
            until(lambda: not screen.shows(URGENT, 60_000), what="an end of the banner")
            # A call that was taken back is gone from the screen; a new one is new.
            room.call("call", {"cancel": True})
            until(lambda: not screen.shows(URGENT), what="a quiet screen")
            room.call("call", {"level": "urgent"})
            until(lambda: screen.shows(URGENT, 20_000), what="the next call")
            # The pointer does it as well: on the call, and on what is asked then.
            screen.press(640, 76)
            screen.type("CD")
            screen.press(790, 560)
            until(lambda: call(room) == "seen", what="that somebody saw the next one")
            assert room.status()["call"]["seen"][-1]["by"] == "CD"
            screen.key("q", "q")
            assert shown.wait(10) == 0
            # It said goodbye: nobody watches, and the room knows.
            room.wait_for(lambda status: status["bus"]["stations"] == [])
        finally:
            shown.kill()
            shown.wait()
            room.close()


def test_nothing_is_live_while_the_broker_is_gone_and_all_is_right_after_its_return(
    tmp_path: Path, screen: XServer
) -> None:
    broker = start_broker(tmp_path, ("mosquitto",))
    shown = station(screen, broker.url, tmp_path)
    room = ImaginedRoom("one", "Room 1", datetime(2026, 1, 1, tzinfo=UTC))

    def spoken(peer: Peer, session_s: float) -> bool:
        peer.publish(*room.in_session(session_s), retain=True)
        return screen.shows(LIVE)

    try:
        screen.find(shown.pid)
        with Peer(broker.port) as peer:
            peer.subscribe(OURS)
            peer.publish(*room.presence(), retain=True)
            until(lambda: spoken(peer, 600.0), what="a live room")

            def watched(payload: bytes) -> bool:
                return bool(payload) and bool(json.loads(payload)["rooms"])

            peer.wait_for(lambda heard: any(watched(h.payload) for h in heard))
            broker.stop()
        until(lambda: screen.shows(URGENT, 20_000), what="the bar of the lost link")
        assert not screen.shows(LIVE)
        broker = start_broker(tmp_path, ("mosquitto",), broker.port)
        with Peer(broker.port) as peer:
            # Kept by the broker: not live until the room itself has spoken again.
            peer.publish(*room.in_session(610.0), retain=True)
            peer.subscribe(OURS)
            peer.wait_for(lambda heard: any(h.topic == OURS and h.payload for h in heard))
            until(lambda: not screen.shows(URGENT, 20_000), what="an end of the bar")
            assert not screen.shows(LIVE)
            until(lambda: spoken(peer, 612.0), what="a live room again")
            # Killed without a goodbye, its last will clears what it said.
            shown.kill()
            shown.wait()
            peer.wait_for(lambda heard: any(h.topic == OURS and not h.payload for h in heard))
        shown = station(screen, broker.url, tmp_path)
        screen.find(shown.pid)
        with Peer(broker.port) as peer:
            until(lambda: spoken(peer, 620.0), what="a live room after the restart")
    finally:
        shown.kill()
        shown.wait()
        broker.stop()
