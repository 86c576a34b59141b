"""A session under clocks that step, sleep and change to winter time: its own times stay right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from handclock import HandClock
from silentroom import SilentRoom

from kaproom.clock import NS_PER_S


@pytest.fixture
def room(tmp_path: Path) -> SilentRoom:
    made = SilentRoom(tmp_path)
    made.passes(60)
    made.does("infusion", what="started")
    made.passes(60)
    return made


def stepped(by_s: float) -> Callable[[HandClock], None]:
    def step(hand: HandClock) -> None:
        hand.utc += timedelta(seconds=by_s)

    return step


@pytest.mark.parametrize(
    ("happens", "passed_s", "kind", "steps"),
    [
        (stepped(3600.0), 0.0, "clock-step", 1),
        (stepped(-3600.0), 0.0, "clock-step", 1),
        (lambda hand: hand.sleep(300.0), 300.0, "suspended", 0),
        # 02:30 comes a second time in Berlin, and is nothing to UTC
        (lambda hand: hand.advance(1800.0), 1800.0, None, 0),
    ],
)
def test_session_times_are_those_of_the_infusion(
    room: SilentRoom,
    happens: Callable[[HandClock], None],
    passed_s: float,
    kind: str | None,
    steps: int,
) -> None:
    happens(room.hand)
    room.passes(60)
    note = room.does("note", category="tears")
    assert note.session_s == pytest.approx(120.0 + passed_s)
    assert note.infusion_s == pytest.approx(120.0 + passed_s)
    seen = [one.kind for one in room.entries if one.kind in ("clock-step", "suspended")]
    assert seen == ([] if kind is None else [kind])
    assert note.clock is not None
    assert note.clock == {"synced": True, "offset_s": 0.0001, "max_error_s": 0.002, "steps": steps}
    started = room.of_kind("infusion")[0]
    assert note.at.mono_ns - started.at.mono_ns == round((120 + passed_s) * NS_PER_S)


def test_a_late_entry_after_a_step_is_told_by_the_clock_of_the_session(room: SilentRoom) -> None:
    stepped(3600.0)(room.hand)
    room.passes(30)
    note = room.does("note", category="tears", ago_s=60.0)
    assert note.late and note.session_s == pytest.approx(30.0)


def test_steps_are_counted_on_by_the_next_daemon(room: SilentRoom) -> None:
    stepped(3600.0)(room.hand)
    room.passes(10)
    stepped(-1800.0)(room.hand)  # while nobody looks
    room.killed_and_started()
    room.passes(10)
    assert [x.fields["by_s"] for x in room.of_kind("clock-step")] == [3600.0, -1800.0]
    note = room.does("note", category="tears")
    assert note.clock is not None and note.clock["steps"] == 2
    assert note.session_s == pytest.approx(80.0)
