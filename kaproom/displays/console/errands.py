"""What the console asks of the room, on threads: no key and no picture waits for an answer.

A note is sent until it is answered, with the same id each time. A deed is sent once, for
nobody wants the music to stop a minute after the press; what lowers the sound goes to the
player when the room does not answer.
"""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from kaproom.displays.console.deeds import PAST_THE_ROOM
from kaproom.displays.console.plans import Checked, Finding, Plan
from kaproom.displays.delivery import RETRY_S, deliver
from kaproom.displays.notepad import Outcome, Wish
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client

# Whoever wants it quiet does not wait for a room that hangs.
_DEED_S = 1.5
_NOTES = ("note", "note-text")


@dataclass(frozen=True, slots=True)
class Outside:
    """The ways out of the console.

    Attributes:
        connect: A connection to the room, that waits so long for an answer.
        past: Lowers the sound at the player, and says how in a line.
        plans: Every session that can be begun.
        check: Looks whether one can.
    """

    connect: Callable[[float], Client]
    past: Callable[[str, Mapping[str, Any]], str]
    plans: Callable[[], Sequence[Plan]]
    check: Callable[[Plan], Checked]


@dataclass(frozen=True, slots=True)
class Heard:
    """The room's state; None when it does not answer, and why."""

    status: Mapping[str, Any] | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """A wish that the room did not answer was done at the player itself."""

    id: str
    line: str


News = Outcome | Heard | Past | Checked | tuple[Plan, ...]


class Errands:
    """The threads of one console.

    Args:
        outside: The ways out.
        wake: Called when there is news.
    """

    def __init__(self, outside: Outside, wake: Callable[[], None]) -> None:
        self._outside = outside
        self._wake = wake
        self._news: deque[News] = deque()
        self._notes: SimpleQueue[Wish] = SimpleQueue()
        self._deeds: SimpleQueue[Wish] = SimpleQueue()
        for thread in (self._send_notes, self._send_deeds, self._listen):
            threading.Thread(target=thread, name=thread.__name__, daemon=True).start()

    def news(self) -> list[News]:
        """What came since the last call."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    def send(self, wish: Wish) -> None:
        """Have this asked of the room."""
        (self._notes if wish.do in _NOTES else self._deeds).put(wish)

    def check(self, plan: Plan) -> None:
        """Have this plan looked at."""

        def look() -> None:
            try:
                self._tell(self._outside.check(plan))
            except (Mend, Refused, WorldFailed) as error:
                lines = str(error).splitlines()
                self._tell(Checked(tuple(Finding("stop", "", line) for line in lines)))

        threading.Thread(target=look, name="check", daemon=True).start()

    def look_again(self) -> None:
        """What can be begun may be something else now."""
        threading.Thread(target=self._look_for_plans, name="plans", daemon=True).start()

    # -- the threads

    def _tell(self, news: News) -> None:
        self._news.append(news)
        self._wake()

    def _look_for_plans(self) -> None:
        with suppress(Mend, WorldFailed):
            self._tell(tuple(self._outside.plans()))

    def _send_notes(self) -> None:
        deliver(self._notes, lambda: self._outside.connect(10.0), self._tell)

    def _send_deeds(self) -> None:
        client: Client | None = None
        while True:
            wish = self._deeds.get()
            try:
                client = client or self._outside.connect(_DEED_S)
                timeout_s = 20.0 if wish.do == "start" else None
                answer = client.call(wish.do, wish.args, wish.id, timeout_s)
                self._tell(Outcome(wish.id, True, answer))
            except Refused as error:
                told = {"line": str(error), "reason": error.reason}
                self._tell(Outcome(wish.id, False, told))
            except Mend as error:
                self._tell(Outcome(wish.id, False, {"line": str(error)}))
            except WorldFailed as error:
                client = None
                self._tell(self._past(wish, str(error)))

    def _past(self, wish: Wish, line: str) -> Outcome | Past:
        """What lowers the sound is done at the player, where the room did not do it."""
        if wish.do not in PAST_THE_ROOM or "not recorded" in line:
            return Outcome(wish.id, False, {"line": line})
        try:
            return Past(wish.id, self._outside.past(wish.do, wish.args))
        except (WorldFailed, Refused, Mend) as error:
            return Outcome(wish.id, False, {"line": str(error)})

    def _listen(self) -> None:
        """The room's state, as it changes."""
        while True:
            fault = ""
            try:
                with self._outside.connect(2.0) as client:
                    self._tell(Heard(client.call("status")))
                    self._hear(client)
            except (WorldFailed, Refused, Mend) as error:
                fault = str(error)
            self._tell(Heard(None, fault))
            select.select([], [], [], RETRY_S)

    def _hear(self, client: Client) -> None:
        """Until the room goes away, or says nothing for so long that it hangs."""
        client.pushes()
        while select.select([client.fileno()], [], [], _SILENT_S)[0]:
            for push in client.pushes():
                if push.get("push") == "status":
                    self._tell(Heard(push))


_SILENT_S = 2.0
"""A room says its state four times a second."""


def ids() -> str:
    """What our requests' ids begin with, and nobody else's."""
    return f"{os.urandom(8).hex()}-"
