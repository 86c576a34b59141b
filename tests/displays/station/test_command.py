"""`kaproom station` as people type it, without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bus import Peer
from clinic import Clinic, running
from pulse import until

from kaproom.displays.palette import Palette, Role
from kaproom.displays.pictures import _colours
from kaproom.displays.pixels import pygame
from kaproom.displays.station.imagined import ImaginedRoom
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.tour import Stage
from kaproom.displays.words import Words
from kaproom.room.broker import _program, start_broker


def typed(*words: str, folder: Path, cwd: Path | None = None) -> subprocess.Popen[str]:
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "KAPROOM_ROOM")
    environment = {k: v for k, v in os.environ.items() if k not in screens}
    return subprocess.Popen(
        [sys.executable, "-m", "kaproom", "station", *words],
        cwd=cwd,
        env=environment | {"XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


pytestmark = pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto")


def test_a_screenshot_shows_what_the_broker_has_without_a_screen(tmp_path: Path) -> None:
    with start_broker(tmp_path, ("mosquitto",)) as broker, Peer(broker.port) as peer:
        room = ImaginedRoom("one", "Room 1", Stage(Saying(Words())).at)
        peer.publish(*room.in_session(600.0), retain=True)
        picture = tmp_path / "shot.png"
        shot = typed(
            *("--broker", broker.url, "--screenshot", str(picture), "--size", "800x500"),
            folder=tmp_path,
        )
        until(lambda: shot.poll() is not None, 30, "the picture")
        assert shot.wait() == 0, shot.communicate()
        assert pygame.image.load(str(picture)).get_size() == (800, 500)
        assert list((tmp_path / "kaproom").glob("station-*.jsonl"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--broker", "http://x"), "http://x is no broker; write mqtt://HOST:1883"),
        (("--broker", "mqtt://x", "--expect", "one"), "--expect one: write SITE/ROOM"),
        (("--broker", "mqtt://x", "--id", "Ward 3"), "--id Ward 3: it may hold only a-z"),
        (("--size", "huge"), "'huge' is no size"),
        (("--language", "tlh"), "there are no words in 'tlh'; there are"),
    ],
)
def test_a_wrong_option_is_one_line_that_says_how_to_mend_it(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    out, error = (asked := typed(*words, folder=tmp_path)).communicate(timeout=60)
    assert (asked.returncode, out) == (2, "")
    assert error.startswith(said)
    assert error.count("\n") == 1


def test_the_line_that_a_clinics_broker_hands_over_starts_the_station(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    clinic = Clinic(tmp_path / "broker").enrol("clinic/one", "clinic/station/desk-1")
    folder = tmp_path / "broker" / "clients" / "clinic" / "station" / "desk-1"
    told = (folder / "connect.txt").read_text().partition("kaproom station ")[2]
    words = told.replace("\\\n", " ").split()
    picture = tmp_path / "shot.png"
    with running(clinic), clinic.peer("clinic/one") as room:
        imagined = ImaginedRoom("one", "Room 1", Stage(Saying(Words())).at)
        room.subscribe("kaproom/1/clinic/station/+")
        room.publish(*imagined.in_session(600.0), retain=True)
        shot = typed(*words, "--screenshot", str(picture), folder=tmp_path, cwd=folder)
        out, error = shot.communicate(timeout=60)
        assert (shot.returncode, error) == (0, ""), out
    drawn = _colours(pygame.image.load(str(picture)))
    # The label UNVERIFIED of the room that the broker kept, and no bar of a lost link.
    assert drawn[Palette()[Role.ASSIST]] > 2000
    assert drawn.get(Palette()[Role.URGENT], 0) == 0
