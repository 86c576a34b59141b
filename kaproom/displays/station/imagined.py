"""Rooms that are not there, for the tour and for tests: messages as a broker would bring them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kaproom.contract.topics import RoomTopics

PHASES = ("settling", "onset", "ascent", "peak", "descent", "landing")
SESSION_PLANNED_S, INFUSION_PLANNED_S = 3900.0, 2400.0


@dataclass(slots=True)
class ImaginedRoom:
    """One room, as far as its messages go."""

    alias: str
    name: str
    at: datetime
    site: str = "clinic"
    seq: int = 0
    parts: dict[str, Any] = field(default_factory=dict)
    open: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    @property
    def topics(self) -> RoomTopics:
        """Where its messages go."""
        return RoomTopics(self.site, self.alias)

    def state(self, **parts: Any) -> tuple[str, bytes]:
        """Its next state; what is not given stays as it was."""
        self.parts |= parts
        told: dict[str, Any] = self._stamped() | {
            **{"up_s": 100.0, "heartbeat_s": 2.0, "session": None, "phase": None},
            **{"infusion": None, "notes": None, "prompts": None},
            "sound": {"state": "off", "level_lufs": None, "underruns": 0, "device": "present"},
            "attention": {
                "highest": max((p for p, _ in self.open.values()), key=_rank, default=None),
                "open": list(self.open),
            },
            "record": {"head_seq": self.seq, "head_hash": "0" * 64},
            "events": {"series": "s", "last_seq": 0},
            "clock": {"synced": True},
        }
        return self.topics.state, json.dumps(told | self.parts).encode()

    def in_session(
        self,
        session_s: float | None,
        *,
        infusion: str = "running",
        sound: str = "playing",
        sound_since_s: float | None = None,
        held: bool = False,
        notes: tuple[int, float | None] = (3, 140.0),
        prompts: tuple[int, float | None] = (0, 240.0),
    ) -> tuple[str, bytes]:
        """Its state in a session, so long after the infusion's start."""
        done = session_s or 0.0
        index = 0 if session_s is None else min(5, 1 + int(done / SESSION_PLANNED_S * 5))
        length = SESSION_PLANNED_S / 5
        within = 130.0 if session_s is None else done - (index - 1) * length
        received = min(done, INFUSION_PLANNED_S)
        return self.state(
            session={
                **{"id": "ab", "state": "open", "session_s": session_s},
                "planned_s": SESSION_PLANNED_S,
            },
            phase={
                **{"name": PHASES[index], "index": index, "count": len(PHASES)},
                **{"elapsed_s": within, "held": held},
                "remaining_s": None if session_s is None or held else max(0.0, length - within),
            },
            infusion={
                "state": "not-started" if session_s is None else infusion,
                "elapsed_s": None if session_s is None else received,
                "planned_s": INFUSION_PLANNED_S,
                "remaining_s": INFUSION_PLANNED_S - received,
            },
            sound={
                **{"state": sound, "level_lufs": -27.0, "underruns": 0},
                **{"device": "present", "since_s": sound_since_s},
            },
            notes={"count": notes[0], "last_s": notes[1], "last_category": None},
            prompts={"overdue": prompts[0], "next_in_s": prompts[1]},
        )

    def matter(self, code: str, priority: str, ago_s: float) -> tuple[str, bytes]:
        """Something is open in it since then."""
        since = self.at - timedelta(seconds=ago_s)
        self.open[code] = (priority, since)
        told = self._stamped() | {
            **{"code": code, "id": f"{self.alias}-{code}", "priority": priority},
            "since": since.isoformat(),
        }
        return self.topics.attention(code), json.dumps(told).encode()

    def event(self, kind: str, number: int, ago_s: float, **told: Any) -> tuple[str, bytes]:
        """Something happened in it."""
        of_all: dict[str, Any] = {
            **{"series": "s", "entry": number, "late": False, "session": "ab", "session_s": 1.0},
            "ts": (self.at - timedelta(seconds=ago_s)).isoformat(),
        }
        message = self._stamped() | of_all | {"seq": number} | told
        return self.topics.event(kind), json.dumps(message).encode()

    def meta(self) -> tuple[str, bytes]:
        """What people call it."""
        told = {"kaproom": "0.1.0", "display_name": self.name, "heartbeat_s": 2.0}
        return self.topics.meta, json.dumps(self._stamped() | told).encode()

    def presence(self, word: str = "online") -> tuple[str, bytes]:
        """Whether its daemon is there."""
        return self.topics.availability, word.encode()

    def _stamped(self) -> dict[str, Any]:
        self.seq += 1
        return {
            **{"v": 1, "site": self.site, "room": self.alias, "boot": 1, "seq": self.seq},
            "ts": self.at.isoformat(),
        }


def _rank(priority: str) -> int:
    return ("notice", "assist", "urgent").index(priority)


def history(room: ImaginedRoom) -> Iterator[tuple[str, bytes]]:
    """What a session's events look like, an hour of them."""
    told: tuple[tuple[str, float, dict[str, Any]], ...] = (
        ("phase", 4100, {"what": "session-started", "name": "settling"}),
        ("audio", 4090, {"what": "state", "state": "playing", "was": "off"}),
        ("infusion", 3300, {"what": "started"}),
        ("phase", 3299, {"what": "entered", "name": "onset"}),
        ("note", 3000, {"what": "noted", "category": "vital-signs-taken", "amends": None}),
        ("phase", 2520, {"what": "entered", "name": "ascent"}),
        ("note", 2000, {"what": "noted", "category": None, "amends": None}),
        ("audio", 1900, {"what": "state", "state": "ducked", "was": "playing"}),
        ("audio", 1840, {"what": "state", "state": "playing", "was": "ducked"}),
        ("phase", 1740, {"what": "entered", "name": "peak"}),
        ("infusion", 1200, {"what": "paused"}),
        ("infusion", 1080, {"what": "resumed"}),
        ("phase", 960, {"what": "entered", "name": "descent"}),
        ("note", 140, {"what": "noted", "category": None, "amends": None}),
    )
    for number, (kind, ago_s, more) in enumerate(told, 1):
        yield room.event(kind, number, ago_s, **more)
