"""The sheet shows the plan as it is, and no more than a wall may know."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from pathlib import Path

import pytest

from kaproom.arc import Arc
from kaproom.arc.estimate import Lens
from kaproom.curation.history import Deed
from kaproom.curation.pictured import pictured
from kaproom.curation.selection import selected
from kaproom.curation.whatif import as_it_went, as_planned
from kaproom.files import load_profile
from kaproom.measurements import Measured
from kaproom.session.pharmacokinetics import MIXING_MIN
from kaproom.session.roomfile import RoomFile

PROFILE = """\
kaproom: profile/1
title: Trial
infusion: {planned_min: 40, dose_mg: 35, bolus_mg: 7}
playlist: ./list.yaml
crossfade_s: 6
phases:
  - {name: settling, bed: ocean}
  - {name: peak, start_min: 0, section: open}
  - {name: recovery, start_min: 40, bed: pad}
session_end_min: SESSION_END
refuge: {soundscape: ocean}
prompts:
  - {label: Water, category: comfort, at_min: [-30, 20, 45]}
"""
PLAYLIST = """\
kaproom: playlist/1
sections:
  open:
    - {file: a.flac, cue_in_s: 60, exits_s: [180, 300]}
    - {file: b.flac}
"""


def sheet(
    folder: Path,
    lens: Lens,
    end: str = "60",
    history: tuple[Deed, ...] = (),
    lasts: str = "40",
) -> Arc:
    written = PROFILE.replace("SESSION_END", end).replace(
        "planned_min: 40", f"planned_min: {lasts}"
    )
    (folder / "trial.yaml").write_text(written)
    (folder / "list.yaml").write_text(PLAYLIST)
    loaded = load_profile(folder / "trial.yaml", RoomFile())
    files = {
        str(folder / name): Measured(str(folder / name), 660.0, 660.0, -18.0, -14.0, -1.0)
        for name in ("a.flac", "b.flac")
    }
    music = selected(loaded, files, 0)
    planned = as_planned(loaded.profile, music)
    if not history:
        return pictured(loaded, planned, lens)
    return pictured(loaded, as_it_went(loaded.profile, music, history), lens, planned)


def test_marked_exits_stand_where_they_will_be_heard(tmp_path: Path) -> None:
    track = next(t for t in sheet(tmp_path, Lens()).tracks if t.exits_min)
    # As soon as the start can be heard.
    assert track.from_min == pytest.approx(0, abs=0.06)
    # At 3:00 and 5:00 of a file that is entered at 1:00.
    assert track.exits_min == pytest.approx((track.from_min + 2, track.from_min + 4))
    assert not track.generated


def test_the_infusion_is_told_in_minutes(tmp_path: Path) -> None:
    for lasts, told in (("60", "60 min"), ("1.75", "1:45 min"), ("40", "40 min")):
        assert f"  {told} of infusion" in sheet(tmp_path, Lens(), lasts=lasts).subtitle


def test_a_track_goes_as_the_next_one_comes(tmp_path: Path) -> None:
    tracks = sheet(tmp_path, Lens()).tracks
    for leaving, entering in pairwise(tracks):
        assert leaving.to_min == pytest.approx(entering.from_min + entering.entrance_min)
        assert leaving.departure_min == pytest.approx(entering.entrance_min)


def test_settling_never_crowds_out_a_short_session(tmp_path: Path) -> None:
    assert sheet(tmp_path, Lens(), end="40.5").from_min == pytest.approx(-0.12 * 40.5)
    assert sheet(tmp_path, Lens(), end="200").from_min == -10


def test_plasma_is_not_drawn_while_a_bolus_mixes(tmp_path: Path) -> None:
    estimate = sheet(tmp_path, Lens()).estimate
    assert estimate is not None
    assert estimate.minutes[0] == 0
    drawn = zip(estimate.minutes, estimate.plasma_ng_per_ml, strict=True)
    assert all(isfinite(ng) == (at_min >= MIXING_MIN) for at_min, ng in drawn)


def test_the_band_lies_around_the_curve(tmp_path: Path) -> None:
    from kaproom.session.pharmacokinetics import MODELS

    for lens in (Lens(), Lens(MODELS["hijazi"])):
        estimate = sheet(tmp_path, lens).estimate
        assert estimate is not None
        edges = (estimate.low_ng_per_ml, estimate.effect_site_ng_per_ml, estimate.high_ng_per_ml)
        for low, middle, high in zip(*edges, strict=True):
            assert low - 1e-9 <= middle <= high + 1e-9


def test_a_weight_stands_nowhere_on_the_sheet(tmp_path: Path) -> None:
    for lens, told in ((Lens(weight_kg=91), "the weight given"), (Lens(), "an adult of 70 kg")):
        estimate = sheet(tmp_path, lens).estimate
        assert estimate is not None
        assert told in estimate.basis
        assert "91" not in estimate.basis


def test_what_was_stands_beside_the_plan(tmp_path: Path) -> None:
    started = Deed(2, 5.0, "start", "started", None, None)
    stopped = Deed(3, 20.0, "stop", "stopped", None, None)
    arc = sheet(tmp_path, Lens(), history=(started, stopped))
    assert [(p.name, p.from_min) for p in arc.planned_phases][1:] == [("peak", 0), ("recovery", 40)]
    assert [(p.name, p.from_min) for p in arc.phases][1:] == [("peak", 5), ("recovery", 20)]
    assert [(run.from_min, run.to_min) for run in arc.flow.runs] == [(5, 20)]
    assert arc.planned_flow is not None
    assert [(run.from_min, run.to_min) for run in arc.planned_flow.runs] == [(0, 40)]


def test_a_prompt_from_before_the_sheet_stands_at_its_edge(tmp_path: Path) -> None:
    arc = sheet(tmp_path, Lens())
    assert [asked.at_min for asked in arc.prompts] == [arc.from_min, 20, 45]
