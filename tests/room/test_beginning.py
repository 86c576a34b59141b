"""What a session begins with can be planned and played, or it does not begin."""

from __future__ import annotations

from typing import Any

import pytest
from session.imagined import profile, repertoire

from kaproom.errors import Mend
from kaproom.room.beginning import beginning

SEVEN = profile()


def asked_for(**wrong: Any) -> dict[str, Any]:
    music = repertoire(SEVEN).model_dump(mode="json")
    section = next(iter(music["sections"].values()))
    section[0] |= wrong
    return {"profile": SEVEN.model_dump(mode="json"), "repertoire": music}


def test_music_as_it_was_measured_begins() -> None:
    assert beginning(asked_for()).profile == SEVEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"length_s": 5e-324},  # the planner would lay pieces end to end for ever
        {"length_s": 1e308},
        {"length_s": -1.0},
        {"length_s": None},
        {"silence_s": 60.0},
        {"path": None},
        {"exits_s": [1e308]},
        {"loudness_lufs": -1e308},
        {"crossfade_after_s": [["x", 1e308]]},
    ],
)
def test_music_that_no_measuring_gives_does_not_begin(wrong: dict[str, Any]) -> None:
    with pytest.raises(Mend, match="begin with `kaproom start PROFILE`"):
        beginning(asked_for(**wrong))
