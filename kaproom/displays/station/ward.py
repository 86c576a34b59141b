"""What a station knows, from what arrived and when; it reads no clock and no connection.

Freshness is judged by arrival on the station's own monotonic clock. A room that is
expected, or was seen within twelve hours, is here until then, whatever happens to it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import ValidationError

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import AnyEvent, AvailabilityWord, StationSnapshot
from kaproom.contract.subscriber import Freshness, Room, Rooms, believed_to_ns
from kaproom.contract.topics import place
from kaproom.displays.station.history import Happening, happening

KEPT_H = 12
_HISTORY_MAX = 500
OTHERS_MAX = 64
CLOCKS_DIFFER = timedelta(minutes=2)
"""More than that, and a room's clock is wrong, or ours."""
PAST_EVENTS = 300  # chosen; a long session has some 200
ROOMS_MAX = 2000
"""As many as a station's snapshot can name."""
_ALIAS = re.compile(r"[a-z0-9-]{1,40}")

Key = tuple[str, str]
"""Site and alias of a room."""


class Standing(StrEnum):
    """How far what is shown of a room may be believed."""

    LIVE = "live"
    UNVERIFIED = "unverified"
    STALE = "stale"
    NO_DATA = "no-data"
    NO_LINK = "no-link"
    STOPPED = "stopped"


_STANDING = {
    Freshness.LIVE: Standing.LIVE,
    Freshness.UNVERIFIED: Standing.UNVERIFIED,
    Freshness.STALE: Standing.STALE,
    Freshness.NO_DATA: Standing.NO_DATA,
    Freshness.STOPPED: Standing.STOPPED,
}


@dataclass(slots=True)
class Place:
    """One room's place on the screen.

    Attributes:
        room: As the contract's subscriber knows it.
        name: What people call it.
        label: The same, with its alias where another room is called so as well.
        expected: It was named when the station was started.
        seen_at: When it last said something, by the wall clock; for people.
        seen_ns: The same on the station's own clock, which nobody sets.
        live_ns: When its last live state arrived; None before the first.
        clock_ahead: So far its wall clock is ahead of ours, as of its last live state.
        known: What it was the last time that somebody looked, to notice a change.
        gone: It was live, and is not now.
        history: The newest last.
        revision: Grows with everything that arrives.
    """

    room: Room
    name: str
    label: str
    expected: bool = False
    seen_at: datetime | None = None
    seen_ns: int | None = None
    live_ns: int | None = None
    clock_ahead: timedelta = timedelta(0)
    known: Standing | None = None
    gone: bool = False
    history: deque[Happening] = field(default_factory=lambda: deque(maxlen=_HISTORY_MAX))
    revision: int = 0

    @property
    def key(self) -> Key:
        """Site and alias."""
        return self.room.site, self.room.alias

    def ago(self, told: datetime, at: datetime) -> timedelta:
        """How long ago it was; by the room's own clock, where that and ours are far apart."""
        wrong = abs(self.clock_ahead) > CLOCKS_DIFFER
        return max(timedelta(0), (at + self.clock_ahead if wrong else at) - told)

    def age_s(self, now_ns: int) -> float | None:
        """Since the last live state arrived."""
        return None if self.live_ns is None else (now_ns - self.live_ns) / NS_PER_S


@dataclass(frozen=True, slots=True)
class Other:
    """Another station, as its snapshot says."""

    snapshot: StationSnapshot
    believed_to_ns: int | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.snapshot.display_name or self.snapshot.station

    def watches(self, key: Key, now_ns: int) -> bool:
        """Whether it shows this room now."""
        fresh = self.believed_to_ns is None or now_ns < self.believed_to_ns
        here = self.snapshot.site == key[0]
        return fresh and here and any(room.room == key[1] for room in self.snapshot.rooms)


@dataclass(slots=True)
class Ward:
    """Every room that this station shows."""

    station: str
    places: dict[Key, Place] = field(default_factory=dict)
    others: dict[tuple[str, str], Other] = field(default_factory=dict)
    fault: str | None = None
    lost_ns: int | None = None
    """Since when there is no connection to the broker; None while there is one."""
    linked: bool = False
    too_large: int = 0
    _rooms: Rooms = field(default_factory=Rooms)
    new: list[tuple[Key, Happening]] = field(default_factory=list)
    """What happened and is not written down yet."""
    met: bool = False
    """A room was heard for the first time, or has another name, and that is not written down."""

    @property
    def not_understood(self) -> int:
        """Messages that follow no contract, or are larger than any that does."""
        return self._rooms.not_understood + self.too_large

    def expect(self, keys: Iterable[Key]) -> None:
        """These rooms are shown from the start, and always."""
        for key in keys:
            self.know(key, key[1]).expected = True

    def know(self, key: Key, name: str, seen_at: datetime | None = None) -> Place:
        """A room by its name; from a file, or as heard of now."""
        found = self.places.get(key)
        if found is None:
            room = self._rooms.rooms.setdefault(key, Room(*key))
            found = self.places[key] = Place(room, name, name, seen_at=seen_at)
            self._label()
        return found

    def rename(self, found: Place, name: str) -> None:
        """People call it so now; a name that nobody could read gives way to the alias."""
        readable = any(c.isprintable() and c != " " for c in name)
        name = name if readable else found.room.alias
        if name != found.name:
            found.name, self.met = name, True
            self._label()

    def _label(self) -> None:
        """No two rooms look alike, of one clinic or of two."""
        names = Counter(found.name for found in self.places.values())
        sites = len({site for site, _ in self.places})
        for (site, alias), found in self.places.items():
            which = f"{site}/{alias}" if sites > 1 else alias
            alone = names[found.name] == 1
            found.label = found.name if alone else f"{found.name} ({which})"

    # -- what arrives

    def hear(
        self, topic: str, payload: bytes, retained: bool, now_ns: int, at: datetime
    ) -> AnyEvent | None:
        """A message; ``at`` is the wall clock, for people."""
        where = place(topic)
        if where is None:
            return None
        if where.room == "station":
            self._hear_station(where.site, where.part, payload, retained, now_ns)
            return None
        key = (where.site, where.room)
        if key not in self.places and (
            len(self.places) >= ROOMS_MAX or not all(_ALIAS.fullmatch(word) for word in key)
        ):
            return None
        before = self._rooms.not_understood
        known = self._rooms.rooms.get(key)
        series = "" if known is None else known.numbers.series
        event = self._rooms.hear(topic, payload, retained, now_ns)
        room = self._rooms.rooms.get(key)
        if room is None or self._rooms.not_understood != before:
            return None
        numbers = room.numbers
        if where.part == "state" and numbers.series != series:
            # What happened before we came is asked for, as far back as it is shown.
            newest = numbers.newest
            numbers.begin(numbers.series, max(0, newest - PAST_EVENTS))
            numbers.newest = newest
        found = self.know(key, where.room)
        found.revision += 1
        if room.meta is not None:
            self.rename(found, room.meta.display_name)
        if not retained:
            self.met |= found.seen_at is None
            found.seen_at, found.seen_ns = at, now_ns
        if room.verified:
            found.live_ns = room.arrived_ns
            if not retained and room.state is not None and room.arrived_ns == now_ns:
                found.clock_ahead = room.state.ts - at
        if event is not None:
            ago = found.ago(event.ts, at)
            if ago <= timedelta(hours=KEPT_H):
                self._happened(found, happening(event, at - ago))
        return event

    def _hear_station(
        self, site: str, station: str, payload: bytes, retained: bool, now_ns: int
    ) -> None:
        if station == self.station:
            return
        if not payload:
            self.others.pop((site, station), None)
            return
        try:
            snapshot = StationSnapshot.model_validate_json(payload)
        except ValidationError:
            return
        if (snapshot.site, snapshot.station) != (site, station) or (
            (site, station) not in self.others and len(self.others) >= OTHERS_MAX
        ):
            return
        self.others[site, station] = Other(snapshot, believed_to_ns(snapshot, retained, now_ns))

    def link_up(self, now_ns: int, at: datetime) -> None:
        """The broker took us."""
        if self.linked:
            return
        if self.lost_ns is not None and self.places:
            lost_s = (now_ns - self.lost_ns) / NS_PER_S
            for found in self.places.values():
                self._happened(found, Happening(at, "link-back", {"span_s": f"{lost_s:.0f}"}))
        self.linked, self.lost_ns, self.fault = True, None, None

    def link_down(self, fault: str, now_ns: int, at: datetime) -> None:
        """The connection broke, or did not come about: nothing is verified any more."""
        self.fault = fault
        if self.lost_ns is None:
            self.lost_ns = now_ns
            self._rooms.lost_sight()
            self.others.clear()
            if self.linked:
                for found in self.places.values():
                    found.revision += 1
                    self._happened(found, Happening(at, "link-lost", {}))
        self.linked = False

    # -- what is known

    def age_s(self, found: Place, now_ns: int) -> float | None:
        """Since a room was heard live; of what a broker kept, since we could not hear it."""
        age_s = found.age_s(now_ns)
        if age_s is None and found.room.state is not None and self.lost_ns is not None:
            return (now_ns - self.lost_ns) / NS_PER_S
        return age_s

    def standing(self, found: Place, now_ns: int) -> Standing:
        """How far to believe what is shown of a room."""
        fresh = _STANDING[found.room.freshness(now_ns)]
        # What is not heard at all looks the same as before only while it is hardly older.
        if not self.linked and fresh in (Standing.LIVE, Standing.UNVERIFIED, Standing.STALE):
            return Standing.NO_LINK
        if fresh is Standing.STOPPED and not self.linked:
            return Standing.NO_LINK
        if found.room.state is None and found.room.availability is AvailabilityWord.ONLINE:
            return Standing.NO_DATA
        return fresh

    def look(self, now_ns: int, at: datetime) -> None:
        """Write down which rooms are fresher or older than they were; forget the very old."""
        for key, found in list(self.places.items()):
            now = self.standing(found, now_ns)
            if found.known is not None and now is not found.known:
                self._changed(found, found.known, now, at)
                found.revision += 1
            found.known = now
            if self._forgotten(found, now, now_ns, at):
                del self.places[key]
                self._rooms.rooms.pop(key, None)
                self._label()

    def _changed(self, found: Place, was: Standing, now: Standing, at: datetime) -> None:
        """Only what was live can be gone, and only what was gone is back."""
        told = was is not Standing.NO_LINK and (
            now in (Standing.STALE, Standing.NO_DATA, Standing.STOPPED)
            or (now is Standing.LIVE and found.gone)
        )
        if now is Standing.LIVE or was is Standing.LIVE:
            found.gone = now is not Standing.LIVE
        if told:
            self._happened(found, Happening(at, f"standing.{now}", {}))

    @staticmethod
    def _forgotten(found: Place, now: Standing, now_ns: int, at: datetime) -> bool:
        if found.expected or found.room.attention or now is Standing.LIVE:
            return False
        if found.seen_ns is None:
            # Of a room that is only remembered the wall clock tells, once; of one that says
            # nothing and is only kept by the broker, twelve hours begin now.
            ago_s = 0.0 if found.seen_at is None else (at - found.seen_at).total_seconds()
            found.seen_ns = now_ns - round(max(0.0, ago_s) * NS_PER_S)
        return now_ns - found.seen_ns > KEPT_H * 3600 * NS_PER_S

    def missing(self) -> Iterator[tuple[Room, int, int]]:
        """Events to ask for, range by range."""
        return self._rooms.missing()

    def note(self, key: Key, what: Happening) -> None:
        """Something that happened at the station itself."""
        found = self.places.get(key)
        if found is not None:
            self._happened(found, what)

    def _happened(self, found: Place, what: Happening) -> None:
        history = found.history
        history.append(what)
        # A replay brings what is older than what is there already.
        if len(history) > 1 and history[-2].at > what.at:
            ordered = sorted(history, key=lambda one: one.at)
            history.clear()
            history.extend(ordered)
        while what.at - history[0].at > timedelta(hours=KEPT_H):
            history.popleft()
        found.revision += 1
        self.new.append((found.key, what))
