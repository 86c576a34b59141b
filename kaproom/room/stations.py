"""What the nurse stations say they show: the receipts of a call, and whoever watches.

What comes from outside is judged here and nowhere else. Whatever is wrong with it, it is
ignored and counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from kaproom.contract.payload import StationSnapshot

STATIONS_MAX = 64
PAYLOAD_MAX_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class _Seen:
    name: str
    shown: frozenset[str]
    acknowledged: tuple[tuple[str, str, str], ...]
    watches: bool


@dataclass(slots=True)
class Stations:
    """The stations of the site, as far as they concern one room."""

    site: str
    room: str
    ignored: Counter[str] = field(default_factory=Counter)
    _known: dict[str, _Seen] = field(default_factory=dict)

    def hear(self, station: str, payload: bytes) -> None:
        """A station's snapshot; an empty one: it is gone."""
        if not payload:
            self._known.pop(station, None)
            return
        if len(payload) > PAYLOAD_MAX_BYTES:
            self.ignored["station: too large"] += 1
            return
        try:
            snapshot = StationSnapshot.model_validate_json(payload)
        except ValidationError:
            self.ignored["station: not a snapshot"] += 1
            return
        if snapshot.station != station or snapshot.site != self.site:
            self.ignored["station: says it is another"] += 1
            return
        if station not in self._known and len(self._known) >= STATIONS_MAX:
            self.ignored["station: too many"] += 1
            return
        self._known[station] = _Seen(
            snapshot.display_name or snapshot.station,
            frozenset(s.id for s in snapshot.shown if s.room == self.room),
            tuple(
                (a.id, a.by, a.at.isoformat()) for a in snapshot.acknowledged if a.room == self.room
            ),
            any(shown.room == self.room for shown in snapshot.rooms),
        )

    def forget(self) -> None:
        """The connection was lost: what stations show is not known any more."""
        self._known.clear()

    def watching(self) -> list[str]:
        """The stations that show this room."""
        return sorted(seen.name for seen in self._known.values() if seen.watches)

    def receipts(self, matter: str) -> dict[str, Any]:
        """Where a matter is shown, and who took note of it where."""
        shown: Sequence[str] = sorted(s.name for s in self._known.values() if matter in s.shown)
        seen = [
            {"station": station.name, "by": by, "at": at}
            for station in self._known.values()
            for of, by, at in station.acknowledged
            if of == matter
        ]
        return {"id": matter, "shown": list(shown), "seen": sorted(seen, key=lambda s: s["at"])}
