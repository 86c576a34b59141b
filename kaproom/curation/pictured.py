"""What a session would be like, as values to be drawn.

The band is an estimate for people in general and is drawn with its words. The weight that
scales it is named nowhere on the sheet.
"""

from __future__ import annotations

from kaproom.arc import Arc, Asked, Flow
from kaproom.arc.estimate import Lens, estimated
from kaproom.arc.values import flow_of, phases_of, silences_of, tracks_of
from kaproom.curation.whatif import OPENS_MIN, WhatIf, minute
from kaproom.curation.words import minutes as length
from kaproom.files import LoadedProfile

# Settling lasts as long as it takes; on a sheet it gets at most this part of the session.
_SETTLING_PART = 0.12


def pictured(loaded: LoadedProfile, way: WhatIf, lens: Lens, planned: WhatIf | None = None) -> Arc:
    """The values of the sheet.

    Args:
        loaded: For names.
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
        phases=phases_of(way.spans, minute, end_min),
        tracks=tracks_of(way.cues, minute, end_min),
        silences=silences_of(way.cues, minute, end_min),
        flow=flow,
        estimate=estimated(way.dosing(lens.kg), lens, from_min, end_min),
        prompts=tuple(
            Asked(label, at_min)
            for label, at_min in ((label, max(at, from_min)) for label, at in way.prompts())
            if at_min <= end_min
        ),
        planned_phases=() if planned is None else phases_of(planned.spans, minute, end_min),
        planned_flow=planned_flow,
    )


def _flow(way: WhatIf, weight_kg: float) -> Flow:
    return flow_of(way.session.infusion, way.session.now_s, minute, way.dosing(weight_kg))
