"""The commands that keep the record: whether it is whole, copies of it, what is erased."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from kaproom.cli.asking import HERE, daemon
from kaproom.cli.options import Json
from kaproom.errors import Mend, Refused, WorldFailed

# The record is written anew, some 100 MB a second.
_ERASE_MAX_S = 120.0


def add_to(app: typer.Typer) -> None:
    """Add the commands of the record to the app."""
    for command in (verify, backup, erase):
        app.command()(command)


def verify(
    record: Annotated[
        Path | None, typer.Argument(metavar="RECORD", help="A record's file; else this room's.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            metavar="SEQ:HASH|FILE", help="A head kept elsewhere, or a file of states by MQTT."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the record and name the first broken entry."""
    from kaproom.places import data_folder
    from kaproom.record import kept_heads
    from kaproom.record import verify as walk

    where = record or data_folder(HERE.room()[0])
    kept = () if head is None else kept_heads(head, where)
    verdict = walk(where, *kept)
    if as_json:
        typer.echo(json.dumps(asdict(verdict)))
    elif verdict.whole:
        typer.echo(
            f"whole: {verdict.entries} entries; ends in {verdict.head.seq}:{verdict.head.hash}"
        )
        if kept:
            heads = "1 head" if len(kept) == 1 else f"{len(kept)} heads"
            typer.echo(f"compared with {heads} kept elsewhere: all in it")
        for line in verdict.cannot_prove:
            typer.echo(f"not proven: {line}")
    else:
        place = "" if verdict.first_broken is None else f"entry {verdict.first_broken}: "
        typer.echo(f"broken: {place}{verdict.reason}", err=True)
    sys.exit(0 if verdict.whole else 1)


def backup(
    to: Annotated[
        Path, typer.Argument(metavar="DEST", help="A folder, or a file that is not there yet.")
    ],
    as_json: Json = False,
) -> None:
    """Copy the record while the room runs, and prove the copy."""
    from kaproom import clock
    from kaproom.places import data_folder
    from kaproom.record import copied

    room, _ = HERE.room()
    name = f"kaproom-{room.site}-{room.room}-{clock.utc():%Y%m%dT%H%M%SZ}.sqlite3"
    copy = copied(data_folder(room), to.absolute(), name)
    # An erasure names the copies that it cannot reach; without a daemon nobody keeps that.
    known = False
    with suppress(WorldFailed, Mend, Refused), daemon() as client:
        client.call("backed-up", {"file": str(copy.file)})
        known = True
    head = copy.verdict.head
    if as_json:
        told = {"file": str(copy.file), "entries": copy.verdict.entries, "head": asdict(head)}
        typer.echo(json.dumps(told | {"known": known}))
        return
    typer.echo(f"{copy.file}: whole, {copy.verdict.entries} entries")
    typer.echo(f"write down, and keep elsewhere: {head.seq}:{head.hash}")
    if not known:
        typer.echo("no daemon runs, so the record does not know of this copy", err=True)


def erase(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="Its id, or the patient's ref.")
    ],
    confirm: Annotated[
        str | None, typer.Option(metavar="CODE", help="The code that was told with what goes.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="AB", help="The initials of who erases.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Erase a session for good: said first, done with --confirm. The chain holds."""
    args = {"session": session, "confirm": confirm, "by": by}
    try:
        client = daemon()
    except WorldFailed:
        answer = _erased_alone(session, confirm, by)
    else:
        answer = client.call("erase", args, timeout_s=_ERASE_MAX_S)
    typer.echo(json.dumps(answer) if as_json else answer["line"])


def _erased_alone(session: str, confirm: str | None, by: str | None) -> dict[str, Any]:
    """No daemon runs: we are the record's only writer, under its lock."""
    from kaproom.places import data_folder
    from kaproom.record import Record, RoomLock
    from kaproom.room.erasing import asked, confirmed, going

    data = data_folder(HERE.room()[0])
    with RoomLock(data), Record.open(data) as record:
        if record.last_open_session() is not None:
            raise Refused("a session was left open; start `kaproom daemon`, which closes it")
        found = going(record, session)
        erasure = confirmed(found, confirm, by)
        if erasure is None:
            return asked(found)
        erasure.work(record)
        return {"line": erasure.line()}
