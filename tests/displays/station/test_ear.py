"""What the station's connection makes of the time at which it looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from bus import Peer
from pulse import until

from kaproom import clock
from kaproom.contract.topics import station_topic
from kaproom.displays.station import ear as module
from kaproom.displays.station.ear import Ear
from kaproom.room.broker import _program, start_broker
from kaproom.session.roomfile import Broker
from kaproom.wire import Connected, Heard, Message

pytestmark = pytest.mark.skipif(_program("mosquitto") is None, reason="no mosquitto")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[tuple[Peer, Ear]]:
    with start_broker(tmp_path, ("mosquitto",)) as broker, Peer(broker.port) as peer:
        ear = Ear(Broker(url=broker.url), "ward-3", None, lambda: None)
        try:
            until(lambda: any(isinstance(a.news, Connected) for a in ear.arrivals()))
            yield peer, ear
        finally:
            ear.close()


def test_what_waited_while_the_machine_slept_is_not_taken_for_new(
    bus: tuple[Peer, Ear], monkeypatch: pytest.MonkeyPatch
) -> None:
    peer, ear = bus
    slept_ns = [0]
    ours = SimpleNamespace(
        mono_ns=lambda: clock.mono_ns() + slept_ns[0], utc=clock.utc, NS_PER_S=clock.NS_PER_S
    )
    monkeypatch.setattr(module, "clock", ours)

    def retained_as_heard() -> bool:
        peer.publish("kaproom/1/clinic/one/state", b"{}")
        heard: list[Heard] = []

        def came() -> bool:
            heard.extend(a.news for a in ear.arrivals() if isinstance(a.news, Heard))
            return bool(heard)

        until(came)
        return heard[0].retained

    assert not retained_as_heard()
    slept_ns[0] += 20 * clock.NS_PER_S
    assert retained_as_heard()
    until(lambda: not retained_as_heard(), what="that a new one counts as new again")


def test_a_station_that_goes_leaves_nothing_behind_at_any_clinic(bus: tuple[Peer, Ear]) -> None:
    peer, ear = bus
    topics = [station_topic(site, "ward-3") for site in ("clinic", "north")]
    peer.subscribe("kaproom/1/+/station/ward-3")
    for topic in topics:
        ear.say(Message(topic, b"{}", retain=True))
    for topic in topics:
        peer.wait_for_topic(topic, b"{}")
    ear.close()
    for topic in topics:
        peer.wait_for_topic(topic, b"")
