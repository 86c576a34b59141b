"""Where the sound was, and when: the output's count of frames against the clock.

Looked at about once a second while it flows. Between two looks the frames went evenly,
or the sound stood still, and then nothing is claimed. What a daemon before this one saw is
taken from the entries that it wrote.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kaproom.clock import NS_PER_S, Instant
from kaproom.record import Written
from kaproom.session.machine import Session
from kaproom.session.status import Sounded, cues_then

_APART_NS = NS_PER_S
_KEPT = 6 * 3600
# Two looks agree within this: a busy machine calls the device's callback so unevenly.
_EVEN_S = 0.1
# A device's clock is this good, or better.
_DRIFT = 1e-4
# Of what lies before the first look, or after the last, a look tells this far.
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

    def remember(self, knots: Iterable[Knot]) -> None:
        """What was seen before this daemon looked; none of it is newer than our looks."""
        ours = list(self._knots)
        self._knots.clear()
        self._knots.extend([*sorted(knots), *ours])
        if self._newest is None and self._knots:
            self._newest = self._knots[-1]

    def at(self, mono_ns: int) -> Sounded | None:
        """What was heard at a moment; None when nobody looked, or it stood still around it."""
        place = bisect_right(self._knots, mono_ns, key=lambda knot: knot.mono_ns)
        near = self._knots[max(place - 1, 0)] if self._knots else None
        after = self._knots[place] if place < len(self._knots) else self._newest
        if near is None or after is None:
            return None
        between = near.mono_ns <= mono_ns <= after.mono_ns
        if not between and abs(mono_ns - near.mono_ns) > _AROUND_NS:
            return None
        apart_ns = after.mono_ns - near.mono_ns
        expected = apart_ns * self._rate_hz / NS_PER_S
        slack = _EVEN_S * self._rate_hz + _DRIFT * abs(expected)
        if abs(after.frame - near.frame - expected) > slack:
            return None
        per_ns = self._rate_hz / NS_PER_S
        if between and apart_ns > _AROUND_NS:
            per_ns = (after.frame - near.frame) / apart_ns
        frame = near.frame + round((mono_ns - near.mono_ns) * per_ns)
        return Sounded(frame, self._rate_hz, near.origin_frames)


def knots_of(entries: Iterable[Written], session: Session, opened: Instant) -> Iterator[Knot]:
    """What the entries of a session tell of where its sound was."""
    for written in entries:
        entry = written.entry
        heard = entry.heard or {}
        if "position_frames" not in heard or entry.at.boot_id != opened.boot_id:
            continue
        cues, _ = cues_then(session, entry.at.since_s(opened))
        cue = next((cue for cue in cues if cue.id == heard["cue"]), None)
        if cue is not None:
            rate_hz, frame = heard["rate_hz"], heard["frame"]
            start_frame = frame - heard["position_frames"] + round(cue.cue_in_s * rate_hz)
            yield Knot(entry.at.mono_ns, frame, start_frame - cue.start_s * rate_hz)
