"""Processes that do one job after another for us and may be ended at any time."""

from __future__ import annotations

import contextlib
import subprocess
import sys


def hired(module: str) -> subprocess.Popen[bytes]:
    """A process that runs this module, with pipes to its input and from its output."""
    return subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        # Ctrl-C is for us: we end it.
        start_new_session=True,
    )


def dismiss(process: subprocess.Popen[bytes]) -> None:
    """End it, whatever it does."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            # What was meant for one that is gone cannot be delivered.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
