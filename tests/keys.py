"""A terminal of its own for a command: keys are pressed in it, and its screen is read."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Mapping, Sequence
from typing import Self

from pulse import until

from kaproom.clock import mono_ns


class Terminal:
    """`kaproom` with these words in a pseudo-terminal, 100 by 30."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.screen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kaproom", *words],
            env={**environment, "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def press(self, keys: str) -> int:
        """Press keys; the moment at which the terminal had them."""
        at_ns = mono_ns()
        os.write(self._master, keys.encode())
        return at_ns

    def shows(self, text: str, within_s: float = 20.0) -> None:
        """Wait until the screen has shown this since the last time it was cleared."""
        until(lambda: text in self.screen, within_s, f"{text!r} in {self.screen[-1500:]!r}")

    def clear(self) -> None:
        """Forget what was shown."""
        self.screen = ""

    def leaves(self, within_s: float = 20.0) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(within_s)

    def _read(self) -> None:
        while True:
            try:
                shown = os.read(self._master, 65536)
            except OSError:
                return
            self.screen += shown.decode(errors="replace")
