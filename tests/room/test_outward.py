"""What leaves the room: nothing that identifies a patient, whatever people write where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bus import Peer
from hypothesis import given
from hypothesis import strategies as st
from onair import OnAir, against_the_contract, events, states

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.contract.payload import Priority, SoundWord
from kaproom.curation.selection import selected
from kaproom.files import load_profile
from kaproom.room.broker import Broker
from kaproom.room.bus.replay import EVENTS_A_REQUEST_MAX, PENDING_MAX, Replays
from kaproom.room.bus.stations import STATIONS_MAX, Stations
from kaproom.session import events as e
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.roomfile import RoomFile
from kaproom.session.status import Sound, SoundState

WHO = ("Anna", "Lindqvist", "1987-03-14", "anna-lindqvist", "LINDQVIST")
# Numbers that nothing else in a session would give.
DOSE_MG, RATE, BOLUS_MG = 37.31, 0.7719, 11.93
PLANTED = (*WHO, "37.31", "0.7719", "11.93", "71.77", "7177")


def test_all_that_a_session_can_sound_like_has_its_word_on_the_wire() -> None:
    assert {str(word) for word in SoundWord} == {str(state) for state in SoundState}


def planted() -> tuple[Profile, Repertoire]:
    """A profile and music in which every text names the patient."""
    loaded = load_profile("demo-3min", RoomFile())
    told = loaded.profile.model_dump(mode="json")
    told |= {"name": "anna-lindqvist", "title": "Anna Lindqvist", "description": "Anna 71.77 kg"}
    told["infusion"] |= {"dose_mg": DOSE_MG, "bolus_mg": BOLUS_MG}
    names = {phase["name"]: f"{phase['name']} of Anna" for phase in told["phases"][:3]}
    for phase in told["phases"]:
        phase["name"] = names.get(phase["name"], phase["name"])
    told["notes"] = [
        {"category": "anna-lindqvist", "key": "a", "label": "Anna", "share": False},
        {"category": "nausea", "key": "n", "label": "Anna Lindqvist", "share": True},
        {"category": "vital-signs-taken", "key": "v", "label": "Anna", "share": False},
    ]
    told["prompts"] = [
        {"label": "Anna Lindqvist", "category": "vital-signs-taken", "at_min": [0.1]}
    ]
    told["checklist"] = {"before": {"must": ["Anna"], "remind": []}, "after": ["Anna"]}
    profile = Profile.model_validate_json(json.dumps(told))
    music = selected(loaded, {}, seed=7).model_dump(mode="json")

    def renamed(part: Any) -> Any:
        if isinstance(part, list):
            return [renamed(item) for item in part]
        if not isinstance(part, dict):
            return part
        return {
            key: "Anna Lindqvist" if key in ("title", "artist") else renamed(value)
            for key, value in part.items()
        }

    return profile, Repertoire.model_validate_json(json.dumps(renamed(music)))


@pytest.mark.parametrize("version", [4, 5], ids=["mqtt3", "mqtt5"])
def test_nothing_that_identifies_a_patient_is_on_the_wire_of_a_whole_session(
    tmp_path: Path, broker: Broker, version: Any
) -> None:
    with Peer(broker.port) as ear:
        ear.subscribe("#")
        place = tmp_path / "Anna Lindqvist"
        place.mkdir()
        room = OnAir(place, broker.url, versions=(version,), room={"display_name": "Room one"})
        ear.wait_for(states)
        room.begin(*planted())
        room.pass_s(12)
        room.do(e.Noted, "anna-lindqvist", "Anna says 1987-03-14")
        room.do(e.Infused, "started")
        room.pass_s(10)
        room.do(e.Noted, "nausea", "Anna Lindqvist, 71.77 kg")
        room.do(e.Infused, "rate", RATE, "mg/min")
        room.do(e.Infused, "bolus", BOLUS_MG, "mg")
        room.do(e.Amended, 4, "Anna", "anna-lindqvist")
        room.do(e.Held)
        room.pass_s(150)
        assert any(m.code == "prompt-overdue" for m in room.attention.matters)
        room.do(e.Advanced)
        room.hear(Sound("Anna's headphones", None, True, -23.0, -6.0, 0))
        room.hear(Sound("", "Anna's headphones are gone: Lindqvist", True, -70.0, -70.0, 0))
        room.pass_s(3)
        room.do(e.SourceFailed, "c1", "/music/Anna Lindqvist/1987-03-14.flac is gone")
        room.call(Priority.URGENT)
        room.failing = "/home/anna-lindqvist/record.sqlite3: disk full"
        room.look()
        room.do(e.Ended, "Anna")
        room.pass_s(30)
        ear.wait_for(lambda heard: any(x["what"] == "session-ended" for x in events(heard)))
        ear.publish("kaproom/1/test/one/replay/req", b'{"from": 1, "to": 1000}')
        ear.wait_for(lambda heard: len([x for x in events(heard) if x["seq"] == 1]) == 2)
        room.stop()
        ear.wait_for_topic("kaproom/1/test/one/availability", b"stopped")
        assert len(ear.heard) > 40
        for message in ear.heard:
            text = f"{message.topic} {message.payload.decode()}".lower()
            found = [word for word in PLANTED if word.lower() in text]
            assert not found, (found, text)
        against_the_contract([h for h in ear.heard if "replay" not in h.topic])
        shared = [x["category"] for x in events(ear.heard) if x["what"] == "noted"]
        assert "nausea" in shared
        names = {x["phase"]["name"] for x in states(ear.heard) if x["phase"]}
        assert names <= {f"phase-{n}" for n in (1, 2, 3)} | {
            *("peak", "descent", "landing", "recovery")
        }


@given(st.lists(st.tuples(st.integers(-50, 4000), st.integers(-50, 4000)), max_size=30))
def test_what_is_sent_again_was_asked_for_and_is_never_more_than_bounded(
    asked: list[tuple[int, int]],
) -> None:
    replays, last = Replays(), 3500
    wanted: set[int] = set()
    for index, (first, until) in enumerate(asked):
        payload = json.dumps({"from": first, "to": until}).encode()
        why = replays.ask(payload, "s", last, index * NS_PER_S)
        inside = range(max(first, 1), min(until, last) + 1)
        assert (why is None) == (len(inside) > 0)
        wanted |= set(inside[:EVENTS_A_REQUEST_MAX])
    sent: list[int] = []
    while (chunk := replays.next(16)) is not None:
        sent += range(chunk[0], chunk[0] + chunk[1])
    assert sent == sorted(set(sent))
    assert set(sent) <= wanted
    assert len(sent) == min(len(wanted), PENDING_MAX)


@given(payload=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
def test_no_request_whatever_it_holds_does_more_than_be_counted(payload: bytes) -> None:
    assert Replays().ask(payload, "s", 10, clock.mono_ns()) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    told=st.dictionaries(
        st.sampled_from(["v", "site", "station", "ts", "rooms", "shown", "acknowledged"]),
        json_values,
    ),
    garbage=st.binary(max_size=200),
)
def test_no_station_whatever_it_says_does_more_than_be_counted(
    told: dict[str, Any], garbage: bytes
) -> None:
    stations = Stations("clinic", "one")
    for payload in (json.dumps(told).encode(), garbage, b"{" * 10_000, b"[" * 10_000):
        stations.hear("desk", payload, False, 0)
        assert stations.receipts("1-1", 0) == {"id": "1-1", "shown": [], "seen": []}
    assert sum(stations.ignored.values()) >= 3


def test_a_flood_of_stations_is_bounded() -> None:
    stations = Stations("clinic", "one")
    for number in range(500):
        snapshot = {
            **{"site": "clinic", "station": f"s-{number}", "ts": "2026-01-01T00:00:00Z"},
            "rooms": [],
        }
        stations.hear(f"s-{number}", json.dumps(snapshot).encode(), False, 0)
    assert stations.ignored == {"station: too many": 500 - STATIONS_MAX}
