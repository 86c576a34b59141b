"""A session that is over, found in the record again: notes still come to it.

Until it is signed off anything that was seen may be added; afterwards what is said in
integration, which may be weeks later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kaproom.clock import Instant
from kaproom.errors import Mend, Refused
from kaproom.record import SESSION_ENDED, Record, SessionSummary, Written
from kaproom.room.notebook import Notebook
from kaproom.room.resume import resumed
from kaproom.room.scribe import Scribe
from kaproom.session.machine import Session, Stage

# So much of an id is enough to name a session by.
ID_MIN = 4


@dataclass(frozen=True, slots=True)
class Case:
    """One session, who writes of it, and its notes."""

    scribe: Scribe
    session: Session
    notebook: Notebook


def find_past(data: Path, wanted: str, now: Instant) -> Case:
    """The session that is meant: by its id or the beginning of it, or by a patient's ref.

    Of several sessions under one ref, the newest.

    Raises:
        Mend: There is none, or more than one.
        Refused: It is open, or cannot be read.
    """
    with Record.open(data, read_only=True) as record:
        summary = meant(record.sessions(), wanted)
        if summary.erased is not None:
            raise Refused(f"session {summary.session[:8]} was erased; nothing is added to it")
        if summary.ended is None:
            raise Refused(f"session {summary.session[:8]} is not closed yet")
        return past_of(list(record.entries(summary.session)), now)


def past_of(entries: Sequence[Written], now: Instant) -> Case:
    """The session that these entries, all of one that has ended, tell of.

    Raises:
        Refused: They do not begin with a start that this kaproom can read.
    """
    found = resumed(entries, now)
    if found is None:
        raise Refused("that session's start cannot be read; its record stays as it is")
    scribe, session = found.scribe, found.session
    if session.stage is not Stage.ENDED:
        # Nobody ended it: it was closed with what was known.
        ends = [w.entry.at for w in entries if w.entry.kind == SESSION_ENDED]
        ends_s = scribe.at_s(ends[-1]) if ends else scribe.at_s(found.last_seen)
        session = replace(session, stage=Stage.ENDED, ends_s=ends_s)
    return Case(scribe, session, Notebook(scribe.session_id, entries))


def meant(sessions: Sequence[SessionSummary], wanted: str) -> SessionSummary:
    """The session that is meant; see ``find_past``."""
    by_ref = [one for one in sessions if one.started_with.get("ref") == wanted]
    if by_ref:
        return by_ref[-1]
    found = [one for one in sessions if one.session.startswith(wanted.lower())]
    if len(wanted) < ID_MIN or not found:
        raise Mend(
            f"no session is called '{wanted[:40]}'; name it by its id, {ID_MIN} digits at least, "
            "or by the patient's ref"
        )
    if len(found) > 1:
        raise Mend(f"'{wanted[:40]}' begins {len(found)} sessions' ids; write more of it")
    return found[0]
