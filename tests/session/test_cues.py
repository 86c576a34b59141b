"""When a piece in its place may be left."""

from __future__ import annotations

import pytest
from session.imagined import OCEAN, track

from kaproom.session.cues import PlannedCue, gone_s, next_exit_s
from kaproom.session.repertoire import Offer

# Four minutes of a file from 0:30 on, that began at 1000 s; it ends by itself at 1240 s.
SONG = track("song", 240.0, cue_in_s=30.0, exits_s=(90.0, 150.0))
CUE = PlannedCue("c7", SONG, 2, 1000.0, 8.0, -5.0, cue_in_s=30.0, end_s=1240.0)


def test_exits_are_counted_in_the_file_and_come_in_the_sessions_time() -> None:
    assert CUE.exits_at_s == (1060.0, 1120.0)
    assert CUE.moved(1007.5).exits_at_s == (1067.5, 1127.5)


@pytest.mark.parametrize(
    ("after_s", "exit_s"), [(1003.0, 1060.0), (1060.0, 1060.0), (1060.1, 1120.0), (1190.0, 1228.0)]
)
def test_the_next_exit_is_a_marked_one_or_the_end(after_s: float, exit_s: float) -> None:
    assert next_exit_s(CUE, after_s, 60.0, 12.0) == exit_s


def test_an_exit_that_is_too_far_away_is_none() -> None:
    assert next_exit_s(CUE, 1130.0, 60.0, 12.0) is None


def test_a_piece_that_is_ending_is_left_at_once() -> None:
    assert next_exit_s(CUE, 1235.0, 60.0, 20.0) == 1235.0


def test_a_soundscape_may_be_left_at_any_moment() -> None:
    assert next_exit_s(PlannedCue("c8", OCEAN, 2, 900.0, 8.0, 0.0), 1003.0, 0.0, 8.0) == 1003.0


def test_a_silence_may_be_left_at_any_moment() -> None:
    hush = Offer(key="hush", title="hush", silence_s=120.0)
    cue = PlannedCue("c8", hush, 2, 900.0, 8.0, 0.0, end_s=1028.0)
    assert next_exit_s(cue, 920.0, 60.0, 20.0) == 920.0


def test_what_is_left_of_a_kept_piece_has_only_the_exits_that_are_left() -> None:
    kept = PlannedCue("c9", SONG, 2, 2000.0, 0.2, -5.0, cue_in_s=100.0, end_s=2170.0)
    assert kept.exits_at_s == (2050.0,)


def test_what_comes_in_quickly_covers_everything_before_it() -> None:
    slow = PlannedCue("c8", OCEAN, 2, 1220.0, 20.0, 0.0)
    quick = PlannedCue("c9", SONG, 2, 1223.0, 0.2, -5.0)
    assert gone_s((CUE, slow)) == [1240.0]
    assert gone_s((CUE, slow, quick)) == [1223.2, 1223.2]
    assert gone_s((CUE,)) == gone_s(()) == []
