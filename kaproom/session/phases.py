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
from itertools import takewhile

from kaproom.session.infusion import Infusion
from kaproom.session.moments import Foreseen, following_s, foreseen, going_on_at
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


def begins_s(profile: Profile, infusion: Infusion, course: Course, index: int) -> float | None:
    """When a phase after the present one begins; None while that cannot be known."""
    return _coming(profile, infusion, foreseen(profile.timing, infusion), course)[index]


def phase_by_clock(profile: Profile, infusion: Infusion, at_s: float) -> int:
    """Index of the phase that the infusion asks for at ``at_s``."""
    moments_s = foreseen(profile.timing, infusion).at_s
    begun = (begins_s is not None and begins_s <= at_s for begins_s in moments_s[1:])
    return sum(takewhile(bool, begun))


def _coming(
    profile: Profile, infusion: Infusion, seen: Foreseen, course: Course
) -> list[float | None]:
    """When each phase begins, as people moved the present one.

    Where that was begun before its time by `advance`, what counts from it comes earlier
    too. One that began late holds nothing up: the infusion did not wait for it.
    """
    moments_s, timing = list(seen.at_s), profile.timing
    began_s = moments_s[course.index]
    previous_s: float | None = course.since_s
    if course.index == 0 or (began_s is not None and course.since_s >= began_s):
        return moments_s
    for index in range(course.index + 1, len(moments_s)):
        if timing.starts[index - 1].way != "after_previous_min":
            break
        if previous_s is not None:
            previous_s = following_s(timing, infusion, index, previous_s)
        moments_s[index] = previous_s
    return moments_s


def spans(profile: Profile, infusion: Infusion, course: Course, now_s: float) -> tuple[Span, ...]:
    """Every phase in time, as things stand at ``now_s``.

    The present phase's start is when it began; later ones are predicted, a pause being
    taken to end now. What waits for the infusion, or for a hold, has no time yet. A hold
    that ends by itself lets in the phase that the infusion asks for then.
    """
    going_on = going_on_at(infusion, now_s)
    seen = foreseen(profile.timing, going_on)
    coming_s = _coming(profile, going_on, seen, course)
    soonest_s = now_s if course.held_until_s is None else max(now_s, course.held_until_s)
    starts: list[float | None] = []
    for index in range(len(profile.phases)):
        if index < course.index or (index > course.index and course.held_for_good):
            starts.append(None)
        elif index == course.index:
            starts.append(course.since_s)
        else:
            at_s = coming_s[index]
            starts.append(None if at_s is None else max(at_s, soonest_s))
    end_s = None
    if not course.held_for_good:
        end_s = seen.end_s
    if end_s is not None and course.held_until_s is not None:
        end_s = max(end_s, course.held_until_s)
    ends = [*starts[1:], end_s]
    return tuple(
        Span(i, phase.name, starts[i], ends[i] if i >= course.index else None)
        for i, phase in enumerate(profile.phases)
    )
