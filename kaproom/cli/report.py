"""`kaproom report`: the sessions of the record, and what each leaves behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kaproom.cli.asking import HERE
from kaproom.errors import Mend

if TYPE_CHECKING:
    from kaproom.report.account import Account
    from kaproom.report.sessions import Listed

_STDOUT = "-"


def add_to(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(report)


def report(
    session: Annotated[
        str | None,
        typer.Argument(metavar="SESSION", help="How its id begins, its day, or last."),
    ] = None,
    *,
    html: Annotated[bool, typer.Option("--html", help="The session sheet, one page.")] = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="BIDS events and their sidecar.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The same rows for a spreadsheet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All that the sheet tells.")] = False,
    out: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file or a folder; - for the terminal.")
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Without free text, intention and reference.")
    ] = False,
    patient: Annotated[
        bool, typer.Option("--patient", help="The patient's page: no notes, no curve.")
    ] = False,
    curve: Annotated[
        bool, typer.Option("--curve", help="With the predicted curve, an estimate.")
    ] = False,
    ref: Annotated[
        str | None, typer.Option(metavar="REF", help="List the sessions under this reference.")
    ] = None,
) -> None:
    """The sessions of the record; of one of them its sheet, or its rows."""
    from kaproom.places import data_folder
    from kaproom.record import Record

    asked = [name for name, so in _formats(html, tsv, as_csv, as_json) if so]
    if session is None:
        _only_a_list(asked, out, redact or patient or curve)
    elif ref is not None:
        raise Mend("--ref lists sessions; leave SESSION out, or --ref")
    if len(asked) > 1:
        raise Mend(f"{' and '.join(asked)} at once; choose one of them")
    if patient and (curve or asked not in ([], ["--html"])):
        raise Mend("--patient is a page of its own, without curve or rows; leave the others out")
    if curve and asked in (["--csv"], ["--tsv"]):
        raise Mend("--curve is drawn on the sheet; rows have none")
    room, _ = HERE.room()
    with Record.open(data_folder(room), read_only=True) as record:
        if session is None:
            from kaproom.report.sessions import listed

            _list(listed(record, ref), ref, as_json=as_json)
            return
        from kaproom.report.reading import read
        from kaproom.report.sessions import chosen

        account = read(record, chosen(record, session), room, curve=curve)
    if redact:
        from kaproom.report.redaction import redacted

        account = redacted(account)
    kind = (asked or ["--html"])[0].removeprefix("--")
    _Way(account, out).put(kind, patient=patient)


def _formats(html: bool, tsv: bool, as_csv: bool, as_json: bool) -> Iterator[tuple[str, bool]]:
    yield from (("--html", html), ("--tsv", tsv), ("--csv", as_csv), ("--json", as_json))


def _only_a_list(asked: Sequence[str], out: str | None, more: bool) -> None:
    if more or out is not None or [each for each in asked if each != "--json"]:
        raise Mend("that is about one session; name it, e.g. `kaproom report last --html`")


def _list(sessions: Sequence[Listed], ref: str | None, *, as_json: bool) -> None:
    from kaproom.places import legible
    from kaproom.report.sessions import ID_SHOWN
    from kaproom.report.words import length

    if as_json:
        typer.echo(json.dumps([asdict(each) for each in sessions], default=str))
        return
    if not sessions:
        under = "" if ref is None else f" under '{legible(ref, 40)}'"
        typer.echo(f"no session is recorded{under}")
        return
    rows = [("date", "session", "reference", "profile", "length", "notes", "state")]
    for each in sessions:
        when = "–" if each.utc is None else f"{each.utc.astimezone():%Y-%m-%d %H:%M}"
        ref, profile = legible(each.ref or "–", 24), legible(each.profile or "–", 40)
        lasted, notes = length(each.length_min), str(each.notes)
        rows.append((when, each.session[:ID_SHOWN], ref, profile, lasted, notes, each.state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


class _Way:
    """Where one session's sheet or rows go."""

    def __init__(self, account: Account, out: str | None) -> None:
        self._account = account
        self._out = out

    def put(self, kind: str, *, patient: bool) -> None:
        """Write them, and say where, unless they go to the terminal."""
        from kaproom.report.writing import name_of

        account = self._account
        match kind:
            case "html":
                from kaproom.report.page import patients_page, sheet

                page = (patients_page if patient else sheet)(account)
                ending = "-patient.html" if patient else ".html"
                self._file(page, name_of(account.session, account.opened_utc, ending))
            case "tsv":
                from kaproom.report.bids import events, name, sidecar

                text = events(account)
                where = self._file(text, name(account))
                if where is not None:
                    self._write(where.with_suffix(".json"), sidecar(account))
            case "csv":
                from kaproom.report.rows import as_csv

                self._printed(as_csv(account))
            case _:
                from kaproom.report.rows import as_json

                self._printed(as_json(account))

    def _printed(self, text: str) -> None:
        """To the terminal, where no file is named."""
        if self._out is None or self._out == _STDOUT:
            sys.stdout.write(text)
        else:
            kind = ".json" if text.startswith("{") else ".csv"
            from kaproom.report.writing import name_of

            self._file(text, name_of(self._account.session, self._account.opened_utc, kind))

    def _file(self, text: str, own_name: str) -> Path | None:
        """To a file: the one that is named, or one of its own name in a folder."""
        if self._out == _STDOUT:
            sys.stdout.write(text)
            return None
        path = Path(self._out or ".").expanduser()
        path = path / own_name if path.is_dir() else path
        self._write(path, text)
        return path

    def _write(self, path: Path, text: str) -> None:
        from kaproom.places import shown
        from kaproom.report.writing import write

        write(path.absolute(), text.encode())
        typer.echo(f"written: {shown(path)}")
