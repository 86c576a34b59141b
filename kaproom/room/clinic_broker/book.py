"""What the authority issued and to whom: one JSON file, replaced whole.

Everything else that the broker reads is derived from it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from kaproom.errors import Mend
from kaproom.places import shown
from kaproom.room.clinic_broker.identity import Identity
from kaproom.room.clinic_broker.listening import Listening

FORMAT = "clinic-broker/1"
SERVER = "server"  # no identity is called that: theirs all hold a '/'

State = Literal["current", "replaced", "revoked"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate that was issued; ``revoked`` says when it stopped counting."""

    name: str
    serial: int
    until: datetime
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """One password that counts, as Mosquitto stores it."""

    name: str
    hashed: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One line of the list: what somebody may come with, and until when."""

    name: str
    by: Literal["certificate", "password"]
    serial: str | None
    until: datetime | None
    state: State


@dataclass(frozen=True, slots=True)
class Book:
    """All of it, at one moment."""

    listening: Listening
    certificates: tuple[Certificate, ...] = ()
    logins: tuple[Login, ...] = ()

    def with_certificate(self, certificate: Certificate) -> Book:
        """One more; it is the current one of its name now."""
        return replace(self, certificates=(*self.certificates, certificate))

    def with_login(self, login: Login) -> Book:
        """This password instead of the name's former one."""
        others = tuple(other for other in self.logins if other.name != login.name)
        return replace(self, logins=(*others, login))

    def without(self, name: str, when: datetime, *, keep_current: bool = False) -> Book:
        """The name's certificates revoked and its password gone, or only what was replaced."""
        kept = self.current(name) if keep_current else None
        return replace(
            self,
            certificates=tuple(
                replace(certificate, revoked=when)
                if certificate.name == name and certificate.revoked is None and certificate != kept
                else certificate
                for certificate in self.certificates
            ),
            logins=tuple(login for login in self.logins if keep_current or login.name != name),
        )

    def current(self, name: str) -> Certificate | None:
        """The newest certificate of this name, unless it was revoked."""
        of_name = [found for found in self.certificates if found.name == name]
        return of_name[-1] if of_name and of_name[-1].revoked is None else None

    def login(self, name: str) -> Login | None:
        """The password of this name."""
        return next((login for login in self.logins if login.name == name), None)

    def names(self) -> list[str]:
        """Everybody who may come in now, the server left out."""
        certified = {found.name for found in self.certificates if found.revoked is None}
        return sorted((certified | {login.name for login in self.logins}) - {SERVER})

    def identities(self) -> list[Identity]:
        """The same, as identities."""
        return [Identity.of_name(name) for name in self.names()]

    def enrolled(self) -> list[Enrolled]:
        """Everything that was ever issued, by name, and passwords that count."""
        lines = [
            Enrolled(
                found.name, "certificate", f"{found.serial:x}", found.until, self._state(found)
            )
            for found in self.certificates
        ]
        lines += [Enrolled(login.name, "password", None, None, "current") for login in self.logins]
        return sorted(lines, key=lambda line: (line.name != SERVER, line.name))

    def _state(self, certificate: Certificate) -> State:
        if certificate.revoked is not None:
            return "revoked"
        return "current" if certificate == self.current(certificate.name) else "replaced"

    def text(self) -> str:
        """As it is kept."""

        def plain(value: object) -> Any:
            if isinstance(value, datetime):
                return value.isoformat()
            return str(value)

        return json.dumps({"kaproom": FORMAT, **asdict(self)}, indent=1, default=plain) + "\n"


def read(path: Path) -> Book:
    """The book in this file.

    Raises:
        Mend: It is not there, or cannot be read as one.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        folder = shown(path.parent.parent)
        raise Mend(
            f"{folder} is no broker's folder; `kaproom broker init {folder}` makes one"
        ) from None
    except OSError as error:
        raise Mend(f"{shown(path)} cannot be read: {(error.strerror or '').lower()}") from None
    except ValueError:
        raise Mend(f"{shown(path)} is damaged; bring it back from your backup") from None
    try:
        if kept["kaproom"] != FORMAT:
            raise Mend(
                f"{shown(path)} is of another version of kaproom ({kept['kaproom']}, not {FORMAT})"
            )
        at = kept["listening"]
        return Book(
            Listening(
                **{
                    **at,
                    "hosts": tuple(at["hosts"]),
                    "at": Path(at["at"]),
                    "state": Path(at["state"]),
                }
            ),
            tuple(_certificate(entry) for entry in kept["certificates"]),
            tuple(Login(**entry) for entry in kept["logins"]),
        )
    except (KeyError, TypeError, ValueError):
        raise Mend(f"{shown(path)} is damaged; bring it back from your backup") from None


def _certificate(entry: dict[str, Any]) -> Certificate:
    revoked = entry["revoked"]
    return Certificate(
        entry["name"],
        entry["serial"],
        datetime.fromisoformat(entry["until"]),
        None if revoked is None else datetime.fromisoformat(revoked),
    )
