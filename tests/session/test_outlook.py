"""What lies ahead, and what a command would change of it: asked, never done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from session.imagined import Deed, Room, profile, profiles, repertoire, repertoires, stories, told
from session.test_machine import MANY, walk

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.machine import LEAD_S, Stage, step
from kaproom.session.outlook import outlook, preview
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

SEVEN = profile()
STARTED_S = 260.0
PEAK_S = STARTED_S + 15 * 60


def room(at_s: float) -> Room:
    made = Room(SEVEN, repertoire(SEVEN))
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(at_s)
    return made


def asked(made: Room, kind: type[e.Event], ago_s: float = 0.0, **facts: Any) -> dict[str, Any]:
    before = made.session
    found = preview(made.session, kind(made.now_s - ago_s, made.now_s, **facts))
    assert made.session is before
    json.dumps(found, allow_nan=False)
    return found


def test_the_end_the_next_phase_and_three_pieces_are_told_on_both_clocks() -> None:
    made = room(PEAK_S + 100)
    ahead = outlook(made.session)
    assert ahead["end_in_s"] == 75 * 60 - 100 and ahead["waits_for"] is None
    assert ahead["change"] == {"phase": "descent", "in_s": 1100.0, "infusion_s": 35 * 60.0}
    assert [c["title"] for c in ahead["cues"]] == ["peak 2", "peak 3", "peak 4"]
    for cue in ahead["cues"]:
        assert cue["infusion_s"] == pytest.approx(15 * 60 + 100 + cue["in_s"])


def test_a_preview_of_a_stop_tells_the_new_end_and_the_descent() -> None:
    made = room(PEAK_S + 100)
    found = asked(made, e.Infused, what="stopped")
    assert (found["before"]["phase"], found["after"]["phase"]) == ("peak", "descent")
    assert found["after"]["end_in_s"] == pytest.approx(55 * 60)
    first = found["after"]["cues"][0]
    assert (first["title"], first["phase"], first["in_s"]) == ("descent 1", "descent", LEAD_S)
    assert first["infusion_s"] is None
    assert made.session.infusion.stopped_at_s is None


def test_a_preview_of_a_hold_tells_that_the_end_is_open_and_until_when() -> None:
    made = room(PEAK_S + 100)
    ahead = asked(made, e.Held)["after"]
    assert (ahead["end_in_s"], ahead["waits_for"], ahead["change"]) == (None, "advance", None)
    ahead = asked(made, e.Held, for_min=30.0)["after"]
    assert ahead["waits_for"] is None and ahead["change"]["phase"] == "descent"
    assert ahead["change"]["in_s"] == pytest.approx(1800.0)


def test_a_preview_of_a_pause_says_that_it_waits_for_the_infusion() -> None:
    ahead = asked(room(PEAK_S + 100), e.Infused, what="paused")["after"]
    assert ahead["waits_for"] == "infusion" and ahead["end_in_s"] == 75 * 60 - 100


def test_a_preview_of_an_advance_never_asks_and_says_whether_it_would() -> None:
    denser = tuple(
        p.model_copy(update={"intensity": i / 10})
        for p, i in zip(SEVEN.phases, (1, 3, 5, 7, 4, 2, 2), strict=True)
    )
    plan = SEVEN.model_copy(update={"phases": denser})
    made = Room(plan, repertoire(plan))
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(STARTED_S + 400)
    assert asked(made, e.Advanced, sure=False)["more_intense"]
    made.wait_until(PEAK_S + 100)
    assert not asked(made, e.Advanced, sure=False)["more_intense"]


def test_a_preview_of_the_end_has_nothing_ahead_but_the_fade() -> None:
    ahead = asked(room(PEAK_S), e.Ended)["after"]
    assert (
        not ahead["open"]
        and ahead["cues"] == []
        and ahead["end_in_s"] == 8.5
        and ahead["change"] is None
    )


def test_a_preview_of_what_would_be_refused_is_refused_with_the_same_line() -> None:
    made = room(PEAK_S)
    with pytest.raises(Refused, match="nothing is paused"):
        asked(made, e.Infused, what="resumed")


@pytest.mark.parametrize(
    ("kind", "facts"),
    [(e.Noted, {"category": "tears"}), (e.Ducked, {}), (e.Levelled, {"by_db": 1.0})],
)
def test_what_changes_nothing_ahead_has_no_preview(
    kind: type[e.Event], facts: dict[str, Any]
) -> None:
    with pytest.raises(Mend, match="no preview"):
        asked(room(PEAK_S), kind, **facts)


@MANY
@given(profiles(), repertoires(), stories(), stories(max_deeds=3))
def test_a_preview_tells_what_comes_to_pass_if_it_is_done(
    plan: Profile, music: Repertoire, story: list[Deed], then: list[Deed]
) -> None:
    *_, (_, _, session, _) = walk(plan, music, story)
    for deed in then:
        event = deed.event(session.now_s + deed.after_s)
        try:
            found = preview(session, event)
        except (Mend, Refused):
            continue
        done, _, _ = told(session, Deed(deed.after_s, deed.kind, {**deed.facts, **_sure(event)}))
        if deed.ago_s:
            done, _ = step(session, event)
        ahead = {k: v for k, v in found["after"].items() if k not in ("phase", "open")}
        assert ahead == outlook(done)
        assert len(ahead["cues"]) <= 3 and all(c["in_s"] > 0 for c in ahead["cues"])
        if done.stage is Stage.OPEN and not done.course.held_for_good:
            assert found["after"]["phase"] == plan.phases[done.course.index].name


def _sure(event: e.Event) -> dict[str, bool]:
    return {"sure": True} if isinstance(event, e.Advanced) else {}
