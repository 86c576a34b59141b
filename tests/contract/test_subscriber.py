"""Fresh or stale, new or known, whole or with gaps: judged by the subscriber alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.contract.payload import NoteEvent
from kaproom.contract.subscriber import Freshness, Numbers, Rooms

S = 1_000_000_000
BASE = "kaproom/1/clinic/a"


def state(seq: int = 1, boot: int = 1, **more: Any) -> bytes:
    told = {
        **{"v": 1, "site": "clinic", "room": "a", "boot": boot, "seq": seq},
        **{"ts": "2026-01-01T00:00:00Z", "up_s": 1.0, "heartbeat_s": 2.0},
        **{"session": None, "phase": None, "infusion": None, "notes": None, "prompts": None},
        "sound": {"state": "off", "level_lufs": None, "underruns": 0, "device": "none"},
        "attention": {"highest": None, "open": []},
        "record": {"head_seq": 1, "head_hash": "0" * 64},
        "events": {"series": "s", "last_seq": 0},
        "clock": {"synced": None},
    }
    return json.dumps(told | more).encode()


def note(seq: int, series: str = "s") -> bytes:
    return (
        NoteEvent.model_validate_json(
            json.dumps(
                {
                    **{"site": "clinic", "room": "a", "boot": 1, "seq": seq},
                    **{"ts": "2026-01-01T00:00:00Z", "series": series, "entry": 1, "late": False},
                    **{"session": None, "session_s": None},
                    **{"what": "noted", "category": None, "amends": None},
                }
            )
        )
        .model_dump_json()
        .encode()
    )


def fresh(rooms: Rooms, at_s: float) -> Freshness:
    return rooms.rooms["clinic", "a"].freshness(round(at_s * S))


def test_a_retained_state_is_unverified_until_the_first_live_one() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(1), True, 100 * S)
    assert fresh(rooms, 100.1) is Freshness.UNVERIFIED
    rooms.hear(f"{BASE}/state", state(2), False, 101 * S)
    assert fresh(rooms, 101.1) is Freshness.LIVE


@pytest.mark.parametrize(
    ("after_s", "shown"),
    [(5.9, "live"), (6.1, "STALE"), (19.9, "STALE"), (20.1, "NO DATA"), (9999.0, "NO DATA")],
)
def test_three_heartbeats_are_stale_and_ten_are_no_data(after_s: float, shown: str) -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(), False, 100 * S)
    assert fresh(rooms, 100 + after_s) == shown


def test_a_room_that_is_offline_has_no_data_however_new_its_state() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(), False, 100 * S)
    rooms.hear(f"{BASE}/availability", b"offline", False, 100 * S)
    assert fresh(rooms, 100) is Freshness.NO_DATA
    rooms.hear(f"{BASE}/availability", b"online", False, 100 * S)
    assert fresh(rooms, 100) is Freshness.LIVE
    rooms.hear(f"{BASE}/availability", b"stopped", False, 100 * S)
    assert fresh(rooms, 100) is Freshness.STOPPED


def test_our_own_lost_connection_makes_everything_unverified() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(), False, 100 * S)
    rooms.lost_sight()
    assert fresh(rooms, 100.1) is Freshness.UNVERIFIED


def test_an_older_state_does_not_replace_a_newer_one_nor_make_it_fresh() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(5, boot=2), False, 100 * S)
    rooms.hear(f"{BASE}/state", state(9, boot=1), False, 104 * S)
    assert rooms.rooms["clinic", "a"].state is not None
    assert rooms.rooms["clinic", "a"].state.seq == 5
    assert fresh(rooms, 107) is Freshness.STALE


def test_a_room_with_a_new_record_is_believed_though_its_numbers_begin_again() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(5, boot=9), False, 100 * S)
    again = state(1, boot=1, events={"series": "t", "last_seq": 0})
    rooms.hear(f"{BASE}/state", again, False, 101 * S)
    assert rooms.rooms["clinic", "a"].state is not None
    assert rooms.rooms["clinic", "a"].state.boot == 1


def test_keys_that_are_not_known_are_ignored() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(tomorrow={"more": [1]}), False, 100 * S)
    assert fresh(rooms, 100) is Freshness.LIVE
    assert rooms.not_understood == 0


def test_a_message_that_names_another_room_than_its_topic_is_not_believed() -> None:
    rooms = Rooms()
    rooms.hear("kaproom/1/clinic/b/state", state(), False, 100 * S)
    assert rooms.rooms == {}
    assert rooms.not_understood == 1


def test_a_gap_shows_in_the_middle_and_at_the_end() -> None:
    rooms = Rooms()
    for seq in (3, 4, 7):
        rooms.hear(f"{BASE}/event/note", note(seq), False, 100 * S)
    told = state(events={"series": "s", "last_seq": 9})
    rooms.hear(f"{BASE}/state", told, False, 100 * S)
    assert [(a, b) for _, a, b in rooms.missing()] == [(5, 6), (8, 9)]
    for seq in (6, 5, 9, 8):
        assert rooms.hear(f"{BASE}/event/note", note(seq), False, 100 * S) is not None
    assert list(rooms.missing()) == []
    assert rooms.hear(f"{BASE}/event/note", note(4), False, 100 * S) is None


@given(st.lists(st.integers(1, 60), min_size=1))
def test_each_number_is_new_once_and_what_is_missing_is_exactly_what_did_not_come(
    heard: list[int],
) -> None:
    numbers = Numbers()
    new = [seq for seq in heard if numbers.hear("s", seq)]
    came = {seq for seq in heard if seq >= heard[0]}
    assert sorted(new) == sorted(came)
    missing = {seq for a, b in numbers.missing() for seq in range(a, b + 1)}
    assert missing == set(range(heard[0], max(heard) + 1)) - came


def test_more_gaps_than_are_kept_are_closed_all_the_same() -> None:
    numbers, came = Numbers(), set()
    heard = [1, *range(3, 4000, 2)]  # every other one is missing, and they are many
    for _ in range(10):
        came |= {seq for seq in heard if numbers.hear("s", seq)}
        heard = [seq for first, last in numbers.missing() for seq in range(first, last + 1)]
    assert came == set(range(1, 4000))
    assert numbers.whole_to == numbers.newest == 3999


@given(
    topic=st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            [
                f"{BASE}/{t}"
                for t in ("state", "meta", "availability", "event/note", "attention/call")
            ]
        ),
    ),
    payload=st.one_of(st.binary(max_size=300), st.just(b"[" * 5000), st.just(state())),
)
def test_no_message_whatever_it_holds_breaks_a_subscriber(topic: str, payload: bytes) -> None:
    rooms = Rooms()
    rooms.hear(topic, payload, False, 1)
    for room in rooms.rooms.values():
        room.freshness(2)


def test_what_the_broker_repeats_of_a_live_state_makes_it_no_younger() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(1), False, 100 * S)
    rooms.hear(f"{BASE}/state", state(1), True, 105 * S)
    assert fresh(rooms, 107) is Freshness.STALE


def test_a_newer_state_that_was_only_kept_is_unverified_although_the_older_was_live() -> None:
    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(1), False, 100 * S)
    rooms.hear(f"{BASE}/state", state(2), True, 101 * S)
    assert fresh(rooms, 101) is Freshness.UNVERIFIED


def test_a_matter_that_the_state_does_not_name_any_more_is_over() -> None:
    def matter(seq: int) -> bytes:
        told = {
            **{"v": 1, "site": "clinic", "room": "a", "boot": 1, "seq": seq, "id": "1-1"},
            **{"ts": "2026-01-01T00:00:00Z", "since": "2026-01-01T00:00:00Z"},
            **{"code": "call", "priority": "assist"},
        }
        return json.dumps(told).encode()

    rooms = Rooms()
    rooms.hear(f"{BASE}/state", state(1), False, 100 * S)
    rooms.hear(f"{BASE}/attention/call", matter(2), False, 100 * S)
    rooms.hear(f"{BASE}/state", state(1), False, 100 * S)
    assert "call" in rooms.rooms["clinic", "a"].attention
    named = {"highest": "assist", "open": ["call"]}
    rooms.hear(f"{BASE}/state", state(3, attention=named), False, 100 * S)
    assert "call" in rooms.rooms["clinic", "a"].attention
    rooms.hear(f"{BASE}/state", state(4), False, 100 * S)
    assert rooms.rooms["clinic", "a"].attention == {}
