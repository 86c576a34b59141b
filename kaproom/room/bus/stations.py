"""What the nurse stations say they show: the receipts of a call, and whoever watches.

What comes from outside is judged here and nowhere else. Whatever is wrong with it, it is
ignored and counted by reason. A station that says how often it speaks is believed for
three times as long, by the room's own clock; what was kept of it is not believed at all.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from kaproom.contract.payload import StationSnapshot
from kaproom.contract.subscriber import believed_to_ns

STATIONS_MAX = 64
PAYLOAD_MAX_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class _Seen:
    name: str
    shown: frozenset[str]
    acknowledged: tuple[tuple[str, str, str], ...]
    watches: bool
    believed_to_ns: int | None

    def fresh(self, now_ns: int) -> bool:
        """Whether what it shows is what it shows now."""
        return self.believed_to_ns is None or now_ns < self.believed_to_ns


@dataclass(slots=True)
class Stations:
    """The stations of the site, as far as they concern one room."""

    site: str
    room: str
    ignored: Counter[str] = field(default_factory=Counter)
    _known: dict[str, _Seen] = field(default_factory=dict)

    def hear(self, station: str, payload: bytes, retained: bool, now_ns: int) -> bool:
        """A station's snapshot; an empty one: it is gone.

        Returns:
            Whether the station has just come, or shows this room no more: it knows nothing fresh.
        """
        if not payload:
            self._known.pop(station, None)
            return False
        if len(payload) > PAYLOAD_MAX_BYTES:
            self.ignored["station: too large"] += 1
            return False
        try:
            snapshot = StationSnapshot.model_validate_json(payload)
        except ValidationError:
            self.ignored["station: not a snapshot"] += 1
            return False
        if snapshot.station != station or snapshot.site != self.site:
            self.ignored["station: says it is another"] += 1
            return False
        if station not in self._known and len(self._known) >= STATIONS_MAX:
            self.ignored["station: too many"] += 1
            return False
        before = self._known.get(station)
        self._known[station] = _Seen(
            snapshot.display_name or snapshot.station,
            frozenset(s.id for s in snapshot.shown if s.room == self.room),
            tuple(
                (a.id, a.by, a.at.isoformat()) for a in snapshot.acknowledged if a.room == self.room
            ),
            any(shown.room == self.room for shown in snapshot.rooms),
            believed_to_ns(snapshot, retained, now_ns),
        )
        # One that was killed and is back within its last will's delay was never gone for us.
        blind = before is not None and before.watches and not self._known[station].watches
        return not retained and (before is None or blind or not before.fresh(now_ns))

    def forget(self) -> None:
        """The connection was lost: what stations show is not known any more."""
        self._known.clear()

    def watching(self, now_ns: int) -> list[str]:
        """The stations that show this room."""
        known = self._known.values()
        return sorted(seen.name for seen in known if seen.watches and seen.fresh(now_ns))

    def receipts(self, matter: str, now_ns: int) -> dict[str, Any]:
        """Where a matter is shown, and who took note of it where."""
        known = self._known.values()
        shown = sorted(s.name for s in known if matter in s.shown and s.fresh(now_ns))
        seen = [
            {"station": station.name, "by": by, "at": at}
            for station in self._known.values()
            for of, by, at in station.acknowledged
            if of == matter
        ]
        return {"id": matter, "shown": shown, "seen": sorted(seen, key=lambda s: s["at"])}
