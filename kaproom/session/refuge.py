"""The refuge: what plays after `calm`, and after a loss of power, until people say otherwise.

Nothing of it is denser than the profile's calmest phase, nor louder than what it follows;
where it is a piece that ends, a soft bed without end comes after it.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from kaproom.session.cues import PlannedCue
from kaproom.session.phases import Course
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire, bed_of
from kaproom.session.writer import Occasion, Writer


def plan_refuge(
    profile: Profile, repertoire: Repertoire, course: Course, occasion: Occasion
) -> tuple[PlannedCue, ...]:
    """The refuge from ``occasion.from_s`` on, and what is to follow it.

    Nothing of it is denser than the profile's calmest phase, nor louder than the limit.
    """
    writer = Writer(profile, occasion)
    calmest = _calmest_bed(profile, repertoire)
    refuge = repertoire.refuge
    if refuge.soundscape is not None and refuge.intensity is None:
        refuge = refuge.model_copy(update={"intensity": calmest.intensity})
    if refuge.length_s is not None and refuge.key in occasion.thrown_out:
        refuge = calmest
    cue = writer.play(refuge, course.index, occasion.from_s)
    _then(writer, calmest, cue)
    return tuple(writer.cues)


def plan_after_refuge(
    profile: Profile, repertoire: Repertoire, course: Course, occasion: Occasion
) -> tuple[PlannedCue, ...]:
    """What is to follow the refuge that sounds: where it is a piece that ends, a soft bed."""
    writer = Writer(profile, occasion)
    assert occasion.sounding is not None
    _then(writer, _calmest_bed(profile, repertoire), occasion.sounding)
    return tuple(writer.cues)


def _then(writer: Writer, bed: Offer, cue: PlannedCue) -> None:
    """A bed after a piece that ends, and no louder."""
    if cue.end_s is not None:
        writer.no_louder_than_lufs = cue.loudness_lufs
        writer.play(bed, cue.phase_index, cue.end_s)


def _calmest_bed(profile: Profile, repertoire: Repertoire) -> Offer:
    calmest = min(profile.phases, key=lambda phase: phase.intensity)
    return bed_of(profile, profile.phases.index(calmest), repertoire.seed)
