"""Whether the phases of a profile begin in their order while all goes as planned.

What a pause, a stop or another rate makes of them is asked by `kaproom check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.model import Fault
from kaproom.session.moments import Timing, planned_s
from kaproom.session.phase import Phase
from kaproom.session.starts import BOUNDS, WAYS


class Phased(Protocol):
    """Of a profile, what its phases' order is told from."""

    @property
    def infusion(self) -> InfusionPlan:
        """What is planned to be given."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """In their order."""

    @property
    def session_end_min(self) -> float:
        """The planned end of the last of them."""

    @property
    def timing(self) -> Timing:
        """What says when they begin."""


def phases_in_order(profile: Phased) -> Iterator[Fault]:
    """Each phase has one start, which its profile can tell, later than the one before."""
    faults = [*_each_its_name(profile), *_each_one_start(profile)]
    yield from faults
    yield from _by_minute(profile) if faults else _as_planned(profile)


def _each_its_name(profile: Phased) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, phase in enumerate(profile.phases):
        if phase.name in seen:
            yield Fault(
                ("phases", index, "name"),
                f"is '{phase.name}', which phase {seen[phase.name] + 1} is called already;"
                " give each its own name",
            )
        seen.setdefault(phase.name, index)


def _each_one_start(profile: Phased) -> Iterator[Fault]:
    for index, phase in enumerate(profile.phases):
        here = ("phases", index)
        ways = [key for key in WAYS if getattr(phase, key) is not None]
        if index == 0:
            for key in (*ways, *(key for key in BOUNDS if getattr(phase, key) is not None)):
                value = getattr(phase, key)
                told = f"is {value:g}" if isinstance(value, float) else "is given"
                yield Fault(
                    (*here, key),
                    f"{told}; the first phase waits for the infusion and has none: remove the line",
                )
            continue
        if not ways:
            yield Fault(
                (*here, "start_min"),
                f"is missing; say at which minute of the infusion '{phase.name}' starts (or give"
                f" one of {', '.join(WAYS[1:])})",
            )
        for key in ways[1:]:
            yield Fault((*here, key), f"stands beside {ways[0]}; keep one of them")
        yield from _can_be_told(profile, index, phase)


def _can_be_told(profile: Phased, index: int, phase: Phase) -> Iterator[Fault]:
    here, plan = ("phases", index), profile.infusion
    if phase.effect is not None and plan.dose_mg is None and plan.dose_mg_per_kg is None:
        yield Fault(
            (*here, "effect"),
            "needs a dose to be predicted from; add infusion.dose_mg or"
            " infusion.dose_mg_per_kg, or give minutes",
        )
    if phase.after_previous_min is not None and index == 1:
        yield Fault(
            (*here, "after_previous_min"),
            f"counts from '{profile.phases[0].name}', which waits for the infusion; give start_min",
        )
    if phase.before_end_min is not None and phase.before_end_min > plan.planned_min:
        yield Fault(
            (*here, "before_end_min"),
            f"is {phase.before_end_min:g}; the infusion lasts {plan.planned_min:g} min",
        )
    if phase.fill == "tracks" and phase.section is None:
        yield Fault(
            (*here, "fill"),
            "is tracks, but the phase has no section to draw on; add `section`, or write bed",
        )
    low, high = phase.not_before_min, phase.not_after_min
    if low is not None and high is not None and low > high:
        yield Fault(
            (*here, "not_after_min"), f"is {high:g}; it must not be before not_before_min, {low:g}"
        )


def _by_minute(profile: Phased) -> Iterator[Fault]:
    """Of those that say their minute; the rest cannot be told while something is missing."""
    earlier: Phase | None = None
    for index, phase in enumerate(profile.phases):
        if (
            earlier is not None
            and phase.start_min is not None
            and earlier.start_min is not None
            and phase.start_min <= earlier.start_min
        ):
            yield _too_early(index, phase, phase.start_min, earlier, earlier.start_min)
        earlier = phase if index else None
    last_min = profile.phases[-1].start_min
    yield from _ends_last(profile, 0.0 if last_min is None else last_min)


def _as_planned(profile: Phased) -> Iterator[Fault]:
    begins_min = [at_s / 60 for at_s in planned_s(profile.timing)]
    for index in range(2, len(begins_min)):
        phase, earlier = profile.phases[index], profile.phases[index - 1]
        if begins_min[index] <= begins_min[index - 1]:
            yield _too_early(index, phase, begins_min[index], earlier, begins_min[index - 1])
    yield from _ends_last(profile, begins_min[-1])


def _ends_last(profile: Phased, last_min: float) -> Iterator[Fault]:
    end_min, planned_min = profile.session_end_min, profile.infusion.planned_min
    if end_min <= last_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; it must be later than the start of '{profile.phases[-1].name}',"
            f" {_rounded(last_min)}",
        )
    elif end_min < planned_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; it must not be earlier than the end of the infusion, {planned_min:g}",
        )


def _too_early(index: int, phase: Phase, at_min: float, earlier: Phase, before_min: float) -> Fault:
    if phase.start_min is not None:
        told = f"is {phase.start_min:g}"
    else:
        told = f"comes to minute {_rounded(at_min)} as planned"
    return Fault(
        ("phases", index, phase.way),
        f"{told}; it must be later than the start of '{earlier.name}', {_rounded(before_min)}",
    )


def _rounded(minutes: float) -> str:
    return f"{round(minutes, 1):g}"
