"""The output's part of the ear's law; no target can break it.

The gain only attenuates. It rises at most 3 dB/s, and falls as fast as it is asked to,
linear in dB. After more than 1 s of silence, whatever the cause, it enters at -40 dB and
takes at least 10 s to its target. After an interruption of up to 1 s what sounded before
returns with a 50 ms ramp, no louder than before and than the target. Silence that was
asked for is left only by that soft entry.

Pure: the instant and the frames arrive as arguments.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.ring import FLOOR_DB, SILENCE_DB

RISE_DB_PER_S: Final = 3.0  # design: the ear's law
ENTRY_DB: Final = -40.0
ENTRY_S: Final = 10.0
INTERRUPTION_S: Final = 1.0
RETURN_S: Final = 0.05
_FALL_MIN_S: Final = 0.005  # chosen: shorter is a click
_NEPER_PER_DB: Final = math.log(10) / 20
_NS_PER_S: Final = 1_000_000_000


class GainLaw:
    """The gain of each frame that leaves.

    Args:
        rate_hz: Frames a second.
        now_db: The gain that the last stream left off with; -inf when it was silent.
        entry_left_frames: What it still had to go of a soft entry.
        sounded_ns: Until when something was heard.
    """

    def __init__(
        self,
        rate_hz: int,
        now_db: float = SILENCE_DB,
        entry_left_frames: int = 0,
        sounded_ns: int = 0,
    ) -> None:
        self.max_frames = rate_hz
        # What another process left in shared memory is not believed blindly.
        self.now_db = now_db if FLOOR_DB <= now_db <= 0.0 else SILENCE_DB
        self.entry_left_frames = min(max(entry_left_frames, 0), round(ENTRY_S * rate_hz))
        self.sounded_ns = sounded_ns
        self.curve = np.zeros((rate_hz, 1), np.float32)
        self._rate_hz = rate_hz
        self._interrupted = True
        self._target_db = SILENCE_DB
        self._fall_db_per_frame = 1.0
        self._return_frames = round(RETURN_S * rate_hz)
        self._return_left = 0
        self._counts = np.arange(1, rate_hz + 1, dtype=np.float64)
        self._level = np.zeros(rate_hz, np.float64)
        self._held = (SILENCE_DB, 0.0)

    def aim(self, target_db: float, fall_s: float) -> None:
        """Go to ``target_db`` from here; down to it, or to silence, within ``fall_s``."""
        self._target_db = min(target_db, 0.0) if target_db >= FLOOR_DB else SILENCE_DB
        depth_db = self.now_db - max(self._target_db, FLOOR_DB)
        if depth_db > 0.0:
            fall_frames = max(fall_s, _FALL_MIN_S) * self._rate_hz
            self._fall_db_per_frame = depth_db / fall_frames

    def interrupt(self) -> None:
        """Nothing leaves from here until the next ``advance``."""
        self._interrupted = True

    def advance(self, frames: int, now_ns: int) -> float | None:
        """The gain of the next ``frames`` frames, at most ``max_frames``, leaving at ``now_ns``.

        Returns:
            The factor when it is the same for all, exactly 1.0 at 0 dB; otherwise None,
            and ``curve[:frames]`` holds the factors, shape (frames, 1).
        """
        if self._interrupted or self.now_db == SILENCE_DB:
            self._resume(now_ns)
            if self.now_db == SILENCE_DB:
                return 0.0
        returning = self._return_left
        if self.now_db == self._target_db and not returning:
            self._pass(frames)
            self.sounded_ns = now_ns + frames * _NS_PER_S // self._rate_hz
            if self._held[0] != self.now_db:
                self._held = (self.now_db, amplitude(self.now_db))
            return self._held[1]
        level = self._level[:frames]
        audible = self._move(level)
        np.multiply(level, _NEPER_PER_DB, out=level)
        np.exp(level, out=level)
        if returning:
            faded = min(frames, returning)
            passed = self._return_frames - returning
            level[:faded] *= self._counts[passed : passed + faded] / self._return_frames
            self._return_left -= faded
        self.curve[:frames, 0] = level
        self._pass(frames)
        self.sounded_ns = now_ns + audible * _NS_PER_S // self._rate_hz
        return None

    def _resume(self, now_ns: int) -> None:
        """Decide how sound comes back, if it was away."""
        # A last sound in the future is another clock's: as good as long ago.
        if abs(now_ns - self.sounded_ns) > INTERRUPTION_S * _NS_PER_S:
            self.now_db = min(ENTRY_DB, self._target_db)
            self.entry_left_frames = round(ENTRY_S * self._rate_hz)
            self._return_left = self._return_frames
        elif self.now_db != SILENCE_DB:
            self.now_db = min(self.now_db, self._target_db)
            self._return_left = self._return_frames
        self._interrupted = False

    def _move(self, level_db: NDArray[np.float64]) -> int:
        """Fill ``level_db`` on the way to the target; return how many frames are audible."""
        frames = len(level_db)
        goal_db = max(self._target_db, FLOOR_DB)
        gap_db = goal_db - self.now_db
        if gap_db > 0.0:
            step_db = RISE_DB_PER_S / self._rate_hz
            if self.entry_left_frames:
                step_db = min(step_db, gap_db / self.entry_left_frames)
        else:
            step_db = -self._fall_db_per_frame
        # Counted from the slope that was just chosen, so the last step never overshoots.
        moving = min(frames, math.ceil(gap_db / step_db)) if gap_db else 0
        np.multiply(self._counts[:moving], step_db, out=level_db[:moving])
        level_db[:moving] += self.now_db
        if gap_db == 0.0 or moving < frames or abs(step_db * moving) >= abs(gap_db):
            if moving:
                level_db[moving - 1] = goal_db
            self.now_db = self._target_db
            level_db[moving:] = self._target_db
            return moving if self._target_db == SILENCE_DB else frames
        self.now_db = float(level_db[moving - 1])
        return frames

    def _pass(self, frames: int) -> None:
        if self.entry_left_frames:
            self.entry_left_frames = max(0, self.entry_left_frames - frames)


def amplitude(gain_db: float) -> float:
    """The factor of ``gain_db``."""
    return float(10.0 ** (gain_db / 20.0))
