"""A preview as a person reads it before confirming."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kaproom.displays.foretold import foretold

NOW = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


def ahead(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        **{"phase": "peak", "open": True, "end_in_s": 4500.0, "waits_for": None},
        "change": {"phase": "descent", "in_s": 1100.0, "infusion_s": 2100.0},
        "cues": [{"title": "Delta", "phase": "peak", "in_s": 41.2, "infusion_s": 1041.2}],
    }
    return told | more


def lines(after: dict[str, Any], *, more_intense: bool = False) -> str:
    preview = {"before": ahead(), "after": after, "more_intense": more_intense}
    return "\n".join(foretold(preview, NOW))


def test_the_end_is_told_from_now_on_the_wall_and_against_the_plan() -> None:
    text = lines(ahead(end_in_s=3300.0, phase="descent"))
    assert "descent, from peak" in text
    assert "in 55:00, at 11:25; 20:00 sooner" in text


def test_pieces_are_told_from_now_and_on_the_infusions_clock() -> None:
    text = lines(ahead())
    assert "Delta (peak) in 0:41, at 17:21 of the infusion" in text
    assert "then   descent in 18:20, at 35:00 of the infusion" in text
    assert "peak, as now" in text and "sooner" not in text and "later" not in text


def test_what_is_open_says_what_it_waits_for() -> None:
    text = lines(ahead(end_in_s=None, waits_for="advance", change=None, cues=[]))
    assert "open until `kaproom advance`" in text and "what sounds goes on" in text
    text = lines(ahead(waits_for="infusion"))
    assert "if the infusion went on now" in text


def test_an_end_is_followed_by_silence() -> None:
    text = lines(ahead(end_in_s=8.5, change=None, cues=[], open=False))
    assert "silence, and the record is closed" in text


def test_a_more_intense_phase_is_named_as_one() -> None:
    assert "more intense: it asks first" in lines(ahead(phase="peak-2"), more_intense=True)
