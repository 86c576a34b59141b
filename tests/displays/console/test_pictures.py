"""The console looks as it was looked at: each picture here was seen by a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from likeness import looks_like

from kaproom.displays.console.buttons import least_units
from kaproom.displays.console.tour import stops
from kaproom.displays.palette import Dim
from kaproom.displays.shapes import units
from kaproom.displays.station.saying import Saying
from kaproom.displays.words import Words

KEPT = Path(__file__).parent / "pictures"


@pytest.mark.parametrize(
    ("language", "dim", "width_mm", "shown"),
    [
        ("en", Dim.BRIGHT, 300.0, ("session", "list-done", "interrupted", "ended", "call-seen")),
        ("de", Dim.DARK, 300.0, ("typing-letters", "service-gone-call", "panel-advance-again")),
        ("de", Dim.DIM, 220.0, ("panel-pump", "held-calm-paused", "checks-tone-sounds")),
    ],
)
def test_the_console_looks_as_it_was_looked_at(
    language: str, dim: Dim, width_mm: float, shown: tuple[str, ...]
) -> None:
    say = Saying(Words(language))
    for name, made in stops(say, lambda across: least_units(across, width_mm)):
        if name in shown:
            looks_like(made(*units(1280, 800)), KEPT / f"{name}.png", dim)
