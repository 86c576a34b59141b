"""What a station knows: by arrival, on its own clock, and never fresher than it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import StationSnapshot
from kaproom.displays.station.imagined import ImaginedRoom, history
from kaproom.displays.station.matters import Desk, Step, snapshots
from kaproom.displays.station.memory import Memory
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.telling import Tile
from kaproom.displays.station.telling import tile as told_of
from kaproom.displays.station.tour import Stage
from kaproom.displays.station.ward import Standing, Ward
from kaproom.displays.words import Words

SAY = Saying(Words("en"))


@pytest.fixture
def stage() -> Stage:
    return Stage(SAY)


def told(stage: Stage, room: ImaginedRoom) -> Tile:
    key = (room.site, room.alias)
    matters = [m for m in stage.desk.matters(stage.ward, stage.now_ns) if m.key == key]
    found = stage.ward.places[key]
    return told_of(stage.ward, found, matters, stage.now_ns, say=SAY, clock="10:33")


def test_a_tile_tells_minutes_left_phase_infusion_and_how_it_is_known(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0))
    shown = told(stage, room)
    assert shown.running is not None
    assert (shown.running.left, shown.running.left_means) == ("49 min", "left")
    assert shown.running.elapsed == "16 min elapsed"
    assert shown.running.phase == "Ascent  3/6"
    assert shown.running.phase_times == "3 min, 10 min left"
    assert shown.running.infusion_short == "running"
    assert shown.running.infusion_times == "16 of 40 min"
    assert shown.running.infusion_known == "as recorded"
    assert shown.running.sound == "Music plays"
    assert shown.running.notes == "Notes 3, last 2 min ago"


def test_an_infusion_past_its_end_is_unconfirmed_and_not_complete(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(2600.0, infusion="unconfirmed"))
    shown = told(stage, room).running
    assert shown is not None
    assert (shown.infusion_short, shown.infusion_known) == ("UNCONFIRMED", "no stop recorded")


def test_away_and_a_call_stand_with_their_minutes(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.matter("call", "urgent", 180))
    stage.hear(room.in_session(1000.0, sound="away", sound_since_s=125.0))
    shown = told(stage, room)
    assert shown.running is not None
    assert shown.running.badge == "AWAY 2 min"
    assert shown.call == "CALL 3 min"
    assert shown.matters[0].text == "URGENT CALL"


def test_what_the_broker_kept_is_unverified_until_the_room_itself_speaks(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0), retained=True)
    assert told(stage, room).standing is Standing.UNVERIFIED
    assert told(stage, room).standing_text == "UNVERIFIED"
    stage.hear(room.state())
    assert told(stage, room).standing is Standing.LIVE


def test_of_a_room_without_data_no_old_value_is_left(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0))
    stage.wait(7)
    assert told(stage, room).standing_text == "STALE 7 s"
    assert told(stage, room).running is not None
    stage.wait(20)
    shown = told(stage, room)
    assert (shown.standing_text, shown.running, shown.idle) == ("NO DATA 27 s", None, "NO DATA")
    assert shown.idle_more == "last heard at 10:33"


def test_a_room_that_is_offline_says_so_at_once(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0))
    stage.hear(room.presence("offline"))
    assert told(stage, room).idle == "NO DATA"


def test_when_our_own_link_is_lost_no_room_is_live_until_it_speaks_again(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0))
    stage.ward.link_down("gone", stage.now_ns, stage.at)
    stage.wait(0.1)
    assert told(stage, room).standing is Standing.NO_LINK
    stage.wait(60)
    assert told(stage, room).standing is Standing.NO_DATA
    stage.ward.link_up(stage.now_ns, stage.at)
    stage.hear(room.state(), retained=True)
    assert told(stage, room).standing is Standing.UNVERIFIED
    stage.hear(room.state())
    assert told(stage, room).standing is Standing.LIVE


def test_the_rooms_clock_decides_nothing(stage: Stage) -> None:
    room = stage.room()
    room.at += timedelta(hours=5)
    stage.hear(room.in_session(1000.0))
    stage.wait(7)
    assert told(stage, room).standing is Standing.STALE
    room.at -= timedelta(hours=9)
    stage.hear(room.state())
    assert told(stage, room).standing is Standing.LIVE


def test_a_room_that_is_expected_is_there_before_it_was_heard_of(stage: Stage) -> None:
    stage.ward.expect([("clinic", "attic")])
    found = stage.ward.places["clinic", "attic"]
    shown = told_of(stage.ward, found, (), stage.now_ns, say=SAY, clock="")
    assert (shown.name, shown.idle, shown.idle_more) == ("attic", "NO DATA", "not heard yet")
    stage.wait(13 * 3600)
    assert ("clinic", "attic") in stage.ward.places
    # Nobody knows how old nothing is, whether the broker is there or not.
    stage.ward.link_down("gone", stage.now_ns, stage.at)
    stage.wait(9)
    shown = told_of(stage.ward, found, (), stage.now_ns, say=SAY, clock="")
    assert shown.standing_text == "NO DATA"


def test_a_room_stays_for_twelve_hours_and_then_goes(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.state())
    stage.wait(11.9 * 3600)
    assert stage.ward.places
    stage.wait(0.2 * 3600)
    assert not stage.ward.places


def test_a_matter_that_was_cleared_while_we_were_away_is_over(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.matter("sound-lost", "assist", 5))
    stage.ward.link_down("gone", stage.now_ns, stage.at)
    room.open.clear()
    stage.ward.link_up(stage.now_ns, stage.at)
    stage.hear(room.state())
    assert told(stage, room).matters == ()


def test_a_matter_grows_until_somebody_signs_for_it(stage: Stage) -> None:
    room = stage.room()
    second = Desk("Second", second=True)
    stage.hear(room.matter("call", "assist", 1))
    stage.hear(room.state())

    def step(desk: Desk) -> tuple[Step, bool]:
        (matter,) = desk.matters(stage.ward, stage.now_ns)
        return matter.step, desk.calls_here(matter)

    assert (step(stage.desk), step(second)) == ((Step.OPEN, True), (Step.OPEN, False))
    stage.wait(30, room)
    stage.watched()
    assert (step(stage.desk), step(second)) == ((Step.GROWN, True), (Step.GROWN, False))
    stage.wait(30, room)
    assert (step(stage.desk), step(second)) == ((Step.SECOND, True), (Step.SECOND, True))
    stage.desk.sign(stage.desk.matters(stage.ward, stage.now_ns), "AB", stage.at)
    assert step(stage.desk) == (Step.SEEN, False)


def test_a_second_station_calls_at_once_where_no_first_one_shows_the_room(stage: Stage) -> None:
    room = stage.room()
    second = Desk("Second", second=True)
    stage.hear(room.matter("call", "assist", 1))
    stage.hear(room.state())

    def calls() -> bool:
        (matter,) = second.matters(stage.ward, stage.now_ns)
        return second.calls_here(matter)

    assert not calls()
    stage.watched()
    stage.wait(5, room)
    stage.watched()
    stage.wait(5, room)
    assert not calls()
    stage.wait(2, room)  # the first station has not spoken for more than three heartbeats
    assert calls()


def test_a_notice_never_grows(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.matter("prompt-overdue", "notice", 4000))
    stage.hear(room.state())
    (matter,) = stage.desk.matters(stage.ward, stage.now_ns)
    assert matter.step is Step.OPEN


def test_who_signs_at_one_station_has_seen_it_for_all(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.matter("call", "assist", 50))
    other, desk = Ward("desk"), Desk("The desk")
    other.link_up(stage.now_ns, stage.at)
    for message in (room.matter("call", "assist", 50), room.state()):
        other.hear(*message, False, stage.now_ns, stage.at)
    desk.sign(desk.matters(other, stage.now_ns), "CD", stage.at)
    snapshot = snapshots(other, desk, (), stage.now_ns, stage.at)["clinic"]
    topic = "kaproom/1/clinic/station/desk"
    stage.hear((topic, snapshot.model_dump_json().encode()))
    (matter,) = stage.desk.matters(stage.ward, stage.now_ns)
    assert (matter.seen_by, matter.step) == (("CD", "The desk"), Step.SEEN)
    assert told(stage, room).matters[0].seen == "seen by CD, The desk"


def test_a_signature_is_of_one_raising_and_not_of_a_new_record_that_counts_anew(
    stage: Stage,
) -> None:
    room = stage.room()
    stage.hear(room.matter("call", "assist", 50))
    stage.desk.sign(stage.desk.matters(stage.ward, stage.now_ns), "AB", stage.at)
    stage.wait(3600, room)
    stage.hear(room.matter("call", "assist", 1))  # the same id, an hour later
    (matter,) = stage.desk.matters(stage.ward, stage.now_ns)
    assert matter.seen_by is None


def test_the_snapshot_tells_live_rooms_and_what_stands_on_the_screen(stage: Stage) -> None:
    live, kept = stage.room(), stage.room()
    stage.hear(live.matter("call", "urgent", 1))
    stage.hear(live.state())
    stage.hear(kept.state(), retained=True)
    matters = stage.desk.matters(stage.ward, stage.now_ns)
    stage.desk.sign(matters, "AB", stage.at)
    told_now = snapshots(stage.ward, stage.desk, matters, stage.now_ns, stage.at)["clinic"]
    read = StationSnapshot.model_validate_json(told_now.model_dump_json())
    assert [room.room for room in read.rooms] == [live.alias]
    assert [shown.id for shown in read.shown] == ["room-1-call"]
    assert [signed.by for signed in read.acknowledged] == ["AB"]
    unseen = snapshots(stage.ward, stage.desk, (), stage.now_ns, stage.at)["clinic"]
    assert unseen.shown == []


def test_a_restart_remembers_rooms_history_and_signatures(stage: Stage, tmp_path: Path) -> None:
    room = stage.room("The quiet room")
    for message in history(room):
        stage.hear(message)
    stage.hear(room.matter("call", "urgent", 1))
    stage.hear(room.state())
    stage.desk.sign(stage.desk.matters(stage.ward, stage.now_ns), "AB", stage.at)
    path = tmp_path / "state" / "station.jsonl"
    memory = Memory(path, stage.ward, stage.desk)
    memory.keep(stage.at)
    with path.open("a") as file:
        file.write('no json\n{"line": "seen"}\n[]\n{"line": "happened", "room": 3, "at": 1}\n')

    again, desk = Ward("ward-3"), Desk("Ward 3")
    Memory(path, again, desk).recall(stage.at + timedelta(hours=1))
    found = again.places["clinic", "room-1"]
    assert (found.name, found.live_ns) == ("The quiet room", None)
    assert again.standing(found, 0) is Standing.NO_DATA
    assert [h.what for h in found.history] == [
        h.what for h in stage.ward.places["clinic", "room-1"].history
    ]
    assert [signed.told.by for signed in desk.signed.values()] == ["AB"]
    # It is of that raising, though by its clock the room lives in another year.
    for message in (room.matter("call", "urgent", 1), room.state()):
        again.hear(*message, False, stage.now_ns, stage.at - timedelta(days=400))
    assert [m.seen_by for m in desk.matters(again, stage.now_ns)] == [("AB", "Ward 3")]
    # What happened while it was away is asked for.
    assert found.room.numbers.whole_to == 14

    late, desk = Ward("ward-3"), Desk("Ward 3")
    Memory(path, late, desk).recall(stage.at + timedelta(hours=13))
    assert (late.places, desk.signed) == ({}, {})


def test_a_memory_that_cannot_be_written_says_so_and_the_station_goes_on(
    stage: Stage, tmp_path: Path
) -> None:
    stage.hear(stage.room().state())
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "station.jsonl", stage.ward, stage.desk)
    memory.recall(stage.at)
    memory.keep(stage.at)
    assert memory.failing is not None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(0.1, 9)),
            st.tuples(
                st.sampled_from(["live", "kept", "down", "up", "offline", "online"]), st.none()
            ),
        ),
        max_size=25,
    )
)
def test_a_tile_is_live_only_shortly_after_the_room_itself_spoke_over_this_connection(
    steps: list[tuple[str, float | None]],
) -> None:
    stage = Stage(SAY)
    room = stage.room()
    spoke_ns: int | None = None
    online = True
    for what, seconds in steps:
        match what:
            case "wait":
                stage.wait(seconds or 0)
            case "live" if stage.ward.linked:
                stage.hear(room.in_session(1000.0))
                spoke_ns = stage.now_ns
            case "kept" if stage.ward.linked and room.seq > 2:
                room.seq -= 1  # the broker repeats the last one
                stage.hear(room.in_session(1000.0), retained=True)
            case "down":
                stage.ward.link_down("gone", stage.now_ns, stage.at)
                spoke_ns = None
            case "up":
                stage.ward.link_up(stage.now_ns, stage.at)
            case "offline" | "online" if stage.ward.linked:
                stage.hear(room.presence(what))
                online = what == "online"
        shown = told(stage, room)
        if shown.standing is Standing.LIVE:
            assert stage.ward.linked and online
            assert spoke_ns is not None
            assert stage.now_ns - spoke_ns <= 6 * NS_PER_S
        elif shown.standing in (Standing.NO_DATA, Standing.STOPPED):
            assert shown.running is None


def test_what_is_not_understood_makes_no_room_younger_and_none_appear(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.in_session(1000.0))
    stage.wait(7)
    stage.hear((room.topics.state, b"{}"))
    assert told(stage, room).standing_text == "STALE 7 s"
    for topic in ("kaproom/1/clinic/ROOM\n1/availability", "kaproom/1//x/availability"):
        stage.hear((topic, b"online"))
    stage.hear(("kaproom/1/clinic/" + "a" * 5000 + "/availability", b"online"))
    assert list(stage.ward.places) == [("clinic", "room-1")]


def test_a_flood_of_rooms_is_bounded(stage: Stage) -> None:
    for number in range(2100):
        stage.hear((f"kaproom/1/clinic/r-{number}/availability", b"online"))
    assert len(stage.ward.places) == 2000


def test_what_happened_before_the_station_came_is_asked_for_and_told_in_its_order(
    stage: Stage,
) -> None:
    room = stage.room()
    stage.hear(room.state(events={"series": "s", "last_seq": 14}), retained=True)
    ((_, first, last),) = stage.ward.missing()
    assert (first, last) == (1, 14)
    for message in reversed(list(history(room))):
        stage.hear(message)
    assert list(stage.ward.missing()) == []
    lines = [what.what for what in stage.ward.places["clinic", "room-1"].history]
    assert (lines[0], lines[-1]) == ("phase.session-started", "note.noted")


def test_what_is_older_than_twelve_hours_is_no_history(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.state())
    stage.hear(room.event("infusion", 1, 13 * 3600, what="started"))
    stage.hear(room.event("infusion", 2, 3600, what="stopped"))
    lines = [what.what for what in stage.ward.places["clinic", "room-1"].history]
    assert lines == ["infusion.stopped"]


def test_a_wall_clock_that_is_set_takes_no_room_away(stage: Stage) -> None:
    room = stage.room()
    stage.hear(room.state())
    stage.wait(60)
    stage.at += timedelta(days=400)  # a clock that woke up without a battery, and was set
    stage.wait(60)
    assert stage.ward.places
