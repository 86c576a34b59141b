"""A real room for a test: daemon and player as processes of their own, all ended afterwards."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pulse import until

from kaproom.audio.outputs import stop_output
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.curation.selection import selected
from kaproom.errors import WorldFailed
from kaproom.files import load_profile, load_room
from kaproom.intercom import Client
from kaproom.places import sockets
from kaproom.record import Record


class LivingRoom:
    """One room. ``device`` is "silent", or "auto" with a null sink in the environment."""

    def __init__(self, data: Path, runtime: Path, device: str = "silent") -> None:
        self.data = data
        self.runtime = runtime
        self.file = data / "room.yaml"
        data.mkdir(exist_ok=True)
        self.file.write_text(
            f"kaproom: room/1\nsite: test\nroom: one\ndevice: {device}\n"
            f"data: {json.dumps(str(data))}\nruntime: {json.dumps(str(runtime))}\n"
        )
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("KAPROOM_")
        } | {"KAPROOM_ROOM": str(self.file)}
        # Another one reads another clock, say, or spins.
        self.program = [sys.executable, "-m", "kaproom"]
        self._daemon: subprocess.Popen[str] | None = None
        self.said: list[str] = []

    def tells(self, broker_url: str) -> None:
        """Have it on this broker from its next start on."""
        self.file.write_text(f"{self.file.read_text()}broker:\n  url: {broker_url}\n")

    # -- its processes

    def start(self, file_limit_bytes: int | None = None) -> None:
        """Start the daemon and wait until it serves."""

        def limited() -> None:
            if file_limit_bytes is not None:
                limits = (file_limit_bytes, resource.RLIM_INFINITY)
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        self._daemon = subprocess.Popen(
            [*self.program, "daemon"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=limited,  # noqa: PLW1509 - the child only sets a limit
        )
        assert self._daemon.stdout is not None
        for line in self._daemon.stdout:
            self.said.append(line.strip())
            if line.strip() == "ready":
                return
        raise AssertionError("\n".join(self.said))

    def kill(self) -> None:
        """SIGKILL the daemon."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()
        self._forget()

    def terminate(self) -> int:
        """Ask the daemon to leave, as systemd does; its exit status."""
        assert self._daemon is not None
        self._daemon.terminate()
        status = self._daemon.wait(10)
        self._forget()
        return status

    def freeze(self) -> None:
        """SIGSTOP the daemon."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def lift_limit(self) -> None:
        """Let the daemon's files grow again."""
        assert self._daemon is not None
        without = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self._daemon.pid, resource.RLIMIT_FSIZE, without)

    @contextmanager
    def ring_when_there(self) -> Iterator[Ring]:
        """The ring, once a player has made it and taken it."""
        until((self.runtime / RING_FILE).exists, what="a ring")
        with self.ring() as ring:
            until(lambda: ring.player_pid, what="a player")
            yield ring

    def _forget(self) -> None:
        assert self._daemon is not None and self._daemon.stdout is not None
        self._daemon.stdout.close()
        self._daemon = None

    def kill_player(self) -> int:
        """SIGKILL the player; the process id that it had."""
        with self.ring() as ring:
            pid = ring.player_pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def close(self) -> None:
        """End everything that belongs to this room."""
        if self._daemon is not None:
            self.kill()
        with suppress(WorldFailed), Client(sockets(self.runtime).player, "test", 5.0) as player:
            player.call("stop")
        with suppress(WorldFailed):
            stop_output(self.runtime)

    @property
    def daemon_pid(self) -> int:
        assert self._daemon is not None
        return self._daemon.pid

    # -- what one does in it

    def client(self) -> Client:
        """A connection to the daemon."""
        return Client(sockets(self.runtime).daemon, "test", 10.0)

    def call(self, do: str, args: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """One request to the daemon."""
        with self.client() as client:
            return client.call(do, args or {}, **more)

    def status(self) -> dict[str, Any]:
        """The room's state now."""
        return self.call("status")

    def begin(self, profile: str = "demo-3min", sounding: bool = True, **more: Any) -> str:
        """Begin a session of generated music; its id. Waits until it sounds."""
        room, _ = load_room(self.file)
        loaded = load_profile(profile, room)
        repertoire = selected(loaded, {}, seed=7)
        answer = self.call(
            "start",
            {
                "profile": loaded.profile.model_dump(mode="json"),
                "repertoire": repertoire.model_dump(mode="json"),
                **more,
            },
        )
        if sounding:
            self.wait_for(lambda s: s["sound"]["state"] == "playing")
        return str(answer["session"])

    def wait_for(self, condition: Callable[[dict[str, Any]], object], within_s: float = 20) -> None:
        """Wait until the state is so."""
        until(lambda: condition(self.status()), within_s, "the room's state")

    @contextmanager
    def ring(self) -> Iterator[Ring]:
        """The ring between player and output."""
        ring = Ring.attach(self.runtime / RING_FILE)
        try:
            yield ring
        finally:
            ring.close()

    def kinds(self, session: str | None = None) -> list[str]:
        """The kinds of the record's entries, in order."""
        with Record.open(self.data, read_only=True) as record:
            return [written.entry.kind for written in record.entries(session)]

    def kaproom(self, *words: str, status: int = 0) -> str:
        """Run a `kaproom` command as a person would; what it said on both outputs."""
        done = subprocess.run(
            [sys.executable, "-m", "kaproom", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr
