"""The commands that open windows."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from kaproom.cli.options import (
    Ca,
    Cert,
    Darkness,
    Display,
    Full,
    Language,
    PasswordFile,
    PrivateKey,
    Screenshot,
    Size,
    Tour,
    Username,
)
from kaproom.errors import Mend

if TYPE_CHECKING:
    from kaproom.displays.station.ward import Key

_ALIAS = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the app."""
    app.command()(station)


def station(
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="mqtt://HOST or mqtts://HOST; else the room's."),
    ] = None,
    *,
    site: Annotated[str | None, typer.Option(help="The clinic; else every one there is.")] = None,
    station_id: Annotated[
        str | None, typer.Option("--id", help="Of this station, on the wire; else the machine's.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What people call this station.")] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE/ROOM", help="A room to show always, heard of or not; repeat."),
    ] = None,
    second: Annotated[
        bool, typer.Option("--second", help="Call only for what nobody has seen for long.")
    ] = False,
    sound: Annotated[bool, typer.Option("--sound", help="Sound for open matters.")] = False,
    escalate_s: Annotated[
        float, typer.Option(min=5, max=3600, help="After so long unseen a matter grows.")
    ] = 30.0,
    username: Username = None,
    password_file: PasswordFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: PrivateKey = None,
    language: Language = None,
    dim: Darkness = 0,
    full: Full = False,
    size: Size = "1280x800",
    display: Display = 0,
    screenshot: Screenshot = None,
    tour: Tour = None,
) -> None:
    """The nurse station: every room of a broker in one window. It only reads and signs."""
    from kaproom.cli.wire import broker_of
    from kaproom.displays import pictures
    from kaproom.displays.palette import Dim
    from kaproom.displays.station.program import Settings, Station
    from kaproom.displays.station.saying import Saying
    from kaproom.displays.station.tour import stops
    from kaproom.displays.station.view import View
    from kaproom.displays.words import spoken
    from kaproom.places import state_folder

    say, size_px = Saying(spoken(language)), pictures.size_of(size)
    if tour is not None:
        made = pictures.tour(stops(say), tour, size_px, Dim(dim))
        typer.echo(f"{len(made)} pictures in {tour}")
        return
    named = {"username": username, "password_file": password_file, "ca": ca, "cert": cert}
    ours = _alias("--id", station_id) if station_id else _alias_of(socket.gethostname())
    settings = Settings(
        broker_of(broker, {**named, "key": key}, "kaproom station --broker"),
        ours,
        name or station_id or ours,
        None if site is None else _alias("--site", site),
        [_room(text, site) for text in expect or ()],
        second,
        escalate_s,
        state_folder() / f"station-{ours}.jsonl",
    )
    running = Station(settings, say, view=View(dim=Dim(dim)))
    if screenshot is not None:
        running.picture(screenshot, size_px)
        typer.echo(f"{screenshot}")
        return
    from kaproom.displays.window import Window

    window = Window(say.words("station.title"), None if full else size_px, display, Dim(dim))
    if sound:
        from kaproom.displays.tone import Tone

        running.tone = Tone()
    try:
        running.run(window)
    finally:
        window.close()


def _alias(option: str, text: str) -> str:
    if not _ALIAS.fullmatch(text):
        raise Mend(
            f"{option} {text}: it may hold only a-z, 0-9 and '-' (not at its ends), at most 40"
        )
    return text


def _alias_of(host: str) -> str:
    """The machine's name as an alias."""
    plain = re.sub(r"[^a-z0-9]+", "-", host.partition(".")[0].lower()).strip("-")[:40].strip("-")
    return plain or "station"


def _room(text: str, site: str | None) -> Key:
    where, slash, alias = text.rpartition("/")
    if not slash and site is None:
        raise Mend(f"--expect {text}: write SITE/ROOM, as in clinic/{text}, or give --site")
    return _alias("--expect", where if slash else site or ""), _alias("--expect", alias)
