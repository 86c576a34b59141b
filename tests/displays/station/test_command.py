"""`kaproom station` as people type it, without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bus import Peer
from pulse import until

from kaproom.displays.pixels import pygame
from kaproom.displays.station.imagined import ImaginedRoom
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.tour import Stage
from kaproom.displays.words import Words
from kaproom.room.broker import _program, start_broker


def typed(*words: str, folder: Path) -> subprocess.Popen[str]:
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "KAPROOM_ROOM")
    environment = {k: v for k, v in os.environ.items() if k not in screens}
    return subprocess.Popen(
        [sys.executable, "-m", "kaproom", "station", *words],
        env=environment | {"XDG_STATE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto")
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
