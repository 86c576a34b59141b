"""A session picked up from the record, as if the daemon had never been away.

The machine is pure, so stepping through the recorded events again gives the session
that was; what is asked of the sound on the way is not done again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kaproom.clock import Instant
from kaproom.errors import Mend, Refused
from kaproom.record import SESSION_STARTED, Written
from kaproom.room.scribe import Scribe
from kaproom.session.events import Tick, event_from
from kaproom.session.machine import Session, opened, step
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire


@dataclass(frozen=True, slots=True)
class Resumed:
    """A session as the record tells it, up to ``now``."""

    scribe: Scribe
    session: Session
    last_seen: Instant


def resumed(entries: Iterable[Written], now: Instant) -> Resumed | None:
    """The session that these entries, all of one session, add up to at ``now``.

    Returns:
        None when they do not begin with a session's start that can be planned.
    """
    scribe: Scribe | None = None
    session: Session | None = None
    last_seen = now
    for written in entries:
        entry = written.entry
        last_seen = entry.entered
        if scribe is None or session is None:
            if entry.kind != SESSION_STARTED or entry.session is None:
                return None
            profile = Profile.model_validate(entry.fields["profile"])
            repertoire = Repertoire.model_validate(entry.fields["repertoire"])
            scribe = Scribe(entry.session, entry.at)
            session, _ = opened(profile, repertoire)
            continue
        event = event_from(
            entry.kind, scribe.at_s(entry.at), scribe.at_s(entry.entered), dict(entry.fields)
        )
        if event is None:
            continue
        try:
            session, _ = step(session, event)
        except (Refused, Mend):
            # It was accepted once; rounding at an edge must not keep the room from going on.
            continue
    if scribe is None or session is None:
        return None
    now_s = scribe.at_s(now)
    session, _ = step(session, Tick(now_s, now_s))
    return Resumed(scribe, session, last_seen)
