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
# A matter that is as old as its signature, by two clocks; one that is younger is another,
# of a room that began a new record and counts anew.
CLOCKS_DIFFER = timedelta(minutes=2)


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
    """

    key: Key
    room_name: str
    code: str
    id: str
    priority: Priority
    since: datetime | None
    open_s: float
    step: Step
    seen_by: tuple[str, str] | None

    @property
    def presses(self) -> tuple[int, int, float]:
        """Sorts the most pressing first."""
        return (-self.step if self.step else 1, -self.priority.rank, -self.open_s)


@dataclass(slots=True)
class Desk:
    """What people at this station took note of, and what it has shown."""

    name: str
    second: bool = False
    escalate_s: float = ESCALATE_S
    signed: dict[tuple[Key, str], Acknowledged] = field(default_factory=dict)
    _first_ns: dict[tuple[Key, str], int] = field(default_factory=dict)

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
        open_s = (now_ns - first_ns) / NS_PER_S
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
            place.name,
            str(told.code),
            told.id,
            told.priority,
            told.since,
            open_s,
            step,
            seen,
        )

    def _seen(self, ward: Ward, key: Key, told: Attention) -> tuple[str, str] | None:
        own = self.signed.get((key, told.id))
        if own is not None and own.at >= told.since - CLOCKS_DIFFER:
            return own.by, self.name
        for (site, _), other in ward.others.items():
            for signed in other.snapshot.acknowledged:
                if (site, signed.room) == key and signed.id == told.id:
                    return signed.by, other.name
        return None

    def calls_here(self, matter: Matter) -> bool:
        """Whether it stands in this station's banner, and sounds here."""
        return matter.step is Step.SECOND if self.second else matter.step > Step.SEEN

    def sign(self, matters: Iterable[Matter], by: str, at: datetime) -> list[Matter]:
        """Somebody has taken note of these; those that were not signed here before."""
        new = []
        for matter in matters:
            mark = (matter.key, matter.id)
            if mark not in self.signed:
                self.signed[mark] = Acknowledged(
                    room=matter.key[1], code=Code(matter.code), id=matter.id, by=by, at=at
                )
                new.append(matter)
        return new

    def forget(self, ward: Ward, open_now: Iterable[Matter], now_ns: int) -> None:
        """What is over, by the word of a room that is heard, needs no signature any more."""
        marks = {(matter.key, matter.id) for matter in open_now}

        def over(mark: tuple[Key, str]) -> bool:
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
            acknowledged=[a for (key, _), a in desk.signed.items() if key[0] == site][:500],
        )
    return found
