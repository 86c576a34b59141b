"""The outlet: takes frames out of the ring, under the gain law.

Whoever drives it, the sound device or a clock, the same frames leave with the same gain.
It allocates nothing while it pours. It runs dry softly: the last frames fade out, and it
starts again only with enough in the ring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom import clock
from kaproom.audio.gain import GainLaw
from kaproom.audio.ring import SILENCE_DB, Ring, unpacked
from kaproom.clock import NS_PER_S

FADE_S: Final = 0.02  # chosen: the reserve that is kept to fade out when the ring runs dry
RESTART_S: Final = 0.2  # chosen: what must be in the ring before sound starts again
STEP_BACK_MAX_S: Final = 0.9  # the ring keeps 1 s behind the read frame
_ASLEEP_NS: Final = NS_PER_S  # the two clocks parted by more: the machine was suspended


class Outlet:
    """One process's way out of the ring; at most one pours at any time.

    Args:
        ring: Whose reader this is.
        awake_ns: The clock that stands still while the machine is suspended.
    """

    def __init__(self, ring: Ring, awake_ns: Callable[[], int] = clock.awake_ns) -> None:
        self._ring = ring
        self._awake_ns = awake_ns
        rate_hz = ring.rate_hz
        self.law = GainLaw(rate_hz, ring.gain_now_db, ring.entry_left_frames, ring.sounded_ns)
        self._fade_frames = round(FADE_S * rate_hz)
        self._restart_frames = round(RESTART_S * rate_hz)
        self._fade = np.linspace(1.0, 0.0, self._fade_frames, dtype=np.float32)[:, None]
        self._word = -1
        self._read = ring.read_frame
        self._dry = True
        self._closing = False

    def step_back(self, mono_ns: int) -> None:
        """Return to the frame that was heard at ``mono_ns``: the device lost what followed."""
        heard = self._ring.frame_at(mono_ns)
        oldest = self._read - round(STEP_BACK_MAX_S * self._ring.rate_hz)
        self._read = max(heard, oldest, 0)
        self._ring.read_frame = self._read

    def close(self) -> None:
        """Fall silent within 50 ms, whatever the daemon's target is."""
        self._closing = True
        self.law.aim(SILENCE_DB, 0.05)

    @property
    def silent(self) -> bool:
        """Whether the gain has arrived at silence."""
        return self.law.now_db == SILENCE_DB or self._dry

    def pour(self, out: NDArray[np.float32], now_ns: int, latency_ns: int) -> None:
        """Fill ``out``, shape (frames, 2), with what leaves at ``now_ns``."""
        most = self.law.max_frames
        for start in range(0, len(out), most):
            self._pour(out[start : start + most], now_ns, latency_ns)

    def pass_over(self, wanted: int, now_ns: int) -> int:
        """Let up to ``wanted`` frames go unheard, for want of a device; return how many."""
        write_frame, _, asleep_ns = self._ring.beat(now_ns)
        if now_ns - self._awake_ns() - asleep_ns >= _ASLEEP_NS:
            self._begin_epoch(now_ns)
        self.law.interrupt()
        frames = max(0, min(wanted, write_frame - self._read))
        if frames:
            self._read = self._ring.hand_over(self._read, frames, now_ns, 0)
        return frames

    def _pour(self, out: NDArray[np.float32], now_ns: int, latency_ns: int) -> None:
        ring = self._ring
        write_frame, word, asleep_ns = ring.beat(now_ns)
        if now_ns - self._awake_ns() - asleep_ns >= _ASLEEP_NS:
            self._begin_epoch(now_ns)
        if word != self._word and not self._closing:
            self._word = word
            target = unpacked(word)
            # What no daemon can have written is ignored: the last target stands.
            if target is not None:
                self.law.aim(target.target_db, target.fall_s)
        frames = len(out)
        there = write_frame - self._read
        if self._dry:
            self._dry = there < max(self._restart_frames, frames + self._fade_frames)
            if self._dry:
                out.fill(0.0)
                self._miss(frames)
                return
        if there < frames + self._fade_frames:
            self._run_dry(out, there, now_ns, latency_ns)
            return
        self._copy(out, now_ns)
        self._read = ring.hand_over(self._read, frames, now_ns, latency_ns)

    def _copy(self, out: NDArray[np.float32], now_ns: int) -> None:
        ring, law = self._ring, self.law
        frames = len(out)
        gain = law.advance(frames, now_ns)
        at = self._read % ring.capacity_frames
        head = ring.capacity_frames - at
        if head >= frames:
            _weigh(ring.samples[at : at + frames], gain, law.curve[:frames], out)
        else:
            _weigh(ring.samples[at:], gain, law.curve[:head], out[:head])
            _weigh(ring.samples[: frames - head], gain, law.curve[head:frames], out[head:])
        ring.keep_gain(law.now_db, law.entry_left_frames, law.sounded_ns)

    def _run_dry(self, out: NDArray[np.float32], there: int, now_ns: int, latency_ns: int) -> None:
        frames = len(out)
        last = max(0, min(there, frames, self._fade_frames))
        out.fill(0.0)
        if last:
            self._copy(out[:last], now_ns)
            out[:last] *= self._fade[-last:]
            self._read = self._ring.hand_over(self._read, last, now_ns, latency_ns)
        self.law.interrupt()
        self._dry = True
        if self._ring.playing:
            self._ring.underruns += 1
        self._miss(frames - last)

    def _miss(self, frames: int) -> None:
        if self._ring.playing and self._ring.write_frame:
            self._ring.missing_frames += frames

    def _begin_epoch(self, now_ns: int) -> None:
        """The machine was suspended, and the world did not wait."""
        ring = self._ring
        ring.asleep_ns = now_ns - self._awake_ns()
        # What is left in the ring belongs to before; the player sees the epoch and fills in
        # what belongs here and now.
        self._read = ring.read_frame = ring.write_frame
        ring.epoch += 1
        self.law.interrupt()
        self._dry = True


def _weigh(
    samples: NDArray[np.float32],
    gain: float | None,
    curve: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    if gain == 1.0:
        # A plain copy, so that unity is exact to the bit.
        out[:] = samples
    else:
        np.multiply(samples, curve if gain is None else np.float32(gain), out=out)
