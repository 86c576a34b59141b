"""Preparing a session days before: asked in a terminal, or told by options."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom.cli.asking import HERE, daemon
from kaproom.cli.checklists import By, Override
from kaproom.cli.options import Json
from kaproom.cli.questions import asked_initials, asked_line, day_of, level_of
from kaproom.errors import Mend

if TYPE_CHECKING:
    from kaproom.record import SessionSummary
    from kaproom.session.preparation import ClosingPiece, Preparation, Ticked
    from kaproom.session.roomfile import RoomFile


def add_to(app: typer.Typer) -> None:
    """Add the command of preparation to the app."""
    app.command()(prepare)


def prepare(
    profile: Annotated[
        str | None, typer.Argument(metavar="PROFILE", help="A name or a path.")
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
    drafted = _Draft(ref, profile, before, by, day_of(on))
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
        from kaproom.places import find, listing

        self.room, _ = HERE.room()
        self.ref, self.before, self.by, self.on = ref, before, by, on
        # It is begun from another folder than it is prepared in.
        known = profile in listing("profile", self.room)
        self.profile = profile if known else str(find("profile", profile, self.room))
        self.screening = load_profile(profile, self.room).profile.checklist.screening

    def asked(self) -> dict[str, Any]:
        """Questions and answers; Enter keeps what is there."""
        before = self.before
        answers: dict[str, Any] = {}
        self.by = self.by or asked_initials("Prepared by (initials)")
        intention = "" if before is None else before.intention
        answers["intention"] = asked_line("Intention, in their words", intention)
        tags = asked_line(
            "Leave out (tags, e.g. vocals)", " ".join(before.without if before else ())
        )
        answers["without"] = tags.replace(",", " ").split()
        piece = before.closing.file if before is not None and before.closing is not None else ""
        answers["closing"] = (
            asked_line("Closing piece of their own (a file, or none)", piece) or "none"
        )
        level = "" if before is None or before.level_db is None else f"{before.level_db:g}"
        answers["level_db"] = level_of(asked_line("Comfortable level, dB (e.g. -9)", level))
        if before is None or before.consent is None:
            answers["consent"] = typer.confirm("Consent given?", default=False) or None
        known = _known(before)
        answers["screened"], answers["override"] = [], []
        for item in self.screening:
            if item not in known or not known[item].settled:
                said = asked_line(f"{item}? (y, or why the session is held all the same)", "")
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
        from kaproom.cli.checking import Wanted, passed, shown

        without = frozenset(made.without)
        wanted = Wanted(made.profile, self.room, without, piece, surroundings=False)
        found = passed(wanted, quiet=not sys.stderr.isatty())
        shown(finding for finding in found.findings if finding.level == "warn")


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
    return all_prepared().get(ref)


def all_prepared() -> dict[str, Preparation]:
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
        typer.echo(f"  {label:<14} {_words(text) or '–'}")
    for number, one in enumerate(made.screening, 1):
        said = {"confirmed": "yes", "overridden": f"NO: {_words(one.reason)}", "open": "OPEN"}[
            one.state
        ]
        who = f"  ({one.on or ''} {one.by or ''})".replace("  )", ")").replace("( ", "(")
        typer.echo(f"  {number} {one.item:<30} {said}{who if one.settled else ''}")
    if not earlier:
        typer.echo("  no earlier session under this ref")
    for summary in earlier:
        started = summary.started
        day = "?" if started is None else f"{started.utc.astimezone():%Y-%m-%d %H:%M}"
        typer.echo(f"  session {summary.session[:8]}  {day}  {summary.notes} notes")


def _words(text: str) -> str:
    """What somebody wrote, below its label; a terminal runs nothing of it."""
    from kaproom.places import legible

    return f"\n{' ' * 17}".join(legible(line, len(line) * 10) for line in text.splitlines())


def _list(as_json: bool) -> None:
    found = all_prepared()
    if as_json:
        typer.echo(json.dumps([one.to_fields() for one in found.values()]))
        return
    if not found:
        typer.echo("nobody is prepared")
    for ref, one in found.items():
        open_items = f"open: {', '.join(one.missing)}" if one.missing else "in full"
        typer.echo(f"{ref:<16} {one.profile:<24} {len(_earlier(ref))} sessions  {open_items}")


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
            arriving = folder / f".arriving.{os.getpid()}"
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
