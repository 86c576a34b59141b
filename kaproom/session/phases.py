"""Where a session is among its phases, and when each of them begins.

Phases wait for the music's clock. That is the infusion's clock until a stop; a stop
before the descent carries it to the descent's start, and after a stop it runs on.

Whether a phase has begun is always asked as "is its moment past?", never by comparing
clocks: a session that is stepped often and one that is stepped once must agree to the
last bit, because the second is how a restarted daemon picks up the first.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kaproom.session.infusion import Infusion
from kaproom.session.profile import Profile


@dataclass(frozen=True, slots=True)
class Span:
    """A phase in time. ``start_s`` or ``end_s`` is None while it cannot be known."""

    index: int
    name: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """Where the session is among its phases.

    Attributes:
        index: The phase now.
        since_s: When it began.
        held: Whether people asked to stay in it.
        held_until_s: When that is over by itself; None: when people say so.
        asked: The furthest phase that people asked for with `advance`; no correction of
            the infusion goes back behind it.
    """

    index: int = 0
    since_s: float = 0.0
    held: bool = False
    held_until_s: float | None = None
    asked: int = 0

    @property
    def held_for_good(self) -> bool:
        """Whether it is held until people say otherwise."""
        return self.held and self.held_until_s is None

    def let_go(self) -> Course:
        """The same, held no more."""
        return replace(self, held=False, held_until_s=None)


def start_s(profile: Profile, index: int) -> float:
    """When a phase begins, on the music's clock."""
    return (profile.phases[index].start_min or 0.0) * 60


def reached_s(profile: Profile, infusion: Infusion, clock_s: float) -> float | None:
    """When the music's clock shows ``clock_s``; None while it stands before it."""
    stopped = infusion.stopped_at_s
    if stopped is None:
        return infusion.reaches(clock_s)
    shown = infusion.elapsed_s(stopped)
    assert shown is not None
    carried = max(shown, start_s(profile, profile.descent_index))
    if clock_s >= carried:
        # Bracketed: at the stop itself nothing may be left over of the difference.
        return stopped + (clock_s - carried)
    by_infusion = infusion.reaches(clock_s)
    return stopped if by_infusion is None else by_infusion


def expected_s(profile: Profile, infusion: Infusion, clock_s: float, now_s: float) -> float | None:
    """The same, a pause being taken to end at ``now_s``; None before the infusion."""
    at_s = reached_s(profile, infusion, clock_s)
    if at_s is not None or infusion.started_at_s is None:
        return at_s
    return infusion.at_elapsed(clock_s, now_s)


def phase_by_clock(profile: Profile, infusion: Infusion, at_s: float) -> int:
    """Index of the phase that the infusion asks for at ``at_s``."""
    by_clock = 0
    for index in range(1, len(profile.phases)):
        begins_s = reached_s(profile, infusion, start_s(profile, index))
        if begins_s is None or begins_s > at_s:
            break
        by_clock = index
    return by_clock


def spans(profile: Profile, infusion: Infusion, course: Course, now_s: float) -> tuple[Span, ...]:
    """Every phase in time, as things stand at ``now_s``.

    The present phase's start is when it began; later ones are predicted, a pause being
    taken to end now. What waits for the infusion, or for a hold, has no time yet. A hold
    that ends by itself lets in the phase that the infusion asks for then.
    """
    soonest_s = now_s if course.held_until_s is None else max(now_s, course.held_until_s)
    starts: list[float | None] = []
    for index in range(len(profile.phases)):
        if index < course.index or (index > course.index and course.held_for_good):
            starts.append(None)
        elif index == course.index:
            starts.append(course.since_s)
        else:
            at_s = expected_s(profile, infusion, start_s(profile, index), now_s)
            starts.append(None if at_s is None else max(at_s, soonest_s))
    end_s = None
    if not course.held_for_good:
        end_s = expected_s(profile, infusion, profile.session_end_min * 60, now_s)
    if end_s is not None and course.held_until_s is not None:
        end_s = max(end_s, course.held_until_s)
    ends = [*starts[1:], end_s]
    return tuple(
        Span(i, phase.name, starts[i], ends[i] if i >= course.index else None)
        for i, phase in enumerate(profile.phases)
    )
