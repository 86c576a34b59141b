"""From what people recorded of the pump to what was given, and what is to come.

What is recorded counts; the plan fills in what is not: the rate until another is
recorded, the bolus at the start, and the end. Without a dose in the plan, or without a
weight where it is planned per kg, there is no answer, and none is needed: the music
follows the infusion's clock. A weight is an argument here and is kept nowhere.

Minutes count from the recorded start of the infusion and go on while it is paused.
"""

from __future__ import annotations

from typing import assert_never

from kaproom.session.infusion import PER_KG, Infusion, Mark
from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.pharmacokinetics import Bolus, Dosing, Rate

# What is recorded so soon after the start was done at the start: a bolus is then the planned
# one and not one more; a rate, where none is planned, was there from the beginning.
OPENING_S = 300.0
_MIN_PER_H = 60.0


def planned(plan: InfusionPlan, weight_kg: float | None = None) -> Dosing | None:
    """The infusion as the clinic planned it; None where the dose cannot be known."""
    bolus_mg, mg_per_min = planned_bolus_mg(plan, weight_kg), planned_rate(plan, weight_kg)
    if bolus_mg is None or mg_per_min is None:
        return None
    opening = (Bolus(0.0, bolus_mg),) if bolus_mg else ()
    return Dosing((*opening, Rate(0.0, mg_per_min), Rate(plan.planned_min, 0.0)))


def forecast(
    plan: InfusionPlan, infusion: Infusion, now_s: float, weight_kg: float | None = None
) -> Dosing | None:
    """What was given so far, going on as it is to the planned end.

    A pause is taken to end now. An infusion without a recorded stop is taken to end when
    its clock shows the planned length; a rate changes what is given, not how long.

    Returns:
        Minutes from the recorded start, or from now where there is none. None where it
        ran, or is to run, at a rate that is neither planned nor recorded.
    """
    start_s = infusion.started_at_s
    if start_s is None:
        infusion, start_s = infusion.recorded(Mark("started", now_s)), now_s
    opening = _opening_rate(plan, infusion, start_s, weight_kg)
    writer = _Writer(plan, start_s, opening, weight_kg)
    if not _opening_bolus_recorded(infusion, start_s):
        bolus_mg = planned_bolus_mg(plan, weight_kg)
        if bolus_mg is None:
            return None
        writer.bolus(start_s, bolus_mg)
    for mark in infusion.marks:
        writer.mark(mark)
    if infusion.stopped_at_s is None:
        if infusion.paused:
            writer.run(now_s, running=True)
        writer.run(runs_until_s(infusion, now_s), running=False)
    return writer.dosing()


def so_far_mg(
    plan: InfusionPlan, infusion: Infusion, now_s: float, weight_kg: float | None = None
) -> float | None:
    """The dose given until now, in mg, as far as it was recorded; None where it is not known."""
    start_s = infusion.started_at_s
    if start_s is None:
        given_mg = [bolus_mg(m, weight_kg) for m in infusion.marks if m.what == "bolus"]
        return None if None in given_mg else sum(mg or 0.0 for mg in given_mg)
    dosing = forecast(plan, infusion, now_s, weight_kg)
    return None if dosing is None else dosing.given_mg((now_s - start_s) / 60)


def planned_bolus_mg(plan: InfusionPlan, weight_kg: float | None) -> float | None:
    """What is planned to be given at once; 0 for none, None without the weight that it needs."""
    if plan.bolus_mg_per_kg is not None:
        return None if weight_kg is None else plan.bolus_mg_per_kg * weight_kg
    return plan.bolus_mg or 0.0


def planned_rate(plan: InfusionPlan, weight_kg: float | None) -> float | None:
    """mg/min that bring the rest of the planned dose by the planned end."""
    whole_mg = planned_mg(plan, weight_kg)
    if whole_mg is None:
        return None
    return (whole_mg - (planned_bolus_mg(plan, weight_kg) or 0.0)) / plan.planned_min


def planned_mg(plan: InfusionPlan, weight_kg: float | None) -> float | None:
    """The whole planned dose; None where none is planned, or it needs a weight."""
    if plan.dose_mg is not None or plan.dose_mg_per_kg is None or weight_kg is None:
        return plan.dose_mg
    return plan.dose_mg_per_kg * weight_kg


def bolus_mg(mark: Mark, weight_kg: float | None) -> float | None:
    """A recorded bolus; None per kg of a weight that is not known."""
    if mark.value is None or mark.unit != PER_KG["bolus"]:
        return mark.value or 0.0
    return None if weight_kg is None else mark.value * weight_kg


def rate_mg_per_min(plan: InfusionPlan, mark: Mark, weight_kg: float | None) -> float | None:
    """A recorded rate; None in mL/h of a concentration, or per kg of a weight, not known."""
    if mark.value is not None and mark.unit == PER_KG["rate"]:
        return None if weight_kg is None else mark.value * weight_kg
    if mark.value is None or mark.unit != "mL/h":
        return mark.value
    if plan.concentration_mg_per_ml is None:
        return None
    return mark.value * plan.concentration_mg_per_ml / _MIN_PER_H


class _Writer:
    """Writes down what was given as it was done; a rate that nobody said stays unknown."""

    def __init__(
        self,
        plan: InfusionPlan,
        start_s: float,
        mg_per_min: float | None,
        weight_kg: float | None,
    ) -> None:
        self.running = False
        self._weight_kg = weight_kg
        self._plan = plan
        self._start_s = start_s
        self._mg_per_min = mg_per_min
        self._boluses: list[Bolus | None] = []
        self._rates: dict[float, float | None] = {}

    def mark(self, mark: Mark) -> None:
        """Something that was recorded."""
        match mark.what:
            case "bolus":
                self.bolus(mark.at_s, bolus_mg(mark, self._weight_kg))
            case "rate":
                self._mg_per_min = rate_mg_per_min(self._plan, mark, self._weight_kg)
                self.run(mark.at_s, running=self.running)
            case "started" | "resumed":
                self.run(mark.at_s, running=True)
            case "paused" | "stopped":
                self.run(mark.at_s, running=False)
            case _:
                assert_never(mark.what)

    def bolus(self, at_s: float, mg: float | None) -> None:
        """So much at once; None where nobody knows how much."""
        if mg is None or mg > 0:
            self._boluses.append(None if mg is None else Bolus(self._minute(at_s), mg))

    def run(self, at_s: float, *, running: bool) -> None:
        """From then on it runs, or not, at the last rate that was said."""
        self.running = running
        self._rates[self._minute(at_s)] = self._mg_per_min if running else 0.0

    def dosing(self) -> Dosing | None:
        """All of it; None where some of it is not known."""
        boluses = [bolus for bolus in self._boluses if bolus is not None]
        if len(boluses) < len(self._boluses):
            return None
        rates = []
        for from_min, mg_per_min in self._rates.items():
            if mg_per_min is None:
                return None
            rates.append(Rate(from_min, mg_per_min))
        return Dosing((*boluses, *rates))

    def _minute(self, at_s: float) -> float:
        return (at_s - self._start_s) / 60


def _opening_rate(
    plan: InfusionPlan, infusion: Infusion, start_s: float, weight_kg: float | None
) -> float | None:
    """The planned rate; where there is none, one that was recorded as the infusion began."""
    mg_per_min = planned_rate(plan, weight_kg)
    if mg_per_min is not None:
        return mg_per_min
    soon = (m for m in infusion.marks if m.what == "rate" and m.at_s <= start_s + OPENING_S)
    first = next(soon, None)
    return None if first is None else rate_mg_per_min(plan, first, weight_kg)


def _opening_bolus_recorded(infusion: Infusion, start_s: float) -> bool:
    return any(mark.what == "bolus" and mark.at_s <= start_s + OPENING_S for mark in infusion.marks)


def runs_until_s(infusion: Infusion, now_s: float) -> float:
    """When it was stopped; without a recorded stop, as planned, a pause being over now."""
    if infusion.stopped_at_s is not None:
        return infusion.stopped_at_s
    end_s = infusion.at_elapsed(infusion.planned_s, now_s)
    assert end_s is not None
    # What was recorded after the planned end shows that it went on.
    last_s = max(m.at_s for m in infusion.marks if m.what != "bolus")
    return end_s if last_s <= end_s else max(last_s, now_s)
