"""One cue as it sounds: its feed, under its slewed gain and its loudness ceiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.ceiling import Ceiling
from kaproom.audio.cuts import NO_CUT, between
from kaproom.audio.grain import GRAIN_FRAMES, HOP_FRAMES, HOPS, grain_at, grains_in
from kaproom.audio.programme import SLEW_DB_PER_S, Bed, Cue, slewed_db
from kaproom.audio.sources import Feed
from kaproom.audio.stereo import Block

# A voice that begins in the middle looks back so far, to find how far the ceiling had
# turned it down: it comes back by 1 dB/s, so all up to 20 dB is found.
_LOOK_BACK_S: Final = 20.0
# A bed is made at -23 LUFS and no 3 s of it are louder by more than this; measured 4.
_BED_HIGHEST_LUFS: Final = -17.0
_CARRIES_KEPT: Final = 3

Weight = NDArray[np.float64] | None
"""An exit's or entrance's factor for each frame of a grain; None is 1.0 throughout."""


@dataclass(frozen=True, slots=True)
class Level:
    """What the programme says of a cue's loudness: the gain it starts from, its ceiling."""

    start_db: float
    ceiling_lufs: float


class Voice:
    """Gives one cue's grains as they go into the mix.

    Attributes:
        cue, level: May be changed as long as the cue has not started.
        fade: The frames in which it fades out by itself, when its sound ends too soon.
    """

    def __init__(
        self, cue: Cue, level: Level, rate_hz: int, grain: int, notify: Callable[[], None]
    ) -> None:
        """Open the cue's source, to sound from ``grain`` on."""
        loudest_lufs = _BED_HIGHEST_LUFS + cue.gain_db
        safe = isinstance(cue.source, Bed) and loudest_lufs < level.ceiling_lufs
        look_back = 0 if safe else grains_in(_LOOK_BACK_S, rate_hz)
        self.cue = cue
        self.level = level
        self.feed = Feed(cue, rate_hz, max(0, grain - look_back), notify)
        self.fade: tuple[int, int] | None = None
        self._rate_hz = rate_hz
        self._ceiling = Ceiling(rate_hz)
        self._carries: dict[int, float] = {self.feed.first_grain: NO_CUT}
        self._reached = self.feed.first_grain

    def ready(self, grain: int) -> bool:
        """Whether ``grain`` is there with all that must be known beyond it.

        While it is not, the feed notifies when it may be.
        """
        while True:
            while self._reached < grain and self.feed.far_enough(self._reached):
                self._cuts(self._reached)
                self.let_go(self._reached)
            next_grain = max(min(grain, self._reached), grain_at(self.cue.start_frame))
            if not self.feed.far_enough(next_grain):
                self.feed.wanted = next_grain + self.feed.ahead_grains + 1
                # Looked at again: the feed may have got there before it knew.
                if not self.feed.far_enough(next_grain):
                    return False
            if self._reached >= grain:
                return True

    def sound(self, grain: int, weight: Weight) -> Block | None:
        """One grain under gain, ceiling and ``weight``; None where there is no sound.

        Without any gain it is the feed's own block, which must not be changed.
        """
        block = self.feed.grain(grain)
        if block is None:
            return None
        begin, end = grain * GRAIN_FRAMES, (grain + 1) * GRAIN_FRAMES
        cuts_db = self._cuts(grain)
        factor: float | NDArray[np.float64]
        if cuts_db is None and self.gain_db(begin) == self.gain_db(end):
            factor = float(10.0 ** (self.gain_db(begin) / 20.0))
        else:
            level_db = self._slewed(np.arange(begin, end, dtype=np.int64))
            if cuts_db is not None:
                level_db = level_db - between(cuts_db, HOP_FRAMES)
            factor = 10.0 ** (level_db / 20.0)
        if weight is not None:
            factor = factor * weight
        if self.fade is not None and self.fade[0] < end:
            first, last = self.fade
            passed = (np.arange(begin, end) - first) / max(1, last - first)
            factor = factor * np.cos(np.pi / 2 * np.clip(passed, 0.0, 1.0))
        if isinstance(factor, float):
            return block if factor == 1.0 else block * np.float32(factor)
        return block * factor.astype(np.float32)[:, None]

    def let_go(self, grain: int) -> None:
        """Nothing before ``grain`` will be asked for again."""
        # The grain before stays for the K-weighting's lead-in.
        self.feed.need(grain - 1, grain - 1 - self._ceiling.grains_behind)

    def gain_db(self, frame: int) -> float:
        """The slewed gain at ``frame``."""
        since_s = max(0, frame - self.cue.start_frame) / self._rate_hz
        return min(self.cue.gain_db, self.level.start_db + SLEW_DB_PER_S * since_s)

    def close(self) -> None:
        """Stop making sound."""
        self.feed.close()

    def _slewed(self, frames: NDArray[np.int64]) -> NDArray[np.float64]:
        return slewed_db(self.cue, self.level.start_db, frames, self._rate_hz)

    def _cuts(self, grain: int) -> NDArray[np.float64] | None:
        carry = self._carries.get(grain, NO_CUT)
        cuts_db: NDArray[np.float64] | None = None
        after = NO_CUT
        highest_db = self.cue.gain_db
        ceiling = self._ceiling
        if carry > NO_CUT or ceiling.could_cut(
            self.feed, grain, highest_db, self.level.ceiling_lufs
        ):
            low = (grain - ceiling.grains_behind) * HOPS
            high = (grain + 1 + ceiling.grains_ahead) * HOPS
            # A hop's gain is that at its end: it only ever rises within it.
            ends = np.arange(low + 1, high + 1, dtype=np.int64) * HOP_FRAMES
            cuts_db, after = ceiling.cuts(
                self.feed, grain, self._slewed(ends), self.level.ceiling_lufs, carry
            )
        self._carries[grain + 1] = after
        for number in [n for n in self._carries if n < grain - _CARRIES_KEPT]:
            del self._carries[number]
        self._reached = max(self._reached, grain + 1)
        return cuts_db
