"""The commands of a running session: what is done at the pump, notes, and the sound."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kaproom import clock
from kaproom.cli.asking import ask, daemon
from kaproom.cli.noting import Ago, At, told
from kaproom.cli.options import Json
from kaproom.errors import Mend, Reason, Refused

Preview = Annotated[
    bool,
    typer.Option("--preview", help="Say the end and the next pieces as they would be; do nothing."),
]

infusion = typer.Typer(
    name="infusion",
    help="Record what was done at the pump. kaproom cannot touch the pump.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
level = typer.Typer(
    name="level", help="Louder or softer.", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Add the commands of a session to the app."""
    app.add_typer(infusion)
    app.add_typer(level)
    for command in (hold, advance, calm, skip, duck, fade, away, back, end):
        app.command()(command)
    app.command(name="return")(return_)
    app.command(name="continue")(continue_)
    app.command(name="sign-off")(sign_off)


@infusion.command()
def started(
    when: Ago = None, at: At = None, preview: Preview = False, as_json: Json = False
) -> None:
    """The infusion was started; the music's timeline begins."""
    ask("infusion", {"what": "started", **told(when, at)}, preview=preview, as_json=as_json)


@infusion.command()
def paused(
    when: Ago = None, at: At = None, preview: Preview = False, as_json: Json = False
) -> None:
    """The infusion was paused; the phase waits with its music."""
    ask("infusion", {"what": "paused", **told(when, at)}, preview=preview, as_json=as_json)


@infusion.command()
def resumed(
    when: Ago = None, at: At = None, preview: Preview = False, as_json: Json = False
) -> None:
    """The infusion was resumed after a pause, or after a stop recorded by mistake."""
    ask("infusion", {"what": "resumed", **told(when, at)}, preview=preview, as_json=as_json)


@infusion.command()
def stopped(
    when: Ago = None, at: At = None, preview: Preview = False, as_json: Json = False
) -> None:
    """The infusion was stopped; the music goes over to the descent."""
    ask("infusion", {"what": "stopped", **told(when, at)}, preview=preview, as_json=as_json)


@infusion.command()
def rate(
    value: Annotated[float, typer.Argument(metavar="N")],
    unit: Annotated[str, typer.Argument(metavar="mg/min|mL/h|mg/kg/min")],
    *,
    when: Ago = None,
    at: At = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """The pump's rate was set to N."""
    args = {"what": "rate", "value": value, "unit": unit, **told(when, at)}
    ask("infusion", args, preview=preview, as_json=as_json)


@infusion.command()
def bolus(
    value: Annotated[float, typer.Argument(metavar="MG")],
    unit: Annotated[str, typer.Argument(metavar="mg|mg/kg")] = "mg",
    *,
    when: Ago = None,
    at: At = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """A bolus of MG milligrams was given."""
    args = {"what": "bolus", "value": value, "unit": unit, **told(when, at)}
    ask("infusion", args, preview=preview, as_json=as_json)


def hold(
    for_min: Annotated[
        float | None,
        typer.Argument(metavar="MINUTES", help="So long; then on, where the infusion is."),
    ] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Stay in this phase until `advance`, or for so many minutes."""
    ask("hold", {"for_min": for_min}, preview=preview, as_json=as_json)


def advance(
    yes: Annotated[
        bool, typer.Option("--yes", help="Also to a more intense phase; else it asks.")
    ] = False,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Go on to the next phase; after `hold`, to where the infusion is now."""
    try:
        ask("advance", {"sure": yes}, preview=preview, as_json=as_json)
    except Refused as refusal:
        if refusal.reason != Reason.MORE_INTENSE or not sys.stdin.isatty():
            raise
        question = str(refusal).partition(";")[0]
        if not typer.confirm(f"{question}. Go on?", err=True):
            raise Refused("stayed; nothing was changed") from None
        ask("advance", {"sure": True}, as_json=as_json, pressed_ns=clock.mono_ns())


def calm(preview: Preview = False, as_json: Json = False) -> None:
    """Softer at once, then the profile's refuge, until `return`."""
    ask("calm", preview=preview, as_json=as_json)


def skip(preview: Preview = False, as_json: Json = False) -> None:
    """This piece leaves for another of the phase and does not come again."""
    ask("skip", preview=preview, as_json=as_json)


def duck(as_json: Json = False) -> None:
    """Lower for a voice, until `return`."""
    ask("duck", as_json=as_json)


def fade(
    now: Annotated[bool, typer.Option("--now", help="In 0.3 s instead of 3 s.")] = False,
    as_json: Json = False,
) -> None:
    """To silence, until `return`."""
    ask("fade", {"now": now}, as_json=as_json)


def return_(preview: Preview = False, as_json: Json = False) -> None:
    """Undo duck, fade and calm: the plan's music, where the infusion is now."""
    ask("return", preview=preview, as_json=as_json)


@level.command()
def up(
    by_db: Annotated[float, typer.Argument(metavar="DB", min=0.1, max=12)] = 1.0,
    as_json: Json = False,
) -> None:
    """Louder by DB, within the profile's limits, at most 3 dB a second."""
    ask("level", {"by_db": by_db}, as_json=as_json)


@level.command()
def down(
    by_db: Annotated[float, typer.Argument(metavar="DB", min=0.1, max=12)] = 1.0,
    as_json: Json = False,
) -> None:
    """Softer by DB, within the profile's limits."""
    ask("level", {"by_db": -by_db}, as_json=as_json)


def away(as_json: Json = False) -> None:
    """The headphones come off: silence, and the piece is kept."""
    ask("away", as_json=as_json)


def back(
    now: Annotated[
        bool,
        typer.Option("--now", "--rejoin", help="Where the infusion is now, not the kept place."),
    ] = False,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """The headphones are on again: the music rises softly at the kept place."""
    ask("back", {"rejoin": now}, preview=preview, as_json=as_json)


def continue_(
    minute: Annotated[
        float | None,
        typer.Option("--infusion-minute", metavar="N", help="It runs; its clock shows minute N."),
    ] = None,
    infusion: Annotated[
        str | None, typer.Option(metavar="stopped|paused", help="It does not run.")
    ] = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """After a loss of power: go on, with the infusion as told, or else as recorded."""
    args = {"minute": minute, "infusion": infusion}
    ask("continue", args, preview=preview, as_json=as_json)


def sign_off(
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Its id, or the patient's ref.")
    ] = None,
    by: Annotated[str, typer.Option(metavar="AB", help="The initials of who answers for it.")] = "",
    as_json: Json = False,
) -> None:
    """Answer for the record of a session that has ended; it is sealed then."""
    if not by:
        raise Mend("sign-off: say who answers for it, e.g. `kaproom sign-off --by AB`")
    ask("sign-off", {"session": session, "by": by}, as_json=as_json)


def end(preview: Preview = False, as_json: Json = False) -> None:
    """Close softly: the sound fades, the record is closed."""
    ask("end", preview=preview, as_json=as_json)
    if not preview and not as_json:
        with daemon() as client:
            items = (client.call("status").get("session") or {}).get("closing") or []
        if items:
            typer.echo(
                f"Before the patient leaves: {'; '.join(items)}. `kaproom closing` keeps it."
            )
