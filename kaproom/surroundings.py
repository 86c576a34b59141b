"""What of the machine around the room could spoil a session.

Looking changes nothing, never raises and never hangs: a probe whose tool is absent,
frozen or broken yields "not known". What was found is judged apart from how it was
found, so that the judgement can be tried on any machine.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from kaproom import clock
from kaproom.awake import stay_awake
from kaproom.sound_server import Sink, SoundServer, Stream, ask

Level = Literal["stop", "warn", "note"]

MB = 1_000_000
# Chosen: a session's record takes some 5 MB; the rest is for the system that shares the disk.
DISK_STOP_BYTES = 100 * MB
DISK_WARN_BYTES = 1000 * MB
BATTERY_STOP_PERCENT = 20  # chosen: less than a session's length on most laptops
_VOLUME_TOLERANCE_PERCENT = 0.5  # a slider's rounding; 0.13 dB with PulseAudio's cubic volume


class About(StrEnum):
    """What is looked at before a session, in the order in which people go through it."""

    FILES = "files"
    PROGRAMME = "programme"
    SOUND = "sound"
    LEVEL = "level"
    DISK = "disk"
    CLOCK = "clock"
    POWER = "power"
    BROKER = "broker"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that would stop or spoil a session, in one line with its remedy."""

    level: Level
    where: str
    line: str
    about: About = About.PROGRAMME

    def __str__(self) -> str:
        return f"{self.where}: {self.line}"


@dataclass(frozen=True, slots=True)
class Disk:
    """The folder that the record is written to; ``why_not_writable`` is empty when it can be."""

    folder: Path
    free_bytes: int | None
    why_not_writable: str


@dataclass(frozen=True, slots=True)
class Power:
    """``on_mains`` is None where the machine does not say; ``battery_percent`` without one."""

    on_mains: bool | None
    battery_percent: int | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine around the room, as found at one moment.

    Attributes:
        clock_synchronised: None when the kernel does not say.
        why_not_awake: Why sleep cannot be inhibited; empty when it can.
    """

    sound: SoundServer
    disk: Disk
    power: Power
    clock_synchronised: bool | None
    why_not_awake: str


def look(data_folder: Path, device: str | None = None) -> Surroundings:
    """Find out all of it; some 50 ms, at most 8 s on a machine where everything hangs."""
    return Surroundings(
        sound=ask(device),
        disk=disk(data_folder),
        power=power(),
        clock_synchronised=clock.synchronised(),
        why_not_awake=_why_not_awake(),
    )


def disk(folder: Path) -> Disk:
    """Room left for the record, and whether it can be written at all.

    A folder that does not exist yet is judged by the nearest one above it.
    """
    standing = folder
    while not standing.exists() and standing != standing.parent:
        standing = standing.parent
    try:
        free_bytes: int | None = shutil.disk_usage(standing).free
    except OSError:
        free_bytes = None
    try:
        # Permission bits do not tell of a read-only or broken disk; only writing does.
        with tempfile.NamedTemporaryFile(dir=standing, prefix=".kaproom-") as trial:
            trial.write(b"\0")
            trial.flush()
        why_not = ""
    except OSError as error:
        why_not = (error.strerror or "cannot be written").lower()
    return Disk(folder, free_bytes, why_not)


def power(supplies: Path = Path("/sys/class/power_supply")) -> Power:
    """Mains or battery; the batteries of mice and headsets do not count."""
    mains: list[bool] = []
    percents: list[int] = []
    discharging = False
    for supply in sorted(supplies.glob("*")):
        if _word(supply / "scope") == "Device":
            continue
        kind = _word(supply / "type")
        if kind == "Battery":
            discharging |= _word(supply / "status") == "Discharging"
            percent = _word(supply / "capacity")
            if percent.isdecimal():
                percents.append(int(percent))
        elif kind:
            mains.append(_word(supply / "online") not in ("", "0"))
    # A desktop tells of no supply at all, a laptop sometimes only of its battery.
    on_mains = any(mains) if mains else (not discharging if percents else None)
    return Power(on_mains, min(percents) if percents else None)


def _word(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _why_not_awake() -> str:
    lock = stay_awake("kaproom looks whether it can keep this machine awake")
    lock.release()
    return lock.why_not


def findings(around: Surroundings) -> list[Finding]:
    """What of it must be mended, the worst first."""
    found = [
        *_of_sound(around.sound),
        *all_about(About.DISK, _of_disk(around.disk)),
        *all_about(About.POWER, _of_power(around.power)),
        *all_about(About.CLOCK, _of_clock(around.clock_synchronised)),
        *all_about(About.POWER, _of_sleep(around.why_not_awake)),
    ]
    return worst_first(found)


def all_about(about: About, found: Iterable[Finding]) -> list[Finding]:
    """The same, each of them about this."""
    return [replace(finding, about=about) for finding in found]


def worst_first(found: list[Finding]) -> list[Finding]:
    """By level; within one, in the order found."""
    order = {"stop": 0, "warn": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.level])


def _of_sound(sound: SoundServer) -> list[Finding]:
    where = "sound server"
    if sound.answer == "frozen":
        line = (
            "does not answer, so nothing would be heard; restart it: "
            "systemctl --user restart pipewire pipewire-pulse, or pulseaudio --kill"
        )
        return [Finding("stop", where, line, About.SOUND)]
    if sound.answer in ("absent", "not known"):
        line = f"{sound.why}, so other streams and the system's volume are not known"
        return [Finding("note", where, line, About.LEVEL)]
    if sound.sink is None:
        line = f"{sound.why}; plug the headphones' interface in"
        return [Finding("stop", where, line, About.SOUND)]
    found = []
    sink = sound.sink
    where = "system volume"
    if sink.muted:
        line = f"{sink.title} is muted; unmute it: {sink.remedy_mute}"
        found.append(Finding("stop", where, line, About.LEVEL))
    lowest, highest = sink.volume_percent
    if max(abs(lowest - 100.0), abs(highest - 100.0)) > _VOLUME_TOLERANCE_PERCENT:
        stands = f"{lowest:.0f} %" if highest - lowest < 1 else f"{lowest:.0f} to {highest:.0f} %"
        line = (
            f"{sink.title} stands at {stands}; kaproom sets the level and needs 100 %: "
            f"headphones off the ears, then {sink.remedy_volume}"
        )
        found.append(Finding("stop", where, line, About.LEVEL))
    if sink.bluetooth:
        line = (
            f"{sink.title} is a Bluetooth output: its sound comes late, may drop out and may "
            "pause when a phone rings; use a cable"
        )
        found.append(Finding("warn", "headphones", line, About.SOUND))
    for stream in sound.streams or ():
        found += _of_stream(stream, sink)
    if sound.streams is None:
        found.append(Finding("note", where, sound.why, About.SOUND))
    return found


def _of_stream(stream: Stream, sink: Sink) -> list[Finding]:
    where = "other sound"
    if not stream.ours:
        if stream.paused:
            line = f"{stream.title} is paused in {sink.title} and could go on; close it"
            return [Finding("note", where, line, About.SOUND)]
        line = f"{stream.title} also plays into {sink.title}, to the patient's ears; close it"
        return [Finding("warn", where, line, About.SOUND)]
    where = "system volume"
    if stream.muted:
        line = "kaproom's own stream is muted in the system's mixer; unmute it there"
        return [Finding("stop", where, line, About.LEVEL)]
    if abs(stream.volume_percent - 100.0) > _VOLUME_TOLERANCE_PERCENT:
        line = (
            f"kaproom's own stream stands at {stream.volume_percent:.0f} % in the system's mixer; "
            "headphones off the ears, then set it to 100 % there"
        )
        return [Finding("stop", where, line, About.LEVEL)]
    return []


def _of_disk(disk: Disk) -> list[Finding]:
    where = str(disk.folder)
    if disk.why_not_writable:
        line = (
            f"the record cannot be written there ({disk.why_not_writable}); "
            "make the folder writable for this user or choose another data folder"
        )
        return [Finding("stop", where, line)]
    if disk.free_bytes is None:
        return [Finding("note", where, "how much room is left on its disk is not known")]
    free = f"{disk.free_bytes / MB:.0f} MB"
    if disk.free_bytes < DISK_STOP_BYTES:
        line = f"only {free} free; the record needs {DISK_STOP_BYTES // MB} MB: free some"
        return [Finding("stop", where, line)]
    if disk.free_bytes < DISK_WARN_BYTES:
        return [Finding("warn", where, f"only {free} free on its disk; free some soon")]
    return []


def _of_power(power: Power) -> list[Finding]:
    if power.on_mains is not False:
        return []
    charge = "" if power.battery_percent is None else f" ({power.battery_percent} %)"
    low = power.battery_percent is not None and power.battery_percent < BATTERY_STOP_PERCENT
    line = f"the machine runs on its battery{charge}; plug it in"
    return [Finding("stop" if low else "warn", "power", line)]


def _of_clock(synchronised: bool | None) -> list[Finding]:
    if synchronised is False:
        line = "not synchronised, so the record's times may be off: timedatectl set-ntp true"
        return [Finding("warn", "clock", line)]
    if synchronised is None:
        return [Finding("note", "clock", "whether it is synchronised is not known")]
    return []


def _of_sleep(why_not_awake: str) -> list[Finding]:
    if not why_not_awake:
        return []
    line = (
        f"the machine cannot be kept awake ({why_not_awake}); "
        "turn off sleep and the lid switch in its settings"
    )
    return [Finding("warn", "sleep", line)]
