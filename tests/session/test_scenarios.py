"""Whole sessions as files that a therapist can read; see scenarios/README.md."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from session.imagined import OCEAN, TICK_S, Room, as_recorded, profile, repertoire, track

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.events import ago_s
from kaproom.session.machine import SILENT_DB, Session, opened, step
from kaproom.session.profile import Profile
from kaproom.session.status import Sound, snapshot

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
HEADPHONES = Sound("headphones", None, True, -23.0, -6.0, 0)


def seconds(written: str) -> float:
    minutes, rest = written.split(":")
    return int(minutes) * 60 + float(rest)


class Scenario:
    """One file: its plan, its music, and its lines."""

    def __init__(self, path: Path) -> None:
        self.facts: dict[str, str] = {}
        self.lines: list[tuple[str, float, str, str]] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            story = re.match(r" ?(\d+:\d\d)  ?(.*?)\|(.*)$", line)
            fact = re.match(r"(plan|infusion|pieces|closing|refuge): (.*)$", line)
            if story:
                at, deed, then = story.groups()
                self.lines.append((line, seconds(at), deed.strip(), then.strip()))
            elif fact:
                self.facts[fact[1]] = fact[2]

    def profile(self) -> Profile:
        first, *later = (part.split() for part in self.facts["plan"].split("|"))
        *phases, end = later
        plan = profile(
            [float(minute) for _, minute in phases],
            planned_min=float(self.facts["infusion"].split()[0]),
            session_end_min=float(end[1]),
        )
        names = [first[0], *(name for name, _ in phases)]
        renamed = [
            phase.model_copy(update={"name": name, "section": name})
            for phase, name in zip(plan.phases, names, strict=True)
        ]
        return plan.model_copy(update={"phases": tuple(renamed)})

    def room(self) -> Room:
        plan = self.profile()
        pieces = re.fullmatch(
            r"(\d+) a phase, the first (\S+), each (\S+) longer", self.facts["pieces"]
        )
        assert pieces is not None and pieces[3] == "0:40"
        closing, refuge = self.facts.get("closing"), self.facts.get("refuge")
        music = repertoire(
            plan,
            int(pieces[1]),
            seconds(pieces[2]),
            closing=track("own piece", seconds(closing)) if closing else None,
            refuge=track("refuge", seconds(refuge)) if refuge else OCEAN,
        )
        return Room(plan, music, TICK_S)


# -- what people do


def deed(line: str, room: Room) -> e.Event | None:
    """The event of a command line; None for what leaves none."""
    at_s = room.now_s
    if line.startswith("("):
        return _by_itself(line, room)
    word, *rest = shlex.split(line)
    back_s = 0.0
    if "--ago" in rest:
        where = rest.index("--ago")
        back_s = ago_s(rest[where + 1])
        del rest[where : where + 2]
    kinds: dict[str, Callable[[], e.Event]] = {
        "infusion": lambda: _infusion(at_s - back_s, at_s, rest),
        "note": lambda: e.Noted(at_s - back_s, at_s, rest[0]),
        "hold": lambda: e.Held(at_s, at_s, float(rest[0]) if rest else None),
        "advance": lambda: e.Advanced(at_s, at_s, sure="--yes" in rest),
        "calm": lambda: e.Calmed(at_s, at_s),
        "skip": lambda: e.Skipped(at_s, at_s),
        "duck": lambda: e.Ducked(at_s, at_s),
        "fade": lambda: e.Faded(at_s, at_s, at_once="--now" in rest),
        "return": lambda: e.Returned(at_s, at_s),
        "level": lambda: e.Levelled(at_s, at_s, float(rest[1]) * (1 if rest[0] == "up" else -1)),
        "away": lambda: e.WentAway(at_s, at_s),
        "back": lambda: e.CameBack(at_s, at_s, rejoin="--rejoin" in rest),
        "end": lambda: e.Ended(at_s, at_s),
    }
    return kinds[word]()


def _infusion(at_s: float, entered_s: float, words: list[str]) -> e.Event:
    what, *amount = words
    value = float(amount[0]) if amount else None
    unit: Any = "mg" if what == "bolus" else (amount[1] if len(amount) > 1 else None)
    assert what in ("started", "paused", "resumed", "stopped", "rate", "bolus")
    facts: Any = what
    return e.Infused(at_s, entered_s, facts, value, unit)


def _by_itself(line: str, room: Room) -> e.Event | None:
    at_s = room.now_s
    if line == "(the file fails)":
        heard = room.session.cue_at(at_s)
        assert heard is not None
        return e.SourceFailed(at_s, at_s, heard.id, "cannot be read")
    still = re.fullmatch(r"\(the sound stands still for (\d+) s\)", line)
    if still:
        return e.Shifted(at_s, at_s, float(still[1]))
    assert line == "(the daemon is killed and starts again)", line
    room.session = replayed(room)
    return None


def replayed(room: Room) -> Session:
    """The session as a new daemon finds it in the record."""
    session, _ = opened(room.session.profile, room.session.repertoire)
    for event in [*as_recorded(room.recorded), e.Tick(room.now_s, room.now_s)]:
        session, _ = step(session, event)
    return session


# -- what must then be so


def check(expected: str, room: Room) -> None:
    session = room.session
    told = snapshot(session, HEADPHONES)
    phase = told["phase"]
    match expected.split(maxsplit=1):
        case ["phase", name]:
            assert phase["name"] + (", held" if phase["held"] else "") == name
        case ["infusion", state]:
            assert told["infusion"]["state"] == state
        case ["hears", "nothing"]:
            assert session.gain_db == SILENT_DB
        case ["hears", title]:
            assert told["sound"]["now"]["title"] == title
            assert session.gain_db > SILENT_DB
        case ["sound", state]:
            assert told["sound"]["state"] == state
        case ["gain", db]:
            assert session.gain_db == float(db)
        case ["no", "end yet"]:
            assert told["session"]["end_in_s"] is None
        case ["ends", at]:
            end_s = room.now_s + told["session"]["end_in_s"]
            assert end_s == pytest.approx(seconds(at.split()[-1]), abs=0.51)
        case ["due", label]:
            assert label in told["prompts"]["due"]
        case ["overdue", count]:
            assert told["prompts"]["overdue"] == int(count)
        case _:
            _check_times(expected, session)


def _check_times(expected: str, session: Session) -> None:
    begins = re.fullmatch(r"(\S+) at (\d+:\d\d)", expected)
    if begins:
        span = next(s for s in session.phases if s.name == begins[1])
        assert span.start_s == pytest.approx(seconds(begins[2]), abs=0.51)
        return
    plays = re.fullmatch(r"(.+) from (\d+:\d\d)", expected)
    assert plays is not None, f"nobody knows what '{expected}' means"
    cue = next((c for c in session.cues if c.offer.title == plays[1]), None)
    assert cue is not None, f"'{plays[1]}' is not planned"
    assert cue.start_s == pytest.approx(seconds(plays[2]), abs=10.0)


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 10


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_session_goes_as_its_scenario_tells(path: Path) -> None:
    scenario = Scenario(path)
    room = scenario.room()
    for line, at_s, done, then in scenario.lines:
        room.wait_until(at_s)
        refusal = re.fullmatch(r"refused: (.*)", then)
        try:
            if refusal:
                before = room.session
                with pytest.raises((Refused, Mend), match=re.escape(refusal[1])):
                    room.do(deed(done, room) or e.Tick(at_s, at_s))
                assert room.session is before
            else:
                event = deed(done, room) if done else None
                if event is not None:
                    room.do(event)
                for expected in then.split(";"):
                    check(expected.strip(), room)
        except AssertionError as error:
            raise AssertionError(f"{path.name}: {line}\n{error}\n{_cues(room)}") from error
    assert replayed(room) == replace(room.session)


def _cues(room: Room) -> str:
    return "\n".join(
        f"{c.start_s // 60:4.0f}:{c.start_s % 60:04.1f} {c.offer.title} ({c.id})"
        for c in room.session.cues
    )
