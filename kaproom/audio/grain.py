"""The grid that all mixing is done on.

The programme's frames are cut into grains, counted from frame 0, and each grain into
hops. Everything that looks at more than one frame at a time (a loudness, a peak, a
transform) does so grain by grain, so the sound does not depend on when it is mixed, in
what portions it is asked for, or by which process.
"""

from __future__ import annotations

GRAIN_FRAMES = 32_768
"""0.68 s at 48 kHz: long enough to be cheap, short enough that the ring stays full."""

HOPS = 8
HOP_FRAMES = GRAIN_FRAMES // HOPS
"""85 ms at 48 kHz: the step of the short-term loudness (EBU Tech 3341 asks for 100 ms)."""


def grain_at(frame: int) -> int:
    """The number of the grain that ``frame`` lies in."""
    return frame // GRAIN_FRAMES


def grains_in(seconds: float, rate_hz: int) -> int:
    """How many whole grains cover ``seconds``."""
    return -int(-seconds * rate_hz // GRAIN_FRAMES)
