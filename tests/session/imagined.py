"""Imagined sessions: profiles, repertoires and what people do, for properties and scenarios."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.dosing import planned
from kaproom.session.effect_curve import effect_curve
from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.machine import Effect, Session, opened, step
from kaproom.session.playlist import SOUNDSCAPES
from kaproom.session.profile import VOCABULARY, Profile
from kaproom.session.repertoire import Offer, Repertoire
from kaproom.session.starts import WAYS

NS_PER_S = 1_000_000_000
TICK_S = 0.5
"""As often as the daemon ticks, or less; it must not matter."""


# -- by hand


def track(key: str, length_s: float = 240.0, loudness_lufs: float = -18.0, **more: Any) -> Offer:
    """A music file, loud as records are."""
    written: dict[str, Any] = {
        "key": key,
        "title": key,
        "path": f"/music/{key}.flac",
        "length_s": length_s,
        "loudness_lufs": loudness_lufs,
        "max_short_term_lufs": loudness_lufs + 4.0,
        "true_peak_dbtp": -1.0,
    }
    return Offer(**written | more)


def scape(name: str, turn_s: float | None = None) -> Offer:
    """A soundscape as a section lists it."""
    key = f"bed:{name}:None:None"
    return Offer(key=key, title=name, soundscape=name, turn_s=turn_s)


def profile(
    starts_min: Sequence[float] = (0, 5, 15, 35, 50, 70), planned_min: float = 40, **more: Any
) -> Profile:
    """Seven phases as the shipped profiles have them, or others."""
    names = VOCABULARY if len(starts_min) == 6 else [f"phase-{i}" for i in range(20)]
    phases = [
        {"name": names[i], "section": names[i], "level_lu": -float(i)}
        | ({} if i == 0 else {"start_min": float(starts_min[i - 1])})
        for i in range(len(starts_min) + 1)
    ]
    written = {
        "kaproom": "profile/1",
        "title": "imagined",
        "infusion": {"planned_min": planned_min},
        "playlist": "imagined",
        "phases": phases,
        "session_end_min": 90.0,
        "refuge": {"soundscape": "ocean"},
    }
    return Profile.model_validate(written | more)


OCEAN = Offer(key="bed:ocean:None:None", title="ocean", soundscape="ocean")


def repertoire(plan: Profile, pieces: int = 4, length_s: float = 240.0, **more: Any) -> Repertoire:
    """For each phase's section so many pieces, "peak 1", "peak 2" and so on."""
    sections = {
        phase.section: tuple(
            track(f"{phase.section} {n + 1}", length_s + 40.0 * n) for n in range(pieces)
        )
        for phase in plan.phases
        if phase.section is not None
    }
    return Repertoire.model_validate({"sections": sections, "refuge": OCEAN} | more)


class Room:
    """One session, stepped by hand; keeps the effects and the events that were accepted."""

    def __init__(self, plan: Profile, music: Repertoire, tick_s: float = 5.0) -> None:
        self.tick_s = tick_s
        self.session, effects = opened(plan, music)
        self.effects: list[Effect] = list(effects)
        self.last: tuple[Effect, ...] = effects
        self.recorded: list[e.Event] = []

    @property
    def now_s(self) -> float:
        return self.session.now_s

    def do(self, event: e.Event) -> tuple[Effect, ...]:
        """One event; raises as step does, and then nothing has changed."""
        self.session, self.last = step(self.session, event)
        self.effects += self.last
        if not isinstance(event, e.Tick):
            self.recorded.append(event)
        return self.last

    def at(self, at_s: float, kind: type[e.Event], *, ago_s: float = 0.0, **facts: Any) -> Session:
        """An event of ``kind`` entered at ``at_s``, with ticks up to then."""
        self.wait_until(at_s)
        self.do(kind(at_s - ago_s, at_s, **facts))
        return self.session

    def wait_until(self, at_s: float) -> Session:
        """Ticks, as the daemon makes them, ending with one at ``at_s``."""
        while self.now_s + self.tick_s < at_s:
            tick_s = self.now_s + self.tick_s
            self.do(e.Tick(tick_s, tick_s))
        self.do(e.Tick(at_s, at_s))
        return self.session


# -- by chance

_NEVER = (Refused, Mend)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done ``after_s`` after the one before."""

    after_s: float
    kind: type[e.Event]
    facts: dict[str, Any]
    ago_s: float = 0.0

    def event(self, now_s: float) -> e.Event:
        return self.kind(now_s - self.ago_s, now_s, **self.facts)


def _tenths(low: float, high: float) -> st.SearchStrategy[float]:
    # Awkward in binary, so that sums do not come out even.
    return st.integers(round(low * 10), round(high * 10)).map(lambda n: n / 10)


_CHANCE = random.Random(20_260_711)


def _any_phase() -> dict[str, Any]:
    phase: dict[str, Any] = {
        "level_lu": _CHANCE.choice([0.0, -3.0, 3.0, -10.0]),
        "intensity": _CHANCE.choice([0.1, 0.5, 0.9]),
        "bed": _CHANCE.choice(SOUNDSCAPES),
        "section": _CHANCE.choice(["a", "b", "c", "d", None]),
        "vocals": _CHANCE.choice(["allowed", "allowed", "none"]),
    }
    if _CHANCE.random() < 0.5:
        phase["crossfade_s"] = _CHANCE.choice([0.1, 3.0, 20.0, 60.0])
    return phase


def _any_track(key: str) -> Offer:
    loudness_lufs = _CHANCE.choice([-40.0, -23.0, -18.0, -8.0])
    length_s = round(_CHANCE.choice([_CHANCE.uniform(1, 40), _CHANCE.uniform(40, 600)]), 1)
    exits = _CHANCE.choice([0, 0, 3, 12])
    return track(
        key,
        length_s,
        loudness_lufs,
        exits_s=tuple(sorted(round(_CHANCE.uniform(0, length_s), 1) for _ in range(exits))),
        max_short_term_lufs=loudness_lufs + _CHANCE.choice([0.0, 4.0, 15.0]),
        true_peak_dbtp=_CHANCE.choice([-20.0, -1.0, 1.5]),
        gain_trim_db=_CHANCE.choice([0.0, 0.0, 3.0, -6.0]),
        vocals=_CHANCE.random() < 0.3,
        place=_CHANCE.choice([*[None] * 12, "opening", "closing"]),
        never_after=(f"t{_CHANCE.randint(0, 119)}",) if _CHANCE.random() < 0.3 else (),
    )


# Few draws from rich pools: a whole session is then imagined in a few milliseconds.
_PHASES = [_any_phase() for _ in range(200)]
_TRACKS = [_any_track(f"t{n}") for n in range(120)]
_HUSHES = [Offer(key=f"hush {s:g}", title="hush", silence_s=s) for s in (15.0, 60.0, 300.0)]
_SCAPES = [scape(name, turn_s) for name in SOUNDSCAPES for turn_s in (6.0, 60.0, 300.0)]


DOSE_MG = 35.0
_WAYS = st.sampled_from(["start_min", "start_min", *WAYS])
_BOUNDS = st.sampled_from([{}, {}, {"not_before_min": -0.7}, {"not_after_min": 1.3}])


@st.composite
def _any_start(draw: st.DrawFn, n: int, starts_min: list[float], planned_min: float) -> Any:
    """One of the ways of saying that a phase starts at this minute as planned."""
    way, minute = draw(_WAYS), starts_min[n]
    bounds = {key: max(0.0, minute + by) for key, by in draw(_BOUNDS).items()}
    if way == "before_end_min" and minute <= planned_min:
        return {way: planned_min - minute, **bounds}
    if way == "after_end_min" and minute >= planned_min:
        return {way: minute - planned_min, **bounds}
    if way == "after_previous_min" and n > 0:
        return {way: minute - starts_min[n - 1], **bounds}
    if way == "effect":
        dosing = planned(InfusionPlan(planned_min=planned_min, dose_mg=DOSE_MG))
        assert dosing is not None
        curve = effect_curve(dosing)
        part = curve.at(minute) / curve.peak_ng_per_ml
        if part >= 0.05:
            side = "rising" if minute < curve.peak_min else "falling"
            return {way: {"fraction": part, "side": side}, **bounds}
    return {"start_min": minute}


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    phases = draw(st.lists(st.sampled_from(_PHASES), min_size=2, max_size=7))
    starts_min = [draw(st.sampled_from([0.0, 0.0, 2.3]))]
    for gap_min in draw(st.lists(_tenths(0.1, 20), min_size=len(phases), max_size=len(phases))):
        starts_min.append(starts_min[-1] + gap_min)
    *starts_min, end_min = starts_min
    planned_min = min(draw(_tenths(0.5, 60)), end_min)
    starts = [draw(_any_start(n, starts_min, planned_min)) for n in range(len(starts_min))]
    written = [
        phase | {"name": f"phase-{n}"} | (starts[n - 1] if n else {})
        for n, phase in enumerate(phases)
    ]
    return Profile.model_validate(
        {
            "kaproom": "profile/1",
            "title": "by chance",
            "infusion": {"planned_min": planned_min, "dose_mg": DOSE_MG},
            "playlist": "by-chance",
            "crossfade_s": draw(st.sampled_from([0.1, 1.0, 8.0, 30.0])),
            "phases": written,
            "session_end_min": end_min,
            "descent": f"phase-{draw(st.integers(1, len(phases) - 1))}",
            "refuge": {"soundscape": "ocean"},
        }
    )


@st.composite
def repertoires(draw: st.DrawFn) -> Repertoire:
    sections = {}
    for name in "abc":
        pieces = draw(st.lists(st.sampled_from([*_TRACKS, *_SCAPES, *_HUSHES]), max_size=6))
        endless = draw(st.sampled_from([None, None, *SOUNDSCAPES]))
        sections[name] = tuple(pieces) + (() if endless is None else (scape(endless),))
    # The same file in two sections is one piece.
    sections["d"] = sections["a"][::-1][1:]
    closing = draw(st.sampled_from([None, *_TRACKS]))
    refuge = draw(st.sampled_from([OCEAN, OCEAN, track("refuge", 90.0), track("short", 7.0)]))
    return Repertoire(sections=sections, refuge=refuge, closing=closing, seed=7)


_AGO = st.sampled_from([0.0, 0.0, 0.5, 3.0, 61.7, 600.0])
_AFTER = st.one_of(_tenths(0, 6), _tenths(0, 60), _tenths(0, 1200), _tenths(0, 1200))


def _deed(kind: type[e.Event], **facts: st.SearchStrategy[Any]) -> st.SearchStrategy[Deed]:
    late = _AGO if kind in (e.Infused, e.Noted) else st.just(0.0)
    return st.builds(Deed, _AFTER, st.just(kind), st.fixed_dictionaries(facts), late)


_INFUSED = _deed(
    e.Infused,
    what=st.sampled_from(["started", "paused", "resumed", "stopped", "started", "resumed"]),
)
_DEEDS = st.one_of(
    _INFUSED,
    _INFUSED,
    _INFUSED,
    _deed(e.Infused, what=st.just("bolus"), value=st.just(5.0), unit=st.just("mg")),
    _deed(
        e.Infused,
        what=st.just("rate"),
        value=st.sampled_from([0.0, 0.4, 1.75]),
        unit=st.just("mg/min"),
    ),
    _deed(e.Noted, category=st.just("tears"), text=st.just("")),
    _deed(e.Held, for_min=st.sampled_from([None, None, 0.3, 10.0])),
    _deed(e.Advanced, sure=st.sampled_from([True, True, False])),
    _deed(e.Calmed),
    _deed(e.Skipped),
    _deed(e.Ducked),
    _deed(e.Faded, at_once=st.booleans()),
    _deed(e.Returned),
    _deed(e.Levelled, by_db=st.sampled_from([-9.0, 2.0, 12.0])),
    _deed(e.WentAway),
    _deed(e.CameBack, rejoin=st.booleans()),
    _deed(e.SourceFailed, cue=st.integers(1, 40).map(lambda n: f"c{n}"), why=st.just("broken")),
    _deed(e.Shifted, by_s=st.sampled_from([0.4, 2.5, 700.0, -0.4])),
    _deed(e.Interrupted, gap_s=st.sampled_from([0.0, 130.0, 900.0])),
    _deed(
        e.Continued,
        minute=st.sampled_from([None, None, 0.0, 7.5, 30.0]),
        infusion=st.sampled_from([None, None, "stopped", "paused"]),
    ),
)

# Most sessions begin with an infusion; one that never does is rare but real.
_BEGINNINGS: st.SearchStrategy[list[Deed]] = st.one_of(
    st.just([]),
    _tenths(0, 900).map(lambda after_s: [Deed(after_s, e.Infused, {"what": "started"})]),
    _tenths(0, 900).map(lambda after_s: [Deed(after_s, e.Infused, {"what": "started"})]),
)


@st.composite
def stories(draw: st.DrawFn, max_deeds: int = 14) -> list[Deed]:
    """What people do, in order; refusals are part of life."""
    deeds = [*draw(_BEGINNINGS), *draw(st.lists(_DEEDS, max_size=max_deeds))]
    if draw(st.integers(0, 4)) == 0:
        deeds.append(Deed(draw(_tenths(0, 600)), e.Ended, {}))
        deeds += draw(st.lists(_DEEDS, max_size=3))
    return deeds


def told(session: Session, deed: Deed) -> tuple[Session, tuple[Effect, ...], e.Event | None]:
    """The deed done, or refused; without ticks in between."""
    event = deed.event(session.now_s + deed.after_s)
    try:
        after, effects = step(session, event)
    except _NEVER:
        return session, (), None
    return after, effects, event


def as_recorded(events: Iterable[e.Event]) -> list[e.Event]:
    """The events as they come back from the record: their times in whole nanoseconds."""
    read = []
    for event in events:
        times = [round(t * NS_PER_S) / NS_PER_S for t in (event.at_s, event.entered_s)]
        line = json.loads(json.dumps([event.kind, *times, event.to_data()]))
        back = e.event_from(*line)
        assert back is not None
        read.append(back)
    return read
