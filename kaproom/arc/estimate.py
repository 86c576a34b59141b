"""What is predicted from a dosing, as values to be drawn: a band and two curves.

It is an estimate for people in general and always bears its words. The weight that scales
it is named nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from kaproom.arc import Estimate
from kaproom.session.pharmacokinetics import (
    FACTOR,
    KAMP,
    KE0_PER_MIN,
    MODELS,
    TYPICAL_KG,
    WORDING,
    Dosing,
    Model,
    band,
    mixed,
    predict,
)

# A quarter of a minute where a session lasts hours; finer where it is short.
_POINTS = 600


@dataclass(frozen=True, slots=True)
class Lens:
    """By which model the estimate is made.

    Attributes:
        model: None for the shipped one, with the spread of all as its band.
        weight_kg: None for a typical adult's.
        ke0_per_min: None for the shipped one.
    """

    model: Model | None = None
    weight_kg: float | None = None
    ke0_per_min: float | None = None

    @property
    def kg(self) -> float:
        """The weight to reckon with."""
        return TYPICAL_KG if self.weight_kg is None else self.weight_kg

    @property
    def ke0(self) -> float:
        """The ke0 to reckon with, in 1/min."""
        return KE0_PER_MIN if self.ke0_per_min is None else self.ke0_per_min

    @property
    def one(self) -> Model:
        """The model whose curve stands in the band."""
        return self.model or KAMP

    @property
    def basis(self) -> str:
        """What the estimate rests on, in a line."""
        whom = "the weight given" if self.weight_kg is not None else f"an adult of {self.kg:g} kg"
        others = "" if self.model else f" ({', '.join(MODELS)})"
        who = f"{self.one.name} ({self.one.source}), {whom}, ke0 {self.ke0:.3g}/min"
        return f"{who}; {self.spread}{others}"

    @property
    def spread(self) -> str:
        """What the band is."""
        return "spread of the models" if self.model is None else f"a factor of {FACTOR:g} each way"


def curve(
    dosing: Dosing | None, lens: Lens, minutes: list[float]
) -> list[tuple[float, float] | None]:
    """Plasma and effect site in ng/mL at each minute; None where nothing is known."""
    if dosing is None:
        return [None] * len(minutes)
    said = predict(lens.one, dosing, minutes, lens.kg, lens.ke0)
    plasma, effect = said.plasma_ng_per_ml, said.effect_site_ng_per_ml
    return list(zip(plasma.tolist(), effect.tolist(), strict=True))


def by_minute(dosing: Dosing | None, lens: Lens, from_min: float, to_min: float) -> dict[str, Any]:
    """The estimate in plain values, minute by minute, with what it is."""
    minutes = [float(m) for m in range(floor(from_min), ceil(to_min) + 1)]
    return {
        "estimate": {
            "words": WORDING,
            "basis": lens.basis,
            "model": lens.one.name,
            "ke0_per_min": lens.ke0,
        },
        "minutes": [
            {
                "minute": int(at_min),
                "plasma_ng_per_ml": None if said is None else round(said[0], 9),
                "effect_site_ng_per_ml": None if said is None else round(said[1], 9),
            }
            for at_min, said in zip(minutes, curve(dosing, lens, minutes), strict=True)
        ],
    }


def estimated(dosing: Dosing | None, lens: Lens, from_min: float, to_min: float) -> Estimate | None:
    """The band over these minutes; None where nothing is known of a dose."""
    if dosing is None:
        return None
    turns = [rate.from_min for rate in dosing.rates] + [bolus.at_min for bolus in dosing.boluses]
    minutes = np.unique(np.concatenate((np.linspace(from_min, to_min, _POINTS), turns)))
    minutes = minutes[(minutes >= max(from_min, min(turns))) & (minutes <= to_min)]
    around = band(dosing, minutes, lens.kg, lens.ke0, around=lens.model)
    middle = predict(lens.one, dosing, minutes, lens.kg, lens.ke0)
    plasma = np.where(mixed(dosing, minutes), middle.plasma_ng_per_ml, np.nan)
    return Estimate(
        minutes=minutes.tolist(),
        low_ng_per_ml=around.low.effect_site_ng_per_ml.tolist(),
        high_ng_per_ml=around.high.effect_site_ng_per_ml.tolist(),
        effect_site_ng_per_ml=middle.effect_site_ng_per_ml.tolist(),
        plasma_ng_per_ml=plasma.tolist(),
        model=lens.one.name,
        spread=lens.spread,
        words=WORDING,
        basis=lens.basis,
    )
