"""How long pieces can last together: whether what is left of a list can lead to a boundary.

A crossfade is a stretch of lengths and not one, so pieces in a row last anything between
two durations. For every piece of the list the durations that it and those after it can fill
are kept as one whole number with a bit for each half second, with all crossfades at any
length that any seam could have: more than can be had, never less. That is the reachability
of a subset sum, and costs one shift and a few ors a piece.

Times are seconds, on whatever clock the caller counts.
"""

from __future__ import annotations

from math import ceil, floor, inf

from kaproom.session.fit.fillings import Stretch
from kaproom.session.fit.joins import BED_MIN_S, EPS_S, LAST, Window, inside_s, ways_of
from kaproom.session.fit.seams import CROSSFADE_MAX_PART, RISE_DB_PER_S, STRETCH, Piece

# The grid of the durations; coarser where a stretch would need more bits than these.
_GRID_S = 0.5
_BITS_MAX = 40_000


class Reach:
    """Where each unit of a stretch can lead.

    Attributes:
        inside_s: Of each unit: how long after its start its last piece starts.
        ways: Of each unit: how its last piece may be left.
        rigid: Whether crossfades are reckoned as wished for, and not of any length.
        least_s: No crossfade takes less.
        fade_s: The longest fade into a silence.
    """

    def __init__(self, stretch: Stretch, horizon_s: float) -> None:
        """Reckon with crossfades of any length, for durations up to ``horizon_s``."""
        self._stretch = stretch
        self._units = stretch.units
        self.inside_s = [inside_s(unit) for unit in self._units]
        self.ways = [ways_of(unit.pieces[-1]) for unit in self._units]
        self._horizon_s = horizon_s
        self._grid_s = max(_GRID_S, horizon_s / _BITS_MAX)
        self._mask = (1 << (ceil(horizon_s / self._grid_s) + 4)) - 1
        self._reckon(rigid=False)

    def reckon(self, *, rigid: bool) -> None:
        """The durations, with crossfades as wished for, or of any length that they may have."""
        if rigid != self.rigid:
            self._reckon(rigid=rigid)

    def _reckon(self, *, rigid: bool) -> None:
        self.rigid = rigid
        self._extremes()
        self._onward = [0] * (len(self._units) + 1)
        self._of_unit = [0] * len(self._units)
        self._of_moved: list[int] = []
        for number in range(len(self._units) - 1, -1, -1):
            self._of_unit[number] = self._durations(number, self._onward[number + 1])
            self._onward[number] = self._of_unit[number] | self._onward[number + 1]

    def _extremes(self) -> None:
        """Between what lengths every crossfade of this stretch lies."""
        stretch = self._stretch
        pieces = [stretch.following, stretch.bed, *(p for unit in self._units for p in unit.pieces)]
        self._loudest_db = max(p.gain_db for p in pieces)
        self._loudest_lufs = max(p.loudness_lufs for p in pieces)
        fixed_s = [length_s for p in pieces for length_s in p.after_s.values()]
        wanted_s = [p.crossfade_s for p in pieces]
        # A seam into silence takes no time off what is before it.
        quiet = any(p.quiet for p in pieces)
        before = stretch.before.piece
        shortest_s = min(p.length_s for p in (pieces if before is None else [before, *pieces]))
        part_s = CROSSFADE_MAX_PART * shortest_s
        times = 1.0 if self.rigid else STRETCH
        self.least_s = 0.0 if quiet else min(min(wanted_s) / times, part_s, *fixed_s, inf)
        self._most_s = max(max(wanted_s) * times, *fixed_s, 0.0)
        self.fade_s = max((p.crossfade_s for p in pieces if p.quiet), default=0.0)

    def most_after_s(self, piece: Piece) -> float:
        """No crossfade from this piece takes longer."""
        louder_db = max(self._loudest_db - piece.gain_db, self._loudest_lufs - piece.loudness_lufs)
        longest_s = max(self._most_s, louder_db / RISE_DB_PER_S)
        return min(longest_s, CROSSFADE_MAX_PART * piece.length_s)

    def of(self, number: int, *, moving: bool = False) -> int:
        """Bits of the durations from a unit's start to the boundary.

        Args:
            number: Of the unit.
            moving: Whether any unit may come after it, and not only those later in the list.
        """
        if not moving:
            return self._of_unit[number]
        if not self._of_moved:
            units = range(len(self._units))
            self._of_moved = [self._durations(n, self._onward[0]) for n in units]
        return self._of_moved[number]

    def onward(self, number: int) -> int:
        """The same from the start of this unit, or of one that is later in the list."""
        return self._onward[number]

    def leads(self, bits: int, start: Window, window: Window) -> bool:
        """Whether one of the durations leads from ``start`` into the window."""
        last = floor((window[1] - start[0] + EPS_S) / self._grid_s)
        if last < 0:
            return False
        first = max(0, floor((window[0] - start[1] - EPS_S) / self._grid_s))
        return (bits >> first) & ((1 << (last - first + 1)) - 1) != 0

    def _durations(self, number: int, on: int) -> int:
        """Bits of the durations from a unit's start to the boundary, ``on`` what is after it."""
        last = self._units[number].pieces[-1]
        low_s, high_s = self.inside_s[number]
        on |= 1
        bits = 0
        for way in self.ways[number]:
            if way is None:
                shortest_s = low_s + last.length_s - self.most_after_s(last)
                bits |= self._smeared(on, shortest_s, high_s + last.length_s - self.least_s)
            elif way == LAST:
                until_s = min(high_s + last.until_s, self._horizon_s)
                bits |= self._smeared(1, low_s + BED_MIN_S, until_s)
            else:
                # What follows a piece at an exit may be a silence, reached after its fade.
                bits |= self._smeared(on, low_s + way, high_s + way + self.fade_s)
        return bits

    def _smeared(self, on: int, low_s: float, high_s: float) -> int:
        """These durations and anything between the two more."""
        if high_s < low_s or low_s > self._horizon_s:
            return 0
        first = max(0, floor(low_s / self._grid_s))
        width = floor(high_s / self._grid_s) + 2 - first
        done = 1
        while done * 2 <= width:
            on |= on << done
            done *= 2
        on |= on << (width - done)
        return (on << first) & self._mask
