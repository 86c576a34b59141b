"""What a single disturbance of the infusion would make of a profile's phases.

Every late start, pause, stop and change of rate that a session is planned to bear is tried,
and each phase that would then come before the one before it is told. At work such a phase
waits (see ``moments``), so nothing is lost but the intention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Literal

from kaproom.session.dosing import planned_rate
from kaproom.session.infusion import Infusion, Mark
from kaproom.session.moments import Timing, descent_index, foreseen, least_s, planned_s
from kaproom.session.pharmacokinetics import TYPICAL_KG

Kind = Literal["as planned", "late start", "pause", "stop", "half the rate", "twice the rate"]

# A minute of a forty-minute infusion; the phases' own minutes are tried from both sides.
_STEPS = 40
_BESIDE_S = 6.0
_PAUSES_MIN = (1.0, 2.0, 5.0, 10.0, 20.0)
_STOPS_LATE_MIN = (5.0, 20.0)
_LATE_START_S = 1234.5


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that goes otherwise than planned.

    Attributes:
        kind: Of what sort.
        words: As a person says it.
        marks: What is then recorded of the pump.
    """

    kind: Kind
    words: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Disorder:
    """A phase that a disturbance brings out of its order.

    Attributes:
        index: Of the phase; the number of phases where it is the session's end that comes
            too early.
        disturbance: By what.
        minute: Of the session's music when it would come, after the infusion's start.
        before_min: When the phase before it comes.
    """

    index: int
    disturbance: Disturbance
    minute: float
    before_min: float


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that would keep a phase in order: a key of the profile, and its value."""

    index: int
    key: Literal["not_before_min", "not_after_min"]
    minute: float


def disturbances(timing: Timing) -> Iterator[Disturbance]:
    """Each that a session must bear, the mildest of a kind first."""
    started = Mark("started", 0.0)
    yield Disturbance("as planned", "as planned", (started,))
    late = Mark("started", _LATE_START_S)
    yield Disturbance("late start", "a late start", (late,))
    moments_s = _moments_s(timing)
    for lasts_min in _PAUSES_MIN:
        for at_s in moments_s:
            pause = Mark("paused", at_s), Mark("resumed", at_s + lasts_min * 60)
            words = f"a pause of {lasts_min:g} min at minute {_minute(at_s)}"
            yield Disturbance("pause", words, (started, *pause))
    end_s = timing.plan.planned_min * 60
    for at_s in [*moments_s, *(end_s + late_min * 60 for late_min in _STOPS_LATE_MIN)]:
        words = f"a stop at minute {_minute(at_s)}"
        yield Disturbance("stop", words, (started, Mark("stopped", at_s)))
    mg_per_min = planned_rate(timing.plan, TYPICAL_KG)
    if mg_per_min is None:
        return
    rates: tuple[tuple[Kind, float], ...] = (("half the rate", 0.5), ("twice the rate", 2.0))
    for kind, factor in rates:
        for at_s in moments_s:
            rate = Mark("rate", at_s, value=factor * mg_per_min, unit="mg/min")
            yield Disturbance(kind, f"{kind} from minute {_minute(at_s)}", (started, rate))


def disorders(timing: Timing) -> list[Disorder]:
    """Each phase that some disturbance brings out of order, once for each kind."""
    found: dict[tuple[int, Kind], Disorder] = {}
    for disturbance in disturbances(timing):
        for disorder in _of(timing, disturbance):
            found.setdefault((disorder.index, disturbance.kind), disorder)
    return sorted(found.values(), key=lambda disorder: disorder.index)


def remedy(timing: Timing, disorder: Disorder) -> Bound | None:
    """The bound by which no disturbance of that kind brings the phase out of order any more."""
    index, plan_s = disorder.index, planned_s(timing)
    bounds = [Bound(index - 1, "not_after_min", _whole(plan_s[index - 1], up=True))]
    if index < len(plan_s) and timing.starts[index - 1].way != "start_min":
        bounds.insert(0, Bound(index, "not_before_min", _whole(plan_s[index], up=False)))
    alike = [d for d in disturbances(timing) if d.kind == disorder.disturbance.kind]
    for bound in bounds:
        bounded = _bounded(timing, bound)
        if all(index != found.index for d in alike for found in _of(bounded, d)):
            return bound
    return None


def _bounded(timing: Timing, bound: Bound) -> Timing:
    start = timing.starts[bound.index - 1]
    at_s = bound.minute * 60
    if bound.key == "not_before_min":
        start = replace(start, not_before_s=at_s)
    else:
        start = replace(start, not_after_s=at_s)
    starts = (*timing.starts[: bound.index - 1], start, *timing.starts[bound.index :])
    return replace(timing, starts=starts)


def _whole(at_s: float, *, up: bool) -> float:
    """A minute as a person would write it; short profiles are written in tenths."""
    parts = 1 if at_s >= 600 else 10
    return (ceil if up else floor)(at_s / 60 * parts) / parts


def _of(timing: Timing, disturbance: Disturbance) -> Iterator[Disorder]:
    marks = disturbance.marks
    seen = foreseen(timing, Infusion(timing.plan.planned_min * 60, marks))
    start_s = marks[0].at_s
    # A stop passes by what it finds before the descent; that is its meaning.
    first = descent_index(timing) + 1 if disturbance.kind == "stop" else 2
    asked_s = (*seen.asked_s, seen.asked_end_s)
    for index in range(first, len(asked_s)):
        before_s, asked = seen.at_s[index - 1], asked_s[index]
        if before_s is None or asked is None:
            continue
        if asked < before_s + least_s(timing, index - 1):
            yield Disorder(index, disturbance, (asked - start_s) / 60, (before_s - start_s) / 60)


def _moments_s(timing: Timing) -> list[float]:
    """Moments of the infusion at which something may happen, in order."""
    end_s = timing.plan.planned_min * 60
    evenly_s = {end_s * (n + 0.5) / _STEPS for n in range(_STEPS)}
    turns_s = {
        at_s + beside for at_s in planned_s(timing)[1:] for beside in (-_BESIDE_S, _BESIDE_S)
    }
    return sorted(at_s for at_s in evenly_s | turns_s if 0 < at_s < end_s)


def _minute(at_s: float) -> str:
    return f"{round(at_s / 60, 1):g}"
