"""What holds of every plan, as one question that can be asked a million times."""

from __future__ import annotations

from itertools import pairwise

from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.machine import LEAD_S, Session

_EPS = 1e-6


def is_cut(cue: PlannedCue, following: PlannedCue) -> bool:
    """Whether a piece is left before its end, and not at an exit."""
    if cue.offer.path is None or cue.end_s is None:
        return False
    ends = following.start_s + following.crossfade_s >= cue.end_s - _EPS
    return not ends and all(abs(following.start_s - at_s) > _EPS for at_s in cue.exits_at_s)


def broken(before: Session, after: Session, event: e.Event | None) -> str | None:
    """The law that ``after`` breaks, in words; None where all hold.

    Args:
        before: The session at the moment of the event.
        after: With the event.
        event: None where nothing was planned anew.
    """
    cues = after.cues
    if len({cue.id for cue in cues}) != len(cues):
        return f"{event}: two cues share an id"
    if cues[-1].end_s is not None or cues[-1].offer.soundscape is None:
        return f"{event}: the programme ends"
    for earlier, later in pairwise(cues):
        if later.start_s < earlier.start_s - _EPS:
            return f"{event}: {later.id} starts before {earlier.id}"
        if earlier.end_s is not None and later.start_s > earlier.end_s + _EPS:
            return f"{event}: a gap before {later.id}"
    if event is None:
        return None
    from_s = after.now_s + LEAD_S
    if not isinstance(event, e.Shifted):
        past = tuple(cue for cue in before.cues if cue.start_s < from_s)
        if cues[: len(past)] != past:
            return f"{event}: what was heard has changed"
    return _of_fresh(after, from_s, event)


def _of_fresh(after: Session, from_s: float, event: e.Event) -> str | None:
    """What holds of the cues to come."""
    fresh = [cue for cue in after.cues if cue.start_s >= from_s]
    indices = [cue.phase_index for cue in fresh]
    if not after.elsewhere and indices != sorted(indices):
        return f"{event}: phases out of order"
    keys = [cue.offer.key for cue in fresh if cue.offer.path is not None]
    if len(set(keys)) != len(keys):
        return f"{event}: a piece twice"
    for cue in fresh:
        offer, phase = cue.offer, after.profile.phases[cue.phase_index]
        wanted_lufs = after.profile.loudness_lufs + phase.level_lu + offer.gain_trim_db
        if offer.silence_s is None and cue.loudness_lufs > wanted_lufs + _EPS:
            return f"{event}: {cue.id} is louder than its phase"
    for earlier, later in pairwise(fresh):
        if is_cut(earlier, later):
            return f"{event}: {earlier.id} is cut"
        fault = _entrance(earlier, later)
        if fault:
            return f"{event}: {fault}"
    return None


def _entrance(earlier: PlannedCue, later: PlannedCue) -> str | None:
    """An entrance is as long as its rise, and what leaves has ended by then."""
    if later.offer.silence_s is not None:
        return None
    if earlier.offer.silence_s is not None:
        return None if later.crossfade_s >= 10.0 - _EPS else f"{later.id} breaks a silence"
    rise_db = max(later.gain_db - earlier.gain_db, later.loudness_lufs - earlier.loudness_lufs)
    limits = [rise_db]
    for cue in (earlier, later):
        if cue.end_s is not None:
            limits.append(0.4 * (cue.end_s - cue.start_s))
    if earlier.end_s is not None:
        limits.append(max(2.0, earlier.end_s - later.start_s))
    if later.crossfade_s < min(limits) - _EPS:
        return f"{later.id} rises too fast"
    if earlier.end_s is not None and later.start_s + later.crossfade_s > earlier.end_s + _EPS:
        return f"{later.id} is not in when {earlier.id} ends"
    return None
