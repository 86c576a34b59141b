"""How far to turn down, so that no slot is turned down less than it needs.

Time is cut into slots of equal length, numbered from the programme's start; each needs
a cut in dB, mostly none. The curve between the slots' boundaries is linear in dB: it
comes down ahead of a slot that needs it and goes back by at most 1 dB/s. No state but
one number goes from block to block, and where nothing needs a cut it is exactly 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RELEASE_DB_PER_S = 1.0
"""Design: kaproom never raises the level faster than this."""

NO_CUT = -np.inf
"""The carry of a curve that has not cut yet."""


def boundary_cuts(
    needs_db: NDArray[np.float64], first_slot: int, ahead_slots: int, slot_s: float, carry: float
) -> tuple[NDArray[np.float64], float]:
    """The cut at each boundary between slots.

    Args:
        needs_db: At least 0.0 each; of slot ``first_slot - 1`` (one before the first
            boundary) up to ``ahead_slots`` slots after the last boundary.
        first_slot: The slot that begins at the first boundary.
        ahead_slots: How long before it is needed a cut begins; also the extra length of
            ``needs_db``.
        slot_s: Length of a slot.
        carry: What the block before returned, ``NO_CUT`` at first.

    Returns:
        The cuts in dB at boundaries ``first_slot`` and following, one less than there
        are needs without the extra ones; and the carry at the last of these.
    """
    weights = np.minimum(1.0, 1.0 - np.arange(-1, ahead_slots + 1) / (ahead_slots + 1.0))
    windows = np.lib.stride_tricks.sliding_window_view(needs_db, ahead_slots + 2)
    wanted = (windows * weights).max(axis=1)
    # max over all earlier boundaries of (cut there - what was released since), in one pass:
    # anchored to absolute slots, so it comes out the same wherever a block begins.
    released = RELEASE_DB_PER_S * slot_s * np.arange(first_slot, first_slot + len(wanted))
    reached = np.maximum.accumulate(np.maximum(wanted + released, carry))
    return reached - released, float(reached[-1])


def carry_of(cut_db: float, slot: int, slot_s: float) -> float:
    """The carry of a curve that stands at ``cut_db`` at the beginning of ``slot``."""
    return cut_db + RELEASE_DB_PER_S * slot_s * slot if cut_db > 0.0 else NO_CUT


def cut_at(carry: float, slot: int, slot_s: float) -> float:
    """Where a curve with this carry stands at the beginning of ``slot``."""
    return max(0.0, carry - RELEASE_DB_PER_S * slot_s * slot)


def between(cuts_db: NDArray[np.float64], slot_frames: int) -> NDArray[np.float64]:
    """Each frame's cut in dB, from the cuts at the slots' boundaries."""
    steps = np.arange(slot_frames) / slot_frames
    curve: NDArray[np.float64] = (cuts_db[:-1, None] + np.diff(cuts_db)[:, None] * steps).ravel()
    return curve
