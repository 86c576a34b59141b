"""The folder that holds a clinic's broker: its authority, its settings, what it hands out.

``ca/`` never leaves the clinic's hands, ``broker/`` is for the server, ``clients/`` holds
what is handed to each room, station and dashboard. Keys are readable by their owner alone.
No key or certificate is ever overwritten: what is replaced moves to ``replaced/``. The book
in ``ca/`` is written first, so no certificate exists that could not be revoked.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kaproom import clock
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.places import shown
from kaproom.room.clinic_broker import book as books
from kaproom.room.clinic_broker.authority import Authority, Issued
from kaproom.room.clinic_broker.book import SERVER, Book, Certificate, Enrolled, Login
from kaproom.room.clinic_broker.handover import broker_lines, connect_lines
from kaproom.room.clinic_broker.identity import Identity, rights_file
from kaproom.room.clinic_broker.listening import Listening, check_host
from kaproom.session.spelling import did_you_mean

_HERE = Path(__file__).parent
# The format's usual count. The passwords are random, 144 bits: nothing is gained by more.
_PASSWORD_ROUNDS = 101


@dataclass(frozen=True, slots=True)
class ClinicBroker:
    """One clinic's broker, as its folder."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, listening: Listening) -> ClinicBroker:
        """Make the folder: authority, server's certificate, settings, nobody enrolled.

        Raises:
            Mend: Something in ``listening`` cannot be, or the folder cannot be made.
            Refused: Something lies there already; it is left as it is.
        """
        listening.check()
        if (folder / "ca").exists():
            raise Refused(
                f"{shown(folder)} holds a broker already, and nothing was changed; `kaproom"
                f" broker renew {shown(folder)} server` makes a new server certificate"
            )
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            if folder.exists() and any(folder.iterdir()):
                raise Refused(f"{shown(folder)} is not empty; name a folder that is still to be")
            folder.parent.mkdir(parents=True, exist_ok=True)
            fresh.mkdir(mode=0o700)
            try:
                cls(fresh)._fill(listening)
                fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
        except OSError as error:
            raise Mend(
                f"{shown(folder)} cannot be made: {(error.strerror or '').lower()}"
            ) from None
        return cls(folder)

    def add(self, identity: Identity, *, by_password: bool = False) -> Path:
        """Enrol a room, a station or a dashboard.

        Returns:
            The folder to hand over.

        Raises:
            Mend: This is no broker's folder, or only a dashboard may have a password.
            Refused: The name is enrolled.
        """
        name = str(identity)
        with self._locked() as book:
            if by_password and identity.kind != "dashboard":
                raise Mend("--password: only a dashboard may come with one; others need their key")
            if by_password and book.listening.websockets == "off":
                raise Mend(
                    "--password: this broker has no WebSockets listener for it; leave"
                    " --password out and the dashboard gets a certificate"
                )
            if name in book.names():
                raise Refused(
                    f"{name} is enrolled already; `kaproom broker renew {shown(self.folder)}"
                    f" {name}` replaces what it comes with"
                )
            return self._enrol(book, identity, by_password=by_password)

    def renew(self, name: str, hosts: tuple[str, ...] = ()) -> Path:
        """Replace what somebody comes with, or the server's certificate.

        A former certificate counts on until it is revoked, so that it can be exchanged
        without haste; a former password stops at once.

        Args:
            name: As ``enrolled`` gives it.
            hosts: New names and addresses of the server.

        Returns:
            The folder to hand over.

        Raises:
            Mend: Nobody is called that.
        """
        with self._locked() as book:
            if name == SERVER:
                for host in hosts:
                    check_host(host)
                reached = replace(book.listening, hosts=hosts or book.listening.hosts)
                return self._certify_server(replace(book, listening=reached))
            if hosts:
                raise Mend("--host: only the server has one")
            self._must_be_enrolled(name, book)
            by_password = book.login(name) is not None
            return self._enrol(book, Identity.of_name(name), by_password=by_password)

    def revoke(self, name: str, *, replaced_only: bool = False) -> int:
        """Shut somebody out, or only what ``renew`` replaced.

        Returns:
            How many certificates and passwords stopped counting.

        Raises:
            Mend: Nobody is called that, or it is the server.
        """
        with self._locked() as book:
            if name == SERVER:
                raise Mend(
                    "clients ask for no revocations of the server's certificate; when its key"
                    " is lost, make a new broker folder and enrol everybody anew"
                )
            self._must_be_enrolled(name, book)
            after = book.without(name, clock.utc(), keep_current=replaced_only)
            self._keep(after)
            if not replaced_only:
                self._set_aside(self.folder / "clients" / name, book, name)
            return _counting(book) - _counting(after)

    def enrolled(self) -> list[Enrolled]:
        """Who may come in with what; also what was replaced and revoked."""
        return books.read(self._book).enrolled()

    # -- how it is done

    @property
    def _book(self) -> Path:
        return self.folder / "ca" / "clinic.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Book]:
        books.read(self._book)
        try:
            with (self.folder / "ca" / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield books.read(self._book)
        except OSError as error:
            where = error.filename or self.folder
            raise WorldFailed(f"{where}: {(error.strerror or 'failed').lower()}") from None

    def _fill(self, listening: Listening) -> None:
        for name in ("ca", "broker", "clients", "replaced"):
            (self.folder / name).mkdir(mode=0o700)
        authority = Authority.new("kaproom clinic authority")
        _write(self.folder / "ca" / "ca.key", authority.key, 0o600)
        _write(self.folder / "ca" / "ca.crt", authority.certificate)
        broker = self.folder / "broker"
        _write(broker / "ca.crt", authority.certificate)
        _write(broker / "mosquitto.conf", listening.settings().encode())
        script = (_HERE / "install.sh").read_text(encoding="utf-8")
        _write(broker / "install.sh", script.replace("@AT@", str(listening.at)).encode(), 0o755)
        readme = (_HERE / "FOLDER.md").read_text(encoding="utf-8")
        for mark, value in {
            "@AT@": str(listening.at),
            "@HOSTS@": ", ".join(listening.hosts),
            "@PORT@": str(listening.port),
            "@UNTIL@": f"{authority.until:%Y-%m-%d}",
        }.items():
            readme = readme.replace(mark, value)
        _write(self.folder / "README.md", readme.encode())
        self._certify_server(Book(listening))

    def _authority(self) -> Authority:
        ca = self.folder / "ca"
        try:
            return Authority.of((ca / "ca.crt").read_bytes(), (ca / "ca.key").read_bytes())
        except (OSError, ValueError):
            raise Mend(
                f"{shown(ca)}/ca.crt and ca.key cannot be read; bring them back from your backup"
            ) from None

    def _certify_server(self, book: Book) -> Path:
        broker = self.folder / "broker"
        issued = self._authority().server(book.listening.hosts)
        self._keep(book.with_certificate(_entry(SERVER, issued)))
        for end in ("crt", "key"):
            self._set_aside(broker / f"server.{end}", book, SERVER)
        _write(broker / "server.key", issued.key, 0o600)
        _write(broker / "server.crt", issued.certificate)
        return broker

    def _enrol(self, book: Book, identity: Identity, *, by_password: bool) -> Path:
        name, folder = str(identity), self.folder / "clients" / str(identity)
        if by_password:
            password = secrets.token_urlsafe(18)
            self._keep(book.with_login(Login(name, _hashed(password))))
            files = {"password": (f"{password}\n".encode(), 0o600)}
        else:
            authority = self._authority()
            issued = authority.client(name)
            self._keep(book.with_certificate(_entry(name, issued)))
            files = {
                "ca.crt": (authority.certificate, 0o644),
                "kaproom.crt": (issued.certificate, 0o644),
                "kaproom.key": (issued.key, 0o600),
            }
        if identity.kind == "room":
            files["room.yaml"] = (broker_lines(identity, book.listening).encode(), 0o644)
        lines = connect_lines(identity, book.listening, by_password=by_password)
        files["connect.txt"] = (lines.encode(), 0o644)
        self._set_aside(folder, book, name)
        _make(folder)
        for file, (content, mode) in files.items():
            _write(folder / file, content, mode)
        return folder

    def _keep(self, book: Book) -> None:
        """Write the book, then all that the broker reads and that follows from it."""
        broker = self.folder / "broker"
        _replace(self._book, book.text().encode(), 0o600)
        revoked = [(c.serial, c.revoked) for c in book.certificates if c.revoked is not None]
        _replace(broker / "crl.pem", self._authority().revocations(revoked))
        logins = "".join(f"{login.name}:{login.hashed}\n" for login in book.logins)
        _replace(broker / "passwords", logins.encode(), 0o600)
        _replace(broker / "acl", rights_file(book.identities()).encode())

    def _set_aside(self, path: Path, book: Book, name: str) -> None:
        """Move what is no longer current to ``replaced/``; dashboards of a room's name stay."""
        files = [path] if path.is_file() else [f for f in path.glob("*") if f.is_file()]
        if not files:
            return
        former = [c.serial for c in book.certificates if c.name == name]
        mark = f"{former[-1]:x}" if former else secrets.token_hex(8)
        aside = self.folder / "replaced" / f"{name.replace('/', '.')}.{mark}"
        _make(aside)
        for file in files:
            file.rename(aside / file.name)

    def _must_be_enrolled(self, name: str, book: Book) -> None:
        if name not in book.names():
            raise Mend(
                f"nobody is enrolled as '{name}'{did_you_mean(name, book.names())}; `kaproom"
                f" broker list {shown(self.folder)}` shows who is"
            )


def _entry(name: str, issued: Issued) -> Certificate:
    return Certificate(name, issued.serial, issued.until)


def _counting(book: Book) -> int:
    return len([c for c in book.certificates if c.revoked is None]) + len(book.logins)


def _hashed(password: str) -> str:
    """As Mosquitto 2 stores it: PBKDF2 with SHA-512 and a salt of 12 bytes."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _PASSWORD_ROUNDS)
    salted, hashed = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"$7${_PASSWORD_ROUNDS}${salted}${hashed}"


def _make(folder: Path) -> None:
    for level in reversed([folder, *folder.parents]):
        if not level.exists():
            level.mkdir(mode=0o700)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Make a file that was not there; durable when this returns."""
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(made, "wb") as file:  # noqa: PTH123 - it is open already, with its mode
        os.fchmod(made, mode)  # whatever the umask says
        file.write(content)
        file.flush()
        os.fsync(made)


def _replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a file in the place of its former self, whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write(fresh, content, mode)
    fresh.replace(path)
