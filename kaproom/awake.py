"""Keeps the machine awake during a session: the one door to systemd-inhibit.

The lock is held by a child that waits for the end of a pipe, so it is released when
this process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
from dataclasses import dataclass

HOLD_TIMEOUT_S = 2.0  # chosen; logind answers in some 20 ms
# An inactive seat (a service, a remote shell) may be refused the lid but granted sleep.
_LOCKS = ("sleep:idle:handle-lid-switch", "sleep:idle", "sleep")


@dataclass(slots=True)
class Awake:
    """A lock on the machine's sleep, or the reason why there is none."""

    what: str
    why_not: str
    _child: subprocess.Popen[bytes] | None

    def held(self) -> bool:
        """Whether the lock is held now."""
        return self._child is not None and self._child.poll() is None

    def release(self) -> None:
        """Let the machine sleep again. Twice is as good as once."""
        if self._child is None:
            return
        _end(self._child)
        self._child = None


def stay_awake(why: str, timeout_s: float = HOLD_TIMEOUT_S) -> Awake:
    """Keep the machine from sleeping, idling and suspending at a closed lid.

    Args:
        why: What the system shows to whoever asks what keeps it awake; no identity.
        timeout_s: For each of up to three locks, the widest first.

    Returns:
        A lock; when none could be had it is not held and ``why_not`` says why.
    """
    if not shutil.which("systemd-inhibit"):
        return Awake("", "systemd-inhibit is not installed", None)
    reason = ""
    for locks in _LOCKS:
        child, reason = _held_by(locks, why, timeout_s)
        if child is not None:
            return Awake(locks, "", child)
        if "denied" not in reason.casefold() and "authorization" not in reason.casefold():
            break
    return Awake("", reason, None)


def _held_by(locks: str, why: str, timeout_s: float) -> tuple[subprocess.Popen[bytes] | None, str]:
    child = subprocess.Popen(
        [
            "systemd-inhibit",
            f"--what={locks}",
            "--who=kaproom",
            f"--why={why}",
            "--mode=block",
            # Only what runs under the lock can say that the lock is there.
            *("sh", "-c", "echo held; exec cat >/dev/null"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Ctrl-C in the terminal is for us; the lock goes when we say so.
        start_new_session=True,
    )
    assert child.stdout is not None and child.stderr is not None
    readable, _, _ = select.select([child.stdout], [], [], timeout_s)
    if readable and os.read(child.stdout.fileno(), 64).startswith(b"held"):
        return child, ""
    if not readable:
        _end(child)
        return None, "the system's login service does not answer"
    said = child.stderr.read(500).decode(errors="replace").split("\n")[0].strip()
    _end(child)
    if said.startswith("Failed to connect to bus"):
        return None, "there is no login service to ask"
    return None, said or "systemd-inhibit failed"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the pipe that holds the lock; a child that will not go is killed with its group."""
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(0.5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, 9)
        child.wait()
