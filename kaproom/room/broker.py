"""The demo's broker: one launcher, a system Mosquitto or the embedded iotcore.

The broker is a process of its own on a free port of the loopback interface, open to
whoever is on this machine. It is deaf to the terminal's Ctrl-C and keeps nothing on
disk. It ends when it is told to, and when the thread that started it ends, however
that happens. A clinic's broker is made by ``kaproom.room.clinic_broker``.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, Self

from kaproom import clock
from kaproom.errors import Mend, WorldFailed

Kind = Literal["mosquitto", "iotcore"]

HOST = "127.0.0.1"
START_MAX_S = 10.0  # chosen; Mosquitto listens after some 60 ms, iotcore after 150 ms
STOP_MAX_S = 2.0  # chosen; a frozen broker is killed after that
PACKET_MAX_BYTES = 262_144  # chosen; a station's snapshot of 1,000 rooms is about 64 kB
QUEUED_MESSAGES_MAX = 10_000  # the default of 1,000 cuts a station's first look at 1,000 rooms
_TRIES = 3  # somebody else may take the free port between our look and the broker's

# Debian keeps Mosquitto out of an ordinary user's PATH.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_PR_SET_PDEATHSIG = 1

_MOSQUITTO = """\
# Written anew for each demo.
listener {port} {host}
allow_anonymous true
persistence false
max_queued_messages {queued}
max_packet_size {packet_bytes}
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
"""

# Without a small segment its memory grows with every message of the demo.
_IOTCORE = """\
id = 0

[router]
id = 0
max_connections = 200
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
"""

_IOTCORE_LISTENER = """
[{version}.1]
name = "{version}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[{version}.1.connections]
connection_timeout_ms = 60000
max_payload_size = {packet_bytes}
max_inflight_count = 200
dynamic_filters = true
"""


@dataclass(slots=True)
class Broker:
    """A broker that was started here and listens.

    Attributes:
        url: As clients take it, ``mqtt://127.0.0.1:PORT``.
        kind: Which program it is.
        port: For MQTT 3.1.1; on Mosquitto for MQTT 5 as well.
        port_mqtt5: For MQTT 5; iotcore has a port of its own for that.
        pid: The process that listens.
    """

    url: str
    kind: Kind
    port: int
    port_mqtt5: int
    pid: int
    _process: subprocess.Popen[bytes]

    def alive(self) -> bool:
        """Whether its process still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and wait until it has ended. Twice is as good as once."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_broker(
    runtime: Path, kinds: Sequence[Kind] = ("mosquitto", "iotcore"), port: int | None = None
) -> Broker:
    """Start a broker on loopback; returns when it can be connected to.

    Args:
        runtime: A folder that exists, for its settings and its log.
        kinds: Which to take, the first that is installed and comes up.
        port: For MQTT 3.1.1, to bring one back where clients look for it; None: a free one.

    Raises:
        Mend: No broker is installed.
        WorldFailed: What is installed does not come up; nothing was left running.
    """
    why = ""
    for kind in kinds:
        program = _program(kind)
        if program is None:
            continue
        for _ in range(_TRIES if port is None else 1):
            broker, why = _try(kind, program, runtime, port)
            if broker is not None:
                return broker
    if why:
        raise WorldFailed(why)
    raise Mend(
        "no MQTT broker is installed; run `apt-get install mosquitto`"
        f" or `{sys.executable} -m pip install iotcore`"
    )


def _program(kind: Kind) -> str | None:
    if kind == "iotcore":
        return sys.executable if importlib.util.find_spec("iotcore") else None
    return shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), *_SBIN)))


def _try(
    kind: Kind, program: str, runtime: Path, given_port: int | None
) -> tuple[Broker | None, str]:
    port, port_mqtt5 = _ports(kind, given_port)
    if _answers(port):
        return None, f"port {port} is in use; another program listens there"
    # iotcore knows its settings' format by the suffix, and Mosquitto does not mind.
    settings, log = runtime / "broker.toml", runtime / "broker.log"
    settings.write_text(_settings(kind, port, port_mqtt5), encoding="utf-8")
    with log.open("wb") as said:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", __name__),
                *(kind, program, str(settings), str(os.getpid())),
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C in the terminal is for the demo
        )
    try:
        why = _wait_until_it_listens(process, port, port_mqtt5)
    except BaseException:
        _end(process)
        raise
    if not why:
        url = f"mqtt://{HOST}:{port}"
        return Broker(url, kind, port, port_mqtt5, process.pid, process), ""
    _end(process)
    return None, f"{kind} {why}; {_last_words(log)}"


def _ports(kind: Kind, given: int | None) -> tuple[int, int]:
    # Both are bound at once, so that they differ.
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        port = given or int(one.getsockname()[1])
        return port, port if kind == "mosquitto" else int(other.getsockname()[1])


def _settings(kind: Kind, port: int, port_mqtt5: int) -> str:
    if kind == "mosquitto":
        return _MOSQUITTO.format(
            port=port, host=HOST, queued=QUEUED_MESSAGES_MAX, packet_bytes=PACKET_MAX_BYTES
        )
    return _IOTCORE + "".join(
        _IOTCORE_LISTENER.format(
            version=version, host=HOST, port=port, packet_bytes=PACKET_MAX_BYTES
        )
        for version, port in (("v4", port), ("v5", port_mqtt5))
    )


def _wait_until_it_listens(process: subprocess.Popen[bytes], *ports: int) -> str:
    """Nothing once all ports take connections, else why they do not."""
    deadline_ns = clock.mono_ns() + int(START_MAX_S * clock.NS_PER_S)
    while clock.mono_ns() < deadline_ns:
        listening = all(map(_answers, ports))
        # Asked after it was connected to: what answers in a dead broker's place is not ours.
        try:
            process.wait(0 if listening else 0.01)
        except subprocess.TimeoutExpired:
            if listening:
                return ""
        else:
            return "did not start"
    return f"does not listen after {START_MAX_S:g} s"


def _answers(port: int) -> bool:
    with socket.socket() as knock:
        knock.settimeout(1.0)
        return knock.connect_ex((HOST, port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"


# -- in the broker's own process


def _become(kind: str, program: str, settings: str, parent: str) -> NoReturn:
    """Bind our end to the parent's, then be the broker."""
    if kind == "iotcore":
        from iotcore.iotcore import IotCoreBroker

        # It reports every packet as an error; a log of its own would outgrow the demo's disk.
        logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
        embedded = IotCoreBroker(config_path=settings)
        embedded.check_ports()
        _drop_root()
        _end_with(int(parent))
        embedded.run_forever()
        sys.exit("iotcore ended by itself")
    # Opened now: the folder is closed to the account that it runs as.
    opened = os.open(settings, os.O_RDONLY)
    os.set_inheritable(opened, True)
    _drop_root()
    _end_with(int(parent))
    os.execv(program, [program, "-c", f"/proc/self/fd/{opened}"])


def _drop_root() -> None:
    # Mosquitto would do it by itself, but a change of user makes the kernel forget whose
    # end is ours, so it has to come before that is said.
    if os.geteuid() != 0:
        return
    for name in ("mosquitto", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        return


def _end_with(parent: int) -> None:
    """Have the kernel kill us at our parent's end, even a violent one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("whoever wanted a broker is gone")


if __name__ == "__main__":
    _become(*sys.argv[1:5])
