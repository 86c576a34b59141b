"""Keeps the ring full from a mixer, with few wake-ups and no frame out of order.

Whole grains are written, each as soon as it fits. While the ring is well filled, what the
mixer waits for is waited for; when it runs low, the mixer has to do without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.mixer import Mixer
from kaproom.audio.programme import Cue, Programme
from kaproom.audio.ring import Ring
from kaproom.clock import NS_PER_S, mono_ns

# The mixer has to do without what it waits for when the ring holds less than this, and it
# has waited so long: at a start the ring is low, and a file wants a moment to be opened.
_LOW_S: Final = 0.6
_PATIENCE_NS: Final = 3 * NS_PER_S // 2
# How often to look again whether the ring runs low, while the mixer waits.
_LOOK_S: Final = 0.25


class Filling:
    """One programme on its way into the ring, from the ring's write frame on."""

    def __init__(self, ring: Ring, programme: Programme, notify: Callable[[], None]) -> None:
        self.mixer = Mixer(
            programme, ring.rate_hz, ring.write_frame, max(0.0, ring.limiter_db), notify
        )
        self._ring = ring
        self._kept = programme
        self._waiting_since_ns: int | None = None
        self._announced: set[str] = {
            c.id for c in programme.cues if c.start_frame < ring.write_frame
        }

    def fill(self, keep: Callable[[Programme], None]) -> float:
        """Write as much as fits and is ready.

        Args:
            keep: Called with the programme before any frame is written of one that the
                mixer had to change.

        Returns:
            After how many seconds there will be room for more, or a need to look.
        """
        ring, mixer = self._ring, self.mixer
        while True:
            # To the end of a grain, so that all but the first write are whole grains.
            frames = GRAIN_FRAMES - mixer.frame % GRAIN_FRAMES
            if ring.space_frames() < frames:
                return self._room_in_s(frames)
            if not mixer.ready():
                if not self._out_of_patience():
                    return _LOOK_S
                mixer.hurry()
            else:
                self._waiting_since_ns = None
            if mixer.programme is not self._kept:
                keep(mixer.programme)
                self._kept = mixer.programme
            ring.write(mixer.take(frames))
            ring.limiter_db = mixer.limiter_db
            ring.mix_gain_db = mixer.gain_db

    def begun(self) -> list[Cue]:
        """The cues whose first frame was written since the last call."""
        cues = [
            c
            for c in self.mixer.programme.cues
            if c.start_frame < self.mixer.frame and c.id not in self._announced
        ]
        self._announced |= {c.id for c in cues}
        return cues

    def close(self) -> None:
        """Stop mixing; what is in the ring stays."""
        self.mixer.close()

    def _out_of_patience(self) -> bool:
        now_ns = mono_ns()
        if self._waiting_since_ns is None:
            self._waiting_since_ns = now_ns
        filled_frames = self._ring.write_frame - self._ring.read_frame
        low = filled_frames < _LOW_S * self._ring.rate_hz
        return low and now_ns - self._waiting_since_ns > _PATIENCE_NS

    def _room_in_s(self, frames: int) -> float:
        missing = frames - self._ring.space_frames()
        # At least a little: without an output nothing is taken, whatever the clock says.
        return max(missing / self._ring.rate_hz, 0.01) + 0.005
