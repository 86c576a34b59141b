"""The models are exact for any history, and only ever estimates."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.session.pharmacokinetics import (
    FACTOR,
    KE0_PER_MIN,
    MIXING_MIN,
    MODELS,
    Bolus,
    Dosing,
    Model,
    Numbers,
    Rate,
    band,
    mixed,
    predict,
)

REFERENCE = Path(__file__).parent / "reference" / "pharmacokinetics.csv"
STANDARD = 35 / 40  # mg/min: 0.5 mg/kg at 70 kg over 40 min
CASES = {
    "standard": Dosing((Rate(0, STANDARD), Rate(40, 0))),
    "bolus_then_standard": Dosing((Bolus(0, 7), Rate(0, STANDARD), Rate(40, 0))),
    "pause_15_to_20_end_45": Dosing(
        (Rate(0, STANDARD), Rate(15, 0), Rate(20, STANDARD), Rate(45, 0))
    ),
    "stop_at_25": Dosing((Rate(0, STANDARD), Rate(25, 0))),
}
ANY_MODEL = st.sampled_from(list(MODELS.values()))
WEIGHTS = st.floats(30, 200)
KE0S = st.floats(0.001, 5.0)
AT_MIN = np.linspace(-5, 240, 492)


@st.composite
def dosings(draw: st.DrawFn) -> Dosing:
    minutes = st.floats(-3, 200)
    rates = st.builds(Rate, minutes, st.floats(0, 5))
    boluses = st.builds(Bolus, minutes, st.floats(0, 50))
    return Dosing(tuple(draw(st.lists(st.one_of(rates, boluses), max_size=12))))


def of(model: Model, dosing: Dosing, weight_kg: float = 70.0, ke0: float = KE0_PER_MIN) -> Numbers:
    """Plasma and effect site as two rows."""
    said = predict(model, dosing, AT_MIN, weight_kg, ke0)
    return np.array([said.plasma_ng_per_ml, said.effect_site_ng_per_ml])


def near(one: Numbers, other: Numbers) -> bool:
    # What rounding leaves of the largest value there is.
    return bool(np.all(np.abs(one - other) <= 1e-11 * max(1.0, np.abs(other).max()) + 1e-8))


def reference() -> list[dict[str, str]]:
    with REFERENCE.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", MODELS)
def test_the_reference_is_met(name: str, case: str) -> None:
    rows = [row for row in reference() if (row["model"], row["case"]) == (name, case)]
    assert len(rows) == 25
    for weight in {row["weight_kg"] for row in rows}:
        same = [row for row in rows if row["weight_kg"] == weight]
        minutes = [float(row["t_min"]) for row in same]
        said = predict(MODELS[name], CASES[case], minutes, float(weight))
        plasma = np.array([float(row["plasma_ng_per_ml"]) for row in same])
        effect = np.array([float(row["effect_site_ng_per_ml"]) for row in same])
        assert np.abs(said.plasma_ng_per_ml - plasma).max() < 1e-6
        assert np.abs(said.effect_site_ng_per_ml - effect).max() < 1e-4


@given(ANY_MODEL, dosings(), WEIGHTS, KE0S, st.floats(0, 3))
def test_twice_the_dose_is_twice_the_answer(
    model: Model, dosing: Dosing, weight_kg: float, ke0: float, factor: float
) -> None:
    scaled = tuple(
        Bolus(step.at_min, step.mg * factor)
        if isinstance(step, Bolus)
        else Rate(step.from_min, step.mg_per_min * factor)
        for step in dosing.steps
    )
    assert near(
        of(model, Dosing(scaled), weight_kg, ke0), factor * of(model, dosing, weight_kg, ke0)
    )


@given(ANY_MODEL, dosings(), dosings(), WEIGHTS, KE0S)
def test_two_infusions_at_once_add_up(
    model: Model, one: Dosing, other: Dosing, weight_kg: float, ke0: float
) -> None:
    times = sorted({rate.from_min for rate in (*one.rates, *other.rates)})
    both = Dosing(
        (
            *one.boluses,
            *other.boluses,
            *(Rate(at_min, rate_at(one, at_min) + rate_at(other, at_min)) for at_min in times),
        )
    )
    apart = of(model, one, weight_kg, ke0) + of(model, other, weight_kg, ke0)
    assert near(of(model, both, weight_kg, ke0), apart)


@given(ANY_MODEL, dosings(), KE0S, st.lists(st.floats(-3, 240), max_size=8))
def test_saying_the_same_rate_again_changes_nothing(
    model: Model, dosing: Dosing, ke0: float, cuts_min: list[float]
) -> None:
    again = tuple(Rate(at_min, rate_at(dosing, at_min)) for at_min in cuts_min)
    assert near(of(model, Dosing((*dosing.steps, *again)), 70, ke0), of(model, dosing, 70, ke0))


@given(ANY_MODEL, dosings())
def test_nothing_is_made_and_nothing_is_lost(model: Model, dosing: Dosing) -> None:
    plasma_mg = of(model, dosing)[0] * model.volume_l / 1000
    # A compartment that fills from plasma and drains at k21 is an effect site with that ke0.
    elsewhere_mg = sum(
        of(model, dosing, ke0=back)[1] * model.volume_l / 1000 * out / back
        for out, back in model.exchanges_per_min
    )
    # One that hardly drains counts all that ever passed.
    slow = 1e-9
    passed = of(model, dosing, ke0=slow)[1] / slow
    eliminated_mg = passed * model.volume_l / 1000 * model.k10_per_min
    given_mg = np.array([dosing.given_mg(at_min) for at_min in AT_MIN])
    assert np.allclose(plasma_mg + elsewhere_mg + eliminated_mg, given_mg, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("name", MODELS)
def test_a_ke0_equal_to_an_exponent_is_as_exact_as_any(name: str, apart: float) -> None:
    model, dosing = MODELS[name], CASES["pause_15_to_20_end_45"]
    for exponent in model.decays(70)[0]:
        ke0 = float(exponent) * (1 + apart)
        # The answer is smooth in ke0: its neighbours on both sides bracket it.
        step = 1e-5
        below, above = (of(model, dosing, ke0=ke0 * (1 + side))[1] for side in (-step, step))
        middle = of(model, dosing, ke0=ke0)[1]
        assert np.all(np.isfinite(middle))
        assert np.abs(middle - (below + above) / 2).max() < 1e-6


def test_two_equal_compartments_are_one_of_both() -> None:
    """Two of the exponents are then the same."""
    twice = Model("twice", "", 10.0, 0.1, ((0.2, 0.05), (0.2, 0.05)))
    once = Model("once", "", 10.0, 0.1, ((0.4, 0.05),))
    for dosing in CASES.values():
        assert near(of(twice, dosing), of(once, dosing))


@given(ANY_MODEL, dosings(), WEIGHTS, KE0S)
def test_nothing_is_ever_below_zero(
    model: Model, dosing: Dosing, weight_kg: float, ke0: float
) -> None:
    assert of(model, dosing, weight_kg, ke0).min() > -1e-8


def test_weight_scales_the_models_as_published() -> None:
    per_kg, allometric = MODELS["domino"], MODELS["kamp"]
    heavy = Dosing((Bolus(0, 14), Rate(0, 2 * STANDARD), Rate(40, 0)))
    light = CASES["bolus_then_standard"]
    assert near(of(per_kg, heavy, 140), of(per_kg, light, 70))
    # Clearance grows with the 0.75th power only: the same mg per kg leaves more slowly.
    assert of(allometric, heavy, 140)[0][-1] > of(allometric, light, 70)[0][-1]


def test_minutes_may_come_in_any_order_and_shape() -> None:
    minutes = np.array([[40.0, 5.0], [0.0, -1.0]])
    said = predict(MODELS["kamp"], CASES["standard"], minutes)
    assert said.plasma_ng_per_ml.shape == (2, 2)
    assert said.plasma_ng_per_ml[0, 0] > said.plasma_ng_per_ml[0, 1] > 0
    assert list(said.effect_site_ng_per_ml[1]) == [0, 0]
    assert float(predict(MODELS["kamp"], Dosing(), 7).plasma_ng_per_ml) == 0


def test_of_two_rates_at_once_the_last_counts() -> None:
    again = Dosing((Rate(0, 9), Rate(0, STANDARD), Rate(40, 3), Rate(40, 0)))
    assert near(of(MODELS["kamp"], again), of(MODELS["kamp"], CASES["standard"]))
    assert again.given_mg(100) == pytest.approx(35)


def test_the_band_holds_every_model() -> None:
    spread = band(CASES["standard"], AT_MIN)
    for model in MODELS.values():
        said = predict(model, CASES["standard"], AT_MIN)
        assert np.all(said.effect_site_ng_per_ml >= spread.low.effect_site_ng_per_ml)
        assert np.all(said.effect_site_ng_per_ml <= spread.high.effect_site_ng_per_ml)


def test_the_band_around_one_model_is_a_factor_wide() -> None:
    around = band(CASES["standard"], [30.0], around=MODELS["hijazi"])
    middle = predict(MODELS["hijazi"], CASES["standard"], [30.0]).effect_site_ng_per_ml
    assert around.high.effect_site_ng_per_ml == pytest.approx(middle * FACTOR)
    assert around.low.effect_site_ng_per_ml == pytest.approx(middle / FACTOR)


def test_a_bolus_is_not_drawn_until_it_has_mixed() -> None:
    dosing = Dosing((Bolus(10, 7), Bolus(30, 0), Rate(0, 1)))
    minutes = np.array([9.9, 10.0, 10 + MIXING_MIN - 0.1, 10 + MIXING_MIN, 31.0])
    assert list(mixed(dosing, minutes)) == [True, False, False, True, True]


def test_what_was_given_until_a_minute() -> None:
    dosing = CASES["bolus_then_standard"]
    assert [dosing.given_mg(at_min) for at_min in (-1, 0, 20, 40, 90)] == [0, 7, 24.5, 42, 42]
    cut = dosing.until(20)
    assert cut.given_mg(90) == 24.5
    assert dosing.until(0).given_mg(90) == 7


def rate_at(dosing: Dosing, at_min: float) -> float:
    said = [rate.mg_per_min for rate in dosing.rates if rate.from_min <= at_min]
    return said[-1] if said else 0.0
