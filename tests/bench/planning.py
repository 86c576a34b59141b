"""The planner: how long a re-plan takes, how near phases turn, and its laws a million times.

``python tests/bench/planning.py [--cases N] [--seed S] [--quick]`` in a checkout.

*Ours* is ``kaproom.session`` stepped as a room does. *Greedy* is the same music filled in as
a player with a crossfade does: the list in its order, each piece to its end, the next phase
when the last piece that began in time is over. Beds are left to ours alone: the greedy one
has none and never needs one.

A case is a random profile, random music and a random afternoon, each step of which is held
against ``laws.py``. The same seed gives the same cases, so a case that fails is a number.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

if __name__ == "__main__":
    # The tests' own parts are imported as in the tests: from their folder.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np
from bench.laws import broken, is_cut
from bench.room import Ground
from bench.stock import Stock
from bench.told import Told, percentile, verdicts
from session.imagined import OCEAN, profile, scape, track

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.effects import Play
from kaproom.session.machine import LEAD_S, Session, opened, step
from kaproom.session.pharmacokinetics import MODELS, Dosing, Rate, predict
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire

_REPLANS, _QUICK_REPLANS = 2_000, 150
_SESSIONS, _QUICK_SESSIONS = 2_000, 150
_CASES, _QUICK_CASES = 5_000, 100
_P99_MS, _NEAR_S, _FAR_S, _SHARE, _TIMES = 20.0, 5.0, 30.0, 1.0, 5.0
_CURVE_MS = 10.0
_STARTED_S = 400.0


def planning(ground: Ground | None, stock: Stock | None, quick: bool) -> Told:
    """All of it, as one of the benches."""
    return told_of(quick, _QUICK_CASES if quick else _CASES, seed=1)


def told_of(quick: bool, cases: int, seed: int) -> Told:
    told = Told("planning", ("", "times", "p50", "p99", "worst"))
    chance = random.Random(seed)
    took_ms = list(_replans(chance, _QUICK_REPLANS if quick else _REPLANS))
    _row(told, "re-plan, 3 h, 504 tracks, CPU ms", took_ms)
    told.promise("re-plan of 3 h with 500 tracks, p99", percentile(took_ms, 99), "ms", _P99_MS)
    drawn_ms = list(_curves(100))
    _row(told, "predicted effect, 10,000 points, CPU ms", drawn_ms)
    told.promise(
        "predicted effect at 10,000 points, p50", percentile(drawn_ms, 50), "ms", _CURVE_MS
    )
    _boundaries(told, chance, _QUICK_SESSIONS if quick else _SESSIONS)
    began_s = time.process_time()
    steps, faults = 0, 0
    for number in range(cases):
        for fault in case(seed, number):
            steps += 1
            if fault:
                faults += 1
                print(f"-- case {number} of seed {seed}: {fault}", flush=True)
    told.notes.append(
        f"{cases} cases, {steps} steps against the laws: {faults} broken"
        f" ({time.process_time() - began_s:.0f} s of CPU)"
    )
    told.promise("laws broken in random sessions", float(faults), "", 0.0)
    return told


def _row(told: Told, what: str, values: list[float]) -> None:
    p50, p99 = percentile(values, 50), percentile(values, 99)
    told.row(what, len(values), p50, p99, max(values))


# -- how long a re-plan takes


def _three_hours(chance: random.Random) -> tuple[Profile, Repertoire]:
    plan = profile([0, 10, 30, 80, 110, 140], planned_min=100, session_end_min=180.0)
    sections = {
        phase.name: tuple(_any_track(chance, f"{phase.name} {n}") for n in range(72))
        for phase in plan.phases
    }
    return plan, Repertoire(sections=sections, refuge=OCEAN, closing=track("own", 200.0))


def _replans(chance: random.Random, count: int) -> Iterator[float]:
    """The CPU time of each step that planned anew, in ms."""
    made = 0
    while made < count:
        plan, music = _three_hours(chance)
        session, _ = opened(plan, music)
        # A room has one session to look through for rubbish, not all that were imagined here.
        gc.collect()
        gc.freeze()
        for _ in range(25):
            event = _any_event(chance, session.now_s + chance.expovariate(1 / 400.0), session)
            began_ns = time.process_time_ns()
            try:
                session, effects = step(session, event)
            except (Refused, Mend):
                continue
            if any(isinstance(effect, Play) for effect in effects):
                made += 1
                yield (time.process_time_ns() - began_ns) / 1e6


def _curves(count: int) -> Iterator[float]:
    """The CPU time of each drawn effect of four hours with twenty rates, in ms."""
    steps = (Rate(minute, 35 / 40 * (minute % 3)) for minute in range(20))
    dosing, minutes = Dosing(tuple(steps)), np.linspace(0, 240, 10_000)
    for _ in range(count):
        began_ns = time.process_time_ns()
        predict(MODELS["kamp"], dosing, minutes)
        yield (time.process_time_ns() - began_ns) / 1e6


# -- how near phases turn


def _boundaries(told: Told, chance: random.Random, count: int) -> None:
    ours_s: list[float] = []
    greedy_s: list[float] = []
    bed_s: list[float] = []
    cuts = 0
    for _ in range(count):
        plan, music = _any_lists(chance)
        session, _ = opened(plan, music)
        session, _ = step(session, e.Infused(_STARTED_S, _STARTED_S, "started"))
        spans = session.phases
        for span in spans[2:]:
            entering = next(c for c in session.cues if c.phase_index == span.index)
            ours_s.append(abs(entering.start_s - (span.start_s or 0.0)))
        greedy_s += _greedy(plan, music, [span.start_s or 0.0 for span in spans[1:]])
        for cue, following in pairwise(session.cues):
            cuts += is_cut(cue, following) and cue.start_s >= _STARTED_S + LEAD_S
            if cue.phase_index > 0 and cue.offer.key.startswith("bed:"):
                bed_s.append(following.start_s - cue.start_s)
    _row(told, "boundary beside plan, ours, s", ours_s)
    _row(told, "boundary beside plan, greedy, s", greedy_s)
    near = 100 * sum(error_s <= _NEAR_S for error_s in ours_s) / len(ours_s)
    ours_mean_s, greedy_mean_s = sum(ours_s) / len(ours_s), sum(greedy_s) / len(greedy_s)
    told.notes += [
        f"{near:.3f} % of ours within {_NEAR_S:g} s; mean {ours_mean_s:.3f} s, greedy"
        f" {greedy_mean_s:.1f} s; a bed in {100 * len(bed_s) / len(ours_s):.1f} % of the phases,"
        f" {sum(bed_s) / max(1, len(bed_s)):.0f} s each",
    ]
    told.promise(f"boundaries beyond {_NEAR_S:g} s", 100 - near, "%", _SHARE)
    told.promise("boundary beside plan, worst", max(ours_s), "s", _FAR_S)
    told.promise("boundary error, ours of greedy", ours_mean_s / greedy_mean_s, "", 1 / _TIMES)
    told.promise("tracks cut anywhere but at an exit or their end", float(cuts), "", 0.0)


def _any_lists(chance: random.Random) -> tuple[Profile, Repertoire]:
    """Six phases of 6 to 45 min, each with 12 tracks of 2 to 9 min, no exits marked."""
    starts_min = [0.0]
    for _ in range(5):
        starts_min.append(round(starts_min[-1] + chance.uniform(6, 45), 2))
    plan = profile(
        starts_min,
        planned_min=starts_min[3],
        session_end_min=round(starts_min[-1] + 30, 2),
        crossfade_s=chance.choice([4.0, 8.0, 12.0]),
        limits={"max_session_min": 400},
    )
    sections = {
        phase.name: tuple(
            _any_track(chance, f"{phase.name} {n}").model_copy(update={"exits_s": ()})
            for n in range(12)
        )
        for phase in plan.phases
    }
    return plan, Repertoire(sections=sections, refuge=OCEAN)


def _greedy(plan: Profile, music: Repertoire, starts_s: list[float]) -> list[float]:
    """How far beside its moment each phase turns, all pieces played to their ends."""
    errors_s = []
    at_s = starts_s[0]
    for index, end_s in enumerate(starts_s[1:], start=1):
        phase = plan.phases[index]
        crossfade_s = plan.phase_crossfade_s(phase)
        for offer in music.sections[phase.section or ""]:
            if at_s >= end_s:
                break
            at_s += (offer.length_s or 0.0) - crossfade_s
        errors_s.append(abs(at_s - end_s))
    return errors_s


# -- the laws, by chance


def case(seed: int, number: int) -> Iterator[str | None]:
    """One random session: for each of its steps the law that it breaks, mostly none."""
    chance = random.Random(f"{seed}:{number}")
    plan, music = _any_profile(chance), _any_music(chance)
    session, _ = opened(plan, music)
    yield broken(session, session, None)
    for _ in range(chance.randint(1, 12)):
        event = _any_event(chance, session.now_s + chance.expovariate(1 / 300.0), session)
        try:
            after, effects = step(session, event)
        except (Refused, Mend):
            continue
        before, _ = step(session, e.Tick(event.entered_s, event.entered_s))
        again, _ = step(session, event)
        if again != after:
            yield f"{event}: not the same twice"
        planned = any(isinstance(effect, Play) for effect in effects)
        yield broken(before, after, event if planned else None)
        session = after


def _any_profile(chance: random.Random) -> Profile:
    starts_min = [0.0]
    for _ in range(chance.randint(0, 5)):
        starts_min.append(round(starts_min[-1] + chance.choice([0.3, 2, 6, 15, 25]), 1))
    end_min = starts_min[-1] + chance.choice([1.0, 10.0, 20.0])
    plan = profile(
        starts_min,
        planned_min=chance.uniform(0.5, end_min),
        session_end_min=end_min,
        crossfade_s=chance.choice([0.1, 4.0, 8.0, 20.0]),
        descent=f"phase-{chance.randint(1, len(starts_min))}" if len(starts_min) != 6 else None,
    )
    phases = tuple(
        phase.model_copy(
            update={
                "section": chance.choice(["a", "b", "c", "d", None]),
                "level_lu": chance.choice([0.0, -3.0, -10.0]),
            }
        )
        for phase in plan.phases
    )
    return plan.model_copy(update={"phases": phases})


def _any_music(chance: random.Random) -> Repertoire:
    sections: dict[str, tuple[Offer, ...]] = {}
    for name in "abcd":
        offers: list[Offer] = []
        for n in range(chance.randint(0, 9)):
            offers.append(_any_track(chance, f"{name}{n}", odd=True))
            if chance.random() < 0.1:
                hush = {"key": f"hush {name}{n}", "title": "hush", "silence_s": 30.0}
                group = offers[-1].group or f"{name}{n}"
                offers[-1] = offers[-1].model_copy(update={"group": group})
                offers.append(Offer.model_validate(hush | {"group": group}))
        if offers and chance.random() < 0.3:
            offers.insert(chance.randrange(len(offers)), scape("bowls", 120.0))
        if chance.random() < 0.2:
            offers.append(scape("ocean"))
        sections[name] = tuple(offers)
    closing = track("own", chance.uniform(20, 400)) if chance.random() < 0.4 else None
    return Repertoire(sections=sections, refuge=OCEAN, closing=closing, seed=7)


def _any_track(chance: random.Random, key: str, *, odd: bool = False) -> Offer:
    length_s = chance.uniform(120, 540)
    more: dict[str, object] = {}
    if odd:
        length_s = chance.choice([chance.uniform(1, 60), chance.uniform(60, 600)])
        near = chance.choice("abcd") + str(chance.randint(0, 8))
        more["never_after"] = (near,) if chance.random() < 0.2 else ()
        more["crossfade_after_s"] = ((near, 15.0),) if chance.random() < 0.1 else ()
        more["place"] = chance.choice([*[None] * 12, "opening", "closing"])
    if chance.random() < 0.3:
        exits = (chance.uniform(0, length_s) for _ in range(4))
        more["exits_s"] = tuple(sorted(round(exit_s, 1) for exit_s in exits))
    loudness_lufs = chance.choice([-28.0, -23.0, -18.0, -14.0, -10.0])
    return track(key, round(length_s, 3), loudness_lufs, **more)


def _any_event(chance: random.Random, at_s: float, session: Session) -> e.Event:
    infused = chance.choice(["started", "paused", "resumed", "stopped"])
    if session.infusion.started_at_s is None and chance.random() < 0.7:
        infused = "started"
    makers: list[Callable[[], e.Event]] = [
        lambda: e.Infused(at_s - chance.choice([0.0, 0.0, 30.0]), at_s, infused),  # type: ignore[arg-type]
        lambda: e.Infused(at_s, at_s, infused),  # type: ignore[arg-type]
        lambda: e.Held(at_s, at_s, chance.choice([None, 5.0])),
        lambda: e.Advanced(at_s, at_s, sure=True),
        lambda: e.Skipped(at_s, at_s),
        lambda: e.Calmed(at_s, at_s),
        lambda: e.Returned(at_s, at_s),
        lambda: e.WentAway(at_s, at_s),
        lambda: e.CameBack(at_s, at_s, rejoin=chance.random() < 0.5),
        lambda: e.SourceFailed(at_s, at_s, chance.choice(session.cues).id, "broken"),
        lambda: e.Shifted(at_s, at_s, chance.choice([0.4, 12.0])),
    ]
    return chance.choice(makers)()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=_CASES, metavar="N", help="random sessions")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="short, to see that it runs")
    asked = parser.parse_args()
    told = told_of(asked.quick, asked.cases, asked.seed)
    print(told.text(), verdicts(told.targets), sep="\n\n")
    return 0 if all(target.met for target in told.targets) else 1


if __name__ == "__main__":
    sys.exit(main())
