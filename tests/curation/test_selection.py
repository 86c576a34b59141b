"""From what a therapist wrote to what the planner draws on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaproom.curation.selection import selected
from kaproom.files import load_profile
from kaproom.measurements import Measured
from kaproom.session.repertoire import Offer
from kaproom.session.roomfile import RoomFile

PROFILE = """kaproom: profile/1
title: Trial
infusion: {planned_min: 20}
playlist: ./list.yaml
phases:
  - {name: settling}
  - {name: peak, start_min: 0, section: open}
session_end_min: 30
refuge: {soundscape: ocean}
"""


@pytest.fixture
def offers(tmp_path: Path) -> dict[str, Offer]:
    (tmp_path / "list.yaml").write_text(
        """kaproom: playlist/1
sections:
  open:
    - {file: a.flac, title: A, cue_in_s: 10, exits_s: [60, 400], keep_with_next: true}
    - {file: b.flac, title: B, tags: [drums]}
    - {silence: 90 s}
    - {file: c.flac, title: C, never_after: [drums], crossfade_after_s: {A: 20}, place: closing}
"""
    )
    (tmp_path / "p.yaml").write_text(PROFILE)
    loaded = load_profile(tmp_path / "p.yaml", RoomFile())
    measured = {
        str(tmp_path / f"{n}.flac"): Measured(str(tmp_path / f"{n}.flac"), 300.0) for n in "abc"
    }
    return {offer.title: offer for offer in selected(loaded, measured, 1).sections["open"]}


def test_what_stands_together_is_one_group_and_a_silence_goes_with_the_piece_before(
    offers: dict[str, Offer],
) -> None:
    assert offers["A"].group == offers["B"].group == offers["silence"].group is not None
    assert offers["C"].group is None


def test_neighbours_are_known_by_their_keys(offers: dict[str, Offer]) -> None:
    third = offers["C"]
    assert third.never_after == (offers["B"].key,)
    assert third.crossfade_after_s == ((offers["A"].key, 20.0),)
    assert third.place == "closing"


def test_exits_beyond_the_file_are_none(offers: dict[str, Offer]) -> None:
    assert offers["A"].exits_s == (60.0,)


def test_a_silence_lasts_as_it_was_written(offers: dict[str, Offer]) -> None:
    assert offers["silence"].silence_s == 90.0 and offers["silence"].length_s is None
