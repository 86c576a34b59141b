"""What people recorded of the pump, beside what was planned; and, where asked, an estimate."""

from __future__ import annotations

from kaproom.arc import Estimate, Stretch
from kaproom.arc.estimate import Lens, estimated
from kaproom.arc.values import runs_of
from kaproom.report.account import Pump, PumpLine
from kaproom.report.tale import Tale
from kaproom.session.dosing import forecast
from kaproom.session.pharmacokinetics import Dosing


def pump(tale: Tale) -> Pump | None:
    """The infusion; None where the record does not even have its plan."""
    planned_min = (tale.profile.get("infusion") or {}).get("planned_min")
    if planned_min is None:
        return None
    planned_min = float(planned_min)
    lines = tuple(_lines(tale))
    if tale.what is None:
        return Pump("as recorded below", planned_min, lines)
    infusion, now_s = tale.what.session.infusion, tale.end_s
    ran_s = infusion.elapsed_s(now_s)
    dosing = _dosing(tale)
    boluses = [tale.minute(mark.at_s) for mark in infusion.marks if mark.what == "bolus"]
    runs = runs_of(infusion, now_s, tale.minute)
    return Pump(
        state=str(infusion.state(now_s)),
        planned_min=planned_min,
        lines=lines,
        runs=tuple(
            Stretch("infusion", from_min, min(to_min, tale.end_min))
            for from_min, to_min in runs
            if from_min < tale.end_min
        ),
        planned_run=None if ran_s is None else Stretch("planned", 0.0, planned_min),
        ran_min=None if ran_s is None else ran_s / 60,
        rates=None if dosing is None else _rates(dosing, tale.end_min),
        boluses_min=tuple(b.at_min for b in dosing.boluses) if dosing else tuple(boluses),
    )


def estimate(tale: Tale) -> Estimate | None:
    """The predicted curve for a typical adult; None where no dose is known."""
    return estimated(_dosing(tale), Lens(), tale.minute(0.0), tale.end_min)


def _lines(tale: Tale) -> list[PumpLine]:
    return [
        PumpLine(
            seq=written.seq,
            utc=written.entry.at.utc,
            entered_utc=written.entry.entered.utc,
            at_min=tale.minute_of(written.entry),
            what=str(written.entry.fields.get("what", "")),
            value=written.entry.fields.get("value"),
            unit=written.entry.fields.get("unit"),
            late=written.entry.late,
            who=written.entry.who,
        )
        for written in tale.of("infusion")
    ]


def _dosing(tale: Tale) -> Dosing | None:
    """What was given, by what was recorded and, for what was not, by the plan."""
    if tale.what is None or tale.what.session.infusion.started_at_s is None:
        return None
    session = tale.what.session
    return forecast(session.profile.infusion, session.infusion, tale.end_s)


def _rates(dosing: Dosing, end_min: float) -> tuple[tuple[float, float], ...]:
    return tuple((r.from_min, r.mg_per_min) for r in dosing.rates if r.from_min < end_min)
