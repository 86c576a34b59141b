"""The `kaproom` command: thin, one line for every mistake.

Exit status: 0 done, 1 failed or refused, 2 a file, a setting or an argument to mend.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated, Any

import typer

from kaproom import __version__
from kaproom.cli import (
    broker,
    checklists,
    consoling,
    curation,
    keeping,
    noting,
    planning,
    preparing,
    report,
    room,
    session,
    tones,
    windows,
    wire,
)
from kaproom.cli.asking import HERE
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.places import legible

app = typer.Typer(
    name="kaproom",
    help="The controller of a ketamine-assisted psychotherapy room. It plays audio and records "
    "times; it cannot touch a pump.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"kaproom {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    room_file: Annotated[
        str | None,
        typer.Option("--room", metavar="FILE", help="The room file; else KAPROOM_ROOM, XDG, /etc."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say and leave.")
    ] = False,
) -> None:
    HERE.room_file = room_file


PARTS = (
    room,
    session,
    tones,
    noting,
    preparing,
    checklists,
    consoling,
    wire,
    windows,
    curation,
    planning,
    report,
    keeping,
    broker,
)
for part in PARTS:
    part.add_to(app)


# What typer raises for a command line that it cannot read; only its subclass is public.
_NotACommand: type[Exception] = typer.BadParameter.__bases__[0]


def main() -> None:
    """Run one command and leave with its exit status."""
    try:
        status = app(prog_name="kaproom", standalone_mode=False)
    except (Refused, WorldFailed) as error:
        sys.exit(_say(error, 1))
    except Mend as error:
        sys.exit(_say(error, 2))
    except _NotACommand as error:
        sys.exit(_say(_as_one_line(error), 2))
    except OSError as error:
        if error.errno not in _NOT_THEIRS or error.filename is None:
            raise
        sys.exit(_say(_not_theirs(error), 2))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _say(what: object, status: int) -> int:
    typer.echo(str(what), err=True)
    return status


# What a path that somebody named may be, wherever it is first touched.
_NOT_THEIRS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


def _not_theirs(error: OSError) -> str:
    named = legible(os.fsdecode(error.filename), 300)
    if error.errno == errno.ENAMETOOLONG:
        return f"{named}: is too long for a file's name; choose a shorter one"
    return f"{named}: may not be read or written by this user; name another, or ask whose it is"


def _as_one_line(error: Any) -> str:
    text: str = error.format_message()
    if text.startswith("Usage:"):
        return text  # a group without a command shows its help
    path = error.ctx.command_path if getattr(error, "ctx", None) else "kaproom"
    text = " ".join(text.split()).replace("Value error, ", "").rstrip(".")
    return f"{path}: {text}; see {path} --help"
