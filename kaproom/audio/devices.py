"""Whether the room's sound device is there, asked of a process that may be killed.

A frozen sound server hangs whoever touches it; nobody here does.
"""

from __future__ import annotations

from pathlib import Path

from kaproom.audio.haste import hastens
from kaproom.audio.outputs import SoundOutput, sound_outputs
from kaproom.audio.ring import RING_FILE, Ring, RingError
from kaproom.errors import WorldFailed
from kaproom.places import legible
from kaproom.session.roomfile import RoomFile
from kaproom.session.spelling import did_you_mean
from kaproom.surroundings import About, Finding, all_about, findings, look, worst_first

_DEVICE = "sound device"


def devices(timeout_s: float = 5.0) -> list[SoundOutput]:
    """The sound outputs of this machine, asked of a process that may be killed.

    Raises:
        WorldFailed: There is no PortAudio, or the sound server does not answer.
    """
    return sound_outputs(timeout_s)


def of_device(room: RoomFile, timeout_s: float = 5.0) -> list[Finding]:
    """Whether the room's device is there."""
    wanted = room.device
    if wanted == "silent":
        line = "is `silent`: nothing will be heard; name one that `kaproom devices` lists"
        return [Finding("warn", _DEVICE, line)]
    try:
        outputs = devices(timeout_s)
    except WorldFailed as failed:
        return [Finding("stop", _DEVICE, str(failed))]
    if not outputs:
        line = (
            "there is no sound output: plug the headphones' interface in, or start the sound"
            " server; where that runs, sudo apt-get install libasound2-plugins"
        )
        return [Finding("stop", _DEVICE, line)]
    names = ", ".join(legible(output.name, 60) for output in outputs)
    if wanted == "auto":
        if any(output.default for output in outputs):
            return []
        line = f"none of the outputs is the system's default; set device to one of: {names}"
        return [Finding("stop", _DEVICE, line)]
    meant = named(wanted, [output.name for output in outputs])
    if len(meant) == 1:
        return []
    if meant:
        line = f"'{wanted}' means several outputs ({', '.join(meant)}); give one's whole name"
        return [Finding("stop", _DEVICE, line)]
    near = did_you_mean(wanted, [output.name for output in outputs])
    line = f"no output is called '{wanted}'{near}; plug it in, or set device to one of: {names}"
    return [Finding("stop", _DEVICE, line)]


def named(wanted: str, names: list[str]) -> list[str]:
    """The names that PortAudio's door takes ``wanted`` for.

    Each word in its order, capitals apart; a whole name goes before parts of others.
    """
    words = wanted.casefold().split()
    whole = [name for name in names if name.casefold() == wanted.casefold()]
    return whole or [name for name in names if _in_order(words, name.casefold())]


def _in_order(words: list[str], name: str) -> bool:
    place = 0
    for word in words:
        place = name.find(word, place)
        if place < 0:
            return False
        place += len(word)
    return True


def of_haste(runtime: Path) -> list[Finding]:
    """Whether the player in ``runtime``, if there is one, comes before all that is ordinary."""
    try:
        ring = Ring.attach(runtime / RING_FILE)
    except RingError:
        return []
    player = ring.player_pid
    ring.close()
    if not player or hastens(player) is not False:
        return []
    line = (
        "player and output have no real time: a very busy machine may be heard; `kaproom install`"
        " gives it, or a line `@audio - rtprio 20` in /etc/security/limits.d and a new login"
    )
    return [Finding("note", _DEVICE, line)]


def survey(room: RoomFile, data: Path, runtime: Path | None = None) -> list[Finding]:
    """What of this machine could spoil a session: device, sound server, disk, power, clock.

    With ``runtime``, how the room's player runs as well.
    """
    sound = of_device(room)
    if runtime is not None and room.device != "silent":
        sound += of_haste(runtime)
    return worst_first([*all_about(About.SOUND, sound), *findings(look(data, room.device))])
