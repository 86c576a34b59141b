"""What was prepared, who was there, who signed: as the session's entries have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from kaproom.record import SESSION_STARTED, SIGNED_OFF, Written
from kaproom.report.account import Fact, Preparation, Tick
from kaproom.report.tale import Tale
from kaproom.report.words import signed
from kaproom.session.ears import EARS

CHECKLIST = "checklist"
TOLD = frozenset({"present", CHECKLIST, SIGNED_OFF, "sheet-written", "sheet-failed"})


def signature(tale: Tale) -> tuple[str, datetime] | None:
    """Who signed the session off, and when."""
    for written in tale.of(SIGNED_OFF):
        by = written.entry.fields.get("by") or written.entry.who or ""
        return str(by), written.entry.at.utc
    return None


def presence(tale: Tale) -> list[tuple[float, tuple[str, ...]]]:
    """Who was there from which moment on, in seconds since the opening."""
    found: list[tuple[float, tuple[str, ...]]] = []
    for written in tale.of(SESSION_STARTED, "present"):
        who = tuple(str(written.entry.fields.get("who") or written.entry.who or "").split())
        if who and (not found or found[-1][1] != who):
            found.append((max(0.0, tale.at_s(written.entry.at)), who))
    return found


def preparation(tale: Tale) -> Preparation:
    """Intention, screening, checklists: what was confirmed, by whom, and what was not."""
    prepared = _mapping(tale.fields.get("prepared"))
    checklist = _mapping(tale.profile.get("checklist"))
    before = _mapping(checklist.get("before"))
    worked_off = list(_worked_off(tale))
    return Preparation(
        intention=str(prepared.get("intention") or ""),
        facts=tuple(_facts(tale, prepared)),
        screening=tuple(
            _tick(each, must=False) for each in prepared.get("screening") or () if _mapping(each)
        ),
        before=(
            *_ticks(before.get("must") or (), worked_off, must=True),
            *_ticks(before.get("remind") or (), worked_off, must=False),
        ),
        after=tuple(_ticks(checklist.get("after") or (), worked_off, must=False)),
        left_at=next((str(w.entry.fields["left_at"]) for w in _lists(tale, "left_at")), ""),
    )


def _facts(tale: Tale, prepared: Mapping[str, Any]) -> Iterator[Fact]:
    without = tale.fields.get("without") or prepared.get("without") or []
    if without:
        yield Fact("Left out", ", ".join(map(str, without)))
    if tale.own_title:
        yield Fact("Closing piece of their own", tale.own_title, free=True)
    if prepared.get("level_db") is not None:
        yield Fact("Comfortable level", f"{signed(float(prepared['level_db']), 0)} dB")
    consent = _mapping(prepared.get("consent"))
    if consent:
        said = (str(consent[key]) for key in ("on", "by") if consent.get(key))
        yield Fact("Consent", " ".join(said))
    elif prepared:
        yield Fact("Consent", "not recorded in the preparation")
    if prepared.get("by"):
        yield Fact("Prepared by", str(prepared["by"]))
    tried = ", ".join(_tried(_mapping(tale.fields.get("tones"))))
    if tried:
        yield Fact("Headphones, by a test tone", tried)


def _tried(tones: Mapping[str, Any]) -> Iterator[str]:
    """What was heard on each side, and who says so."""
    for ear in EARS:
        said = _mapping(tones.get(ear))
        if said:
            by = f" ({said['by']})" if said.get("by") else ""
            yield f"{ear} {'heard' if said.get('heard') is True else 'NOT heard'}{by}"


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _lists(tale: Tale, key: str) -> Iterator[Written]:
    """Entries of checklists, and the opening, that have a word on ``key``; the newest first."""
    found = [w for w in tale.of(SESSION_STARTED, CHECKLIST) if w.entry.fields.get(key)]
    return reversed(found)


def _worked_off(tale: Tale) -> Iterator[Mapping[str, Any]]:
    """Every item that was gone through, the newest word on it first."""
    for key in ("items", CHECKLIST):
        for written in _lists(tale, key):
            items = written.entry.fields[key]
            for each in items if isinstance(items, list) else ():
                yield {"utc": written.entry.at.utc, **_mapping(each)}


def _ticks(
    items: Iterable[str], worked_off: Sequence[Mapping[str, Any]], *, must: bool
) -> Iterator[Tick]:
    for item in items:
        said = next((each for each in worked_off if each.get("item") == item), {"item": item})
        yield _tick(said, must=must)


def _tick(said: Mapping[str, Any], *, must: bool) -> Tick:
    state: Literal["confirmed", "overridden", "open"] = "open"
    if said.get("state") in ("confirmed", "overridden"):
        state = said["state"]
    by, utc = said.get("by"), said.get("utc")
    return Tick(
        text=str(said.get("item") or ""),
        state=state,
        must=must or said.get("must") is True,
        reason=str(said.get("reason") or ""),
        who=None if by is None else str(by),
        on=str(said.get("on") or ""),
        utc=utc if isinstance(utc, datetime) and state != "open" else None,
    )
