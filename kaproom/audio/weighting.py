"""The K-weighting of ITU-R BS.1770 at any rate, and what its power says of loudness.

The sound output meters with it, so nothing heavier than numpy may be needed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

# BS.1770: brings 0 LUFS to a 997 Hz sine of full scale in one channel.
_OFFSET_LU: Final = -0.691


def lufs(power: float) -> float:
    """Loudness of a mean K-weighted power; -inf for none."""
    return _OFFSET_LU + 10.0 * math.log10(power) if power > 0.0 else -math.inf


def power_of(loudness_lufs: float) -> float:
    """The mean K-weighted power, both channels added, that measures so loud."""
    return float(10.0 ** ((loudness_lufs - _OFFSET_LU) / 10.0))


@lru_cache(maxsize=4)
def k_response(rate_hz: int, fft_frames: int) -> NDArray[np.complex128]:
    """The K-weighting at each of the ``fft_frames`` bins of a complex FFT.

    The two filters of BS.1770, given there for 48 kHz only, as analogue prototypes
    that fit those figures at every rate (the constants are libebur128's).
    """
    z = np.exp(-2j * np.pi * np.fft.fftfreq(fft_frames))
    k = math.tan(math.pi * 1681.974450955533 / rate_hz)
    q = 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    shelf = _ratio(
        z,
        (high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k),
        (1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k),
    )
    k = math.tan(math.pi * 38.13547087602444 / rate_hz)
    q = 0.5003270373238773
    a0 = 1.0 + k / q + k * k
    high_pass = _ratio(
        z, (1.0, -2.0, 1.0), (1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0)
    )
    return shelf * high_pass


def _ratio(
    z: NDArray[np.complex128], above: Sequence[float], below: Sequence[float]
) -> NDArray[np.complex128]:
    top = above[0] + z * (above[1] + z * above[2])
    bottom = below[0] + z * (below[1] + z * below[2])
    quotient: NDArray[np.complex128] = top / bottom
    return quotient
