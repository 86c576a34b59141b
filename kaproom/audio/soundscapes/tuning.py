"""Pitches in just intonation: chords that are at rest, and how they follow each other.

Ratios are over the tonic within one octave. The upper tones of one palette lie at least
a whole tone apart in any two of its chords, so notes of the one may ring on into the
next; what moves the harmony is the ground below them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaproom.audio.soundscapes import chance
from kaproom.audio.soundscapes.chance import Keys, Reals

Chord = tuple[float, float, float, float, float, float]
"""Ground, the tone that joins it in the low voices, then four upper tones, plainest first."""
GROUND_TONES = 2


@dataclass(frozen=True, slots=True)
class Palette:
    """Chords over one tonic."""

    name: str
    chords: tuple[Chord, ...]


PALETTES = (
    Palette(
        "day",
        (
            (1.0, 3 / 2, 1.0, 3 / 2, 5 / 4, 9 / 8),
            (5 / 3, 1.0, 5 / 4, 1.0, 5 / 3, 3 / 2),
            (4 / 3, 1.0, 1.0, 5 / 4, 5 / 3, 3 / 2),
            (3 / 2, 1.0, 3 / 2, 1.0, 9 / 8, 5 / 4),
            (1.0, 3 / 2, 3 / 2, 5 / 4, 1.0, 5 / 3),
        ),
    ),
    Palette(
        "dusk",
        (
            (1.0, 3 / 2, 1.0, 3 / 2, 6 / 5, 9 / 5),
            (8 / 5, 1.0, 6 / 5, 1.0, 3 / 2, 6 / 5),
            (6 / 5, 3 / 2, 3 / 2, 9 / 5, 6 / 5, 1.0),
            (4 / 3, 1.0, 1.0, 6 / 5, 3 / 2, 1.0),
            (3 / 2, 1.0, 3 / 2, 1.0, 9 / 5, 6 / 5),
        ),
    ),
    Palette(
        "open",
        (
            (1.0, 3 / 2, 1.0, 3 / 2, 9 / 8, 4 / 3),
            (4 / 3, 1.0, 1.0, 4 / 3, 3 / 2, 16 / 9),
            (3 / 2, 1.0, 3 / 2, 9 / 8, 1.0, 4 / 3),
            (16 / 9, 4 / 3, 4 / 3, 16 / 9, 1.0, 3 / 2),
            (1.0, 3 / 2, 3 / 2, 1.0, 4 / 3, 9 / 8),
        ),
    ),
)

MODES = (
    (1.0, 3 / 2, 5 / 4, 9 / 8, 5 / 3),
    (1.0, 3 / 2, 6 / 5, 9 / 5, 4 / 3),
    (1.0, 3 / 2, 4 / 3, 9 / 8, 16 / 9),
)
"""Beside each palette, five of its tones any of which sound well together, the plainest
first: what bowls are tuned to."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a seed is at home; the same for every soundscape, so that beds may meet.

    Attributes:
        tonic_hz: From 98 (G2) to 139 Hz.
        palette: For what moves in chords.
        mode: For what has fixed pitches.
    """

    tonic_hz: float
    palette: Palette
    mode: tuple[float, ...]


def home(seed: int) -> Home:
    """The tonic and the mode of a seed."""
    pitch, kind = (float(u) for u in chance.uniform(chance.keys("home", seed), np.arange(2)))
    number = int(kind * len(PALETTES))
    return Home(98.0 * 2.0 ** (0.5 * pitch), PALETTES[number], MODES[number])


def chord_number(key: Keys, slot: Reals, count: int) -> chance.Indices:
    """Which of ``count`` chords holds in each slot: never the same in two that meet.

    Even slots draw freely; an odd slot draws from what neither neighbour has, so any
    slot is known without those before it.
    """
    index = slot.astype(np.int64)
    even = index % 2 == 0
    before = _free(key, np.where(even, index, index - 1), count)
    after = _free(key, np.where(even, index, index + 1), count)
    low, high = np.minimum(before, after), np.maximum(before, after)
    left = np.where(low == high, count - 1, count - 2)
    drawn = np.floor(chance.uniform(key, index) * left).astype(np.int64)
    drawn += drawn >= low
    drawn += (drawn >= high) & (low != high)
    return np.where(even, before, drawn)


def _free(key: Keys, index: chance.Indices, count: int) -> chance.Indices:
    return np.floor(chance.uniform(key, index) * count).astype(np.int64)


def into_register(hz: Reals, lowest_hz: Reals) -> Reals:
    """``hz`` moved by octaves into [lowest_hz, 2 * lowest_hz)."""
    return np.asarray(hz * 2.0 ** np.ceil(np.log2(lowest_hz / hz)))
