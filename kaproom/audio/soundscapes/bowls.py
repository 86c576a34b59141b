"""Singing bowls, struck softly and rubbed.

A set of bowls tuned to one mode; each keeps its pitch, its beating and its place. Every
mode of vibration is a pair that beats, as in a bowl that is not quite round. Strikes come
without a pulse, over rubbed bowls that swell and fade and a quiet ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaproom.audio.soundscapes.chance import Keys, Reals, keys, uniform, wander
from kaproom.audio.soundscapes.stereo import LEAD_TURNS, ears, width
from kaproom.audio.soundscapes.synthesis import AIR_HZ, Air, Sines
from kaproom.audio.soundscapes.tuning import home, into_register

_RATIOS = np.array((1.0, 2.74, 5.12, 8.05, 11.4))
"""Modes of a hand-hammered bowl over its lowest; measured bowls lie within 3 % of it."""
_LEVELS = np.array((1.0, 0.60, 0.42, 0.30, 0.20))
_NEAR_CENTS = 45.0
"""An upper mode this near to a tone of the mode is taken to be tuned to it."""
_PAIR = np.array((-0.5, 0.5))
_PAIR_LEVELS = np.array((1.0, 0.55))
_LIFE_S = 64.0
_TONES = 5

# Lowest pitch in Hz, tones of the mode (low bowls a second apart are rough), seconds
# between strikes at intensity 0 and at 1, level. Chosen.
_SIZES = (
    (82.0, 2, 31.0, 19.0, 0.66),
    (150.0, 3, 23.0, 11.0, 0.58),
    (262.0, 5, 29.0, 9.0, 0.42),
    (470.0, 5, 53.0, 14.0, 0.25),
)
_RUBBED_HZ = np.array((110.0, 165.0, 220.0, 294.0))
_RUBBED_TONES = np.array((2, 3, 5, 5))
_RUBBED_LEVELS = np.array((0.42, 0.34, 0.24, 0.15))
_GROUND_RATIOS = np.array((0.5, 0.75, 1.0, 1.5))
_GROUND_LEVELS = np.array((0.16, 0.10, 0.08, 0.04))


@dataclass(frozen=True, slots=True)
class _Strikes:
    """What was struck, as seen from each of n instants: arrays (n, E)."""

    bowl: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    age_s: Reals
    level: Reals
    softness: Reals
    number: np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Bowls:
    """The score of the bowls."""

    hop_at_48k_frames = 4096
    evenness = 0.5

    def __init__(self, seed: int, intensity: float) -> None:
        self._intensity = intensity
        at_home = home(seed)
        self._tonic_hz = at_home.tonic_hz
        mode = np.array(at_home.mode)
        sizes = np.array(_SIZES)
        self._slots_s = sizes[:, 2] * (sizes[:, 3] / sizes[:, 2]) ** intensity
        self._strike_keys = keys("bowls", seed, intensity, "strikes", count=len(sizes))
        self._offsets = uniform(keys("bowls", seed, intensity, "offsets"), np.arange(len(sizes)))
        self._size_tones = sizes[:, 1]
        self._size_levels = sizes[:, 4]

        # One bowl for each size and tone of the mode; all arrays (bowls, modes).
        lowest = np.repeat(sizes[:, 0], _TONES)
        hz = into_register(self._tonic_hz * np.tile(mode, len(sizes)), lowest)
        shape = (len(hz), len(_RATIOS))
        each = np.arange(len(hz) * len(_RATIOS)).reshape(shape)
        made = 1.0 + 0.03 * (2.0 * uniform(keys("bowls", seed, "hammered"), each) - 1.0)
        made[:, 0] = 1.0
        self._hz = _tuned(hz[:, None] * _RATIOS * made, self._tonic_hz * mode)
        wobble = uniform(keys("bowls", seed, "wobble"), each)
        self._beat_hz = (0.2 + 0.6 * wobble) * (self._hz / 150.0) ** 0.35
        self._decay_s = np.clip(46.0 * (self._hz / 150.0) ** -0.36, 9.0, 60.0) / np.log(1000.0)
        self._place = 1.6 * uniform(keys("bowls", seed, "place"), np.arange(len(hz))) - 0.8
        self._phase_key = keys("bowls", seed, intensity, "phase")
        self._lead = LEAD_TURNS * (2.0 * uniform(keys("bowls", seed, "lead"), each) - 1.0)

        rubbed = len(_RUBBED_HZ)
        index = np.arange(rubbed)
        self._rub_keys = keys("bowls", seed, intensity, "rubbed", count=rubbed)
        self._rub_s = 19.0 + 14.0 * uniform(keys("bowls", seed, intensity, "rub length"), index)
        self._rub_offset = uniform(keys("bowls", seed, intensity, "rub offset"), index)
        self._mode = mode
        self._ground_keys = keys("bowls", seed, intensity, "ground", count=len(_GROUND_RATIOS))
        self._air_keys = keys("bowls", seed, intensity, "air", count=2 * len(AIR_HZ)).reshape(2, -1)

    def sines(self, time_s: Reals) -> Sines:
        """Struck bowls, rubbed bowls and the ground."""
        parts = (self._struck(time_s), self._rubbed(time_s), self._ground(time_s))
        return Sines(*(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True)))

    def air(self, time_s: Reals) -> Air:
        """A quiet room around the bowls."""
        tilt = (AIR_HZ / 300.0) ** -0.3 / (1.0 + (150.0 / AIR_HZ) ** 2)
        drift = wander(self._air_keys, time_s[:, None, None] / 12.7)
        bands = 0.018 * tilt * 10.0 ** (0.15 * drift)
        return Air(bands[:, 0], bands[:, 1], np.full(len(AIR_HZ), 0.3))

    def _strikes(self, time_s: Reals) -> _Strikes:
        found = []
        for size, slot_s in enumerate(self._slots_s):
            key: Keys = self._strike_keys[size : size + 1]
            now = np.floor(time_s / slot_s + self._offsets[size])
            slot = now[:, None] - np.arange(int(np.ceil(_LIFE_S / slot_s + 0.9)))
            index = 4 * slot.astype(np.int64)
            at_s = (slot - self._offsets[size] + 0.1 + 0.8 * uniform(key, index)) * slot_s
            tone = np.floor(self._size_tones[size] * uniform(key, index + 1)).astype(np.int64)
            loud = self._size_levels[size] * (0.35 + 0.65 * uniform(key, index + 2))
            number = len(self._slots_s) * slot.astype(np.int64) + size
            since_s = time_s[:, None] - at_s
            found.append((size * _TONES + tone, since_s, loud, uniform(key, index + 3), number))
        return _Strikes(*(np.concatenate(columns, axis=1) for columns in zip(*found, strict=True)))

    def _struck(self, time_s: Reals) -> tuple[Reals, ...]:
        s = self._strikes(time_s)
        hz, decay_s = self._hz[s.bowl], self._decay_s[s.bowl]
        age_s = s.age_s[..., None]
        attack_s = 0.15 + 0.10 * s.softness[..., None] + np.array((0.05, 0.03, 0.02, 0.01, 0.0))
        rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(age_s / attack_s, 0.0, 1.0))
        leave = 0.5 + 0.5 * np.cos(np.pi * np.clip((age_s - 0.7 * _LIFE_S) / (0.3 * _LIFE_S), 0, 1))
        envelope = rise * np.exp(-np.maximum(age_s, 0.0) / decay_s) * leave
        # A softer mallet and a lower intensity leave the upper modes asleep.
        soft = 1.0 - 0.4 * self._intensity + 0.35 * s.softness[..., None]
        level = s.level[..., None] * _LEVELS**soft * envelope
        pair_hz = hz[..., None] + self._beat_hz[s.bowl][..., None] * _PAIR
        age = s.age_s[..., None, None]
        each = np.arange(len(_RATIOS) * 2).reshape(-1, 2)
        phase = uniform(self._phase_key, s.number[..., None, None] * 8 + each)
        place = self._place[s.bowl][..., None, None] + 1.3 * _PAIR
        return _placed(
            pair_hz,
            pair_hz * age + phase,
            level[..., None] * _PAIR_LEVELS,
            place,
            self._lead[s.bowl][..., None],
        )

    def _rubbed(self, time_s: Reals) -> tuple[Reals, ...]:
        x = time_s[:, None] / self._rub_s + self._rub_offset
        note = np.floor(x)[..., None] + np.arange(2)
        swell = np.cos(0.5 * np.pi * (x[..., None] - note)) ** 1.5
        index = 4 * note.astype(np.int64)
        key = self._rub_keys[:, None]
        tone = np.floor(_RUBBED_TONES[:, None] * uniform(key, index) ** 1.3).astype(np.int64)
        lowest = np.broadcast_to(_RUBBED_HZ[:, None], tone.shape)
        hz = into_register(self._tonic_hz * self._mode[tone], lowest)
        level = _RUBBED_LEVELS[:, None] * (0.3 + 0.7 * uniform(key, index + 1)) * swell
        beat_hz = 0.18 + 0.5 * uniform(key, index + 2)
        modes = np.array((1.0, 2.0, 3.0))
        strengths = np.array((1.0, 0.14, 0.06)) * (0.6 + 0.8 * self._intensity)
        strengths[0] = 1.0
        pair_hz = (hz[..., None] * modes)[..., None] + beat_hz[..., None, None] * _PAIR
        each = np.arange(6).reshape(3, 2)
        phase = uniform(key[..., None, None], 6 * note.astype(np.int64)[..., None, None] + each)
        place = 1.4 * uniform(key, index + 3) - 0.7
        return _placed(
            pair_hz,
            pair_hz * time_s[:, None, None, None, None] + phase,
            (level[..., None] * strengths)[..., None] * np.array((1.0, 0.45)),
            place[..., None, None] + 0.5 * _PAIR,
            np.zeros(1),
        )

    def _ground(self, time_s: Reals) -> tuple[Reals, ...]:
        t = time_s[:, None]
        breath = 1.0 + 0.5 * wander(self._ground_keys, t / 23.0)
        place = 0.7 * wander(self._ground_keys, t / 31.0 + 1e6)
        hz = self._tonic_hz * _GROUND_RATIOS * np.ones_like(t)
        turns = hz * t + uniform(self._ground_keys, 0)
        return _placed(hz, turns, _GROUND_LEVELS * breath, place, np.full(1, LEAD_TURNS))


def _placed(hz: Reals, turns: Reals, level: Reals, place: Reals, lead: Reals) -> tuple[Reals, ...]:
    """The five columns of Sines, flattened to (n, K)."""
    wide = width(hz)
    left, right = ears(place * wide)
    n = len(hz)
    columns = (hz, turns, level * left, level * right, lead * wide)
    return tuple(np.broadcast_to(c, hz.shape).reshape(n, -1) for c in columns)


def _tuned(hz: Reals, tones_hz: Reals) -> Reals:
    """Upper modes moved onto a tone of the mode where one lies within _NEAR_CENTS."""
    octaves = np.round(np.log2(hz[..., None] / tones_hz))
    candidates = tones_hz * 2.0**octaves
    cents = 1200.0 * np.abs(np.log2(candidates / hz[..., None]))
    best = np.argmin(cents, axis=-1)[..., None]
    nearest = np.take_along_axis(candidates, best, -1)[..., 0]
    near = np.take_along_axis(cents, best, -1)[..., 0] <= _NEAR_CENTS
    return np.where(near, nearest, hz)
