"""Silent timers on the infusion's clock: which are due, done, overdue.

A prompt knows nothing of the patient. A matching note marks it as done.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kaproom.session.machine import Session
from kaproom.session.notes import Prompt

# A note made so long before its time counts for it; so long after it, it is overdue.
EARLY_S = 180.0
GRACE_S = 120.0


class PromptState(StrEnum):
    """Of one moment of one prompt."""

    AHEAD = "ahead"
    DUE = "due"
    DONE = "done"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Due:
    """One moment of one prompt. ``at_s`` is None while the infusion's start is open."""

    label: str
    category: str
    minute: float
    at_s: float | None
    state: PromptState


def dues(session: Session) -> tuple[Due, ...]:
    """Every moment of every prompt, in order of time, as things stand now."""
    found: list[Due] = []
    for prompt in session.profile.prompts:
        moments = prompt.due_min(session.profile.session_end_min)
        times = [(m, _at_s(session, prompt, m)) for m in moments]
        notes = sorted(n.at_s for n in session.notes if n.category == prompt.category)
        for minute, at_s in times:
            done_by = next((n for n in notes if at_s is not None and n >= at_s - EARLY_S), None)
            later = [t for m, t in times if t is not None and at_s is not None and t > at_s]
            if done_by is not None and later and done_by >= later[0]:
                done_by = None  # it belongs to a later moment
            if done_by is not None:
                notes.remove(done_by)
            state = _state(session.now_s, at_s, done_by is not None)
            found.append(Due(prompt.label, prompt.category, minute, at_s, state))
    return tuple(sorted(found, key=lambda d: d.minute))


def _state(now_s: float, at_s: float | None, done: bool) -> PromptState:
    if done:
        return PromptState.DONE
    if at_s is None or now_s < at_s:
        return PromptState.AHEAD
    return PromptState.OVERDUE if now_s > at_s + GRACE_S else PromptState.DUE


def _at_s(session: Session, prompt: Prompt, minute: float) -> float | None:
    if minute < 0:
        return 0.0  # before the infusion: due when the session opens
    start_s = session.infusion.started_at_s
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
