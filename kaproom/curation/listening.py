"""What a rehearsal hears that a patient should not.

Every threshold was chosen on real music, so that what is sound passes: 46 pieces of two
games' soundtracks in every order gave level steps of up to 27 LU, one in a hundred above 22.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from kaproom.audio.grain import GRAIN_FRAMES, HOP_FRAMES
from kaproom.audio.loudness import k_weighted_powers, lead_in_frames
from kaproom.audio.mixer import FALLBACK_SUFFIX
from kaproom.audio.programme import SLEW_DB_PER_S, Cue, Quiet, Track
from kaproom.audio.sources import Feed
from kaproom.audio.stereo import Block
from kaproom.audio.weighting import lufs
from kaproom.curation.faults import Fault, Kind
from kaproom.curation.flat import flat_tops
from kaproom.curation.playthrough import RATE_HZ, Heard
from kaproom.curation.words import minutes, some
from kaproom.session.cues import PlannedCue

SILENCE_MAX_S: Final = 5.0
"""Longer than a piece holds its breath."""
STEP_MAX_LU: Final = 25.0
"""From the last 3 s before an entrance to the loudest 3 s of it: out of nothing into music."""
LOUD_STEP_LU, LOUD_ENTRANCE_LU = 12.0, 5.0
"""A smaller step that ends so far above what the phase asks for is a shock as well."""
BY_BED_MAX_S, BY_BED_MAX_PART = 120.0, 0.25
"""A bed in place of music, within a phase."""

_SILENT_POWER = 10.0 ** (-65.0 / 10.0)  # mean of both channels' squares
_WINDOW_S = 3.0
_LOUDNESS_HOP = 4096  # a grain's eighth
_FFT_FRAMES = 40_960  # a grain and what leads in to it, and a quick length
_PEAK_MARGIN_DB = 0.3  # of an interpolation that is not the limiter's
_EDGE_FRAMES = 128
_LAW_MARGIN_DB = 0.1
# Files that peak lower were not cut off by full scale.
_CLIPPED_FROM_DBTP = -3.0
_CUT_OFF_S = 2.0  # as the plain check has it


@dataclass(frozen=True, slots=True)
class _Place:
    """A fault of a file, waiting to be heard."""

    frame: int
    at_s: float
    kind: Kind
    line: str


@dataclass(slots=True)
class _Seam:
    """An entrance that is being listened to."""

    cue: Cue
    before_lufs: float
    target_lufs: float
    until: int
    powers: list[NDArray[np.float64]] = field(default_factory=list)


class Listening:
    """Listens to one course from its first grain to its last.

    Args:
        course: Its name.
        start_s: When the infusion starts on it, in seconds since the opening.
        said_s: For each file that is cut off, how long its own head says that it lasts.
    """

    def __init__(self, course: str, start_s: float, said_s: Mapping[str, float]) -> None:
        self.faults: list[Fault] = []
        self._course = course
        self._start_s = start_s
        self._said_s = said_s
        self._last: Heard | None = None
        self._recent: deque[tuple[int, Block]] = deque()
        self._seams: list[_Seam] = []
        self._begun: set[str] = set()
        self._places: dict[str, list[_Place]] = {}
        self._damages: dict[str, int] = {}
        self._silent_since: tuple[int, Heard] | None = None
        self._silent_until = 0
        self._over = False
        self._rose = False
        self._by_bed_s: dict[int, float] = {}
        self._lasted_s: dict[int, float] = {}

    def hear(self, heard: Heard) -> None:
        """The next grain."""
        if self._last is not None and heard.frame != self._end(self._last):
            self._recent.clear()
        self._law(heard)
        self._failed(heard)
        self._files(heard)
        self._silence(heard)
        self._peaks(heard)
        self._entrances(heard)
        self._music(heard)
        self._recent.append((heard.frame, heard.block))
        while self._recent[0][0] + len(self._recent[0][1]) < heard.frame - _WINDOW_S * RATE_HZ:
            self._recent.popleft()
        self._last = heard

    def finish(self) -> list[Fault]:
        """All that was found, in order of time."""
        if self._last is not None:
            self._silence_ends(self._end(self._last))
            self._too_little_music(self._last)
        return sorted(self.faults, key=lambda fault: fault.minute)

    # -- what a fault is told with

    @staticmethod
    def _end(heard: Heard) -> int:
        return heard.frame + len(heard.block)

    def _minute(self, frame: int) -> float:
        return (frame / RATE_HZ - self._start_s) / 60

    def _found(self, cue: Cue, frame: int, kind: Kind, line: str) -> None:
        track = cue.source if isinstance(cue.source, Track) else None
        at_s = None if track is None else track.cue_in_s + (frame - cue.start_frame) / RATE_HZ
        self.faults.append(
            Fault(
                kind=kind,
                course=self._course,
                minute=self._minute(frame),
                phase=cue.phase,
                title=cue.title,
                file="" if track is None else track.path,
                file_at_s=None if at_s is None else max(0.0, at_s),
                line=line,
            )
        )

    # -- files

    def _failed(self, heard: Heard) -> None:
        for cue, failed in heard.failures:
            path = cue.source.path if isinstance(cue.source, Track) else cue.title
            why, _, remedy = failed.why.removeprefix(f"{path}: ").partition(";")
            lost = f"{why}; a soundscape takes over; {remedy.strip() or 'replace it'}"
            self._found(cue, failed.frame, "unreadable", lost)

    def _files(self, heard: Heard) -> None:
        """What is known to be wrong with a file is told when it is heard."""
        for feed in heard.feeds:
            cue = feed.cue
            if not isinstance(cue.source, Track):
                continue
            if cue.id not in self._places:
                planned = _planned(heard, cue)
                self._places[cue.id] = list(self._known(cue, cue.source, planned))
            self._damaged(feed, cue, cue.source)
            due = [p for p in self._places[cue.id] if p.frame < self._end(heard)]
            for place in due:
                self._places[cue.id].remove(place)
                if place.frame >= heard.frame and self._still_in(heard, cue, place.frame):
                    self._found(cue, place.frame, place.kind, place.line)

    def _known(self, cue: Cue, track: Track, planned: PlannedCue | None) -> Iterator[_Place]:
        said_s = self._said_s.get(track.path)
        length_s = None if planned is None else planned.offer.length_s
        if said_s is not None and length_s is not None and track.cue_out_s is None:
            ends_s = track.cue_in_s + length_s
            if said_s - ends_s > _CUT_OFF_S:
                line = f"breaks off and should last {minutes(said_s)}; copy it again"
                yield self._place(cue, track, ends_s - 0.1, "unreadable", line)
        if planned is not None and planned.offer.true_peak_dbtp > _CLIPPED_FROM_DBTP:
            clipped = flat_tops(track.path)
            if clipped:
                worst, more = clipped[0], len(clipped) - 1
                elsewhere = f", and more of them in {some(more, 'other place')}" if more else ""
                line = (
                    f"is clipped: {worst.count} flat tops within {worst.lasts_s:.0f} s"
                    f"{elsewhere};"
                    " use another copy or transfer"
                )
                yield self._place(cue, track, worst.at_s, "clipped", line)

    def _damaged(self, feed: Feed, cue: Cue, track: Track) -> None:
        known = self._damages.get(cue.id, 0)
        for at_s in feed.damaged_at_s[known:]:
            line = "is damaged there, and a moment of it is missing; copy it again"
            self._places[cue.id].append(self._place(cue, track, at_s, "damaged", line))
        self._damages[cue.id] = len(feed.damaged_at_s)

    @staticmethod
    def _place(cue: Cue, track: Track, at_s: float, kind: Kind, line: str) -> _Place:
        frame = cue.start_frame + round((at_s - track.cue_in_s) * RATE_HZ)
        return _Place(frame, at_s, kind, line)

    @staticmethod
    def _still_in(heard: Heard, cue: Cue, frame: int) -> bool:
        """Whether nothing has replaced it by then."""
        cues = heard.programme.cues
        later = (c for c in cues if c.start_frame > cue.start_frame)
        return all(c.start_frame + c.crossfade_frames > frame for c in later)

    # -- silence

    def _silence(self, heard: Heard) -> None:
        frames = len(heard.block)
        for begin in range(0, frames, HOP_FRAMES):
            part = heard.block[begin : begin + HOP_FRAMES]
            frame = heard.frame + begin
            power = float(np.einsum("ij,ij->", part, part)) / (2 * len(part))
            if power < _SILENT_POWER and not _planned_quiet(heard, frame):
                if self._silent_since is None:
                    self._silent_since = (frame, heard)
            else:
                self._silence_ends(frame)

    def _silence_ends(self, frame: int) -> None:
        since, self._silent_since = self._silent_since, None
        if since is None:
            return
        begin, heard = since
        lasts_s = (frame - begin) / RATE_HZ
        cue = heard.programme.at(begin)
        if lasts_s < SILENCE_MAX_S or cue is None:
            return
        self._silent_until = frame
        remedy = "set cue_in_s or cue_out_s to leave it out, or use another piece"
        line = f"nothing is heard for {lasts_s:.0f} s, and no silence is planned; {remedy}"
        self._found(cue, begin, "silence", line)

    # -- level

    def _law(self, heard: Heard) -> None:
        """The mixer's own law; a fault of kaproom's, never of the music."""
        last = self._last
        if last is None or heard.frame != self._end(last) or not (heard.feeds and last.feeds):
            return
        most_db = SLEW_DB_PER_S * len(last.block) / RATE_HZ + _LAW_MARGIN_DB
        cue = heard.programme.at(heard.frame)
        rises_db = last.limiter_db - heard.limiter_db
        # Silence has no gain: 0 dB there is not above what fades out into it.
        both = [each for each in (cue, heard.programme.at(last.frame)) if each is not None]
        if not any(isinstance(each.source, Quiet) for each in both):
            rises_db = max(rises_db, heard.gain_db - last.gain_db)
        if rises_db > most_db and cue is not None and not self._rose:
            self._rose = True
            line = f"the gain rises by {rises_db:.1f} dB within a second; tell kaproom's makers"
            self._found(cue, heard.frame, "rise", line)

    def _peaks(self, heard: Heard) -> None:
        ceiling = 10.0 ** ((heard.programme.ceiling_dbtp + _PEAK_MARGIN_DB) / 20.0)
        block = heard.block
        highest = max(float(block.max()), -float(block.min()))
        if highest > 0.7 * ceiling and len(block) > 4 * _EDGE_FRAMES:
            finer = soxr.resample(block, RATE_HZ, 4 * RATE_HZ, quality="HQ")
            inner = finer[4 * _EDGE_FRAMES : -4 * _EDGE_FRAMES]
            highest = max(highest, float(np.abs(inner).max()))
        over = highest > ceiling
        cue = heard.programme.at(heard.frame)
        if over and not self._over and cue is not None:
            peak_dbtp = 20.0 * np.log10(highest)
            line = (
                f"clips: {peak_dbtp:+.1f} dBTP, above the ceiling of"
                f" {heard.programme.ceiling_dbtp:+.1f}; tell kaproom's makers"
            )
            self._found(cue, heard.frame, "over-ceiling", line)
        self._over = over

    def _entrances(self, heard: Heard) -> None:
        for cue in heard.programme.cues:
            begun = heard.frame <= cue.start_frame < self._end(heard)
            if begun and cue.id not in self._begun:
                self._begun.add(cue.id)
                seam = self._seam(heard, cue)
                if seam is not None:
                    self._seams.append(seam)
        if not self._seams:
            return
        powers = _powers(self._recent[-1][1] if self._recent else heard.block[:0], heard.block)
        for seam in list(self._seams):
            seam.powers.append(powers)
            if self._end(heard) >= seam.until:
                self._seams.remove(seam)
                self._judge(seam)

    def _seam(self, heard: Heard, cue: Cue) -> _Seam | None:
        """An entrance after something that sounded; what fails is told as what it is."""
        if cue.id.endswith(FALLBACK_SUFFIX) or isinstance(cue.source, Quiet):
            return None
        before = [block for _, block in self._recent]
        inside = heard.block[: cue.start_frame - heard.frame]
        stretch = np.concatenate([*before, inside]) if before else inside
        stretch = stretch[-round(_WINDOW_S * RATE_HZ) :]
        parts = [_powers(stretch[:0], part) for part in _grains(stretch)]
        previous = [c for c in heard.programme.cues if c.start_frame < cue.start_frame]
        if len(stretch) < RATE_HZ or not previous or isinstance(previous[-1].source, Quiet):
            return None
        profile = heard.session.profile
        level_lu = next((p.level_lu for p in profile.phases if p.name == cue.phase), 0.0)
        return _Seam(
            cue,
            lufs(float(np.concatenate(parts).mean())),
            profile.loudness_lufs + level_lu,
            cue.start_frame + cue.crossfade_frames + round(_WINDOW_S * RATE_HZ),
        )

    def _judge(self, seam: _Seam) -> None:
        loudest_lufs = _loudest_lufs(np.concatenate(seam.powers))
        step_lu = loudest_lufs - max(seam.before_lufs, -70.0)
        above_lu = loudest_lufs - seam.target_lufs
        shock = step_lu >= LOUD_STEP_LU and above_lu >= LOUD_ENTRANCE_LU
        # What comes after a silence that was told is loud for that reason.
        after_silence = self._silent_until >= seam.cue.start_frame - _WINDOW_S * RATE_HZ
        if (step_lu < STEP_MAX_LU and not shock) or after_silence:
            return
        why = f", {above_lu:.0f} LU above what its phase asks for" if shock else ""
        line = (
            f"enters {step_lu:.0f} LU above what it follows{why}; give it a longer crossfade,"
            " a later cue_in_s or another place"
        )
        self._found(seam.cue, seam.cue.start_frame, "level-step", line)

    # -- music

    def _music(self, heard: Heard) -> None:
        session = heard.session
        if session.calm_s is not None or session.away_s is not None:
            return
        cue = heard.programme.at(heard.frame)
        planned = None if cue is None else _planned(heard, cue)
        if planned is None:
            return
        # A stretch that nobody needed to hear was this soundscape's as well.
        since = heard.frame if self._last is None else self._end(self._last)
        lasted_s = (self._end(heard) - since) / RATE_HZ
        index = planned.phase_index
        self._lasted_s[index] = self._lasted_s.get(index, 0.0) + lasted_s
        if planned.offer.length_s is None and planned.offer.key.startswith("bed:"):
            self._by_bed_s[index] = self._by_bed_s.get(index, 0.0) + lasted_s

    def _too_little_music(self, heard: Heard) -> None:
        session = heard.session
        for index, by_bed_s in self._by_bed_s.items():
            phase = session.profile.phases[index]
            offers = session.repertoire.for_phase(phase)
            # Who lists soundscapes, or nothing, wants them.
            if phase.section is None or any(offer.length_s is None for offer in offers):
                continue
            lasts_s = self._lasted_s[index]
            if by_bed_s <= max(BY_BED_MAX_S, BY_BED_MAX_PART * lasts_s):
                continue
            begins = next((c.start_s for c in session.cues if c.phase_index == index), 0.0)
            line = (
                f"'{phase.section}' has music for {minutes(max(0.0, lasts_s - by_bed_s))} of"
                f" {minutes(lasts_s)}; its bed, {phase.bed}, fills the rest: add pieces"
            )
            minute = self._minute(round(begins * RATE_HZ))
            fault = Fault("too-little-music", self._course, minute, phase.name, "", "", None, line)
            self.faults.append(fault)


def _planned(heard: Heard, cue: Cue) -> PlannedCue | None:
    return next((c for c in heard.session.cues if c.id == cue.id), None)


def _planned_quiet(heard: Heard, frame: int) -> bool:
    """Whether silence is planned there, or what follows it is still entering."""
    cues = heard.programme.cues
    for earlier, cue in pairwise((None, *cues)):
        if cue is None or cue.start_frame > frame:
            break
        into = frame < cue.start_frame + cue.crossfade_frames
        quiet = isinstance(cue.source, Quiet)
        if quiet and cue is heard.programme.at(frame):
            return True
        if into and earlier is not None and isinstance(earlier.source, Quiet):
            return True
    return False


def _powers(before: Block, sound: Block) -> NDArray[np.float64]:
    """K-weighted power of each hop of ``sound``; what was heard before it leads in."""
    lead_in = np.zeros((lead_in_frames(RATE_HZ), 2), np.float32)
    lead_in = np.concatenate([lead_in, before])[-len(lead_in) :]
    hops = len(sound) // _LOUDNESS_HOP
    if not hops:
        return np.zeros(0)
    stretch = np.concatenate([lead_in, sound[: hops * _LOUDNESS_HOP]])
    return k_weighted_powers(stretch, RATE_HZ, _LOUDNESS_HOP, _FFT_FRAMES)


def _grains(sound: Block) -> Iterator[Block]:
    for begin in range(0, len(sound), GRAIN_FRAMES):
        yield sound[begin : begin + GRAIN_FRAMES]


def _loudest_lufs(powers: NDArray[np.float64]) -> float:
    """Of the loudest window; of the whole, where it is shorter."""
    window = min(len(powers), round(_WINDOW_S * RATE_HZ / _LOUDNESS_HOP))
    means = np.lib.stride_tricks.sliding_window_view(powers, window).mean(axis=1)
    return lufs(float(means.max()))
