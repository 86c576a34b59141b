"""The test tone: whether headphones are plugged in, sound on both sides, and sit the right way.

A staff member wears them for it. Soft pulses in one ear, to the other nothing at all, not
even one bit; after ``LENGTH_S`` it is silent for good, whoever is still alive. It takes the
way of the music, under the same law of the ear. That law lets sound in at -40 dB, so the
pulses themselves are high: they are there at once, hardly more than audible, and rise from
there for ten seconds, to 5 LU below the reference at rest, which is less than any shipped
profile opens with. Nobody outside chooses its level.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kaproom.audio.programme import CEILING_MAX_LUFS, Bed, Cue, Programme, Tone
from kaproom.audio.soundscapes.loudness import k_weight
from kaproom.audio.stereo import Block
from kaproom.audio.weighting import power_of
from kaproom.session.ears import Side

LENGTH_S: Final = 10.0
"""Chosen: time to turn a cable, or a headset; and as long as the law's entry takes."""
PULSE_LUFS: Final = -12.0
"""Of a pulse before any gain: 2 LU below what any programme may have."""
GAIN_DB: Final = -22.0
"""What the output's gain rises to: to -34 LUFS. Where -23 LUFS are calibrated to 62 dB(A),
from 33 dB(A) in the first second to 51 in the last."""

_HZ: Final = np.array((440.0, 880.0))
_SHARES: Final = np.array((1.0, 0.25))
"""An octave 12 dB below takes the hospital's bleep out of it."""
_PERIOD_S: Final = 1.0
_PULSE_S: Final = 0.7
_RISE_S: Final = 0.08
"""Of a raised cosine at both ends of a pulse: no click, at any level."""


def tone_programme(side: Side, start_frame: int) -> Programme:
    """The tone as the player holds it."""
    cue = Cue(f"tone-{side}", start_frame, 0, Tone(side))
    # Its source can neither fail nor end, so the fallback is never heard.
    return Programme((cue,), Bed("pad", 0), ceiling_lufs=CEILING_MAX_LUFS)


def is_tone(programme: Programme) -> bool:
    """Whether a programme is a test tone; a session's never is."""
    return isinstance(programme.cues[0].source, Tone)


def pulses(side: Side, rate_hz: int, from_frame: int, frames: int) -> Block:
    """The tone from its own frame ``from_frame`` on; shape (frames, 2)."""
    time_s = np.arange(from_frame, from_frame + frames, dtype=np.float64) / rate_hz
    since_s = time_s % _PERIOD_S
    edge = np.clip(np.minimum(since_s, _PULSE_S - since_s) / _RISE_S, 0.0, 1.0)
    shape = np.where(time_s < LENGTH_S, 0.5 - 0.5 * np.cos(np.pi * edge), 0.0)
    wave = np.sin(2 * np.pi * _HZ * time_s[:, None]) @ _SHARES
    sides = np.array((side != "right", side != "left"), dtype=np.float64)
    # As loud in both ears as in one.
    power = power_of(PULSE_LUFS) / sides.sum()
    loud = np.sqrt(power / (0.5 * (_SHARES**2 * k_weight(_HZ)).sum()))
    stereo: Block = ((loud * shape * wave)[:, None] * sides).astype(np.float32)
    return stereo
