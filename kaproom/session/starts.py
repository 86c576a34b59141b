"""How a phase says when it begins: in one of five ways, between two bounds if need be.

Each way is a key of its own, so a file says what it means: minutes on the infusion's clock,
before or after the infusion's end, after the phase before, or a part of the predicted
effect's peak. Bounds are minutes on the infusion's clock, whatever the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from kaproom.session.model import Written

Way = Literal["start_min", "before_end_min", "after_end_min", "after_previous_min", "effect"]
"""The keys, of which a phase has one."""

WAYS: tuple[Way, ...] = (
    "start_min",
    "before_end_min",
    "after_end_min",
    "after_previous_min",
    "effect",
)
BOUNDS = ("not_before_min", "not_after_min")


class EffectStart(Written):
    """A part of the predicted effect's peak: by one model for everybody, whatever they weigh."""

    fraction: Annotated[float, Field(ge=0.05, le=1)]
    """How much of the peak: 0.05 to 1, which is the peak itself."""
    side: Literal["rising", "falling"]
    """Which side of the peak: rising is when it is first reached, falling when the effect is
    below it for good."""


@dataclass(frozen=True, slots=True)
class Start:
    """When a phase is to begin.

    Attributes:
        way: By which clock or curve.
        value: Seconds, or the fraction of the effect's peak.
        falling: Which side of the peak, where it is that.
        not_before_s: On the infusion's clock; None for no bound.
        not_after_s: The same.
    """

    way: Way
    value: float
    falling: bool = False
    not_before_s: float | None = None
    not_after_s: float | None = None
