"""A disturbance as a file: its head is written by a person, its tables by the planner.

The head says what people do. Below it stand the phases and the pieces as planned without
the disturbance, and as they came with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from session.imagined import Room, track
from session.scripted import deed, seconds

from kaproom.errors import Refused
from kaproom.files import load_profile
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.machine import Tell
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire
from kaproom.session.roomfile import RoomFile

FOLDER = Path(__file__).parent / "disturbances"
TICK_S = 5.0
OVER_S = 120.0
"""So long after its planned end each session is looked at."""
_NEAR_S = 0.6
_WIDTH = 38
_LINE = re.compile(r" *(\d+:\d\d)  (.+?)(?: *\| refused: (.+))?$")
_MUSIC = re.compile(
    r"(\d+) a section, the first (\S+), each (\S+) longer(?:, an exit every (\S+))?"
)


@dataclass(frozen=True)
class Done:
    """One line of the head: what people do, and the words of a refusal."""

    at_s: float
    what: str
    refused: str | None


class Disturbance:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text(encoding="utf-8")
        self.head = text.partition("\n--\n")[0].rstrip() + "\n"
        self.title = self.head.splitlines()[0]
        self.facts: dict[str, str] = {}
        self.deeds: list[Done] = []
        for line in self.head.splitlines():
            fact = re.match(r"(profile|music|as planned|closing): (.*)$", line)
            story = _LINE.match(line)
            if fact:
                self.facts[fact[1]] = fact[2]
            elif story:
                self.deeds.append(Done(seconds(story[1]), story[2].strip(), story[3]))

    def planned(self) -> Room:
        """The session as it would go without the disturbance, from its opening to its end."""
        room = self._room()
        for written in self.facts["as planned"].split(", "):
            what, at = written.rsplit(" ", 1)
            room.wait_until(seconds(at))
            room.do(deed(f"infusion {what}", room) or e.Tick(room.now_s, room.now_s))
        return _to_its_end(room)

    def disturbed(self) -> Room:
        """The session with it."""
        room = self._room()
        for done in self.deeds:
            room.wait_until(done.at_s)
            event = deed(done.what, room)
            if done.refused is not None:
                assert event is not None
                with pytest.raises(Refused, match=re.escape(done.refused)):
                    room.do(event)
            elif event is not None:
                room.do(event)
        return _to_its_end(room)

    def written(self, before: Room, after: Room) -> str:
        """The whole file, as it should be."""
        lines = [*_phases(before, after), "", *_pieces(before, after, self.deeds)]
        return self.head + "\n--\n" + "\n".join(line.rstrip() for line in lines) + "\n"

    def first_s(self) -> float:
        """When the first thing is done otherwise than planned, or at another time."""
        plan = [
            (seconds(at), f"infusion {what}")
            for what, at in (w.rsplit(" ", 1) for w in self.facts["as planned"].split(", "))
        ]
        did = [(done.at_s - _stood_s(done.what), done.what) for done in self.deeds]
        return min(at_s for at_s, what in set(plan) ^ set(did))

    def _room(self) -> Room:
        plan = _profile(self.facts["profile"])
        count, first, longer, every = _MUSIC.fullmatch(self.facts["music"]).groups()  # type: ignore[union-attr]
        names = dict.fromkeys(phase.section for phase in plan.phases if phase.section)
        sections = {
            name: tuple(
                _track(f"{name} {n + 1}", seconds(first) + n * seconds(longer), every)
                for n in range(int(count))
            )
            for name in names
        }
        closing = self.facts.get("closing")
        music = Repertoire(
            sections=sections,
            refuge=Offer(key="bed:ocean:None:None", title="ocean", soundscape="ocean"),
            closing=_track("own piece", seconds(closing), None) if closing else None,
            seed=7,
        )
        return Room(plan, music, TICK_S)


def _stood_s(what: str) -> float:
    still = re.search(r"stands still for (\d+) s", what)
    return float(still[1]) if still else 0.0


@cache
def _profile(name: str) -> Profile:
    return load_profile(name, RoomFile()).profile


def _track(title: str, length_s: float, every: str | None) -> Offer:
    every_s = seconds(every) if every else length_s
    exits_s = tuple(n * every_s for n in range(1, int(length_s // every_s) + 1))
    return track(title, length_s, exits_s=tuple(x for x in exits_s if x < length_s - 20.0))


def _to_its_end(room: Room) -> Room:
    end_s = room.session.phases[-1].end_s
    assert end_s is not None
    room.wait_until(max(end_s, room.now_s) + OVER_S)
    return room


# -- how it is told


def index(paths: Iterable[Path]) -> str:
    """All of them as one table, from what the files say."""
    lines = ["| what happens | phases that move | end | |", "|---|---|---|---|"]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        rows = re.findall(r"^(\w+) +(\S+) +(\S+)(?:   (\*))?$", text, re.MULTILINE)
        moved = [name for name, _, now, star in rows if star and name != "end" and now != "–"]
        gone = [f"no {name}" for name, _, now, _ in rows if now == "–"]
        *_, (_, was, now, _) = rows
        end = was if was == now else f"{was} → {now}"
        where = ", ".join(moved + gone) or "–"
        link = f"[{path.stem[:2]}]({path.name})"
        lines.append(f"| {text.splitlines()[0]} | {where} | {end} | {link} |")
    return "\n".join(lines) + "\n"


def at(at_s: float) -> str:
    """Minutes and seconds since the session was opened."""
    whole = round(at_s)
    return f"{whole // 60}:{whole % 60:02d}"


def begins(room: Room) -> dict[str, float]:
    """When each phase that was on began, and when the session's plan ended."""
    first = room.session.profile.phases[0].name
    began = {first: 0.0}
    for effect in room.effects:
        if isinstance(effect, Tell) and effect.kind == "phase":
            began[effect.data["name"]] = effect.at_s
    end_s = room.session.phases[-1].end_s
    assert end_s is not None
    return began | {"end": end_s}


def _phases(before: Room, after: Room) -> list[str]:
    was, came = begins(before), begins(after)
    names = [*(p.name for p in before.session.profile.phases), "end"]
    lines = [f"{'phase':12}{'before':>9}{'after':>9}"]
    for name in names:
        then, now = (at(t[name]) if name in t else "–" for t in (was, came))
        lines.append(f"{name:12}{then:>9}{now:>9}{'   *' if then != now else ''}")
    for silence in after.session.silences:
        assert silence.until_s is not None
        lines.append(f"silence from {at(silence.from_s)} until {at(silence.until_s)}")
    return lines


def _pieces(before: Room, after: Room, deeds: list[Done]) -> list[str]:
    was, came = (_told(room) for room in (before, after))
    rows: list[tuple[float, int, str]] = []
    for at_s in sorted({*was, *came}):
        left, right = was.get(at_s, ""), came.get(at_s, "")
        rows.append((at_s, 1, f"{at(at_s):>7}  {left:{_WIDTH}}{right}"))
    for done in deeds:
        refused = ", refused" if done.refused else ""
        rows.append((done.at_s, 0, f"{at(done.at_s):>7}  {'':.<{_WIDTH}}{done.what}{refused}"))
    head = f"{'':9}{'before':{_WIDTH}}after"
    return [head, *(line for *_, line in sorted(rows, key=lambda row: row[:2]))]


def _told(room: Room) -> dict[float, str]:
    """Each piece by when it entered."""
    session = room.session
    told: dict[float, str] = {}
    for cue, following in pairwise([*session.cues, None]):
        assert cue is not None
        if cue.start_s > room.now_s:
            break
        phase = session.profile.phases[cue.phase_index].name
        gone_s = room.now_s if following is None else following.start_s + following.crossfade_s
        unheard = any(s.covers(cue.start_s, gone_s) for s in session.silences)
        how = "unheard" if unheard else left(cue, following)
        told[round(cue.start_s, 1)] = f"{phase:9} {cue.offer.title}{f' ({how})' if how else ''}"
    return told


def left(cue: PlannedCue, following: PlannedCue | None) -> str:
    """How a piece was left: at its end, at an exit, or elsewhere; a soundscape anywhere."""
    if cue.end_s is None or following is None or cue.offer.soundscape is not None:
        return ""
    if following.start_s + following.crossfade_s >= cue.end_s - _NEAR_S:
        return ""
    if any(abs(following.start_s - exit_s) <= _NEAR_S for exit_s in cue.exits_at_s):
        return "to an exit"
    return "left"
