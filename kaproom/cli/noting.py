"""The commands of notes: what was seen, by whom and when; corrections are added."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kaproom.cli.asking import ago, ask, daemon
from kaproom.cli.options import Json

Ago = Annotated[
    str | None, typer.Option("--ago", metavar="TIME", help="How long ago it was: 90s, 3m, 2m30s.")
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="HH:MM", help="The time of day it was, on the room's clock."),
]
By = Annotated[str | None, typer.Option("--by", metavar="AB", help="Whose it is, by initials.")]
Of = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="A session that is over, by id or ref."),
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of notes to the app."""
    for command in (note, notes, amend, who):
        app.command()(command)


def note(
    category: Annotated[str, typer.Argument(metavar="CATEGORY")],
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT")] = None,
    *,
    when: Ago = None,
    at: At = None,
    by: By = None,
    integration: Annotated[
        bool,
        typer.Option("--integration", help="Of the therapy afterwards; also once signed off."),
    ] = False,
    session: Of = None,
    as_json: Json = False,
) -> None:
    """Record a note; it is on disk when this answers."""
    args = {"category": category, "text": " ".join(text or []), "integration": integration}
    ask("note", args | told(when, at) | _given(by=by, session=session), as_json=as_json)


def notes(by: By = None) -> None:
    """Take notes with one key each, in this terminal; text may follow."""
    from kaproom.displays.notetaker import take_notes

    take_notes(lambda: daemon("notes"), by)


def amend(
    seq: Annotated[int, typer.Argument(metavar="SEQ", help="The note's number.")],
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT")] = None,
    *,
    category: Annotated[str | None, typer.Option(help="The right category.")] = None,
    in_error: Annotated[bool, typer.Option("--in-error", help="It was entered in error.")] = False,
    when: Ago = None,
    at: At = None,
    by: By = None,
    session: Of = None,
    as_json: Json = False,
) -> None:
    """Add a correction to a note: its text, category or time; both stay in the record."""
    args = {"seq": seq, "text": " ".join(text) if text else None, "category": category}
    args |= {"in_error": in_error} | told(when, at) | _given(by=by, session=session)
    ask("amend", args, as_json=as_json)


def who(
    initials: Annotated[
        list[str] | None, typer.Argument(metavar="AB CD …", help="Those present from now on.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Who is present, by initials; every entry carries them."""
    if initials:
        ask("who", {"who": people(initials)}, as_json=as_json)
        return
    with daemon() as client:
        there = (client.call("status").get("session") or {}).get("who") or []
    typer.echo(f"Present: {', '.join(there)}." if there else "Nobody is named as present.")


def people(written: list[str]) -> list[str]:
    """Initials as they are typed: "AB CD", "AB,CD" or both."""
    return [one for word in written for one in word.replace(",", " ").split()]


def told(when: str | None, at: str | None) -> dict[str, Any]:
    """The arguments for `--ago` and `--at`."""
    return ago(when) | ({} if at is None else {"at": at})


def _given(**args: str | None) -> dict[str, str]:
    return {name: value for name, value in args.items() if value is not None}
