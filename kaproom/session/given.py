"""What was given so far, as the people in the room may know it.

It is reckoned from what they recorded, and shows nothing that they did not. The weight, where
there is one, is an argument and is kept nowhere; without it a dose by weight is told per kg.
"""

from __future__ import annotations

from typing import Any

from kaproom.session.dosing import planned_mg, so_far_mg
from kaproom.session.state import Session


def dose(session: Session, weight_kg: float | None) -> dict[str, Any] | None:
    """The dose so far and as planned, in mg and per kg; None where the profile hides it.

    Each part is None where it is not known: without a weight, or at a rate that nobody said.
    """
    plan, infusion, now_s = session.profile.infusion, session.infusion, session.now_s
    if not plan.show_dose:
        return None
    so_far = so_far_mg(plan, infusion, now_s, weight_kg)
    per_kg = None
    if plan.dose_mg_per_kg is not None:
        by_kg = all(mark.value is None or "kg" in (mark.unit or "") for mark in infusion.marks)
        if weight_kg is not None:
            per_kg = None if so_far is None else so_far / weight_kg
        elif by_kg:
            # Of one kilogram: as it was planned, and as all of it was recorded.
            per_kg = so_far_mg(plan, infusion, now_s, 1.0)
    return {
        "so_far_mg": _rounded(so_far),
        "planned_mg": _rounded(planned_mg(plan, weight_kg)),
        "so_far_mg_per_kg": _rounded(per_kg),
        "planned_mg_per_kg": plan.dose_mg_per_kg,
    }


def _rounded(amount: float | None) -> float | None:
    return None if amount is None else round(amount, 4)
