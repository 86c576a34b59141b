"""When each phase begins, whatever is recorded of the pump."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session.imagined import profile, profiles

from kaproom.errors import Refused
from kaproom.session import moments
from kaproom.session.infusion import Infusion, Mark, What
from kaproom.session.moments import foreseen, least_s
from kaproom.session.phases import Course, begins_s, phase_by_clock, spans
from kaproom.session.profile import Profile

START_S = 731.0  # the pump is never started as the session opens


def written(*starts: dict[str, Any], end_min: float = 110.0, **more: Any) -> Profile:
    """Forty minutes of infusion; phases of these starts, phase-1, phase-2 and so on."""
    named = [{"name": f"phase-{n}"} | start for n, start in enumerate(({}, *starts))]
    infusion = {"planned_min": 40.0, "dose_mg_per_kg": 0.5}
    facts: dict[str, Any] = {
        "infusion": infusion,
        "phases": named,
        "session_end_min": end_min,
    } | more
    return profile((0.0,), 40.0, **facts)


def rising(fraction: float, **more: float) -> dict[str, Any]:
    return {"effect": {"fraction": fraction, "side": "rising"}, **more}


def falling(fraction: float, **more: float) -> dict[str, Any]:
    return {"effect": {"fraction": fraction, "side": "falling"}, **more}


Done = tuple[What, float] | tuple[What, float, float]


def done(*deeds: Done) -> Infusion:
    """What was recorded, at minutes after the start; a rate in mg/min, a bolus in mg."""
    infusion = Infusion(2400.0)
    for what, minute, *value in deeds:
        unit = {"rate": "mg/min", "bolus": "mg"}.get(what)
        amount = value[0] if value else None
        infusion = infusion.recorded(Mark(what, START_S + minute * 60, False, amount, unit))
    return infusion


def minutes(plan: Profile, infusion: Infusion) -> list[float | None]:
    """When each phase but the first begins, in minutes after the start."""
    seen = foreseen(plan.timing, infusion).at_s[1:]
    return [None if at_s is None else round((at_s - START_S) / 60, 2) for at_s in seen]


FOLLOWING = written(
    {"start_min": 0},
    rising(0.25),
    rising(0.8),
    {"before_end_min": 5},
    {"after_end_min": 10},
    {"after_previous_min": 12},
    falling(0.4),
    descent="phase-4",
)


def test_as_planned_each_phase_begins_where_its_clock_or_the_curve_says() -> None:
    # Kamp, 0.875 mg/min for 40 min: a quarter of the peak at 9.04, 0.8 of it at 28.81; 0.4 of
    # it is left for good at 83.56. Read off a curve of a point each tenth of a second.
    expected = [0.0, 9.04, 28.81, 35.0, 50.0, 62.0, 83.56]
    assert [round(at_s / 60, 2) for at_s in FOLLOWING.planned_starts_s[1:]] == expected
    assert minutes(FOLLOWING, done(("started", 0))) == expected


def test_a_pause_holds_all_that_is_to_come_and_the_effect_is_followed_on() -> None:
    begun: list[Done] = [("started", 0), ("paused", 20)]
    assert minutes(FOLLOWING, done(*begun)) == [0.0, 9.04, None, None, None, None, None]
    after = minutes(FOLLOWING, done(*begun, ("resumed", 30)))
    assert after[:2] == [0.0, 9.04] and after[3:6] == [45.0, 60.0, 72.0]
    # The effect fell meanwhile: it needs more than the ten minutes to be back.
    assert after[2] is not None and 38.81 < after[2] < 45.0


def test_before_the_start_no_phase_has_a_moment() -> None:
    before = done(("bolus", -3, 5.0), ("rate", -2, 1.0))
    assert minutes(FOLLOWING, before) == [None] * 7


def test_twice_the_rate_brings_a_later_and_higher_peak_and_later_phases() -> None:
    as_planned = minutes(FOLLOWING, done(("started", 0)))
    double = minutes(FOLLOWING, done(("started", 0), ("rate", 15, 1.75)))
    assert double[:2] == as_planned[:2] and double[3:6] == as_planned[3:6]
    assert double[2] is not None and as_planned[2] is not None and double[2] > as_planned[2]


def test_half_the_rate_brings_at_once_what_the_effect_has_passed() -> None:
    plan = written({"start_min": 0}, rising(0.6), rising(0.9), {"before_end_min": 5})
    half = minutes(plan, done(("started", 0), ("rate", 19, 0.4)))
    # Of the lower peak that is now foreseen, six tenths were there before.
    assert half[1] == 19.0 and half[2] is not None and 20.0 <= half[2] < 34.27


def test_a_rate_that_is_only_recorded_anew_moves_nothing() -> None:
    as_planned = foreseen(FOLLOWING.timing, done(("started", 0)))
    again = foreseen(FOLLOWING.timing, done(("started", 0), ("rate", 17, 0.875)))
    for before_s, after_s in zip(as_planned.at_s[1:], again.at_s[1:], strict=True):
        assert after_s == pytest.approx(before_s, abs=1e-5)


def test_a_stop_before_its_time_begins_the_descent_and_the_rest_follows_from_there() -> None:
    stopped = minutes(FOLLOWING, done(("started", 0), ("stopped", 20)))
    assert stopped[:4] == [0.0, 9.04, 20.0, 20.0]
    assert stopped[4:6] == [30.0, 42.0]
    assert stopped[6] is not None and 45.0 < stopped[6] < 83.0  # by the lower curve


def test_a_stop_at_the_planned_end_leaves_a_descent_that_is_planned_for_later() -> None:
    plan = written({"start_min": 0}, rising(0.8), falling(0.95), descent="phase-3")
    as_planned = minutes(plan, done(("started", 0)))
    assert as_planned[2] == 45.25
    assert minutes(plan, done(("started", 0), ("stopped", 40)))[2] == 45.25
    near = minutes(plan, done(("started", 0), ("stopped", 39.4)))[2]
    assert near is not None and 44.0 < near < 45.25
    assert minutes(plan, done(("started", 0), ("stopped", 38)))[2] == 38.0


def test_minutes_after_the_end_count_from_the_recorded_stop() -> None:
    plan = written({"start_min": 0}, {"before_end_min": 5}, {"after_end_min": 10})
    assert minutes(plan, done(("started", 0), ("stopped", 47)))[2] == 57.0
    assert minutes(plan, done(("started", 0), ("stopped", 25)))[1:] == [25.0, 35.0]
    paused = done(("started", 0), ("paused", 10), ("resumed", 16.5))
    assert minutes(plan, paused)[1:] == [41.5, 56.5]


def test_bounds_are_minutes_of_the_infusion_and_stand_while_it_is_paused() -> None:
    plan = written({"start_min": 0}, rising(0.5, not_before_min=20), falling(0.8, not_after_min=45))
    assert minutes(plan, done(("started", 0)))[1:] == [20.0, 45.0]
    paused = done(("started", 0), ("paused", 5), ("resumed", 12))
    assert minutes(plan, paused)[1:] == [27.0, 52.0]


def test_where_nothing_is_given_the_planned_minute_counts() -> None:
    nothing = done(("started", 0), ("rate", 0, 0.0))
    expected = [0.0, 9.04, 28.81, 35.0, 50.0, 62.0, 83.56]
    assert minutes(FOLLOWING, nothing) == expected


def test_a_stop_taken_back_was_a_pause() -> None:
    back = done(("started", 0), ("stopped", 20), ("resumed", 22))
    pause = done(("started", 0), ("paused", 20), ("resumed", 22))
    assert minutes(FOLLOWING, back) == minutes(FOLLOWING, pause)


def test_weight_changes_no_moment() -> None:
    """What is given per kg is followed per kg; what it comes to for this patient is not asked."""
    per_kg = written({"start_min": 0}, rising(0.8), falling(0.5))
    seventy = per_kg.model_copy(
        update={
            "infusion": per_kg.infusion.model_copy(update={"dose_mg": 35.0, "dose_mg_per_kg": None})
        }
    )
    recorded = done(("started", 0), ("rate", 12, 0.5))
    assert minutes(per_kg, recorded) == minutes(seventy, recorded)


def test_a_phase_begun_early_brings_early_what_counts_from_it() -> None:
    infusion = done(("started", 0))
    early = Course(5, START_S + 45 * 60, asked=5)
    assert begins_s(FOLLOWING, infusion, early, 6) == pytest.approx(START_S + 57 * 60)
    late = Course(5, START_S + 55 * 60, asked=5)
    assert begins_s(FOLLOWING, infusion, late, 6) == pytest.approx(START_S + 62 * 60)


def test_a_last_phase_that_comes_late_keeps_its_length() -> None:
    plan = written({"start_min": 0}, falling(0.5), end_min=90.0)
    length_min = 90.0 - plan.planned_starts_s[2] / 60
    long = done(("started", 0), ("rate", 35, 3.5))
    seen = foreseen(plan.timing, long)
    begins, ends = seen.at_s[2], seen.end_s
    assert begins is not None and ends is not None
    assert ends == pytest.approx(max(START_S + 90 * 60, begins + length_min * 60))


# -- laws

_TURN = st.sampled_from(["paused", "resumed", "stopped", "rate", "bolus", "rate", "paused"])
_HISTORIES = st.lists(
    st.tuples(st.integers(0, 900).map(lambda n: n / 10), _TURN, st.sampled_from([0.0, 0.3, 2.5])),
    max_size=6,
)


def infusions(plan: Profile, deeds: list[Any]) -> list[Infusion]:
    """The history as it grows, in order of time; what cannot be is left out."""
    infusion = Infusion(plan.infusion.planned_min * 60).recorded(Mark("started", START_S))
    grown = [infusion]
    for minute, what, value in sorted(deeds, key=lambda deed: deed[0]):
        amount = (value or 1.0, "mg") if what == "bolus" else (value, "mg/min")
        mark = Mark(what, START_S + minute * 60, False, *amount)
        try:
            infusion = infusion.recorded(mark)
        except Refused:
            continue
        grown.append(infusion)
    return grown


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), _HISTORIES)
def test_phases_keep_their_order_and_the_past_stays_as_it_was(
    plan: Profile, deeds: list[Any]
) -> None:
    timing, grown = plan.timing, infusions(plan, deeds)
    for infusion in grown:
        seen = foreseen(timing, infusion)
        known = [at_s for at_s in seen.at_s[1:] if at_s is not None]
        assert known == sorted(known) and known == list(seen.at_s[1 : len(known) + 1])
        if not infusion.paused:
            assert len(known) == len(plan.phases) - 1, "every phase is reached"
            assert seen.end_s is not None
    for before, after in pairwise(grown):
        if before.stopped_at_s is not None:
            continue  # it is taken back, and was never a stop
        now_s = after.marks[-1].at_s
        earlier, later = foreseen(timing, before), foreseen(timing, after)
        for was_s, is_s in zip(earlier.at_s, later.at_s, strict=True):
            if was_s is not None and was_s <= now_s:
                assert is_s == was_s
            elif is_s is not None:
                assert is_s >= now_s


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), _HISTORIES)
def test_only_a_stop_passes_phases_by(plan: Profile, deeds: list[Any]) -> None:
    timing = plan.timing
    *_, infusion = infusions(plan, [deed for deed in deeds if deed[1] != "stopped"])
    moments_s = foreseen(timing, infusion).at_s[1:]
    for index, (earlier, later) in enumerate(pairwise(moments_s), start=1):
        if later is not None and earlier is not None:
            assert later - earlier >= least_s(timing, index) - 1e-6


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), _HISTORIES, st.floats(0, 7000))
def test_spans_and_the_clock_agree_on_what_has_begun(
    plan: Profile, deeds: list[Any], after_s: float
) -> None:
    *_, infusion = infusions(plan, deeds)
    now_s = infusion.marks[-1].at_s + after_s
    index = phase_by_clock(plan, infusion, now_s)
    began_s = foreseen(plan.timing, infusion).at_s[index]
    found = spans(plan, infusion, Course(index, began_s or 0.0), now_s)
    assert [span.start_s for span in found[index + 1 :]] == sorted(
        span.start_s or 0.0 for span in found[index + 1 :]
    )
    assert all((span.start_s or 0.0) >= now_s for span in found[index + 1 :])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), _HISTORIES)
def test_what_was_asked_before_changes_no_moment(plan: Profile, deeds: list[Any]) -> None:
    grown = infusions(plan, deeds)
    step_by_step = [foreseen(plan.timing, infusion) for infusion in grown]
    moments._foreseen.cache_clear()
    assert [foreseen(plan.timing, infusion) for infusion in grown[::-1]] == step_by_step[::-1]
