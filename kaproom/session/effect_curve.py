"""Where the predicted effect stands: its peak, and when a part of it is reached or left.

Always by the kamp model at 70 kg, so that neither a weight nor its loss changes any music.
Only the curve's shape counts: parts of its own peak, never a concentration.

The curve is the closed form of ``pharmacokinetics``; between two of its turning points it
only rises or only falls, so every crossing is bracketed before it is searched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import pairwise
from math import exp, expm1
from typing import Literal

from kaproom.session.pharmacokinetics import KAMP, KE0_PER_MIN, Dosing, Stretch, stretches

Side = Literal["rising", "falling"]

# The slowest decay of kamp halves in three hours: ten times that is the end of any session.
_END_MIN = 2000.0
# In one stretch the curve can turn three times at most: looks closer together than a minute
# miss none of them, and so many do for the longest.
_LOOKS_MIN, _LOOKS_MAX = 4, 24
_TOLERANCE_MIN = 1e-9


class EffectCurve:
    """The effect site of one dosing, asked minute by minute.

    Attributes:
        peak_ng_per_ml: Its highest value; 0 where nothing was given.
        peak_min: When that is.
    """

    def __init__(self, dosing: Dosing) -> None:
        self._stretches = stretches(KAMP, dosing)
        self._starts = [stretch.from_min for stretch in self._stretches]
        self._turns = self._turning_points() if self._stretches else [(0.0, 0.0)]
        self.peak_min, self.peak_ng_per_ml = max(self._turns, key=lambda turn: turn[1])

    def at(self, minute: float) -> float:
        """The effect site in ng/mL."""
        stretch = self._stretches[max(0, bisect_right(self._starts, minute) - 1)]
        return _effect(stretch, max(0.0, minute - stretch.from_min))

    def reached_min(self, fraction: float, side: Side) -> float | None:
        """When a part of the peak is first reached, or left for good.

        Args:
            fraction: Of the peak, more than 0 and at most 1.
            side: "rising" for the first moment at which it is reached; "falling" for the
                last at which it is, after which the effect stays below.

        Returns:
            None where nothing was given.
        """
        if self.peak_ng_per_ml <= 0:
            return None
        level = fraction * self.peak_ng_per_ml
        segments = list(pairwise(self._turns))
        for (from_min, before), (to_min, after) in segments if side == "rising" else segments[::-1]:
            if side == "rising" and before < level <= after:
                return _root(lambda minute: self.at(minute) - level, from_min, to_min)
            if side == "falling" and before >= level > after:
                return _root(lambda minute: level - self.at(minute), from_min, to_min)
        return self.peak_min

    def _turning_points(self) -> list[tuple[float, float]]:
        """The curve's ends, its turning points and where its dosing changes, with its values."""
        ends = [*self._starts[1:], max(self._starts[-1], 0.0) + _END_MIN]
        turns = {*self._starts, ends[-1]}
        for stretch, end_min in zip(self._stretches, ends, strict=True):
            # Up to its own end: what a bolus then does belongs to the next.
            turns |= set(_turns_within(stretch, end_min - stretch.from_min))
        return [(minute, self.at(minute)) for minute in sorted(turns)]


@lru_cache(maxsize=256)
def effect_curve(dosing: Dosing) -> EffectCurve:
    """The curve of a dosing, remembered: phases ask for it again and again."""
    return EffectCurve(dosing)


def _turns_within(stretch: Stretch, lasts_min: float) -> Iterator[float]:
    # Close together at first, where the fast decays are.
    count = min(_LOOKS_MAX, _LOOKS_MIN + int(lasts_min))
    looks = [lasts_min * (n / count) ** 3 for n in range(count + 1)]
    climbs = [_climb(stretch, after_min) for after_min in looks]
    for (left, right), (before, after) in zip(pairwise(looks), pairwise(climbs), strict=True):
        if before * after < 0:
            way = 1.0 if before < 0 else -1.0
            yield stretch.from_min + _root(partial(_climb, stretch, way=way), left, right)


def _effect(stretch: Stretch, after_min: float) -> float:
    value = stretch.steady + stretch.effect * exp(-KE0_PER_MIN * after_min)
    for exponent, above in stretch.decays:
        value += above * _through(exponent, after_min)
    return value


def _climb(stretch: Stretch, after_min: float, way: float = 1.0) -> float:
    """Plasma less effect site: the effect climbs while this is positive."""
    plasma = stretch.steady
    for exponent, above in stretch.decays:
        plasma += above * exp(-exponent * after_min)
    return way * (plasma - _effect(stretch, after_min))


def _through(exponent: float, after_min: float) -> float:
    """What of a decay in plasma has come to the effect site; see ``pharmacokinetics``."""
    apart = abs(KE0_PER_MIN - exponent) * after_min
    share = -expm1(-apart) / apart if apart > 0 else 1.0
    return KE0_PER_MIN * after_min * exp(-min(exponent, KE0_PER_MIN) * after_min) * share


def _root(climbing: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is negative at ``low`` and not at ``high`` passes zero.

    A secant with a bracket (Illinois): an end that stays twice has its weight halved.
    """
    at_low, at_high = climbing(low), climbing(high)
    stayed = 0
    for _ in range(200):
        if high - low <= _TOLERANCE_MIN:
            break
        middle = high - at_high * (high - low) / (at_high - at_low)
        if not low < middle < high:
            middle = (low + high) / 2
        value = climbing(middle)
        if value < 0:
            low, at_low = middle, value
            at_high *= 0.5 if stayed < 0 else 1.0
            stayed = -1
        else:
            high, at_high = middle, value
            at_low *= 0.5 if stayed > 0 else 1.0
            stayed = 1
            if value == 0:
                break
    return high
