"""A session erased because somebody asked for it: what goes, said before it goes.

Words, times and salt go from the record, and the sheets that were written of it. The chain
keeps a digest of each entry, from which nothing can be guessed. What was copied elsewhere
is not reached; it is named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaproom import clock
from kaproom.clock import Instant
from kaproom.errors import Mend, Refused
from kaproom.measurements import Measurements, cache_folder
from kaproom.places import PIECES, legible
from kaproom.record import (
    NOTE,
    SESSION_ERASED,
    SESSION_STARTED,
    Entry,
    Record,
    SessionSummary,
    Written,
)
from kaproom.room.beginning import PREPARED
from kaproom.room.past import meant
from kaproom.room.sheets import WRITTEN
from kaproom.session.people import initials

BACKED_UP = "backed-up"
CODE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Going:
    """What an erasure would take.

    Attributes:
        session: Its id.
        lines: What goes, and what is not reached, for people.
        prepared: Entries that belong to it without carrying its id.
        sheets: Files that were written of it.
        pieces: The patient's own, copied for it and for no other session.
        copies: Copies of the record that hold it.
        code: Told to confirm exactly this; another when anything was added since.
    """

    session: str
    lines: tuple[str, ...]
    prepared: tuple[int, ...]
    sheets: tuple[Path, ...]
    pieces: tuple[Path, ...]
    copies: tuple[str, ...]
    code: str

    def entry(self, by: str, now: Instant) -> Entry:
        """For the chain; it names nobody but who erased."""
        fields = {"sheets": len(self.sheets), "copies": list(self.copies)}
        return Entry(
            kind=SESSION_ERASED,
            at=now,
            entered=now,
            session=self.session,
            who=by,
            fields=fields,
        )


def asked(found: Going) -> dict[str, Any]:
    """What is answered before anything goes."""
    line = "\n".join(
        [
            "This would go, for good:",
            *(f"  {line}" for line in found.lines),
            f"To erase it: kaproom erase {found.session[:8]} --confirm {found.code} --by AB",
        ]
    )
    return {"line": line, "confirm": found.code, "lines": list(found.lines)}


def going(record: Record, wanted: str) -> Going:
    """What erasing the session that is meant would take.

    Raises:
        Mend: There is none, or more than one.
        Refused: It is open, or erased already.
    """
    sessions = record.sessions()
    summary = meant(sessions, wanted)
    if summary.erased is not None:
        raise Refused(f"session {summary.session[:8]} is erased already")
    if summary.ended is None:
        raise Refused(f"session {summary.session[:8]} is not closed yet; `kaproom end` closes it")
    entries = list(record.entries(summary.session))
    prepared = _prepared(record, sessions, summary)
    sheets = tuple(
        Path(w.entry.fields["file"])
        for w in entries
        if w.entry.kind == WRITTEN and w.entry.fields.get("file")
    )
    copies = tuple(
        f"{w.entry.fields.get('file')} of {w.entry.at.utc:%Y-%m-%d}"
        for w in record.entries(after_seq=summary.first_seq)
        if w.entry.kind == BACKED_UP
    )
    pieces = tuple(_own_pieces(record, summary.session, prepared))
    code = _code(summary, entries, prepared)
    own = (f"the copy of their own piece, {legible(str(piece), 4096)}" for piece in pieces)
    lines = (*_lines(summary, entries, prepared, sheets, copies), *own)
    return Going(summary.session, lines, prepared, sheets, pieces, copies, code)


def _own_pieces(record: Record, session: str, prepared: Sequence[int]) -> list[Path]:
    """Copies of the patient's own music that nothing else of the record names."""
    ours: set[Path] = set()
    others: set[Path] = set()
    for written in record.entries():
        entry = written.entry
        fields = entry.fields.get("prepared") if entry.kind == SESSION_STARTED else entry.fields
        if entry.kind not in (SESSION_STARTED, PREPARED) or not fields:
            continue
        file = (fields.get("closing") or {}).get("file")
        if file:
            goes = entry.session == session or written.seq in prepared
            (ours if goes else others).add(Path(file))
    kept_in = (record.path.parent / PIECES).resolve()
    # Resolved: a path with `..` in it would lead to somebody else's file.
    return sorted(p for p in ours - others if p.parent.resolve().is_relative_to(kept_in))


@dataclass(slots=True)
class Erasure:
    """One erasure that was confirmed: to be done to the record, then told.

    Attributes:
        wiped: Whether nothing of it lies in the record's files any more.
    """

    going: Going
    by: str
    wiped: bool = False

    def work(self, record: Record) -> tuple[Written, ...]:
        """Take it out of the record.

        Raises:
            WorldFailed: Nothing was erased.
        """
        written = record.erase(self.going.entry(self.by, clock.now()), self.going.prepared)
        self.wiped = record.wipe()
        kept = Measurements(cache_folder(record.path.parent))
        for piece in self.going.pieces:
            kept.forget(piece)
        return (written,)

    def line(self) -> str:
        """The rest is removed, and people are told."""
        gone = f"Erased session {self.going.session[:8]}; its digests stay and the chain holds."
        if not self.wiped:
            gone += (
                " Another program reads the record: until the daemon starts again, parts of it "
                "may lie unused in the file."
            )
        still = _unlinked((*self.going.sheets, *self.going.pieces))
        for folder in {piece.parent for piece in self.going.pieces}:
            # It is called by the pseudonym; what belongs to another session keeps it.
            with suppress(OSError):
                folder.rmdir()
        if still:
            gone += f" Still there, remove by hand: {', '.join(still)}."
        for copy in self.going.copies:
            gone += f" Not reached, erase it there: {copy}."
        return gone


def confirmed(found: Going, code: object, by: object) -> Erasure | None:
    """The erasure, if exactly this was confirmed; None when it is yet to be.

    Raises:
        Refused: Something else was confirmed.
        Mend: Nobody says who erases.
    """
    if code is None:
        return None
    if code != found.code:
        raise Refused(
            "that is not what would go now; give the command again without --confirm, and read it"
        )
    if by is None:
        raise Mend("say who erases, e.g. --by AB")
    return Erasure(found, initials(by))


def _unlinked(sheets: Sequence[Path]) -> list[str]:
    """Remove the sheets; those that are still there, each with why."""
    left = []
    for sheet in sheets:
        try:
            sheet.unlink(missing_ok=True)
        except OSError as error:
            left.append(f"{legible(str(sheet), 4096)} ({(error.strerror or str(error)).lower()})")
    return left


def _lines(
    summary: SessionSummary,
    entries: Sequence[Written],
    prepared: Sequence[int],
    sheets: Sequence[Path],
    copies: Sequence[str],
) -> list[str]:
    opened = (
        "" if summary.started is None else f" of {summary.started.utc.astimezone():%Y-%m-%d %H:%M}"
    )
    profile = (summary.started_with.get("profile") or {}).get("title", "")
    ref = _ref(summary.started_with)
    notes = sum(w.entry.kind == NOTE for w in entries)
    of = f", '{profile}'" if profile else ""
    under = f", under {ref}" if ref else ""
    signed = "" if summary.signed_by is None else f"; signed off by {summary.signed_by}"
    return [
        f"session {summary.session[:8]}{opened}{of}{under}: {len(entries)} entries, of them "
        f"{notes} note{'' if notes == 1 else 's'}{signed}",
        *([f"what was prepared for it: {len(prepared)} entries"] if prepared else []),
        *(f"its sheet {sheet}" for sheet in sheets),
        *(f"NOT REACHED, erase it there: copy {copy}" for copy in copies),
        "NOT REACHED: sheets and exports that people made, copies that were made otherwise",
    ]


def _code(summary: SessionSummary, entries: Sequence[Written], prepared: Sequence[int]) -> str:
    told = [summary.session, *(w.hash for w in entries), *(str(seq) for seq in prepared)]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:CODE_DIGITS]


def _ref(fields: Mapping[str, Any]) -> str | None:
    prepared = fields.get("prepared")
    ref = fields.get("ref") or (prepared.get("ref") if isinstance(prepared, Mapping) else None)
    return str(ref) if ref else None


def _prepared(
    record: Record, sessions: Sequence[SessionSummary], going_one: SessionSummary
) -> tuple[int, ...]:
    """What was prepared under its ref since the session before, or ever if it is the only one."""
    ref = _ref(going_one.started_with)
    if ref is None:
        return ()
    others = [s for s in sessions if s is not going_one and _ref(s.started_with) == ref]
    before = [s.first_seq for s in others if s.first_seq < going_one.first_seq]
    return tuple(
        w.seq
        for w in record.entries(after_seq=max(before, default=0))
        if w.entry.session is None
        and _ref(w.entry.fields) == ref
        and (not others or w.seq < going_one.first_seq)
    )
