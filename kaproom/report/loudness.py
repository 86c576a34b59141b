"""How well the sound did, and what of it reached the ear by estimate.

The estimate goes from each piece's measured loudness and the gain of the output, second by
second, through the room's calibration to dB(A) at the ear. It is not a measurement: the
loudness is K-weighted, not A-weighted, a piece counts with its average, and headphones sit
on every head differently; some decibels either way are likely.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import isfinite, log10

from kaproom.report.account import Dose, SoundQuality
from kaproom.report.tale import Tale
from kaproom.retold import Happened
from kaproom.retold.happened import NO_SOUND, STOOD_STILL
from kaproom.session.roomfile import Calibration
from kaproom.session.state import SILENT_DB, Gained

# By its definition, of noise at this loudness; see kaproom.session.roomfile.Calibration.
REFERENCE_LUFS = -23.0
# WHO and ITU-T H.870, adults: 80 dB(A) for 40 h a week.
WEEKLY_PA2H = 1.6
_P0_PA = 20e-6
_STEP_S = 1.0


def sound_quality(tale: Tale, calibration: Calibration | None) -> SoundQuality:
    """All that is known of the sound of a session."""
    facts = [written.entry.fields for written in tale.of("sound")]
    devices = [str(said["device"]) for said in facts if said.get("device")]
    found = SoundQuality(
        device=devices[0] if devices else None,
        underruns=_counted([n for f in facts if isinstance(n := f.get("underruns"), int)]),
        stood_still_s=sum(by_s for _, by_s in tale.standstills()),
        failed=sum(1 for _ in tale.of("source-failed")),
    )
    what = tale.what
    if what is None:
        return found
    lost = [stretch for stretch in what.interruptions if stretch.name == NO_SOUND]
    gains = what.session.gains
    louds = [cue.loudness_lufs for cue in what.cues]
    levels = [gained.gain_db for gained in gains if isfinite(gained.gain_db)]
    return replace(
        found,
        lost_s=sum((stretch.to_min - stretch.from_min) * 60 for stretch in lost),
        level_low_db=min(levels, default=None),
        level_high_db=max(levels, default=None),
        softest_lufs=min(louds, default=None),
        loudest_lufs=max(louds, default=None),
        dose=None if calibration is None else _dose(what, gains, calibration),
    )


def _counted(counts: Sequence[int]) -> int | None:
    """How many came in the session; a count that falls is a new output's."""
    if not counts:
        return None
    return sum(
        later - earlier if later >= earlier else later for earlier, later in pairwise(counts)
    )


def _dose(what: Happened, gains: Sequence[Gained], calibration: Calibration) -> Dose | None:
    end_s = what.zero_s + what.to_min * 60
    cue_starts = [cue.start_s for cue in what.cues]
    gain_starts = [gained.at_s for gained in gains]
    off = [each for each in what.interruptions if each.name in (NO_SOUND, STOOD_STILL)]
    energy, sounding_s, loudest_dba = 0.0, 0.0, float("-inf")
    at_s = _STEP_S / 2
    while at_s < end_s:
        cue_at = bisect_right(cue_starts, at_s) - 1
        gain_at = bisect_right(gain_starts, at_s) - 1
        gain_db = gains[gain_at].gain_db if gain_at >= 0 else SILENT_DB
        at_min = what.minute(at_s)
        silent = any(each.from_min <= at_min < each.to_min for each in off)
        if cue_at >= 0 and isfinite(gain_db) and not silent:
            loudness_lufs = what.cues[cue_at].loudness_lufs
            dba = calibration.reference_dba + loudness_lufs - REFERENCE_LUFS + gain_db
            energy += 10 ** (dba / 10) * _STEP_S
            sounding_s += _STEP_S
            loudest_dba = max(loudest_dba, dba)
        at_s += _STEP_S
    if sounding_s == 0:
        return None
    pa2h = _P0_PA**2 * energy / 3600
    return Dose(
        laeq_dba=10 * log10(energy / sounding_s),
        sounding_min=sounding_s / 60,
        lex_8h_dba=10 * log10(energy / (8 * 3600)),
        pa2h=pa2h,
        weekly_part=pa2h / WEEKLY_PA2H,
        loudest_dba=loudest_dba,
        headphones=calibration.headphones,
    )
