"""What would be is what the room would do."""

from __future__ import annotations

from pathlib import Path

import pytest
from session.imagined import profile, repertoire

from kaproom.curation.history import read_history
from kaproom.curation.rehearsal import rehearsed
from kaproom.curation.whatif import OPENS_MIN, WhatIf, as_it_went, as_planned, minute

PLAN = profile(infusion={"planned_min": 40.0, "dose_mg": 35.0})
MUSIC = repertoire(PLAN)


@pytest.fixture
def went(tmp_path: Path) -> Went:
    return Went(tmp_path)


class Went:
    """Asks what a history would make of the session."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "h.csv"

    def __call__(self, *lines: str) -> WhatIf:
        self.file.write_text("\n".join(["minute,event,value", *lines]))
        return as_it_went(PLAN, MUSIC, read_history(self.file, OPENS_MIN))


def phases(way: WhatIf) -> dict[str, float | None]:
    return {s.name: None if s.start_s is None else minute(s.start_s) for s in way.spans}


def test_as_planned_is_the_rehearsal() -> None:
    way = as_planned(PLAN, MUSIC)
    spans, cues = rehearsed(PLAN, MUSIC)
    assert (way.spans, list(way.cues)) == (spans, cues)
    assert way.runs() == [(0, 40)]
    assert way.end_min == 90


def test_a_history_as_planned_has_the_planned_phases(went: Went) -> None:
    way = went("0,start,", "40,stop,")
    assert phases(way) == pytest.approx(phases(as_planned(PLAN, MUSIC)))


def test_a_late_start_and_a_pause_delay_what_is_to_come(went: Went) -> None:
    way = went("3,start,", "13,pause,", "18,resume,")
    assert phases(way) == pytest.approx(
        {"settling": -10, "onset": 3, "ascent": 8}
        | {"peak": 23, "descent": 43, "landing": 58, "recovery": 78}
    )
    assert way.end_min == pytest.approx(98)
    assert way.runs() == [(3, 13), (18, pytest.approx(48))]


def test_a_stop_leads_to_the_descent(went: Went) -> None:
    way = went("0,start,", "20,stop,")
    assert phases(way)["descent"] == pytest.approx(20)
    assert any(cue.phase_index == 4 and minute(cue.start_s) < 21 for cue in way.cues)


def test_what_waits_has_no_time(went: Went) -> None:
    way = went("0,start,", "10,pause,")
    assert way.paused
    assert phases(way)["ascent"] == pytest.approx(5)
    assert phases(way)["peak"] is None
    dosing = way.dosing(70)
    assert dosing is not None
    assert dosing.given_mg(500) == pytest.approx(8.75)


def test_the_dose_lies_where_it_was_given(went: Went) -> None:
    dosing = went("3,start,", "3,rate,1", "13,rate,0.5", "23,bolus,4", "33,stop,").dosing(70)
    assert dosing is not None
    given = [dosing.given_mg(at) for at in (3, 13, 22.9, 23, 33, 90)]
    assert given == pytest.approx([0, 10, 14.95, 19, 24, 24])


def test_prompts_follow_the_start(went: Went) -> None:
    asked = [at_min for _, at_min in went("5,start,").prompts()]
    assert asked[:3] == pytest.approx([-5, 5, 15])


def test_nothing_is_planned_before_it_is_heard(went: Went) -> None:
    way = went("0,start,", "7,pause,", "9,resume,", "22,stop,")
    starts = [cue.start_s for cue in way.cues]
    assert starts == sorted(starts)
    assert starts[0] == 0
