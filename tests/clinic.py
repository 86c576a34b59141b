"""A clinic's broker at work: a real Mosquitto with the settings that kaproom made."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from bus import Peer, TurnedAway
from pulse import until

from kaproom.places import shown
from kaproom.room import broker as launcher
from kaproom.room.clinic_broker import ClinicBroker, Identity, Listening
from kaproom.room.clinic_broker.authority import Authority

ROOM, OTHER_ROOM, ELSEWHERE = "clinic/room-1", "clinic/room-2", "hospital/room-1"
STATION, OTHER_STATION = "clinic/station/desk-1", "clinic/station/desk-2"
DASHBOARD = "clinic/dashboard/wall"
EVERYBODY = (ROOM, OTHER_ROOM, ELSEWHERE, STATION, OTHER_STATION, DASHBOARD)

# Of two with one name the broker keeps the later one.
AUDITORS = ("auditor", "late auditor")


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


class Clinic:
    """A broker's folder in ``folder``, and its Mosquitto once it is started."""

    def __init__(self, folder: Path, **listening: Any) -> None:
        self.folder = folder
        self.port, self.websockets_port = free_ports()
        state = folder.with_name(f"{folder.name}-state")
        state.mkdir()
        self.listening = Listening(
            **{
                "hosts": ("localhost", "127.0.0.1"),
                "port": self.port,
                "websockets_port": self.websockets_port,
                "bind": "127.0.0.1",
                "at": folder / "broker",
                "state": state,
                **listening,
            }
        )
        self.broker = ClinicBroker.create(folder, self.listening)
        self.ca = folder / "broker" / "ca.crt"
        self._mosquitto: subprocess.Popen[bytes] | None = None

    def enrol(self, *names: str) -> Self:
        """Rooms, stations and dashboards by their whole names."""
        for name in names:
            identity = Identity.of_name(name)
            self.broker.add(Identity.read(identity.kind, name))
        return self

    def let_in_auditors(self) -> Self:
        """Two who may read everything, until the next change."""
        authority = self.authority()
        with (self.folder / "broker" / "acl").open("a") as acl:
            acl.writelines(f"\nuser {name}\ntopic read #\n" for name in AUDITORS)
        for name in AUDITORS:
            issued = authority.client(name)
            folder = self.folder / "clients" / name
            folder.mkdir()
            (folder / "kaproom.crt").write_bytes(issued.certificate)
            (folder / "kaproom.key").write_bytes(issued.key)
        return self

    def authority(self) -> Authority:
        ca = self.folder / "ca"
        return Authority.of((ca / "ca.crt").read_bytes(), (ca / "ca.key").read_bytes())

    @property
    def pid(self) -> int:
        assert self._mosquitto is not None
        return self._mosquitto.pid

    def start(self, settings: Path | None = None) -> Self:
        """Start Mosquitto; return when all its ports take connections."""
        program = launcher._program("mosquitto")
        assert program, "apt-get install mosquitto"
        if settings is None:
            # These files are ours alone, so it has to stay what we are.
            settings = self.folder.with_name(f"{self.folder.name}.conf")
            made = (self.folder / "broker" / "mosquitto.conf").read_text()
            settings.write_text(f"{made}\nuser {pwd.getpwuid(os.geteuid()).pw_name}\n")
        self.log = self.folder.with_name(f"{self.folder.name}.log")
        with self.log.open("ab") as said:
            self._mosquitto = subprocess.Popen(
                [program, "-c", str(settings)], stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        until(self._listens, 10.0, f"mosquitto listens; see {shown(self.log)}")
        return self

    def _listens(self) -> bool:
        assert self._mosquitto is not None
        assert self._mosquitto.poll() is None, self.log.read_text()
        ports = [self.port]
        if self.listening.websockets != "off":
            ports.append(self.websockets_port)
        return all(map(launcher._answers, ports))

    def reload(self) -> None:
        """Have it read rights, passwords and revocations again; it says nothing when done."""
        os.kill(self.pid, signal.SIGHUP)

    def stop(self) -> None:
        if self._mosquitto is not None:
            launcher._end(self._mosquitto)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of somebody enrolled."""
        folder = self.folder / "clients" / name
        return folder / "kaproom.crt", folder / "kaproom.key"

    def peer(self, name: str, **claims: Any) -> Peer:
        """A client with the certificate of ``name``, whatever it claims besides."""
        return Peer(self.port, ca=self.ca, pair=self.pair(name), **claims)

    def dashboard(self, login: tuple[str, str | None] | None, **claims: Any) -> Peer:
        """A client over WebSockets, with a password."""
        return Peer(self.websockets_port, login=login, transport="websockets", **claims)

    def browser(self, **claims: Any) -> Peer:
        """The dashboard with a password, once it is added."""
        name = "clinic/dashboard/browser"
        password = (self.folder / "clients" / name / "password").read_text().strip()
        return self.dashboard((name, password), **claims)

    def add_browser(self) -> Self:
        """Enrol a dashboard with a password."""
        self.broker.add(Identity.read("dashboard", "clinic/browser"), by_password=True)
        return self

    def keeps_out(self, pair: tuple[Path, Path]) -> bool:
        """Whether this certificate opens the door no more."""
        try:
            Peer(self.port, ca=self.ca, pair=pair).connect().close()
        except TurnedAway:
            return True
        return False

    def auditor(self, name: str = AUDITORS[0]) -> Peer:
        """Hears everything from now on, and all that is retained."""
        auditor = self.peer(name).connect()
        auditor.subscribe("#")
        return auditor


def copied(pair: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """As a thief would have it, who came before it was revoked."""
    cert, key = (Path(shutil.copy(file, folder)) for file in pair)
    return cert, key


@contextlib.contextmanager
def running(clinic: Clinic) -> Iterator[Clinic]:
    try:
        yield clinic.start()
    finally:
        clinic.stop()
