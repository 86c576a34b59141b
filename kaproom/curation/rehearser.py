"""A process that plays one course after another: a job in, progress and faults out, a line each.

Like the measurer it may be ended at any time, and runs at a low priority: a session may be
playing on this machine.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from kaproom.curation.courses import Course, course
from kaproom.curation.faults import Fault
from kaproom.curation.listening import Listening
from kaproom.curation.playthrough import RATE_HZ, Playthrough
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

READY = "ready"
_NICENESS = 10
_TELL_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a course was played, in seconds of the session."""

    at_s: float
    end_s: float


def rehearsed(
    profile: Profile, repertoire: Repertoire, way: Course, said_s: Mapping[str, float]
) -> Iterator[Progress | Fault]:
    """Play one course through; every fault comes at its end."""
    play = Playthrough(profile, repertoire, way)
    listening = Listening(way.name, way.start_s, said_s)
    told_s = 0.0
    for heard in play.heard():
        listening.hear(heard)
        at_s = heard.frame / RATE_HZ
        if at_s - told_s >= _TELL_EVERY_S:
            told_s = at_s
            yield Progress(at_s, max(at_s, play.end_s))
    yield from listening.finish()


def main(jobs: TextIO = sys.stdin, answers: TextIO = sys.stdout) -> None:
    """Serve until the input ends; a job is its session and the name of a course."""
    os.nice(_NICENESS)
    print(READY, file=answers, flush=True)
    for line in jobs:
        job = json.loads(line)
        profile = Profile.model_validate(job["profile"])
        repertoire = Repertoire.model_validate(job["repertoire"])
        way = course(job["course"], profile)
        assert way is not None, "only courses that this profile has are asked for"
        for told in rehearsed(profile, repertoire, way, job["said_s"]):
            print(json.dumps(_plain(told)), file=answers, flush=True)
        print(json.dumps({"done": way.name}), file=answers, flush=True)


def _plain(told: Progress | Fault) -> dict[str, Any]:
    if isinstance(told, Fault):
        return {"fault": told.to_json()}
    return {"at_s": told.at_s, "end_s": told.end_s}


if __name__ == "__main__":
    main()
