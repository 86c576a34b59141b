"""Sessions that have been: entries as the daemon writes them, made without a room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kaproom.clock import NS_PER_S, Instant
from kaproom.record import Entry, Written
from kaproom.room.scribe import Scribe
from kaproom.session import events as e
from kaproom.session.machine import Close, Session, Tell, opened, step
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

OPENED = Instant(5_000 * NS_PER_S, "b" * 32, datetime(2026, 3, 2, 13, 4, 5, tzinfo=UTC))


class Past:
    """One session being lived through; its entries are what the record would hold."""

    def __init__(self, profile: Profile, repertoire: Repertoire) -> None:
        self.scribe = Scribe("5e55" * 8, OPENED)
        self.session: Session = opened(profile, repertoire)[0]
        self.boot_id = OPENED.boot_id
        self.entries: list[Written] = []
        fields = {
            "profile": profile.model_dump(mode="json"),
            "repertoire": repertoire.model_dump(mode="json"),
            "without": [],
            "findings": [],
        }
        self._write(self.scribe.opening(fields, "begun"))

    def at(self, at_s: float, kind: type[e.Event], *, ago_s: float = 0.0, **facts: Any) -> int:
        """An event entered at ``at_s``; its entry's number."""
        event = kind(at_s - ago_s, at_s, **facts)
        self.session, effects = step(self.session, event)
        now = self.instant(at_s)
        for effect in effects:
            if isinstance(effect, Tell | Close):
                self._write(self.scribe.told(self.session, effect, now))
        if kind is not e.Tick:
            self._write(self.scribe.entry(self.session, event, now, None))
        return len(self.entries)

    def minute(self, at_min: float, kind: type[e.Event], **facts: Any) -> int:
        """The same, at a minute since the opening."""
        return self.at(at_min * 60, kind, **facts)

    def fact(self, at_s: float, kind: str, fields: Mapping[str, Any]) -> None:
        """Something about the room itself."""
        self.at(at_s, e.Tick)
        self._write(self.scribe.fact(self.session, kind, self.instant(at_s), fields))

    def instant(self, at_s: float) -> Instant:
        """The moment on every clock."""
        mono_ns = OPENED.mono_ns + round(at_s * NS_PER_S)
        return Instant(mono_ns, self.boot_id, OPENED.utc + timedelta(seconds=at_s))

    def _write(self, entry: Entry) -> None:
        at, entered = (self._here(i) for i in (entry.at, entry.entered))
        entry = replace(entry, at=at, entered=entered)
        self.entries.append(Written(len(self.entries) + 1, "0" * 64, entry))

    def _here(self, instant: Instant) -> Instant:
        return replace(instant, boot_id=self.boot_id)
