"""Where the sound was, and when: the output's count of frames against the clock.

Looked at about once a second while it flows. Between two looks the frames went evenly,
or the sound stood still, and then nothing is claimed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import NamedTuple

from kaproom.clock import NS_PER_S
from kaproom.session.status import Sounded

_APART_NS = NS_PER_S
_KEPT = 6 * 3600
# Two looks agree within this: a busy machine calls the device's callback so unevenly.
_EVEN_S = 0.1
# A look tells of this long around it.
_AROUND_NS = 2 * NS_PER_S


class Knot(NamedTuple):
    """One look: this frame was heard at this moment."""

    mono_ns: int
    frame: int
    origin_frames: float


class Soundline:
    """The frames that were heard, by the clock."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._knots: deque[Knot] = deque(maxlen=_KEPT)
        self._newest: Knot | None = None

    def look(self, knot: Knot) -> None:
        """The output says that this frame is heard at this moment."""
        self._newest = knot
        last = self._knots[-1] if self._knots else None
        if (
            last is None
            or knot.mono_ns - last.mono_ns >= _APART_NS
            or knot.origin_frames != last.origin_frames
        ):
            self._knots.append(knot)

    def at(self, mono_ns: int) -> Sounded | None:
        """What was heard at a moment; None when nobody looked, or it stood still around it."""
        place = bisect_right(self._knots, mono_ns, key=lambda knot: knot.mono_ns)
        near = self._knots[max(place - 1, 0)] if self._knots else None
        after = self._knots[place] if place < len(self._knots) else self._newest
        if near is None or after is None or abs(mono_ns - near.mono_ns) > _AROUND_NS:
            return None
        if abs(after.frame - self._frame(near, after.mono_ns)) > _EVEN_S * self._rate_hz:
            return None
        return Sounded(self._frame(near, mono_ns), self._rate_hz, near.origin_frames)

    def _frame(self, near: Knot, mono_ns: int) -> int:
        return near.frame + round((mono_ns - near.mono_ns) * self._rate_hz / NS_PER_S)
