"""The deep check: the whole session played through, on every course, before there is a patient.

Each course is played by a process of its own, two at a time. A course that kills its
process is a fault of what it played, and costs itself and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from kaproom.curation.courses import DEFAULT, NAMES, PLANNED, Course, course
from kaproom.curation.faults import Fault, merged
from kaproom.curation.hired import dismiss, hired
from kaproom.errors import Mend
from kaproom.measurements import Measured
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.spelling import did_you_mean

Progress = Callable[[str, float], None]
"""Called with the name of a course and how much of it was played, from 0 to 1."""

WORKERS_MAX = 2
_REHEARSER = "kaproom.curation.rehearser"


@dataclass(frozen=True, slots=True)
class Deep:
    """What was played and what was heard.

    Attributes:
        courses: Those that were played, in the order in which they were asked for.
        faults: Each once, in order of time.
    """

    courses: tuple[Course, ...]
    faults: tuple[Fault, ...]


def chosen(names: Iterable[str] | None, profile: Profile) -> tuple[Course, ...]:
    """The courses to play: as planned first, then those that were asked for.

    Args:
        names: ``all``, or names of disturbances; None for the usual ones.
        profile: Some disturbances make no sense for some.

    Raises:
        Mend: There is no such disturbance.
    """
    wanted = list(DEFAULT if names is None else names)
    for name in wanted:
        if name not in (*NAMES, "all", "none"):
            near = did_you_mean(name, NAMES)
            raise Mend(f"--disturbances: '{name[:40]}' is none; they are {', '.join(NAMES)}{near}")
    if "all" in wanted:
        wanted = list(NAMES)
    ordered = dict.fromkeys([PLANNED, *(name for name in wanted if name != "none")])
    found = (course(name, profile) for name in ordered)
    return tuple(way for way in found if way is not None)


def rehearse(
    profile: Profile,
    repertoire: Repertoire,
    measured: Mapping[str, Measured],
    courses: tuple[Course, ...],
    progress: Progress | None = None,
) -> Deep:
    """Play these courses through.

    Raises:
        KeyboardInterrupt: Every process is gone then.
    """
    said_s = {path: one.said_length_s for path, one in measured.items() if one.problem is None}
    session = {
        "profile": profile.model_dump(mode="json"),
        "repertoire": repertoire.model_dump(mode="json"),
        "said_s": said_s,
    }
    company = _Company(session, courses, progress or (lambda name, part: None))
    company.play(min(WORKERS_MAX, len(courses), os.cpu_count() or 1))
    faults = [fault for way in courses for fault in company.faults[way.name]]
    return Deep(courses, tuple(sorted(merged(faults), key=lambda fault: fault.minute)))


@dataclass(slots=True, eq=False)
class _Player:
    """One process, the course that it plays, and what it said of it."""

    process: subprocess.Popen[bytes]
    course: str = ""
    at_s: float = 0.0
    heard: bytes = b""
    faults: list[Fault] = field(default_factory=list)

    def fileno(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()


class _Company:
    """The courses that are still to be played, and the processes that play them."""

    def __init__(
        self, session: dict[str, Any], courses: tuple[Course, ...], progress: Progress
    ) -> None:
        self.faults: dict[str, list[Fault]] = {}
        self._session = session
        self._starts_s = {way.name: way.start_s for way in courses}
        self._waiting = [way.name for way in reversed(courses)]
        self._progress = progress

    def play(self, workers: int) -> None:
        """Play all; every process is gone when this returns or raises."""
        company: list[_Player] = []
        try:
            for _ in range(workers):
                company.append(_Player(hired(_REHEARSER)))
                self._give(company[-1])
            while busy := [player for player in company if player.course]:
                readable, _, _ = select.select(busy, [], [])
                for player in readable:
                    self._hear(player)
        finally:
            for player in company:
                dismiss(player.process)

    def _give(self, player: _Player) -> None:
        player.course, player.at_s, player.faults = "", 0.0, []
        if not self._waiting:
            return
        player.course = self._waiting.pop()
        self._progress(player.course, 0.0)
        job = json.dumps({**self._session, "course": player.course})
        assert player.process.stdin is not None
        # One that died already is noticed by its output's end.
        with contextlib.suppress(BrokenPipeError):
            _write(player.process.stdin, job.encode() + b"\n")

    def _hear(self, player: _Player) -> None:
        chunk = os.read(player.fileno(), 65_536)
        *lines, player.heard = (player.heard + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self._take(player, json.loads(line))
        if not chunk:
            self._died(player)

    def _take(self, player: _Player, told: dict[str, Any]) -> None:
        if "fault" in told:
            player.faults.append(Fault.from_json(told["fault"]))
        elif "done" in told:
            self.faults[player.course] = player.faults
            self._progress(player.course, 1.0)
            self._give(player)
        else:
            player.at_s = told["at_s"]
            self._progress(player.course, min(1.0, player.at_s / max(told["end_s"], 1.0)))

    def _died(self, player: _Player) -> None:
        minute = (player.at_s - self._starts_s[player.course]) / 60
        line = "playing it ended the process after this minute; listen to what comes there"
        fault = Fault("unreadable", player.course, minute, "", "", "", None, line)
        self.faults[player.course] = [*player.faults, fault]
        self._progress(player.course, 1.0)
        dismiss(player.process)
        player.process, player.heard = hired(_REHEARSER), b""
        self._give(player)


def _write(pipe: IO[bytes], line: bytes) -> None:
    """All of it: a pipe without a buffer may take a part."""
    while line:
        line = line[pipe.write(line) or 0 :]
