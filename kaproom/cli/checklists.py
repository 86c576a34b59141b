"""The day's checklist, which the start waits for, and the one before the patient leaves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom import clock
from kaproom.cli.asking import ask, daemon
from kaproom.cli.options import Json
from kaproom.cli.questions import asked_initials, asked_line, gone_through, today
from kaproom.errors import Mend

if TYPE_CHECKING:
    from kaproom.session.preparation import Preparation, Ticked

By = Annotated[str | None, typer.Option("--by", metavar="AB", help="Who says so, by initials.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="ITEM=REASON", help="Not so, and why it goes on."),
]
Confirm = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="all|1,3", help="Items of the checklist that are so."),
]
IN_FULL = "Prepared in full"
"""What stands on the day's checklist when something of the preparation is still open."""


def add_to(app: typer.Typer) -> None:
    """Add the command of the last checklist to the app."""
    app.command()(closing)


def closing(
    *,
    confirm: Confirm = None,
    override: Override = None,
    left: Annotated[
        str | None, typer.Option("--left", metavar="HH:MM", help="When the patient left.")
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """The checklist before the patient leaves: last vital signs, steady, escort, left at."""
    with daemon() as client:
        session = client.call("status").get("session")
    if session is None:
        raise Mend("no session is open, and none waits to be signed off")
    items = session["closing"]
    if not confirm and not override and sys.stdin.isatty():
        by = by or asked_initials("Confirmed by (initials)")
        confirm, override = gone_through(items)
        left = left or asked_line("Left at (HH:MM, empty: not yet)", "") or None
    ticked = _ticked(items, confirm, override, by, must=False)
    if left is not None:
        from kaproom.room.stamps import told_at

        told_at(left, clock.utc())
    args = {"which": "after", "items": [one.model_dump(mode="json") for one in ticked]}
    for one in ticked:
        if not one.settled:
            typer.echo(f"open  {one.item}", err=True)
    ask("checklist", args | {"left_at": left}, as_json=as_json)


def the_day(
    prepared: Preparation | None,
    must: Sequence[str],
    confirm: list[str] | None,
    override: list[str] | None,
    by: str | None,
) -> list[dict[str, Any]]:
    """The day's checklist, gone through here or as flags say it, for the daemon.

    Raises:
        Mend: Something that must be confirmed is not, and nobody is here to be asked.
    """
    items = [*must]
    if prepared is not None and prepared.missing:
        typer.echo(f"open in the preparation: {'; '.join(prepared.missing)}", err=True)
        items.insert(0, IN_FULL)
    if prepared is not None and items and not confirm and not override and sys.stdin.isatty():
        by = by or asked_initials("Checklist by (initials)")
        confirm, override = gone_through(items)
    ticked = _ticked(items, confirm, override, by, must=True)
    if prepared is not None:
        waiting = [one.item for one in ticked if not one.settled]
        if waiting:
            listed = "; ".join(f"{items.index(item) + 1} {item}" for item in waiting)
            raise Mend(
                f"not confirmed: {listed}; add --confirm all, or --confirm 1,2 and "
                "--override '3=REASON' --by AB"
            )
    return [one.model_dump(mode="json") for one in ticked if one.settled]


def _ticked(
    items: Sequence[str],
    confirm: list[str] | None,
    override: list[str] | None,
    by: str | None,
    *,
    must: bool,
) -> tuple[Ticked, ...]:
    from kaproom.session.people import initials
    from kaproom.session.preparation import worked_off

    who = None if by is None else initials(by)
    return worked_off(items, confirm or (), override or (), by=who, on=today(), must=must)
