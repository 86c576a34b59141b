"""A screen of our own: Xvfb, and the keys and pointer of whoever sits before it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

needs_screen = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="no Xvfb or no xdotool"
)


class XServer:
    """One X server without a monitor; its pixels are read as they are on the wire."""

    def __init__(self, name: str, frames: Path) -> None:
        others = ("WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
        kept = {key: value for key, value in os.environ.items() if key not in others}
        self.environment: Mapping[str, str] = kept | {"DISPLAY": name}
        self._frames = frames

    def picture(self) -> NDArray[np.uint8]:
        """What is on the screen at this moment: rows, columns, red, green, blue."""
        return np.array(self._rows()[:, :, 2::-1])

    def column(self, x: int, colour: tuple[int, int, int]) -> int:
        """How many pixels of one column have this colour; quick enough to wait for it."""
        return int((self._rows()[:, x, 2::-1] == colour).all(axis=1).sum())

    def _rows(self) -> NDArray[np.uint8]:
        raw = np.memmap(self._frames, np.uint8, "r")
        header = struct.unpack(">25I", raw[:100].tobytes())
        across, down, row_bytes, colours = header[4], header[5], header[12], header[19]
        begin = header[0] + colours * 12
        rows = raw[begin : begin + row_bytes * down].reshape(down, row_bytes // 4, 4)
        return rows[:, :across]

    def shows(self, colour: tuple[int, int, int], at_least: int = 400) -> bool:
        """Whether so many pixels have this colour."""
        return int((self.picture() == colour).all(axis=2).sum()) >= at_least

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
    folder = tempfile.TemporaryDirectory()
    command: Sequence[str] = (
        *("Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24"),
        *("-nolisten", "tcp", "-noreset", "-fbdir", folder.name),
    )
    server = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        assert number, "Xvfb did not come up"
        yield XServer(f":{number}", Path(folder.name) / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait(10)
        folder.cleanup()
