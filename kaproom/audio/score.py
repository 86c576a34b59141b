"""From what the session plans to what the player holds: seconds become frames, offers sources."""

from __future__ import annotations

from collections.abc import Sequence

from kaproom.audio.programme import Bed, Cue, Programme, Quiet, Source, Track
from kaproom.session.cues import PlannedCue
from kaproom.session.repertoire import BED_LUFS
from kaproom.session.state import Session


def programme_of(
    session: Session, cues: Sequence[PlannedCue], rate_hz: int, origin_frames: float
) -> Programme:
    """These cues as a programme.

    Args:
        session: For its levels, its ceilings and its seed.
        cues: At least one; the last is a soundscape without end.
        rate_hz: Frames a second.
        origin_frames: The frame at which the session was opened.
    """
    profile = session.profile
    phase = profile.phases[session.course.index]
    refuge = session.repertoire.refuge
    seed = session.repertoire.seed
    return Programme(
        cues=tuple(_cue(session, cue, rate_hz, origin_frames) for cue in cues),
        fallback=Bed(
            refuge.soundscape or phase.bed,
            seed if refuge.seed is None else refuge.seed,
            phase.intensity,
            max(0, round(session.now_s * rate_hz)),
        ),
        fallback_gain_db=profile.loudness_lufs + min(phase.level_lu, 0.0) - BED_LUFS,
        ceiling_dbtp=profile.limits.ceiling_dbtp,
        ceiling_lufs=profile.limits.ceiling_lufs,
    )


def _cue(session: Session, cue: PlannedCue, rate_hz: int, origin_frames: float) -> Cue:
    offer = cue.offer
    source: Source
    if offer.silence_s is not None:
        source = Quiet()
    elif offer.path is not None:
        source = Track(offer.path, cue.cue_in_s, offer.cue_out_s)
    else:
        assert offer.soundscape is not None
        seed = session.repertoire.seed if offer.seed is None else offer.seed
        source = Bed(offer.soundscape, seed, cue.intensity, round(cue.cue_in_s * rate_hz))
    return Cue(
        id=cue.id,
        start_frame=max(0, round(origin_frames + cue.start_s * rate_hz)),
        crossfade_frames=round(cue.crossfade_s * rate_hz),
        source=source,
        gain_db=cue.gain_db,
        phase=session.profile.phases[cue.phase_index].name,
        title=offer.title,
    )
