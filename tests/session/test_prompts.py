"""Prompts ask, notes answer; a prompt knows nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session.imagined import Room, profile, repertoire

from kaproom.session import events as e
from kaproom.session.prompts import PromptState, dues

STARTED_S = 300.0


def room(*prompts: dict[str, Any], started: bool = True) -> Room:
    plan = profile(prompts=list(prompts))
    made = Room(plan, repertoire(plan, pieces=1))
    if started:
        made.at(STARTED_S, e.Infused, what="started")
    return made


def vitals(*at_min: float, **more: Any) -> dict[str, Any]:
    return {"label": "Vitals", "category": "vital-signs-taken", "at_min": list(at_min)} | more


def taken(made: Room, minute: float, **late: float) -> None:
    made.at(STARTED_S + minute * 60, e.Noted, category="vital-signs-taken", **late)


def states(made: Room) -> list[str]:
    return [str(due.state) for due in dues(made.session)]


def test_a_prompt_is_ahead_then_due_then_overdue() -> None:
    made = room(vitals(10))
    for minute, state in ((9.9, "ahead"), (10.1, "due"), (12.1, "overdue")):
        made.wait_until(STARTED_S + minute * 60)
        assert states(made) == [state]


@pytest.mark.parametrize("minute", [7.5, 10.0, 12.0, 19.0])
def test_a_note_around_its_time_marks_it_as_done(minute: float) -> None:
    made = room(vitals(10))
    taken(made, minute)
    made.wait_until(STARTED_S + 1200)
    assert states(made) == ["done"]


def test_a_note_of_another_category_marks_nothing() -> None:
    made = room(vitals(10))
    made.at(STARTED_S + 600, e.Noted, category="tears")
    made.wait_until(STARTED_S + 700)
    assert states(made) == ["due"]


def test_a_note_shortly_before_the_next_one_is_the_next_ones() -> None:
    made = room(vitals(10, 20))
    taken(made, 18.0)
    assert states(made) == ["missed", "done"]


def test_what_was_missed_is_not_overdue_for_ever() -> None:
    made = room(vitals(10, 20))
    made.wait_until(STARTED_S + 16.9 * 60)
    assert states(made) == ["overdue", "ahead"]
    made.wait_until(STARTED_S + 17.1 * 60)
    assert states(made) == ["missed", "ahead"]


def test_a_late_entry_counts_for_when_it_was_made() -> None:
    made = room(vitals(10, 20))
    made.wait_until(STARTED_S + 20.5 * 60)
    taken(made, 20.5, ago_s=600.0)
    assert states(made) == ["done", "due"]


def test_moments_close_together_share_the_time_between_them() -> None:
    made = room(vitals(10, 12))
    taken(made, 10.5)
    taken(made, 11.5)
    assert states(made) == ["done", "done"]


def test_prompts_of_one_category_share_its_notes() -> None:
    made = room(vitals(10), vitals(20, label="Before the rate"))
    taken(made, 10.0)
    made.wait_until(STARTED_S + 20.5 * 60)
    assert states(made) == ["done", "due"]


def test_a_prompt_before_the_infusion_is_due_when_the_session_opens() -> None:
    made = room(vitals(-10, 0), started=False)
    made.wait_until(30.0)
    assert states(made) == ["due", "ahead"]
    assert dues(made.session)[1].at_s is None


def test_a_prompt_before_the_infusion_waits_for_its_minute_where_the_start_is_expected() -> None:
    made = room(vitals(-10, 0), started=False)
    made.do(e.Expected(0.0, 0.0, 900.0))
    made.wait_until(290.0)
    assert states(made) == ["ahead", "ahead"]
    made.wait_until(310.0)
    assert states(made) == ["due", "ahead"]
    made.at(320.0, e.Noted, category="vital-signs-taken")
    made.at(960.0, e.Infused, what="started")  # a minute later than was expected
    assert dues(made.session)[0].at_s == 360.0
    assert states(made) == ["done", "due"]


def test_a_prompt_may_wait_with_the_infusion_or_not() -> None:
    made = room(vitals(10), vitals(10, category="tears", shift_with_pauses=True))
    made.at(STARTED_S + 300, e.Infused, what="paused")
    made.at(STARTED_S + 500, e.Infused, what="resumed")
    times = {due.category: due.at_s for due in dues(made.session)}
    assert times["vital-signs-taken"] == STARTED_S + 600
    assert times["tears"] == pytest.approx(STARTED_S + 800)


def test_a_stopped_infusion_does_not_stop_the_prompts() -> None:
    made = room(vitals(10, shift_with_pauses=True))
    made.at(STARTED_S + 300, e.Infused, what="stopped")
    assert dues(made.session)[0].at_s == pytest.approx(STARTED_S + 600)


def test_nothing_is_asked_for_once_the_session_ends() -> None:
    made = room(vitals(10))
    made.wait_until(STARTED_S + 900)
    made.at(STARTED_S + 901, e.Ended)
    assert states(made) == ["missed"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8, unique=True),
    st.lists(st.integers(0, 3600), max_size=8),
    st.integers(0, 4000),
)
def test_every_note_answers_one_moment_at_most_and_one_at_most_is_open(
    at_min: list[int], notes_s: list[int], now_s: int
) -> None:
    made = room(vitals(*sorted(float(m) for m in at_min)))
    made.do(e.Tick(STARTED_S + 4000, STARTED_S + 4000))
    for at_s in notes_s:
        made.do(e.Noted(STARTED_S + at_s, made.now_s, "vital-signs-taken"))
    made.do(e.Tick(made.now_s + now_s, made.now_s + now_s))
    found = [due.state for due in dues(made.session)]
    assert found.count(PromptState.DONE) <= len(notes_s)
    assert sum(s in (PromptState.DUE, PromptState.OVERDUE) for s in found) <= 1
