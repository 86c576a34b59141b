"""The headphones before a session: a test tone on one side, and what was heard of it."""

from __future__ import annotations

from typing import Annotated

import typer

from kaproom.cli.asking import ask, daemon
from kaproom.cli.checklists import By
from kaproom.cli.options import Json
from kaproom.errors import WorldFailed

_STATES = 12
"""The room says its state four times a second: the device has had time to open."""

Where = Annotated[str, typer.Argument(metavar="left|right|both|off")]
Ear = Annotated[str, typer.Argument(metavar="left|right")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of the test tone to the app."""
    app.command()(tone)
    app.command()(heard)


def tone(side: Where, as_json: Json = False) -> None:
    """A soft tone for ten seconds on one side of the headphones; never in a session."""
    ask("tone", {"side": side}, as_json=as_json)
    if side != "off" and not as_json:
        _sees_it_leave()


def _sees_it_leave() -> None:
    """Wait until the tone has left for the device, or cannot.

    Raises:
        WorldFailed: It cannot.
    """
    with daemon() as client:
        for _, state in zip(range(_STATES), client.watch(), strict=False):
            tones = state["tones"]
            if tones["lost"]:
                raise WorldFailed(f"nothing can be heard: {tones['lost']}")
            if tones["sounding"] is None or tones["level_lufs"] is not None:
                return


def heard(
    side: Ear,
    nothing: Annotated[bool, typer.Option("--not", help="Not there, or not there alone.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """The tone on this side was heard there, and only there; kept in the record."""
    ask("heard", {"side": side, "heard": not nothing, "by": by}, as_json=as_json)
