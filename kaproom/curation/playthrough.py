"""A whole session played at full speed, without a device and without a clock.

The real machine is stepped through a course's events, the real mixer plays what it asks
for, from the real files; a file that fails is told to the machine as the player would.
Whoever listens hears every grain, and what sounds in it before any gain.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.mixer import Failed, Mixer
from kaproom.audio.programme import Bed, Cue, Programme
from kaproom.audio.score import programme_of
from kaproom.audio.sources import Feed
from kaproom.audio.stereo import Block
from kaproom.curation.courses import Course
from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.effects import Effect, Play
from kaproom.session.machine import Session, opened, step
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

RATE_HZ: Final = 48_000
# As full as the player keeps its ring: what it writes is heard so much later.
_RING_S: Final = 2.7
# kaproom makes its soundscapes itself, the same at every minute: of one that plays alone for
# long, the middle is not listened to. Every entrance and every exit is.
_BED_HEARD_S: Final = 45.0
_BED_SKIPPED_MIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One grain's worth of a session, or less.

    Attributes:
        frame: Its first, counted from the session's opening.
        block: As it leaves the mixer.
        feeds: What sounds in it, each before any gain.
        programme: As it is played now.
        session: As it is now.
        gain_db: The slewed gain of what enters or sounds, at its first frame.
        limiter_db: How far down the limiter stands there.
        failures: What failed, as became known with this grain, with the cue as it was
            asked for: one that never sounds is out of the programme by now.
    """

    frame: int
    block: Block
    feeds: tuple[Feed, ...]
    programme: Programme
    session: Session
    gain_db: float
    limiter_db: float
    failures: tuple[tuple[Cue, Failed], ...]


class Playthrough:
    """One course of one session.

    Attributes:
        session: As it stands.
        end_s: When it is over, as far as can be told.
    """

    def __init__(self, profile: Profile, repertoire: Repertoire, course: Course) -> None:
        self._course = course
        self._arrived = threading.Event()
        self._known: set[str] = set()
        self._asked: dict[str, Cue] = {}
        self.session, effects = opened(profile, repertoire)
        cues = next(effect.cues for effect in effects if isinstance(effect, Play))
        self._mixer = self._mixing(self._asked_for(cues), 0)

    @property
    def end_s(self) -> float:
        """When the last phase is to end and people to leave."""
        end_s = self.session.phases[-1].end_s
        last_s = max((event.entered_s for event in self._course.events), default=0.0)
        return last_s if end_s is None else max(end_s, last_s) + self._course.over_s

    def heard(self) -> Iterator[Heard]:
        """Every grain in order; a stretch that nobody needs to hear is left out."""
        try:
            for event in self._course.events:
                yield from self._up_to(event.entered_s + _RING_S)
                self._step(event)
            while self._mixer.frame < self._frame(self.end_s):
                yield from self._up_to(self.end_s)
        finally:
            self._mixer.close()

    def _mixing(self, programme: Programme, frame: int) -> Mixer:
        return Mixer(programme, RATE_HZ, frame, notify=self._arrived.set)

    def _frame(self, at_s: float) -> int:
        return round(at_s * RATE_HZ)

    def _up_to(self, until_s: float) -> Iterator[Heard]:
        until = self._frame(until_s)
        while self._mixer.frame < until:
            self._leave_out(until)
            mixer = self._mixer
            while not mixer.ready():
                self._arrived.wait()
                self._arrived.clear()
            frame, gain_db, limiter_db = mixer.frame, mixer.gain_db, mixer.limiter_db
            feeds = tuple(mixer.feeds())
            new = [failed for failed in mixer.failures if failed.id not in self._known]
            failures = tuple((self._asked[f.id], f) for f in new if f.id in self._asked)
            block = mixer.take(min(GRAIN_FRAMES, until - frame))
            yield Heard(
                *(frame, block, feeds, mixer.programme, self.session),
                *(gain_db, limiter_db, failures),
            )
            for failed in new:
                self._known.add(failed.id)
                self._tell(failed)

    def _tell(self, failed: Failed) -> None:
        now_s = max(self.session.now_s, self._mixer.frame / RATE_HZ - _RING_S)
        self._step(e.SourceFailed(now_s, now_s, cue=failed.id, why=failed.why))

    def _step(self, event: e.Event) -> None:
        try:
            self.session, effects = step(self.session, event)
        except (Refused, Mend):
            # What the machine refuses leaves no trace in the room either.
            return
        self._play(effects)

    def _play(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            if isinstance(effect, Play) and effect.cues:
                self._mixer.replace(self._asked_for(effect.cues))

    def _asked_for(self, cues: tuple[PlannedCue, ...]) -> Programme:
        asked = programme_of(self.session, cues, RATE_HZ, 0.0)
        self._asked |= {cue.id: cue for cue in asked.cues}
        return asked

    def _leave_out(self, until: int) -> None:
        """Pass by the middle of a soundscape that plays alone."""
        mixer = self._mixer
        cue = mixer.programme.at(mixer.frame)
        if cue is None or not isinstance(cue.source, Bed) or mixer.limiter_db > 0:
            return
        margin = self._frame(_BED_HEARD_S)
        coming = (c.start_frame for c in mixer.programme.cues if c.start_frame > mixer.frame)
        to = min(next(coming, until), until) - margin
        alone = mixer.frame - cue.start_frame - cue.crossfade_frames >= margin
        if alone and to - mixer.frame >= self._frame(_BED_SKIPPED_MIN_S):
            mixer.close()
            self._mixer = self._mixing(mixer.programme, to)
