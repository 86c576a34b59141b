"""A room as a subscriber knows it: how fresh, in which order, with which gaps.

An example for whoever writes a dashboard, and what kaproom's own screens use. It reads no
clock and no socket: what arrived comes in with the moment of its arrival on the
subscriber's own monotonic clock, and only that clock decides what is stale.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from pydantic import ValidationError

from kaproom.contract.payload import (
    AnyEvent,
    Attention,
    AttentionEvent,
    AudioEvent,
    AvailabilityWord,
    Event,
    FromRoom,
    InfusionEvent,
    Meta,
    NoteEvent,
    PhaseEvent,
    State,
    StationSnapshot,
)
from kaproom.contract.topics import place

STALE_HEARTBEATS = 3
NO_DATA_HEARTBEATS = 10
HEARTBEAT_MAX_S = 10.0
"""Whoever says that it speaks less often is not believed for longer: what is silent looks it."""
# So many gaps at once are not believed; what comes beyond them is to be asked for again.
_ISLANDS_MAX = 1000
_NS_PER_S = 1_000_000_000

_T = TypeVar("_T", bound=FromRoom)

EVENTS: dict[str, type[AnyEvent]] = {
    "phase": PhaseEvent,
    "infusion": InfusionEvent,
    "note": NoteEvent,
    "audio": AudioEvent,
    "attention": AttentionEvent,
}


class Freshness(StrEnum):
    """How far what is shown may be believed."""

    LIVE = "live"
    UNVERIFIED = "unverified"
    STALE = "STALE"
    NO_DATA = "NO DATA"
    STOPPED = "stopped"


@dataclass(slots=True)
class Numbers:
    """The numbers of a room's events: each is new once, and what is missing shows.

    What came before the first one heard is not missed.
    """

    series: str = ""
    whole_to: int = 0
    """Everything from the first one heard to here has come."""
    newest: int = 0
    """The highest that the room says there is."""
    _islands: list[tuple[int, int]] = field(default_factory=list)
    """What came beyond a gap: ranges in order that neither overlap nor touch."""

    def begin(self, series: str, heard_to: int) -> None:
        """A numbering begins, or another one; what is up to ``heard_to`` is not missed."""
        self.series, self.whole_to, self.newest = series, heard_to, heard_to
        self._islands.clear()

    def hear(self, series: str, seq: int) -> bool:
        """Whether an event is new; one that came before is not."""
        if series != self.series:
            self.begin(series, seq - 1)
        self.newest = max(self.newest, seq)
        place = bisect_right(self._islands, (seq, 2**63))
        if seq <= self.whole_to or (place > 0 and seq <= self._islands[place - 1][1]):
            return False
        first = last = seq
        if place < len(self._islands) and self._islands[place][0] == seq + 1:
            last = self._islands.pop(place)[1]
        if place > 0 and self._islands[place - 1][1] == seq - 1:
            place -= 1
            first = self._islands.pop(place)[0]
        if first == self.whole_to + 1:
            self.whole_to = last
        elif first == last and len(self._islands) >= _ISLANDS_MAX:
            return False
        else:
            self._islands.insert(place, (first, last))
        return True

    def told(self, series: str, last_seq: int) -> None:
        """The state says where the numbering ends."""
        if series != self.series:
            self.begin(series, last_seq)
        self.newest = max(self.newest, last_seq)

    def missing(self) -> Iterator[tuple[int, int]]:
        """What to ask for: ranges, first and last number."""
        start = self.whole_to + 1
        for first, last in self._islands:
            yield start, first - 1
            start = last + 1
        if start <= self.newest:
            yield start, self.newest


@dataclass(slots=True)
class Room:
    """One room, from what has arrived."""

    site: str
    alias: str
    state: State | None = None
    meta: Meta | None = None
    availability: AvailabilityWord | None = None
    attention: dict[str, Attention] = field(default_factory=dict)
    numbers: Numbers = field(default_factory=Numbers)
    last_event: AnyEvent | None = None
    verified: bool = False
    arrived_ns: int = 0

    def freshness(self, now_ns: int) -> Freshness:
        """How far to believe it, by the subscriber's own clock."""
        match self.availability:
            case AvailabilityWord.STOPPED:
                return Freshness.STOPPED
            case AvailabilityWord.OFFLINE:
                return Freshness.NO_DATA
        if self.state is None:
            return Freshness.NO_DATA
        heartbeats = self._heartbeats(self.state, now_ns)
        if heartbeats > NO_DATA_HEARTBEATS:
            return Freshness.NO_DATA
        if heartbeats > STALE_HEARTBEATS:
            return Freshness.STALE
        return Freshness.LIVE if self.verified else Freshness.UNVERIFIED

    def accepts(self, state: State, retained: bool, now_ns: int) -> bool:
        """Whether a state is news; what comes late is not.

        A room that has been silent for so long that it has no data, and then speaks of an
        earlier start than before, was set back: its record came from a backup.
        """
        known = self.state
        if known is None or known.events.series != state.events.series:
            return True
        if order(state) < order(known):
            return not retained and self._heartbeats(known, now_ns) > NO_DATA_HEARTBEATS
        # The broker repeats what was heard live, and that grows no younger.
        return not (retained and self.verified and order(state) == order(known))

    def _heartbeats(self, state: State, now_ns: int) -> float:
        """How many of them the last state is old."""
        return (now_ns - self.arrived_ns) / _NS_PER_S / min(state.heartbeat_s, HEARTBEAT_MAX_S)

    def age_s(self, now_ns: int) -> float | None:
        """Since the last state arrived; None before one did live."""
        return (now_ns - self.arrived_ns) / _NS_PER_S if self.verified else None


def believed_to_ns(snapshot: StationSnapshot, retained: bool, now_ns: int) -> int | None:
    """Until when a station shows what its snapshot says; None: until its last will.

    What the broker kept of a station that names its heartbeat is not believed at all.
    """
    if snapshot.heartbeat_s is None:
        return None
    heartbeat_s = min(snapshot.heartbeat_s, HEARTBEAT_MAX_S)
    lasts_s = 0.0 if retained else STALE_HEARTBEATS * heartbeat_s
    return now_ns + round(lasts_s * _NS_PER_S)


@dataclass(slots=True)
class Rooms:
    """Every room that was heard of. A room that is known never vanishes."""

    rooms: dict[tuple[str, str], Room] = field(default_factory=dict)
    not_understood: int = 0
    """Messages below ``kaproom/1`` that follow no contract."""

    def hear(self, topic: str, payload: bytes, retained: bool, now_ns: int) -> AnyEvent | None:
        """Take in one message; an event that is new is given back."""
        where = place(topic)
        if where is None or where.room == "station" or where.part == "replay/req":
            return None
        room = self.rooms.get((where.site, where.room)) or Room(where.site, where.room)
        try:
            new = _take(room, where.part, payload, retained, now_ns)
        except (ValidationError, ValueError, KeyError):
            self.not_understood += 1
            return None
        self.rooms[where.site, where.room] = room
        return new

    def lost_sight(self) -> None:
        """The subscriber's own connection broke: nothing is verified until it is heard again."""
        for room in self.rooms.values():
            room.verified = False

    def missing(self) -> Iterator[tuple[Room, int, int]]:
        """Events to ask for, range by range."""
        for room in self.rooms.values():
            for first, last in room.numbers.missing():
                yield room, first, last


def _take(room: Room, part: str, payload: bytes, retained: bool, now_ns: int) -> AnyEvent | None:
    topic, _, of = part.partition("/")
    match topic:
        case "availability":
            room.availability = AvailabilityWord(payload.decode())
        case "meta":
            room.meta = _own(room, Meta.model_validate_json(payload))
        case "state" if not payload:
            room.state, room.verified = None, False
        case "state":
            _take_state(room, _own(room, State.model_validate_json(payload)), retained, now_ns)
        case "attention" if not payload:
            room.attention.pop(of, None)
        case "attention":
            matter = _own(room, Attention.model_validate_json(payload))
            if matter.code != of:
                raise ValueError("not the matter that its topic names")
            room.attention[of] = matter
        case "event":
            event = _own(room, EVENTS[of].model_validate_json(payload))
            if room.numbers.hear(event.series, event.seq):
                room.last_event = event
                return event
        case _:
            raise ValueError(f"no topic of a room: {part}")
    return None


def _take_state(room: Room, state: State, retained: bool, now_ns: int) -> None:
    if not room.accepts(state, retained, now_ns):
        return
    for code, matter in list(room.attention.items()):
        # It was cleared while nobody heard us, or our connection was gone.
        if code not in state.attention.open and order(matter) < order(state):
            del room.attention[code]
    room.state, room.arrived_ns = state, now_ns
    room.verified = not retained
    room.numbers.told(state.events.series, state.events.last_seq)


def order(message: FromRoom | Event) -> tuple[int, int]:
    """What sorts the messages of one topic of one room."""
    return message.boot, message.seq


def _own(room: Room, message: _T) -> _T:
    # A message says whose it is; one that says otherwise than its topic is not believed.
    if (message.site, message.room) != (room.site, room.alias):
        raise ValueError("not of the room that its topic names")
    return message
