"""How a session would go: as planned, or with a history of the pump.

As planned it is the rehearsal that `check` looks at; with a history, the state machine
that runs the room is stepped through it. Nothing here plans by itself.

Minutes count from the planned start of the infusion, ten minutes after the opening.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kaproom.arc.values import later, runs_of
from kaproom.curation.history import Deed
from kaproom.curation.rehearsal import SETTLING_S, rehearsed
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.dosing import forecast
from kaproom.session.effects import Effect, Tell
from kaproom.session.infusion import Infusion, InfusionState, Mark
from kaproom.session.machine import opened, step
from kaproom.session.pharmacokinetics import Dosing
from kaproom.session.phases import Span
from kaproom.session.profile import Profile
from kaproom.session.prompts import dues
from kaproom.session.repertoire import Repertoire
from kaproom.session.state import Session

OPENS_MIN = -SETTLING_S / 60


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One way for a session to go.

    Attributes:
        session: As it stands after the last of the history; as planned, at the start.
        spans: The phases as they come, those already gone included. ``start_s`` is None
            for one that waits for what nobody recorded.
        cues: What plays, in order.
    """

    session: Session
    spans: tuple[Span, ...]
    cues: tuple[PlannedCue, ...]

    @property
    def profile(self) -> Profile:
        """The clinic's plan."""
        return self.session.profile

    @property
    def end_min(self) -> float:
        """When the last phase ends; where that is open, when it was planned to."""
        end_s = self.spans[-1].end_s
        planned_min = self.profile.session_end_min
        return planned_min if end_s is None else max(minute(end_s), minute(self.session.now_s))

    @property
    def paused(self) -> bool:
        """Whether the history leaves the pump paused."""
        return self.session.infusion_state is InfusionState.PAUSED

    def prompts(self) -> list[tuple[str, float]]:
        """What is asked for, and at which minute."""
        return [(d.label, minute(d.at_s)) for d in dues(self.session) if d.at_s is not None]

    def runs(self) -> list[tuple[float, float]]:
        """When the infusion runs; without a recorded stop, until the planned length."""
        return runs_of(self.session.infusion, self.session.now_s, minute)

    def dosing(self, weight_kg: float) -> Dosing | None:
        """What is given, on this clock; None where no dose is planned or recorded."""
        infusion, now_s = self.session.infusion, self.session.now_s
        dosing = forecast(self.profile.infusion, infusion, now_s, weight_kg)
        start_s = infusion.started_at_s
        if dosing is None or start_s is None:
            return None
        if self.paused:
            dosing = dosing.until((now_s - start_s) / 60)
        return later(dosing, minute(start_s))


def minute(at_s: float) -> float:
    """Minutes after the planned start of a moment in the session."""
    return (at_s - SETTLING_S) / 60


def as_planned(profile: Profile, repertoire: Repertoire) -> WhatIf:
    """The session that `check` looks at: ten minutes of settling, an infusion as planned."""
    spans, cues = rehearsed(profile, repertoire)
    started = Infusion(profile.infusion.planned_min * 60, (Mark("started", SETTLING_S),))
    session = Session(profile, repertoire, started, now_s=SETTLING_S, cues=tuple(cues))
    return WhatIf(session, spans, tuple(cues))


def as_it_went(profile: Profile, repertoire: Repertoire, history: tuple[Deed, ...]) -> WhatIf:
    """The session that the room would make of this history, and plan from its end on."""
    session, effects = opened(profile, repertoire)
    begun: list[tuple[int, float]] = [(0, 0.0)]
    for deed in history:
        at_s = SETTLING_S + deed.minute * 60
        event = e.Infused(at_s, at_s, what=deed.what, value=deed.value, unit=deed.unit)
        session, effects = step(session, event)
        begun += _phases_in(effects)
    return WhatIf(session, _spans(session, begun), session.cues)


def _phases_in(effects: tuple[Effect, ...]) -> list[tuple[int, float]]:
    told = [x for x in effects if isinstance(x, Tell) and x.kind == "phase"]
    return [(int(tell.data["index"]), tell.at_s) for tell in told]


def _spans(session: Session, begun: list[tuple[int, float]]) -> tuple[Span, ...]:
    """Phases that have begun, then those to come as the session foresees them."""
    coming = [span for span in session.phases if span.index > session.course.index]
    if session.infusion_state is InfusionState.PAUSED:
        coming = [replace(span, start_s=None, end_s=None) for span in coming]
    end_s = session.phases[-1].end_s if coming == [] or coming[-1].start_s is not None else None
    names = [phase.name for phase in session.profile.phases]
    spans = [Span(index, names[index], at_s, None) for index, at_s in begun] + coming
    ends = [span.start_s for span in spans[1:]] + [end_s]
    dated = [replace(s, end_s=end) for s, end in zip(spans, ends, strict=True)]
    # What a late entry passes by at once was never on.
    return tuple(s for s in dated if s.start_s is None or s.end_s is None or s.end_s > s.start_s)
