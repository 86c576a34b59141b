"""What was given follows from what was recorded; the plan fills in the rest."""

from __future__ import annotations

import pytest

from kaproom.session.dosing import OPENING_S, forecast, planned, planned_mg, so_far_mg
from kaproom.session.infusion import Infusion, Mark, What
from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.pharmacokinetics import Bolus, Dosing, Rate

START_S = 731.0  # the pump is never started as the session opens


def plan(**more: float) -> InfusionPlan:
    return InfusionPlan.model_validate({"planned_min": 40.0, "dose_mg": 35.0} | more)


Deed = tuple[What, float] | tuple[What, float, float, str]


def done(*deeds: Deed) -> Infusion:
    """Marks by minute since the start, some with an amount and its unit."""
    infusion = Infusion(40 * 60.0)
    for deed in deeds:
        value, unit = (None, None) if len(deed) == 2 else deed[2:]
        infusion = infusion.recorded(Mark(deed[0], at(deed[1]), False, value, unit))
    return infusion


def given_mg(dosing: Dosing | None, minute: float = 1000.0) -> float:
    assert dosing is not None
    return dosing.given_mg(minute)


def at(minute: float) -> float:
    return START_S + minute * 60


def test_the_plan_gives_its_dose_by_its_end() -> None:
    assert planned(plan()) == Dosing((Rate(0, 0.875), Rate(40, 0)))


def test_a_planned_bolus_is_part_of_the_dose() -> None:
    with_bolus = planned(plan(bolus_mg=5))
    assert with_bolus is not None
    assert with_bolus.boluses == (Bolus(0, 5),)
    assert with_bolus.given_mg(40) == pytest.approx(35)


def test_a_dose_per_kg_needs_a_weight() -> None:
    per_kg = InfusionPlan(planned_min=40, dose_mg_per_kg=0.6, bolus_mg_per_kg=0.1)
    assert planned(per_kg) is None
    assert given_mg(planned(per_kg, 80)) == pytest.approx(48)
    assert given_mg(planned(per_kg, 80), 0) == pytest.approx(8)


def test_without_a_dose_there_is_no_answer() -> None:
    bare = InfusionPlan(planned_min=40)
    assert planned(bare) is None
    assert forecast(bare, done(("started", 0)), at(10)) is None
    assert so_far_mg(bare, done(("started", 0)), at(10)) is None


def test_without_a_dose_recorded_rates_are_enough() -> None:
    """Nobody types as fast as a pump starts: a rate recorded soon after counts from there."""
    recorded = done(("started", 0), ("rate", 1, 1.0, "mg/min"), ("rate", 20, 0.5, "mg/min"))
    assert given_mg(forecast(InfusionPlan(planned_min=40), recorded, at(25))) == 30
    late = done(("started", 0), ("rate", OPENING_S / 60 + 1, 1.0, "mg/min"))
    assert forecast(InfusionPlan(planned_min=40), late, at(25)) is None


def test_before_the_start_the_plan_is_forecast_from_now() -> None:
    dosing = forecast(plan(), done(), START_S)
    assert dosing == planned(plan())
    assert so_far_mg(plan(), done(), START_S) == 0


def test_a_pause_gives_nothing_and_delays_the_end() -> None:
    recorded = done(("started", 0), ("paused", 15), ("resumed", 20))
    dosing = forecast(plan(), recorded, at(25))
    assert dosing == Dosing((Rate(0, 0.875), Rate(15, 0), Rate(20, 0.875), Rate(45, 0)))
    assert so_far_mg(plan(), recorded, at(25)) == pytest.approx(0.875 * 20)


def test_a_pause_is_forecast_to_end_now() -> None:
    dosing = forecast(plan(), done(("started", 0), ("paused", 15)), at(18))
    assert dosing == Dosing((Rate(0, 0.875), Rate(15, 0), Rate(18, 0.875), Rate(43, 0)))


def test_a_stop_is_the_end() -> None:
    dosing = forecast(plan(), done(("started", 0), ("stopped", 25)), at(60))
    assert given_mg(dosing) == pytest.approx(0.875 * 25)


def test_a_rate_changes_what_is_given_and_not_how_long() -> None:
    dosing = forecast(plan(), done(("started", 0), ("rate", 10, 1.75, "mg/min")), at(12))
    assert dosing == Dosing((Rate(0, 0.875), Rate(10, 1.75), Rate(40, 0)))


def test_a_rate_recorded_in_a_pause_counts_from_its_end() -> None:
    recorded = done(("started", 0), ("paused", 10), ("rate", 12, 0.5, "mg/min"), ("resumed", 20))
    assert given_mg(forecast(plan(), recorded, at(30)), 30) == pytest.approx(8.75 + 5)


def test_a_rate_recorded_before_the_start_stands_in_for_the_planned_one() -> None:
    recorded = done(("rate", -2, 0.5, "mg/min"), ("started", 0))
    assert given_mg(forecast(plan(), recorded, at(10))) == pytest.approx(20)


def test_a_rate_in_ml_per_hour_needs_the_concentration() -> None:
    recorded = done(("started", 0), ("rate", 0, 30.0, "mL/h"))
    two_mg_per_ml = plan(concentration_mg_per_ml=2)
    assert given_mg(forecast(two_mg_per_ml, recorded, at(5))) == pytest.approx(40)
    assert forecast(plan(), recorded, at(5)) is None


@pytest.mark.parametrize(("minute", "boluses"), [(0.5, 1), (-3, 1), (20, 2)])
def test_a_bolus_at_the_start_is_the_planned_one_and_a_later_one_is_more(
    minute: float, boluses: int
) -> None:
    deeds: list[Deed] = [("started", 0), ("bolus", minute, 4.0, "mg")]
    dosing = forecast(plan(bolus_mg=5), done(*sorted(deeds, key=lambda d: d[1])), at(30))
    assert dosing is not None
    assert len(dosing.boluses) == boluses
    assert dosing.boluses[-1 if minute > 1 else 0] == Bolus(minute, 4)


def test_an_infusion_that_nobody_stopped_is_taken_to_end_as_planned() -> None:
    recorded = done(("started", 0))
    assert given_mg(forecast(plan(), recorded, at(55))) == pytest.approx(35)
    assert so_far_mg(plan(), recorded, at(55)) == pytest.approx(35)


def test_a_mark_after_the_planned_end_shows_that_it_went_on() -> None:
    stopped = done(("started", 0), ("stopped", 44))
    assert given_mg(forecast(plan(), stopped, at(60))) == pytest.approx(0.875 * 44)
    rated = done(("started", 0), ("rate", 42, 0.5, "mg/min"))
    assert given_mg(forecast(plan(), rated, at(50))) == pytest.approx(0.875 * 42 + 4)


def test_a_stop_taken_back_goes_on_to_the_planned_length() -> None:
    recorded = done(("started", 0), ("stopped", 20), ("resumed", 23))
    assert given_mg(forecast(plan(), recorded, at(25))) == pytest.approx(35)


def test_what_is_given_per_kg_is_known_only_with_the_weight() -> None:
    per_kg = InfusionPlan(planned_min=40, dose_mg_per_kg=0.5)
    rate: Deed = ("rate", 0, 0.0125, "mg/kg/min")
    recorded = done(("started", 0), rate, ("bolus", 10, 0.1, "mg/kg"))
    assert so_far_mg(per_kg, recorded, at(20)) is None
    assert so_far_mg(per_kg, recorded, at(20), 80) == pytest.approx(80 * (0.25 + 0.1))
    assert given_mg(forecast(per_kg, recorded, at(20), 80)) == pytest.approx(80 * 0.6)
    assert so_far_mg(per_kg, done(("bolus", -3, 0.1, "mg/kg")), at(0)) is None
    assert planned_mg(per_kg, 80) == 40 and planned_mg(per_kg, None) is None
    assert planned_mg(InfusionPlan(planned_min=40, dose_mg=30), 80) == 30
