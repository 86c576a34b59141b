"""What was prepared, who was there, who signed: as the session's entries have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kaproom.record import SESSION_STARTED, SIGNED_OFF
from kaproom.report.account import Fact, Preparation, Tick
from kaproom.report.tale import Tale

TOLD = frozenset({"present", "prepared", "checklist", SIGNED_OFF, "sheet-written", "sheet-failed"})


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


def own_piece(tale: Tale) -> str:
    """The title of the patient's own closing piece; empty without one."""
    return _own_piece(tale.fields)


def _own_piece(fields: Mapping[str, Any]) -> str:
    closing = (fields.get("repertoire") or {}).get("closing") or {}
    return str(closing.get("title", ""))


def preparation(tale: Tale) -> Preparation:
    """Intention, screening, checklists: what was confirmed, by whom, and what was not."""
    prepared = tale.fields.get("prepared")
    prepared = prepared if isinstance(prepared, Mapping) else {}
    checklist = tale.profile.get("checklist") or {}
    before = checklist.get("before") or {}
    confirmed = list(_confirmed(tale))
    return Preparation(
        intention=str(prepared.get("intention") or ""),
        facts=tuple(_facts(tale.fields, prepared)),
        screening=tuple(_screening(prepared.get("screening"))),
        before=(
            *_ticks(before.get("must") or (), confirmed, must=True),
            *_ticks(before.get("remind") or (), confirmed, must=False),
        ),
        after=tuple(_ticks(checklist.get("after") or (), confirmed, must=False)),
    )


def _facts(fields: Mapping[str, Any], prepared: Mapping[str, Any]) -> Iterator[Fact]:
    without = fields.get("without") or prepared.get("without") or []
    if without:
        yield Fact("Left out", ", ".join(map(str, without)))
    own = _own_piece(fields)
    if own:
        yield Fact("Closing piece of their own", own, free=True)
    level = prepared.get("level_db", prepared.get("comfortable_level_db"))
    if level is not None:
        yield Fact("Comfortable level", f"{float(level):g} dB".replace("-", "−"))
    consent = prepared.get("consent")
    if consent:
        yield Fact("Consent", _told(consent))


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(str(part) for part in value.values() if part)
    return "given" if value is True else str(value)


def _screening(said: Any) -> Iterator[Tick]:
    if isinstance(said, Mapping):
        said = [{"item": item, **_as_mapping(more)} for item, more in said.items()]
    for each in said or ():
        yield _tick(_as_mapping(each), must=False)


def _as_mapping(each: Any) -> Mapping[str, Any]:
    return each if isinstance(each, Mapping) else {"item": str(each), "confirmed": True}


def _confirmed(tale: Tale) -> Iterator[Mapping[str, Any]]:
    """Every item that was ticked off or passed over, wherever the record has it."""
    for written in tale.of(SESSION_STARTED, "checklist"):
        entry = written.entry
        items = entry.fields.get("checklist") or entry.fields.get("items") or ()
        if isinstance(items, Mapping):
            items = [{"item": item, **_as_mapping(more)} for item, more in items.items()]
        if not items and entry.fields.get("item"):
            items = [entry.fields]
        for each in items:
            if isinstance(each, Mapping):
                yield {"who": entry.who, "utc": entry.at.utc, **each}


def _ticks(
    items: Iterable[str], confirmed: Sequence[Mapping[str, Any]], *, must: bool
) -> Iterator[Tick]:
    for item in items:
        said = next((c for c in reversed(confirmed) if c.get("item") == item), None)
        if said is None:
            yield Tick(str(item), "open", must)
        else:
            yield _tick(said, must=must)


def _tick(said: Mapping[str, Any], *, must: bool) -> Tick:
    reason = said.get("reason") or said.get("override") or ""
    utc = said.get("utc")
    if isinstance(utc, str):
        try:
            utc = datetime.fromisoformat(utc)
        except ValueError:
            utc = None
    who = said.get("by") or said.get("who") or said.get("initials")
    return Tick(
        text=str(said.get("item") or ""),
        state="overridden" if reason else "confirmed",
        must=must,
        reason=str(reason),
        who=None if who is None else str(who),
        utc=utc if isinstance(utc, datetime) else None,
    )
