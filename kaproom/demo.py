"""The whole system on this machine, in one call: a session of three minutes.

The daemon and the player are the real ones, as processes of their own; what people
would do at the pump and in the room comes from a script. Here the demo is what systemd
is in a room: it watches the daemon and starts it again. Where there is a screen, windows
show what a room and a ward have on theirs. When it leaves, nothing runs on.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.displays.desktop import screen_here
from kaproom.displays.terminal import changes, minutes, screen
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client
from kaproom.places import sockets
from kaproom.room.broker import Broker, start_broker

PROFILE = "demo-3min"

Act = tuple[float, str, dict[str, Any]]

# Seconds since the session was opened, and what the people in the room do then.
SCRIPT: tuple[Act, ...] = (
    (6.0, "note", {"category": "comfort", "text": "blanket, eyeshades on"}),
    (15.0, "infusion", {"what": "started"}),
    (18.0, "note", {"category": "vital-signs-taken"}),
    (48.0, "note", {"category": "breath", "text": "slow and deep"}),
    (70.0, "note", {"category": "tears", "text": "quiet"}),
    (80.0, "note", {"category": "vital-signs-taken"}),
    (92.0, "duck", {}),
    (98.0, "return", {}),
    (120.0, "infusion", {"what": "stopped"}),
    (150.0, "note", {"category": "speech", "text": "says that it was like being held"}),
    (180.0, "end", {}),
)
_START_MAX_S = 20
_CLOSE_MAX_S = 15.0


@dataclass(slots=True)
class Demo:
    """One demonstration.

    Attributes:
        data: Where its record is kept.
        runtime: Where its sockets are.
        device: For the player: "auto" or "silent".
        begin: The arguments of the daemon's `start`.
        script: Seconds since the session was opened, and what people do then.
    """

    data: Path
    runtime: Path
    device: str
    begin: dict[str, Any]
    script: Sequence[Act] = SCRIPT
    console: Console = field(default_factory=Console)
    _daemon: subprocess.Popen[bytes] | None = None
    _broker: Broker | None = None
    _windows: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _asked_to_stop: int = 0
    _status: dict[str, Any] | None = None
    _acted: int = 0

    def run(self) -> None:
        """Run it to its end, or until SIGINT or SIGTERM; either way all is closed softly.

        Raises:
            WorldFailed: The daemon does not come up.
        """
        signal.signal(signal.SIGINT, self._asked)
        signal.signal(signal.SIGTERM, self._asked)
        try:
            self._start_broker()
            self._start_daemon()
            if screen_here():
                self._open_windows()
            self._call("start", self.begin)
            with self._shown() as show:
                for status in self._statuses():
                    self._status = status
                    show(status)
                    self._act(status)
                    if self._over(status):
                        break
        finally:
            self._leave()
        self._say_goodbye()

    def _asked(self, *_: object) -> None:
        self._asked_to_stop += 1

    # -- what is shown

    @contextmanager
    def _shown(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """A picture where there is a terminal, else a line for each change."""
        if self.console.is_terminal:
            with Live(console=self.console, auto_refresh=False, screen=False) as live:
                yield lambda status: live.update(screen(status, _wall_clock()), refresh=True)
            return
        last: list[dict[str, Any] | None] = [None]

        def lines(status: dict[str, Any]) -> None:
            for line in changes(last[0], status):
                print(f"{_wall_clock()}  {line}", flush=True)  # noqa: T201
            last[0] = status

        yield lines

    def _say_goodbye(self) -> None:
        status = self._status
        if status is None or not status.get("session"):
            return
        session, notes, sound = status["session"], status["notes"], status["sound"]
        infusion, record = status["infusion"], status["record"]
        infused = f"{infusion['state']}, {minutes(infusion['elapsed_s'])} as recorded"
        lines = (
            "",
            f"Session {session['id'][:8]}, {minutes(session['open_s'])} long",
            f"  infusion   {infused}",
            f"  notes      {notes['count']}",
            f"  sound      {sound['device']}, {sound['underruns']} underruns",
            f"  record     {self.data}/record.sqlite3",
            f"             {record['head_seq']} entries, head {record['head_hash'][:16]}…",
            f"  verify     KAPROOM_DATA={shlex.quote(str(self.data))} kaproom verify",
        )
        for line in lines:
            self._say(line)

    # -- what is done

    def _act(self, status: dict[str, Any]) -> None:
        """Do what the script has for this moment; or end, if somebody asked."""
        session = status.get("session")
        if session is None or session["state"] != "open":
            return
        if self._asked_to_stop:
            self._try("end", {})
            return
        while self._acted < len(self.script) and session["open_s"] >= self.script[self._acted][0]:
            _, do, args = self.script[self._acted]
            self._acted += 1
            self._try(do, args)

    def _over(self, status: dict[str, Any]) -> bool:
        session = status.get("session")
        return (session is not None and session["state"] == "ended") or self._asked_to_stop > 1

    def _try(self, do: str, args: dict[str, Any]) -> None:
        with suppress(Refused, WorldFailed):
            self._call(do, args)

    def _call(self, do: str, args: dict[str, Any]) -> dict[str, Any]:
        client = Client(sockets(self.runtime).daemon, "demo", 10.0)
        try:
            return client.call(do, args)
        finally:
            client.close()

    # -- the processes

    def _start_broker(self) -> None:
        """The nurse station's end: a broker of our own, where one can be had."""
        try:
            self._broker = start_broker(self.runtime)
        except (Mend, WorldFailed) as error:
            self._say(f"{error}\nGoing on without a broker.")
            return
        port = self._broker.port
        self._say(f"broker {self._broker.url}; in another terminal:")
        self._say(f"  mosquitto_sub -h 127.0.0.1 -p {port} -v -t 'kaproom/#'")
        self._say(f"  kaproom watch {self._broker.url}")

    def _say(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, highlight=False, markup=False)

    def _start_daemon(self) -> None:
        lines = {
            "site": "demo",
            "room": "demo",
            "display_name": "Demonstration",
            "device": self.device,
            "data": str(self.data),
            "runtime": str(self.runtime),
        }
        written = ["kaproom: room/1\n"]
        written += [f"{key}: {json.dumps(value)}\n" for key, value in lines.items()]
        if self._broker is not None:
            written.append(f"broker: {{url: {json.dumps(self._broker.url)}}}\n")
        room_file = self.runtime / "room.yaml"
        room_file.write_text("".join(written), encoding="utf-8")
        ours = ("KAPROOM_DATA", "KAPROOM_RUNTIME", "KAPROOM_ROOM")
        environment = {k: v for k, v in os.environ.items() if k not in ours}
        self._daemon = self._run("daemon", ["daemon", "--room", str(room_file)], environment)
        deadline_ns = clock.mono_ns() + _START_MAX_S * NS_PER_S
        while clock.mono_ns() < deadline_ns and not self._asked_to_stop:
            if self._daemon.poll() is not None:
                raise WorldFailed(self._last_words())
            with suppress(WorldFailed):
                self._call("status", {})
                return
            select.select([], [], [], 0.05)
        raise WorldFailed(f"the daemon did not come up in {_START_MAX_S} s; {self._last_words()}")

    def _open_windows(self) -> None:
        """What a room and a ward have on their screens; whoever closes one closes that alone."""
        ours = ("KAPROOM_DATA", "KAPROOM_RUNTIME", "KAPROOM_ROOM")
        here = {k: v for k, v in os.environ.items() if k not in ours}
        here["XDG_STATE_HOME"] = str(self.runtime)
        room = str(self.runtime / "room.yaml")
        self._windows.append(self._run("console", ["--room", room, "console"], here))
        if self._broker is not None:
            words = ("station", "--broker", self._broker.url, "--site", "demo", "--id", "desk")
            names = ("--name", "Demonstration", "--expect", "demo/demo", "--size", "1280x800")
            # What it remembers goes with the demo.
            environment = {**os.environ, "XDG_STATE_HOME": str(self.runtime)}
            self._windows.append(self._run("station", [*words, *names], environment))

    def _run(
        self, name: str, words: Sequence[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """A kaproom command as a process of its own; what it says goes to its log."""
        with (self.runtime / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "kaproom", *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we tell it in its own words
            )

    def _last_words(self) -> str:
        log = self.runtime / "daemon.log"
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else f"see {log}"

    def _statuses(self) -> Iterator[dict[str, Any]]:
        """The session's state as it changes; a daemon that died is started again."""
        while not self._asked_to_stop > 1:
            try:
                client = Client(sockets(self.runtime).daemon, "demo", 10.0)
                for push in client.watch():
                    if push.get("push") == "status":
                        yield push
            except WorldFailed:
                if self._daemon is not None and self._daemon.poll() is not None:
                    self._start_daemon()

    def _leave(self) -> None:
        """Close the session if it is open, then daemon and player; nothing runs on."""
        with suppress(WorldFailed, Refused, Mend):
            if self._status is not None and self._status["session"]["state"] == "open":
                self._call("fade", {"now": True})
                self._call("end", {})
        for window in self._windows:
            window.terminate()
        for window in self._windows:
            window.wait()
        if self._daemon is not None:
            self._daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._daemon.wait(_CLOSE_MAX_S)
            if self._daemon.poll() is None:
                self._daemon.kill()
                self._daemon.wait()
        with suppress(WorldFailed, Refused, Mend):
            player = Client(sockets(self.runtime).player, "demo", 5.0)
            player.call("stop")
            # It fades, ends the output and hangs up; only then is nothing left running.
            for _ in player.watch():
                pass
        if self._broker is not None:
            self._broker.stop()
        shutil.rmtree(self.runtime, ignore_errors=True)


def _wall_clock() -> str:
    return clock.utc().astimezone().strftime("%H:%M:%S")
