"""Open matters as this station shows them: since when, seen by whom, how loudly now.

A matter that nobody has taken note of grows: after ``ESCALATE_S`` it stands large on every
station that watches, and after twice that on the second stations as well. Who signs for it
at any station has seen it for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import (
    Acknowledged,
    Attention,
    Code,
    Priority,
    Shown,
    StationRoom,
    StationSnapshot,
)
from kaproom.displays.station.ward import Key, Place, Standing, Ward

ESCALATE_S = 30.0  # chosen: a person who stands near the station has looked by then
HEARTBEAT_S = 2.0
INITIALS_MAX = 12
SECOND_ALONE_S = 10.0
"""A second station that hears of no first one calls after so long; longer than it takes to hear."""
# Of one raising, as the room tells it before and after a restart.
_SAME_RAISING = timedelta(seconds=2)

Mark = tuple[Key, str]
"""Of a matter: its room, and the id of its raising."""


class Step(IntEnum):
    """How much a matter presses on this station."""

    SEEN = 0
    OPEN = 1
    GROWN = 2
    SECOND = 3


@dataclass(frozen=True, slots=True)
class Matter:
    """One open matter of one room.

    Attributes:
        open_s: For how long, by the room's own clock and by arrival.
        seen_by: Who took note of it, and at which station; None while nobody did.
        alone: For a while no other station has shown this room.
    """

    key: Key
    room_name: str
    code: str
    id: str
    priority: Priority
    since: datetime
    open_s: float
    step: Step
    seen_by: tuple[str, str] | None
    alone: bool

    @property
    def presses(self) -> tuple[int, int, float]:
        """Sorts the most pressing first."""
        return (-self.step if self.step else 1, -self.priority.rank, -self.open_s)


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody took note of a matter.

    Attributes:
        since: When that was raised, by the room's clock. A room that began a new record counts
            its matters anew; one that has the same id and another beginning is another.
    """

    told: Acknowledged
    since: datetime

    def of(self, matter: Attention) -> bool:
        """Whether it is this raising that was signed."""
        return abs(matter.since - self.since) <= _SAME_RAISING


@dataclass(slots=True)
class Desk:
    """What people at this station took note of, and what it has shown."""

    name: str
    second: bool = False
    escalate_s: float = ESCALATE_S
    signed: dict[Mark, Signature] = field(default_factory=dict)
    _first_ns: dict[Mark, int] = field(default_factory=dict)

    def matters(self, ward: Ward, now_ns: int) -> list[Matter]:
        """Everything that is open, the most pressing first."""
        found = []
        for place in ward.places.values():
            for attention in place.room.attention.values():
                found.append(self._matter(ward, place, attention, now_ns))
        return sorted(found, key=lambda matter: (matter.presses, matter.key))

    def _matter(self, ward: Ward, place: Place, told: Attention, now_ns: int) -> Matter:
        mark = (place.key, told.id)
        first_ns = self._first_ns.setdefault(mark, now_ns)
        state = place.room.state
        open_s = here_s = (now_ns - first_ns) / NS_PER_S
        if state is not None:
            # Both by the room's own clock, so that no two clocks need to agree.
            by_room_s = (state.ts - told.since).total_seconds()
            open_s = max(open_s, by_room_s + (now_ns - place.room.arrived_ns) / NS_PER_S)
        seen = self._seen(ward, place.key, told)
        step = Step.SEEN
        if seen is None:
            step = Step.OPEN
            if told.priority is not Priority.NOTICE and open_s >= self.escalate_s:
                step = Step.SECOND if open_s >= 2 * self.escalate_s else Step.GROWN
        return Matter(
            place.key,
            place.label,
            str(told.code),
            told.id,
            told.priority,
            told.since,
            open_s,
            step,
            seen,
            here_s >= SECOND_ALONE_S
            and not any(other.watches(place.key, now_ns) for other in ward.others.values()),
        )

    def _seen(self, ward: Ward, key: Key, told: Attention) -> tuple[str, str] | None:
        own = self.signed.get((key, told.id))
        if own is not None and own.of(told):
            return own.told.by, self.name
        for (site, _), other in ward.others.items():
            for signed in other.snapshot.acknowledged:
                if (site, signed.room) == key and signed.id == told.id:
                    return signed.by, other.name
        return None

    def calls_here(self, matter: Matter) -> bool:
        """Whether it stands in this station's banner, and sounds here."""
        late = matter.step is Step.SECOND or matter.alone
        return matter.step > Step.SEEN and (late or not self.second)

    def sign(self, matters: Iterable[Matter], by: str, at: datetime) -> list[Matter]:
        """Somebody has taken note of these; those that were not signed here before."""
        new = []
        for matter in matters:
            if matter.seen_by is None or matter.seen_by[1] != self.name:
                told = Acknowledged(
                    room=matter.key[1], code=Code(matter.code), id=matter.id, by=by, at=at
                )
                self.signed[matter.key, matter.id] = Signature(told, matter.since)
                new.append(matter)
        return new

    def forget(self, ward: Ward, open_now: Iterable[Matter], now_ns: int) -> None:
        """What is over, by the word of a room that is heard, needs no signature any more."""
        marks = {(matter.key, matter.id) for matter in open_now}
        for key, place in ward.places.items():
            # Another raising under the same id: nobody has seen that one.
            for matter in place.room.attention.values():
                signed = self.signed.get((key, matter.id))
                if signed is not None and not signed.of(matter):
                    del self.signed[key, matter.id]

        def over(mark: Mark) -> bool:
            place = ward.places.get(mark[0])
            return place is None or (
                mark not in marks and ward.standing(place, now_ns) is Standing.LIVE
            )

        for mark in [mark for mark in self.signed if over(mark)]:
            del self.signed[mark]
        for mark in [mark for mark in self._first_ns if over(mark)]:
            del self._first_ns[mark]


def snapshots(
    ward: Ward, desk: Desk, shown: Iterable[Matter], now_ns: int, at: datetime
) -> Mapping[str, StationSnapshot]:
    """What this station says of itself, site by site.

    Args:
        ward: What it knows.
        desk: What was signed here.
        shown: The matters that stand on its screen now; none while nobody can see it.
        now_ns: This moment, by the clock of the arrivals.
        at: The wall clock.
    """
    matters = list(shown)
    found = {}
    for site in {key[0] for key in ward.places}:
        rooms = [
            StationRoom(room=place.room.alias, boot=state.boot, seq=state.seq)
            for place in ward.places.values()
            if place.room.site == site
            and (state := place.room.state) is not None
            and ward.standing(place, now_ns) is Standing.LIVE
        ]
        found[site] = StationSnapshot(
            site=site,
            station=ward.station,
            display_name=desk.name,
            ts=at,
            heartbeat_s=HEARTBEAT_S,
            rooms=rooms[:2000],
            shown=[
                Shown(room=m.key[1], code=Code(m.code), id=m.id)
                for m in matters
                if m.key[0] == site
            ][:500],
            acknowledged=[s.told for (key, _), s in desk.signed.items() if key[0] == site][:500],
        )
    return found
