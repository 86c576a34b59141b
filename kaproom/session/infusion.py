"""What people recorded of the pump, and the clock that follows from it.

kaproom never reads or moves a pump: an infusion here is the list of marks that
people made. The infusion's clock starts with the recorded start, stands while a
pause is recorded, and is what the phases of a session wait for.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import Literal

from kaproom.errors import Reason, Refused

What = Literal["started", "paused", "resumed", "stopped", "rate", "bolus"]
Unit = Literal["mg/min", "mL/h", "mg/kg/min", "mg", "mg/kg"]

PER_KG: dict[What, Unit] = {"rate": "mg/kg/min", "bolus": "mg/kg"}
"""Units by which an amount is not known without the weight."""

WEIGHT_KG = (20.0, 300.0)
"""Between these a number may be a person's weight."""

# A stop within this time of the planned end is the plan fulfilled, not a plan broken off.
COMPLETE_WITHIN_S = 60.0


class InfusionState(StrEnum):
    """As the wire and the screens name it."""

    NOT_STARTED = "not-started"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    COMPLETE = "complete"
    UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that was done at the pump.

    Attributes:
        what: Past tense, as people record it.
        at_s: When it was done.
        late: Whether it was entered with "ago".
        value: The rate or the bolus, where it is one.
        unit: What the value is in.
    """

    what: What
    at_s: float
    late: bool = False
    value: float | None = None
    unit: str | None = None


_NOT_STARTED, _RUNNING, _PAUSED, _STOPPED = "not started", "running", "paused", "stopped"

_TURNS = ("started", "paused", "resumed", "stopped")

# What may follow what. "resumed" after "stopped" corrects a stop recorded by mistake.
_NEXT: dict[tuple[str, What], str] = {
    (_NOT_STARTED, "started"): _RUNNING,
    (_NOT_STARTED, "bolus"): _NOT_STARTED,
    (_NOT_STARTED, "rate"): _NOT_STARTED,
    (_RUNNING, "paused"): _PAUSED,
    (_RUNNING, "stopped"): _STOPPED,
    (_RUNNING, "bolus"): _RUNNING,
    (_RUNNING, "rate"): _RUNNING,
    (_PAUSED, "resumed"): _RUNNING,
    (_PAUSED, "stopped"): _STOPPED,
    (_PAUSED, "bolus"): _PAUSED,
    (_PAUSED, "rate"): _PAUSED,
    (_STOPPED, "resumed"): _RUNNING,
}

_REFUSALS: dict[tuple[str, What], str] = {
    (_NOT_STARTED, "paused"): "nothing runs that could be paused: no start of the infusion is "
    "recorded; record it first with `kaproom infusion started`",
    (_NOT_STARTED, "resumed"): "nothing is paused: no start of the infusion is recorded; record "
    "it first with `kaproom infusion started`",
    (_NOT_STARTED, "stopped"): "nothing runs that could be stopped: no start of the infusion is "
    "recorded; record it first with `kaproom infusion started`",
    (_RUNNING, "started"): "the infusion's start is recorded already; to correct its time give "
    "the true one, e.g. `kaproom infusion started --ago 3m`",
    (_RUNNING, "resumed"): "nothing is paused: the infusion is recorded as running; if it "
    "was paused, record that first, e.g. `kaproom infusion paused --ago 3m`",
    (_PAUSED, "started"): "the infusion's start is recorded already and it is paused now; "
    "if it runs again, record `kaproom infusion resumed`",
    (_PAUSED, "paused"): "the infusion is recorded as paused already; to correct the time give "
    "the true one, e.g. `kaproom infusion paused --ago 3m`",
    (_STOPPED, "started"): "the infusion is recorded as stopped; if it runs after all, record "
    "`kaproom infusion resumed`",
    (_STOPPED, "paused"): "the infusion is recorded as stopped, so nothing runs that could "
    "be paused; if it runs after all, record `kaproom infusion resumed` first",
    (_STOPPED, "stopped"): "the infusion is recorded as stopped already; to correct the time give "
    "the true one, e.g. `kaproom infusion stopped --ago 3m`",
    (_STOPPED, "rate"): "the infusion is recorded as stopped; if it runs after all, record "
    "`kaproom infusion resumed` first",
    (_STOPPED, "bolus"): "the infusion is recorded as stopped; if it runs after all, record "
    "`kaproom infusion resumed` first",
}
_REASONS = {
    _NOT_STARTED: Reason.INFUSION_NOT_STARTED,
    _RUNNING: Reason.INFUSION_RUNNING,
    _PAUSED: Reason.INFUSION_PAUSED,
    _STOPPED: Reason.INFUSION_STOPPED,
}


@dataclass(frozen=True, slots=True)
class Infusion:
    """The marks in order of time, and what they add up to."""

    planned_s: float
    marks: tuple[Mark, ...] = field(default=())

    def recorded(self, mark: Mark) -> Infusion:
        """This history with one more mark.

        A late mark goes where it belongs in time. A late one of a kind that stands
        already and cannot stand twice corrects the time of the nearest before or after.

        Raises:
            Refused: It contradicts what is recorded; the text says how to correct that.
        """
        marks = _placed(self.marks, mark)
        contradicted = _contradicted(marks, mark)
        if contradicted is None:
            return replace(self, marks=marks)
        if mark.late:
            for corrected in self._nearest_first(mark):
                others = tuple(m for m in self.marks if m is not corrected)
                marks = _placed(others, mark)
                if _contradicted(marks, mark) is None:
                    return replace(self, marks=marks)
        raise Refused(*self._refusal(mark, *contradicted))

    def _nearest_first(self, mark: Mark) -> list[Mark]:
        same = [m for m in self.marks if m.what == mark.what]
        return sorted(same, key=lambda m: abs(m.at_s - mark.at_s))

    def _refusal(self, mark: Mark, state: str, at: Mark) -> tuple[str, Reason]:
        turns = [m for m in self.marks if m.what in _TURNS]
        if at is not mark:
            against = at
        elif turns and turns[-1].at_s > mark.at_s:
            against = next(m for m in turns if m.at_s > mark.at_s)
        elif mark.late and turns and mark.what in (m.what for m in turns):
            against = turns[-1]
        else:
            return _REFUSALS[state, mark.what], _REASONS[state]
        away_s = against.at_s - mark.at_s
        minutes, seconds = divmod(round(abs(away_s)), 60)
        line = (
            f"'{mark.what}' at that time contradicts '{against.what}', which is recorded "
            f"{minutes}:{seconds:02d} min {'after' if away_s > 0 else 'before'} it; give the "
            f"true time, or first correct the other with "
            f"`kaproom infusion {against.what} --ago …`"
        )
        return line, Reason.INFUSION_CONTRADICTED

    @property
    def started_at_s(self) -> float | None:
        """When the infusion was started; None before that is recorded."""
        return next((m.at_s for m in self.marks if m.what == "started"), None)

    @property
    def stopped_at_s(self) -> float | None:
        """When it was stopped for good; None while it runs, waits or is paused."""
        stop = None
        for mark in self.marks:
            if mark.what == "stopped":
                stop = mark.at_s
            elif mark.what == "resumed":
                stop = None
        return stop

    @property
    def paused(self) -> bool:
        """Whether it is paused after the last mark."""
        turns = [mark for mark in self.marks if mark.what in _TURNS]
        return bool(turns) and turns[-1].what == "paused"

    def elapsed_s(self, at_s: float) -> float | None:
        """The infusion's clock: time running up to ``at_s``, pauses left out; None before it."""
        start = self.started_at_s
        if start is None or at_s < start:
            return None
        running = 0.0
        for begin_s, end_s in self._runs():
            running += max(0.0, min(end_s, at_s) - begin_s)
        return running

    def reaches(self, elapsed_s: float) -> float | None:
        """When the infusion's clock shows ``elapsed_s``; None while it stands before it."""
        left = elapsed_s
        for begin_s, end_s in self._runs():
            if left <= end_s - begin_s:
                return begin_s + left
            left -= end_s - begin_s
        return None

    def at_elapsed(self, elapsed_s: float, now_s: float) -> float | None:
        """The same, a pause that is on at ``now_s`` being taken to end then.

        Returns:
            None before the infusion, and for what a stop kept it from reaching.
        """
        at_s = self.reaches(elapsed_s)
        if at_s is not None or self.started_at_s is None or self.stopped_at_s is not None:
            return at_s
        return now_s + elapsed_s - sum(end_s - begin_s for begin_s, end_s in self._runs())

    def state(self, at_s: float) -> InfusionState:
        """What is known of the infusion at ``at_s``."""
        state = _fold(m for m in self.marks if m.at_s <= at_s)
        elapsed = self.elapsed_s(at_s) or 0.0
        if state == _RUNNING:
            over = elapsed >= self.planned_s
            return InfusionState.UNCONFIRMED if over else InfusionState.RUNNING
        if state == _STOPPED:
            done = elapsed >= self.planned_s - COMPLETE_WITHIN_S
            return InfusionState.COMPLETE if done else InfusionState.STOPPED
        return InfusionState.PAUSED if state == _PAUSED else InfusionState.NOT_STARTED

    def _runs(self) -> list[tuple[float, float]]:
        """Intervals of running, the last one without end while it runs."""
        turns = [m for m in self.marks if m.what in _TURNS]
        runs = [
            (earlier.at_s, later.at_s)
            for earlier, later in pairwise(turns)
            if earlier.what in ("started", "resumed")
        ]
        if turns and turns[-1].what in ("started", "resumed"):
            runs.append((turns[-1].at_s, float("inf")))
        return runs


def _placed(marks: tuple[Mark, ...], mark: Mark) -> tuple[Mark, ...]:
    return tuple(sorted((*marks, mark), key=lambda m: m.at_s))


def _contradicted(marks: tuple[Mark, ...], new: Mark) -> tuple[str, Mark] | None:
    """The first mark that cannot follow what is before it, and the state it finds there."""
    state, previous = _NOT_STARTED, None
    for mark in marks:
        following = _NEXT.get((state, mark.what))
        # "resumed" takes back a stop that stood when it was recorded, never one put in before it.
        taken_back = previous is new and new.what == "stopped" and mark.what == "resumed"
        if following is None or taken_back:
            return state, mark
        state = following
        previous = mark if mark.what in _TURNS else previous
    return None


def _fold(marks: Iterable[Mark]) -> str:
    state = _NOT_STARTED
    for mark in marks:
        state = _NEXT[state, mark.what]
    return state
