"""The notes of a session, each with all that was added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kaproom.record import NOTE, Entry
from kaproom.report.account import Correction, Heard, NoteLine
from kaproom.report.clocks import unsure
from kaproom.report.tale import Tale
from kaproom.session.rules.notes import INTEGRATION

_AGAIN, _TEXT, _AMENDMENT = "note-again", "note-text", "amendment"
TOLD = frozenset({NOTE, _AGAIN, _TEXT, _AMENDMENT})


def noted(tale: Tale) -> tuple[NoteLine, ...]:
    """The notes in the order of their times."""
    labels = {
        str(note.get("category")): str(note.get("label") or note.get("category"))
        for note in tale.profile.get("notes") or []
    }
    found: dict[int, NoteLine] = {}
    for written in tale.of(*TOLD):
        entry = written.entry
        if entry.kind == NOTE:
            found[written.seq] = _note(written.seq, entry, tale.minute_of(entry), labels)
            continue
        of = _of(entry, list(found))
        if of is None:
            continue
        note = found[of]
        if entry.kind == _AMENDMENT:
            correction = _correction(written.seq, entry, tale, labels)
            found[of] = replace(note, corrections=(*note.corrections, correction))
        else:
            text = f"{note.text} {entry.fields.get('text') or ''}".strip()
            presses = note.presses + (entry.kind == _AGAIN)
            found[of] = replace(note, text=text, presses=presses)
    return tuple(sorted(found.values(), key=lambda note: (note.at_min, note.seq)))


def _of(entry: Entry, seqs: list[int]) -> int | None:
    """Of which note something is: by its place, or, in older records, by its entry."""
    place, seq = entry.fields.get("note"), entry.fields.get("seq")
    if isinstance(place, int) and 0 <= place < len(seqs):
        return seqs[place]
    return seq if seq in seqs else None


def _note(seq: int, entry: Entry, at_min: float, labels: Mapping[str, str]) -> NoteLine:
    fields = entry.fields
    category = str(fields.get("category") or "other")
    return NoteLine(
        seq=seq,
        utc=entry.at.utc,
        entered_utc=entry.entered.utc,
        at_min=at_min,
        category=category,
        label=labels.get(category, category.replace("-", " ").capitalize()),
        text=str(fields.get("text") or ""),
        session_s=entry.session_s,
        infusion_s=entry.infusion_s,
        phase=entry.phase,
        heard=_heard(entry.heard),
        who=fields.get("by") or entry.who,
        unsure=unsure(entry.clock),
        late=entry.late,
        integration=fields.get("integration") is True or category == INTEGRATION,
    )


def _correction(seq: int, entry: Entry, tale: Tale, labels: Mapping[str, str]) -> Correction:
    fields = entry.fields
    category = fields.get("category")
    text = fields.get("text")
    moved_s = _number(fields.get("moved_to_s"))
    return Correction(
        seq=seq,
        utc=entry.entered.utc,
        who=fields.get("by") or entry.who,
        text=None if text is None else str(text),
        category=None if category is None else str(category),
        label=None if category is None else labels.get(str(category), str(category)),
        moved_to_min=None if moved_s is None else tale.minute(moved_s),
        in_error=bool(fields.get("in_error")),
    )


def _heard(heard: Mapping[str, Any] | None) -> Heard | None:
    if not heard:
        return None
    return Heard(
        title=str(heard.get("title") or heard.get("key") or ""),
        position_s=_number(heard.get("position_s")),
        level_db=_number(heard.get("gain_db", heard.get("level_db"))),
        silent=bool(heard.get("silent")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
