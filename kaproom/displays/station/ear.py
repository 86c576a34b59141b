"""The station's connection, on a thread of its own: each arrival stamped when it arrives.

What is read after we could not look for a while (a machine that slept, a process that was
stopped) has waited nobody knows how long: it counts as what a broker kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from kaproom import clock
from kaproom.contract.topics import ROOT, station_topic
from kaproom.session.roomfile import Broker
from kaproom.wire import Heard, Link, Message, News

_TURN_S = 1.0
_ASLEEP_S = 3.0
"""A turn that took so long was none; less than a keepalive, more than a busy machine takes."""
_WAITED_S = 0.5  # chosen; within it everything that has waited is read


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something that came from the broker, and when: by our own clock, and by the wall's."""

    news: News
    now_ns: int
    at: datetime


class Ear:
    """One connection to the broker.

    Args:
        broker: Where to, and how.
        station: The station's id.
        site: The clinic whose stations hear of us; None until it is known.
        wake: Called when something has arrived, on the ear's own thread.
    """

    def __init__(
        self, broker: Broker, station: str, site: str | None, wake: Callable[[], None]
    ) -> None:
        self.site = site
        self.failed: BaseException | None = None
        """Why the thread ended, when it was a mistake of ours."""
        self._broker = broker
        self._station = station
        self._everywhere = site is None
        self._wake = wake
        self._arrivals: deque[Arrival] = deque()
        self._to_say: dict[str, Message] = {}
        self._lock = threading.Lock()
        self._leaving = False
        self._turned_ns = clock.mono_ns()
        self._waited_to_ns = 0
        self._said: set[str] = set()
        self._link = self._new_link()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    def arrivals(self) -> Iterable[Arrival]:
        """What has come since the last time."""
        while self._arrivals:
            yield self._arrivals.popleft()

    def say(self, message: Message) -> None:
        """Publish this; of one topic only the latest that is not sent yet."""
        with self._lock:
            self._to_say[message.topic] = message
            self._link.wake()

    def settle(self, site: str) -> None:
        """The clinic is known now: connect again, with a last will in its place."""
        if self.site is None:
            with self._lock:
                self.site = site
                self._link.wake()

    def close(self) -> None:
        """Clear what we said, and say goodbye; once is enough."""
        if self._leaving:
            return
        self._leaving = True
        with self._lock:
            self._link.wake()
        self._thread.join(3.0)

    def _new_link(self) -> Link:
        site = self.site
        will = None
        if site is not None:
            will = Message(station_topic(site, self._station), b"", retain=True)
        of = "" if self._everywhere else f"/{site}"
        client_id = f"kaproom-station-{self._station}"
        self._settled = site
        return Link(self._broker, client_id, will, [f"{ROOT}{of}/#"], catches_up=False)

    def _run(self) -> None:
        try:
            while not self._leaving:
                self._turn()
            self._goodbye()
        except BaseException as error:  # noqa: BLE001 - it ends the program, on its own thread
            self.failed = error
            self._wake()

    def _turn(self) -> None:
        if self.site != self._settled:
            with self._lock:
                self._link.close()
                self._link = self._new_link()
        with self._lock:
            to_say = list(self._to_say.values()) if self._link.up else []
            self._to_say.clear()
        for message in to_say:
            self._link.publish(message)
            if message.retain:
                self._said.add(message.topic)
        for news in self._link.turn(_TURN_S):
            self._arrive(news)
        self._turned_ns = clock.mono_ns()
        if self._arrivals:
            self._wake()

    def _arrive(self, news: News) -> None:
        now_ns = clock.mono_ns()
        if now_ns - self._turned_ns > _ASLEEP_S * clock.NS_PER_S:
            self._waited_to_ns = now_ns + round(_WAITED_S * clock.NS_PER_S)
        if isinstance(news, Heard) and now_ns < self._waited_to_ns:
            news = replace(news, retained=True)
        self._arrivals.append(Arrival(news, now_ns, clock.utc()))

    def _goodbye(self) -> None:
        if self._link.up:
            for topic in self._said:
                self._link.publish(Message(topic, b"", retain=True))
            until_ns = clock.mono_ns() + clock.NS_PER_S
            while self._link.owed and self._link.up and clock.mono_ns() < until_ns:
                self._link.turn(0.1)
        self._link.close()
