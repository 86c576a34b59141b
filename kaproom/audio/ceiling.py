"""The loudness ceiling: no 3 s of a piece are louder than the programme allows.

Each piece is held below the ceiling before the crossfade; since an equal-power mix of
two is no louder than the louder of them, so is the mix. It is turned down ahead of what
would be too loud, and comes back by at most 1 dB/s. The K-weighting is only computed
where the plain power shows that it could matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.cuts import NO_CUT, boundary_cuts, cut_at
from kaproom.audio.grain import HOP_FRAMES, HOPS
from kaproom.audio.loudness import K_GAIN_MAX_DB
from kaproom.audio.sources import Feed
from kaproom.audio.weighting import power_of

_ByGrain = Callable[[int], NDArray[np.float64] | None]

_WINDOW_S: Final = 3.0  # EBU Tech 3341: short-term
_AHEAD_S: Final = 1.0  # chosen: how gently it is turned down
# What the curve's own slope and the filter's memory may add.
_MARGIN_LU: Final = 0.05
_K_GAIN_MAX: Final = 10.0 ** (K_GAIN_MAX_DB / 10.0)


class Ceiling:
    """One piece's loudness ceiling; remembers the energies it had to compute."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._slot_s = HOP_FRAMES / rate_hz
        # One hop more than fits, so that 3 s anywhere lie within one window.
        self._window_hops = int(-(-_WINDOW_S // self._slot_s)) + 1
        self._ahead_hops = round(_AHEAD_S / self._slot_s)
        self._k_bounds: dict[int, NDArray[np.float64]] = {}
        self._k_energies: dict[int, NDArray[np.float64]] = {}
        self.grains_behind = -(-self._window_hops // HOPS) + 1
        self.grains_ahead = -(-(self._window_hops + self._ahead_hops + 1) // HOPS)

    def could_cut(self, feed: Feed, grain: int, gain_db: float, ceiling_lufs: float) -> bool:
        """A cheap look: whether ``cuts`` could find anything at a gain of at most ``gain_db``."""
        limit = power_of(ceiling_lufs - _MARGIN_LU - K_GAIN_MAX_DB - gain_db)
        limit *= _WINDOW_S * self._rate_hz
        totals = feed.totals(grain - self.grains_behind, grain + 1 + self.grains_ahead)
        # Any window lies within so many half grains.
        across = self._window_hops // (HOPS // 2) + 2
        within = sum(totals[:across])
        if within > limit:
            return True
        for leaving, entering in zip(totals, totals[across:], strict=False):
            within += entering - leaving
            # Sums that run on round a little.
            if within > limit * 0.999:
                return True
        return False

    def cuts(
        self,
        feed: Feed,
        grain: int,
        gains_db: NDArray[np.float64],
        ceiling_lufs: float,
        carry: float,
    ) -> tuple[NDArray[np.float64] | None, float]:
        """How far to turn one grain down.

        Args:
            feed: The piece, before any gain.
            grain: The grain's number.
            gains_db: The piece's gain for each hop from ``grains_behind`` before the
                grain to ``grains_ahead`` after it.
            ceiling_lufs: Short-term.
            carry: What the grain before returned, ``NO_CUT`` at first.

        Returns:
            The cuts in dB at the boundaries of the grain's hops, None for no cut at all;
            and the carry.
        """
        first = grain * HOPS
        low, high = grain - self.grains_behind, grain + 1 + self.grains_ahead
        factors = 10.0 ** (gains_db / 10.0)
        plain = self._loudest(_joined(feed.energies, low, high) * factors)
        limit = power_of(ceiling_lufs - _MARGIN_LU)
        could = plain * _K_GAIN_MAX > limit
        if could.any():
            bounds = self._closer(feed, (low, high), could, feed.k_bounds, self._k_bounds)
            could &= self._loudest(bounds * factors) > limit
        if not could.any():
            if cut_at(carry, first, self._slot_s) == 0.0:
                return None, NO_CUT
            excess_db = np.zeros(len(plain))
        else:
            weighted = self._closer(feed, (low, high), could, feed.k_energies, self._k_energies)
            exact = self._loudest(weighted * factors)
            excess_db = np.where(could, 10.0 * np.log10(np.maximum(exact / limit, 1.0)), 0.0)
        # A hop needs what the worst window needs that it lies in.
        windows = np.lib.stride_tricks.sliding_window_view(excess_db, self._window_hops)
        needs_db = windows.max(axis=1)
        begin = (first - 1) - (low * HOPS)
        needed = needs_db[begin : begin + HOPS + self._ahead_hops + 2]
        cuts_db, carry = boundary_cuts(needed, first, self._ahead_hops, self._slot_s, carry)
        return (cuts_db if cuts_db.any() else None), carry

    def _loudest(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """The power of the window that ends with each hop."""
        before = np.zeros(self._window_hops - 1)
        padded = np.concatenate([before, energies])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._window_hops)
        sums: NDArray[np.float64] = windows.sum(axis=1) / (_WINDOW_S * self._rate_hz)
        return sums

    def _closer(
        self,
        feed: Feed,
        grains: tuple[int, int],
        could: NDArray[np.bool_],
        compute: _ByGrain,
        known: dict[int, NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Closer to the K-weighted energies, for all that lies in a window that ``could`` cut."""
        low, high = grains
        padded = np.concatenate([could, np.zeros(self._window_hops - 1, dtype=np.bool_)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, self._window_hops)
        matters: NDArray[np.bool_] = np.asarray(windows.any(axis=1))
        for number in [n for n in known if n < low]:
            del known[number]
        for grain in range(low, high):
            if grain in known:
                continue
            at = (grain - low) * HOPS
            if matters[at : at + HOPS].any():
                computed = compute(grain)
                if computed is not None:
                    known[grain] = computed

        def best_known(grain: int) -> NDArray[np.float64] | None:
            if grain in known:
                return known[grain]
            plain = feed.energies(grain)
            return None if plain is None else plain * _K_GAIN_MAX

        return _joined(best_known, low, high)


def _joined(source: _ByGrain, low: int, high: int) -> NDArray[np.float64]:
    silent = np.zeros(HOPS)
    parts = (source(grain) for grain in range(low, high))
    return np.concatenate([silent if part is None else part for part in parts])
