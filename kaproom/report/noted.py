"""The notes of a session, each with all that was added to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kaproom.record import NOTE, Entry
from kaproom.report.account import Correction, Heard, NoteLine
from kaproom.report.tale import Tale

TOLD = frozenset({NOTE, "integration", "amendment"})

# Notes of these categories hold what the patient said about it, and are theirs to have.
OWN_WORDS = frozenset({"own-words", "patient-words", "words"})


def noted(tale: Tale) -> tuple[NoteLine, ...]:
    """The notes in the order of their times."""
    labels = {
        str(note.get("category")): str(note.get("label") or note.get("category"))
        for note in tale.profile.get("notes") or []
    }
    found: dict[int, NoteLine] = {}
    for written in tale.of(*TOLD):
        entry = written.entry
        if entry.kind != "amendment":
            found[written.seq] = _note(written.seq, entry, tale.minute_of(entry), labels)
            continue
        of = entry.fields.get("seq")
        if isinstance(of, int) and of in found:
            kept = found[of]
            correction = _correction(written.seq, entry, tale, labels)
            found[of] = replace(kept, corrections=(*kept.corrections, correction))
    return tuple(sorted(found.values(), key=lambda note: (note.at_min, note.seq)))


def _note(seq: int, entry: Entry, at_min: float, labels: Mapping[str, str]) -> NoteLine:
    fields = entry.fields
    integration = entry.kind == "integration" or bool(fields.get("integration"))
    category = str(fields.get("category") or ("integration" if integration else "other"))
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
        who=entry.who,
        uncertain_s=_number((fields.get("clock") or {}).get("uncertain_s")),
        late=entry.late,
        integration=integration,
        own_words=category in OWN_WORDS,
    )


def _correction(seq: int, entry: Entry, tale: Tale, labels: Mapping[str, str]) -> Correction:
    fields = entry.fields
    category = fields.get("category")
    text = fields.get("text")
    moved_s = _number(fields.get("moved_to_s"))
    return Correction(
        seq=seq,
        utc=entry.entered.utc,
        who=entry.who,
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
