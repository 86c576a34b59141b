"""From the session's own values to those of the sheet: one clock for another, nothing planned.

``minute`` is throughout what turns a moment of the session (seconds since it was opened)
into a minute on the sheet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from kaproom.arc import Flow, Sounding, Stretch
from kaproom.session.cues import PlannedCue
from kaproom.session.infusion import Infusion
from kaproom.session.pharmacokinetics import Bolus, Dosing, Rate
from kaproom.session.phases import Span

Minute = Callable[[float], float]


def phases_of(spans: Iterable[Span], minute: Minute, end_min: float) -> tuple[Stretch, ...]:
    """The phases whose time is known; one without an end lasts until ``end_min``."""
    return tuple(
        Stretch(
            span.name,
            minute(span.start_s),
            end_min if span.end_s is None else minute(span.end_s),
        )
        for span in spans
        if span.start_s is not None
    )


def tracks_of(cues: Sequence[PlannedCue], minute: Minute, end_min: float) -> tuple[Sounding, ...]:
    """The cues that begin before ``end_min``, each until it has left for the next."""
    tracks: list[Sounding] = []
    for cue, following in zip(cues, [*cues[1:], None], strict=True):
        from_min = minute(cue.start_s)
        if from_min >= end_min:
            break
        if cue.offer.silence_s is not None:
            continue
        departure_min = 0.0 if following is None else following.crossfade_s / 60
        to_min = end_min if following is None else minute(following.start_s) + departure_min
        exits_min = (minute(at_s) for at_s in cue.exits_at_s)
        tracks.append(
            Sounding(
                number=len(tracks) + 1,
                title=cue.offer.title,
                from_min=from_min,
                to_min=to_min,
                entrance_min=min(cue.crossfade_s / 60, to_min - from_min),
                departure_min=min(departure_min, to_min - from_min),
                loudness_lufs=cue.loudness_lufs,
                generated=cue.offer.soundscape is not None,
                exits_min=tuple(at for at in exits_min if at <= min(to_min, end_min)),
            )
        )
    return tuple(tracks)


def silences_of(cues: Iterable[PlannedCue], minute: Minute, end_min: float) -> tuple[Stretch, ...]:
    """Where the plan is silent: what was before has faded out, what follows has not begun."""
    silent = (
        (minute(cue.start_s + cue.crossfade_s), minute(cue.end_s), cue.offer.title)
        for cue in cues
        if cue.offer.silence_s is not None and cue.end_s is not None
    )
    return tuple(
        Stretch(title, from_min, min(to_min, end_min))
        for from_min, to_min, title in silent
        if from_min < end_min
    )


def runs_of(infusion: Infusion, now_s: float, minute: Minute) -> list[tuple[float, float]]:
    """When the infusion runs; without a recorded stop, until the planned length."""
    turns = [m for m in infusion.marks if m.what not in ("rate", "bolus")]
    runs: list[tuple[float, float]] = []
    since_s: float | None = None
    for mark in turns:
        if mark.what in ("started", "resumed"):
            since_s = mark.at_s
        elif since_s is not None:
            runs.append((minute(since_s), minute(mark.at_s)))
            since_s = None
    if since_s is not None:
        end_s = infusion.at_elapsed(infusion.planned_s, now_s) or now_s
        runs.append((minute(since_s), minute(max(end_s, now_s))))
    return runs


def flow_of(infusion: Infusion, now_s: float, minute: Minute, dosing: Dosing | None) -> Flow:
    """The infusion as it is to be drawn; ``dosing`` on the sheet's own minutes, where known."""
    runs = tuple(Stretch("infusion", *run) for run in runs_of(infusion, now_s, minute))
    if dosing is None:
        given = tuple(minute(m.at_s) for m in infusion.marks if m.what == "bolus")
        return Flow(runs, None, given)
    rates = tuple((rate.from_min, rate.mg_per_min) for rate in dosing.rates)
    return Flow(runs, rates, tuple(bolus.at_min for bolus in dosing.boluses))


def later(dosing: Dosing, by_min: float) -> Dosing:
    """The same dosing, so many minutes later on the clock."""
    return Dosing(
        tuple(
            Bolus(step.at_min + by_min, step.mg)
            if isinstance(step, Bolus)
            else Rate(step.from_min + by_min, step.mg_per_min)
            for step in dosing.steps
        )
    )
