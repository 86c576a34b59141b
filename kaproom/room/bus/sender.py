"""What the room says on the bus, and what it hears there: the publisher's own thread.

The latest state is kept in one place and never queued; events are read from the record
when there is room for them, and sent again from there until the broker has acknowledged
them. So an hour without a broker costs nothing but a number. At every connection
everything that is retained is said anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaproom import __version__, clock
from kaproom.clock import NS_PER_S
from kaproom.contract import payload as p
from kaproom.contract.topics import RoomTopics, place
from kaproom.room.attention import Matter
from kaproom.room.bus.outflow import Outflow
from kaproom.room.bus.outward import Shareable, Stamp, attention_of, state_of
from kaproom.room.bus.replay import Pace, Replays
from kaproom.room.bus.stations import Stations
from kaproom.session.roomfile import Broker, RoomFile
from kaproom.wire import Acknowledged, Connected, Down, Fault, Heard, Link, Message, News
from kaproom.wire.link import Version

STATES_PER_S = 10
STATES_OWED_MAX = 2  # a broker that lags gets the latest later, not all of them
EVENTS_OWED_MAX = 16  # paho sends 20 before it waits
# What was missed follows at this pace; more would cost the room's other threads their turns.
EVENTS_PER_S = 500
REPLAYED_PER_S = 500
KEEP_ACKNOWLEDGED_S = 1.0
# A state that waits in the broker for somebody who is away; older it is worth nothing.
STATE_EXPIRY_S = 60
_BATCH = 50
# What changes all the time, and is not why a state is sent before its time.
_MOVING = {
    "seq": True,
    "ts": True,
    "up_s": True,
    "session": {"session_s"},
    "phase": {"elapsed_s", "remaining_s", "hold_ends_in_s"},
    "infusion": {"elapsed_s", "remaining_s"},
    "sound": {"level_lufs", "underruns", "since_s"},
    "notes": {"last_s"},
    "prompts": {"next_in_s"},
    "ahead": {"end_in_s": True, "change": {"in_s"}, "cues": {"__all__": {"in_s"}}},
    "record": True,
    "events": True,
}


@dataclass(frozen=True, slots=True)
class Latest:
    """What the room last said of itself."""

    status: dict[str, Any]
    shareable: Shareable
    matters: tuple[Matter, ...]


@dataclass(frozen=True, slots=True)
class _Sent:
    """Of which kind a publish was, and for events the entry of the record."""

    what: str
    seq: int = 0


class Sender:
    """The room's voice on the bus. Everything here belongs to the publisher's thread.

    Args:
        room: The room; its broker is set.
        data: The folder of its record.
        boot: This start of the daemon.
        acknowledged: The entry up to which the broker has confirmed all events.
        keep: Keeps a new such mark.
        versions: Of MQTT, in the order in which they are tried.
    """

    def __init__(
        self,
        room: RoomFile,
        data: Path,
        boot: int,
        acknowledged: int,
        keep: Callable[[int], None],
        *,
        versions: Sequence[Version] = (5, 4),
    ) -> None:
        assert isinstance(room.broker, Broker)
        self._room = room
        self._topics = RoomTopics(room.site, room.room)
        self._boot = boot
        self._keep = keep
        self._flow = Outflow(self._topics, data, acknowledged)
        self._kept = acknowledged
        self._kept_ns = 0
        self.link = Link(
            room.broker,
            f"kaproom-{room.site}-{room.room}",
            Message(self._topics.availability, b"offline", retain=True),
            (self._topics.availability, self._topics.replay, self._topics.stations),
            versions,
        )
        self._stations = Stations(room.site, room.room)
        self._replays = Replays()
        self._ignored: Counter[str] = Counter()
        self._states, self._events = Pace(STATES_PER_S), Pace(EVENTS_PER_S)
        self._replayed, self._corrections = Pace(REPLAYED_PER_S), Pace(1)
        self._latest: Latest | None = None
        self._state_seq = 0
        self._state_said: Any = None
        self._state_ns = 0
        self._states_owed = 0
        self._replays_owed = 0
        self._said: dict[p.Code, str | None] = {}
        self._fault: Fault | None = None
        self._refused = 0
        self._version: Version | None = None
        self._present = b"online"

    # -- one turn

    def turn(self, latest: Latest | None, written: bool) -> None:
        """Say what is to be said; wait for the bus, or for ``link.wake``, as long as it can."""
        self._look(latest, written)
        self._say()
        for news in self.link.turn(self._patience_s()):
            self._take(news)

    def _look(self, latest: Latest | None, written: bool) -> None:
        self._latest = latest
        self._flow.more = self._flow.more or written

    def leave(self, in_session: bool) -> None:
        """Say goodbye. In mid-session the room is not at peace: it says that it is not seen."""
        for _ in range(_BATCH):
            if not (self.link.up and (self._flow.more or self._flow.owed)):
                break
            self._say()
            self._take_all(0.02)
        self._present = b"offline" if in_session else b"stopped"
        if not in_session:
            self._clear()
        self._tell_presence()
        until_ns = clock.mono_ns() + NS_PER_S
        while self.link.up and self.link.owed and clock.mono_ns() < until_ns:
            self._take_all(0.1)
        if self._flow.acknowledged > self._kept:
            self._keep(self._flow.acknowledged)
        self.link.close()
        self._flow.close()

    def _clear(self) -> None:
        """Nothing of a session stays retained."""
        topics = self._topics
        for topic in (topics.state, *(topics.attention(code) for code in p.Code)):
            self._publish(Message(topic, b"", retain=True), "meta")

    def facts(self) -> dict[str, Any]:
        """How the bus is, for the room's own screens."""
        call = self._call()
        return {
            "url": self._room.broker.url if self._room.broker else "",
            "connected": self.link.up,
            "mqtt": {5: "5", 4: "3.1.1", None: None}[self._version],
            "fault": None if self._fault is None else self._fault.line,
            "mend": self._fault is not None and self._fault.mend,
            "events": {
                "sent": self._flow.number,
                "acknowledged": self._flow.acknowledged_number,
            },
            "stations": self._stations.watching(clock.mono_ns()),
            "receipts": None if call is None else self._stations.receipts(call.id, clock.mono_ns()),
            "refused": self._refused,
            "ignored": dict(self._ignored + self._stations.ignored),
        }

    def _call(self) -> Matter | None:
        matters = self._latest.matters if self._latest is not None else ()
        return next((m for m in matters if m.code is p.Code.CALL), None)

    # -- what is heard

    def _take_all(self, timeout_s: float) -> None:
        for news in self.link.turn(timeout_s):
            self._take(news)

    def _take(self, news: News) -> None:
        match news:
            case Connected(version):
                self._version = version
                self._fault = None
                self._begin()
            case Down(fault):
                self._fault = fault
                self._stations.forget()
            case Acknowledged(token, refused):
                self._arrived(token, refused)
            case Heard():
                self._hear(news)

    def _begin(self) -> None:
        """A connection: nothing that was said before it counts."""
        self._flow.again()
        self._replays.forget()
        self._stations.forget()
        self._state_said, self._states_owed, self._replays_owed = None, 0, 0
        self._said = {}
        self._tell_presence()
        meta = p.Meta(
            **self._message(),
            kaproom=__version__,
            display_name=self._room.title,
        )
        self._publish(Message(self._topics.meta, _bytes(meta), retain=True), "meta")

    def _arrived(self, token: Any, refused: bool) -> None:
        if refused:
            self._refused += 1
            self._fault = Fault(
                f"broker: refuses what this room publishes below {self._topics.base}; give this"
                " room the right to write there",
                mend=True,
            )
        if not isinstance(token, _Sent):
            return
        match token.what:
            case "event":
                self._flow.came(token.seq)
                self._keep_mark()
            case "replay":
                self._replays_owed -= 1
            case "state":
                self._states_owed -= 1

    def _keep_mark(self) -> None:
        now_ns = clock.mono_ns()
        if (
            self._flow.acknowledged > self._kept
            and now_ns - self._kept_ns >= KEEP_ACKNOWLEDGED_S * NS_PER_S
        ):
            self._kept, self._kept_ns = self._flow.acknowledged, now_ns
            self._keep(self._kept)

    def _hear(self, heard: Heard) -> None:
        where = place(heard.topic)
        if where is None or where.site != self._room.site:
            self._ignored["another topic"] += 1
        elif heard.too_large:
            self._ignored["too large"] += 1
        elif where.room == "station":
            now_ns = clock.mono_ns()
            if self._stations.hear(where.part, heard.payload, heard.retained, now_ns):
                self._state_ns = 0  # whoever has just come need not wait for the next heartbeat
        elif heard.topic == self._topics.replay:
            self._asked(heard)
        elif heard.topic == self._topics.availability:
            if heard.payload != self._present and self._corrections.take(clock.mono_ns()):
                self._tell_presence()
        else:
            self._ignored["another topic"] += 1

    def _asked(self, heard: Heard) -> None:
        why: str | None = "replay: retained"
        if not heard.retained:
            now_ns = clock.mono_ns()
            why = self._replays.ask(heard.payload, self._flow.series, self._flow.number, now_ns)
        if why is not None:
            self._ignored[why] += 1

    # -- what is said

    def _say(self) -> None:
        readable = self._flow.find()
        if not self.link.up:
            return
        # Events come first, so that a state never tells of one that is not on its way.
        if readable:
            self._say_events()
        if self._latest is not None:
            self._say_matters(self._latest.matters)
            self._say_state(self._latest)
        self._say_again()

    def _tell_presence(self) -> None:
        self._publish(Message(self._topics.availability, self._present, retain=True), "meta")

    def _say_state(self, latest: Latest) -> None:
        now_ns = clock.mono_ns()
        due = now_ns - self._state_ns >= p.HEARTBEAT_S * NS_PER_S
        events = p.EventsPart(series=self._flow.series, last_seq=self._flow.number)
        stamp = self._stamp(self._state_seq + 1)
        state = state_of(latest.status, latest.shareable, latest.matters, stamp, events)
        said = state.model_dump(exclude=_MOVING)  # type: ignore[arg-type]
        if not due and said == self._state_said:
            return
        if self._states_owed >= STATES_OWED_MAX or not self._states.take(now_ns):
            return
        message = Message(self._topics.state, _bytes(state), True, STATE_EXPIRY_S)
        if self._publish(message, "state"):
            self._state_seq += 1
            self._states_owed += 1
            self._state_said, self._state_ns = said, now_ns

    def _say_matters(self, matters: Sequence[Matter]) -> None:
        """Each open matter once, and once that it is over; what may be left over is cleared."""
        for code in p.Code:
            matter = next((m for m in matters if m.code is code), None)
            wanted = None if matter is None else matter.id
            if code in self._said and self._said[code] == wanted:
                continue
            self._state_seq += 1
            told = b"" if matter is None else _bytes(attention_of(matter, self._stamp()))
            if self._publish(Message(self._topics.attention(code), told, retain=True), "meta"):
                self._said[code] = wanted

    def _say_events(self) -> None:
        while (batch := self._flow.next(EVENTS_OWED_MAX - self._flow.owed)) and self.link.up:
            for numbered in batch:
                if not self._events.take(clock.mono_ns()):
                    self._flow.more = True
                    return
                told = self._flow.message(numbered)
                if told is not None and not self._publish(told, "event", numbered.seq):
                    return
                self._flow.left(numbered)
                if told is None:
                    self._ignored["event: not in the contract"] += 1
                    self._flow.came(numbered.seq)

    def _say_again(self) -> None:
        """What was asked for."""
        now_ns = clock.mono_ns()
        if self._replayed.wait_s(now_ns) > 0:
            return
        wanted = self._replays.next(EVENTS_OWED_MAX - self._replays_owed)
        for numbered in self._flow.numbered(*wanted) if wanted else ():
            self._replayed.take(now_ns)
            told = self._flow.message(numbered)
            if told is not None and self._publish(told, "replay"):
                self._replays_owed += 1

    def _message(self) -> dict[str, Any]:
        self._state_seq += 1
        stamp = self._stamp()
        return {
            "site": stamp.site,
            "room": stamp.room,
            "boot": stamp.boot,
            "seq": stamp.seq,
            "ts": stamp.ts,
        }

    def _stamp(self, seq: int | None = None) -> Stamp:
        seq = self._state_seq if seq is None else seq
        return Stamp(self._room.site, self._room.room, self._boot, seq, clock.utc())

    def _publish(self, message: Message, what: str, seq: int = 0) -> bool:
        return self.link.publish(message, _Sent(what, seq))

    def _patience_s(self) -> float:
        """Until something is to be said by itself."""
        if not self.link.up:
            return 1.0  # nothing can be said; the link knows when to try again
        now_ns = clock.mono_ns()
        wait_s = 1.0
        # With as many on their way as may be, an answer wakes us.
        if self._latest is not None and self._states_owed < STATES_OWED_MAX:
            due_s = p.HEARTBEAT_S - (now_ns - self._state_ns) / NS_PER_S
            wait_s = self._states.wait_s(now_ns) or due_s
        if self._flow.more:
            free = self._flow.owed < EVENTS_OWED_MAX
            wait_s = min(wait_s, self._events.wait_s(now_ns) if free else 1.0)
        if self._replays.ranges and self._replays_owed < EVENTS_OWED_MAX:
            wait_s = min(wait_s, self._replayed.wait_s(now_ns))
        return max(0.0, min(wait_s, 1.0))


def _bytes(message: p.FromRoom) -> bytes:
    return message.model_dump_json().encode()
