"""Every single disturbance of an infusion is tried on a profile's phases."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from session.imagined import profile, profiles

from kaproom.files import load_profile
from kaproom.places import listing
from kaproom.session.disturbances import Bound, disorders, disturbances, remedy
from kaproom.session.profile import Profile
from kaproom.session.roomfile import RoomFile


def written(*starts: dict[str, Any], end_min: float = 110.0) -> Profile:
    named = [{"name": f"phase-{n}"} | start for n, start in enumerate(({}, *starts))]
    infusion = {"planned_min": 40.0, "dose_mg": 35.0}
    facts: dict[str, Any] = {"infusion": infusion, "phases": named, "session_end_min": end_min}
    return profile((0.0,), 40.0, **facts)


def effect(fraction: float, side: str, **more: Any) -> dict[str, Any]:
    return {"effect": {"fraction": fraction, "side": side}, **more}


@pytest.mark.parametrize("name", listing("profile", RoomFile(), {}))
def test_no_disturbance_brings_a_shipped_profile_out_of_order(name: str) -> None:
    assert disorders(load_profile(name, RoomFile()).profile.timing) == []


def test_all_that_a_session_must_bear_is_tried() -> None:
    found = list(disturbances(written({"start_min": 0}, {"start_min": 20}).timing))
    assert {found.kind for found in found} == {
        *("as planned", "late start", "pause", "stop", "half the rate", "twice the rate")
    }
    pauses = [d for d in found if d.kind == "pause"]
    lasted_min = {(d.marks[2].at_s - d.marks[1].at_s) / 60 for d in pauses}
    assert {round(lasted, 6) for lasted in lasted_min} == {1, 2, 5, 10, 20}
    at_min = sorted({d.marks[1].at_s / 60 for d in pauses})
    assert at_min[0] < 0.6 and at_min[-1] > 39.4
    assert max(b - a for a, b in pairwise(at_min)) <= 1.0


def test_a_pause_late_in_the_infusion_needs_a_bound_and_the_bound_mends_it() -> None:
    falls = effect(0.95, "falling"), effect(0.75, "falling")
    [found] = disorders(written({"start_min": 0}, *falls).timing)
    assert (found.index, found.disturbance.kind) == (3, "pause")
    assert found.disturbance.words.startswith("a pause of 20 min at minute 3")
    bound = remedy(written({"start_min": 0}, *falls).timing, found)
    assert bound is not None and (bound.index, bound.key) == (3, "not_before_min")
    bounded = written({"start_min": 0}, falls[0], falls[1] | {bound.key: bound.minute})
    assert disorders(bounded.timing) == []


def test_minutes_after_a_rise_that_comes_late_need_a_bound_on_the_rise() -> None:
    plan = written({"start_min": 0}, effect(0.8, "rising"), {"start_min": 32})
    kinds = {found.disturbance.kind for found in disorders(plan.timing)}
    assert "pause" in kinds and "twice the rate" in kinds
    for found in disorders(plan.timing):
        assert found.index == 3 and remedy(plan.timing, found) == Bound(2, "not_after_min", 29.0)


def test_a_last_phase_that_may_come_after_the_end_is_told() -> None:
    plan = written({"start_min": 0}, effect(0.5, "falling"), end_min=72.0)
    assert {found.index for found in disorders(plan.timing)} == {3}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles())
def test_minutes_alone_are_never_out_of_order(plan: Profile) -> None:
    by_clock = all(start.way in ("start_min", "before_end_min") for start in plan.timing.starts)
    found = disorders(plan.timing)
    assert not by_clock or found == []
    assert all(1 < disorder.index <= len(plan.phases) for disorder in found)
