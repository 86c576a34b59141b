"""The headphones before a session: a test tone on one side, and what was heard of it."""

from __future__ import annotations

from typing import Annotated

import typer

from kaproom.cli.asking import ask
from kaproom.cli.checklists import By
from kaproom.cli.options import Json

Where = Annotated[str, typer.Argument(metavar="left|right|both|off")]
Ear = Annotated[str, typer.Argument(metavar="left|right")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of the test tone to the app."""
    app.command()(tone)
    app.command()(heard)


def tone(side: Where, as_json: Json = False) -> None:
    """A soft tone for ten seconds on one side of the headphones; never in a session."""
    ask("tone", {"side": side}, as_json=as_json)


def heard(
    side: Ear,
    nothing: Annotated[bool, typer.Option("--not", help="Not there, or not there alone.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """The tone on this side was heard there, and only there; kept in the record."""
    ask("heard", {"side": side, "heard": not nothing, "by": by}, as_json=as_json)
