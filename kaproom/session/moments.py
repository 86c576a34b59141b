"""From what was recorded of the pump to the moment at which each phase begins.

Every moment follows from the plan and the marks alone, never from when it is asked: a
session that is stepped often and one that is stepped once, as a restarted daemon does,
must agree to the last bit. With each mark what has begun by then stays, and the rest is
foreseen anew. Nothing begins before it could be known, so what a mark shows to be past
begins with that mark.

- While the pump is paused nothing new begins.
- A stop before its time begins the descent at once, and carries the music's clock, which
  runs on, to the minute at which the descent was planned. A stop at the planned end leaves
  a descent that was planned for after it where it was planned.
- Phases keep their order and none is lost: each has at least a minute, or half of what was
  planned if that is less, before the next comes. Only a stop passes phases by.
- Where no effect can be predicted the minute counts at which the phase was planned.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import assert_never

from kaproom.session.dosing import forecast, runs_until_s
from kaproom.session.effect_curve import EffectCurve, Side, effect_curve
from kaproom.session.infusion import COMPLETE_WITHIN_S, Infusion, Mark
from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.pharmacokinetics import TYPICAL_KG
from kaproom.session.starts import Start

LEAST_S = 60.0
"""Chosen: a phase that is shorter than this is heard as a mistake."""
_LEAST_PART = 0.5
# Of a short infusion a whole minute would be too much to call its planned end.
_FULFILLED_PART = 0.1
# So that a number's last digits, which another processor may reckon otherwise, do not count.
_DIGITS_S = 6
# Python's own depth of calls is a thousand.
_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Timing:
    """What of a profile says when its phases begin.

    Attributes:
        plan: The infusion.
        starts: Of every phase but the first, which waits for the infusion.
        end_s: The session's planned end on the infusion's clock.
        descent: Index of the phase that a stop goes to, where the profile names one.
    """

    plan: InfusionPlan
    starts: tuple[Start, ...]
    end_s: float
    descent: int | None = None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The session's moments, as far as the marks tell; None for what they leave open.

    Attributes:
        at_s: For each phase; the first has none.
        asked_s: What each would be if none had to wait for the one before.
        end_s: Of the session.
        asked_end_s: What that would be if the last phase were in time.
    """

    at_s: tuple[float | None, ...]
    asked_s: tuple[float | None, ...]
    end_s: float | None
    asked_end_s: float | None


@lru_cache(maxsize=256)
def planned_s(timing: Timing) -> tuple[float, ...]:
    """When each phase begins in an infusion that goes as planned, in seconds from its start.

    The first phase's 0 stands for nothing. They rise in a profile that was accepted.
    """
    running = Infusion(timing.plan.planned_min * 60, (Mark("started", 0.0),))
    outlook = _Outlook(timing, running)
    at_s = [0.0]
    for start in timing.starts:
        at_s.append(outlook.asked_s(start, at_s[-1]))
    return tuple(at_s)


def descent_index(timing: Timing) -> int:
    """Index of the phase that a stop goes to.

    The named one; else the first that counts back from the infusion's end, or is planned
    for after it; else the last.
    """
    if timing.descent is not None:
        return timing.descent
    end_s = timing.plan.planned_min * 60
    begins_s = planned_s(timing)
    for index, start in enumerate(timing.starts, start=1):
        if start.way == "before_end_min" or begins_s[index] >= end_s:
            return index
    return len(timing.starts)


def foreseen(timing: Timing, infusion: Infusion) -> Foreseen:
    """Every moment that these marks settle, and those ahead if nothing more is recorded."""
    marks = _a_stop_taken_back_was_a_pause(infusion.marks)
    for known in range(_DEPTH, len(marks), _DEPTH):
        _foreseen(timing, infusion.planned_s, marks[:known])
    return _foreseen(timing, infusion.planned_s, marks)


def least_s(timing: Timing, index: int) -> float:
    """What a phase has at least, before the next one comes."""
    plan_s = (*planned_s(timing), timing.end_s)
    return min(LEAST_S, _LEAST_PART * (plan_s[index + 1] - plan_s[index]))


def going_on_at(infusion: Infusion, now_s: float) -> Infusion:
    """The infusion, a pause that is on being taken to end at ``now_s``."""
    if not infusion.paused:
        return infusion
    return replace(infusion, marks=(*infusion.marks, Mark("resumed", now_s)))


def following_s(timing: Timing, infusion: Infusion, index: int, previous_s: float) -> float | None:
    """When a phase begins if the one before it began at ``previous_s``; None while that is open."""
    marks = _a_stop_taken_back_was_a_pause(infusion.marks)
    now_s, paused = marks[-1].at_s, infusion.paused
    outlook = _outlook(timing, going_on_at(replace(infusion, marks=marks), now_s))
    at_s = outlook.asked_s(timing.starts[index - 1], previous_s)
    return None if paused and at_s > now_s else at_s


def _a_stop_taken_back_was_a_pause(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    turns = [mark for mark in marks if mark.what in ("stopped", "resumed")]
    return tuple(
        replace(mark, what="paused") if mark.what == "stopped" and mark is not turns[-1] else mark
        for mark in marks
    )


@lru_cache(maxsize=4096)
def _foreseen(timing: Timing, infusion_s: float, marks: tuple[Mark, ...]) -> Foreseen:
    infusion = Infusion(infusion_s, marks)
    if infusion.started_at_s is None:
        nothing = (None,) * (len(timing.starts) + 1)
        return Foreseen(nothing, nothing, None, None)
    now_s = marks[-1].at_s
    earlier = _foreseen(timing, infusion_s, marks[:-1])
    at_s = [None if at is None or at > now_s else at for at in earlier.at_s]
    asked_s = [
        None if at is None else asked for at, asked in zip(at_s, earlier.asked_s, strict=True)
    ]
    if infusion.paused:
        end_s = infusion.reaches(timing.end_s)
        return Foreseen(tuple(at_s), tuple(asked_s), end_s, end_s)
    outlook = _outlook(timing, infusion)
    plan_s = (*planned_s(timing), timing.end_s)
    for index, start in enumerate(timing.starts, start=1):
        if at_s[index] is not None:
            continue
        before_s, soonest_s = at_s[index - 1], now_s
        if outlook.stop is not None and index <= outlook.stop.leads_to:
            asked = now_s
        else:
            asked = outlook.asked_s(start, now_s if before_s is None else before_s, plan_s[index])
            if before_s is not None:
                soonest_s = max(now_s, before_s + least_s(timing, index - 1))
        at_s[index], asked_s[index] = max(asked, soonest_s), asked
    end_s = asked_end_s = outlook.clock_s(timing.end_s)
    last_s = at_s[-1]
    if timing.starts[-1].way != "start_min" and last_s is not None:
        # A last phase that comes late keeps its length.
        end_s = max(end_s, last_s + plan_s[-1] - plan_s[-2])
    return Foreseen(tuple(at_s), tuple(asked_s), end_s, asked_end_s)


@dataclass(frozen=True, slots=True)
class _Stop:
    """What a stop makes of the music's clock.

    Attributes:
        at_s: When it was.
        shown_s: What the infusion's clock showed.
        carried_s: What the music's clock shows from then on.
        leads_to: Index of the phase that it begins at once; 0 where it begins none.
    """

    at_s: float
    shown_s: float
    carried_s: float
    leads_to: int = 0


def _outlook(timing: Timing, infusion: Infusion) -> _Outlook:
    stopped_s = infusion.stopped_at_s
    if stopped_s is None:
        return _Outlook(timing, infusion)
    shown_s = infusion.elapsed_s(stopped_s) or 0.0
    stop = _Stop(stopped_s, shown_s, shown_s)
    index = descent_index(timing)
    descends_s = planned_s(timing)[index]
    began_s = _foreseen(timing, infusion.planned_s, infusion.marks[:-1]).at_s[index]
    fulfilled_s = infusion.planned_s - min(COMPLETE_WITHIN_S, _FULFILLED_PART * infusion.planned_s)
    as_planned = shown_s >= fulfilled_s and descends_s >= infusion.planned_s
    if not as_planned and (began_s is None or began_s > stopped_s):
        stop = _Stop(stopped_s, shown_s, max(shown_s, descends_s), leads_to=index)
    return _Outlook(timing, infusion, stop)


@dataclass(frozen=True)
class _Outlook:
    """What is ahead of an infusion that runs, or was stopped, as things stand."""

    timing: Timing
    infusion: Infusion
    stop: _Stop | None = None

    def asked_s(self, start: Start, previous_s: float, planned_s: float = 0.0) -> float:
        """When a phase is to begin.

        Args:
            start: As the profile says it.
            previous_s: When the phase before it begins.
            planned_s: When it was planned to, on the infusion's clock.
        """
        at_s = self._by_its_way_s(start, previous_s, planned_s)
        if start.not_before_s is not None:
            at_s = max(at_s, self.clock_s(start.not_before_s))
        if start.not_after_s is not None:
            at_s = min(at_s, self.clock_s(start.not_after_s))
        return at_s

    def _by_its_way_s(self, start: Start, previous_s: float, planned_s: float) -> float:
        match start.way:
            case "start_min":
                return self.clock_s(start.value)
            case "before_end_min":
                return self.clock_s(self.infusion.planned_s - start.value)
            case "after_end_min":
                return runs_until_s(self.infusion, self._now_s) + start.value
            case "after_previous_min":
                return self._later_s(previous_s, start.value)
            case "effect":
                side: Side = "falling" if start.falling else "rising"
                minute = None if self._curve is None else self._curve.reached_min(start.value, side)
                if minute is None:
                    return self.clock_s(planned_s)
                return round((self.infusion.started_at_s or 0.0) + minute * 60, _DIGITS_S)
            case _:
                assert_never(start.way)

    def clock_s(self, clock_s: float) -> float:
        """When the music's clock shows ``clock_s``."""
        at_s = self.infusion.reaches(clock_s)
        stop = self.stop
        if stop is None:
            assert at_s is not None
            return at_s
        if clock_s >= stop.carried_s:
            # Bracketed: at the stop itself nothing may be left over of the difference.
            return stop.at_s + (clock_s - stop.carried_s)
        return stop.at_s if at_s is None else at_s

    def _later_s(self, at_s: float, by_s: float) -> float:
        """So much later, pauses left out."""
        stop = self.stop
        if stop is not None and at_s >= stop.at_s:
            return at_s + by_s
        clock_s = (self.infusion.elapsed_s(at_s) or 0.0) + by_s
        later_s = self.infusion.reaches(clock_s)
        if later_s is None:
            assert stop is not None
            return stop.at_s + (clock_s - stop.shown_s)
        return later_s

    @property
    def _now_s(self) -> float:
        return self.infusion.marks[-1].at_s

    @cached_property
    def _curve(self) -> EffectCurve | None:
        dosing = forecast(self.timing.plan, self.infusion, self._now_s, TYPICAL_KG)
        return None if dosing is None else effect_curve(dosing)
