"""The room's events on their way out: from the record to the broker's acknowledgement.

Nothing is queued. What is kept is a mark, the entry up to which the broker has
acknowledged everything; after a break the events after it are read and sent again.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from kaproom.contract.topics import RoomTopics
from kaproom.errors import Mend, WorldFailed
from kaproom.record.series import Numbered, Series
from kaproom.room.bus.outward import KINDS, Shareable, event_of
from kaproom.wire import Message

_SHAREABLES_MAX = 8


class Outflow:
    """The events of one room.

    Attributes:
        series: Which numbering it is; "none" until the record was read.
        number: The last event that was handed to the broker, and ``sent`` its entry.
        acknowledged: The entry up to which the broker has everything; with
            ``acknowledged_number`` of the event.
        more: Whether there may be events that were not sent yet.
        owed: So many are not acknowledged.
    """

    def __init__(self, topics: RoomTopics, data: Path, acknowledged: int) -> None:
        self.series = "none"
        self.number = 0
        self.sent = acknowledged
        self.acknowledged = acknowledged
        self.acknowledged_number = 0
        self.more = True
        self._topics = topics
        self._data = data
        self._record: Series | None = None
        self._on_their_way: deque[tuple[int, int]] = deque()
        self._arrived: set[int] = set()
        self._shareables: dict[str, Shareable] = {}

    @property
    def owed(self) -> int:
        """See above."""
        return len(self._on_their_way)

    def again(self) -> None:
        """A new connection: all that is not acknowledged is sent once more."""
        self.sent, self.number = self.acknowledged, self.acknowledged_number
        self._on_their_way.clear()
        self._arrived.clear()
        self.more = True

    def next(self, most: int) -> list[Numbered]:
        """The next events to send; empty when the record cannot be read now."""
        if not self.more or most < 1:
            return []
        found = self._read(self.sent, self.number, most)
        # What cannot be read is tried again at the next entry, or the next connection.
        self.more = found is not None and len(found) == most
        return found or []

    def numbered(self, first: int, most: int) -> list[Numbered]:
        """Events that were sent before, to be sent again."""
        if self._record is None:
            return []
        try:
            return self._record.numbered(first, most)
        except WorldFailed:
            return []

    def left(self, numbered: Numbered) -> None:
        """It was handed to the broker."""
        self.sent, self.number = numbered.seq, numbered.number
        self._on_their_way.append((numbered.seq, numbered.number))

    def came(self, seq: int) -> None:
        """The broker has acknowledged one; only what has none missing before it counts."""
        self._arrived.add(seq)
        while self._on_their_way and self._on_their_way[0][0] in self._arrived:
            self.acknowledged, self.acknowledged_number = self._on_their_way.popleft()
            self._arrived.discard(self.acknowledged)

    def message(self, numbered: Numbered) -> Message | None:
        """An entry as it goes out; None when it was erased, or says what no contract knows."""
        if numbered.entry is None:
            return None
        shareable = self._shareable(numbered.entry.session)
        made = event_of(numbered, self._topics.site, self._topics.room, self.series, shareable)
        if made is None:
            return None
        kind, event = made
        return Message(self._topics.event(kind), event.model_dump_json().encode())

    def close(self) -> None:
        """Let go of the record."""
        if self._record is not None:
            self._record.close()

    def find(self) -> bool:
        """Find where the events stand in the record; False while it cannot be read."""
        if self._record is not None:
            return True
        try:
            record = Series.open(self._data, KINDS)
            self.acknowledged_number = record.number_at(self.acknowledged)
            self.series = record.id()
        except (Mend, WorldFailed):
            return False
        self._record, self.number = record, self.acknowledged_number
        return True

    def _read(self, seq: int, number: int, most: int) -> list[Numbered] | None:
        if self._record is None:
            return None
        try:
            return self._record.after(seq, number, most)
        except WorldFailed:
            return None

    def _shareable(self, session: str | None) -> Shareable:
        if session is None or self._record is None:
            return Shareable()
        if session not in self._shareables:
            if len(self._shareables) >= _SHAREABLES_MAX:
                self._shareables.clear()
            try:
                opening = self._record.opening(session)
            except WorldFailed:
                return Shareable()
            self._shareables[session] = Shareable.recorded(opening)
        return self._shareables[session]
