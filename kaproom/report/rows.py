"""The account of a session as rows: one for each thing that happened, in order of time.

The same rows make the BIDS events and the table for a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from kaproom.report.account import Account, NoteLine

# A spreadsheet takes a cell that begins so for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that happened.

    Attributes:
        onset_s: From minute 0, that is the recorded start of the infusion or, without
            one, the opening.
        duration_s: Zero for what has no length.
        kind: ``note``, ``phase``, ``piece``, ``infusion``, ``sound``, ``fault``, ``timer``.
        what: Of that kind: the note's category, the phase's or the piece's name ...
        text: Free text.
    """

    onset_s: float
    duration_s: float
    kind: str
    what: str
    text: str = ""
    utc: datetime | None = None
    entered_utc: datetime | None = None
    session_s: float | None = None
    infusion_s: float | None = None
    phase: str | None = None
    heard: str | None = None
    heard_at_s: float | None = None
    level_db: float | None = None
    who: str | None = None
    late: bool | None = None
    in_error: bool | None = None
    integration: bool | None = None
    seq: int | None = None
    amends: int | None = None


COLUMNS = tuple(field.name for field in fields(Row))


def rows(account: Account) -> tuple[Row, ...]:
    """All rows, in the order of their onsets."""
    found = [*_course(account)]
    for note in account.notes:
        found += _note(note)
    return tuple(sorted(found, key=lambda row: (row.onset_s, row.seq or 0)))


def _course(account: Account) -> Iterator[Row]:
    for phase in account.phases:
        yield Row(*_span(phase.from_min, phase.to_min), "phase", phase.name)
    for piece in account.pieces:
        onset_s, duration_s = _span(piece.from_min, piece.to_min)
        left, during = piece.left, piece.phase
        yield Row(onset_s, duration_s, "piece", piece.title, left, phase=during, utc=piece.utc)
    for line in () if account.pump is None else account.pump.lines:
        amount = "" if line.value is None else f"{line.value:g} {line.unit or ''}".strip()
        yield Row(
            *_span(line.at_min, None),
            "infusion",
            line.what,
            amount,
            utc=line.utc,
            entered_utc=line.entered_utc,
            who=line.who,
            late=line.late,
            seq=line.seq,
        )
    for each in account.disturbances:
        kind = "sound" if each.by == "hand" else "fault"
        onset_s, duration_s = _span(each.from_min, each.to_min)
        yield Row(onset_s, duration_s, kind, each.what, each.detail, who=each.who)
    for prompt in account.prompts:
        if prompt.state != "not reached":
            yield Row(*_span(prompt.at_min, None), "timer", prompt.label, prompt.state)


def _note(note: NoteLine) -> Iterator[Row]:
    heard = note.heard
    yield Row(
        *_span(note.at_min, None),
        "note",
        note.category,
        note.text,
        utc=note.utc,
        entered_utc=note.entered_utc,
        session_s=note.session_s,
        infusion_s=note.infusion_s,
        phase=note.phase,
        heard=None if heard is None else heard.title,
        heard_at_s=None if heard is None else heard.position_s,
        level_db=None if heard is None else heard.level_db,
        who=note.who,
        late=note.late,
        in_error=note.in_error,
        integration=note.integration,
        seq=note.seq,
    )
    for c in note.corrections:
        at_min = note.at_min if c.moved_to_min is None else c.moved_to_min
        yield Row(
            *_span(at_min, None),
            "amendment",
            c.category or note.category,
            c.text or "",
            entered_utc=c.utc,
            who=c.who,
            in_error=c.in_error,
            seq=c.seq,
            amends=note.seq,
        )


def _span(from_min: float, to_min: float | None) -> tuple[float, float]:
    until_min = from_min if to_min is None else max(to_min, from_min)
    return round(from_min * 60, 3), round((until_min - from_min) * 60, 3)


def as_csv(account: Account) -> str:
    """The rows for a spreadsheet, with times of day; UTF-8, a line for each row.

    A text that a spreadsheet would run as a formula is given an apostrophe before it.
    """
    out = io.StringIO()
    # A mark by which spreadsheets know UTF-8.
    out.write("\ufeff")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows(account):
        writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])
    return out.getvalue()


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat()
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def as_json(account: Account) -> str:
    """The whole account; its keys are the attributes of ``kaproom.report.account``."""
    told = _plain(account)
    told["kaproom"] = "report/1"
    told["rows"] = [_plain(row) for row in rows(account)]
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(inner) for name, inner in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
