"""The effect's peak and its parts, against the reference and against the model itself."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.session.effect_curve import EffectCurve, Side
from kaproom.session.pharmacokinetics import KAMP, Bolus, Dosing, Rate, predict

REFERENCE = Path(__file__).parent / "reference" / "pharmacokinetics.csv"
STANDARD = Dosing((Rate(0, 35 / 40), Rate(40, 0)))


def test_the_curve_is_the_references() -> None:
    curve = EffectCurve(STANDARD)
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["model"], r["case"]) == ("kamp", "standard")]
    assert len(rows) > 20
    for row in rows:
        expected = float(row["effect_site_ng_per_ml"])
        assert curve.at(float(row["t_min"])) == pytest.approx(expected, abs=1e-4)


def test_parts_of_the_peak_are_where_a_fine_curve_has_them() -> None:
    at_min = np.arange(0, 300, 0.001)
    effect = predict(KAMP, STANDARD, at_min).effect_site_ng_per_ml
    curve = EffectCurve(STANDARD)
    assert curve.peak_min == pytest.approx(at_min[effect.argmax()], abs=0.002)
    assert curve.peak_min == pytest.approx(41.2875, abs=1e-3)
    for fraction in (0.05, 0.25, 0.5, 0.8, 0.95):
        above = np.nonzero(effect >= fraction * effect.max())[0]
        first, last = at_min[above[0]], at_min[above[-1]]
        assert curve.reached_min(fraction, "rising") == pytest.approx(first, abs=0.002)
        if fraction >= 0.25:
            assert curve.reached_min(fraction, "falling") == pytest.approx(last, abs=0.002)


def test_of_two_humps_the_first_rise_and_the_last_fall_count() -> None:
    curve = EffectCurve(Dosing((Rate(0, 2.0), Rate(10, 0), Rate(60, 2.0), Rate(70, 0))))
    rises, falls = curve.reached_min(0.5, "rising"), curve.reached_min(0.5, "falling")
    assert rises is not None and falls is not None
    assert rises < 10 and falls > 70 and curve.at(45) < 0.5 * curve.peak_ng_per_ml


def test_without_a_dose_there_is_no_part_of_a_peak() -> None:
    for nothing in (Dosing(), Dosing((Rate(0, 0.0),)), Dosing((Bolus(3, 0.0), Rate(9, 0.0)))):
        assert EffectCurve(nothing).reached_min(0.5, "rising") is None


_MINUTES = st.integers(0, 900).map(lambda n: n / 10)
_STEPS = st.one_of(
    st.builds(Rate, _MINUTES, st.sampled_from([0.0, 0.2, 0.9, 4.0])),
    st.builds(Bolus, _MINUTES, st.sampled_from([1.0, 20.0])),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(_STEPS, min_size=1, max_size=7),
    st.floats(0.05, 0.999),
    st.sampled_from(["rising", "falling"]),
)
def test_before_a_rise_it_was_never_there_and_after_a_fall_it_never_is(
    steps: list[Rate | Bolus], fraction: float, side: Side
) -> None:
    curve = EffectCurve(Dosing((*steps, Rate(91.0, 0.0))))
    found = curve.reached_min(fraction, side)
    if curve.peak_ng_per_ml == 0:
        assert found is None
        return
    assert found is not None
    level = fraction * curve.peak_ng_per_ml
    assert curve.at(found) == pytest.approx(level, rel=1e-6)
    elsewhere = np.linspace(0, found, 300) if side == "rising" else np.linspace(found, 900, 300)
    values = np.array([curve.at(minute) for minute in elsewhere.tolist()])
    assert values.max() <= level * (1 + 1e-6)
    grid = np.linspace(0, 300, 600)
    assert predict(KAMP, Dosing((*steps, Rate(91.0, 0.0))), grid).effect_site_ng_per_ml.max() <= (
        curve.peak_ng_per_ml * (1 + 1e-9)
    )
