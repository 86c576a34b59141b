"""How a broker is reached: host, port, TLS, user; read anew for each connection.

So a certificate that was renewed, or a password that was mended, counts from the next
attempt on, without a restart.
"""

from __future__ import annotations

import socket
import ssl
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kaproom.session.roomfile import Broker
from kaproom.wire.faults import Fault, file_fault

PLAIN_PORT = 1883
TLS_PORT = 8883
_PASSWORD_MAX_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Access:
    """What one attempt to connect needs."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    username: str | None
    password: str | None


def host_port(broker: Broker) -> tuple[str, int]:
    """Where the broker listens."""
    scheme, _, rest = broker.url.rstrip("/").partition("://")
    host, colon, port = rest.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = rest, str(TLS_PORT if scheme == "mqtts" else PLAIN_PORT)
    return host.strip("[]"), int(port)


def access(broker: Broker) -> Access | Fault:
    """Read what the settings name; or what is wrong with it."""
    host, port = host_port(broker)
    password: str | None = None
    if broker.password_file is not None:
        try:
            with Path(broker.password_file).open("rb") as file:
                first = file.readline(_PASSWORD_MAX_BYTES).rstrip(b"\r\n")
            password = first.decode()
        except (OSError, ValueError) as error:
            return file_fault("broker.password_file", broker.password_file, error)
        if not password:
            return Fault(
                f"broker.password_file: {broker.password_file} has no password in its first line",
                mend=True,
            )
    tls: ssl.SSLContext | None = None
    if broker.url.startswith("mqtts:"):
        try:
            tls = ssl.create_default_context(cafile=broker.ca)
            tls.minimum_version = ssl.TLSVersion.TLSv1_2
        except (OSError, ValueError) as error:
            return file_fault("broker.ca", broker.ca or "", error)
        if broker.cert is not None and broker.key is not None:
            for key in (broker.cert, broker.key):
                try:
                    Path(key).open("rb").close()
                except OSError as error:
                    name = "broker.cert" if key == broker.cert else "broker.key"
                    return file_fault(name, key, error)
            try:
                # A key behind a passphrase must not ask for it on the daemon's terminal.
                tls.load_cert_chain(broker.cert, broker.key, password=lambda: b"")
            except (OSError, ValueError) as error:
                return file_fault("broker.cert", broker.cert, error, broker.key)
    return Access(host, port, tls, broker.username, password)


def exposed(broker: Broker) -> list[Fault]:
    """The secrets among the files that every account of this machine may read."""
    secrets = {"broker.password_file": broker.password_file, "broker.key": broker.key}
    found = []
    for name, path in secrets.items():
        if path is None:
            continue
        with suppress(OSError):
            if Path(path).stat().st_mode & stat.S_IROTH:
                told = f"{path} can be read by every account of this machine; chmod o= {path}"
                found.append(Fault(f"{name}: {told}", mend=True))
    return found


def last_word(reach: Access, timeout_s: float) -> str:
    """What a broker says that ended TLS without a word: its alert, or nothing.

    It may have said it to the connection that broke, and there it was lost with what we
    had sent. Here nothing is sent.
    """
    if reach.tls is None:
        return ""
    try:
        with (
            socket.create_connection((reach.host, reach.port), timeout_s) as plain,
            reach.tls.wrap_socket(plain, server_hostname=reach.host) as connection,
        ):
            connection.settimeout(timeout_s)
            connection.recv(1)
    except ssl.SSLError as error:
        return str(error)
    except OSError:
        pass
    return ""
