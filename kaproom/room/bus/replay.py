"""Events that a subscriber missed and asked for: bounded, paced, and asked for once.

Overlapping requests become one range, so a thousand of them cost no more than one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from pydantic import ValidationError

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import ReplayRequest

EVENTS_A_REQUEST_MAX = 1000
PENDING_MAX = 2000
REQUESTS_PER_S = 10
PAYLOAD_MAX_BYTES = 1024


class Pace:
    """At most so many in any second."""

    def __init__(self, most: int) -> None:
        self._past: deque[int] = deque(maxlen=most)
        self._most = most

    def wait_s(self, now_ns: int) -> float:
        """How long until the next is allowed; 0 when it is."""
        if len(self._past) < self._most:
            return 0.0
        return max(0.0, (self._past[0] - now_ns) / NS_PER_S + 1.0)

    def take(self, now_ns: int) -> bool:
        """Take one, if it is allowed."""
        if self.wait_s(now_ns) > 0:
            return False
        self._past.append(now_ns)
        return True


@dataclass(slots=True)
class Replays:
    """What is to be sent again: ranges that neither overlap nor touch, in order."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    _pace: Pace = field(default_factory=lambda: Pace(REQUESTS_PER_S))

    def ask(self, payload: bytes, series: str, last: int, now_ns: int) -> str | None:
        """Take in a request.

        Args:
            payload: As it came.
            series: The room's present numbering.
            last: The newest event that was sent.
            now_ns: The moment of its arrival.

        Returns:
            Why it is ignored; None when it is not.
        """
        if not self._pace.take(now_ns):
            return "replay: too often"
        if len(payload) > PAYLOAD_MAX_BYTES:
            return "replay: too large"
        try:
            request = ReplayRequest.model_validate_json(payload)
        except ValidationError:
            return "replay: not a request"
        if request.series is not None and request.series != series:
            return "replay: another series"
        first, until = max(request.from_seq, 1), min(request.to_seq, last)
        if first > until:
            return "replay: nothing there"
        self._add(first, min(until, first + EVENTS_A_REQUEST_MAX - 1))
        return None

    def _add(self, first: int, until: int) -> None:
        merged: list[tuple[int, int]] = []
        room = PENDING_MAX
        for start, end in sorted([*self.ranges, (first, until)]):
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        self.ranges = []
        for start, end in merged:
            if room <= 0:
                break
            kept = min(end, start + room - 1)
            self.ranges.append((start, kept))
            room -= kept - start + 1

    def next(self, most: int) -> tuple[int, int] | None:
        """Take the next ones to send, at most so many: first number and count."""
        if not self.ranges or most < 1:
            return None
        start, end = self.ranges[0]
        count = min(most, end - start + 1)
        if start + count > end:
            del self.ranges[0]
        else:
            self.ranges[0] = (start + count, end)
        return start, count

    def forget(self) -> None:
        """Nobody waits any more."""
        self.ranges.clear()
