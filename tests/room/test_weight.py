"""The weight: for doses, in memory, until the session's end; never for music, never kept."""

from __future__ import annotations

from typing import Any

import pytest
from rooms import LivingRoom

from kaproom.errors import Mend, Refused
from kaproom.room.weight import Weight
from kaproom.session import events as e

KG = 83.25  # a number that turns up nowhere by chance


def dose(room: LivingRoom) -> dict[str, Any]:
    told: dict[str, Any] = room.status()["infusion"]["dose"]
    return told


def everything_written(room: LivingRoom) -> bytes:
    return b"".join(path.read_bytes() for path in room.data.rglob("*") if path.is_file())


def test_a_weight_tells_the_dose_and_goes_with_the_session_or_the_daemon(room: LivingRoom) -> None:
    room.begin("iv-40-follow-effect", weight_kg=KG)
    room.call("infusion", {"what": "started", "ago_s": 0})
    room.call("infusion", {"what": "rate", "value": 0.025, "unit": "mg/kg/min"})
    room.call("infusion", {"what": "bolus", "value": 0.1, "unit": "mg/kg"})
    told = dose(room)
    assert told["planned_mg"] == pytest.approx(0.5 * KG)
    assert told["so_far_mg"] == pytest.approx(0.1 * KG, abs=0.5)
    assert told["so_far_mg"] == pytest.approx(told["so_far_mg_per_kg"] * KG, abs=0.02)
    assert "mg" in room.kaproom("status")
    spans = room.status()["phases"]
    assert b"83.25" not in everything_written(room)
    room.kill()
    room.start()
    after = dose(room)
    assert after["so_far_mg"] is None and after["so_far_mg_per_kg"] == pytest.approx(0.1, abs=0.01)
    for before, now in zip(spans[1:], room.status()["phases"][1:], strict=True):
        assert (before["start_in_s"] is None) == (now["start_in_s"] is None)
        if before["start_in_s"] is not None:
            assert now["start_in_s"] == pytest.approx(before["start_in_s"], abs=30)
    with pytest.raises(Refused, match=r"needs the weight, which is not known.*record it in mg/min"):
        room.call("infusion", {"what": "rate", "value": 0.0125, "unit": "mg/kg/min"})
    room.call("infusion", {"what": "rate", "value": 1.0, "unit": "mg/min"})


@pytest.mark.parametrize("wrong", ["heavy", True, -5, 5000, float("inf"), float("nan")])
def test_what_is_no_weight_is_refused(wrong: Any) -> None:
    with pytest.raises(Mend, match="--weight-kg must lie between 20 and 300"):
        Weight().begin(wrong)


def test_a_weight_is_of_one_session() -> None:
    weight, per_kg = Weight(), e.Infused(5.0, 5.0, "bolus", 0.1, "mg/kg")
    weight.begin(KG)
    weight.must_be_known_for(per_kg)
    weight.begin(None)
    with pytest.raises(Refused):
        weight.must_be_known_for(per_kg)
    weight.must_be_known_for(e.Infused(5.0, 5.0, "bolus", 8.0, "mg"))
