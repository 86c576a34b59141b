"""Chance that can be asked about any instant.

A number is a hash of (key, index), never the next of a stream: hour three costs what
second three costs, and a seed means the same sound on every machine and numpy version.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reals = NDArray[np.float64]
Keys = NDArray[np.uint64]
Indices = NDArray[np.int64]

_STEP = np.uint64(0x9E3779B97F4A7C15)
"""splitmix64: the odd number nearest 2^64 / golden ratio (Steele, Lea, Flood 2014)."""


def _mixed(bits: Keys) -> Keys:
    """The finaliser of splitmix64: every input bit reaches every output bit."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def keys(*parts: int | float | str, count: int = 1) -> Keys:
    """``count`` unrelated keys for what ``parts`` name; shape (count,)."""
    digest = blake2b(repr(parts).encode(), digest_size=8).digest()
    base = np.full(count, int.from_bytes(digest, "little"), np.uint64)
    return _mixed(base + np.arange(count, dtype=np.uint64) * _STEP)


def bits(key: Keys, index: Indices) -> Keys:
    """64 random bits for each (key, index), the two broadcast against each other."""
    return _mixed(_mixed(key + index.astype(np.uint64) * _STEP) + _STEP)


def uniform(key: Keys, index: ArrayLike = 0) -> Reals:
    """Evenly from [0, 1) for each (key, index)."""
    drawn = bits(key, np.asarray(index, np.int64))
    return (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53


def wander(key: Keys, position: Reals) -> Reals:
    """A curve that drifts without repeating, about -1 to 1 (never beyond 1.6).

    Free of kinks in its first two derivatives, with one new random value for each
    unit of ``position``: a cubic B-spline over independent draws.
    """
    whole = np.floor(position)
    x = position - whole
    index = whole.astype(np.int64)
    weights = (
        (1.0 - x) ** 3,
        3.0 * x**3 - 6.0 * x**2 + 4.0,
        -3.0 * x**3 + 3.0 * x**2 + 3.0 * x + 1.0,
        x**3,
    )
    total = np.zeros(np.broadcast_shapes(key.shape, position.shape))
    for offset, weight in enumerate(weights, start=-1):
        total += weight * uniform(key, index + offset)
    # The weights sum to 6; 1.6 brings the standard deviation to about 0.65.
    return 1.6 * (total / 3.0 - 1.0)
