"""Notes: kept as they are made, before and after the session's end."""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Mend
from kaproom.session import events as e
from kaproom.session.replanning import Result
from kaproom.session.state import Note, Session


def noted(session: Session, event: e.Noted) -> Result:
    """A note of a category that the profile has."""
    known = [note.category for note in session.profile.notes]
    if event.category not in known:
        raise Mend(
            f"'{event.category}' is not a note category of this profile; it has {', '.join(known)}"
        )
    note = Note(event.at_s, event.category)
    return replace(session, notes=(*session.notes, note)), ()


def amended(session: Session, event: e.Amended) -> Result:
    """A correction; it is the record's alone."""
    return session, ()
