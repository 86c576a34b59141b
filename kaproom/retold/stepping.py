"""The session's state machine, stepped through a record's entries again.

The machine is pure, so the recorded events give the session that was; what is asked of
the sound on the way is told and not done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from kaproom.clock import Instant, Reckoning
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.record import SESSION_STARTED, Written
from kaproom.session.effects import Effect
from kaproom.session.events import Event, event_from
from kaproom.session.machine import Session, opened, step
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of a session's record, and what it made of the session.

    Attributes:
        written: The entry in its place.
        reckoning: By which its moments are the session's seconds.
        event: None where the entry was no event, or is not taken again.
        session: After it.
        effects: What the session asked for by then.
    """

    written: Written
    reckoning: Reckoning
    event: Event | None
    session: Session
    effects: tuple[Effect, ...]

    @property
    def opened(self) -> Instant:
        """When the session was."""
        return self.reckoning.opened

    @property
    def at_s(self) -> float:
        """When it happened, in seconds since the session was opened."""
        return self.reckoning.at_s(self.written.entry.at)


def stepped(entries: Iterable[Written]) -> Iterator[Turn]:
    """Each entry of one session with the session as it was then; nothing without a start.

    Raises:
        WorldFailed: Its profile or its music cannot be read by this kaproom.
    """
    turn: Turn | None = None
    for written in entries:
        if turn is None:
            if written.entry.kind != SESSION_STARTED:
                return
            turn = _first(written)
        else:
            turn = _next(written, turn)
        yield turn


def _first(written: Written) -> Turn:
    entry = written.entry
    try:
        profile = Profile.model_validate(entry.fields["profile"])
        repertoire = Repertoire.model_validate(entry.fields["repertoire"])
    except (ValidationError, KeyError) as error:
        raise WorldFailed(
            f"entry {written.seq}: the profile in it is not one that this kaproom reads; "
            "use the version that recorded it"
        ) from error
    session, effects = opened(profile, repertoire)
    return Turn(written, Reckoning(entry.at), None, session, effects)


def _next(written: Written, before: Turn) -> Turn:
    entry, session = written.entry, before.session
    reckoning = before.reckoning.met(entry.entered)
    at_s, entered_s = reckoning.at_s(entry.at), reckoning.at_s(entry.entered)
    event = event_from(entry.kind, at_s, entered_s, dict(entry.fields))
    if event is None:
        return Turn(written, reckoning, None, session, ())
    try:
        session, effects = step(session, event)
    except (Refused, Mend):
        # It was accepted once; rounding at an edge must not keep the rest from being told.
        return Turn(written, reckoning, None, session, ())
    return Turn(written, reckoning, event, session, effects)
