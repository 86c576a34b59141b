"""A room believes a station as long as it speaks, by the room's own clock."""

from __future__ import annotations

import json
from typing import Any

from kaproom.room.bus.stations import Stations

S = 1_000_000_000
CALL = {"room": "one", "code": "call", "id": "3-1"}


def snapshot(**more: Any) -> bytes:
    told = {
        **{"v": 1, "site": "test", "station": "ward", "display_name": "Ward 3"},
        **{"ts": "2026-01-01T00:00:00Z", "heartbeat_s": 2.0, "shown": [CALL]},
        **{"rooms": [{"room": "one", "boot": 1, "seq": 1}]},
    }
    return json.dumps(told | more).encode()


def test_a_station_watches_as_long_as_it_speaks() -> None:
    stations = Stations("test", "one")
    stations.hear("ward", snapshot(), False, 100 * S)
    assert stations.watching(105 * S) == ["Ward 3"]
    assert stations.watching(107 * S) == []
    stations.hear("ward", snapshot(), False, 108 * S)
    assert stations.watching(109 * S) == ["Ward 3"]
    stations.hear("ward", b"", False, 109 * S)
    assert stations.watching(109 * S) == []


def test_what_the_broker_kept_of_a_station_is_not_watching_but_who_saw_a_call_has_seen_it() -> None:
    stations = Stations("test", "one")
    seen = [CALL | {"by": "A.B.", "at": "2026-01-01T00:00:00Z"}]
    stations.hear("ward", snapshot(acknowledged=seen), True, 100 * S)
    assert stations.watching(100 * S) == []
    receipts = stations.receipts("3-1", 100 * S)
    assert receipts["shown"] == []
    assert [receipt["by"] for receipt in receipts["seen"]] == ["A.B."]


def test_a_station_that_names_no_heartbeat_is_believed_until_its_last_will() -> None:
    stations = Stations("test", "one")
    stations.hear("ward", snapshot(heartbeat_s=None), True, 100 * S)
    assert stations.watching(9999 * S) == ["Ward 3"]
    assert stations.receipts("3-1", 9999 * S)["shown"] == ["Ward 3"]


def test_a_station_that_has_just_come_is_told_apart_from_one_that_speaks_again() -> None:
    stations = Stations("test", "one")
    assert not stations.hear("ward", snapshot(), True, 99 * S)
    assert stations.hear("ward", snapshot(), False, 100 * S)
    assert not stations.hear("ward", snapshot(), False, 102 * S)
    assert stations.hear("ward", snapshot(), False, 120 * S)
    assert not stations.hear("ward", b"", False, 121 * S)
    assert stations.hear("ward", snapshot(), False, 122 * S)
    assert not stations.hear("ward", b"no snapshot", False, 123 * S)
    # Killed and back before its last will: it shows no room yet, and is told at once, and once.
    assert stations.hear("ward", snapshot(rooms=[]), False, 124 * S)
    assert not stations.hear("ward", snapshot(rooms=[]), False, 126 * S)
