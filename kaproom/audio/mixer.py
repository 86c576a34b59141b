"""From a programme to the frames that go into the ring.

What is heard at a frame is a function of the programme alone: each cue under its slewed
gain and the loudness ceiling, crossfaded at equal power, then limited to the true-peak
ceiling. In what portions it is asked for, by which process and from which frame on makes
no difference, so a capture equals the render. Where a cue's sound ends too soon, or
cannot be read, the fallback bed is put into the programme as a cue of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kaproom.audio.cuts import NO_CUT
from kaproom.audio.grain import GRAIN_FRAMES, grain_at
from kaproom.audio.limiter import MARGIN_FRAMES, limited, limiter_carry, limiter_cut_db
from kaproom.audio.programme import (
    CEILING_MAX_DBTP,
    CEILING_MAX_LUFS,
    Cue,
    Programme,
    Quiet,
    Track,
    entrance,
    gone_frames,
    starting_gains_db,
)
from kaproom.audio.sources import Feed
from kaproom.audio.stereo import Block
from kaproom.audio.voice import Level, Voice, Weight

FALLBACK_SUFFIX: Final = "+fallback"
"""What the id of a failed cue's substitute ends in."""

# A cue's source is opened so long before it starts, so that what is wrong with it is known.
_OPEN_AHEAD_S: Final = 20.0
# How long the fallback takes to fade in when the end was known in time, and at least.
_FALLBACK_FADE_S: Final = 8.0
_FALLBACK_FADE_MIN_S: Final = 1.0
# A source that ends within its exit by more than this fades out by itself, in up to 1 s.
_END_TOLERANCE_S: Final = 0.01
_END_FADE_S: Final = 1.0
# A file that cannot be read fast enough is given up with this much of it left.
_GIVE_UP_S: Final = 4.0
# Longer than any machine should need for a grain of what it makes itself.
_BED_WAIT_S: Final = 1.0
_JOIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Failed:
    """A cue whose sound ended where the plan did not say, or that could not be read.

    Attributes:
        id: The cue's.
        why: One line for people, with the file and the remedy where there is one.
        frame: The programme's frame at which its sound ends.
    """

    id: str
    why: str
    frame: int


class Mixer:
    """Mixes a programme from a frame on, never waiting and never reading a file.

    Attributes:
        programme: As it is played: with the fallbacks that had to be put in.
        frame: The next frame that is given out.
        failures: What failed so far.
    """

    def __init__(
        self,
        programme: Programme,
        rate_hz: int,
        frame: int = 0,
        limiter_db: float = 0.0,
        notify: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to prepare.

        Args:
            programme: A playable one.
            rate_hz: Of the frames.
            frame: The first one wanted.
            limiter_db: How far down the limiter stood there, when another mixer had
                been at work before.
            notify: Called from other threads when ``ready`` may have become true.
        """
        self.frame = frame
        self.failures: list[Failed] = []
        self._rate_hz = rate_hz
        self._notify = notify
        # By the cue's id, which is unique in a programme.
        self._voices: dict[str, Voice] = {}
        # The mix before the limiter, of the grains around the next one.
        self._mixes: dict[int, Block] = {}
        # The limiter's carry at the beginning of each of these grains.
        grain = grain_at(frame)
        self._carries: dict[int, float] = {grain: limiter_carry(limiter_db, grain, rate_hz)}
        self._out: tuple[int, Block] | None = None
        self._adopt(programme)

    def replace(self, new: Programme) -> None:
        """From ``frame`` on, play ``new``; what has started stays as it was."""
        self._adopt(self.programme.replaced_after(self.frame, new))

    def ready(self) -> bool:
        """Whether the next frames are there, with all that must be known beyond them."""
        grain = grain_at(self.frame)
        self._open_and_close(grain)
        if self._waiting_for(grain + 1):
            return False
        # What is known of the ends may have put in a fallback, which has to be ready too.
        return not (self._mend_ends() and self._waiting_for(grain + 1))

    def hurry(self) -> None:
        """The ring runs low: give up the files that cannot be had in time.

        What is missing then fades into the fallback; only what no disk holds up is waited for.
        """
        grain = grain_at(self.frame)
        reserve = int(_GIVE_UP_S * self._rate_hz) // GRAIN_FRAMES
        self._open_and_close(grain)
        for voice in self._waiting_for(grain + 1):
            is_file = isinstance(voice.cue.source, Track)
            if is_file and voice.feed.made < grain + 2 + reserve:
                voice.feed.cut(_too_slow(voice.cue))
        self._mend_ends()
        for voice in self._sounding(grain, grain + 1):
            if not isinstance(voice.cue.source, Track):
                voice.feed.wait(grain + 1, _BED_WAIT_S)

    def take(self, frames: int) -> Block:
        """The next frames, at most ``frames``, up to the end of their grain.

        Only sensible when ``ready``, or after ``hurry``. Shape (at least 1, 2); not to
        be changed.
        """
        grain = grain_at(self.frame)
        if self._out is None or self._out[0] != grain:
            self._out = (grain, self._limited(grain))
        inside = self.frame - grain * GRAIN_FRAMES
        block = self._out[1][inside : inside + frames]
        self.frame += len(block)
        after = grain_at(self.frame)
        if after != grain:
            for voice in self._voices.values():
                voice.let_go(after)
        return block

    @property
    def gain_db(self) -> float:
        """The slewed gain of what enters or sounds at ``frame``; 0.0 in silence."""
        cue = self.programme.at(self.frame)
        voice = self._voices.get(cue.id) if cue else None
        return voice.gain_db(self.frame) if voice else 0.0

    @property
    def limiter_db(self) -> float:
        """How far down the limiter stands at the beginning of the next frame's grain."""
        grain = grain_at(self.frame)
        return limiter_cut_db(self._carries.get(grain, NO_CUT), grain, self._rate_hz)

    def feeds(self) -> list[Feed]:
        """What sounds in the next frame's grain, each before any gain: for whoever looks on."""
        grain = grain_at(self.frame)
        return [voice.feed for voice in self._sounding(grain, grain)]

    def close(self) -> None:
        """Stop all decoding."""
        for voice in self._voices.values():
            voice.close()
        for voice in self._voices.values():
            # One that hangs in a file is left behind.
            voice.feed.join(_JOIN_S)
        self._voices.clear()

    def _adopt(self, programme: Programme) -> None:
        self.programme = programme
        starts_db = starting_gains_db(programme.cues, self._rate_hz)
        self._gone = gone_frames(programme.cues)
        self._oldest = 0
        ceiling_lufs = min(programme.ceiling_lufs, CEILING_MAX_LUFS)
        self._levels = {
            cue.id: Level(start_db, ceiling_lufs)
            for cue, start_db in zip(programme.cues, starts_db, strict=True)
        }
        self._index = {cue.id: index for index, cue in enumerate(programme.cues)}
        for id_, voice in list(self._voices.items()):
            cue = programme.cues[self._index[id_]] if id_ in self._index else None
            if cue is not None and _same_sound(cue, voice.cue):
                voice.cue, voice.level = cue, self._levels[id_]
            else:
                self._voices.pop(id_).close()
        # The past stays for the limiter's margin; what was mixed ahead is mixed anew.
        grain = grain_at(self.frame)
        for number in [n for n in self._mixes if n >= grain]:
            del self._mixes[number]
        self._out = None

    def _open_and_close(self, grain: int) -> None:
        begin = grain * GRAIN_FRAMES
        soon = begin + 2 * GRAIN_FRAMES + round(_OPEN_AHEAD_S * self._rate_hz)
        wanted = set()
        for cue in self._between(begin, soon):
            if isinstance(cue.source, Quiet):
                continue
            wanted.add(cue.id)
            if cue.id not in self._voices:
                self._voices[cue.id] = Voice(
                    cue, self._levels[cue.id], self._rate_hz, grain, self._notify
                )
        if len(self._voices) > len(wanted):
            for id_ in [id_ for id_ in self._voices if id_ not in wanted]:
                self._voices.pop(id_).close()

    def _waiting_for(self, grain: int) -> list[Voice]:
        """The voices that are not ready; each of them will notify."""
        return [v for v in self._sounding(grain - 1, grain) if not v.ready(grain)]

    def _sounding(self, first_grain: int, last_grain: int) -> list[Voice]:
        """The voices with any part in these grains."""
        begin, end = first_grain * GRAIN_FRAMES, (last_grain + 1) * GRAIN_FRAMES
        voices = (self._voices.get(cue.id) for cue in self._between(begin, end - 1))
        return [voice for voice in voices if voice is not None]

    def _between(self, begin: int, end: int) -> list[Cue]:
        """The cues that sound, or start, from frame ``begin`` up to ``end``."""
        # What has gone never comes back, and nothing before it: it need not be looked at again.
        while self._gone[self._oldest] <= begin:
            self._oldest += 1
        cues = []
        for index in range(self._oldest, len(self.programme.cues)):
            cue = self.programme.cues[index]
            if cue.start_frame > end:
                break
            if self._gone[index] > begin:
                cues.append(cue)
        return cues

    def _limited(self, grain: int) -> Block:
        around = np.concatenate(
            [
                self._mix(grain - 1)[-MARGIN_FRAMES:],
                self._mix(grain),
                self._mix(grain + 1)[:MARGIN_FRAMES],
            ]
        )
        ceiling_dbtp = min(self.programme.ceiling_dbtp, CEILING_MAX_DBTP)
        block, carry = limited(
            around, grain, ceiling_dbtp, self._rate_hz, self._carries.get(grain, NO_CUT)
        )
        self._carries = {grain: self._carries.get(grain, NO_CUT), grain + 1: carry}
        for number in [n for n in self._mixes if n < grain - 1]:
            del self._mixes[number]
        return block

    def _mix(self, grain: int) -> Block:
        """The sum of all cues in one grain, before the limiter."""
        if grain not in self._mixes:
            mix: Block | None = None
            if grain >= 0:
                for cue, weight in self._weights(grain):
                    voice = self._voices.get(cue.id)
                    sound = None if voice is None else voice.sound(grain, weight)
                    if sound is not None:
                        mix = sound if mix is None else mix + sound
            if mix is None:
                mix = np.zeros((GRAIN_FRAMES, 2), dtype=np.float32)
            self._mixes[grain] = mix
        return self._mixes[grain]

    def _weights(self, grain: int) -> Iterator[tuple[Cue, Weight]]:
        """Each cue with a part in the grain, the latest first, and its share of the power."""
        begin, end = grain * GRAIN_FRAMES, (grain + 1) * GRAIN_FRAMES
        left: NDArray[np.float64] | None = None
        for cue in reversed(self.programme.cues):
            if cue.start_frame >= end:
                continue
            if cue.start_frame + cue.crossfade_frames <= begin:
                yield cue, left
                return
            angle = np.pi / 2 * entrance(cue, np.arange(begin, end, dtype=np.int64))
            entering = np.sin(angle)
            yield cue, entering if left is None else entering * left
            # Rounding leaves 6e-17 of what is gone; it must leave nothing.
            leaving = np.where(angle >= np.pi / 2, 0.0, np.cos(angle))
            left = leaving if left is None else leaving * left

    def _mend_ends(self) -> bool:
        """Put in the fallback, or a fade, wherever a source's end is known to be too soon.

        Returns:
            Whether there are new cues.
        """
        before = self.programme
        for voice in list(self._voices.values()):
            feed = voice.feed
            if feed.end_frame is None or voice.fade is not None:
                continue
            cues = self.programme.cues
            index = self._index.get(voice.cue.id)
            if index is None or index == len(cues) - 1:
                continue
            gone = self._gone[index]
            if feed.end_frame < cues[index + 1].start_frame:
                self._fall_back(voice, index, feed.end_frame)
            elif feed.end_frame < gone - _END_TOLERANCE_S * self._rate_hz:
                fade_frames = round(_END_FADE_S * self._rate_hz)
                begin = max(feed.end_frame - fade_frames, voice.cue.start_frame, self.frame)
                voice.fade = (begin, feed.end_frame)
        return self.programme is not before

    def _fall_back(self, voice: Voice, index: int, end: int) -> None:
        cues = self.programme.cues
        cue = voice.cue
        fade_frames = round(_FALLBACK_FADE_S * self._rate_hz)
        start = max(end - fade_frames, cue.start_frame, self.frame)
        bed = self.programme.fallback
        names = {c.id for c in cues}
        name = cue.id + FALLBACK_SUFFIX
        while name in names:
            name += FALLBACK_SUFFIX
        substitute = Cue(
            id=name,
            start_frame=start,
            crossfade_frames=max(end - start, round(_FALLBACK_FADE_MIN_S * self._rate_hz)),
            # Reckoned from the programme's frame: wherever it comes in, it goes on.
            source=replace(bed, offset_frames=bed.offset_frames + start),
            gain_db=self.programme.fallback_gain_db,
            phase=cue.phase,
            title=bed.soundscape,
        )
        never_sounds = end <= cue.start_frame
        if never_sounds:
            substitute = replace(
                substitute,
                crossfade_frames=max(cue.crossfade_frames, substitute.crossfade_frames),
            )
        stays = cues[:index] if never_sounds else cues[: index + 1]
        already = bool(stays) and stays[-1].id.endswith(FALLBACK_SUFFIX)
        inserted = () if already else (substitute,)
        self._report(voice, end, cues[index + 1])
        self._adopt(replace(self.programme, cues=(*stays, *inserted, *cues[index + 1 :])))
        self._open_and_close(grain_at(self.frame))

    def _report(self, voice: Voice, end: int, following: Cue) -> None:
        if any(failed.id == voice.cue.id for failed in self.failures):
            return
        short_s = (following.start_frame - end) / self._rate_hz
        why = voice.feed.why or f"{_name(voice.cue)}: ends {short_s:.1f} s too soon; replace it"
        self.failures.append(Failed(voice.cue.id, why, end))


def render(
    programme: Programme, rate_hz: int, from_frame: int, frames: int, block_frames: int = 0
) -> Iterator[Block]:
    """A programme's frames without a device: the very ones that the player writes.

    Args:
        programme: A playable one.
        rate_hz: Of the frames.
        from_frame: The first frame wanted.
        frames: How many.
        block_frames: Frames in a block, the last one aside; 0 is what suits.

    Yields:
        Blocks of shape (any, 2), float32, not to be changed.
    """
    arrived = threading.Event()
    mixer = Mixer(programme, rate_hz, from_frame, notify=arrived.set)
    size = block_frames or GRAIN_FRAMES
    left = frames
    try:
        while left:
            parts: list[Block] = []
            wanted = min(size, left)
            left -= wanted
            while wanted:
                arrived.clear()
                while not mixer.ready():
                    arrived.wait()
                    arrived.clear()
                parts.append(mixer.take(wanted))
                wanted -= len(parts[-1])
            yield parts[0] if len(parts) == 1 else np.concatenate(parts)
    finally:
        mixer.close()


def _same_sound(cue: Cue, other: Cue) -> bool:
    """Whether a source that runs for one serves the other."""
    return cue.source == other.source and cue.start_frame == other.start_frame


def _name(cue: Cue) -> str:
    return cue.source.path if isinstance(cue.source, Track) else cue.id


def _too_slow(cue: Cue) -> str:
    return f"{_name(cue)}: cannot be read fast enough; check the disk it lies on"
