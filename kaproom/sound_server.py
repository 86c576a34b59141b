"""What the sound server says about the sink the room plays into: the one door to pactl and wpctl.

A frozen server hangs whoever asks it, so only a child process asks, and it is killed
when its time is up. Nothing here changes the server, and nothing here raises: what
cannot be learned is "not known".
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kaproom import clock

ASK_TIMEOUT_S = 2.0  # chosen: a person waits for `check`; a healthy server answers in 5 ms
_FULL_VOLUME = 65536  # PA_VOLUME_NORM: 100 %, 0 dB
# PortAudio names that lead to the sound server's default sink.
_SERVED_DEVICES = ("auto", "default", "pulse", "pipewire", "sysdefault")
_OUTPUT_MODULE = b"kaproom.audio.output"

Answer = Literal["yes", "frozen", "absent", "not known"]


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the sound server sends the room's sound.

    Attributes:
        name: The server's own name for it, as its tools take it.
        title: What a person calls it.
        volume_percent: The quietest channel, the loudest channel.
        remedy_volume: The command that sets it to full.
        remedy_mute: The command that unmutes it.
    """

    name: str
    title: str
    muted: bool
    volume_percent: tuple[float, float]
    bluetooth: bool
    remedy_volume: str
    remedy_mute: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that plays into the sink; ``ours`` when it is kaproom's own output."""

    title: str
    ours: bool
    paused: bool
    muted: bool
    volume_percent: float


@dataclass(frozen=True, slots=True)
class SoundServer:
    """The server's answer.

    ``streams`` is None when the server's tool cannot tell them; ``why`` says what was
    not known and how it could be.
    """

    answer: Answer
    sink: Sink | None = None
    streams: tuple[Stream, ...] | None = None
    why: str = ""


class _Silent(Exception):  # noqa: N818 - a state of the server, not of ours
    """The server did not answer in time."""


class _Absent(Exception):  # noqa: N818
    """There is no server, or it says nothing that can be read."""


def ask(device: str | None = None, timeout_s: float = ASK_TIMEOUT_S) -> SoundServer:
    """What stands between kaproom and the headphones.

    Args:
        device: The room's device as its file names it; None as `auto`.
        timeout_s: For all questions together; whoever has not answered then is frozen.
    """
    deadline_ns = clock.mono_ns() + int(timeout_s * clock.NS_PER_S)
    if bypasses_server(device):
        return SoundServer("not known", why=f"{device} is played past the sound server")
    try:
        if shutil.which("pactl"):
            return _ask_pactl(device, deadline_ns)
        if shutil.which("wpctl"):
            return _ask_wpctl(deadline_ns)
    except _Silent:
        return SoundServer("frozen", why="the sound server does not answer")
    except _Absent as absent:
        return SoundServer("absent", why=str(absent))
    except (LookupError, TypeError, ValueError, AttributeError):
        # Another version's JSON is no reason to keep a session from starting.
        return SoundServer("not known", why="the sound server's answer has an unknown form")
    return SoundServer("not known", why="neither pactl nor wpctl is installed")


def bypasses_server(device: str | None) -> bool:
    """Whether this device is silence, or a sound card opened directly."""
    return device is not None and (device == "silent" or "hw:" in device)


def _ask_pactl(device: str | None, deadline_ns: int) -> SoundServer:
    info = _pactl(["info"], deadline_ns)
    sinks = _pactl(["list", "sinks"], deadline_ns)
    inputs = _pactl(["list", "sink-inputs"], deadline_ns)
    chosen = _chosen_sink(sinks, device, os.environ.get("PULSE_SINK"), info["default_sink_name"])
    if chosen is None:
        return SoundServer("yes", streams=(), why="the sound server has no output")
    return SoundServer(
        "yes",
        sink=_sink(chosen),
        streams=tuple(_stream(i) for i in inputs if i.get("sink") == chosen["index"]),
    )


def _chosen_sink(
    sinks: list[dict[str, Any]], device: str | None, preferred: str | None, default: str
) -> dict[str, Any] | None:
    wanted = (device or "auto").casefold()
    if wanted not in _SERVED_DEVICES:
        for sink in sinks:
            names = (str(sink.get("name", "")), str(sink.get("description", "")))
            if any(wanted in name.casefold() for name in names):
                return sink
    for name in (preferred, default):
        for sink in sinks:
            if name and sink.get("name") == name:
                return sink
    return sinks[0] if len(sinks) == 1 else None


def _sink(sink: Mapping[str, Any]) -> Sink:
    name = str(sink["name"])
    properties = sink.get("properties") or {}
    return Sink(
        name=name,
        title=str(sink.get("description") or name),
        muted=bool(sink.get("mute")),
        volume_percent=_percent(sink.get("volume")),
        bluetooth=_is_bluetooth(name, properties),
        remedy_volume=f"pactl set-sink-volume {shlex.quote(name)} 100%",
        remedy_mute=f"pactl set-sink-mute {shlex.quote(name)} 0",
    )


def _is_bluetooth(name: str, properties: Mapping[str, Any]) -> bool:
    api, bus = str(properties.get("device.api", "")), str(properties.get("device.bus", ""))
    return name.startswith("bluez") or api.startswith("bluez") or bus == "bluetooth"


def _stream(stream: Mapping[str, Any]) -> Stream:
    properties = stream.get("properties") or {}
    called = [properties.get("application.name"), properties.get("media.name")]
    words = [_printable(str(word)) for word in called if word]
    return Stream(
        title=": ".join(words) or "a nameless stream",
        ours=_is_our_output(str(properties.get("application.process.id", ""))),
        paused=bool(stream.get("corked")),
        muted=bool(stream.get("mute")),
        volume_percent=_percent(stream.get("volume"))[0],
    )


def _is_our_output(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    try:
        return _OUTPUT_MODULE in Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False


def _percent(volume: Any) -> tuple[float, float]:
    channels = volume.values() if isinstance(volume, dict) else ()
    percents = [100.0 * float(c["value"]) / _FULL_VOLUME for c in channels]
    return (min(percents), max(percents)) if percents else (100.0, 100.0)


def _printable(text: str) -> str:
    """One line whatever a program calls itself."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:60]


def _pactl(question: list[str], deadline_ns: int) -> Any:
    said = _said(["pactl", "--format=json", *question], deadline_ns)
    try:
        return json.loads(said)
    except ValueError as error:
        raise _Absent(
            f"pactl's answer cannot be read; version 16 or later is needed ({error})"
        ) from None


def _ask_wpctl(deadline_ns: int) -> SoundServer:
    default = "@DEFAULT_AUDIO_SINK@"
    volume = _said(["wpctl", "get-volume", default], deadline_ns)
    about = _said(["wpctl", "inspect", default], deadline_ns)
    level = re.search(r"([0-9]+\.[0-9]+)", volume)
    if level is None:
        raise _Absent("wpctl's answer cannot be read")
    properties = dict(re.findall(r'([\w.-]+) = "([^"]*)"', about))
    name = properties.get("node.name", default)
    percent = 100.0 * float(level.group(1))
    return SoundServer(
        "yes",
        sink=Sink(
            name=name,
            title=str(properties.get("node.description", name)),
            muted="[MUTED]" in volume,
            volume_percent=(percent, percent),
            bluetooth=_is_bluetooth(name, properties),
            remedy_volume=f"wpctl set-volume {default} 1.0",
            remedy_mute=f"wpctl set-mute {default} 0",
        ),
        why="wpctl does not tell which other streams play; install pulseaudio-utils",
    )


def _said(command: list[str], deadline_ns: int) -> str:
    """What a tool printed, in a locale whose numbers JSON can carry."""
    left_s = (deadline_ns - clock.mono_ns()) / clock.NS_PER_S
    if left_s <= 0:
        raise _Silent
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=left_s,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise _Silent from None
    except OSError as error:
        raise _Absent(f"{command[0]} cannot be run: {error.strerror}") from None
    if answer.returncode != 0:
        raise _Absent("no sound server is running")
    return answer.stdout.decode("utf-8", errors="replace")
