"""Where a recording was cut off by its own full scale: tops that are flat.

Music seldom holds its highest value for two samples in a row; what was clipped holds it
again and again. It is looked for in the file's own samples: a lossy codec or a resampler
hides it, to the eye and to some extent to the ear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.decoder import Decoder, probe
from kaproom.errors import Mend

# Chosen: a full-scale tone of 30 Hz in 16 bits holds its top for five samples.
RUN_FRAMES = 6
# Fewer within a stretch are a click or two.
COUNT_MIN = 20
STRETCH_S = 10.0
_HIGHEST_MIN = 0.5
_SAME = 1.5 / 32768  # what dither leaves of a flat top in 16 bits


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a file with flat tops.

    Attributes:
        at_s: Where the first of them is.
        lasts_s: From the first to the last.
        count: How many.
    """

    at_s: float
    lasts_s: float
    count: int


@lru_cache(maxsize=512)
def flat_tops(path: str) -> tuple[Stretch, ...]:
    """The clipped parts of a file, the worst first; none where it cannot be read."""
    try:
        found = list(_stretches(path))
    except Mend:
        return ()
    return tuple(sorted(found, key=lambda stretch: -stretch.count))


def _stretches(path: str) -> Iterator[Stretch]:
    rate_hz = probe(path).rate_hz
    at: list[float] = []
    frame = 0
    decoder = Decoder(path, rate_hz)
    try:
        for block in decoder:
            for channel in block.T:
                at += [(frame + int(top)) / rate_hz for top in _tops(channel)]
            frame += len(block)
            if at and frame / rate_hz - min(at) > STRETCH_S:
                yield from _stretch(at)
                at = []
    finally:
        decoder.close()
    yield from _stretch(at)


def _stretch(at: list[float]) -> Iterator[Stretch]:
    if len(at) >= COUNT_MIN:
        yield Stretch(min(at), max(at) - min(at), len(at))


def _tops(channel: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where flat tops begin in one channel of a block."""
    level = np.abs(channel)
    highest = float(level.max(initial=0.0))
    none = np.zeros(0, dtype=np.int64)
    if highest < _HIGHEST_MIN:
        return none
    at_top = level >= highest - _SAME
    if int(at_top.sum()) < RUN_FRAMES:
        return none
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_top, [False]]).astype(np.int8)))
    begins, ends = edges[::2], edges[1::2]
    return begins[ends - begins >= RUN_FRAMES].astype(np.int64)
