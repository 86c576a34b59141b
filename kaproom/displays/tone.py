"""A station's own sound, when it is asked for: short bursts, longer and louder as it presses.

In the sense of IEC 60601-1-8 (a burst of five pulses twice, of three, of one), and no alarm
signal of that standard: nobody measured the level at which a clinic hears it.
"""

from __future__ import annotations

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import Priority
from kaproom.displays.pixels import pygame

_RATE_HZ = 44_100
_PULSE_S, _PAUSE_S, _RISE_S = 0.15, 0.11, 0.02
_PITCH_HZ = {Priority.NOTICE: 392.0, Priority.ASSIST: 523.0, Priority.URGENT: 659.0}
_PULSES = {Priority.NOTICE: 1, Priority.ASSIST: 3, Priority.URGENT: 10}
# How long from one burst to the next; a notice is heard once.
_AGAIN_S = {Priority.NOTICE: 3600.0, Priority.ASSIST: 12.0, Priority.URGENT: 6.0}
_SOFT, _LOUD = 0.35, 0.9


class Tone:
    """What the station plays through its own sound output.

    Attributes:
        works: Whether there is an output.
    """

    def __init__(self) -> None:
        self._bursts: dict[Priority, pygame.mixer.Sound] = {}
        self._last: tuple[Priority | None, int] = (None, 0)
        try:
            pygame.mixer.init(_RATE_HZ, -16, 1, 1024)
            for priority in Priority:
                self._bursts[priority] = pygame.mixer.Sound(buffer=burst(priority))
            self.works = True
        except pygame.error:
            self.works = False

    def call(self, priority: Priority | None, loud: bool, now_ns: int) -> None:
        """Sound for this, as often as it is due; None is silence."""
        before, since_ns = self._last
        if priority is None:
            self._last = (None, 0)
            return
        due = (now_ns - since_ns) >= _AGAIN_S[priority] * NS_PER_S
        if not self.works or (before is priority and not due):
            return
        self._last = (priority, now_ns)
        sound = self._bursts[priority]
        sound.set_volume(_LOUD if loud else _SOFT)
        sound.play()


def burst(priority: Priority) -> bytes:
    """The burst's samples, 16 bits, mono."""
    # A station that is not to sound needs no numpy, and it takes long to import.
    import numpy as np

    count, pitch_hz = _PULSES[priority], _PITCH_HZ[priority]
    time_s = np.arange(round(_PULSE_S * _RATE_HZ)) / _RATE_HZ
    shape = np.minimum(1.0, np.minimum(time_s, _PULSE_S - time_s) / _RISE_S)
    # Four harmonics at least, so that it is heard from where as well as that.
    wave = sum(np.sin(2 * np.pi * pitch_hz * n * time_s) / n for n in range(1, 6))
    pulse = np.concatenate([shape * wave, np.zeros(round(_PAUSE_S * _RATE_HZ))])
    whole = np.concatenate([pulse] * count)
    if count == 10:
        half = len(whole) // 2
        whole = np.concatenate([whole[:half], np.zeros(round(0.4 * _RATE_HZ)), whole[half:]])
    samples: bytes = (whole / np.abs(whole).max() * 0.9 * 32767).astype("<i2").tobytes()
    return samples
