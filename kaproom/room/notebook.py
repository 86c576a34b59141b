"""The notes of one session: which entry is which, and how the screens show them.

A correction is added and never hides what it corrects.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kaproom.errors import Mend
from kaproom.record import NOTE, Written
from kaproom.session import events as e

RECENT = 8

_OF_NOTE = {
    e.NotedAgain.kind: "is a second press of",
    e.Worded.kind: "is the text of",
    e.Amended.kind: "amends",
}


class Notebook:
    """What is known of the notes of one session, from its entries on disk."""

    def __init__(self, session_id: str = "", entries: Iterable[Written] = ()) -> None:
        self.session_id = session_id
        self._kinds: dict[int, str] = {}
        self._seqs: list[int] = []
        self._of: dict[int, int] = {}
        self._shown: list[dict[str, Any]] = []
        self.written(entries)

    def written(self, entries: Iterable[Written]) -> None:
        """These are on disk now."""
        for written in entries:
            entry = written.entry
            if entry.session != self.session_id:
                continue
            self._kinds[written.seq] = entry.kind
            if entry.kind == NOTE:
                self._of[written.seq] = len(self._seqs)
                self._seqs.append(written.seq)
                self._shown.append(_line(written))
            elif entry.kind in _OF_NOTE:
                self._add(written)

    def recent(self, most: int = RECENT) -> list[dict[str, Any]]:
        """The newest notes, each with what was added to it."""
        return self._shown[-most:]

    def all(self) -> list[dict[str, Any]]:
        """Every note, likewise."""
        return self._shown

    def seq(self, note: int) -> int | None:
        """The entry of a note by its place in the session; None while it is not on disk."""
        return self._seqs[note] if note < len(self._seqs) else None

    def amended(self, seq: int) -> int:
        """The place of the note that an amendment of entry ``seq`` is of.

        Raises:
            Mend: That entry is no note; the line says what it is.
        """
        kind = self._kinds.get(seq)
        if kind == NOTE:
            return self._of[seq]
        if kind in _OF_NOTE and seq in self._of:
            note = self._seqs[self._of[seq]]
            raise Mend(
                f"entry {seq} {_OF_NOTE[kind]} note {note}; amend that one (again): "
                f"`kaproom amend {note} …`"
            )
        if kind is None:
            raise Mend(
                f"entry {seq} is no note of this session; a note is answered with its number, "
                "and one of another session is reached with --session"
            )
        raise Mend(
            f"entry {seq} is no note of this session: it tells of '{kind}'; only notes are "
            "amended, what was done at the pump is corrected with `kaproom infusion … --ago`"
        )

    def completed(self, seq: int) -> int:
        """The place of the note that a text for entry ``seq`` belongs to.

        Raises:
            Mend: That entry is no note's.
        """
        if self._kinds.get(seq) in (NOTE, e.NotedAgain.kind) and seq in self._of:
            return self._of[seq]
        return self.amended(seq)

    def _add(self, written: Written) -> None:
        """A second press, a text or an amendment, to the note that it is of."""
        entry, fields = written.entry, written.entry.fields
        note = fields.get("note")
        if note is None and fields.get("seq") in self._seqs:
            note = self._seqs.index(fields["seq"])  # records that did not count the notes
        if not isinstance(note, int) or not 0 <= note < len(self._shown):
            return
        self._of[written.seq] = note
        shown = self._shown[note]
        text = fields.get("text")
        if entry.kind == e.Amended.kind:
            corrected = fields.get("corrected") or {}
            amendment = {
                "seq": written.seq,
                "utc": entry.entered.utc.isoformat(),
                "who": fields.get("by") or entry.who,
                "text": text,
                "category": fields.get("category"),
                "in_error": fields.get("in_error") is True,
                "to_utc": corrected.get("utc"),
                "to_session_s": corrected.get("session_s"),
            }
            shown["amendments"] = [*shown["amendments"], amendment]
        elif text:
            shown["text"] = f"{shown['text']} {text}".strip()


def _line(written: Written) -> dict[str, Any]:
    entry, fields = written.entry, written.entry.fields
    return {
        "seq": written.seq,
        "utc": entry.at.utc.isoformat(),
        "mono_ns": entry.at.mono_ns,
        "session_s": entry.session_s,
        "phase": entry.phase,
        "category": fields.get("category"),
        "text": fields.get("text", ""),
        "late": entry.late,
        "who": fields.get("by") or entry.who,
        "integration": fields.get("integration") is True,
        "amendments": [],
    }
