"""Whole sessions as files that a therapist can read; see scenarios/README.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from session.imagined import OCEAN, TICK_S, Room, profile, repertoire, track
from session.scripted import deed, replayed, seconds

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.machine import SILENT_DB, Session
from kaproom.session.profile import Profile
from kaproom.session.status import Sound, snapshot

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
HEADPHONES = Sound("headphones", None, True, -23.0, -6.0, 0)


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
