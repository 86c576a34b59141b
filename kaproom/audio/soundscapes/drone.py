"""One deep tone and what is hidden in it.

The harmonics of a fundamental, each swelling on its own time, under a resonance that
wanders over them and now and then lets one sing; a second fundamental, a fifth or a
fourth above, comes and goes within minutes. For the height of a session.
"""

from __future__ import annotations

import numpy as np

from kaproom.audio.soundscapes.chance import Reals, keys, uniform, wander
from kaproom.audio.soundscapes.stereo import LEAD_TURNS, ears, width
from kaproom.audio.soundscapes.synthesis import AIR_HZ, Air, Sines
from kaproom.audio.soundscapes.tuning import home

_NUMBERS = np.array(
    (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 30, 32, 36, 40, 48, 60), float
)
"""Harmonics of 2, 3 and 5 only: the seventh and its kin pull away from the ground."""
_GROUNDS = np.array((1.0, 1.5, 2.0, 4 / 3))
_GROUND_LEVELS = np.array((1.0, 0.55, 0.5, 0.0))
_STRANDS = np.array((-1.0, 0.0, 1.0))


class Drone:
    """The score of the drone."""

    hop_at_48k_frames = 8192
    evenness = 0.4

    def __init__(self, seed: int, intensity: float) -> None:
        self._intensity = intensity
        self._ground_hz = home(seed).tonic_hz / 2.0

        def fresh(what: str, count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
            return keys("drone", seed, intensity, what, count=count)

        shape = (len(_GROUNDS), len(_NUMBERS), len(_STRANDS))
        each = np.arange(np.prod(shape)).reshape(shape)
        self._phase = uniform(fresh("phase", 1), each)
        self._lead = LEAD_TURNS * (2.0 * uniform(fresh("lead", 1), each) - 1.0)
        # Detuning in hertz, a little more for each harmonic: no two beat alike.
        spread = 0.5 + uniform(fresh("detune", 1), each)
        self._off_hz = _STRANDS * spread * 0.07 * _NUMBERS[:, None] ** 0.75
        # Harmonics that two grounds share must not lock into one loudness or another.
        self._off_hz += 0.035 * (2.0 * uniform(fresh("mistuning", 1), each) - 1.0)
        # Each strand's pitch sways, so that no beat keeps its time.
        self._sway_s = 11.0 + 23.0 * uniform(fresh("sway", 1), each)
        self._sway_phase = uniform(fresh("sway phase", 1), each)
        self._sway_hz = np.abs(_STRANDS) * 0.05 * _NUMBERS[:, None] ** 0.75
        self._strand_keys = fresh("strands", each.size).reshape(shape)
        self._swell_keys = fresh("swell", len(_GROUNDS) * len(_NUMBERS)).reshape(shape[:2])
        self._swell_s = 9.0 + 17.0 * uniform(fresh("swell length", 1), each[..., 0])
        self._coming_keys = fresh("coming", len(_GROUNDS))
        self._voice_keys = fresh("voice", 4)
        self._place_keys = fresh("place", len(_GROUNDS) * len(_NUMBERS)).reshape(shape[:2])
        self._air_keys = fresh("air", 2 * len(AIR_HZ)).reshape(2, -1)

    def sines(self, time_s: Reals) -> Sines:
        """Three strands of every harmonic of every ground."""
        n = len(time_s)
        t = time_s[:, None, None]
        hz = self._ground_hz * _GROUNDS[:, None] * _NUMBERS
        swell_db = (4.0 + 2.0 * self._intensity) * wander(self._swell_keys, t / self._swell_s)
        swell = 10.0 ** (swell_db / 20.0)
        level = self._grounds(time_s)[..., None] * swell * self._colour(time_s, hz)
        strand_hz = np.broadcast_to(hz[..., None] + self._off_hz, (n, *self._off_hz.shape))
        wheel = 2.0 * np.pi * (time_s[:, None, None, None] / self._sway_s + self._sway_phase)
        turns = strand_hz * time_s[:, None, None, None] + self._phase
        turns += self._sway_hz * self._sway_s / (2.0 * np.pi) * np.sin(wheel)
        strand_hz = strand_hz + self._sway_hz * np.cos(wheel)
        wide = width(hz)[..., None]
        # A low tone and its neighbours would only pulse; they have no room to spread.
        sides = np.where(_STRANDS == 0.0, 1.0, 0.2 + 0.4 * wide)
        strands = sides * (1.0 + 0.5 * wander(self._strand_keys, t[..., None] / 13.0))
        level = level[..., None] * strands
        place = 0.5 * wander(self._place_keys, t / 41.0)[..., None] + 0.8 * _STRANDS
        left, right = ears(place * wide)
        lead = np.broadcast_to(self._lead * wide, strand_hz.shape)
        return Sines(
            hz=strand_hz.reshape(n, -1),
            turns=turns.reshape(n, -1),
            left=(level * left).reshape(n, -1),
            right=(level * right).reshape(n, -1),
            lead_turns=lead.reshape(n, -1),
        )

    def air(self, time_s: Reals) -> Air:
        """Breath over the tone, as of a large pipe."""
        tilt = (AIR_HZ / 300.0) ** -0.25 / (1.0 + (90.0 / AIR_HZ) ** 2)
        drift = wander(self._air_keys, time_s[:, None, None] / 9.1)
        bands = (0.03 + 0.03 * self._intensity) * tilt * 10.0 ** (0.2 * drift)
        return Air(bands[:, 0], bands[:, 1], np.full(len(AIR_HZ), 0.3))

    def _grounds(self, time_s: Reals) -> Reals:
        """Level of each ground, (n, grounds): the first stays, the others come and go."""
        coming = wander(self._coming_keys, time_s[:, None] / 67.0)
        level = _GROUND_LEVELS * np.clip(0.45 + 0.8 * coming, 0.0, 1.3)
        # The fourth comes only while the fifth is away.
        away = np.clip(1.0 - 2.5 * level[:, 1], 0.0, 1.0)
        level[:, 3] = 0.5 * away**2 * np.clip(0.3 + 0.8 * coming[:, 3], 0.0, 1.0)
        level[:, 0] = 0.9 + 0.15 * coming[:, 0]
        return np.asarray(level)

    def _colour(self, time_s: Reals, hz: Reals) -> Reals:
        """Amplitude of each harmonic, (n, grounds, numbers)."""
        drift = wander(self._voice_keys[:2], time_s[:, None] / np.array((31.0, 127.0))).sum(axis=1)
        centre = np.log2(330.0) + 0.6 * self._intensity + 0.7 * drift
        lift_db = 0.7 + 0.5 * wander(self._voice_keys[2:3], time_s / 19.0)
        lift_db *= 4.0 + 5.0 * self._intensity
        distance = (np.log2(hz) - centre[:, None, None]) / 0.45
        sung_db = lift_db[:, None, None] * np.exp(-0.5 * distance**2)
        opening = wander(self._voice_keys[3:], time_s / 211.0)
        cutoff_hz = 600.0 * 2.0 ** (1.4 * self._intensity + 0.5 * opening)
        low_pass = (1.0 + (hz / cutoff_hz[:, None, None]) ** 2) ** -0.33
        return np.asarray(_NUMBERS**-0.3 * low_pass * 10.0 ** (sung_db / 20.0))
