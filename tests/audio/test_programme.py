"""The programme: its law of crossfades and gains, its JSON, what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.audio.programme import (
    NEVER_FRAME,
    Bed,
    Cue,
    Programme,
    Quiet,
    Track,
    entrance,
    gone_frames,
    slewed_db,
    starting_gains_db,
)

RATE_HZ = 1_000
BED = Bed("pad", 7)

sources = st.one_of(
    st.builds(Track, st.just("a.flac"), st.floats(0, 100), st.none() | st.floats(101, 200)),
    st.builds(Bed, st.just("pad"), st.integers(0, 99), st.floats(0, 1), st.integers(0, 10**9)),
    st.just(Quiet()),
)


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    count = draw(st.integers(1, 6))
    starts = sorted(draw(st.lists(st.integers(5, 20_000), min_size=count, max_size=count)))
    cues = tuple(
        Cue(
            f"c{n}",
            start,
            draw(st.integers(0, 8_000)),
            BED if n == count - 1 else draw(sources),
            draw(st.floats(-40, 12)),
        )
        for n, start in enumerate(starts)
    )
    return Programme(cues, BED)


@given(programmes())
def test_the_shares_of_all_cues_always_make_one(programme: Programme) -> None:
    frames = np.arange(0, 30_000, 7)
    # What was before the first cue is silence, and has its share as well.
    left = np.ones(len(frames))
    power = np.zeros(len(frames))
    for cue in reversed(programme.cues):
        angle = np.pi / 2 * entrance(cue, frames)
        power += (left * np.sin(angle)) ** 2
        left = left * np.cos(angle)
    np.testing.assert_allclose(power + left**2, 1.0, atol=1e-12)


@given(programmes())
def test_nothing_is_left_of_a_cue_from_its_gone_frame_on(programme: Programme) -> None:
    cues = programme.cues
    gone = gone_frames(cues)
    assert gone[-1] == NEVER_FRAME
    for index, frame in enumerate(gone[:-1]):
        share = np.prod(
            [np.cos(np.pi / 2 * entrance(c, np.array([frame]))) for c in cues[index + 1 :]]
        )
        assert share == pytest.approx(0.0, abs=1e-12)
        assert all(c.start_frame + c.crossfade_frames >= frame for c in cues[index + 1 :])


@given(programmes())
def test_no_cue_makes_a_gain_rise_faster_than_1_db_per_s(programme: Programme) -> None:
    cues = programme.cues
    starts_db = starting_gains_db(cues, RATE_HZ)
    frames = np.arange(cues[0].start_frame, cues[-1].start_frame + 60_000)
    current = np.empty(len(frames))
    for cue, start_db in zip(cues, starts_db, strict=True):
        assert start_db <= cue.gain_db
        now = frames >= cue.start_frame
        current[now] = slewed_db(cue, start_db, frames[now], RATE_HZ)
    assert np.diff(current).max() <= 1.0 / RATE_HZ + 1e-9
    assert current[-1] == cues[-1].gain_db


@given(programmes())
def test_a_programme_survives_the_socket(programme: Programme) -> None:
    assert Programme.from_json(json.loads(json.dumps(programme.to_json()))) == programme


@given(programmes(), programmes(), st.integers(0, 25_000))
def test_a_change_leaves_alone_what_has_started(
    old: Programme, new: Programme, write_frame: int
) -> None:
    new = replace(new, cues=tuple(replace(c, id=f"new {c.id}") for c in new.cues))
    changed = old.replaced_after(write_frame, new)
    started = tuple(c for c in old.cues if c.start_frame < write_frame)
    assert changed.cues[: len(started)] == started
    assert all(c.start_frame >= write_frame for c in changed.cues[len(started) :])
    assert changed.fault() is None


def playable() -> dict[str, Any]:
    return Programme((Cue("a", 100, 50, Track("a.flac")), Cue("b", 900, 50, BED)), BED).to_json()


def spoiled(*path: str | int, value: object) -> dict[str, Any]:
    """A playable programme with one value changed."""
    values: Any = playable()
    place = values
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(values)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "not a programme"),
        ([], "not a programme"),
        (spoiled("cues", value=[]), "at least one cue"),
        (spoiled("cues", value=7), "not a programme"),
        (spoiled("cues", 0, value="x"), "not a programme"),
        (spoiled("cues", 0, "colour", value=1), "not a programme"),
        (spoiled("cues", 0, "start_frame", value="soon"), "whole numbers"),
        (spoiled("cues", 0, "start_frame", value=1.5), "whole numbers"),
        (spoiled("cues", 0, "start_frame", value=True), "whole numbers"),
        (spoiled("cues", 0, "start_frame", value=-1), "not negative"),
        (spoiled("cues", 0, "start_frame", value=5_000), "starts before"),
        (spoiled("cues", 0, "crossfade_frames", value=-3), "not negative"),
        (spoiled("cues", 0, "gain_db", value=None), "gain_db"),
        (spoiled("cues", 0, "gain_db", value=float("nan")), "gain_db"),
        (spoiled("cues", 0, "gain_db", value=90.0), "gain_db is 90.0"),
        (spoiled("cues", 0, "id", value="b"), "share an id"),
        (spoiled("cues", 0, "id", value=""), "the id"),
        (spoiled("cues", 0, "id", value=5), "texts"),
        (spoiled("cues", 0, "source", value=None), "not a programme"),
        (spoiled("cues", 0, "source", "kind", value="radio"), "unknown kind"),
        (spoiled("cues", 0, "source", "path", value=""), "path"),
        (spoiled("cues", 0, "source", "path", value=["a"]), "path"),
        (spoiled("cues", 0, "source", "cue_in_s", value=-1.0), "stretch of music"),
        (spoiled("cues", 0, "source", "cue_in_s", value="1"), "stretch of music"),
        (spoiled("cues", 0, "source", "cue_out_s", value=0.0), "stretch of music"),
        (spoiled("cues", 1, "source", "intensity", value=1.1), "intensity"),
        (spoiled("cues", 1, "source", "seed", value="seven"), "seed"),
        (spoiled("cues", 1, "source", value={"kind": "quiet"}), "must end in a bed"),
        (spoiled("fallback", value=None), "not a programme"),
        (spoiled("fallback", "soundscape", value=3), "soundscape"),
        (spoiled("fallback_gain_db", value="loud"), "fallback_gain_db"),
        (spoiled("ceiling_dbtp", value=0.0), "ceiling_dbtp is 0.0; it must be -60 to -1"),
        (spoiled("ceiling_lufs", value=-3.0), "ceiling_lufs is -3.0; it must be -60 to -10"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(values: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        Programme.from_json(values)
    assert "\n" not in str(caught.value)


def test_no_programme_may_ask_for_a_higher_ceiling_than_the_law_allows() -> None:
    assert Programme((Cue("b", 9, 0, BED),), BED, ceiling_dbtp=-0.9).fault() is not None
    assert Programme((Cue("b", 9, 0, BED),), BED, ceiling_lufs=-9.0).fault() is not None
    assert Programme((Cue("b", 9, 0, BED),), BED).fault() is None
