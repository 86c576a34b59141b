"""Notes in a session: one press one note, amendments followed, what sounded then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session.imagined import Room, as_recorded, profile, repertoire

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.events import DOUBLE_S
from kaproom.session.machine import SILENT_DB, Session, opened, step
from kaproom.session.people import initials, present
from kaproom.session.prompts import dues
from kaproom.session.rules.notes import as_one
from kaproom.session.status import heard

STARTED_S = 260.0
SEVEN = profile(
    prompts=[{"label": "Vitals", "category": "vital-signs-taken", "at_min": [10.0]}],
)


def room(at_s: float = 700.0, tick_s: float = 5.0) -> Room:
    made = Room(SEVEN, repertoire(SEVEN), tick_s)
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(at_s)
    return made


def press(made: Room, at_s: float, category: str = "tears", **more: Any) -> e.Event:
    """A note as it comes in: at its key press's time, whenever it arrives."""
    event = as_one(made.session, e.Noted(at_s, made.now_s, category, **more))
    made.do(event)
    return event


# -- one press, one note


@pytest.mark.parametrize(("apart_s", "notes"), [(0.0, 1), (0.12, 1), (0.3, 1), (0.31, 2)])
def test_a_key_pressed_twice_within_300_ms_is_one_note(apart_s: float, notes: int) -> None:
    made = room()
    press(made, 699.0)
    again = press(made, 699.0 + apart_s)
    assert len(made.session.notes) == notes
    assert isinstance(again, e.NotedAgain) == (notes == 1)


def test_the_presses_decide_and_not_their_arrival() -> None:
    made = room()
    press(made, 690.0)
    made.wait_until(702.0)
    assert isinstance(press(made, 689.8), e.NotedAgain)  # it had waited for a restart
    press(made, 692.0)
    assert len(made.session.notes) == 2


def test_two_categories_at_once_are_two_notes() -> None:
    made = room()
    press(made, 699.0, "tears")
    press(made, 699.05, "nausea")
    assert [note.category for note in made.session.notes] == ["tears", "nausea"]


def test_two_texts_are_two_notes_however_close() -> None:
    made = room()
    press(made, 699.0, text="left hand")
    press(made, 699.1)
    press(made, 699.2, text="right hand")
    assert len(made.session.notes) == 2


def test_a_key_held_down_does_not_become_a_row_of_notes() -> None:
    made = room()
    for n in range(40):
        press(made, 690.0 + n * 0.033)
    assert len(made.session.notes) == 1


def test_late_entries_of_one_minute_are_each_a_note() -> None:
    made = room()
    for _ in range(2):
        press(made, 640.0, recalled=True)
    assert len(made.session.notes) == 2


@given(st.lists(st.integers(0, 3000).map(lambda ms: 600.0 + ms / 1000), max_size=12))
def test_however_they_arrive_no_two_notes_of_a_category_are_one_press(at_s: list[float]) -> None:
    made = room()
    for one_s in at_s:
        press(made, one_s)
    kept = [note.at_s for note in made.session.notes]
    assert all(any(abs(one - note) <= 3.0 for note in kept) for one in at_s)
    for number, one in enumerate(kept):
        assert all(abs(one - other) > DOUBLE_S for other in kept[number + 1 :])


# -- text, amendments, people


def test_a_text_completes_a_note_once() -> None:
    made = room()
    press(made, 699.0)
    made.at(760.0, e.Worded, seq=17, note=0, text="quiet")
    assert made.session.notes[0].worded
    with pytest.raises(Refused, match="kaproom amend 17 TEXT"):
        made.at(761.0, e.Worded, seq=17, note=0, text="loud")


def test_an_amended_time_moves_the_note_for_the_timers_too() -> None:
    made = room(STARTED_S + 20 * 60)
    press(made, made.now_s, "vital-signs-taken")
    assert str(dues(made.session)[0].state) == "done"
    made.at(made.now_s, e.Amended, seq=17, note=0, in_error=True)
    assert str(dues(made.session)[0].state) == "overdue"
    press(made, made.now_s, "tears")
    made.at(made.now_s, e.Amended, seq=18, note=1, category="vital-signs-taken")
    assert str(dues(made.session)[0].state) == "done"
    made.at(made.now_s, e.Amended, seq=18, note=1, moved_to_s=STARTED_S + 601)
    assert made.session.notes[1].at_s == STARTED_S + 601


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"category": "mood"}, "is not a note category"),
        ({"moved_to_s": 9_999.0}, "lies ahead"),
        ({"note": 7, "text": "x"}, "has no note 8"),
    ],
)
def test_an_amendment_that_cannot_be_changes_nothing(facts: dict[str, Any], words: str) -> None:
    made = room()
    press(made, 699.0)
    before = made.session
    with pytest.raises(Mend, match=words):
        made.at(made.now_s, e.Amended, seq=17, **({"note": 0} | facts))
    assert made.session == before


def test_notes_are_made_before_the_infusion_in_a_pause_and_after_the_end() -> None:
    made = Room(SEVEN, repertoire(SEVEN))
    made.at(30.0, e.Noted, category="comfort")
    made.at(STARTED_S, e.Infused, what="started")
    made.at(400.0, e.Infused, what="paused")
    made.at(410.0, e.Noted, category="tears")
    made.at(500.0, e.Ended)
    made.at(600.0, e.Noted, category="speech")
    made.at(90_000.0, e.Noted, category="integration", text="felt held", integration=True)
    assert len(made.session.notes) == 4
    assert heard(made.session, 600.0) is None


@pytest.mark.parametrize(
    "facts", [{"category": "integration"}, {"category": "speech", "integration": True}]
)
def test_what_is_said_afterwards_is_no_note_of_the_session(facts: dict[str, Any]) -> None:
    made = room()
    made.at(made.now_s, e.Noted, **facts)
    assert not made.session.notes[0].counts


def test_initials_are_short_and_never_a_name() -> None:
    assert present(["ab", " CD", "ab"]) == "AB CD"
    for wrong in ("Anna Berg", "A1", "", "Anna", 7, None):
        with pytest.raises(Mend, match="initials"):
            initials(wrong)
    with pytest.raises(Mend, match="at most 8"):
        present([*"ABCDEFGHI"])


# -- what sounded then


def test_a_late_entry_is_told_what_sounded_then_and_how_loud() -> None:
    made = room(700.0)
    then = heard(made.session, 699.0)
    assert then is not None and then["gain_db"] == -6.0 and not then["silent"]
    made.at(701.0, e.Levelled, by_db=-4.0)
    made.at(730.0, e.Faded)
    made.at(780.0, e.Returned)
    made.wait_until(1200.0)
    assert heard(made.session, 699.0) == then
    softer = heard(made.session, 710.0)
    silent = heard(made.session, 740.0)
    assert softer is not None and softer["gain_db"] == -10.0
    assert softer["loudness_lufs"] == pytest.approx(then["loudness_lufs"] - 4.0)
    assert silent is not None and silent["silent"] and silent["gain_db"] is None


def test_a_standstill_that_came_later_does_not_change_what_sounded() -> None:
    made = room(700.0)
    before = [heard(made.session, at_s) for at_s in (660.0, 699.0, 699.9)]
    made.at(705.0, e.Shifted, by_s=5.0)
    assert [heard(made.session, at_s) for at_s in (660.0, 699.0, 699.9)] == before
    stood = heard(made.session, 702.0)
    after = heard(made.session, 705.0)
    assert stood is not None and after is not None
    assert stood["silent"] and stood["position_s"] == after["position_s"]
    assert after["position_s"] == pytest.approx(before[2]["position_s"] + 0.1)  # type: ignore[index]


def test_two_pieces_that_cross_are_both_told() -> None:
    made = room(STARTED_S + 1.0)
    cue = made.session.cues[-1]
    cue = next(c for c in made.session.cues if c.start_s > 0)
    made.wait_until(cue.start_s + 5.0)
    told = heard(made.session, cue.start_s + 1.0)
    assert told is not None and told["cue"] == cue.id
    assert told["leaving"]["cue"] == made.session.cues[0].id
    gone = heard(made.session, cue.start_s + cue.crossfade_s + 0.1)
    assert gone is not None and "leaving" not in gone


def test_the_phase_of_a_late_entry_is_the_one_that_was_on() -> None:
    made = room(STARTED_S + 16 * 60)
    names = [p.name for p in SEVEN.phases]
    at = [made.session.phase_at(s) for s in (10.0, STARTED_S + 60, STARTED_S + 6 * 60, made.now_s)]
    assert [names[i] for i in at] == ["settling", "onset", "ascent", "peak"]


def test_all_of_it_comes_back_from_the_record() -> None:
    made = room(700.0)
    press(made, 699.0)
    press(made, 699.1)
    made.at(705.0, e.Shifted, by_s=5.0)
    made.at(710.0, e.Present, who="AB CD")
    made.at(720.0, e.Levelled, by_db=-4.0)
    made.at(721.0, e.Worded, seq=17, note=0, text="quiet")
    made.at(730.0, e.Faded)
    made.at(731.0, e.Amended, seq=17, note=0, moved_to_s=650.0, category="speech")
    made.wait_until(1900.0)
    session: Session = opened(made.session.profile, made.session.repertoire)[0]
    for event in [*as_recorded(made.recorded), e.Tick(1900.0, 1900.0)]:
        session, _ = step(session, event)
    assert session == made.session
    assert session.gain_db == SILENT_DB and session.who == "AB CD"
