"""What stands before a session: load, measure, check, and choose the music."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kaproom.cli.asking import daemon
from kaproom.curation.check import Checked, check, devices
from kaproom.curation.scan import Progress as Told
from kaproom.curation.scan import Scan, scan
from kaproom.curation.selection import selected
from kaproom.errors import Mend, WorldFailed
from kaproom.files import LoadedProfile, load_profile
from kaproom.measurements import Measurements, cache_folder
from kaproom.places import data_folder, legible
from kaproom.session.roomfile import RoomFile
from kaproom.surroundings import Finding

_MARKS = {"stop": "STOP", "warn": "warn", "note": "note"}


def checked(
    profile: str,
    room: RoomFile,
    without: frozenset[str],
    closing: Path | None,
    *,
    quiet: bool,
    surroundings: bool = True,
) -> Checked:
    """The findings on one session, its music measured; a bar shows how far that is."""
    loaded = load_profile(profile, room)
    with _bar(quiet) as told:
        found = check(loaded, room, without, closing, progress=told, surroundings=surroundings)
    return replace(
        found, findings=_with_broker(found.findings, room) if surroundings else found.findings
    )


def begin(
    profile: str,
    room: RoomFile,
    without: frozenset[str],
    closing: Path | None,
    *,
    quiet: bool,
    surroundings: bool = True,
) -> dict[str, Any]:
    """What the daemon needs to begin a session, everything checked and measured.

    Raises:
        Mend: Something would stop the session; a line for each.
    """
    loaded = load_profile(profile, room)
    closing = None if closing is None else closing.absolute()
    with _bar(quiet) as told:
        found = check(loaded, room, without, closing, progress=told, surroundings=surroundings)
    stops = [finding for finding in found.findings if finding.level == "stop"]
    if stops:
        raise Mend("\n".join(str(finding) for finding in stops))
    if not quiet:
        shown(_with_broker(found.findings, room) if surroundings else found.findings)
        _remind(loaded)
    repertoire = selected(loaded, found.measured, secrets.randbelow(2**31), without, closing)
    return {
        "profile": loaded.profile.model_dump(mode="json"),
        "repertoire": repertoire.model_dump(mode="json"),
        "without": sorted(without),
        "findings": [str(finding) for finding in found.findings],
    }


def _with_broker(findings: Iterable[Finding], room: RoomFile) -> list[Finding]:
    return sorted(
        [*findings, *_broker(room)], key=lambda finding: list(_MARKS).index(finding.level)
    )


def _broker(room: RoomFile) -> list[Finding]:
    """What is wrong with the room's broker; it stops no session."""
    from kaproom.wire import trial

    if room.broker is None:
        return []
    try:
        with daemon() as client:
            bus = client.call("status").get("bus") or {}
    except (WorldFailed, Mend):
        # Beside a daemon this would take its place at a broker that knows us by certificate.
        fault = trial(room.broker, f"kaproom-check-{secrets.token_hex(6)}")
        line = None if fault is None else fault.line
    else:
        line = bus.get("fault")
    if line is None:
        return []
    where, _, what = line.partition(": ")
    return [Finding("warn", where, f"{what}; the room runs on")]


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
        why = "no sound output was found; is a sound server running?"
    except WorldFailed as failed:
        why = str(failed)
    return "silent", f"{why}\nGoing on in silence, on a real clock."


def _remind(loaded: LoadedProfile) -> None:
    for item in loaded.profile.checklist.before.must:
        typer.echo(f"must  {item}")
    for item in loaded.profile.checklist.before.remind:
        typer.echo(f"      {item}")


@contextmanager
def _bar(quiet: bool) -> Iterator[Told]:
    """A progress bar on stderr; it appears only when there is something to measure."""
    bar = Progress(
        TextColumn("measuring"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
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
