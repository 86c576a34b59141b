"""How loud a score is, without rendering it.

The K-weighting of ITU-R BS.1770-5 as a function of frequency turns amplitudes into
loudness, so a bed can be levelled by looking both ways in time, at any instant.
"""

from __future__ import annotations

import numpy as np

from kaproom.audio.soundscapes.chance import Reals
from kaproom.audio.soundscapes.synthesis import top_hz

_SHELF_B = (1.53512485958697, -2.69169618940638, 1.19839281085285)
_SHELF_A = (1.0, -1.69065929318241, 0.73248077421585)
_HIGHPASS_B = (1.0, -2.0, 1.0)
_HIGHPASS_A = (1.0, -1.99004745483398, 0.99007225036621)
"""BS.1770-5 tables 1 and 2, for 48 kHz."""


def k_weight(hz: Reals) -> Reals:
    """Power gain of the K-weighting at each frequency below 24 kHz."""
    z = np.exp(-2j * np.pi * np.minimum(hz, 24_000.0) / 48_000.0)
    gain = np.ones_like(z)
    for b, a in ((_SHELF_B, _SHELF_A), (_HIGHPASS_B, _HIGHPASS_A)):
        gain *= (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)
    return np.asarray(np.abs(gain) ** 2)


def heard_weight(hz: Reals, rate_hz: int) -> Reals:
    """The same, and nothing for what is too high to be written at ``rate_hz``."""
    return np.asarray(np.where(hz < top_hz(rate_hz), k_weight(hz), 0.0))
