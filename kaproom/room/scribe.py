"""From what happened to what the record keeps of it.

Every entry carries its own times and, as known then, the session's time, the phase
and what was audible at that instant: of an entry that comes late, what was audible then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kaproom.clock import NS_PER_S, Instant, Reckoning
from kaproom.record import SESSION_ENDED, SESSION_STARTED, Entry
from kaproom.session.events import Amended, Event, Noted
from kaproom.session.machine import Close, Session, Tell
from kaproom.session.status import Sounded, heard


class Scribe:
    """Writes the entries of one session; of the session itself it knows how it counts time.

    Attributes:
        reckoning: By which moments are the session's seconds.
        clock: What every entry says of the wall clock.
        sounded: Where the sound was at a moment on the monotonic clock, if that is known.
    """

    def __init__(self, session_id: str, opened: Instant) -> None:
        self.session_id = session_id
        self.reckoning = Reckoning(opened)
        self.clock: Mapping[str, Any] | None = None
        self.sounded: Callable[[int], Sounded | None] = lambda _: None

    @property
    def opened(self) -> Instant:
        """When the session was."""
        return self.reckoning.opened

    def at_s(self, instant: Instant) -> float:
        """Seconds since the session was opened."""
        return self.reckoning.at_s(instant)

    def instant(self, at_s: float, now: Instant) -> Instant:
        """The moment ``at_s`` on every clock, reckoned from ``now``."""
        back_s = self.at_s(now) - at_s
        return Instant(
            now.mono_ns - round(back_s * NS_PER_S),
            now.boot_id,
            now.utc - timedelta(seconds=back_s),
        )

    def opening(self, fields: Mapping[str, Any], command_id: str, who: str = "") -> Entry:
        """The session's first entry: all that is needed to plan it again."""
        return Entry(
            kind=SESSION_STARTED,
            at=self.opened,
            entered=self.opened,
            session=self.session_id,
            who=who or None,
            clock=self.clock,
            command_id=command_id,
            fields=fields,
        )

    def entry(
        self,
        session: Session,
        event: Event,
        now: Instant,
        command_id: str | None,
        more: Mapping[str, Any] | None = None,
    ) -> Entry:
        """A command, or something that happened, as an entry. ``session`` is after it."""
        fields = event.to_data() | dict(more or {})
        if isinstance(event, Amended) and event.moved_to_s is not None:
            fields["corrected"] = self._corrected(session, event.moved_to_s, now)
        entry = self._entry(
            session,
            event.kind,
            event.at_s,
            now,
            fields,
            late=event.late,
            command_id=command_id,
        )
        if isinstance(event, Noted) and event.integration:
            # It tells of the time afterwards, which has no phase, no music, and other people.
            return replace(
                entry, session_s=None, infusion_s=None, phase=None, heard=None, who=event.by
            )
        return entry

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
        at = self.instant(at_s, now)
        return Entry(
            kind=kind,
            at=at,
            entered=now,
            session=self.session_id,
            **self._then(session, at_s, at),
            who=session.who or None,
            late=late,
            clock=self._clock(now),
            command_id=command_id,
            fields=fields,
        )

    def _clock(self, now: Instant) -> Mapping[str, Any] | None:
        """What is said of the clock; after a restart of the machine, that time is uncertain."""
        if now.boot_id == self.opened.boot_id:
            return self.clock
        return {**(self.clock or {}), "rebooted": True}

    def _then(self, session: Session, at_s: float, at: Instant) -> dict[str, Any]:
        """What was so at a moment: the session's time, the phase, what was audible."""
        start_s = session.infusion.started_at_s
        sounded = self.sounded(at.mono_ns) if at.boot_id == self.opened.boot_id else None
        return {
            "session_s": None if start_s is None else round(at_s - start_s, 6),
            "infusion_s": _rounded(session.infusion.elapsed_s(at_s)),
            "phase": session.profile.phases[session.phase_at(at_s)].name,
            "heard": heard(session, at_s, sounded),
        }

    def _corrected(self, session: Session, at_s: float, now: Instant) -> dict[str, Any]:
        """The true moment of a note, with what was so then."""
        at = self.instant(at_s, now)
        times = {"mono_ns": at.mono_ns, "boot": at.boot_id, "utc": at.utc.isoformat()}
        return times | self._then(session, at_s, at)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
