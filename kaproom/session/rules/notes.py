"""Notes: kept as they are made, before and after the session's end, until it is signed off."""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.replanning import Result
from kaproom.session.state import Note, Session, Stage

INTEGRATION = "integration"
"""The one category that is added to a session that was signed off."""


def noted(session: Session, event: e.Noted) -> Result:
    """A note of a category that the profile has."""
    if event.category != INTEGRATION:
        not_sealed(session)
    known = [note.category for note in session.profile.notes]
    if event.category not in known:
        raise Mend(
            f"'{event.category}' is not a note category of this profile; it has {', '.join(known)}"
        )
    note = Note(event.at_s, event.category)
    return replace(session, notes=(*session.notes, note)), ()


def amended(session: Session, event: e.Amended) -> Result:
    """A correction; it is the record's alone."""
    not_sealed(session)
    return session, ()


def not_sealed(session: Session) -> None:
    """Refuse what comes after somebody answered for the whole."""
    if session.signed_by is not None:
        raise Refused(sealed_line(session.signed_by))


def sealed_line(by: str) -> str:
    """Why nothing more is added to a session."""
    return (
        f"the session is signed off by {by}; what belongs to the therapy afterwards is added "
        f"with `kaproom note {INTEGRATION}`"
    )


def signed_off(session: Session, event: e.SignedOff) -> Result:
    """Somebody answers for the record of a session that has ended."""
    if session.stage is not Stage.ENDED:
        raise Refused("the session is open; `kaproom end` closes it, then it is signed off")
    if session.signed_by is not None:
        raise Refused(f"the session is signed off already, by {session.signed_by}")
    return replace(session, signed_by=event.by), ()
