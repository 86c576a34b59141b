"""The commands of a clinic's own broker: make it, enrol, renew, revoke, list."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kaproom import clock
from kaproom.cli.options import Json

WARN_DAYS = 60  # chosen: time to order, exchange and test

broker = typer.Typer(
    name="broker",
    help="A clinic's own MQTT broker: a Mosquitto that tells rooms, stations and dashboards apart.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Dir = Annotated[Path, typer.Argument(metavar="DIR", help="The broker's folder.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `list` shows it, or `server`.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="HOST", help="A name or an address of the server; repeatable."),
]


class WebSockets(StrEnum):
    """Where dashboards with a password connect."""

    LOOPBACK = "loopback"
    TLS = "tls"
    OFF = "off"


class Kind(StrEnum):
    """Who may be enrolled."""

    ROOM = "room"
    STATION = "station"
    DASHBOARD = "dashboard"


def add_to(app: typer.Typer) -> None:
    """Add the commands of the clinic's broker to the app."""
    app.add_typer(broker)


@broker.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    *,
    host: Hosts = None,
    port: Annotated[int, typer.Option(help="Of MQTT over TLS.")] = 8883,
    bind: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Listen on this address only.")
    ] = None,
    websockets: Annotated[
        WebSockets, typer.Option(help="Where dashboards with a password connect.")
    ] = WebSockets.LOOPBACK,
    websockets_port: Annotated[int, typer.Option(help="Of WebSockets.")] = 9001,
    at: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where its files will be on the server.")
    ] = Path("/etc/mosquitto/kaproom"),
) -> None:
    """Make the folder: authority, server certificate, Mosquitto's settings, instructions."""
    from kaproom.room.clinic_broker import ClinicBroker, Listening

    hosts = tuple(dict.fromkeys(host or ()))
    listening = Listening(hosts, port, bind, websockets.value, websockets_port, at)
    ClinicBroker.create(folder.absolute(), listening)
    typer.echo(f"made {folder}: the authority, and a server certificate for {', '.join(hosts)}")
    typer.echo(
        f"next: kaproom broker add {folder} room SITE/ROOM; {folder}/README.md says the rest"
    )


@broker.command()
def add(
    folder: Dir,
    kind: Annotated[Kind, typer.Argument(help="Who it is.")],
    name: Annotated[str, typer.Argument(metavar="SITE/NAME", help="As in clinic/room-1.")],
    password: Annotated[
        bool, typer.Option("--password", help="A dashboard over WebSockets, by password.")
    ] = False,
) -> None:
    """Enrol a room, a station or a dashboard."""
    from kaproom.room.clinic_broker import ClinicBroker, Identity

    identity = Identity.read(kind.value, name)
    made = ClinicBroker(folder.absolute()).add(identity, by_password=password)
    typer.echo(f"enrolled {identity}; hand over {made}")
    _then_install(folder)


@broker.command()
def renew(folder: Dir, name: Name, host: Hosts = None) -> None:
    """Issue anew what somebody comes with, or the server's certificate."""
    from kaproom.room.clinic_broker import ClinicBroker

    made = ClinicBroker(folder.absolute()).renew(name, tuple(dict.fromkeys(host or ())))
    if name == "server":
        typer.echo(f"a new server certificate is in {made}")
    else:
        typer.echo(f"renewed {name}; hand over {made}")
        if not (made / "password").exists():
            typer.echo(
                "the former certificate counts until `kaproom broker revoke"
                f" {folder} {name} --replaced`"
            )
    _then_install(folder)


@broker.command()
def revoke(
    folder: Dir,
    name: Name,
    replaced: Annotated[
        bool, typer.Option("--replaced", help="Only the certificates that `renew` replaced.")
    ] = False,
) -> None:
    """Shut somebody out."""
    from kaproom.room.clinic_broker import ClinicBroker

    count = ClinicBroker(folder.absolute()).revoke(name, replaced_only=replaced)
    if replaced:
        typer.echo(f"revoked {count} former certificate{'' if count == 1 else 's'} of {name}")
    else:
        typer.echo(f"shut out {name}")
    _then_install(folder)


@broker.command(name="list")
def show(
    folder: Dir,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was replaced and revoked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Who may come in, and how many days their certificates last; exit 1 when one is short."""
    from kaproom.room.clinic_broker import ClinicBroker

    lines = [
        line
        for line in ClinicBroker(folder.absolute()).enrolled()
        if everything or line.state == "current"
    ]
    now = clock.utc()
    ends = [line.until for line in lines if line.until is not None and line.state == "current"]
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in lines], default=datetime.isoformat))
    else:
        width = max(len(line.name) for line in lines)
        for line in lines:
            left = "" if line.until is None else f"{(line.until - now).days:>5} days left"
            state = "" if line.state == "current" else f"  {line.state}"
            typer.echo(f"{line.name:<{width}}  {line.by:<11}  {left}{state}".rstrip())
        for line in lines:
            if line.state == "current" and line.until and line.until - now < timedelta(WARN_DAYS):
                typer.echo(f"{line.name}: `kaproom broker renew {folder} {line.name}`", err=True)
    sys.exit(1 if any(end - now < timedelta(WARN_DAYS) for end in ends) else 0)


def _then_install(folder: Path) -> None:
    typer.echo(f"the broker learns of it when {folder}/broker/install.sh is run on its server")
