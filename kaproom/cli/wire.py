"""The commands that have to do with the bus: calling somebody, and watching rooms."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom import clock
from kaproom.cli.asking import HERE, PRESSED_NS, ask
from kaproom.cli.options import Ca, Cert, Json, PasswordFile, PrivateKey, Username
from kaproom.clock import NS_PER_S
from kaproom.errors import Mend, WorldFailed

if TYPE_CHECKING:
    from kaproom.contract.payload import AnyEvent
    from kaproom.contract.subscriber import Rooms
    from kaproom.session.roomfile import Broker
    from kaproom.wire import News

WALL_BUTTON = "use the wall button"
# The room's own 3 s, and what a daemon that hangs may keep us beyond them.
ANSWER_MAX_S = 3.0
_LATEST_S = 4.0
ONCE_S = 3.0
_TURN_S = 0.5
_PICTURE_S = 0.25


def add_to(app: typer.Typer) -> None:
    """Add the commands to the app."""
    for command in (call, watch):
        app.command()(command)


def call(
    level: Annotated[str, typer.Argument(metavar="assist|urgent")] = "assist",
    cancel: Annotated[bool, typer.Option("--cancel", help="Take the call back.")] = False,
    as_json: Json = False,
) -> None:
    """Call somebody to the room. It never replaces the call bell.

    It ends when somebody has seen it, or when nobody got it.
    """
    from kaproom.intercom import Client
    from kaproom.places import sockets

    if level not in ("assist", "urgent"):
        raise Mend(f"'{level}' is no call; write `kaproom call assist` or `kaproom call urgent`")
    if cancel:
        ask("call", {"cancel": True}, as_json=as_json)
        return
    try:
        client = Client(sockets(HERE.runtime()).daemon, "cli", ANSWER_MAX_S)
        stamp = {"mono_ns": PRESSED_NS, "boot_id": clock.boot_id()}
        client.call("call", {"level": level, **stamp})
    except WorldFailed as error:
        raise WorldFailed(f"NOT DELIVERED: {error}; {WALL_BUTTON}") from error
    told = ""
    for status in _calls(client):
        if as_json:
            typer.echo(json.dumps(status))
        else:
            told = _say_call(status, told)
        if status["state"] == "not-delivered":
            raise WorldFailed(
                f"NOT DELIVERED: {status['why']}; {WALL_BUTTON}"
                " (it is still being sent; `kaproom call --cancel` takes it back)"
            )
        if status["state"] == "seen":
            return


def _calls(client: Any) -> Iterator[Mapping[str, Any]]:
    """How the call stands, whenever that changes, until it is taken back."""
    sent_ns, before, shown = clock.mono_ns(), None, False
    try:
        while True:
            for push in client.pushes():
                if push.get("push") != "status":
                    continue
                now = push.get("call")
                if now is None:
                    if before is not None:
                        typer.echo("The call was taken back.")
                        return
                    continue
                if (now["state"], now["shown"], now["seen"]) != before:
                    before = (now["state"], now["shown"], now["seen"])
                    shown = now["state"] in ("shown", "seen")
                    yield now
            waited_s = (clock.mono_ns() - sent_ns) / NS_PER_S
            if not shown and waited_s > _LATEST_S:
                raise WorldFailed(f"NOT DELIVERED: the daemon does not answer; {WALL_BUTTON}")
            select.select([client.fileno()], [], [], _TURN_S)
    except WorldFailed as error:
        if shown or str(error).startswith("NOT DELIVERED"):
            raise
        raise WorldFailed(f"NOT DELIVERED: {error}; {WALL_BUTTON}") from error


def _say_call(status: Mapping[str, Any], told: str) -> str:
    from kaproom.places import legible

    match status["state"]:
        case "sending":
            line = f"Calling ({status['level']}): sending …"
        case "shown":
            stations = ", ".join(legible(name, 40) for name in status["shown"])
            line = f"Shown at {stations}; waiting for somebody to see it."
        case "seen":
            last = status["seen"][-1]
            line = f"Seen by {legible(last['by'], 40)} at {legible(last['station'], 40)}."
        case _:
            return told
    if line != told:
        typer.echo(line)
    return line


def watch(
    url: Annotated[
        str | None, typer.Argument(metavar="BROKER-URL", help="Else this room's broker.")
    ] = None,
    *,
    username: Username = None,
    password_file: PasswordFile = None,
    ca: Ca = None,
    cert: Cert = None,
    key: PrivateKey = None,
    once: Annotated[
        bool, typer.Option("--once", help="Show what there is after 3 s, and leave.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The rooms of a broker, in this terminal. It only reads."""
    from rich.console import Console
    from rich.live import Live

    from kaproom.contract.subscriber import Rooms
    from kaproom.displays.watching import picture

    named = {"username": username, "password_file": password_file, "ca": ca, "cert": cert}
    broker = broker_of(url, {**named, "key": key})
    seen = _Watch(Rooms())
    console = Console()
    if as_json:
        _in_json(seen, broker, once)
    elif once:
        for _ in seen.follow(broker, True):
            pass
        console.print(picture(seen.rooms, broker.url, seen.fault, clock.mono_ns()))
    elif not console.is_terminal:
        _in_lines(seen, broker)
    else:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            for news, _ in seen.follow(broker, False):
                if news is None:
                    drawn = picture(seen.rooms, broker.url, seen.fault, clock.mono_ns())
                    live.update(drawn, refresh=True)


def broker_of(
    url: str | None, given: Mapping[str, Path | str | None], write: str = "kaproom watch"
) -> Broker:
    """The broker that is meant: by its URL and options, else this room's own.

    Raises:
        Mend: It is none, or this room has none.
    """
    from pydantic import ValidationError

    from kaproom.session.roomfile import Broker

    if url is None:
        room, path = HERE.room()
        if room.broker is None:
            raise Mend(f"{path or 'this room'} names no broker; write `{write} mqtt://HOST`")
        return room.broker
    options = {
        name: str(value.absolute() if isinstance(value, Path) else value)
        for name, value in given.items()
        if value is not None
    }
    try:
        return Broker.model_validate({"url": url, **options})
    except ValidationError as error:
        first = error.errors()[0]
        where = f"--{first['loc'][0]}".replace("_", "-") if first["loc"] else "the options"
        shown = f"{url} " if where == "--url" else f"{where}: "
        raise Mend(f"{shown}{'is no broker; ' if where == '--url' else ''}{first['msg']}") from None


@dataclass(slots=True)
class _Watch:
    """What is known of the rooms, and what was said of it."""

    rooms: Rooms
    fault: str | None = None
    said: str | None = None
    fresh: dict[tuple[str, str], str] = field(default_factory=dict)

    def follow(self, broker: Broker, once: bool) -> Iterator[tuple[News | None, AnyEvent | None]]:
        """What comes from the broker, and None in between; for a short look, or for ever."""
        from kaproom.contract.topics import ROOT
        from kaproom.wire import Connected, Down, Heard, Link

        link = Link(broker, f"kaproom-watch-{os.urandom(6).hex()}", subscriptions=[f"{ROOT}/#"])
        until_ns = clock.mono_ns() + round(ONCE_S * NS_PER_S)
        try:
            while not once or clock.mono_ns() < until_ns:
                for news in link.turn(_PICTURE_S):
                    new: AnyEvent | None = None
                    match news:
                        case Down(fault):
                            if fault.mend:
                                raise Mend(fault.line)
                            self.fault = fault.line
                            self.rooms.lost_sight()
                        case Connected():
                            self.fault = None
                        case Heard(topic, payload, retained):
                            new = self.rooms.hear(topic, payload, retained, clock.mono_ns())
                    yield news, new
                yield None, None
        finally:
            link.close()
        if self.fault is not None:
            raise WorldFailed(self.fault)

    def lines(self) -> Iterator[str]:
        """A line for a broker that is gone, and for each room fresher or older than it was."""
        if self.fault != self.said:
            self.said = self.fault
            yield self.fault or "connected"
        for key, room in self.rooms.rooms.items():
            fresh = str(room.freshness(clock.mono_ns()))
            if self.fresh.get(key) != fresh:
                self.fresh[key] = fresh
                yield f"{room.site}/{room.alias}  {fresh}"


def _in_json(seen: _Watch, broker: Broker, once: bool) -> None:
    from kaproom.wire import Heard

    for news, _ in seen.follow(broker, once):
        if isinstance(news, Heard):
            text = news.payload.decode(errors="replace")
            try:
                told: Any = json.loads(text) if text else None
            except ValueError:
                told = text
            _print(json.dumps({"topic": news.topic, "retained": news.retained, "payload": told}))


def _in_lines(seen: _Watch, broker: Broker) -> None:
    from kaproom.displays.watching import event_line

    for _, event in seen.follow(broker, False):
        if event is not None:
            _print(event_line(event))
        for line in seen.lines():
            _print(line)


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - one line at a time, also into a pipe
