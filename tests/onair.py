"""A room on the bus, without sound and without a daemon: the real session, record and
publisher, on a clock that the test moves."""

from __future__ import annotations

import json
import select
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from bus import Heard
from jsonschema import Draft202012Validator

from kaproom import clock
from kaproom.clock import NS_PER_S, Instant
from kaproom.contract.documents import FOLDER
from kaproom.contract.payload import Priority
from kaproom.contract.topics import place
from kaproom.curation.selection import selected
from kaproom.files import load_profile
from kaproom.record import Entry, Record, Recorder
from kaproom.record.series import Series
from kaproom.room.attention import Attention, Change, call_status
from kaproom.room.bus.outward import KINDS, Shareable
from kaproom.room.bus.publisher import WHOM, Publisher
from kaproom.room.scribe import Scribe
from kaproom.session import events as e
from kaproom.session.machine import Close, Session, Tell, opened, step
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.roomfile import RoomFile
from kaproom.session.status import NO_SOUND, Sound, snapshot
from kaproom.wire.link import Version

PLAYING = Sound("Headphones", None, True, -23.0, -6.0, 0)
_FIRST = clock.now()


class OnAir:
    """One room; ``stop`` ends it. Time passes only in ``pass_s``."""

    def __init__(
        self,
        data: Path,
        url: str,
        *,
        versions: Sequence[Version] = (5, 4),
        room: dict[str, Any] | None = None,
    ) -> None:
        given = {"site": "test", "room": "one", "broker": {"url": url}} | (room or {})
        self.room = RoomFile.model_validate(given)
        self.data = data
        record = Record.open(data)
        record.begin_boot(clock.now(), {"room": self.room.room, "site": self.room.site})
        self.boot = record.boot or 0
        mark = record.acknowledged(WHOM)
        self.recorder = Recorder(record)
        if not mark:
            mark = record.head().seq
            self.recorder.acknowledge(WHOM, mark)
        self.head = record.head()
        self.sound = PLAYING
        self.session: Session | None = None
        self.scribe: Scribe | None = None
        self.failing: str | None = None
        self.passed_s = 0.0
        self.attention = Attention(self.boot)
        self.publisher = Publisher(
            self.room,
            data,
            self.boot,
            mark,
            lambda seq: self.recorder.acknowledge(WHOM, seq),
            versions=versions,
        )
        self.tell()

    @property
    def now(self) -> Instant:
        since_ns = round(self.passed_s * NS_PER_S)
        return Instant(
            _FIRST.mono_ns + since_ns,
            _FIRST.boot_id,
            _FIRST.utc + timedelta(seconds=self.passed_s),
        )

    # -- what happens in it

    def begin(self, profile: Profile | None = None, repertoire: Repertoire | None = None) -> str:
        """A session of generated music."""
        if profile is None:
            loaded = load_profile("demo-3min", RoomFile())
            profile, repertoire = loaded.profile, selected(loaded, {}, seed=7)
        assert repertoire is not None
        session_id = f"{self.boot:032x}"
        self.scribe = Scribe(session_id, self.now)
        self.session, _ = opened(profile, repertoire)
        fields = {
            "profile": profile.model_dump(mode="json"),
            "repertoire": repertoire.model_dump(mode="json"),
        }
        self.write([self.scribe.opening(fields, "begin")])
        self.tell()
        return session_id

    def do(self, kind: type[e.Event], *args: Any, **more: Any) -> None:
        """Somebody does something, now."""
        assert self.session is not None and self.scribe is not None
        now_s = self.scribe.at_s(self.now)
        event = kind(now_s, now_s, *args, **more)
        self.session, effects = step(self.session, event)
        told = [self.scribe.told(self.session, x, self.now) for x in _telling(effects)]
        self.write([*told, self.scribe.entry(self.session, event, self.now, None)])
        self.tell()

    def pass_s(self, seconds: float) -> None:
        """Time goes on."""
        self.passed_s += seconds
        if self.session is not None and self.scribe is not None:
            now_s = self.scribe.at_s(self.now)
            self.session, effects = step(self.session, e.Tick(now_s, now_s))
            told = [self.scribe.told(self.session, x, self.now) for x in _telling(effects)]
            self.write(told)
        self.look()

    def hear(self, sound: Sound) -> None:
        """The sound is otherwise now, and the record says so."""
        self.sound = sound
        if self.session is not None and self.scribe is not None:
            state = snapshot(self.session, sound)["sound"]["state"]
            fields = {"state": state, "was": "", "why": sound.lost, "underruns": 0}
            self.write([self.scribe.fact(self.session, "sound", self.now, fields)])
        self.look()

    def call(self, level: Priority | None) -> None:
        """Call somebody, or take it back."""
        changes = (
            self.attention.cancel_call()
            if level is None
            else self.attention.raise_call(level, self.now)
        )
        self.changed(changes)

    def look(self) -> None:
        self.changed(self.attention.look(self.status(), self.now, None))

    def changed(self, changes: Sequence[Change]) -> None:
        self.write([change.entry(self.now) for change in changes])
        self.tell()

    # -- what the daemon would do

    def write(self, entries: Sequence[Entry]) -> None:
        """On disk when this returns."""
        if not entries:
            return
        self.recorder.submit(entries, "token")
        select.select([self.recorder.fileno()], [], [], 10)
        (done,) = self.recorder.done()
        assert done.failed is None
        self.head = replace(self.head, seq=done.written[-1].seq, hash=done.written[-1].hash)
        self.publisher.written()

    def tell(self) -> None:
        shareable = Shareable() if self.session is None else Shareable.of(self.session.profile)
        self.publisher.tell(self.status(), shareable, self.attention.matters)

    def status(self) -> dict[str, Any]:
        """As the daemon has it for the room's own clients."""
        status: dict[str, Any] = {
            "site": self.room.site,
            "room": self.room.room,
            "up_s": self.passed_s,
            "record": {
                "head_seq": self.head.seq,
                "head_hash": self.head.hash,
                "failing": self.failing,
            },
            "clock": {"synced": True},
        }
        if self.session is None or self.scribe is None:
            return status | {"session": None, "sound": {"state": "off"}}
        told = snapshot(self.session, self.sound)
        told["session"]["id"] = self.scribe.session_id
        return status | told

    def call_status(self) -> dict[str, Any] | None:
        return call_status(self.attention.call, self.publisher.facts(), self.now)

    def silent(self) -> None:
        self.hear(NO_SOUND)

    def stop(self) -> None:
        """A clean end."""
        in_session = self.session is not None and self.session.stage != "ended"
        self.publisher.close(in_session)
        self.recorder.close()


def _telling(effects: Sequence[object]) -> list[Tell | Close]:
    return [x for x in effects if isinstance(x, Tell | Close)]


_VALIDATORS = {
    path.name.removesuffix(".schema.json"): Draft202012Validator(json.loads(path.read_text()))
    for path in FOLDER.glob("*.schema.json")
}


def last_event(room: OnAir) -> int:
    """The number of the last event in its record, said or not."""
    record = Series.open(room.data, KINDS)
    try:
        return record.number_at(room.head.seq)
    finally:
        record.close()


def against_the_contract(heard: Sequence[Heard]) -> None:
    """Every message follows the shipped schema of its topic."""
    for message in heard:
        where = place(message.topic)
        assert where is not None, message
        name = where.part.replace("/", "-")
        if where.room == "station":
            name = "station"
        elif where.part.startswith("attention/"):
            name = "attention"
        if not message.payload and name in ("state", "attention", "station"):
            continue  # cleared
        payload: Any = message.payload.decode()
        if name != "availability":
            payload = json.loads(payload)
        _VALIDATORS[name].validate(payload)


def events(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    """The events among the messages, as they came."""
    return [json.loads(h.payload) for h in heard if "/event/" in h.topic]


def states(heard: Sequence[Heard]) -> list[dict[str, Any]]:
    """The states among the messages, as they came."""
    return [json.loads(h.payload) for h in heard if h.topic.endswith("/state") and h.payload]
