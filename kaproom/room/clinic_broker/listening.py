"""What the clinic's Mosquitto listens on, as its settings file."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kaproom.errors import Mend
from kaproom.places import legible

WebSockets = Literal["loopback", "tls", "off"]

# Chosen: a station's snapshot of 1,000 rooms is about 64 kB, everything else below 8 kB.
PACKET_MAX_BYTES = 262_144
# Measured: with the default of 1,000 a station sees at most 1,020 rooms at first.
QUEUED_MESSAGES_MAX = 10_000
# Chosen: what one subscriber that does not read may cost the server.
QUEUED_MAX_BYTES = 67_108_864

_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)

_SETTINGS = """\
# The clinic's broker for kaproom, whole: nothing else is read.
# Written once by `kaproom broker init`; yours to tune.

# Nobody is anonymous. Everybody may do what {at}/acl says for their name.
per_listener_settings false
allow_anonymous false
acl_file {at}/acl
password_file {at}/passwords

# Rooms, stations and dashboards with a certificate of the clinic's own authority. The name
# in the certificate is user and client id, whatever the client says, so nobody can take
# another's place or leave a last will in another's name.
listener {port}{bind}
protocol mqtt
tls_version tlsv1.2
cafile {at}/ca.crt
certfile {at}/server.crt
keyfile {at}/server.key
crlfile {at}/crl.pem
require_certificate true
use_identity_as_username true
use_username_as_clientid true
{websockets}
# What it keeps over a restart: the last state of each room, and what a subscriber with a
# session of its own has not had yet. A room publishes all of it anew when it connects.
persistence true
persistence_location {state}/
autosave_interval 60
persistent_client_expiration 14d

max_packet_size {packet_bytes}
max_queued_messages {queued}
max_queued_bytes {queued_bytes}
set_tcp_nodelay true

log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp false
"""

# Mosquitto 2.0.11 binds every address when it is given the host alone.
_WEBSOCKETS_LOOPBACK = """
# Dashboards with a password, from this machine only (a web server here may pass them on).
# Without `socket_domain`, Mosquitto 2.0.11 would open this to the whole network.
listener {port} 127.0.0.1
socket_domain ipv4
protocol websockets
use_username_as_clientid true
"""

_WEBSOCKETS_TLS = """
# Dashboards with a password, in a browser that trusts {at}/ca.crt.
listener {port}{bind}
{domain}protocol websockets
tls_version tlsv1.2
certfile {at}/server.crt
keyfile {at}/server.key
use_username_as_clientid true
"""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the broker listens.

    Attributes:
        hosts: The names and addresses that clients reach it by, the first one the usual.
        port: Of MQTT over TLS.
        bind: The one address that it listens on; None: all.
        websockets: For dashboards with a password.
        at: The folder on the server that holds its files.
        state: The folder on the server that it keeps its state in.
    """

    hosts: tuple[str, ...]
    port: int = 8883
    bind: str | None = None
    websockets: WebSockets = "loopback"
    websockets_port: int = 9001
    at: Path = Path("/etc/mosquitto/kaproom")
    state: Path = Path("/var/lib/mosquitto")

    def check(self) -> None:
        """Find what a person has to mend.

        Raises:
            Mend: A host, an address, a port or a folder cannot be.
        """
        if not self.hosts:
            raise Mend("--host: name what the rooms reach the broker by, at least once")
        for host in self.hosts:
            check_host(host)
        if self.bind is not None and not _is_address(self.bind):
            raise Mend(f"--bind: '{legible(self.bind)}' is no address; write one as 10.0.0.5")
        for option, port in (("--port", self.port), ("--websockets-port", self.websockets_port)):
            if not 0 < port < 65536:
                raise Mend(f"{option}: {port} is no port; it must be 1 to 65535")
        if self.websockets != "off" and self.port == self.websockets_port:
            raise Mend(f"--websockets-port: {self.port} is the port of MQTT already")
        for option, folder in (("--at", self.at), ("state", self.state)):
            if not folder.is_absolute() or not re.fullmatch(r"[\w./+-]+", str(folder), re.ASCII):
                raise Mend(
                    f"{option}: '{legible(str(folder))}' must be a whole path of letters,"
                    " digits and ./_+-"
                )

    def settings(self) -> str:
        """The text of ``mosquitto.conf``."""
        bind = f" {self.bind}" if self.bind else ""
        domain = ""
        if self.bind:
            domain = f"socket_domain {'ipv6' if ':' in self.bind else 'ipv4'}\n"
        websockets = {
            "loopback": _WEBSOCKETS_LOOPBACK,
            "tls": _WEBSOCKETS_TLS,
            "off": "",
        }[self.websockets].format(port=self.websockets_port, bind=bind, domain=domain, at=self.at)
        return _SETTINGS.format(
            at=self.at,
            port=self.port,
            bind=bind,
            websockets=websockets,
            state=self.state,
            packet_bytes=PACKET_MAX_BYTES,
            queued=QUEUED_MESSAGES_MAX,
            queued_bytes=QUEUED_MAX_BYTES,
        )


def check_host(host: str) -> None:
    """Find a host name or address that no certificate can carry.

    Raises:
        Mend: It is neither.
    """
    if not _is_address(host) and not _HOST.fullmatch(host):
        raise Mend(
            f"--host: '{legible(host)}' is neither a name nor an address; write it without"
            " mqtts:// and without a port"
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
