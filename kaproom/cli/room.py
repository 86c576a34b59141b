"""The commands of the room itself: its service, a session's start, its state."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom.cli.asking import HERE, ago, ask, daemon
from kaproom.cli.checklists import By, Confirm, Override, the_day
from kaproom.cli.noting import people
from kaproom.cli.options import ClosingFile, Json, Without
from kaproom.cli.preparing import prepared_for, shown_preparation
from kaproom.errors import Mend, Refused

if TYPE_CHECKING:
    from kaproom.session.roomfile import RoomFile

RoomFileOption = Annotated[
    str | None, typer.Option("--room", metavar="FILE", help="The room file.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of the room to the app."""
    app.command(name="daemon")(serve)
    for command in (demo, start, status, install):
        app.command()(command)


def serve(room_file: RoomFileOption = None) -> None:
    """Serve the room, in the foreground, until SIGTERM."""
    from kaproom.places import data_folder, make_data_folder, make_runtime_folder, runtime_folder
    from kaproom.room.daemon import Daemon

    HERE.room_file = room_file or HERE.room_file
    room, path = HERE.room()
    data = make_data_folder(data_folder(room))
    runtime = make_runtime_folder(runtime_folder(room))
    typer.echo(f"room {room.site}/{room.room}, from {path or 'no room file: the defaults'}")
    typer.echo(f"record in {data}, sockets in {runtime}, sound to {room.device}")
    here = ["--room", str(path)] if path is not None else []
    service = Daemon(room, data, runtime, [sys.executable, "-m", "kaproom", *here, "report"])
    service.serve(lambda: typer.echo("ready"))
    typer.echo("stopped; the player plays on" if service.in_session else "stopped")


def start(
    profile: Annotated[
        str | None, typer.Argument(metavar="PROFILE", help="A name or a path.")
    ] = None,
    *,
    prepared: Annotated[
        str | None, typer.Option("--prepared", metavar="REF", help="As it was prepared.")
    ] = None,
    without: Without = None,
    closing: ClosingFile = None,
    who: Annotated[
        list[str] | None,
        typer.Option("--who", metavar="AB,CD", help="Those present, by initials."),
    ] = None,
    infusion_in: Annotated[
        str | None,
        typer.Option("--infusion-in", metavar="15m", help="When it is to start, for the timers."),
    ] = None,
    confirm: Confirm = None,
    override: Override = None,
    by: By = None,
    weight_kg: Annotated[
        str | None,
        typer.Option(
            "--weight-kg",
            metavar="KG|-",
            help="For doses per kg; in memory only, until the session's end. - asks for it, so "
            "that it is on no command line.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Begin a session: the checks, the day's checklist, then the settling phase."""
    from kaproom.cli.checking import Wanted, begin, shown_before
    from kaproom.session.people import present

    client = daemon()
    room, _ = HERE.room()
    if (client.call("status").get("session") or {}).get("state") in ("open", "ending"):
        raise Refused("a session is open already; `kaproom end` closes it")
    there = people(who or [])
    if there:
        present(there)  # a slip of the pen is told before anything is measured
    plan = None if prepared is None else prepared_for(prepared)
    tags = frozenset(without or ())
    if plan is not None:
        if not as_json:
            shown_preparation(plan)
        profile, tags = profile or plan.profile, tags | {*plan.without}
        if closing is None and plan.closing is not None:
            closing = Path(plan.closing.file)
    if profile is None:
        raise Mend("name a profile, or what was prepared with --prepared REF")
    expected = {"infusion_in_s": ago(infusion_in, "--infusion-in").get("ago_s")}
    weight = {} if weight_kg is None else {"weight_kg": _weight(weight_kg)}
    args = begin(Wanted(profile, room, tags, closing), quiet=as_json)
    checklist = args["profile"]["checklist"]["before"]
    if not as_json:
        shown_before(checklist, must=plan is None and not confirm)
    items = the_day(plan, checklist["must"], confirm, override, by or (there[0] if there else None))
    args |= expected | weight | {"who": there, "checklist": items}
    ask("start", args | ({} if plan is None else {"prepared": plan.to_fields()}), as_json=as_json)


def _weight(written: str) -> float:
    """The weight, from the command line or asked for; never said again."""
    from kaproom.session.infusion import WEIGHT_KG

    if written == "-":
        asked = sys.stdin.isatty()
        written = typer.prompt("Weight in kg", hide_input=True) if asked else sys.stdin.readline()
    low, high = WEIGHT_KG
    try:
        kg = float(written)
    except ValueError:
        kg = 0.0
    if not low <= kg <= high:
        raise Mend(f"--weight-kg is a number between {low:g} and {high:g}, or - to be asked for it")
    return kg


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Stay and show it as it changes.")] = False,
    as_json: Json = False,
) -> None:
    """Where the session is."""
    from rich.console import Console
    from rich.live import Live

    from kaproom import clock
    from kaproom.displays.terminal import changes, screen

    def wall_clock() -> str:
        return clock.utc().astimezone().strftime("%H:%M:%S")

    client = daemon()
    now = client.call("status")
    if not watch:
        if as_json:
            typer.echo(json.dumps(now))
        else:
            Console().print(screen(now, wall_clock()))
        return
    console = Console()
    if as_json or not console.is_terminal:
        last: dict[str, Any] | None = None
        for push in client.watch():
            for line in [json.dumps(push)] if as_json else changes(last, push):
                print(line, flush=True)  # noqa: T201 - one line at a time, also into a pipe
            last = push
        return
    with Live(console=console, auto_refresh=False) as live:
        live.update(screen(now, wall_clock()), refresh=True)
        for push in client.watch():
            live.update(screen(push, wall_clock()), refresh=True)


def demo(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to keep the demo's record.")
    ] = None,
) -> None:
    """The whole system on this machine: a session of three minutes."""
    from kaproom.cli.checking import Wanted, begin, sound_device
    from kaproom.demo import PROFILE, Demo
    from kaproom.files import load_room
    from kaproom.places import data_folder, make_data_folder, make_runtime_folder, runtime_folder

    base = load_room(None, {k: v for k, v in os.environ.items() if k != "KAPROOM_RUNTIME"})[0]
    folder = data.absolute() if data is not None else data_folder(base) / "demo"
    room = _room_of(folder)
    make_data_folder(folder)
    device, why_silent = sound_device()
    if why_silent:
        typer.echo(why_silent, err=True)
    runtime = make_runtime_folder(runtime_folder(room))
    args = begin(Wanted(PROFILE, room, surroundings=False), quiet=True)
    Demo(folder, runtime, device, args).run()


def _room_of(data: Path) -> RoomFile:
    from kaproom.places import located
    from kaproom.session.roomfile import RoomFile

    environment = {k: v for k, v in os.environ.items() if k.startswith("XDG_")}
    return located(RoomFile(data=str(data), room="demo", site="demo"), None, environment)


def install(
    user: Annotated[str, typer.Option(metavar="NAME", help="The account it runs as.")] = "kaproom",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say, and do nothing.")] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Take the services away.")] = False,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write below DIR, start nothing.")
    ] = None,
) -> None:
    """Make this a room PC: account, folders, services that come up at boot."""
    from kaproom import installation

    installation.install(typer.echo, user=user, root=root, dry_run=dry_run, uninstall=uninstall)
