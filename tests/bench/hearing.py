"""What was heard, beside what should have been: a capture against the offline render.

The mixer makes the same frames whoever asks for them, and the output multiplies them by
one factor while its gain is at rest; so a capture is compared to the bit, and every frame
that is missing, repeated, silent or wrong shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.gain import amplitude
from kaproom.audio.kept import found
from kaproom.audio.mixer import render
from kaproom.audio.programme import Programme

Frames = NDArray[np.float32]

# So many frames in a row are taken for a place found: 5 ms of music occur once.
_SIGHT_FRAMES = 240
# Looked for again after a break at steps of 10 ms.
_STEP_FRAMES = 480
_CANDIDATES_MAX = 4_000


@dataclass(frozen=True, slots=True)
class Break:
    """A stretch of the capture that is not what should have been heard.

    Attributes:
        at_frame: Of the capture, where it begins.
        frames: How long until the programme is heard again.
        lost_frames: Of the programme that were never heard; negative when some were heard
            twice, or late.
        zero_frames: How many of ``frames`` were silence.
    """

    at_frame: int
    frames: int
    lost_frames: int
    zero_frames: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A capture beside its programme.

    Attributes:
        offset: Programme's frame minus capture's frame, at the first sight.
        frames: How many were compared.
        differing_samples: Of the two times ``frames``.
        breaks: In the capture's order.
    """

    offset: int
    frames: int
    differing_samples: int
    breaks: tuple[Break, ...]


def played(runtime: Path) -> Programme:
    """The programme as the player in ``runtime`` played it, with the frames it began at."""
    kept = found(runtime)
    assert kept is not None, f"no programme is kept in {runtime}"
    return kept.programme


def rendered(programme: Programme, rate_hz: int, start: int, stop: int) -> Frames:
    """Frames ``start`` to ``stop`` of a programme, made offline."""
    return np.concatenate(list(render(programme, rate_hz, start, stop - start)))


def at_gain(frames: Frames, gain_db: float) -> Frames:
    """The very samples that leave the output while its gain rests at ``gain_db``."""
    return frames if gain_db == 0.0 else frames * np.float32(amplitude(gain_db))


def compare(captured: Frames, expected: Frames) -> Compared:
    """Walk through a capture that should hold a stretch of ``expected``.

    Raises:
        AssertionError: Nothing of it is found at all.
    """
    at, offset = _first_sight(captured, expected)
    first_offset, begin = offset, at
    differing = 0
    breaks: list[Break] = []
    while at < len(captured):
        length = min(len(captured) - at, len(expected) - at - offset)
        if length <= 0:
            break
        wrong = _first_wrong(captured[at : at + length], expected[at + offset :][:length])
        if wrong is None:
            at += length
            break
        at += wrong
        again = _next_sight(captured, expected, at, offset)
        stop, new_offset = (len(captured), offset) if again is None else again
        stretch = captured[at:stop]
        there = expected[at + offset : stop + offset]
        both = min(len(stretch), len(there))
        differing += int(np.count_nonzero(stretch[:both] != there[:both]))
        zeros = int(np.count_nonzero(~stretch.any(axis=1)))
        breaks.append(Break(at, stop - at, new_offset - offset, zeros))
        at, offset = stop, new_offset
    return Compared(first_offset, at - begin, differing, tuple(breaks))


def silences(captured: Frames, least_frames: int = 2) -> list[tuple[int, int]]:
    """(first frame, length) of every run of zeros between the first and the last sound."""
    loud = np.flatnonzero(captured.any(axis=1))
    runs = np.diff(loud) - 1
    places = np.flatnonzero(runs >= least_frames)
    return [(int(loud[place]) + 1, int(runs[place])) for place in places]


def _first_wrong(captured: Frames, expected: Frames) -> int | None:
    size = 1 << 20
    for start in range(0, len(captured), size):
        same = captured[start : start + size] == expected[start : start + size]
        if not same.all():
            return start + int(np.argmin(same.all(axis=1)))
    return None


def _first_sight(captured: Frames, expected: Frames) -> tuple[int, int]:
    for at in range(0, len(captured) - _SIGHT_FRAMES, 4_800):
        offset = _offset(captured, expected, at, 0, len(expected))
        if offset is not None:
            return at, offset
    raise AssertionError(f"nothing of the programme is heard in {len(captured)} frames")


def _next_sight(
    captured: Frames, expected: Frames, wrong: int, offset: int
) -> tuple[int, int] | None:
    """Where the programme is heard again after ``wrong``, and with which offset."""
    silent = 0
    for at in range(wrong + 1, len(captured) - _SIGHT_FRAMES, _STEP_FRAMES):
        # Nothing heard comes from further away than the ring is long, but for what waited
        # while it was silent: a sound server that stood still is silent for as long.
        silent += int(np.count_nonzero(~captured[at : at + _STEP_FRAMES].any(axis=1)))
        low = max(0, at + offset - silent - 5 * 48_000)
        there = _offset(captured, expected, at, low, at + offset + 5 * 48_000)
        if there is None:
            continue
        heard = at
        while heard > wrong + 1 and (captured[heard - 1] == expected[heard - 1 + there]).all():
            heard -= 1
        return heard, there
    return None


def _offset(captured: Frames, expected: Frames, at: int, low: int, high: int) -> int | None:
    sight = captured[at : at + _SIGHT_FRAMES]
    if not sight.any(axis=1).all():
        return None
    stretch = expected[low:high]
    best, best_length = None, 0
    for place in _candidates(stretch, sight):
        length = _same_for(captured[at:], stretch[place:])
        if length > best_length:
            best, best_length = low + place - at, length
    return best


def _candidates(stretch: Frames, sight: Frames) -> Iterator[int]:
    first = np.flatnonzero((stretch[:, 0] == sight[0, 0]) & (stretch[:, 1] == sight[0, 1]))
    for place in first[:_CANDIDATES_MAX]:
        if np.array_equal(stretch[place : place + len(sight)], sight):
            yield int(place)


def _same_for(captured: Frames, expected: Frames) -> int:
    length = min(len(captured), len(expected), 48_000)
    wrong = _first_wrong(captured[:length], expected[:length])
    return length if wrong is None else wrong
