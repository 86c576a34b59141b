"""From what happened to what the record keeps of it.

Every entry carries its own times and, as known then, the session's time, the phase
and what was audible at that instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from kaproom.clock import NS_PER_S, Instant
from kaproom.record import SESSION_ENDED, SESSION_STARTED, Entry
from kaproom.session.events import Event
from kaproom.session.machine import Close, Session, Tell
from kaproom.session.status import heard


class Scribe:
    """Writes the entries of one session; knows when it was opened and nothing that changes."""

    def __init__(self, session_id: str, opened: Instant) -> None:
        self.session_id = session_id
        self.opened = opened

    def at_s(self, instant: Instant) -> float:
        """Seconds since the session was opened; by the wall clock if the machine restarted."""
        return instant.since_s(self.opened)

    def instant(self, at_s: float, now: Instant) -> Instant:
        """The moment ``at_s`` on every clock, reckoned from ``now``."""
        back_s = self.at_s(now) - at_s
        return Instant(
            now.mono_ns - round(back_s * NS_PER_S),
            now.boot_id,
            now.utc - timedelta(seconds=back_s),
        )

    def opening(self, fields: Mapping[str, Any], command_id: str) -> Entry:
        """The session's first entry: all that is needed to plan it again."""
        return Entry(
            kind=SESSION_STARTED,
            at=self.opened,
            entered=self.opened,
            session=self.session_id,
            command_id=command_id,
            fields=fields,
        )

    def entry(self, session: Session, event: Event, now: Instant, command_id: str | None) -> Entry:
        """A command, or something that happened, as an entry. ``session`` is after it."""
        return self._entry(
            session,
            event.kind,
            event.at_s,
            now,
            event.to_data(),
            late=event.late,
            command_id=command_id,
        )

    def told(self, session: Session, tell: Tell | Close, now: Instant) -> Entry:
        """What the session did by itself."""
        if isinstance(tell, Close):
            return self._entry(session, SESSION_ENDED, tell.at_s, now, {"how": "end"})
        return self._entry(session, tell.kind, tell.at_s, now, tell.data)

    def fact(self, session: Session, kind: str, now: Instant, fields: Mapping[str, Any]) -> Entry:
        """Something about the room itself: the sound, the disk."""
        return self._entry(session, kind, self.at_s(now), now, fields)

    def _entry(
        self,
        session: Session,
        kind: str,
        at_s: float,
        now: Instant,
        fields: Mapping[str, Any],
        *,
        late: bool = False,
        command_id: str | None = None,
    ) -> Entry:
        start_s = session.infusion.started_at_s
        return Entry(
            kind=kind,
            at=self.instant(at_s, now),
            entered=now,
            session=self.session_id,
            session_s=None if start_s is None else round(at_s - start_s, 6),
            infusion_s=_rounded(session.infusion.elapsed_s(at_s)),
            phase=session.profile.phases[session.course.index].name,
            heard=heard(session, at_s),
            late=late,
            command_id=command_id,
            fields=fields,
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
