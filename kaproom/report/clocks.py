"""How sure the times of a session are, as far as its entries say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from kaproom.report.account import ClockFacts
from kaproom.report.tale import Tale

STEP, SLEPT = "clock-step", "suspended"


def clock_facts(tale: Tale) -> ClockFacts:
    """Whether the wall clock was kept right, by how much it may be off, when it was set."""
    during = [w.entry for w in tale.entries if tale.at_s(w.entry.entered) <= tale.end_s]
    said = [entry.clock for entry in during if entry.clock is not None]
    synced = [bool(clock["synced"]) for clock in said if clock.get("synced") is not None]
    boots = [entry.entered.boot_id for entry in during]
    return ClockFacts(
        synced=all(synced) if synced else None,
        offset_s=_most(said, "offset_s"),
        max_error_s=_most(said, "max_error_s"),
        steps=tuple((w.entry.at.utc, step_s(w.entry.fields)) for w in tale.of(STEP)),
        restarts=sum(earlier != later for earlier, later in pairwise(boots)),
    )


def step_s(fields: Mapping[str, Any]) -> float:
    """By how much the clock was set, in seconds."""
    return float(fields.get("by_s", 0.0))


def unsure(clock: Mapping[str, Any] | None) -> str:
    """Why the time of an entry is less sure than those of others; empty where it is not."""
    return "after a restart, by the wall clock" if clock and clock.get("rebooted") else ""


def _most(said: list[Mapping[str, Any]], key: str) -> float | None:
    return max((abs(float(c[key])) for c in said if c.get(key) is not None), default=None)
