"""The generated beds: what plays with no media, as the refuge, and when a file fails.

A bed is a pure function of (name, seed, rate, intensity, frame). It has no beginning
and no end, does not repeat, and is as loud as every other: intensity changes how dense,
bright and near it is, never its loudness.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.soundscapes import chance
from kaproom.audio.soundscapes.bowls import Bowls
from kaproom.audio.soundscapes.chance import Reals
from kaproom.audio.soundscapes.drone import Drone
from kaproom.audio.soundscapes.loudness import heard_weight
from kaproom.audio.soundscapes.ocean import Ocean
from kaproom.audio.soundscapes.pad import Pad
from kaproom.audio.soundscapes.synthesis import (
    AIR_HZ,
    AirBank,
    Samples,
    Score,
    SineBank,
    grid_frames,
)
from kaproom.audio.weighting import power_of

LOUDNESS_LUFS = -23.0
"""EBU R 128's programme loudness: what gains are reckoned from."""

CHUNK_AT_48K_FRAMES = 32_768
CHUNKS_KEPT = 3
KNOT_S = 0.5
"""Distance of the instants at which a bed's loudness is looked up; chosen."""
PAGE_KNOTS = 64
PAGES_KEPT = 12
FAST_KNOTS = 7
SLOW_KNOTS = 90
"""Half widths of the two averages: 3.5 s and 45 s. Chosen: a wave or a strike stays
itself, any minute is as loud as any other."""

KNEE = 0.43
CEILING = 0.495
"""-7.3 and -6.1 dBFS. Pad and drone peak at -10, the largest waves and strikes about -7.5;
the rare sample above the knee is bent, not cut."""

_SCORES: dict[str, Callable[[int, float], Score]] = {
    "pad": Pad,
    "ocean": Ocean,
    "bowls": Bowls,
    "drone": Drone,
}


def names() -> tuple[str, ...]:
    """The soundscapes that exist, the plainest first."""
    return tuple(_SCORES)


def soundscape(name: str, seed: int, rate_hz: int, intensity: float) -> Soundscape:
    """The bed of that name.

    Args:
        name: One of ``names()``.
        seed: Any integer; the same one gives the same sound, another one another.
        rate_hz: Sampling rate, 8,000 to 192,000.
        intensity: 0.0 (sparse, dark, far) to 1.0 (dense, bright, near).

    Raises:
        ValueError: One line that says what is wrong and what would be right.
    """
    if name not in _SCORES:
        raise ValueError(f"soundscape {name!r} does not exist; there are {', '.join(_SCORES)}")
    if not 0.0 <= intensity <= 1.0:
        raise ValueError(f"soundscape {name}: intensity is {intensity}; it must be 0.0 to 1.0")
    if not 8_000 <= rate_hz <= 192_000:
        raise ValueError(f"soundscape {name}: rate_hz is {rate_hz}; it must be 8000 to 192000")
    return Soundscape(name, int(seed), int(rate_hz), float(intensity))


class Soundscape:
    """One bed. For one thread at a time: it keeps the chunk that it is in."""

    def __init__(self, name: str, seed: int, rate_hz: int, intensity: float) -> None:
        self.name = name
        self.seed = seed
        self.rate_hz = rate_hz
        self.intensity = intensity
        self._score = _SCORES[name](seed, intensity)
        self._hop_frames = grid_frames(self._score, rate_hz)
        self._hops = max(1, CHUNK_AT_48K_FRAMES // self._score.hop_at_48k_frames)
        self._sines = SineBank(rate_hz, self._hop_frames)
        self._air = AirBank(rate_hz, self._hop_frames, chance.keys(name, seed, intensity, "air"))
        self._level = _Level(self._score, rate_hz)
        self._chunks: OrderedDict[int, Samples] = OrderedDict()

    def block(self, start_frame: int, frames: int) -> Samples:
        """Samples from ``start_frame``, full scale 1.0; shape (frames, 2), the caller's own.

        However the frames are cut into blocks, and in whatever order they are asked for,
        each frame has the same two samples.
        """
        size = self._hops * self._hop_frames
        out = np.empty((frames, 2), np.float32)
        done = 0
        while done < frames:
            number, inside = divmod(start_frame + done, size)
            part = self._chunk(number)[inside : inside + frames - done]
            out[done : done + len(part)] = part
            done += len(part)
        return out

    def _chunk(self, number: int) -> Samples:
        if number in self._chunks:
            self._chunks.move_to_end(number)
            return self._chunks[number]
        first = number * self._hops
        index = np.arange(first, first + self._hops + 1, dtype=np.float64)
        time_s: Reals = index * (self._hop_frames / self.rate_hz)
        gain = self._level.gain(time_s)[:, None]
        mix = np.zeros((self._hops * self._hop_frames, 2), np.float32)
        sines = self._score.sines(time_s)
        if sines is not None:
            mix += self._sines.render(sines.louder(gain))
        air = self._score.air(time_s)
        if air is not None:
            mix += self._air.render(air.louder(gain), first)
        _bend(mix)
        self._chunks[number] = mix
        while len(self._chunks) > CHUNKS_KEPT:
            self._chunks.popitem(last=False)
        return mix


class _Level:
    """The gain that brings a score to LOUDNESS_LUFS, from how loud it is around an instant."""

    def __init__(self, score: Score, rate_hz: int) -> None:
        self._score = score
        self._rate_hz = rate_hz
        self._band_weight = heard_weight(AIR_HZ, rate_hz)
        self._powers: OrderedDict[int, Reals] = OrderedDict()
        self._gains: OrderedDict[int, Reals] = OrderedDict()
        self._fast = _bell(FAST_KNOTS)
        self._slow = _bell(SLOW_KNOTS)

    def gain(self, time_s: Reals) -> Reals:
        """Factor at each of ``time_s``, which is in rising order."""
        first = int(np.floor(time_s[0] / KNOT_S))
        last = int(np.floor(time_s[-1] / KNOT_S)) + 1
        knots = np.arange(first, last + 1)
        pages = range(first // PAGE_KNOTS, last // PAGE_KNOTS + 1)
        known = np.concatenate([_kept(self._gains, page, self._gain_page) for page in pages])
        gains = known[knots - pages[0] * PAGE_KNOTS]
        return np.asarray(np.interp(time_s / KNOT_S, knots.astype(np.float64), gains))

    def _gain_page(self, page: int) -> Reals:
        reach = FAST_KNOTS + SLOW_KNOTS
        lo = page * PAGE_KNOTS - reach
        hi = (page + 1) * PAGE_KNOTS + reach
        pages = range(lo // PAGE_KNOTS, (hi - 1) // PAGE_KNOTS + 1)
        known = np.concatenate([_kept(self._powers, p, self._power_page) for p in pages])
        start = lo - pages[0] * PAGE_KNOTS
        power = known[start : start + hi - lo]
        evened = np.convolve(power, self._fast, "valid") ** -self._score.evenness
        slow = np.convolve(power[FAST_KNOTS:-FAST_KNOTS] * evened, self._slow, "valid")
        return np.asarray(np.sqrt(power_of(LOUDNESS_LUFS) * evened[SLOW_KNOTS:-SLOW_KNOTS] / slow))

    def _power_page(self, page: int) -> Reals:
        first = page * PAGE_KNOTS
        time_s: Reals = np.arange(first, first + PAGE_KNOTS, dtype=np.float64) * KNOT_S
        power = np.full(PAGE_KNOTS, 1e-12)
        sines = self._score.sines(time_s)
        if sines is not None:
            both = sines.left**2 + sines.right**2
            power += 0.5 * (both * heard_weight(sines.hz, self._rate_hz)).sum(axis=1)
        air = self._score.air(time_s)
        if air is not None:
            power += ((air.left**2 + air.right**2) * self._band_weight).sum(axis=1)
        return power


def _kept(
    shelf: OrderedDict[int, Reals], page: int, make: Callable[[int], Reals]
) -> NDArray[np.float64]:
    if page not in shelf:
        shelf[page] = make(page)
        while len(shelf) > PAGES_KEPT:
            shelf.popitem(last=False)
    return shelf[page]


def _bell(half_width: int) -> Reals:
    """Hann weights over 2 * half_width + 1 knots, adding up to 1.0."""
    bell = np.hanning(2 * half_width + 3)[1:-1]
    return np.asarray(bell / bell.sum())


def _bend(mix: Samples) -> None:
    """Keep samples below the ceiling, smoothly, in place."""
    if max(mix.max(), -mix.min()) <= KNEE:
        return
    size = np.abs(mix)
    room = np.float32(CEILING - KNEE)
    bent = KNEE + room * np.tanh((size - KNEE) / room)
    np.copyto(mix, np.copysign(bent, mix).astype(np.float32), where=size > KNEE)
