"""Preparing a session days before, the day's checklist, and the one at the end."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom import clock
from kaproom.cli.asking import HERE, ask, daemon
from kaproom.errors import Mend

if TYPE_CHECKING:
    from kaproom.record import SessionSummary
    from kaproom.session.preparation import ClosingPiece, Preparation, Ticked
    from kaproom.session.roomfile import RoomFile

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
By = Annotated[str | None, typer.Option("--by", metavar="AB", help="Who says so, by initials.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="ITEM=REASON", help="Not so, and why it goes on."),
]
Confirm = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="all|1,3", help="Items of the checklist that are so."),
]
IN_FULL = "Prepared in full"
"""What stands on the day's checklist when something of the preparation is still open."""


def add_to(app: typer.Typer) -> None:
    """Add the commands of preparation to the app."""
    for command in (prepare, closing):
        app.command()(command)


def prepare(
    profile: Annotated[
        str | None, typer.Argument(metavar="[PROFILE]", help="A name or a path.")
    ] = None,
    *,
    ref: Annotated[
        str | None, typer.Option(metavar="K-0427", help="The clinic's pseudonym; it stays here.")
    ] = None,
    intention: Annotated[str | None, typer.Option(help="The patient's own words.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="TAG", help="Music to leave out; '' for none."),
    ] = None,
    closing_piece: Annotated[
        str | None, typer.Option("--closing", metavar="FILE", help="Their own last piece, or none.")
    ] = None,
    level_db: Annotated[
        float | None, typer.Option("--level", metavar="DB", help="The comfortable level, e.g. -9.")
    ] = None,
    consent: Annotated[bool, typer.Option("--consent", help="It was given.")] = False,
    screened: Annotated[
        list[str] | None,
        typer.Option("--screened", metavar="all|1,3", help="Items of the screening that are so."),
    ] = None,
    override: Override = None,
    by: By = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="YYYY-MM-DD", help="Of which day; else today.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Say what is prepared.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Everybody who is prepared.")] = False,
    as_json: Json = False,
) -> None:
    """Prepare a patient's session, days before; given again, it edits."""
    from kaproom.session.people import initials

    if listed:
        _list(as_json)
        return
    if ref is None:
        raise Mend("--ref is missing: the clinic's pseudonym of the patient, e.g. --ref K-0427")
    if show:
        _say(prepared_for(ref), as_json)
        return
    before = _newest(ref)
    profile = profile or (before.profile if before is not None else None)
    if profile is None:
        raise Mend(f"nothing is prepared for {ref} yet; name its profile: kaproom prepare PROFILE")
    given: dict[str, Any] = {
        "intention": intention,
        "without": None if without is None else [tag for tag in without if tag],
        "closing": closing_piece,
        "level_db": level_db,
        "consent": consent or None,
        "screened": screened,
        "override": override,
    }
    given = {name: value for name, value in given.items() if value is not None}
    by = None if by is None else initials(by)
    drafted = _Draft(ref, profile, before, by, on or _today())
    if not given and sys.stdin.isatty():
        given = drafted.asked()
    made = drafted.with_answers(given)
    answer = daemon().call("prepare", {"preparation": made.to_fields()})
    if as_json:
        typer.echo(json.dumps(answer | {"preparation": made.to_fields()}))
        return
    _say(made, as_json=False)
    typer.echo(answer["line"])


class _Draft:
    """A preparation that is being made, over what was prepared before."""

    def __init__(
        self, ref: str, profile: str, before: Preparation | None, by: str | None, on: str
    ) -> None:
        from kaproom.files import load_profile

        self.room, _ = HERE.room()
        self.ref, self.profile, self.before, self.by, self.on = ref, profile, before, by, on
        self.screening = load_profile(profile, self.room).profile.checklist.screening

    def asked(self) -> dict[str, Any]:
        """Questions and answers; Enter keeps what is there."""
        before = self.before
        answers: dict[str, Any] = {}
        self.by = self.by or _initials_asked("Prepared by (initials)")
        told = _line("Intention, in their words", "" if before is None else before.intention)
        answers["intention"] = told
        tags = _line("Leave out (tags, e.g. vocals)", " ".join(before.without if before else ()))
        answers["without"] = tags.replace(",", " ").split()
        piece = before.closing.file if before is not None and before.closing is not None else ""
        answers["closing"] = _line("Closing piece of their own (a file, or none)", piece) or "none"
        level = "" if before is None or before.level_db is None else f"{before.level_db:g}"
        answers["level_db"] = _number(_line("Comfortable level, dB (e.g. -9)", level))
        if before is None or before.consent is None:
            answers["consent"] = typer.confirm("Consent given?", default=False) or None
        known = _known(before)
        answers["screened"], answers["override"] = [], []
        for item in self.screening:
            if item not in known or not known[item].settled:
                said = _line(f"{item}? (y, or why the session is held all the same)", "")
                kind = "screened" if said.lower() in ("y", "yes") else "override"
                if said:
                    answers[kind].append(item if kind == "screened" else f"{item}={said}")
        return {name: value for name, value in answers.items() if value is not None}

    def with_answers(self, given: Mapping[str, Any]) -> Preparation:
        """The preparation, its music checked and measured, its closing piece copied.

        Raises:
            Mend: Something would stop the session; a line for each.
        """
        from kaproom.session.preparation import preparation_from, worked_off

        before = self.before
        fields = {} if before is None else before.to_fields()
        fields |= {"ref": self.ref, "profile": self.profile, "by": self.by or fields.get("by")}
        fields |= {k: given[k] for k in ("intention", "without", "level_db") if k in given}
        if given.get("consent"):
            fields["consent"] = {"by": self.by, "on": self.on}
        screening = worked_off(
            self.screening,
            given.get("screened", ()),
            given.get("override", ()),
            by=self.by,
            on=self.on,
            known=_known(before),
        )
        if given.get("screened") and self.by is None:
            raise Mend("who attests the screening? --by AB")
        fields["screening"] = [one.model_dump(mode="json") for one in screening]
        if given.get("closing") == "none":
            fields["closing"] = None
        made = preparation_from({**fields, "closing": None})
        piece = self._closing(given.get("closing"))
        self._check(made, piece)
        if piece is not None:
            kept = _copied(piece, self.room, self.ref)
            return made.model_copy(update={"closing": kept})
        return made

    def _closing(self, given: str | None) -> Path | None:
        if given == "none":
            return None
        if given is not None:
            return Path(given).expanduser().absolute()
        if self.before is None or self.before.closing is None:
            return None
        return Path(self.before.closing.file)

    def _check(self, made: Preparation, piece: Path | None) -> None:
        from kaproom.cli.checking import checked, shown

        found = checked(
            made.profile,
            self.room,
            frozenset(made.without),
            piece,
            quiet=not sys.stderr.isatty(),
            surroundings=False,
        )
        stops = [finding for finding in found.findings if finding.level == "stop"]
        if stops:
            raise Mend("\n".join(map(str, stops)))
        shown(finding for finding in found.findings if finding.level == "warn")


def closing(
    *,
    confirm: Confirm = None,
    override: Override = None,
    left: Annotated[
        str | None, typer.Option("--left", metavar="HH:MM", help="When the patient left.")
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """The checklist before the patient leaves: last vital signs, steady, escort, left at."""
    with daemon() as client:
        session = client.call("status").get("session")
    if session is None:
        raise Mend("no session is open, and none waits to be signed off")
    items = session["closing"]
    if not confirm and not override and sys.stdin.isatty():
        by = by or _initials_asked("Confirmed by (initials)")
        confirm, override = _gone_through(items)
        left = left or _line("Left at (HH:MM, empty: not yet)", "") or None
    ticked = _ticked(items, confirm, override, by, must=False)
    if left is not None:
        from kaproom.room.moments import told_at

        told_at(left, clock.utc())
    args = {"which": "after", "items": [one.model_dump(mode="json") for one in ticked]}
    for one in ticked:
        if not one.settled:
            typer.echo(f"open  {one.item}", err=True)
    ask("checklist", args | {"left_at": left}, as_json=as_json)


def the_day(
    prepared: Preparation | None,
    must: Sequence[str],
    confirm: list[str] | None,
    override: list[str] | None,
    by: str | None,
) -> list[dict[str, Any]]:
    """The day's checklist, gone through here or as flags say it, for the daemon.

    Raises:
        Mend: Something that must be confirmed is not, and nobody is here to be asked.
    """
    items = [*must]
    if prepared is not None and prepared.missing:
        typer.echo(f"open in the preparation: {'; '.join(prepared.missing)}", err=True)
        items.insert(0, IN_FULL)
    if prepared is not None and items and not confirm and not override and sys.stdin.isatty():
        by = by or _initials_asked("Checklist by (initials)")
        confirm, override = _gone_through(items)
    ticked = _ticked(items, confirm, override, by, must=True)
    if prepared is not None:
        waiting = [one.item for one in ticked if not one.settled]
        if waiting:
            listed = "; ".join(f"{items.index(item) + 1} {item}" for item in waiting)
            raise Mend(
                f"not confirmed: {listed}; add --confirm all, or --confirm 1,2 and "
                "--override '3=REASON' --by AB"
            )
    return [one.model_dump(mode="json") for one in ticked if one.settled]


def prepared_for(ref: str) -> Preparation:
    """What was prepared last under this pseudonym.

    Raises:
        Mend: Nothing was.
    """
    found = _newest(ref)
    if found is None:
        raise Mend(f"nothing is prepared for '{ref[:40]}'; `kaproom prepare PROFILE --ref …` does")
    return found


def shown_preparation(prepared: Preparation) -> None:
    """Say what was prepared, and the earlier sessions."""
    _say(prepared, as_json=False)


# -- what is known


def _newest(ref: str) -> Preparation | None:
    return _all_prepared().get(ref)


def _all_prepared() -> dict[str, Preparation]:
    """What was prepared last for everybody."""
    from kaproom.places import data_folder
    from kaproom.record import Record
    from kaproom.session.preparation import preparation_from

    room, _ = HERE.room()
    found: dict[str, Preparation] = {}
    with Record.open(data_folder(room), read_only=True) as record:
        for written in record.entries():
            if written.entry.kind == "preparation":
                one = preparation_from(written.entry.fields)
                found.pop(one.ref, None)
                found[one.ref] = one
    return found


def _earlier(ref: str) -> list[SessionSummary]:
    """The sessions that were held under this pseudonym."""
    from kaproom.places import data_folder
    from kaproom.record import Record

    with Record.open(data_folder(HERE.room()[0]), read_only=True) as record:
        return [one for one in record.sessions() if one.started_with.get("ref") == ref]


def _known(before: Preparation | None) -> dict[str, Ticked]:
    return {} if before is None else {one.item: one for one in before.screening}


# -- what is said


def _say(made: Preparation, as_json: bool) -> None:
    earlier = _earlier(made.ref)
    if as_json:
        sessions = [one.session for one in earlier]
        typer.echo(json.dumps({"preparation": made.to_fields(), "sessions": sessions}))
        return
    consent = made.consent
    taken = f"{consent.on} {consent.by or ''}".strip() if consent is not None else "OPEN"
    level = "" if made.level_db is None else f"{made.level_db:g} dB"
    lines = {
        "Profile": made.profile,
        "Intention": made.intention,
        "Left out": ", ".join(made.without),
        "Closing piece": "" if made.closing is None else made.closing.title,
        "Level": level,
        "Consent": taken,
    }
    typer.echo(f"{made.ref}, prepared by {made.by or '–'}")
    for label, text in lines.items():
        typer.echo(f"  {label:<14} {text or '–'}")
    for number, one in enumerate(made.screening, 1):
        said = {"confirmed": "yes", "overridden": f"NO: {one.reason}", "open": "OPEN"}[one.state]
        who = f"  ({one.on or ''} {one.by or ''})".replace("  )", ")").replace("( ", "(")
        typer.echo(f"  {number} {one.item:<30} {said}{who if one.settled else ''}")
    if not earlier:
        typer.echo("  no earlier session under this ref")
    for summary in earlier:
        started = summary.started
        day = "?" if started is None else f"{started.utc.astimezone():%Y-%m-%d %H:%M}"
        typer.echo(f"  session {summary.session[:8]}  {day}  {summary.notes} notes")


def _list(as_json: bool) -> None:
    found = _all_prepared()
    if as_json:
        typer.echo(json.dumps([one.to_fields() for one in found.values()]))
        return
    if not found:
        typer.echo("nobody is prepared")
    for ref, one in found.items():
        open_items = f"open: {', '.join(one.missing)}" if one.missing else "in full"
        typer.echo(f"{ref:<16} {one.profile:<24} {len(_earlier(ref))} sessions  {open_items}")


# -- questions


def _line(question: str, default: str) -> str:
    told: str = typer.prompt(question, default=default, show_default=bool(default))
    return told.strip()


def _initials_asked(question: str) -> str:
    from kaproom.session.people import initials

    return initials(_line(question, ""))


def _number(written: str) -> float | None:
    if not written:
        return None
    try:
        return float(written)
    except ValueError:
        raise Mend(f"'{written[:40]}' is no level; write a number of dB, e.g. -9") from None


def _gone_through(items: Sequence[str]) -> tuple[list[str], list[str]]:
    """Each item in turn: what is so, and what is not with its reason."""
    confirm, override = [], []
    for number, item in enumerate(items, 1):
        said = _line(f"{number}/{len(items)} {item} (Enter: yes; else why not)", "")
        if said:
            override.append(f"{number}={said}")
        else:
            confirm.append(str(number))
    return confirm, override


def _ticked(
    items: Sequence[str],
    confirm: list[str] | None,
    override: list[str] | None,
    by: str | None,
    *,
    must: bool,
) -> tuple[Ticked, ...]:
    from kaproom.session.people import initials
    from kaproom.session.preparation import worked_off

    who = None if by is None else initials(by)
    return worked_off(items, confirm or (), override or (), by=who, on=_today(), must=must)


def _today() -> str:
    return f"{clock.utc().astimezone():%Y-%m-%d}"


# -- their own piece


def _copied(piece: Path, room: RoomFile, ref: str) -> ClosingPiece:
    """The piece, copied to where the record is, for us alone."""
    from kaproom.places import PIECES, data_folder, legible
    from kaproom.session.preparation import ClosingPiece

    folder = data_folder(room) / PIECES / ref
    copy = folder / piece.name
    try:
        if copy != piece:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            arriving = folder / f".{piece.name}.{os.getpid()}"
            shutil.copyfile(piece, arriving)
            arriving.chmod(0o600)
            arriving.replace(copy)
            _ours_to_play(data_folder(room), folder.parent, folder, copy)
    except OSError as error:
        raise Mend(
            f"{copy} cannot be written ({(error.strerror or str(error)).lower()}); give the "
            "command as the account that runs the room"
        ) from error
    return ClosingPiece(file=str(copy), title=legible(piece.stem, 120))


def _ours_to_play(data: Path, *made: Path) -> None:
    """What root copied belongs to the account that runs the room, or its player reads nothing."""
    if os.geteuid() == 0:
        owner = data.stat()
        for path in made:
            os.chown(path, owner.st_uid, owner.st_gid)
