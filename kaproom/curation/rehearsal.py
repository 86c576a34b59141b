"""A session played through on paper, to see where its music is too little or too much.

The planner that runs the session writes the plan that is looked at here, so what is
told is what would happen: with an infusion as planned, no pause, and ten minutes of
settling.
"""

from __future__ import annotations

from collections.abc import Iterator

from kaproom.curation.words import minutes, some
from kaproom.session.cues import PlannedCue
from kaproom.session.events import Infused
from kaproom.session.machine import opened, step
from kaproom.session.phases import Span
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire
from kaproom.surroundings import Finding

SETTLING_S = 600.0  # chosen: it takes as long as it takes; a long one shows what is missing
# The bed covers the rest of a phase as a matter of course; more is worth a word.
_WORTH_A_WORD_S = 60.0


def rehearsed(
    profile: Profile, repertoire: Repertoire
) -> tuple[tuple[Span, ...], list[PlannedCue]]:
    """The phases in time, and every cue, of a session that goes as planned."""
    starts = [
        SETTLING_S + at_s if index else 0.0 for index, at_s in enumerate(profile.planned_starts_s)
    ]
    ends = [*starts[1:], SETTLING_S + profile.session_end_min * 60]
    spans = tuple(
        Span(index, phase.name, starts[index], ends[index])
        for index, phase in enumerate(profile.phases)
    )
    # As the room would: nothing is fitted to a settling whose end nobody knows beforehand.
    session, _ = opened(profile, repertoire)
    session, _ = step(session, Infused(SETTLING_S, SETTLING_S, what="started"))
    return spans, list(session.cues)


def of_rehearsal(profile: Profile, repertoire: Repertoire, place: str) -> Iterator[Finding]:
    """What the rehearsal shows.

    Args:
        profile: The plan.
        repertoire: What this session may play.
        place: The playlist, as a person reads it.
    """
    spans, cues = rehearsed(profile, repertoire)
    yield from _music_for_each_phase(profile, repertoire, spans, cues, place)
    yield from _pieces_never_reached(profile, repertoire, cues, place)
    yield from _closing_fits(profile, repertoire, spans)


def _music_for_each_phase(
    profile: Profile,
    repertoire: Repertoire,
    spans: tuple[Span, ...],
    cues: list[PlannedCue],
    place: str,
) -> Iterator[Finding]:
    bed_s = by_bed_s(spans, cues)
    for span, phase in zip(spans, profile.phases, strict=True):
        if phase.section is None:
            continue
        offers = repertoire.for_phase(phase)
        if not offers:
            line = (
                f"no piece of '{phase.section}' is left for '{phase.name}', so its bed,"
                f" {phase.bed}, plays alone; add pieces, or leave less out"
            )
            yield Finding("warn", place, line)
        elif all(o.length_s is not None for o in offers) and bed_s[span.index] > _WORTH_A_WORD_S:
            lasts_s = (span.end_s or 0.0) - (span.start_s or 0.0)
            lasts = "ten minutes or more" if span.index == 0 else minutes(lasts_s)
            music_s = max(0.0, lasts_s - bed_s[span.index])
            has = (
                f"has music for {minutes(music_s)}"
                if music_s >= 1.0
                else "has nothing left for any"
            )
            line = (
                f"'{phase.name}' lasts {lasts} and '{phase.section}' {has} of it;"
                f" its bed, {phase.bed}, fills the rest"
            )
            yield Finding("note", place, line)


def by_bed_s(spans: tuple[Span, ...], cues: list[PlannedCue]) -> list[float]:
    """How long in each phase a bed plays for want of a piece."""
    bed_s = [0.0] * len(spans)
    ends = [cue.start_s for cue in cues[1:]] + [spans[-1].end_s or 0.0]
    for cue, end_s in zip(cues, ends, strict=True):
        if cue.offer.key.startswith("bed:") and cue.offer.length_s is None:
            bed_s[cue.phase_index] += max(0.0, end_s - cue.start_s)
    return bed_s


def _pieces_never_reached(
    profile: Profile, repertoire: Repertoire, cues: list[PlannedCue], place: str
) -> Iterator[Finding]:
    drawn_on = [phase.section for phase in profile.phases if phase.section]
    spared = [
        f"'{name}'"
        for name, offers in repertoire.sections.items()
        if offers and name not in drawn_on
    ]
    if spared and drawn_on:
        yield Finding("note", place, f"no phase draws on {', '.join(spared)}")
    for name, offers in repertoire.sections.items():
        if name not in drawn_on:
            continue
        played = {cue.offer.key for cue in cues}
        spare = [offer for offer in offers if offer.key not in played and offer.length_s]
        if spare:
            line = (
                f"{some(len(spare), 'piece')} of '{name}' will not have a turn unless others are"
                f" skipped: {_titles(spare)}"
            )
            yield Finding("note", place, line)


def _titles(offers: list[Offer]) -> str:
    shown = [offer.title for offer in offers[:3]]
    more = len(offers) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _closing_fits(
    profile: Profile, repertoire: Repertoire, spans: tuple[Span, ...]
) -> Iterator[Finding]:
    closing, last = repertoire.closing, spans[-1]
    if closing is None or closing.length_s is None:
        return
    lasts_s = (last.end_s or 0.0) - (last.start_s or 0.0)
    over_s = closing.length_s - lasts_s
    if over_s <= 0:
        return
    end_min = profile.session_end_min + over_s / 60
    if end_min > profile.limits.max_session_min:
        line = (
            f"the session would last {end_min:.0f} min with it and limits.max_session_min allows"
            f" {profile.limits.max_session_min:g}; choose a shorter one"
        )
        yield Finding("stop", "--closing", line)
    else:
        line = (
            f"lasts {minutes(closing.length_s)}, longer than '{last.name}', {minutes(lasts_s)};"
            f" the session ends {minutes(over_s)} later"
        )
        yield Finding("warn", "--closing", line)
