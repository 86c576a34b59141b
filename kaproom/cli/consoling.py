"""The console's command, and its ways out: the room, the player, profiles, checks."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom.cli.asking import HERE, daemon, done_at_the_player
from kaproom.cli.options import Darkness, Display, Full, Language, Screenshot, Size, Tour
from kaproom.errors import Mend, WorldFailed

if TYPE_CHECKING:
    from kaproom.displays.console.plans import Checked, Plan
    from kaproom.displays.console.program import Console
    from kaproom.intercom import Client
    from kaproom.session.roomfile import RoomFile

KEYS_FILE = "console-keys.toml"


def add_to(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(console)


def console(
    *,
    by: Annotated[
        str | None, typer.Option("--by", metavar="AB", help="Whose notes these are, by initials.")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Other keys, as TOML; else beside the room file."),
    ] = None,
    language: Language = None,
    dim: Darkness = 0,
    full: Full = False,
    size: Size = "1280x800",
    width_mm: Annotated[
        float,
        typer.Option(min=200, max=2000, help="The window's width, so that fingers find buttons."),
    ] = 300.0,
    display: Display = 0,
    screenshot: Screenshot = None,
    tour: Tour = None,
) -> None:
    """The console in the room: begin a session, see it, act on it, take notes."""
    from kaproom.displays import pictures
    from kaproom.displays.console.buttons import least_units
    from kaproom.displays.console.draft import Draft
    from kaproom.displays.console.program import Console
    from kaproom.displays.palette import Dim
    from kaproom.displays.station.saying import Saying
    from kaproom.displays.words import spoken
    from kaproom.places import state_folder
    from kaproom.session.people import initials

    say, size_px = Saying(spoken(language)), pictures.size_of(size)

    def least(across: float) -> float:
        return least_units(across, width_mm)

    room, path = HERE.room()
    bound = _keys(keys, path)
    if tour is not None:
        from kaproom.displays.console.tour import stops

        made = pictures.tour(stops(say, least, bound), tour, size_px, Dim(dim))
        typer.echo(f"{len(made)} pictures in {tour}")
        return
    draft = Draft(state_folder() / f"console-{room.site}-{room.room}.json")
    running = Console(_outside(room), say, least, draft, bound, Dim(dim), by and initials(by))
    if screenshot is not None:
        running.picture(screenshot, size_px)
        typer.echo(f"{screenshot}")
        return
    _run(running, None if full else size_px, display)


def _run(running: Console, size_px: tuple[int, int] | None, display: int) -> None:
    from kaproom.displays.window import Window

    # A handler of ours keeps SDL from taking it for somebody who closes the window.
    signal.signal(signal.SIGTERM, lambda *_: None)
    window = Window(running.say.words("console.title"), size_px, display, running.desk.dim)
    signal.signal(signal.SIGTERM, lambda *_: running.leave(window))
    try:
        running.run(window)
    finally:
        window.close()


def _keys(given: Path | None, room_file: Path | None) -> Any:
    from kaproom.displays.console.keys import Keys, keys_from

    if given is not None:
        return keys_from(given)
    beside = None if room_file is None else room_file.parent / KEYS_FILE
    return keys_from(beside) if beside is not None and beside.is_file() else Keys()


def _outside(room: RoomFile) -> Any:
    from kaproom.displays.console.errands import Outside

    def connect(timeout_s: float) -> Client:
        return daemon("console", timeout_s)

    return Outside(
        connect, done_at_the_player, lambda: _plans(room), lambda plan: _checked(room, plan)
    )


def _plans(room: RoomFile) -> Sequence[Plan]:
    """What was prepared, and every profile; those that were used last come first."""
    from kaproom.places import listing

    used, prepared = _used(room)
    profiles = {name: _plan(name, room, used) for name in listing("profile", room)}
    plain = sorted(profiles.values(), key=lambda plan: plan.last_used, reverse=True)
    made = []
    for ref, one in prepared.items():
        # It may have been prepared with a profile that lies anywhere.
        base = profiles.get(one.profile) or _plan(one.profile, room, used)
        missing = tuple(one.missing)
        must = (*((_in_full(),) if missing else ()), *base.must)
        made.append(replace(base, ref=ref, must=must, remind=(*missing, *base.remind)))
    return [*reversed(made), *plain]


def _plan(name: str, room: RoomFile, used: Mapping[str, str]) -> Plan:
    """What a profile's name or path would begin."""
    from kaproom.displays.console.plans import Plan
    from kaproom.files import load_profile

    try:
        loaded = load_profile(name, room).profile
    except Mend as mend:
        return Plan(name, name, 0.0, fault=str(mend).splitlines()[0])
    before = loaded.checklist.before
    return Plan(
        name,
        loaded.title,
        loaded.session_end_min * 60,
        used.get(loaded.name, ""),
        must=before.must,
        remind=before.remind,
    )


def _in_full() -> str:
    from kaproom.cli.checklists import IN_FULL

    return IN_FULL


def _used(room: RoomFile) -> tuple[dict[str, str], dict[str, Any]]:
    """When each profile was used last, and what is prepared; nothing while there is no record."""
    from kaproom.cli.preparing import all_prepared
    from kaproom.places import data_folder
    from kaproom.record import Record

    used: dict[str, str] = {}
    try:
        with Record.open(data_folder(room), read_only=True) as record:
            for one in record.sessions():
                name = (one.started_with.get("profile") or {}).get("name")
                if name and one.started is not None:
                    used[name] = f"{one.started.utc.astimezone():%Y-%m-%d}"
        return used, all_prepared()
    except (Mend, WorldFailed):
        return used, {}


def _checked(room: RoomFile, plan: Plan) -> Checked:
    from kaproom.cli.checking import Wanted, looked
    from kaproom.cli.preparing import prepared_for
    from kaproom.displays.console.plans import Checked, Finding

    prepared = prepared_for(plan.ref) if plan.ref else None
    without = frozenset(() if prepared is None else prepared.without)
    closing = None
    if prepared is not None and prepared.closing is not None:
        closing = Path(prepared.closing.file)
    found, args = looked(Wanted(plan.name, room, without, closing), quiet=True)
    if args is not None and prepared is not None:
        args["prepared"] = prepared.to_fields()
    return Checked(tuple(Finding(f.level, f.where, f.line, f.about) for f in found), args)
