"""What the screens are told: one snapshot, in plain values."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from session.imagined import Room, profile, repertoire, track

from kaproom.session import events as e
from kaproom.session.machine import LEAD_S
from kaproom.session.repertoire import Offer
from kaproom.session.status import NO_SOUND, Sound, SoundState, heard, snapshot, sound_state

SEVEN = profile()
STARTED_S = 260.0
FLOWS = Sound("headphones", None, True, -23.0, -6.0, 0)


def room(at_s: float) -> Room:
    made = Room(SEVEN, repertoire(SEVEN))
    if at_s >= STARTED_S:
        made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(at_s)
    return made


def told(made: Room, sound: Sound = FLOWS) -> dict[str, Any]:
    return snapshot(made.session, sound)


def test_a_snapshot_is_plain_values() -> None:
    made = room(1000.0)
    for sound in (FLOWS, NO_SOUND):
        json.dumps(told(made, sound), allow_nan=False)


def test_before_the_infusion_the_times_to_come_are_unknown() -> None:
    snapshot_of = told(room(100.0))
    assert snapshot_of["session"]["session_s"] is None
    assert snapshot_of["session"]["end_in_s"] is None
    assert snapshot_of["phase"]["remaining_s"] is None
    assert snapshot_of["phases"][1]["start_in_s"] is None
    assert snapshot_of["infusion"]["elapsed_s"] is None


def test_times_count_down_to_what_comes() -> None:
    snapshot_of = told(room(STARTED_S + 60))
    assert snapshot_of["session"]["session_s"] == 60.0
    assert snapshot_of["phase"]["name"] == "onset" and snapshot_of["phase"]["next"] == "ascent"
    assert snapshot_of["phase"]["remaining_s"] == 240.0
    assert snapshot_of["session"]["end_in_s"] == 90 * 60 - 60
    assert snapshot_of["infusion"]["remaining_s"] == 40 * 60 - 60


def test_a_paused_infusion_stops_the_countdown() -> None:
    made = room(STARTED_S + 60)
    made.at(made.now_s, e.Infused, what="paused")
    made.wait_until(made.now_s + 500)
    snapshot_of = told(made)
    assert snapshot_of["phase"]["remaining_s"] == 240.0
    assert snapshot_of["phases"][3]["start_in_s"] == pytest.approx(14 * 60)
    assert snapshot_of["infusion"]["remaining_s"] == pytest.approx(39 * 60)


def test_a_held_phase_has_no_end() -> None:
    made = room(STARTED_S + 60)
    made.at(made.now_s, e.Held)
    snapshot_of = told(made)
    assert snapshot_of["phase"]["held"] and snapshot_of["phase"]["remaining_s"] is None
    assert snapshot_of["session"]["end_in_s"] is None


def test_of_a_stopped_infusion_nothing_remains() -> None:
    made = room(STARTED_S + 600)
    made.at(made.now_s, e.Infused, what="stopped")
    assert told(made)["infusion"] == {
        "state": "stopped",
        "elapsed_s": 600.0,
        "planned_s": 2400.0,
        "remaining_s": 0.0,
        "end_in_s": None,
    }


def test_a_pause_puts_off_the_infusions_end() -> None:
    made = room(STARTED_S + 600)
    assert told(made)["infusion"]["end_in_s"] == pytest.approx(1800)
    made.at(made.now_s, e.Infused, what="paused")
    made.wait_until(STARTED_S + 720)
    assert told(made)["infusion"]["end_in_s"] == pytest.approx(1800)


def test_three_pieces_to_come_are_told_and_the_one_that_sounds() -> None:
    sound = told(room(STARTED_S + 60))["sound"]
    assert sound["now"]["title"] == "onset 2" and not sound["now"]["generated"]
    assert [c["title"] for c in sound["coming"]] == ["pad", "ascent 1", "ascent 4"]
    assert sound["coming"][0]["in_s"] > 0


def test_the_last_note_is_the_last_to_be_made() -> None:
    made = room(STARTED_S + 600)
    made.at(made.now_s, e.Noted, category="tears")
    made.at(made.now_s + 10, e.Noted, category="speech", ago_s=300.0)
    notes = told(made)["notes"]
    keys = notes.pop("keys")
    assert notes == {"count": 2, "last_s": 10.0, "last_category": "tears"}
    assert {"key": "t", "category": "tears", "label": "Tears"} in keys


def test_prompts_are_counted_for_the_screens() -> None:
    made = room(STARTED_S + 12.5 * 60)
    prompts = told(made)["prompts"]
    assert prompts["overdue"] == 1 and prompts["next_in_s"] == pytest.approx(7.5 * 60)


# -- one word for the sound


LOST = replace(FLOWS, lost="unplugged")
STILL = replace(FLOWS, running=False)


@pytest.mark.parametrize(
    ("deeds", "sound", "word"),
    [
        ([], FLOWS, SoundState.PLAYING),
        ([e.Calmed], FLOWS, SoundState.CALM),
        ([e.Calmed, e.Ducked], FLOWS, SoundState.DUCKED),
        ([e.Ducked, e.Faded], FLOWS, SoundState.FADED),
        ([e.Faded, e.WentAway], FLOWS, SoundState.AWAY),
        ([e.WentAway, e.CameBack], FLOWS, SoundState.AWAY),
        ([e.Faded, e.WentAway, e.CameBack], FLOWS, SoundState.AWAY),
        ([e.Faded, e.Calmed], FLOWS, SoundState.FADED),
        ([e.Ended], FLOWS, SoundState.FADED),
        ([], LOST, SoundState.DEVICE_LOST),
        ([e.WentAway], LOST, SoundState.DEVICE_LOST),
        ([], STILL, SoundState.UNPLANNED_SILENCE),
        ([e.Faded], STILL, SoundState.UNPLANNED_SILENCE),
    ],
)
def test_one_word_for_what_is_heard_the_gravest_first(
    deeds: list[type[e.Event]], sound: Sound, word: SoundState
) -> None:
    made = room(1000.0)
    for kind in deeds:
        made.at(made.now_s + 1, kind)
    assert sound_state(made.session, sound) is word


# -- planned silence


def hushed(at_s: float) -> Room:
    """The onset's first piece is followed by half a minute of silence."""
    hush = Offer(key="hush", title="hush", silence_s=30.0, group="g")
    onset = (track("first", 120.0, group="g"), hush, track("second", 150.0))
    made = Room(SEVEN, repertoire(SEVEN, sections={"onset": onset}))
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(at_s)
    return made


def test_a_planned_silence_is_announced_with_its_beginning_and_end() -> None:
    made = hushed(STARTED_S + 60.0)
    coming = told(made)["sound"]["coming"]
    assert coming[0]["title"] == "hush" and coming[1]["silence"] is None
    # The piece entered 3 s after the start, and has faded out after its 120 s.
    assert coming[0]["silence"] == {
        "begins_in_s": pytest.approx(63.0),
        "ends_in_s": pytest.approx(93.0),
    }
    assert coming[1]["in_s"] == pytest.approx(93.0)


@pytest.mark.parametrize(
    ("after_s", "deeds", "sound", "word"),
    [
        (122.0, [], FLOWS, SoundState.PLAYING),
        (124.0, [], FLOWS, SoundState.PLANNED_SILENCE),
        (152.0, [], FLOWS, SoundState.PLANNED_SILENCE),
        (154.0, [], FLOWS, SoundState.PLAYING),
        (130.0, [], STILL, SoundState.UNPLANNED_SILENCE),
        (130.0, [], LOST, SoundState.DEVICE_LOST),
        (130.0, [e.Faded], FLOWS, SoundState.FADED),
        (130.0, [e.Ducked], FLOWS, SoundState.PLANNED_SILENCE),
    ],
)
def test_a_planned_silence_is_told_from_every_failure(
    after_s: float, deeds: list[type[e.Event]], sound: Sound, word: SoundState
) -> None:
    made = hushed(STARTED_S + after_s)
    for kind in deeds:
        made.at(made.now_s, kind)
    assert sound_state(made.session, sound) is word


def test_calm_comes_softly_out_of_a_planned_silence() -> None:
    made = hushed(STARTED_S + 130.0)
    made.at(made.now_s, e.Calmed)
    assert made.session.cues[-1].crossfade_s >= 10.0
    made.wait_until(made.now_s + 4.0)
    assert sound_state(made.session, FLOWS) is SoundState.CALM


def test_without_a_session_or_after_it_the_sound_is_off() -> None:
    assert sound_state(None, STILL) is SoundState.OFF
    made = room(1000.0)
    made.at(1001.0, e.Ended)
    made.wait_until(1020.0)
    assert sound_state(made.session, STILL) is SoundState.OFF


# -- what was audible


def test_the_record_is_told_the_piece_and_the_place_in_it() -> None:
    made = room(STARTED_S + 60.0 + LEAD_S)
    found = heard(made.session, made.now_s)
    assert found is not None
    assert (found["title"], found["silent"]) == ("onset 2", False)
    assert found["position_s"] == pytest.approx(60.0)


def test_a_late_note_is_told_what_was_audible_then() -> None:
    made = room(STARTED_S + 100)
    made.at(made.now_s, e.Faded)
    made.at(made.now_s + 60, e.Returned)
    made.wait_until(STARTED_S + 500)
    silent, again = heard(made.session, STARTED_S + 130), heard(made.session, STARTED_S + 200)
    assert silent is not None and silent["silent"] and silent["title"] == "onset 2"
    assert again is not None and not again["silent"]
    assert heard(made.session, -inf) is None


def test_the_place_in_a_piece_is_right_after_a_standstill() -> None:
    made = room(STARTED_S + 60.0 + LEAD_S)
    made.at(made.now_s, e.Shifted, by_s=2.5)
    found = heard(made.session, made.now_s)
    assert found is not None and found["position_s"] == pytest.approx(57.5)
