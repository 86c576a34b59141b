"""The therapist's commands: check a session, measure music, begin a playlist."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom.cli.asking import HERE
from kaproom.cli.options import ClosingFile, Json, Without
from kaproom.errors import Mend, WorldFailed

if TYPE_CHECKING:
    from kaproom.session.roomfile import RoomFile


new = typer.Typer(name="new", help="Begin a file.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Add the commands of curation to the app."""
    app.add_typer(new)
    for command in (check, scan, devices, profiles):
        app.command()(command)


def check(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A name or a path.")],
    without: Without = None,
    closing: ClosingFile = None,
    *,
    deep: Annotated[
        bool, typer.Option("--deep", help="Play the whole session through, without a device.")
    ] = False,
    disturbances: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="With --deep: what is to befall it; or all, or none."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Everything that would stop or spoil this session, a line each with its remedy."""
    from kaproom.cli.checking import Wanted, checked, shown
    from kaproom.files import load_profile

    if disturbances is not None and not deep:
        raise Mend("--disturbances says nothing without --deep; add it")
    room, _ = HERE.room()
    left_out = frozenset(without or ())
    # A rehearsal needs no device, so it is of the music alone, on whatever machine.
    wanted = Wanted(profile, room, left_out, closing, surroundings=not deep)
    found = checked(wanted, quiet=as_json)
    if deep:
        from kaproom.cli.rehearsing import NOTHING_PLAYED, rehearsed, tabled, told
        from kaproom.cli.rehearsing import as_json as whole

        heard = NOTHING_PLAYED
        if not found.stops:
            loaded = load_profile(profile, room)
            heard = rehearsed(loaded, found, left_out, closing, disturbances, quiet=as_json)
        if as_json:
            typer.echo(json.dumps(whole(found, heard)))
        else:
            shown(found.findings)
            if heard.courses and sys.stdout.isatty():
                tabled(heard)
            elif heard.courses:
                typer.echo("\n".join(told(heard)))
        sys.exit(2 if found.stops or heard.faults else 0)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found.findings]))
    else:
        shown(found.findings)
        if not found.stops:
            typer.echo(f"{profile}: ready")
    sys.exit(2 if found.stops else 0)


def scan(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of music.")],
    as_json: Json = False,
) -> None:
    """Measure all music below a folder: length, loudness, true peak. Kept for later."""
    from kaproom.cli.checking import measure
    from kaproom.curation.music import music_in

    room, _ = HERE.room()
    found = measure(music_in(folder), room, quiet=as_json)
    if as_json:
        typer.echo(json.dumps([asdict(file) for file in found.files.values()]))
    else:
        for file in found.files.values():
            typer.echo(_measured_line(file))
    sys.exit(2 if found.problems else 0)


def _measured_line(file: Any) -> str:
    from kaproom.curation.pieces import broken_off, is_cut_off
    from kaproom.places import legible

    if file.problem:
        return f"{legible(file.path, 4096)}: {file.problem}"
    length = f"{int(file.length_s) // 60}:{int(file.length_s) % 60:02}"
    return (
        f"{length:>7}  {file.integrated_lufs:6.1f} LUFS  {file.true_peak_dbtp:5.1f} dBTP  "
        f"{legible(Path(file.path).name, 255)}{f'  {broken_off(file)}' if is_cut_off(file) else ''}"
    )


@new.command()
def playlist(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of music.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write; else FOLDER.yaml here.")
    ] = None,
) -> None:
    """Write a playlist with all tracks of a folder, to be sorted into sections."""
    from kaproom.curation.newlist import write_playlist
    from kaproom.places import shown

    def left_out(name: str, why: str) -> None:
        typer.echo(f"left out: {name}: {why}", err=True)

    file = write_playlist(folder, out, left_out=left_out)
    typer.echo(f"wrote {shown(file)}; sort its tracks into sections")


def devices(as_json: Json = False) -> None:
    """The sound outputs of this machine."""
    from kaproom.audio.devices import devices as sound_outputs

    found = sound_outputs()
    if as_json:
        typer.echo(json.dumps([asdict(device) for device in found]))
        return
    if not found:
        raise WorldFailed("no sound output was found; is a sound server running?")
    for device in found:
        mark = "  (the system's default)" if device.default else ""
        typer.echo(f"{device.name}{mark}, {device.rate_hz} Hz")


def profiles(as_json: Json = False) -> None:
    """The profiles that `start` finds, and where they lie."""
    from kaproom.places import legible, listing

    room: RoomFile = HERE.room()[0]
    found = listing("profile", room)
    if as_json:
        typer.echo(json.dumps({name: str(path) for name, path in found.items()}))
        return
    width = max(map(len, found), default=0)
    for name, path in found.items():
        typer.echo(f"{name.ljust(width)}  {legible(str(path), 4096)}")
