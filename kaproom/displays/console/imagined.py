"""A room that is not there, for the tour and for tests: its state as its daemon tells it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from kaproom.displays.console.plans import Plan
from kaproom.session.ears import EARS
from kaproom.session.notes import DEFAULT_NOTES

_PHASES = (
    ("settling", -1450.0, -850.0, 0.2),
    ("onset", -850.0, -310.0, 0.35),
    ("ascent", -310.0, 470.0, 0.55),
    ("peak", 470.0, 1850.0, 0.75),
    ("descent", 1850.0, 2390.0, 0.4),
    ("landing", 2390.0, 3410.0, 0.25),
    ("recovery", 3410.0, 4550.0, 0.15),
)

IDLE: Mapping[str, Any] = {
    **{"v": 1, "site": "clinic", "room": "garden", "display_name": "Garden room", "session": None},
    "sound": {"state": "off", "since_s": None, "level_lufs": None, "device": "", "why": None},
    "record": {"head_seq": 17, "failing": None, "disk_low": False},
    "bus": {"connected": True, "fault": None, "stations": ["Ward 3"]},
    **{"unsigned": [], "call": None, "attention": []},
    "tones": {
        **{"needed": True, "sounding": None, "level_lufs": None, "lost": None},
        **{ear: {"heard": True, "by": "AB"} for ear in EARS},
    },
}

SESSION: Mapping[str, Any] = {
    **IDLE,
    "session": {
        **{"id": "5e55", "state": "open", "profile": "iv-40", "who": ["AB", "CD"]},
        **{"title": "40 min infusion, phases from the effect", "open_s": 1450.0},
        **{"closing": ["Last vital signs", "Steady on their feet", "Escort is here"]},
        **{"signed_by": None, "interrupted": None},
    },
    "phase": {
        **{"name": "ascent", "index": 2, "count": 7, "elapsed_s": 310.0, "remaining_s": 470.0},
        **{"held": False, "hold_ends_in_s": None, "next": "peak"},
    },
    "phases": [
        {"name": name, "start_in_s": begin, "end_in_s": end, "intensity": intensity}
        for name, begin, end, intensity in _PHASES
    ],
    "infusion": {
        **{"state": "running", "elapsed_s": 850.0, "planned_s": 2400.0, "remaining_s": 1550.0},
        "end_in_s": 1550.0,
    },
    "sound": {
        **{"state": "playing", "since_s": None, "device": "Scarlett", "why": None},
        **{"level_lufs": -27.4, "gain_db": -6.0, "level_db": -6.0, "underruns": 0},
        "now": {"cue": "c4", "title": "Aurora", "phase": "ascent", "position_s": 132.0},
        "coming": [{"cue": "c5", "title": "Delta of the Ister", "phase": "ascent", "in_s": 214.0}],
    },
    "notes": {
        **{"count": 4, "last_s": 95.0, "last_category": "tears", "recent": []},
        "keys": [{"key": n.key, "category": n.category, "label": n.label} for n in DEFAULT_NOTES],
    },
    "prompts": {"next_in_s": 250.0, "next_label": "Vital signs", "due": [], "overdue": 0},
    "ahead": {"end_in_s": 4550.0, "waits_for": None, "change": None, "cues": []},
}

PREVIEW: Mapping[str, Any] = {
    "before": {"phase": "ascent", "end_in_s": 4550.0, "open": True, "cues": []},
    "after": {
        **{"phase": "peak", "end_in_s": 4080.0, "open": True},
        "cues": [{"title": "Wide Water", "in_s": 3.0}, {"title": "Delta", "in_s": 402.0}],
    },
    "more_intense": True,
}

PLANS = (
    Plan(
        "iv-40-follow-effect",
        "40 min infusion, phases from the effect",
        5100.0,
        "2026-02-26",
        "K-0427",
        ("Identity confirmed", "Fasting for six hours", "Escort is arranged"),
        ("Phones are away", "Blanket, eyeshades, water"),
    ),
    Plan("iv-40-calm-from-35", "40 min infusion, calm from minute 35", 5100.0, "2026-02-19"),
    Plan("iv-60", "60 min infusion", 6900.0),
    Plan("spring", "spring", 0.0, fault="spring.yaml:14: infusion.planned_min is -5"),
)


def status(base: Mapping[str, Any] = SESSION, **parts: Mapping[str, Any] | None) -> dict[str, Any]:
    """A state with some parts otherwise."""
    made = deepcopy(dict(base))
    for part, values in parts.items():
        known = made.get(part)
        if values is None or not isinstance(known, dict):
            made[part] = values
        else:
            known.update(values)
    return made
