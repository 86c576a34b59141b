"""What the record tells of a session is what was, beside what was planned."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pasts import OPENED, Past
from session.imagined import profile, repertoire

from kaproom.arc.estimate import Lens
from kaproom.errors import WorldFailed
from kaproom.record import Written
from kaproom.retold import Happened, as_arc, drawn, happened
from kaproom.session import events as e

PLAN = profile(infusion={"planned_min": 40.0, "dose_mg": 35.0})


@pytest.fixture
def past() -> Past:
    """Seven minutes of settling, then an infusion."""
    begun = Past(PLAN, repertoire(PLAN))
    begun.minute(7, e.Infused, what="started")
    return begun


def told(past: Past) -> Happened:
    found = happened(past.entries)
    assert found is not None
    return found


def named(stretches: Any) -> list[tuple[str, float, float]]:
    return [(s.name, round(s.from_min, 3), round(s.to_min, 3)) for s in stretches]


def ended(past: Past, at_min: float) -> Happened:
    past.minute(at_min, e.Ended)
    past.minute(at_min + 1, e.Tick)
    return told(past)


def test_minutes_count_from_the_recorded_start(past: Past) -> None:
    was = ended(past, 97)
    assert (was.how, was.from_min, was.zero_s) == ("ended", -7, 420)
    assert was.to_min == pytest.approx(90, abs=0.5)
    assert was.opened_utc == OPENED.utc


def test_phases_as_they_were_stand_beside_those_planned(past: Past) -> None:
    past.minute(17, e.Infused, what="paused")
    past.minute(22, e.Infused, what="resumed")
    past.minute(40, e.Infused, what="stopped")
    arc = as_arc(ended(past, 60))
    assert named(arc.planned_phases)[:4] == [
        ("settling", -7, 0), ("onset", 0, 5), ("ascent", 5, 15), ("peak", 15, 35)
    ]  # fmt: skip
    assert named(arc.phases)[:5] == [
        ("settling", -7, 0), ("onset", 0, 5), ("ascent", 5, 20), ("peak", 20, 33),
        ("descent", 33, 48),
    ]  # fmt: skip
    assert arc.phases[-1].to_min == arc.to_min
    assert named(arc.flow.runs) == [("infusion", 0, 10), ("infusion", 15, 33)]
    assert arc.planned_flow is not None
    assert named(arc.planned_flow.runs) == [("infusion", 0, 40)]


def test_what_people_did_with_the_sound_has_its_time(past: Past) -> None:
    past.minute(10, e.Calmed)
    past.minute(11, e.Ducked)
    past.minute(12, e.Returned)
    past.minute(20, e.WentAway)
    past.minute(24, e.CameBack)
    past.minute(30, e.Held)
    past.minute(41, e.Advanced)
    past.minute(50, e.Faded)
    was = ended(past, 52)
    *earlier, fade = sorted(named(was.hands), key=lambda hand: hand[1])
    assert earlier == [("calm", 3, 5), ("duck", 4, 5), ("away", 13, 17), ("hold", 23, 34)]
    assert fade == ("fade", 43, round(was.to_min, 3))


def test_a_hold_that_ended_by_itself_ended_then(past: Past) -> None:
    past.minute(30, e.Held, for_min=5.0)
    assert named(ended(past, 52).hands) == [("hold", 23, 28)]


def test_what_befell_the_sound_has_its_time(past: Past) -> None:
    past.fact(600, "sound", {"state": "device-lost", "was": "playing"})
    past.fact(610, "sound", {"state": "unplanned-silence", "was": "device-lost"})
    past.fact(660, "sound", {"state": "playing", "was": "unplanned-silence"})
    cue = past.session.cue_at(900)
    assert cue is not None
    past.at(900, e.SourceFailed, cue=cue.id, why="a.flac: breaks off")
    past.minute(20, e.Noted, category="tears")
    past.boot_id = "c" * 32
    past.fact(1500, "sound", {"state": "playing", "was": ""})
    found = named(told(past).interruptions)
    assert found[0] == ("no sound", 3, 4)
    assert found[1][:2] == ("file failed", 8)
    assert found[1][2] < 9
    assert found[2] == ("machine down", 13, 18)


def test_notes_stand_as_they_were_corrected(past: Past) -> None:
    tears = past.minute(12, e.Noted, category="tears")
    nausea = past.minute(14, e.Noted, category="nausea", ago_s=60.0, recalled=True)
    past.minute(15, e.Amended, seq=tears, category="speech")
    past.minute(16, e.Amended, seq=nausea, in_error=True)
    was = told(past)
    assert [(n.seq, n.at_min, n.label, n.late, n.in_error) for n in was.notes] == [
        (tears, 5, "Speech", False, False),
        (nausea, 6, "Nausea", True, True),
    ]
    assert [(note.label, note.at_min) for note in as_arc(was).notes] == [("Speech", 5)]


def test_a_prompt_that_no_note_answered_is_told(past: Past) -> None:
    past.minute(17, e.Noted, category="vital-signs-taken")
    asked = {round(a.at_min): a.done for a in ended(past, 40).prompts if a.at_min > 0}
    assert asked[10] is True
    assert asked[20] is False
    assert max(asked) <= 34


def test_pieces_are_those_that_were_begun(past: Past) -> None:
    past.minute(9, e.Skipped)
    was = ended(past, 20)
    arc = as_arc(was)
    assert [t.title for t in arc.tracks] == [cue.offer.title for cue in was.cues]
    assert all(track.from_min < arc.to_min for track in arc.tracks)
    assert [cue.start_s for cue in was.planned_cues] != [cue.start_s for cue in was.cues]


def test_a_session_that_is_on_is_told_up_to_its_last_entry(past: Past) -> None:
    past.minute(12, e.Noted, category="tears")
    was = told(past)
    assert (was.how, was.to_min) == ("open", 5)
    assert as_arc(was).subtitle.endswith("as it is, still open, beside the plan")


def test_a_session_without_an_infusion_counts_from_its_opening() -> None:
    past = Past(PLAN, repertoire(PLAN))
    past.minute(12, e.Noted, category="tears")
    arc = as_arc(told(past))
    assert (arc.from_min, arc.to_min, arc.notes[0].at_min) == (0, 12, 12)
    assert arc.axis == "minutes from the opening; no infusion was recorded"
    assert (arc.estimate, arc.planned_phases, arc.planned_flow) == (None, (), None)
    assert drawn(told(past)).startswith(b"<?xml")


def test_the_band_is_left_out_where_the_dose_is_not_known() -> None:
    by_weight = profile(infusion={"planned_min": 40.0, "dose_mg_per_kg": 0.5})
    past = Past(by_weight, repertoire(by_weight))
    past.minute(7, e.Infused, what="started")
    was = ended(past, 60)
    assert as_arc(was).estimate is None
    weighed = as_arc(was, Lens(weight_kg=91.0))
    assert weighed.estimate is not None
    assert "population estimate" in weighed.estimate.words
    assert "91" not in json.dumps([weighed.estimate.basis, weighed.title, weighed.subtitle])


def test_the_same_record_gives_the_same_picture(past: Past) -> None:
    was = ended(past, 60)
    first = drawn(was)
    assert first == drawn(told(past))
    assert drawn(was, kind="png").startswith(b"\x89PNG")


def test_entries_that_do_not_begin_with_a_start_tell_of_nothing(past: Past) -> None:
    assert happened(past.entries[1:]) is None
    assert happened([]) is None


def test_a_start_that_cannot_be_read_says_so(past: Past) -> None:
    first = past.entries[0]
    broken = replace(first.entry, fields={**first.entry.fields, "profile": {"title": "x"}})
    with pytest.raises(WorldFailed, match="entry 1: the profile in it is not one"):
        happened([Written(1, "0" * 64, broken)])
