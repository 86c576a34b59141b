"""The station: one window, one connection, and what is between them.

A frame is made when something arrived, when somebody did something, and twice a second for
the clock and the ages; never more often than the eye needs. What is on the screen is said
to the rooms after it is there, and only while somebody can see the window.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.contract.payload import ReplayRequest
from kaproom.contract.topics import RoomTopics, station_topic
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import units
from kaproom.displays.station.ear import Arrival, Ear
from kaproom.displays.station.history import Happening
from kaproom.displays.station.matters import HEARTBEAT_S, Desk, Matter, Step, snapshots
from kaproom.displays.station.memory import Memory
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.screen import Composed, Composer, Moment
from kaproom.displays.station.view import (
    Leave,
    Sign,
    ToggleFull,
    View,
    Wish,
    on_action,
    on_key,
    on_text,
    on_wheel,
)
from kaproom.displays.station.ward import Key, Ward
from kaproom.displays.tone import Tone
from kaproom.displays.window import Closed, Input, Press, Typed, Wheel, Window
from kaproom.displays.window import Key as Pressed
from kaproom.errors import Mend
from kaproom.session.roomfile import Broker
from kaproom.wire import Connected, Down, Heard, Message

_TICK_S = 0.5
_FRAME_S = 0.03
"""Thirty frames a second at most: of many arrivals at once one picture."""
_ASK_EVERY_S = 1.0
_ASKED_MAX, _ASKED_AT_ONCE_MAX = 3, 20
_KEEP_EVERY_S = 2.0
_FIRST_LOOK_S = 3.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a station was started.

    Attributes:
        station: Its id on the wire.
        name: What people call it.
        site: The clinic; None takes every one that the broker has.
        expected: Rooms that are always shown.
        second: It calls only for what nobody at another station has seen.
    """

    broker: Broker
    station: str
    name: str
    site: str | None
    expected: Sequence[Key]
    second: bool
    escalate_s: float
    memory: Path


@dataclass(slots=True)
class Station:
    """The running station."""

    settings: Settings
    say: Saying
    tone: Tone | None = None
    view: View = field(default_factory=View)
    ward: Ward = field(init=False)
    desk: Desk = field(init=False)
    _composer: Composer = field(init=False)
    _memory: Memory = field(init=False)
    _ear: Ear | None = None
    _told: object = None
    _told_ns: int = 0
    _asked: dict[tuple[str, str, str, int], int] = field(default_factory=dict)
    _asked_ns: int = 0
    _kept_ns: int = 0

    def __post_init__(self) -> None:
        settings = self.settings
        self.ward = Ward(settings.station)
        self.desk = Desk(settings.name, settings.second, settings.escalate_s)
        self._composer = Composer(self.ward, self.desk, self.say)
        self._memory = Memory(settings.memory, self.ward, self.desk)
        self.ward.expect(settings.expected)
        self._memory.recall(clock.utc())

    def run(self, window: Window) -> None:
        """Until somebody closes it.

        Raises:
            Mend: The broker's settings are wrong.
        """
        self._ear = ear = Ear(
            self.settings.broker, self.settings.station, self.settings.site, window.wake
        )
        try:
            while True:
                began_ns = clock.mono_ns()
                self._take(ear)
                composed = self._compose(window.size)
                window.show(composed.screen)
                self._tell(ear, composed.matters if window.visible else ())
                self._sound(composed.matters)
                self._keep(composed.matters)
                wish = self._react(window, window.wait(_TICK_S), composed)
                if wish is not None:
                    return
                left_s = _FRAME_S - (clock.mono_ns() - began_ns) / NS_PER_S
                if left_s > 0:
                    select.select([], [], [], left_s)
        finally:
            ear.close()
            self._memory.keep(clock.utc())

    def picture(self, path: Path, size_px: tuple[int, int]) -> None:
        """What it would show now, as a PNG; waits until the rooms have been heard."""
        ear = Ear(self.settings.broker, self.settings.station, self.settings.site, lambda: None)
        until_ns = clock.mono_ns() + round(_FIRST_LOOK_S * NS_PER_S)
        try:
            while clock.mono_ns() < until_ns:
                self._take(ear)
                select.select([], [], [], 0.05)
        finally:
            ear.close()
        composed = self._compose(units(*size_px))
        Picture(composed.screen, size_px[0], self.view.dim).save(path)

    # -- what arrives

    def _take(self, ear: Ear) -> None:
        if ear.failed is not None:
            raise ear.failed
        for arrival in ear.arrivals():
            self._hear(arrival)
        if ear.site is None and self.ward.places:
            ear.settle(min(self.ward.places)[0])
        self.ward.look(clock.mono_ns(), clock.utc())

    def _hear(self, arrival: Arrival) -> None:
        match arrival.news:
            case Connected():
                self.ward.link_up(arrival.now_ns, arrival.at)
                self._told = None
            case Down(fault):
                if fault.mend and not self.ward.places:
                    raise Mend(fault.line)
                self.ward.link_down(fault.line, arrival.now_ns, arrival.at)
            case Heard(too_large=True):
                # Its payload is gone; an empty one would mean that something is over.
                self.ward.too_large += 1
            case Heard(topic, payload, retained):
                self.ward.hear(topic, payload, retained, arrival.now_ns, arrival.at)

    # -- what is shown and said

    def _compose(self, size: tuple[float, float]) -> Composed:
        words = self.say.words
        if self.tone is not None:
            self._composer.sound = words(
                "station.sound-on" if self.tone.works else "station.sound-failed"
            )
        self._composer.failing = self._memory.failing
        moment = Moment(clock.mono_ns(), clock.utc())
        composed = self._composer.compose(self.view, size, moment)
        self.view = replace(self.view, scroll=composed.scroll)
        return composed

    def _tell(self, ear: Ear, shown: Sequence[Matter]) -> None:
        """Say what stands on the screen now: at once when it is different, else every 2 s."""
        if not self.ward.linked:
            return
        now_ns, at = clock.mono_ns(), clock.utc()
        told = (tuple(sorted((m.key, m.id) for m in shown)), tuple(self.desk.signed.items()))
        if told != self._told or now_ns - self._told_ns >= HEARTBEAT_S * NS_PER_S:
            self._told, self._told_ns = told, now_ns
            for site, snapshot in snapshots(self.ward, self.desk, shown, now_ns, at).items():
                topic = station_topic(site, self.settings.station)
                ear.say(Message(topic, snapshot.model_dump_json().encode(), retain=True))
        if now_ns - self._asked_ns >= _ASK_EVERY_S * NS_PER_S:
            self._asked_ns = now_ns
            self._ask(ear)

    def _ask(self, ear: Ear) -> None:
        """Ask for events that did not come; what does not come at all is let be."""
        asked = 0
        for room, first, last in self.ward.missing():
            mark = (room.site, room.alias, room.numbers.series, first)
            if self._asked.get(mark, 0) < _ASKED_MAX and asked < _ASKED_AT_ONCE_MAX:
                asked += 1
                self._asked[mark] = self._asked.get(mark, 0) + 1
                request = ReplayRequest(from_seq=first, to_seq=last, series=room.numbers.series)
                topic = RoomTopics(room.site, room.alias).replay
                ear.say(Message(topic, request.model_dump_json().encode()))

    def _sound(self, matters: Sequence[Matter]) -> None:
        if self.tone is None:
            return
        calling = [m for m in matters if self.desk.calls_here(m)]
        quiet = self.view.muted_until_ns > clock.mono_ns() or not calling
        gravest = None if quiet else max(calling, key=lambda m: (m.priority.rank, m.step))
        self.tone.call(
            None if gravest is None else gravest.priority,
            gravest is not None and gravest.step >= Step.GROWN,
            clock.mono_ns(),
        )

    def _keep(self, matters: Sequence[Matter]) -> None:
        now_ns = clock.mono_ns()
        self.desk.forget(self.ward, matters, now_ns)
        if self.ward.new or self.ward.met or now_ns - self._kept_ns >= _KEEP_EVERY_S * NS_PER_S:
            self._kept_ns = now_ns
            self._memory.keep(clock.utc())

    # -- what people do

    def _react(self, window: Window, inputs: Sequence[Input], composed: Composed) -> Leave | None:
        for told in inputs:
            wish: Wish | None = None
            match told:
                case Pressed(name, at_ns):
                    order, columns, unseen = composed.order, composed.columns, composed.unseen
                    self.view, wish = on_key(self.view, name, order, columns, at_ns, unseen=unseen)
                case Typed(text):
                    self.view = on_text(self.view, text)
                case Press(x, y):
                    action = composed.screen.action_at(x, y)
                    if action is not None:
                        self.view, wish = on_action(self.view, action)
                case Wheel(steps):
                    self.view = on_wheel(self.view, steps)
                case Closed():
                    wish = Leave()
            window.look(self.view.dim)
            match wish:
                case Sign(key, by):
                    self._sign(key, by)
                case ToggleFull():
                    window.toggle_full()
                case Leave():
                    return wish
        return None

    def _sign(self, key: Key, by: str) -> None:
        now_ns, at = clock.mono_ns(), clock.utc()
        open_there = [m for m in self.desk.matters(self.ward, now_ns) if m.key == key]
        for matter in self.desk.sign(open_there, by, at):
            told = {"code": matter.code, "priority": str(matter.priority), "by": by}
            self.ward.note(key, Happening(at, "attention.signed", told))
        self.view = replace(self.view, leaving=False)
