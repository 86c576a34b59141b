"""What a session would be like, as values to be drawn.

The band is an estimate for people in general and is drawn with its words. The weight that
scales it is named nowhere on the sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kaproom.arc import Arc, Asked, Estimate, Flow, Sounding, Stretch
from kaproom.curation.whatif import OPENS_MIN, WhatIf, minute
from kaproom.curation.words import minutes as length
from kaproom.files import LoadedProfile
from kaproom.session.cues import PlannedCue
from kaproom.session.pharmacokinetics import (
    FACTOR,
    KAMP,
    KE0_PER_MIN,
    MODELS,
    TYPICAL_KG,
    WORDING,
    Dosing,
    Model,
    band,
    mixed,
    predict,
)
from kaproom.session.playlist import FilePiece

# Settling lasts as long as it takes; on a sheet it gets at most this part of the session.
_SETTLING_PART = 0.12
# A quarter of a minute where a session lasts hours; finer where it is short.
_POINTS = 600


@dataclass(frozen=True, slots=True)
class Lens:
    """By which model the estimate is made.

    Attributes:
        model: None for the shipped one, with the spread of all as its band.
        weight_kg: None for a typical adult's.
        ke0_per_min: None for the shipped one.
    """

    model: Model | None = None
    weight_kg: float | None = None
    ke0_per_min: float | None = None

    @property
    def kg(self) -> float:
        """The weight to reckon with."""
        return TYPICAL_KG if self.weight_kg is None else self.weight_kg

    @property
    def ke0(self) -> float:
        """The ke0 to reckon with, in 1/min."""
        return KE0_PER_MIN if self.ke0_per_min is None else self.ke0_per_min

    @property
    def one(self) -> Model:
        """The model whose curve stands in the band."""
        return self.model or KAMP

    @property
    def basis(self) -> str:
        """What the estimate rests on, in a line."""
        whom = "the weight given" if self.weight_kg is not None else f"an adult of {self.kg:g} kg"
        others = "" if self.model else f" ({', '.join(MODELS)})"
        who = f"{self.one.name} ({self.one.source}), {whom}, ke0 {self.ke0:.3g}/min"
        return f"{who}; {self.spread}{others}"

    @property
    def spread(self) -> str:
        """What the band is."""
        return "spread of the models" if self.model is None else f"a factor of {FACTOR:g} each way"


def pictured(loaded: LoadedProfile, way: WhatIf, lens: Lens, planned: WhatIf | None = None) -> Arc:
    """The values of the sheet.

    Args:
        loaded: For names, and for the exits that the playlist marks.
        way: How the session goes.
        lens: By which model to estimate.
        planned: How it was planned to go, where ``way`` is another.
    """
    end_min = max(way.end_min, planned.end_min if planned else 0.0)
    opens_min = max(OPENS_MIN, -_SETTLING_PART * end_min)
    marks_min = [minute(mark.at_s) for mark in way.session.infusion.marks]
    from_min = min([opens_min, *marks_min])
    flow = _flow(way, lens.kg)
    planned_flow = None if planned is None else _flow(planned, lens.kg)
    kind = "as it went, beside the plan" if planned else "as planned"
    planned_min = loaded.profile.infusion.planned_min
    lasts = f"{planned_min:g}" if planned_min.is_integer() else length(planned_min * 60)
    names = f"profile {loaded.profile.name}  ·  playlist {loaded.playlist.name}"
    return Arc(
        title=loaded.profile.title,
        subtitle=f"{names}  ·  {lasts} min of infusion  ·  {kind}",
        from_min=from_min,
        to_min=end_min,
        phases=_phases(way, end_min),
        tracks=_tracks(way.cues, end_min, exits(loaded)),
        flow=flow,
        estimate=_estimate(way.dosing(lens.kg), lens, from_min, end_min),
        prompts=tuple(
            Asked(label, at_min)
            for label, at_min in ((label, max(at, from_min)) for label, at in way.prompts())
            if at_min <= end_min
        ),
        planned_phases=() if planned is None else _phases(planned, end_min),
        planned_flow=planned_flow,
    )


def exits(loaded: LoadedProfile) -> Mapping[tuple[str, float], tuple[float, ...]]:
    """Marked exits by file and entrance, in seconds of the piece's own time."""
    pieces = [piece for section in loaded.playlist.sections.values() for piece in section]
    return {
        (str(loaded.path_of(piece)), piece.cue_in_s): tuple(
            exit_s - piece.cue_in_s for exit_s in piece.exits_s
        )
        for piece in pieces
        if isinstance(piece, FilePiece)
    }


def curve(
    dosing: Dosing | None, lens: Lens, minutes: list[float]
) -> list[tuple[float, float] | None]:
    """Plasma and effect site in ng/mL at each minute; None where nothing is known."""
    if dosing is None:
        return [None] * len(minutes)
    said = predict(lens.one, dosing, minutes, lens.kg, lens.ke0)
    plasma, effect = said.plasma_ng_per_ml, said.effect_site_ng_per_ml
    return list(zip(plasma.tolist(), effect.tolist(), strict=True))


def _phases(way: WhatIf, end_min: float) -> tuple[Stretch, ...]:
    known = [span for span in way.spans if span.start_s is not None]
    return tuple(
        Stretch(
            span.name,
            minute(span.start_s or 0.0),
            end_min if span.end_s is None else minute(span.end_s),
        )
        for span in known
    )


def _tracks(
    cues: tuple[PlannedCue, ...],
    end_min: float,
    exits_s: Mapping[tuple[str, float], tuple[float, ...]],
) -> tuple[Sounding, ...]:
    tracks = []
    for number, cue in enumerate(cues, start=1):
        following = cues[number] if number < len(cues) else None
        from_min = minute(cue.start_s)
        if from_min >= end_min:
            break
        departure_min = 0.0 if following is None else following.crossfade_s / 60
        to_min = end_min if following is None else minute(following.start_s) + departure_min
        marked = exits_s.get((str(cue.offer.path), cue.offer.cue_in_s), ())
        at_min = (from_min + exit_s / 60 for exit_s in marked)
        tracks.append(
            Sounding(
                number=number,
                title=cue.offer.title,
                from_min=from_min,
                to_min=to_min,
                entrance_min=min(cue.crossfade_s / 60, to_min - from_min),
                departure_min=min(departure_min, to_min - from_min),
                loudness_lufs=cue.loudness_lufs,
                generated=cue.offer.soundscape is not None,
                exits_min=tuple(at for at in at_min if at <= min(to_min, end_min)),
            )
        )
    return tuple(tracks)


def _flow(way: WhatIf, weight_kg: float) -> Flow:
    runs = tuple(Stretch("infusion", from_min, to_min) for from_min, to_min in way.runs())
    dosing = way.dosing(weight_kg)
    if dosing is None:
        marked = [m for m in way.session.infusion.marks if m.what == "bolus"]
        return Flow(runs, None, tuple(minute(mark.at_s) for mark in marked))
    rates = tuple((rate.from_min, rate.mg_per_min) for rate in dosing.rates)
    return Flow(runs, rates, tuple(bolus.at_min for bolus in dosing.boluses))


def _estimate(dosing: Dosing | None, lens: Lens, from_min: float, to_min: float) -> Estimate | None:
    if dosing is None:
        return None
    turns = [rate.from_min for rate in dosing.rates] + [bolus.at_min for bolus in dosing.boluses]
    minutes = np.unique(np.concatenate((np.linspace(from_min, to_min, _POINTS), turns)))
    minutes = minutes[(minutes >= max(from_min, min(turns))) & (minutes <= to_min)]
    around = band(dosing, minutes, lens.kg, lens.ke0, around=lens.model)
    middle = predict(lens.one, dosing, minutes, lens.kg, lens.ke0)
    plasma = np.where(mixed(dosing, minutes), middle.plasma_ng_per_ml, np.nan)
    return Estimate(
        minutes=minutes.tolist(),
        low_ng_per_ml=around.low.effect_site_ng_per_ml.tolist(),
        high_ng_per_ml=around.high.effect_site_ng_per_ml.tolist(),
        effect_site_ng_per_ml=middle.effect_site_ng_per_ml.tolist(),
        plasma_ng_per_ml=plasma.tolist(),
        model=lens.one.name,
        spread=lens.spread,
        words=WORDING,
        basis=lens.basis,
    )
