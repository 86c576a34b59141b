"""`kaproom check --deep`: how far the rehearsal is, and what it found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table

from kaproom.curation.check import Checked
from kaproom.curation.deep import Deep, Progress, chosen, rehearse
from kaproom.curation.faults import Fault
from kaproom.curation.selection import selected
from kaproom.files import LoadedProfile
from kaproom.places import legible, shown

NOTHING_PLAYED = Deep((), ())
"""Of a session that a fault of its files or its profile would stop."""


def rehearsed(
    loaded: LoadedProfile,
    found: Checked,
    without: frozenset[str],
    closing: Path | None,
    disturbances: str | None,
    *,
    quiet: bool,
) -> Deep:
    """The session played through; a bar for each course shows how far that is.

    Raises:
        Mend: There is no such disturbance.
    """
    names = None if disturbances is None else _names(disturbances)
    courses = chosen(names, loaded.profile)
    closing = None if closing is None else closing.absolute()
    repertoire = selected(loaded, found.measured, 0, without, closing)
    with _bars(quiet) as told:
        return rehearse(loaded.profile, repertoire, found.measured, courses, told)


def told(deep: Deep) -> Iterator[str]:
    """What was played and found, a line each, for a file or a pipe."""
    for fault in deep.faults:
        yield f"FAULT  {_where(fault)}: {_what(fault)}"
    yield _summary(deep)


def tabled(deep: Deep) -> None:
    """The same on a terminal."""
    if deep.faults:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for title in ("MINUTE", "PHASE", "PIECE", "AT", "WHAT, AND WHAT WOULD MEND IT", "ON"):
            table.add_column(title, no_wrap=title in ("MINUTE", "AT"), overflow="fold")
        for fault in deep.faults:
            on = ", ".join((fault.course, *fault.also))
            table.add_row(fault.when, fault.phase, _piece(fault), fault.at, fault.line, on)
        # A name may look like markup; a table cell is told as it is.
        Console(markup=False, highlight=False, emoji=False).print(table)
    typer.echo(_summary(deep))


def as_json(found: Checked, deep: Deep) -> dict[str, Any]:
    """The whole of it for machines."""
    return {
        "findings": [asdict(finding) for finding in found.findings],
        "courses": [{"name": way.name, "about": way.about} for way in deep.courses],
        "faults": [fault.to_json() for fault in deep.faults],
    }


def _names(written: str) -> list[str]:
    return [name.strip().lower() for name in written.split(",") if name.strip()]


def _where(fault: Fault) -> str:
    on = ", ".join((fault.course, *fault.also))
    phase = f", {fault.phase}" if fault.phase else ""
    return f"minute {fault.when}{phase} ({on})"


def _what(fault: Fault) -> str:
    piece = _piece(fault)
    at = f" at {fault.at}" if fault.at else ""
    return f"'{piece}'{at} {fault.line}" if piece else fault.line


def _piece(fault: Fault) -> str:
    return legible(shown(Path(fault.file)) if fault.file else fault.title, 80)


def _summary(deep: Deep) -> str:
    played = "; ".join(f"{way.name} ({way.about})" for way in deep.courses)
    count = len(deep.faults)
    heard = "no fault" if not count else "1 fault" if count == 1 else f"{count} faults"
    return f"rehearsed: {played}: {heard}"


@contextmanager
def _bars(quiet: bool) -> Iterator[Progress]:
    """A bar for each course on stderr, as soon as it is played."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, part: None
        return
    bars = Bars(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    tasks: dict[str, Any] = {}

    def on(name: str, part: float) -> None:
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=1.0)
        bars.update(tasks[name], completed=part)

    with bars:
        yield on
