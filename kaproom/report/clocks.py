"""How sure the times of a session are, as far as its entries say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from kaproom.report.account import ClockFacts
from kaproom.report.tale import Tale

STEP = "clock-step"


def clock_facts(tale: Tale) -> ClockFacts:
    """Whether the wall clock was kept right, by how much it may be off, when it was set."""
    said: list[Mapping[str, Any]] = [
        written.entry.fields["clock"]
        for written in tale.entries
        if isinstance(written.entry.fields.get("clock"), Mapping)
    ]
    steps = [(w.entry.at.utc, step_s(w.entry.fields)) for w in tale.of(STEP)]
    boots = [written.entry.entered.boot_id for written in tale.entries]
    synced = [bool(clock["synced"]) for clock in said if clock.get("synced") is not None]
    offsets = [abs(float(c["offset_s"])) for c in said if c.get("offset_s") is not None]
    return ClockFacts(
        synced=all(synced) if synced else None,
        uncertain_s=max(offsets, default=None),
        steps=tuple(steps),
        restarts=sum(earlier != later for earlier, later in pairwise(boots)),
    )


def step_s(fields: Mapping[str, Any]) -> float:
    """By how much the clock was set, in seconds."""
    return float(fields.get("by_s", fields.get("step_s", 0.0)))
