"""The station looks as it was looked at: each picture here was seen by a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from likeness import looks_like

from kaproom.displays.palette import Dim
from kaproom.displays.shapes import Box, Group, Panel, Screen, units
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.tour import stops
from kaproom.displays.words import Words

KEPT = Path(__file__).parent / "pictures"
SHOWN = (
    *("ordinary-04", "ordinary-60", "worst-12", "detail", "signing", "own-link-lost-worst"),
    *("call-grown", "call-seen"),
)


@pytest.fixture(autouse=True)
def _same_time_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_station_looks_as_it_was_looked_at() -> None:
    for name, made in stops(Saying(Words("en"))):
        if name in SHOWN:
            looks_like(made(*units(1280, 800)), KEPT / f"{name}.png")
    for name, made in stops(Saying(Words("de"))):
        if name == "worst-12":
            looks_like(made(*units(1280, 800)), KEPT / f"{name}-dark-de.png", Dim.DARK)


def test_a_picture_that_differs_is_kept_beside_the_expected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("KAPROOM_PICTURES", raising=False)
    whole = Box(0, 0, 1280, 800)
    other = Screen(1280, 800, (Group("a", whole, (Panel(whole),)),))
    with pytest.raises(AssertionError, match="looks different"):
        looks_like(other, KEPT / "ordinary-04.png")
    assert (tmp_path / "kaproom-ordinary-04-expected-and-drawn.png").is_file()
