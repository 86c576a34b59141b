"""Whether the programme lasts: beyond the infusion by the margin, and phases by their pieces.

A bed can always play on, so what can be missing is what the profile asks for beyond that:
time after the planned infusion, and pieces where a phase says `fill: tracks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kaproom.curation.rehearsal import by_bed_s, rehearsed
from kaproom.curation.words import minutes
from kaproom.files import LoadedProfile
from kaproom.session.repertoire import Repertoire
from kaproom.surroundings import Finding

# Less is a matter of crossfades, not of music.
_MISSING_S = 1.0


def of_lengths(loaded: LoadedProfile, repertoire: Repertoire) -> Iterator[Finding]:
    """A line for each phase that lacks minutes, with what would mend it."""
    yield from _of_margin(loaded)
    yield from _of_tracks(loaded, repertoire)


def _of_margin(loaded: LoadedProfile) -> Iterator[Finding]:
    profile = loaded.profile
    planned_min, end_min = profile.infusion.planned_min, profile.session_end_min
    outlasts_min, must_min = end_min - planned_min, profile.outlasts_min
    missing_s = 60 * (must_min - outlasts_min)
    if missing_s < _MISSING_S:
        return
    yield Finding(
        "stop",
        loaded.profile_source.place(("session_end_min",)),
        f"the programme outlasts the infusion of {planned_min:g} min by"
        f" {minutes(60 * outlasts_min)} and must by {minutes(60 * must_min)}, so"
        f" {minutes(missing_s)} are missing in '{profile.phases[-1].name}'; set it to"
        f" {planned_min + must_min:g} or more, or `margin_min: {outlasts_min:g}`",
    )


def _of_tracks(loaded: LoadedProfile, repertoire: Repertoire) -> Iterator[Finding]:
    profile = loaded.profile
    if all(phase.fill == "bed" for phase in profile.phases):
        return
    spans, cues = rehearsed(profile, repertoire)
    by_bed = by_bed_s(spans, cues)
    played = {cue.offer.key for cue in cues}
    for span, phase in zip(spans, profile.phases, strict=True):
        offers = repertoire.for_phase(phase)
        if phase.fill == "bed" or any(offer.length_s is None for offer in offers):
            continue
        spare_s = sum(offer.length_s or 0.0 for offer in offers if offer.key not in played)
        missing_s = by_bed[span.index] - spare_s
        if missing_s < _MISSING_S:
            continue
        lasts_s = (span.end_s or 0.0) - (span.start_s or 0.0)
        where: Sequence[str | int] = ("phases", span.index, "fill")
        yield Finding(
            "stop",
            loaded.profile_source.place(where),
            f"'{phase.name}' lasts {minutes(lasts_s)} and its pieces"
            f" {minutes(lasts_s - missing_s)}, so {minutes(missing_s)} are missing;"
            f" add pieces of that length to '{phase.section}', or write `fill: bed`",
        )
