"""Clocks that step and machines that sleep, with a hand clock; the machine's is not touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from handclock import HandClock

from kaproom import clock
from kaproom.clock import Instant
from kaproom.room.clockwatch import ClockWatch
from kaproom.timex import Discipline


def watching(hand: HandClock, kept: Discipline | None = None) -> ClockWatch:
    watch = ClockWatch(lambda: hand.awake_ns, lambda: kept)
    for _ in range(4):
        hand.advance(0.25)
        assert watch.look(hand.now) == []
    return watch


def looks(watch: ClockWatch, hand: HandClock, times: int = 8) -> list[tuple[str, float]]:
    seen = []
    for _ in range(times):
        hand.advance(0.25)
        seen += watch.look(hand.now)
    return [(one.kind, next(iter(one.fields.values()))) for one in seen]


@pytest.mark.parametrize("by_s", [3600.0, -3600.0, 0.4, -1.5])
def test_a_wall_clock_that_steps_is_seen_once(by_s: float) -> None:
    hand = HandClock()
    watch = watching(hand)
    hand.utc += timedelta(seconds=by_s)
    assert looks(watch, hand) == [("clock-step", by_s)]
    assert watch.facts["steps"] == 1


def test_a_clock_that_is_slewed_is_no_step_however_far_it_goes() -> None:
    hand = HandClock()
    watch = watching(hand)
    for _ in range(4000):
        hand.advance(0.25)
        hand.utc += timedelta(microseconds=125)
        assert watch.look(hand.now) == []


def test_a_reading_that_was_held_up_is_no_step() -> None:
    hand = HandClock()
    watch = watching(hand)
    held_up = Instant(hand.mono_ns, clock.boot_id(), hand.utc + timedelta(seconds=2))
    assert watch.look(held_up) == []
    assert looks(watch, hand) == []


def test_a_sleep_is_seen_and_is_no_step() -> None:
    hand = HandClock()
    watch = watching(hand)
    hand.sleep(95.0)
    assert looks(watch, hand) == [("suspended", 95.0)]
    assert watch.facts["steps"] == 0


def test_summer_time_is_nothing_to_a_clock_in_utc() -> None:
    hand = HandClock()  # half an hour before 02:30 comes a second time in Berlin
    watch = watching(hand)
    for _ in range(120):
        hand.advance(60.0)
        assert watch.look(hand.now) == []


def test_a_step_while_no_daemon_looked_is_seen_by_the_next() -> None:
    hand = HandClock()
    before = hand.now
    hand.advance(20.0)
    hand.utc -= timedelta(hours=1)
    watch = ClockWatch(lambda: hand.awake_ns, lambda: None)
    watch.compare(before)
    assert looks(watch, hand) == [("clock-step", -3600.0)]


def test_another_boots_clocks_are_not_compared() -> None:
    hand = HandClock()
    watch = ClockWatch(lambda: hand.awake_ns, lambda: None)
    watch.compare(Instant(1, "another", hand.utc))
    assert looks(watch, hand) == []


def test_what_the_kernel_says_goes_with_every_entry() -> None:
    watch = watching(HandClock(), Discipline(True, 1500, -0.00025))
    assert watch.facts == {"synced": True, "offset_s": -0.00025, "max_error_s": 0.0015, "steps": 0}
    assert watching(HandClock()).facts["synced"] is None
    watch.begin(2)
    assert watch.facts["steps"] == 2
