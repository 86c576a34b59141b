"""What a typical adult's blood and brain would hold, by published models. Never for dosing.

Every answer is a population estimate and not a measurement; nothing in the session may
become advice by it. The solution is exact for any history of boluses and constant rates:
each interval is carried over in closed form, so no step size enters.

A mammillary model is a symmetric matrix in disguise, so its exponents are always real and
its plasma response is a sum of decays whose weights are positive: nothing cancels, however
near two exponents lie.

Minutes count on any clock whose zero the dosing shares; usually the infusion's start.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

WORDING = "population estimate, not a measurement, not for dosing"
"""What stands beside every number and every curve that comes from here."""

TYPICAL_KG = 70.0
KE0_PER_MIN = log(2) / 8.3
"""Psychedelic external perception: Olofsen et al., Anesthesiology 2022;136:792."""
FACTOR = 1.5
"""Half-width of the band around one model, as a factor; chosen."""
# Chosen: more than ten half-lives of the fastest distribution (domino's, 26 s). Before, a
# curve would show instant mixing, which happens in a model and in nobody's veins.
MIXING_MIN = 5.0

_NG_PER_ML_PER_MG_PER_L = 1000.0
_MIN_PER_H = 60.0


@dataclass(frozen=True, slots=True)
class Bolus:
    """Given at once."""

    at_min: float
    mg: float


@dataclass(frozen=True, slots=True)
class Rate:
    """Given steadily from this minute on, until the next rate."""

    from_min: float
    mg_per_min: float


@dataclass(frozen=True, slots=True)
class Dosing:
    """Boluses and rates. Of two rates from the same minute the later in the tuple counts."""

    steps: tuple[Bolus | Rate, ...] = ()

    @property
    def boluses(self) -> tuple[Bolus, ...]:
        """In order of time."""
        found = (step for step in self.steps if isinstance(step, Bolus))
        return tuple(sorted(found, key=lambda bolus: bolus.at_min))

    @property
    def rates(self) -> tuple[Rate, ...]:
        """In order of time, one for each minute at which it changes or is confirmed."""
        found = (step for step in self.steps if isinstance(step, Rate))
        by_time = groupby(sorted(found, key=lambda r: r.from_min), lambda r: r.from_min)
        return tuple(list(same)[-1] for _, same in by_time)

    def given_mg(self, until_min: float) -> float:
        """What was given until then, boluses at that very minute included."""
        mg = sum(bolus.mg for bolus in self.boluses if bolus.at_min <= until_min)
        for rate, following in pairwise((*self.rates, Rate(until_min, 0.0))):
            lasted_min = min(following.from_min, until_min) - rate.from_min
            mg += rate.mg_per_min * max(0.0, lasted_min)
        return mg

    def until(self, end_min: float) -> Dosing:
        """The same, and nothing given from ``end_min`` on."""
        kept = tuple(
            step
            for step in self.steps
            if (step.at_min <= end_min if isinstance(step, Bolus) else step.from_min < end_min)
        )
        return Dosing((*kept, Rate(end_min, 0.0)))


@dataclass(frozen=True, slots=True)
class Model:
    """A central compartment and those that exchange with it.

    Attributes:
        name: As people ask for it.
        source: Where it was published.
        volume_l: Of the central compartment, at 70 kg.
        k10_per_min: Elimination from it, at 70 kg.
        exchanges_per_min: For each further compartment: out to it, and back.
        rates_exponent: Rate constants scale with (kg/70) to this; volumes with (kg/70).
    """

    name: str
    source: str
    volume_l: float
    k10_per_min: float
    exchanges_per_min: tuple[tuple[float, float], ...]
    rates_exponent: float = 0.0

    def decays(self, weight_kg: float) -> tuple[Numbers, Numbers]:
        """How plasma falls after 1 mg at once.

        Returns:
            Exponents in 1/min, all positive, and their weights in ng/mL; each of shape
            (compartments,).
        """
        faster = (weight_kg / TYPICAL_KG) ** self.rates_exponent
        out, back = np.array(self.exchanges_per_min).reshape(-1, 2).T * faster
        # What goes out and back, made symmetric by measuring each compartment in its own unit.
        matrix = np.diag(np.concatenate(([self.k10_per_min * faster + out.sum()], back)))
        matrix[0, 1:] = matrix[1:, 0] = -np.sqrt(out * back)
        exponents, vectors = np.linalg.eigh(matrix)
        volume_l = self.volume_l * weight_kg / TYPICAL_KG
        return exponents, vectors[0] ** 2 * _NG_PER_ML_PER_MG_PER_L / volume_l


def _by_weight(
    name: str, source: str, l_per_kg: float, k10: float, *exchanges: tuple[float, float]
) -> Model:
    return Model(name, source, l_per_kg * TYPICAL_KG, k10, exchanges)


def _allometric(
    name: str, source: str, volumes_l: tuple[float, ...], clearances_l_per_h: tuple[float, ...]
) -> Model:
    """Volumes scale with weight, clearances with its 0.75th power."""
    central_l, *others_l = volumes_l
    out, *between = (clearance / _MIN_PER_H for clearance in clearances_l_per_h)
    exchanges = tuple((q / central_l, q / v) for q, v in zip(between, others_l, strict=True))
    return Model(name, source, central_l, out / central_l, exchanges, rates_exponent=-0.25)


MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        _allometric(
            "kamp",
            "Kamp et al., Anesthesiology 2020;133:1192",
            volumes_l=(25.0, 56.0, 157.0),
            clearances_l_per_h=(84.0, 161.0, 79.0),
        ),
        _by_weight(
            "domino",
            "Domino et al., Clin Pharmacol Ther 1984;36:645",
            *(0.063, 0.4381, (0.5921, 0.2470), (0.5900, 0.0146)),
        ),
        _by_weight(
            "clements",
            "Clements & Nimmo, Br J Anaesth 1981;53:27",
            *(1.7522, 0.0109, (0.0186, 0.0137)),
        ),
        _by_weight(
            "hijazi",
            "Hijazi et al., Br J Anaesth 2003;90:155 (12 ICU patients)",
            *(1.08, 0.0333, (0.0088, 0.0030)),
        ),
    )
}
"""By name; the first is the one that the phases of every session go by."""

KAMP = MODELS["kamp"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One model's answer, both of the shape of the minutes asked for."""

    plasma_ng_per_ml: Numbers
    effect_site_ng_per_ml: Numbers


@dataclass(frozen=True, slots=True)
class Band:
    """Between what the truth may well lie. It may also lie outside."""

    low: Prediction
    high: Prediction


def predict(
    model: Model,
    dosing: Dosing,
    minutes: ArrayLike,
    weight_kg: float = TYPICAL_KG,
    ke0_per_min: float = KE0_PER_MIN,
) -> Prediction:
    """What the model says of plasma and effect site, exactly.

    Args:
        model: One of ``MODELS``.
        dosing: What was given, and is to be given.
        minutes: In any order; at a bolus, the value just after it.
        weight_kg: More than 0.
        ke0_per_min: More than 0; dCe/dt = ke0 (Cp - Ce).

    Returns:
        ng/mL, 0 before the first step of the dosing.
    """
    at_min = np.asarray(minutes, dtype=np.float64)
    exponents, weights = model.decays(weight_kg)
    intervals = _Intervals(exponents, weights, ke0_per_min)
    intervals.run(dosing)
    starts = np.array(intervals.starts_min)
    which = np.searchsorted(starts, at_min, side="right")
    after_min = np.where(which == 0, 0.0, at_min - np.concatenate(([0.0], starts))[which])
    steady, above, effect = (np.array(rows) for rows in intervals.rows)
    plasma = steady[which].sum(-1)
    effect_site = plasma + effect[which] * np.exp(-ke0_per_min * after_min)
    for n, exponent in enumerate(exponents):
        plasma = plasma + above[which, n] * np.exp(-exponent * after_min)
        reached = _through(exponent, ke0_per_min, after_min)
        effect_site = effect_site + above[which, n] * reached
    return Prediction(plasma, effect_site)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One model's answer over a time of constant rate, in plain numbers; ``t`` counts from it.

    Plasma is ``steady`` plus, for each decay, ``above * exp(-exponent * t)``; the effect
    site what has come through of that, plus ``effect * exp(-ke0 * t)``.

    Attributes:
        from_min: Where it begins.
        steady: What plasma tends to, in ng/mL.
        decays: For each its exponent in 1/min, and ``above`` in ng/mL.
        effect: In ng/mL.
    """

    from_min: float
    steady: float
    decays: tuple[tuple[float, float], ...]
    effect: float


def stretches(
    model: Model,
    dosing: Dosing,
    weight_kg: float = TYPICAL_KG,
    ke0_per_min: float = KE0_PER_MIN,
) -> tuple[Stretch, ...]:
    """What ``predict`` goes by, for whoever asks one minute after another."""
    exponents, weights = model.decays(weight_kg)
    intervals = _Intervals(exponents, weights, ke0_per_min)
    intervals.run(dosing)
    steady, above, effect = intervals.rows
    powers = exponents.tolist()
    # The first row of each is the time before anything was given.
    return tuple(
        Stretch(
            from_min,
            float(steady[n].sum()),
            tuple(zip(powers, above[n].tolist(), strict=True)),
            effect[n],
        )
        for n, from_min in enumerate(intervals.starts_min, start=1)
    )


def band(
    dosing: Dosing,
    minutes: ArrayLike,
    weight_kg: float = TYPICAL_KG,
    ke0_per_min: float = KE0_PER_MIN,
    around: Model | None = None,
) -> Band:
    """The spread of all models; or ``around`` one, a factor of 1.5 down and up."""
    if around is not None:
        middle = predict(around, dosing, minutes, weight_kg, ke0_per_min)
        plasma, effect = middle.plasma_ng_per_ml, middle.effect_site_ng_per_ml
        return Band(
            Prediction(plasma / FACTOR, effect / FACTOR),
            Prediction(plasma * FACTOR, effect * FACTOR),
        )
    all_models = MODELS.values()
    said = [predict(model, dosing, minutes, weight_kg, ke0_per_min) for model in all_models]
    plasmas = np.array([one.plasma_ng_per_ml for one in said])
    effects = np.array([one.effect_site_ng_per_ml for one in said])
    return Band(
        Prediction(plasmas.min(0), effects.min(0)), Prediction(plasmas.max(0), effects.max(0))
    )


def mixed(dosing: Dosing, minutes: ArrayLike) -> NDArray[np.bool_]:
    """From when plasma may be drawn: false from a bolus on, until it has mixed.

    A curve that takes these minutes out shows no spike of instant mixing.
    """
    at_min = np.asarray(minutes, dtype=np.float64)
    clear = np.ones(at_min.shape, dtype=np.bool_)
    for bolus in dosing.boluses:
        if bolus.mg > 0:
            clear &= (at_min < bolus.at_min) | (at_min >= bolus.at_min + MIXING_MIN)
    return clear


class _Intervals:
    """The state at the start of each interval of constant rate.

    Within one, plasma is ``steady + above * exp(-exponent * t)``, summed over the decays,
    and the effect site what has come through of that, plus ``effect * exp(-ke0 * t)``.
    """

    def __init__(self, exponents: Numbers, weights: Numbers, ke0_per_min: float) -> None:
        self._exponents = exponents
        self._weights = weights
        self._ke0_per_min = ke0_per_min
        zero = np.zeros_like(exponents)
        # The first row is the time before anything was given.
        self.starts_min: list[float] = []
        self.rows: tuple[list[Numbers], list[Numbers], list[float]] = ([zero], [zero], [0.0])

    def run(self, dosing: Dosing) -> None:
        """Write a row for each minute at which something changes."""
        by_time = groupby(sorted(dosing.steps, key=_minute), _minute)
        now_min, mg_per_min = 0.0, 0.0
        plasma, effect = self.rows[0][0], 0.0
        for at_min, steps in by_time:
            if self.starts_min:
                plasma, effect = self._carried(at_min - now_min)
            now_min = at_min
            for step in steps:
                if isinstance(step, Bolus):
                    plasma = plasma + self._weights * step.mg
                else:
                    mg_per_min = step.mg_per_min
            steady = self._weights * mg_per_min / self._exponents
            self.starts_min.append(now_min)
            for column, value in zip(self.rows[:2], (steady, plasma - steady), strict=True):
                column.append(value)
            self.rows[2].append(effect - float(steady.sum()))

    def _carried(self, for_min: float) -> tuple[Numbers, float]:
        """Plasma by its decays, and the effect site, so long after the last row."""
        steady, above, effect = (column[-1] for column in self.rows)
        plasma = steady + above * np.exp(-self._exponents * for_min)
        reached = _through(self._exponents, self._ke0_per_min, for_min)
        gone = np.exp(-self._ke0_per_min * for_min)
        return plasma, float(np.sum(steady) + effect * gone + np.sum(above * reached))


def _minute(step: Bolus | Rate) -> float:
    return step.at_min if isinstance(step, Bolus) else step.from_min


def _through(exponent: Numbers | float, ke0_per_min: float, after_min: Numbers | float) -> Numbers:
    """What of a decay ``exp(-exponent * t)`` in plasma has come to the effect site.

    ke0 (exp(-exponent t) - exp(-ke0 t)) / (ke0 - exponent), written so that it holds, to
    the last digits, where the two are equal or nearly so.
    """
    slower = np.minimum(exponent, ke0_per_min)
    apart = np.abs(ke0_per_min - exponent) * after_min
    share = np.ones_like(apart)
    np.divide(-np.expm1(-apart), apart, out=share, where=apart > 0)
    return np.asarray(ke0_per_min * after_min * np.exp(-slower * after_min) * share)
