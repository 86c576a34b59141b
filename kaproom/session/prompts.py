"""Silent timers on the infusion's clock: which are due, done, overdue.

A prompt knows nothing of the patient. A note of its category marks it as done; every
note belongs to one moment, the one whose time it was.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from kaproom.session.notes import Prompt
from kaproom.session.state import Session, Stage

# A note made so long before its time counts for it; so long after it, it is overdue.
EARLY_S = 180.0
GRACE_S = 120.0
# Where moments are close together, the note in between belongs to the earlier for so long.
_EARLY_PART = 0.5


class PromptState(StrEnum):
    """Of one moment of one prompt. ``missed``: it is the next one's turn already."""

    AHEAD = "ahead"
    DUE = "due"
    DONE = "done"
    OVERDUE = "overdue"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Due:
    """One moment of one prompt. ``at_s`` is None while the infusion's start is open."""

    label: str
    category: str
    minute: float
    at_s: float | None
    state: PromptState


def dues(session: Session) -> tuple[Due, ...]:
    """Every moment of every prompt, in order of time, as things stand now.

    Nothing is asked for once the session ends.
    """
    end_min = session.profile.session_end_min
    found = [
        Due(
            prompt.label, prompt.category, minute, _at_s(session, prompt, minute), PromptState.AHEAD
        )
        for prompt in session.profile.prompts
        for minute in prompt.due_min(end_min)
    ]
    moments: dict[str, set[float]] = defaultdict(set)
    for due in found:
        if due.at_s is not None:
            moments[due.category].add(due.at_s)
    in_order = {category: sorted(times) for category, times in moments.items()}
    stated = [
        due
        if due.at_s is None
        else replace(due, state=_state(session, due, in_order[due.category]))
        for due in found
    ]
    return tuple(sorted(stated, key=lambda d: (d.minute, d.label)))


def _state(session: Session, due: Due, moments: list[float]) -> PromptState:
    assert due.at_s is not None
    place = moments.index(due.at_s)
    opens_s = _opens_s(moments, place) if place else -inf
    closes_s = _opens_s(moments, place + 1) if place + 1 < len(moments) else inf
    notes = (n.at_s for n in session.notes if n.counts and n.category == due.category)
    if any(opens_s <= at_s < closes_s for at_s in notes):
        return PromptState.DONE
    now_s = session.now_s
    if now_s < due.at_s:
        return PromptState.AHEAD
    if session.stage is not Stage.OPEN or now_s >= closes_s:
        return PromptState.MISSED
    return PromptState.OVERDUE if now_s > due.at_s + GRACE_S else PromptState.DUE


def _opens_s(moments: list[float], place: int) -> float:
    """From when on a note counts for this moment and no more for the one before."""
    between_s = moments[place] - moments[place - 1]
    return moments[place] - min(EARLY_S, _EARLY_PART * between_s)


def _at_s(session: Session, prompt: Prompt, minute: float) -> float | None:
    start_s = session.infusion.started_at_s
    if minute < 0:
        # Before the infusion: from its start back, or from the one that is expected. Where
        # nobody knows it, or the session is younger than that, when the session opens.
        known_s = session.expected_s if start_s is None else start_s
        return 0.0 if known_s is None else max(0.0, known_s + minute * 60)
    if start_s is None:
        return None
    if not prompt.shift_with_pauses:
        return start_s + minute * 60
    at_s = session.infusion.at_elapsed(minute * 60, session.now_s)
    stopped_s = session.infusion.stopped_at_s
    if at_s is None and stopped_s is not None:
        elapsed_s = session.infusion.elapsed_s(stopped_s) or 0.0
        return stopped_s + minute * 60 - elapsed_s
    return at_s
