"""A screen of our own: Xvfb, and the keys and pointer of whoever sits before it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="no Xvfb or no xdotool"
)


class XServer:
    """One X server without a monitor; its pixels are read as they are on the wire."""

    def __init__(self, name: str) -> None:
        self.environment: Mapping[str, str] = {
            **{
                k: v
                for k, v in os.environ.items()
                if k not in ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
            },
            "DISPLAY": name,
        }

    def do(self, *words: str) -> str:
        """One call of xdotool; what it said."""
        done = subprocess.run(
            ["xdotool", *words],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return done.stdout.strip()

    def find(self, pid: int) -> str:
        """Wait for the window of this process; its id. It has the keys from now on."""
        window = self.do("search", "--sync", "--onlyvisible", "--pid", str(pid)).split()[0]
        self.do("windowfocus", "--sync", window)
        return window

    def key(self, *names: str) -> None:
        """Press keys, one after another, by their X names."""
        self.do("key", "--delay", "20", *names)

    def type(self, text: str) -> None:
        """Type a text."""
        self.do("type", "--delay", "20", text)

    def press(self, x: int, y: int) -> None:
        """Press there with the pointer's first button."""
        self.do("mousemove", str(x), str(y), "click", "1")


@contextmanager
def x_server(size: str = "1280x800") -> Iterator[XServer]:
    """A screen of this size, 24 bits deep."""
    reading, writing = os.pipe()
    command: Sequence[str] = (
        *("Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24"),
        *("-nolisten", "tcp", "-noreset"),
    )
    server = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not come up"
        yield XServer(f":{number}")
    finally:
        server.terminate()
        server.wait(10)
