"""Whatever a bus says, the station stands: a screen comes of it, and nothing of it looks live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kaproom.displays.pictures import Picture
from kaproom.displays.station.imagined import ImaginedRoom, history
from kaproom.displays.station.matters import Desk
from kaproom.displays.station.memory import Memory
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.tour import Stage
from kaproom.displays.station.view import View
from kaproom.displays.station.ward import Standing, Ward
from kaproom.displays.words import Words

SAY = Saying(Words("en"))
ROOM = ("clinic", "room-1")

EXTREMES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**53 - 1, 2**63, 1e308, -1e308, 1e-308]),
    st.sampled_from(["", "call", "\u200b", "\ufe0f", "\u202eabc", "חדר 3", "a" * 120, "日本"]),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z"]),
    st.sampled_from([[], {}, ["call"] * 3]),
)


def said(room: ImaginedRoom) -> list[tuple[str, bytes]]:
    """One message of every kind."""
    return [
        *(room.meta(), room.matter("call", "urgent", 3)),
        room.in_session(900.0, sound="away", sound_since_s=70.0),
        *list(history(room))[:6],
    ]


def places(told: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a message."""
    for key, value in told.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


def with_another(payload: bytes, place: tuple[Any, ...], value: object) -> bytes:
    told = within = json.loads(payload)
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = value
    return json.dumps(told).encode()


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_any_value_in_any_message_ends_in_a_screen(data: st.DataObject) -> None:
    stage = Stage(SAY)
    room = stage.room("Room 1")
    for topic, payload in said(room):
        stage.hear((topic, payload))
    for _ in range(4):
        topic, payload = data.draw(st.sampled_from(said(room)))
        place = data.draw(st.sampled_from(list(places(json.loads(payload)))))
        changed = with_another(payload, place, data.draw(EXTREMES))
        stage.hear((topic, changed), retained=data.draw(st.booleans()))
    matters = stage.desk.matters(stage.ward, stage.now_ns)
    stage.desk.sign(matters, "AB", stage.at)
    for seconds in (0.0, 3.0, 30.0):
        stage.wait(seconds)
        for view in (View(), View(chosen=ROOM, detail=True)):
            screen = stage.screen(view)(1280.0, 800.0)
        Picture(screen, 320)
    # However often it says that it speaks: nothing is live half a minute after it spoke last.
    found = stage.ward.places[ROOM]
    assert stage.ward.standing(found, stage.now_ns) is not Standing.LIVE


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["state", "meta", "availability", "attention/call", "event/note"]), st.data()
)
@example("meta", None)
def test_what_is_no_message_changes_nothing(part: str, data: st.DataObject | None) -> None:
    stage = Stage(SAY)
    room = stage.room("Room 1")
    for message in said(room):
        stage.hear(message)
    before = stage.screen()(1280.0, 800.0).words()
    payload = b"\xff\xfe" * 1000 if data is None else data.draw(st.binary(min_size=1, max_size=200))
    if payload not in (b"online", b"offline", b"stopped"):
        stage.hear((f"kaproom/1/clinic/room-1/{part}", payload))
        told = "1 messages not understood"
        after = stage.screen()(1280.0, 800.0).words()
        assert [word.replace(f"  ·  {told}", "") for word in after] == before
        assert any(told in word for word in after)


def test_a_matter_is_of_the_code_that_its_topic_names() -> None:
    stage = Stage(SAY)
    room = stage.room()
    _, call = room.matter("call", "urgent", 3)
    for of in ("sound-lost", "x", "call/call", "#"):
        stage.hear((f"{room.topics.base}/attention/{of}", call))
    assert stage.desk.matters(stage.ward, stage.now_ns) == []


def test_a_room_with_a_wrong_clock_has_a_history_as_well() -> None:
    for wrong in (timedelta(days=-3), timedelta(days=900), timedelta(hours=-13)):
        stage = Stage(SAY)
        room = stage.room()
        room.at += wrong
        stage.hear(room.state())
        for message in history(room):
            stage.hear(message)
        told = stage.ward.places[ROOM].history
        assert len(told) == 14
        assert stage.at - told[-1].at == timedelta(seconds=140)


def test_a_room_whose_record_comes_from_a_backup_is_heard_again_when_its_old_state_is_none() -> (
    None
):
    stage = Stage(SAY)
    room = stage.room()
    room.seq = 900
    stage.hear(room.in_session(900.0))
    room.seq = 3
    stage.wait(2.0, room)
    assert stage.ward.places[ROOM].age_s(stage.now_ns) == 2.0
    stage.wait(19.0, room)
    assert stage.ward.standing(stage.ward.places[ROOM], stage.now_ns) is Standing.LIVE


def test_names_without_a_letter_give_way_to_the_alias() -> None:
    stage = Stage(SAY)
    stage.room("\u200b\u2060")
    assert "room-1" in stage.screen()(1280.0, 800.0).words()


@pytest.mark.parametrize(
    "line",
    [
        '{"line": "happened", "room": ["clinic", "room-1"], "at": "%s", "what": "{0}", "told": {}}',
        '{"line": "happened", "room": ["clinic", "room-1"], "at": "%s", "what": "link-back",'
        ' "told": {"span_s": "long"}}',
        '{"line": "happened", "room": ["clinic", "room-1"], "at": "%s", "what": "phase.entered",'
        ' "told": {"phase": "{x}"}}',
        '{"line": "happened", "room": ["clinic", "room-1"], "at": "9999-12-31T23:59:59-10:00",'
        ' "what": "link-lost", "told": {}}',
        '{"line": "signed", "room": ["clinic", "room-1"], "at": "%s", "since": "2026-01-01", "as":'
        ' {"room": "room-1", "code": "call", "id": "1", "by": "A", "at": "2026-01-01T00:00:00Z"}}',
        '{"line": "seen", "room": ["clinic", "room-1"], "at": "%s", "name": null, "series": 4}',
        "\x00\x00\x00\x00",
        "[[[[",
    ],
)
def test_a_memory_that_was_spoilt_ends_in_a_screen(line: str, tmp_path: Path) -> None:
    stage = Stage(SAY)
    stage.hear(stage.room().state())
    path = tmp_path / "station.jsonl"
    Memory(path, stage.ward, stage.desk).keep(stage.at)
    with path.open("a") as file:
        file.write(f"{line.replace('%s', stage.at.isoformat())}\n")
    stage.ward, stage.desk = Ward("ward-3"), Desk("Ward 3")
    Memory(path, stage.ward, stage.desk).recall(stage.at)
    assert ROOM in stage.ward.places
    stage.hear(stage.rooms[0].matter("call", "urgent", 3))
    stage.hear(stage.rooms[0].state())
    assert stage.screen(View(chosen=ROOM, detail=True))(1280.0, 800.0).words()


def test_a_room_is_remembered_with_its_name_from_the_first_moment(tmp_path: Path) -> None:
    stage = Stage(SAY)
    memory = Memory(tmp_path / "station.jsonl", stage.ward, stage.desk)
    room = ImaginedRoom("room-1", "The quiet room", stage.at)
    for message in (room.state(), room.meta()):
        stage.hear(message)
        assert stage.ward.met
        memory.keep(stage.at)
        assert not stage.ward.met
    again = Ward("ward-3")
    Memory(tmp_path / "station.jsonl", again, Desk("Ward 3")).recall(stage.at)
    assert again.places[ROOM].name == "The quiet room"


def test_what_a_full_disk_did_not_take_is_written_when_there_is_room(tmp_path: Path) -> None:
    stage = Stage(SAY)
    stage.hear(stage.room().state())
    path = tmp_path / "file" / "station.jsonl"
    (tmp_path / "file").write_text("")
    memory = Memory(path, stage.ward, stage.desk)
    memory.keep(stage.at)
    assert memory.failing is not None
    stage.hear(stage.rooms[0].event("infusion", 1, 5, what="started"))
    memory.keep(stage.at)
    (tmp_path / "file").unlink()
    memory.keep(stage.at)
    assert memory.failing is None
    again = Ward("ward-3")
    Memory(path, again, Desk("Ward 3")).recall(stage.at)
    assert [line.what for line in again.places[ROOM].history] == ["infusion.started"]
