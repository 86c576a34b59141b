"""A session that happened, drawn: what was, beside what was planned."""

from __future__ import annotations

from kaproom.arc import Arc, Noted, rendered
from kaproom.arc.estimate import Lens, estimated
from kaproom.arc.values import flow_of, phases_of, silences_of, tracks_of
from kaproom.retold.happened import Happened
from kaproom.session.dosing import forecast
from kaproom.session.infusion import Infusion, InfusionState, Mark
from kaproom.session.pharmacokinetics import Dosing

_HOW = {"ended": "as it was", "left open": "as it was, left open", "open": "as it is, still open"}


def drawn(what: Happened, lens: Lens | None = None, kind: str = "svg") -> bytes:
    """The sheet of a session that happened, as "svg" or "png"; the same values, the same bytes."""
    return rendered(as_arc(what, lens), kind)


def as_arc(what: Happened, lens: Lens | None = None) -> Arc:
    """The values of the sheet.

    Args:
        what: The session.
        lens: By which model to estimate. The band is left out where the dose is not known,
            as where it was planned per kg and no weight is given.
    """
    lens = lens or Lens()
    profile, infusion = what.session.profile, what.session.infusion
    to_min = max(what.to_min, what.from_min + 0.1)
    dosing = dosing_of(what, lens)
    planned = _planned_infusion(what)
    opened = what.opened_utc.astimezone().strftime("%Y-%m-%d %H:%M")
    axis = "start of the infusion as recorded" if planned else "opening; no infusion was recorded"
    return Arc(
        title=profile.title,
        subtitle=f"{opened}  ·  profile {profile.name}  ·  session {what.id[:8]}  ·  "
        f"{_HOW[what.how]}{', beside the plan' if what.planned_spans else ''}",
        from_min=what.from_min,
        to_min=to_min,
        phases=phases_of(what.spans, what.minute, to_min),
        tracks=tracks_of(what.cues, what.minute, to_min),
        silences=silences_of(what.cues, what.minute, to_min),
        flow=flow_of(infusion, what.session.now_s, what.minute, dosing),
        estimate=estimated(dosing, lens, what.from_min, to_min),
        prompts=what.prompts,
        planned_phases=phases_of(what.planned_spans, what.minute, to_min),
        planned_flow=None
        if planned is None
        else flow_of(
            planned,
            what.zero_s,
            what.minute,
            forecast(profile.infusion, planned, what.zero_s, lens.weight_kg),
        ),
        notes=tuple(Noted(note.label, note.at_min) for note in what.notes if not note.in_error),
        hands=(*what.hands, *what.interruptions),
        axis=f"minutes from the {axis}",
    )


def _planned_infusion(what: Happened) -> Infusion | None:
    infusion = what.session.infusion
    if infusion.started_at_s is None:
        return None
    return Infusion(infusion.planned_s, (Mark("started", infusion.started_at_s),))


def dosing_of(what: Happened, lens: Lens) -> Dosing | None:
    """What was given, as far as it is known, in the sheet's minutes; None without a start."""
    session = what.session
    if session.infusion.started_at_s is None:
        return None
    plan, now_s = session.profile.infusion, session.now_s
    dosing = forecast(plan, session.infusion, now_s, lens.weight_kg)
    if dosing is not None and session.infusion_state is InfusionState.PAUSED:
        return dosing.until(what.minute(now_s))
    return dosing
