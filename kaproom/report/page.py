"""The account of a session as one page of HTML: nothing is fetched, nothing runs.

Notes are foreign text. Every value is escaped by the template engine, signs that no page
may hold are replaced before, text is isolated in its own direction, and the page's own
policy forbids scripts and the network, should all of that fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kaproom.arc import Stretch
from kaproom.report import words
from kaproom.report.account import Account, NoteLine, Piece
from kaproom.report.drawing import arc

_PAGES = Path(__file__).parent / "pages"
# Whoever heard less of a piece would not say that they had heard it.
_HEARD_MIN_S = 5.0


def sheet(account: Account) -> str:
    """The clinic's page."""
    if account.state == "erased":
        return _rendered("erased.html", account=account)
    notes = account.notes
    return _rendered(
        "sheet.html",
        account=account,
        drawing=arc(account),
        notes=notes,
        errors=sum(note.in_error for note in notes),
        present=", ".join(dict.fromkeys(who for each in account.presence for who in each.who)),
        asked=[prompt for prompt in account.prompts if prompt.state != "not reached"],
        chapters=list(_chapters(account)),
        afterwards=[note for note in notes if note.integration],
        opened_day=_iso_day(account.opened_utc),
    )


def patients_page(account: Account) -> str:
    """The patient's page: intention, pieces heard, their own words, and nothing else."""
    if account.state == "erased":
        return _rendered("erased.html", account=account)
    return _rendered(
        "patient.html",
        account=account,
        heard=list(_heard(account)),
        words=[n for n in account.notes if n.own_words and n.now_text],
        opened_day=_iso_day(account.opened_utc),
    )


@dataclass(slots=True)
class _Group:
    """The notes that fell into one piece."""

    title: str
    notes: list[NoteLine] = field(default_factory=list)


@dataclass(slots=True)
class _Chapter:
    """A phase, and the pieces that were heard in it."""

    name: str
    from_min: float
    to_min: float
    groups: list[_Group]


def _chapters(account: Account) -> Iterator[_Chapter]:
    """The session's notes by phase and by piece, after all corrections."""
    whole = Stretch("the session", account.from_min, account.to_min)
    phases = account.phases or (whole,)
    notes = [note for note in account.notes if not note.integration and not note.in_error]
    for number, phase in enumerate(phases):
        last = number == len(phases) - 1
        first = number == 0
        here = [
            note
            for note in notes
            if (first or note.now_min >= phase.from_min) and (last or note.now_min < phase.to_min)
        ]
        yield _Chapter(phase.name, phase.from_min, phase.to_min, _groups(account, phase, here))


def _groups(account: Account, phase: Stretch, notes: list[NoteLine]) -> list[_Group]:
    pieces = [
        piece
        for piece in account.pieces
        if piece.heard_s >= _HEARD_MIN_S
        and piece.from_min < phase.to_min
        and piece.to_min > phase.from_min + piece.entrance_min
    ]
    groups = [_Group(piece.title) for piece in pieces]
    strays = _Group("")
    for note in sorted(notes, key=lambda note: note.now_min):
        title = note.heard.title if note.heard is not None else ""
        place = next((g for g in groups if g.title == title), None)
        if place is None and title:
            place = _Group(title)
            groups.append(place)
        (place or strays).notes.append(note)
    return [*groups, strays] if strays.notes else groups


def _heard(account: Account) -> Iterator[Piece]:
    """Each piece once for a stretch in which it was heard, however often it was taken up."""
    heard = [piece for piece in account.pieces if piece.heard_s >= _HEARD_MIN_S]
    for _, turns in groupby(heard, key=lambda piece: piece.key):
        first, *more = turns
        if more:
            from dataclasses import replace

            first = replace(first, heard_s=first.heard_s + sum(piece.heard_s for piece in more))
        yield first


@cache
def _environment() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "minute": words.minute,
        "length_of": words.length,
        "about": words.about,
        "part": words.part,
        "signed": words.signed,
        "clock": words.clock,
        "day": words.day,
        "zone": words.zone,
        "iso_day": _iso_day,
        "short_day": words.short_day,
        "plain": _plain,
    }
    pages.globals["style"] = Markup((_PAGES / "style.css").read_text(encoding="utf-8"))
    return pages


def _rendered(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


def _finalized(value: Any) -> Any:
    """What is put into a page; markup that we made ourselves is clean already."""
    if isinstance(value, Markup):
        return value
    return words.clean(value) if isinstance(value, str) else value


def _iso_day(utc: datetime | None) -> str:
    return "" if utc is None else f"{utc.astimezone():%Y-%m-%d}"


def _plain(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items())
