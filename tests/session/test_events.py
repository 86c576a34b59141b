"""Events to the record and back, and times as people write them."""

from __future__ import annotations

import json

import pytest

from kaproom.session import events as e

EVERY = [
    e.Infused(3.5, 4.5, "rate", 12.5, "mL/h"),
    e.Infused(3.5, 3.5, "started"),
    e.Noted(1.1, 200.2, "tears", "said 'ça va'"),
    e.Noted(1.1, 200.2, "tears", by="AB", recalled=True, integration=True),
    e.NotedAgain(1.1, 1.2, 3, "tears"),
    e.Worded(1.1, 90.2, 17, 3, "quiet"),
    e.Amended(5.0, 5.0, 17, text="no", in_error=True),
    e.Amended(5.0, 5.0, 17, note=3, moved_to_s=2.5, by="CD"),
    e.Present(5.0, 5.0, "AB CD"),
    e.Expected(0.0, 0.0, 900.0),
    e.WorkedOff(5.0, 5.0, "after", [{"item": "Steady", "state": "confirmed"}], "16:40"),
    e.Held(1.0, 1.0, for_min=7.5),
    e.Advanced(1.0, 1.0, sure=False),
    e.Calmed(1.0, 1.0),
    e.Skipped(1.0, 1.0),
    e.Ducked(1.0, 1.0),
    e.Faded(1.0, 1.0, at_once=True),
    e.Returned(1.0, 1.0),
    e.Levelled(1.0, 1.0, -2.5),
    e.WentAway(1.0, 1.0),
    e.CameBack(1.0, 1.0, rejoin=True),
    e.Ended(1.0, 1.0, by="console"),
    e.Interrupted(5.0, 5.0, 130.2),
    e.Continued(5.0, 5.0, 14.5, None),
    e.SignedOff(5.0, 5.0, "AB"),
    e.SourceFailed(1.0, 1.0, "c7", "gone"),
    e.Shifted(1.0, 1.0, 0.35),
]


@pytest.mark.parametrize("event", EVERY, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_the_record_as_it_was(event: e.Event) -> None:
    data = json.loads(json.dumps(event.to_data()))
    assert e.event_from(event.kind, event.at_s, event.entered_s, data) == event


def test_every_event_but_the_tick_is_recorded() -> None:
    kinds = {cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Event)}
    assert kinds - {e.Event, e.Tick} == {type(event) for event in EVERY}
    assert e.event_from("tick", 1.0, 1.0, {}) is None


def test_what_else_the_record_holds_is_no_event() -> None:
    assert e.event_from("sound", 1.0, 1.0, {"state": "playing"}) is None


def test_facts_of_a_later_version_are_passed_over() -> None:
    event = e.event_from("hold", 1.0, 1.0, {"softly": True})
    assert event == e.Held(1.0, 1.0)


def test_an_advance_of_yesterdays_record_was_meant() -> None:
    assert e.event_from("advance", 1.0, 1.0, {}) == e.Advanced(1.0, 1.0, sure=True)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("3m", 180), ("2m30s", 150), ("1h5m", 3900), ("3 min", 180), ("0.5s", 0.5)],
)
def test_a_time_ago_is_written_as_people_do(written: str, seconds: float) -> None:
    assert e.ago_s(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "90", "-3m", "3 hours", "m", "1.5m", "10:30", "3m3m", "9" * 400 + "h"]
)
def test_what_is_no_time_ago_shows_how_it_is_written(written: str) -> None:
    with pytest.raises(ValueError, match="90s, 3m or 2m30s"):
        e.ago_s(written)


def test_an_entry_is_late_when_its_time_is_told_from_memory() -> None:
    assert e.Noted(10.0, 190.0, "tears", recalled=True).late
    assert e.Infused(10.0, 190.0, "started").late
    assert not e.Infused(189.5, 190.0, "started").late


def test_a_key_press_that_had_to_wait_for_a_restart_is_not_late() -> None:
    assert not e.Noted(10.0, 190.0, "tears").late
