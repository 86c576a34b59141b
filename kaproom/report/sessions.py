"""The sessions of a record: the list, and which of them somebody means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaproom.errors import Mend
from kaproom.record import Record, SessionSummary
from kaproom.report.account import Sibling

ID_SHOWN = 8
_ID_MIN = 4


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list; ``state`` as the sheet names it."""

    session: str
    utc: datetime | None
    ref: str | None
    profile: str
    length_min: float | None
    entries: int
    notes: int
    state: str


def listed(record: Record, ref: str | None = None) -> tuple[Listed, ...]:
    """The sessions, the newest first; with ``ref`` those under it."""
    found = [_listed(summary) for summary in record.sessions()]
    return tuple(reversed([each for each in found if ref is None or each.ref == ref]))


def chosen(record: Record, meant: str) -> str:
    """The id of the session that is meant: ``last``, how its id begins, its day, or a reference.

    Of several under one reference, the newest.

    Raises:
        Mend: None is, or several are.
    """
    sessions = listed(record)
    if not sessions:
        raise Mend("no session is recorded yet; `kaproom start PROFILE` begins one")
    word = meant.strip().lower()
    if word == "last":
        return sessions[0].session
    by_id = [s for s in sessions if len(word) >= _ID_MIN and s.session.startswith(word)]
    by_day = [s for s in sessions if s.utc and f"{s.utc.astimezone():%Y-%m-%d}" == word]
    by_ref = [s for s in sessions if s.ref == meant][:1]
    found = by_ref or by_id or by_day
    if not found:
        raise Mend(f"no session is '{meant[:40]}'; name one of `kaproom report`'s ids, or 'last'")
    if len(found) > 1:
        which = ", ".join(s.session[:ID_SHOWN] for s in found[:5])
        raise Mend(f"'{meant[:40]}' may be {which}; write one of them")
    return found[0].session


def ref_of(fields: Mapping[str, Any]) -> str | None:
    """The clinic's pseudonym that a session was started with."""
    prepared = fields.get("prepared")
    ref = fields.get("ref") or (prepared.get("ref") if isinstance(prepared, Mapping) else None)
    return str(ref) if ref else None


def series_of(record: Record, ref: str | None, session: str) -> tuple[Sibling, ...]:
    """All sessions under one pseudonym, the oldest first; none without one."""
    if ref is None:
        return ()
    return tuple(
        Sibling(
            s.session, s.utc, s.profile, s.notes, s.length_min, s.state, this=s.session == session
        )
        for s in reversed(listed(record, ref))
        if s.utc is not None
    )


def _listed(summary: SessionSummary) -> Listed:
    fields = summary.started_with
    profile = fields.get("profile") or {}
    length_min = None
    if summary.started is not None and summary.ended is not None:
        length_min = summary.ended.since_s(summary.started) / 60
    return Listed(
        session=summary.session,
        utc=None if summary.started is None else summary.started.utc,
        ref=ref_of(fields),
        profile=str(profile.get("name") or ""),
        length_min=length_min,
        entries=summary.entries,
        notes=summary.notes,
        state=_state(summary, fields),
    )


def _state(summary: SessionSummary, fields: Mapping[str, Any]) -> str:
    if summary.erased is not None or not fields:
        return "erased"
    if summary.signed_off is not None:
        return "signed off"
    return "open" if summary.ended is None else "ended"
