"""Where a sound stands between the ears.

Low sounds stay in the middle: two slightly different low tones, one for each ear, would
beat inside the head. Nothing is ever wholly at one ear.
"""

from __future__ import annotations

import numpy as np

from kaproom.audio.soundscapes.chance import Reals

CENTRE_HZ = 75.0
WIDE_HZ = 280.0
"""Below the first everything is in the middle, above the second as wide as asked; chosen."""
LEAD_TURNS = 0.18
"""The most by which one ear leads: the sum of both ears loses at most 1.5 dB to it."""


def width(hz: Reals) -> Reals:
    """0.0 at CENTRE_HZ and below, 1.0 from WIDE_HZ, smooth over log frequency."""
    x = np.log(np.maximum(hz, 1.0) / CENTRE_HZ) / np.log(WIDE_HZ / CENTRE_HZ)
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))


def ears(place: Reals) -> tuple[Reals, Reals]:
    """Equal-power gains for a place from -1.0 (left) to 1.0 (right), at most 0.85 of the way."""
    angle = (0.25 * np.pi) * (1.0 + 0.85 * np.clip(place, -1.0, 1.0))
    return np.cos(angle), np.sin(angle)
