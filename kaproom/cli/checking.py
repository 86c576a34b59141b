"""What stands before a session: load, measure, check, and choose the music."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kaproom.audio.devices import devices, survey
from kaproom.cli.asking import daemon
from kaproom.curation.check import Checked, check
from kaproom.curation.scan import Progress as Told
from kaproom.curation.scan import Scan, scan
from kaproom.curation.selection import selected
from kaproom.errors import Mend, WorldFailed
from kaproom.files import LoadedProfile, load_profile
from kaproom.measurements import Measurements, cache_folder
from kaproom.places import data_folder, legible
from kaproom.session.ears import EARS
from kaproom.session.roomfile import RoomFile
from kaproom.surroundings import About, Finding, worst_first

_SURVEY_MAX_S = 20.0  # a device that hangs takes 5 s, a sound server 2 s
_MARKS = {"stop": "STOP", "warn": "warn", "note": "note"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A session that somebody wants.

    Attributes:
        profile: Its name, or a path.
        room: Where.
        without: What has one of these tags is left out.
        closing: The patient's own last piece.
        surroundings: Whether the room's machine is looked at too, not the music alone.
    """

    profile: str
    room: RoomFile
    without: frozenset[str] = frozenset()
    closing: Path | None = None
    surroundings: bool = True


def checked(wanted: Wanted, *, quiet: bool) -> Checked:
    """The findings on one session, its music measured; a bar shows how far that is."""
    found = _checked(load_profile(wanted.profile, wanted.room), wanted, quiet)
    if not wanted.surroundings:
        return found
    return replace(found, findings=worst_first([*found.findings, *_tried(wanted.room)]))


def passed(wanted: Wanted, *, quiet: bool) -> Checked:
    """The same, of a session that nothing stops.

    Raises:
        Mend: Something would; a line for each.
    """
    found = checked(wanted, quiet=quiet)
    _must_pass(found.findings)
    return found


def begin(wanted: Wanted, *, quiet: bool) -> dict[str, Any]:
    """What the daemon needs to begin a session, everything checked and measured.

    Raises:
        Mend: Something would stop the session; a line for each.
    """
    findings, args = looked(wanted, quiet=quiet)
    _must_pass(findings)
    assert args is not None
    tried = _tried(wanted.room) if wanted.surroundings else []
    if not quiet:
        shown(worst_first([*findings, *tried]))
    return args | {"findings": [*args["findings"], *map(str, tried)]}


def _must_pass(findings: Iterable[Finding]) -> None:
    stops = [str(finding) for finding in findings if finding.level == "stop"]
    if stops:
        raise Mend("\n".join(stops))


def looked(wanted: Wanted, *, quiet: bool) -> tuple[Sequence[Finding], dict[str, Any] | None]:
    """What the checks found, and what the daemon needs to begin; None if something stops it.

    Whether the test tone was heard is not among them: people say so, at any time.

    Raises:
        Mend: The profile cannot be read.
    """
    loaded, without = load_profile(wanted.profile, wanted.room), wanted.without
    closing = None if wanted.closing is None else wanted.closing.absolute()
    found = _checked(loaded, replace(wanted, closing=closing), quiet)
    if found.stops:
        return found.findings, None
    repertoire = selected(loaded, found.measured, secrets.randbelow(2**31), without, closing)
    return found.findings, {
        "profile": loaded.profile.model_dump(mode="json"),
        "repertoire": repertoire.model_dump(mode="json"),
        "without": sorted(without),
        "findings": [str(finding) for finding in found.findings],
    }


def _checked(loaded: LoadedProfile, wanted: Wanted, quiet: bool) -> Checked:
    room, without, closing = wanted.room, wanted.without, wanted.closing
    with _bar(quiet) as told:
        found = check(loaded, room, without, closing, progress=told, surroundings=False)
    if not wanted.surroundings:
        return found
    return replace(found, findings=worst_first([*found.findings, *_surveyed(room), *_broker(room)]))


def _surveyed(room: RoomFile) -> list[Finding]:
    """What of the room's machine could spoil a session, as the room's own service sees it.

    Whoever types the command may have another sound server, and no right to the record.
    """
    try:
        with daemon() as client:
            told = client.call("survey", timeout_s=_SURVEY_MAX_S)["findings"]
    except (WorldFailed, Mend):
        return survey(room, data_folder(room))
    return [
        Finding(one["level"], one["where"], one["line"], About(one.get("about", About.SOUND)))
        for one in told
    ]


def _broker(room: RoomFile) -> list[Finding]:
    """What is wrong with the room's broker; it stops no session."""
    from kaproom.wire import exposed, trial

    if room.broker is None:
        return []
    lines = [fault.line for fault in exposed(room.broker)]
    try:
        with daemon() as client:
            bus = client.call("status").get("bus") or {}
    except (WorldFailed, Mend):
        # Beside a daemon this would take its place at a broker that knows us by certificate.
        fault = trial(room.broker, f"kaproom-check-{secrets.token_hex(6)}")
        away = None if fault is None else fault.line
    else:
        away = bus.get("fault")
    if away is not None:
        lines.append(f"{away}; the room runs on")
    told = (line.partition(": ") for line in lines)
    return [Finding("warn", where, what, About.BROKER) for where, _, what in told]


def _tried(room: RoomFile) -> list[Finding]:
    """What is not known yet of the headphones, left and right; it stops no session."""
    if room.device == "silent":
        return []
    try:
        with daemon() as client:
            tones = client.call("status").get("tones") or {}
    except (WorldFailed, Mend):
        return []
    untried = [ear for ear in EARS if ear in tones and tones[ear] is None]
    deaf = [ear for ear in EARS if tones.get(ear) and not tones[ear]["heard"]]
    found = []
    if deaf:
        line = (
            f"the tone was not heard on the {' and the '.join(deaf)}: the plug, the cable, "
            f"the headphones the right way round? then `kaproom tone {deaf[0]}`"
        )
        found.append(Finding("warn", "headphones", line, About.SOUND))
    if untried:
        line = f"not tried on the {' and the '.join(untried)} yet: `kaproom tone {untried[0]}`"
        found.append(Finding("note", "headphones", line, About.SOUND))
    return found


def measure(paths: Iterable[Path], room: RoomFile, *, quiet: bool) -> Scan:
    """Measure what was not measured; a bar shows how far that is."""
    with _bar(quiet) as told:
        return scan(paths, Measurements(cache_folder(data_folder(room))), told)


def shown(findings: Iterable[Finding]) -> None:
    """Findings, a line each, the gravest first."""
    for finding in findings:
        typer.echo(f"{_MARKS[finding.level]}  {finding}", err=finding.level == "stop")


def sound_device() -> tuple[str, str | None]:
    """The demo's output, and why it is silent if it is."""
    try:
        if any(device.default for device in devices()):
            return "auto", None
        why = (
            "no sound output was found: start the sound server, or "
            "sudo apt-get install pulseaudio libasound2-plugins"
        )
    except WorldFailed as failed:
        why = str(failed)
    return "silent", f"{why}\nGoing on in silence, on a real clock."


def shown_before(before: Mapping[str, Any], *, must: bool) -> None:
    """What is to be thought of before a session, where nobody confirms it item by item."""
    for item in before["must"] if must else ():
        typer.echo(f"must  {item}")
    for item in before["remind"]:
        typer.echo(f"      {item}")


@contextmanager
def _bar(quiet: bool) -> Iterator[Told]:
    """A progress bar on stderr; it appears only when there is something to measure."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, name: None
        return
    bar = Progress(
        TextColumn("measuring"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None, start=False)

    def told(done: int, total: int, name: str) -> None:
        if not bar.live.is_started:
            bar.start()
            bar.start_task(task)
        bar.update(task, completed=done, total=total, description=legible(Path(name).name, 40))

    try:
        yield told
    finally:
        if bar.live.is_started:
            bar.stop()
