"""The sea on a wide, flat shore.

A wash that never stops, and three trains of waves at different distances. A wave comes
in low, breaks over the whole spectrum, and runs out as foam; each moves along the shore
while it does. Sets of larger waves come and go within minutes, the tide within ten.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaproom.audio.soundscapes.chance import Keys, Reals, keys, uniform, wander
from kaproom.audio.soundscapes.synthesis import AIR_HZ, Air

_OCTAVE = np.log2(AIR_HZ / 300.0)
_HEIGHT = (_OCTAVE - _OCTAVE[0]) / (_OCTAVE[-1] - _OCTAVE[0])
"""0.0 for the lowest band, 1.0 for the highest."""
_JITTER = 0.36
"""Share of a slot within which a wave may break: neighbours are 0.64 to 1.36 slots apart."""
_PAST, _FUTURE = 3, 3


@dataclass(frozen=True, slots=True)
class _Train:
    """Waves that break at one distance.

    Attributes:
        slot_s: Mean time between two of them.
        level: Amplitude of a large one over the wash.
        tilt_db: Per octave above 300 Hz, at its height.
        slowness: Times the rise and the run-out of the near ones.
        reach: How far to the sides they break, 0.0 to 1.0.
    """

    slot_s: float
    level: float
    tilt_db: float
    slowness: float
    reach: float


class Ocean:
    """The score of the ocean."""

    hop_at_48k_frames = 2048
    evenness = 0.2

    def __init__(self, seed: int, intensity: float) -> None:
        self._trains = (
            _Train(13.6 - 2.2 * intensity, 2.0 + 2.0 * intensity, -2.4 + 0.6 * intensity, 1.0, 0.6),
            _Train(11.2 - 1.5 * intensity, 1.3 + 0.6 * intensity, -3.4, 1.25, 0.9),
            _Train(16.9 - 2.0 * intensity, 0.9, -4.8, 1.6, 1.0),
        )
        self._wave_keys = [keys("ocean", seed, "waves", k) for k in range(len(self._trains))]
        self._tide_keys = keys("ocean", seed, "tide", count=3)
        bands = len(AIR_HZ)
        self._calm_keys = keys("ocean", seed, intensity, "wash", count=bands)
        self._side_keys = keys("ocean", seed, intensity, "sides", count=2 * bands).reshape(2, -1)
        self._churn_keys = keys("ocean", seed, intensity, "churn", count=6 * bands).reshape(
            3, 2, bands
        )
        low_cut = 1.0 / (1.0 + (85.0 / AIR_HZ) ** 2)
        tilt_db = -(3.8 - 0.7 * intensity) * np.maximum(_OCTAVE, 0.0)
        self._wash = low_cut * 10.0 ** (tilt_db / 20.0)
        self._low_cut = low_cut

    def sines(self, time_s: Reals) -> None:
        """The sea has no pitch."""

    def air(self, time_s: Reals) -> Air:
        """All of it, band by band."""
        t = time_s[:, None]
        tide = wander(self._tide_keys[0:1], t / 431.0)
        swell_db = 1.2 * wander(self._calm_keys, t / 8.7) + 1.5 * wander(
            self._calm_keys, t / 53.0 + 1e6
        )
        wash = self._wash * 10.0 ** ((swell_db + 1.5 * tide) / 20.0)
        lean_db = 1.2 * wander(self._side_keys, t[:, None] / 13.1)
        power = (wash[:, None] * 10.0 ** (lean_db / 20.0)) ** 2
        for train, key in zip(self._trains, self._wave_keys, strict=True):
            power += self._waves(train, key, time_s, tide)
        churn_db = (0.8 + 1.2 * _HEIGHT) * (
            wander(self._churn_keys[0], t[:, None] / 0.31)
            + 0.8 * wander(self._churn_keys[1], t[:, None] / 1.3)
            + 0.7 * _HEIGHT * wander(self._churn_keys[2], t[:, None] / 0.13)
        )
        level = np.sqrt(power) * 10.0 ** (churn_db / 20.0)
        shared = 0.75 - 0.45 * _HEIGHT
        return Air(level[:, 0], level[:, 1], shared)

    def _waves(self, train: _Train, key: Keys, time_s: Reals, tide: Reals) -> Reals:
        """Power of one train in each ear and band, (n, 2, bands)."""
        slot = np.floor(time_s / train.slot_s)[:, None] + np.arange(-_PAST, _FUTURE + 1)
        index = 4 * slot.astype(np.int64)
        breaks_s = (slot + 0.5 + _JITTER * (uniform(key, index) - 0.5)) * train.slot_s
        since_s = (time_s[:, None] - breaks_s)[..., None]
        sets = wander(self._tide_keys[1:2], breaks_s / 38.0) + 0.5 * wander(
            self._tide_keys[2:3], breaks_s / 141.0
        )
        size = (0.35 + 0.65 * uniform(key, index + 1)) * 10.0 ** (3.0 * sets / 20.0)
        size = size * 10.0 ** (2.0 * tide / 20.0)
        # Low bands announce the wave, the foam lags; the run-out is longest in the middle.
        character = 0.8 + 0.4 * uniform(key, index + 3)[..., None]
        rise_s = (1.6 - 0.65 * _HEIGHT) * train.slowness * character
        fall_s = (2.3 + 3.0 * np.sqrt(_HEIGHT) - 1.1 * _HEIGHT) * train.slowness * character
        lag_s = (1.9 * _HEIGHT - 0.9) * train.slowness
        after_s = since_s - lag_s
        peak = _crest(np.zeros(1), rise_s, fall_s)
        shape = _crest(after_s, rise_s, fall_s) / peak
        tilt_db = train.tilt_db * np.maximum(_OCTAVE, 0.0)
        amplitude = train.level * size[..., None] * shape
        amplitude *= self._low_cut * 10.0 ** (tilt_db / 20.0)

        from_place = train.reach * (2.0 * uniform(key, index + 2) - 1.0)
        along = 0.5 * np.sign(uniform(key, index + 2) - 0.5)
        place = from_place[..., None] - along[..., None] * np.tanh(since_s / 6.0)
        lean_db = 5.0 * np.clip(place, -1.0, 1.0) * (0.25 + 0.75 * _HEIGHT)
        left = ((amplitude * 10.0 ** (-lean_db / 20.0)) ** 2).sum(axis=1)
        right = ((amplitude * 10.0 ** (lean_db / 20.0)) ** 2).sum(axis=1)
        return np.stack((left, right), axis=1)


def _crest(since_s: Reals, rise_s: Reals, fall_s: Reals) -> Reals:
    """A hump that grows by e in ``rise_s``, shrinks by e in ``fall_s``, and has no corner."""
    near = np.clip(since_s, -40.0, 40.0)
    return np.asarray(1.0 / (np.exp(-near / rise_s) + np.exp(near / fall_s)))
