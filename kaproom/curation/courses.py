"""The ways a session may go that a rehearsal plays through: as planned, and disturbed.

A course is what people do, as events; the machine that runs the room does the rest.
Disturbances lie where the infusion is: a short session has short ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kaproom.curation.rehearsal import SETTLING_S
from kaproom.curation.words import minutes
from kaproom.session import events as e
from kaproom.session.dosing import planned_rate
from kaproom.session.infusion import What
from kaproom.session.pharmacokinetics import TYPICAL_KG
from kaproom.session.profile import Profile

PLANNED = "planned"
DEFAULT = (PLANNED, "late-start", "pause", "stop-early", "calm")
"""What is played through where nobody chooses."""

# Settling takes as long as it takes; in a short session it is rehearsed with this part of it.
_SETTLING_PART = 0.25
# Chosen: long enough to run short of music, and no more than an hour's session bears.
_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Course:
    """One way a session may go.

    Attributes:
        name: As people choose it.
        about: What happens, in a few words.
        events: In order of time, from the opening on.
        over_s: How much longer than planned people stay.
    """

    name: str
    about: str
    events: tuple[e.Event, ...]
    over_s: float = 0.0

    @property
    def start_s(self) -> float:
        """When the infusion is started on it."""
        return self.events[0].at_s


@dataclass(frozen=True, slots=True)
class _Clock:
    """When what is planned falls due, in seconds since the opening."""

    start_s: float
    planned_s: float

    def at(self, part: float) -> float:
        """A part of the way through the planned infusion."""
        return self.start_s + part * self.planned_s

    def lasting(self, part: float) -> float:
        """So long a part of it, within what a session bears."""
        return min(_LONGEST_S, part * self.planned_s)


def settling_s(profile: Profile) -> float:
    """How long settling is rehearsed."""
    return min(SETTLING_S, _SETTLING_PART * profile.session_end_min * 60)


def course(name: str, profile: Profile) -> Course | None:
    """The course of this name; None where this profile has no such thing."""
    plan = profile.infusion
    return _COURSES[name](_Clock(settling_s(profile), plan.planned_min * 60), profile)


def _infused(what: What, at_s: float, mg_per_min: float | None = None) -> e.Event:
    if mg_per_min is None:
        return e.Infused(at_s, at_s, what=what)
    return e.Infused(at_s, at_s, what=what, value=mg_per_min, unit="mg/min")


def _planned(clock: _Clock, profile: Profile) -> Course:
    events = (_infused("started", clock.start_s), _infused("stopped", clock.at(1)))
    return Course(PLANNED, "the infusion as planned", events)


def _late_start(clock: _Clock, profile: Profile) -> Course:
    late = _Clock(2 * clock.start_s, clock.planned_s)
    events = (_infused("started", late.start_s), _infused("stopped", late.at(1)))
    return Course("late-start", f"settling lasts {minutes(late.start_s)}", events)


def _pause(clock: _Clock, profile: Profile) -> Course:
    lasts_s = clock.lasting(0.25)
    events = (
        _infused("started", clock.start_s),
        _infused("paused", clock.at(0.5)),
        _infused("resumed", clock.at(0.5) + lasts_s),
        _infused("stopped", clock.at(1) + lasts_s),
    )
    return Course("pause", f"half way the pump is paused for {minutes(lasts_s)}", events)


def _stop_early(clock: _Clock, profile: Profile) -> Course:
    events = (_infused("started", clock.start_s), _infused("stopped", clock.at(0.6)))
    return Course("stop-early", "the pump is stopped after three fifths of the time", events)


def _rate(name: str, factor: float) -> Callable[[_Clock, Profile], Course | None]:
    def rated(clock: _Clock, profile: Profile) -> Course | None:
        mg_per_min = planned_rate(profile.infusion, TYPICAL_KG)
        if mg_per_min is None:
            return None
        events = (
            _infused("started", clock.start_s),
            _infused("rate", clock.at(0.4), factor * mg_per_min),
            _infused("stopped", clock.at(1)),
        )
        return Course(name, f"the rate times {factor:g} from two fifths on", events)

    return rated


def _held(clock: _Clock, profile: Profile) -> Course:
    since_s, lasts_s = clock.at(0.6), clock.lasting(0.4)
    until_s = since_s + lasts_s
    events = (
        _infused("started", clock.start_s),
        e.Held(since_s, since_s),
        *sorted(
            (_infused("stopped", clock.at(1)), e.Advanced(until_s, until_s)),
            key=lambda event: event.at_s,
        ),
    )
    return Course("hold", f"a phase is held for {minutes(lasts_s)}", events)


def _for_a_while(
    name: str, about: str, begin: type[e.Event], over: type[e.Event], part: float
) -> Callable[[_Clock, Profile], Course]:
    def passing(clock: _Clock, profile: Profile) -> Course:
        since_s, lasts_s = clock.at(0.5), clock.lasting(part)
        events = (
            _infused("started", clock.start_s),
            begin(since_s, since_s),
            over(since_s + lasts_s, since_s + lasts_s),
            _infused("stopped", clock.at(1)),
        )
        return Course(name, f"{about} for {minutes(lasts_s)}", events)

    return passing


def _skip(clock: _Clock, profile: Profile) -> Course:
    skips = [e.Skipped(at_s, at_s) for at_s in (clock.at(n / 8) for n in range(1, 8))]
    events = (_infused("started", clock.start_s), *skips, _infused("stopped", clock.at(1)))
    return Course("skip", f"{len(skips)} pieces are skipped", events)


def _overtime(clock: _Clock, profile: Profile) -> Course:
    over_s = clock.lasting(0.5)
    about = f"people stay {minutes(over_s)} longer"
    return Course("overtime", about, _planned(clock, profile).events, over_s)


_COURSES: dict[str, Callable[[_Clock, Profile], Course | None]] = {
    PLANNED: _planned,
    "late-start": _late_start,
    "pause": _pause,
    "stop-early": _stop_early,
    "rate-half": _rate("rate-half", 0.5),
    "rate-double": _rate("rate-double", 2.0),
    "hold": _held,
    "calm": _for_a_while("calm", "the refuge plays", e.Calmed, e.Returned, 0.25),
    "away": _for_a_while("away", "the headphones are off", e.WentAway, e.CameBack, 0.15),
    "skip": _skip,
    "overtime": _overtime,
}
NAMES = tuple(_COURSES)
"""Every course that can be chosen, the planned one first."""
