"""The console: one window, the room's socket, and what is between them.

A frame is made when somebody did something, when the room answered, and otherwise no more
often than the eye needs. A key is stamped as it comes in, before anything is done with it.
"""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.draft import Draft
from kaproom.displays.console.errands import Errands, Heard, News, Outside, Past, ids
from kaproom.displays.console.keys import Keys
from kaproom.displays.console.plans import Checked
from kaproom.displays.console.screen import Moment, screen
from kaproom.displays.console.wanted import Check, Leave, ToggleFull, Wanted
from kaproom.displays.notepad import Notepad, Outcome, Wish
from kaproom.displays.palette import Dim
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import Screen, units
from kaproom.displays.station.saying import Saying
from kaproom.displays.window import Closed, Input, Key, Press, Typed, Window

_TICK_S = 1.0
_STATE_S = 0.25
"""What only goes on, clocks and meters, is drawn no more often."""
_FIRST_LOOK_S = 3.0
_LEAVING_S = 3.0
_SWITCH_S = 0.0005


@dataclass(slots=True)
class Console:
    """The running console.

    Attributes:
        outside: The ways out of it.
        least: The side of a target for a window of so many units across.
    """

    outside: Outside
    say: Saying
    least: Callable[[float], float]
    draft: Draft
    keys: Keys = field(default_factory=Keys)
    dim: Dim = Dim.BRIGHT
    by: str | None = None
    desk: Desk = field(init=False)
    _errands: Errands | None = None
    _fault: str = ""
    _typed: str = ""
    _key_ns: int = 0
    _fresh_key: bool = False
    _leaving: bool = False
    _planned: bool = False

    def __post_init__(self) -> None:
        pad = Notepad(clock.boot_id(), self.by)
        pad.begin(ids())
        self.desk = Desk(pad, self.keys)
        self.desk.dim = self.dim
        self.desk.touched_ns = clock.mono_ns()

    def run(self, window: Window) -> None:
        """Until somebody closes it."""
        sys.setswitchinterval(_SWITCH_S)
        errands = self._errands = Errands(self.outside, window.wake)
        self._want(self.draft.recall(self.desk), window)
        shown_ns = 0
        while True:
            stale = self._hear(errands, window)
            since_s = (clock.mono_ns() - shown_ns) / NS_PER_S
            if stale or since_s >= _STATE_S:
                shown_ns = clock.mono_ns()
                shown = self._show(window)
                self.draft.keep(self.desk)
            inputs = window.wait(_STATE_S if self.desk.called or since_s < _STATE_S else _TICK_S)
            if self._leaving:
                self.draft.keep(self.desk)
                return
            if self._react(window, inputs, shown):
                break
            if inputs:
                shown_ns = 0
        self._save_the_rest(errands, window)
        self.draft.drop()

    def leave(self, window: Window) -> None:
        """The login ends, or the machine: nobody is asked, and the draft stays."""
        self._leaving = True
        window.wake()

    def picture(self, path: Path, size_px: tuple[int, int]) -> None:
        """What it would show now, as a PNG; waits until the room has been heard."""
        errands = self._errands = Errands(self.outside, lambda: None)
        until_ns = clock.mono_ns() + round(_FIRST_LOOK_S * NS_PER_S)
        while clock.mono_ns() < until_ns and not (self.desk.open or self.desk.agenda.plans):
            self._take(errands)
            select.select([], [], [], 0.05)
        Picture(self._composed(units(*size_px)), size_px[0], self.desk.dim).save(path)

    # -- what is shown

    def _composed(self, size: tuple[float, float]) -> Screen:
        wall = clock.utc().astimezone().strftime("%H:%M:%S")
        moment = Moment(wall, clock.mono_ns())
        return screen(self.desk, size, moment, self.say, self.least(size[0]), self._fault)

    def _show(self, window: Window) -> Screen:
        window.look(self.desk.dim)
        composed = self._composed(window.size)
        window.show(composed)
        return composed

    # -- what the room says

    def _hear(self, errands: Errands, window: Window) -> bool:
        """Whether something came that cannot wait to be drawn."""
        wanted, pressing = self._take(errands)
        self._want(wanted, window)
        return pressing

    def _take(self, errands: Errands) -> tuple[list[Wanted], bool]:
        wanted: list[Wanted] = []
        pressing = False
        for news in errands.news():
            pressing = pressing or not isinstance(news, Heard) or self._turned(news)
            wanted += self._take_one(news)
        return wanted, pressing

    def _take_one(self, news: News) -> list[Wanted]:
        match news:
            case Outcome():
                return self.desk.answered(news)
            case Heard(status, fault):
                self._fault = fault
                was_open = self.desk.open
                wanted = self.desk.hear(status, clock.mono_ns())
                # To look through them takes the processor that a first frame needs.
                due = was_open or not self._planned
                if status is not None and due and not self.desk.open and self._errands is not None:
                    self._planned = True
                    self._errands.look_again()
                return wanted
            case Past(id, line):
                self.desk.went_past(id, line)
            case Checked():
                self.desk.agenda.found(news)
            case plans:
                self.desk.agenda.offer(plans)
        return []

    def _turned(self, news: Heard) -> bool:
        """Whether the state says something else, and not only that time went on."""
        before, now = self.desk.status, news.status
        if before is None or now is None or not before.get("session") or not now.get("session"):
            return True
        parts = (("phase", "name"), ("phase", "held"), ("infusion", "state"), ("sound", "state"))
        told = any(before[part][key] != now[part][key] for part, key in parts)
        return told or before.get("call") != now.get("call")

    # -- what people do

    def _react(self, window: Window, inputs: Sequence[Input], shown: Screen) -> bool:
        """Whether somebody closed it."""
        for told in inputs:
            at_ns = clock.mono_ns()
            wall = clock.utc().astimezone().strftime("%H:%M:%S")
            wanted: list[Wanted] = []
            match told:
                case Key(name, pressed_ns, shift, ctrl, alt):
                    self._key_ns, self._fresh_key = pressed_ns, True
                    wanted = self.desk.key(name, pressed_ns, wall, shift=shift, ctrl=ctrl, alt=alt)
                case Typed(text):
                    # A key that is held types again and again, and is pressed once.
                    if self._fresh_key or text != self._typed:
                        at_ns = self._key_ns if self._fresh_key else at_ns
                        wanted = self.desk.text(text, at_ns, wall)
                    self._typed, self._fresh_key = text, False
                case Press(x, y, pressed_ns):
                    action = shown.action_at(x, y)
                    wanted = self.desk.act(action or "nothing", pressed_ns, wall)
                case Closed():
                    wanted = self.desk.act("quit", at_ns, wall)
            if self._want(wanted, window):
                return True
        return False

    def _want(self, wanted: Sequence[Wanted], window: Window) -> bool:
        """See to it; whether it is to leave."""
        leaving = False
        for one in wanted:
            match one:
                case Wish() if self._errands is not None:
                    self._errands.send(one)
                case Check(plan) if self._errands is not None:
                    self._errands.check(plan)
                case ToggleFull():
                    window.toggle_full()
                case Leave():
                    leaving = True
        return leaving

    def _save_the_rest(self, errands: Errands, window: Window) -> None:
        """What was pressed last is still sent."""
        until_ns = clock.mono_ns() + round(_LEAVING_S * NS_PER_S)
        while self.desk.pad.pending and clock.mono_ns() < until_ns:
            self._hear(errands, window)
            select.select([], [], [], 0.05)
