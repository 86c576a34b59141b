"""Notes: kept as they are made, before and after the session's end, until it is signed off.

A note is the record's; what is kept of it here is what timers and screens ask for.
"""

from __future__ import annotations

from dataclasses import replace

from kaproom.errors import Mend, Reason, Refused
from kaproom.session import events as e
from kaproom.session.replanning import Result
from kaproom.session.state import Note, Session, Stage

INTEGRATION = "integration"
"""The category that every session has for the time afterwards, signed off or not."""


def as_one(session: Session, event: e.Noted) -> e.Noted | e.NotedAgain:
    """The event itself, or that the key of a note that is there was pressed twice.

    The presses' own times decide, whoever pressed and whichever arrived first; times that
    were told from memory are nobody's key, and two texts are two notes. To be asked once,
    when a note comes in: what the record holds is never asked again.
    """
    if event.recalled or _afterwards(event):
        return event
    for number in range(len(session.notes) - 1, -1, -1):
        note = session.notes[number]
        if note.category != event.category or note.pressed_s is None or note.in_error:
            continue
        if note.worded and event.text:
            continue
        first_s, last_s = note.pressed_s
        if first_s - e.DOUBLE_S <= event.at_s <= last_s + e.DOUBLE_S:
            return e.NotedAgain(event.at_s, event.entered_s, number, event.category, event.text)
    return event


def noted(session: Session, event: e.Noted) -> Result:
    """A note of a category that the profile has."""
    if not _afterwards(event):
        not_sealed(session)
        _known(session, event.category)
    elif event.category != INTEGRATION:
        _known(session, event.category)
    note = Note(
        event.at_s,
        event.category,
        pressed_s=None if event.recalled else (event.at_s, event.at_s),
        worded=bool(event.text),
        integration=_afterwards(event),
    )
    return replace(session, notes=(*session.notes, note)), ()


def noted_again(session: Session, event: e.NotedAgain) -> Result:
    """The same note; held down, a key does not become a new one by and by."""
    not_sealed(session)
    note = _note(session, event.note)
    first_s, last_s = note.pressed_s or (event.at_s, event.at_s)
    pressed_s = (min(first_s, event.at_s), max(last_s, event.at_s))
    worded = note.worded or bool(event.text)
    return _with(session, event.note, replace(note, pressed_s=pressed_s, worded=worded)), ()


def worded(session: Session, event: e.Worded) -> Result:
    """What was typed after the key."""
    note = _note(session, event.note)
    if not note.integration:
        not_sealed(session)
    if note.worded:
        raise Refused(
            f"note {event.seq} has its text; `kaproom amend {event.seq} TEXT` corrects it"
        )
    return _with(session, event.note, replace(note, worded=True)), ()


def amended(session: Session, event: e.Amended) -> Result:
    """A correction: the record keeps both, timers and counts go by the corrected one."""
    integration = event.note is not None and _note(session, event.note).integration
    if not integration:
        not_sealed(session)
    if event.category is not None and event.category != INTEGRATION:
        _known(session, event.category)
    if event.moved_to_s is not None and event.moved_to_s > session.now_s:
        raise Mend("that time lies ahead; an amendment says when it truly was")
    if event.note is None:
        return session, ()
    note = _note(session, event.note)
    if event.moved_to_s is not None:
        note = replace(note, at_s=event.moved_to_s)
    if event.category is not None:
        note = replace(note, category=event.category)
    worded = note.worded or event.text is not None
    note = replace(note, in_error=note.in_error or event.in_error, worded=worded)
    return _with(session, event.note, note), ()


def not_sealed(session: Session) -> None:
    """Refuse what comes after somebody answered for the whole."""
    if session.signed_by is not None:
        raise Refused(sealed_line(session.signed_by), Reason.SIGNED)


def sealed_line(by: str) -> str:
    """Why nothing more is added to a session."""
    return (
        f"the session is signed off by {by}; what belongs to the therapy afterwards is added "
        f"with `kaproom note {INTEGRATION}`"
    )


def signed_off(session: Session, event: e.SignedOff) -> Result:
    """Somebody answers for the record of a session that has ended."""
    if session.stage is Stage.OPEN:
        raise Refused("the session is open; `kaproom end` closes it, then it is signed off")
    if session.stage is Stage.ENDING:
        raise Refused("the session is closing; sign it off once the sound has faded")
    if session.signed_by is not None:
        raise Refused(f"the session is signed off already, by {session.signed_by}")
    return replace(session, signed_by=event.by), ()


def present(session: Session, event: e.Present) -> Result:
    """Who is there from now on."""
    not_sealed(session)
    return replace(session, who=event.who), ()


def worked_off(session: Session, event: e.WorkedOff) -> Result:
    """A checklist was gone through; it is the record's alone."""
    not_sealed(session)
    return session, ()


def _afterwards(event: e.Noted) -> bool:
    """Whether it belongs to the therapy after the session, which a signature does not end."""
    return event.integration or event.category == INTEGRATION


def _known(session: Session, category: str) -> None:
    known = [note.category for note in session.profile.notes]
    if category not in known:
        raise Mend(
            f"'{category}' is not a note category of this profile; it has {', '.join(known)}"
        )


def _note(session: Session, number: int) -> Note:
    if not 0 <= number < len(session.notes):
        raise Mend(f"the session has no note {number + 1}; it has {len(session.notes)}")
    return session.notes[number]


def _with(session: Session, number: int, note: Note) -> Session:
    notes = (*session.notes[:number], note, *session.notes[number + 1 :])
    return replace(session, notes=notes)
