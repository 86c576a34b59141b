"""What plays when: the cues of a session, or a test tone, as the player holds them.

Pure values. A cue's start and the length of its entrance also define the exit of
everything before it, so there can be neither a gap nor a misplaced fade; the last
cue never ends, so a programme never runs dry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kaproom.session.ears import Side, side_of

SLEW_DB_PER_S: Final = 1.0
"""Design: a cue's gain rises no faster."""

CEILING_MAX_DBTP: Final = -1.0
"""No programme may ask for more; EBU R 128's own limit."""

CEILING_MAX_LUFS: Final = -10.0
"""No programme may ask for more; chosen, 13 LU above the reference."""

# Chosen: what lies outside is a mistake, not music.
_GAIN_DB: Final = (-120.0, 24.0)
_CEILING_MIN_DB: Final = -60.0
_CUES_MAX: Final = 10_000
_FRAME_MAX: Final = 2**52


@dataclass(frozen=True, slots=True)
class Track:
    """A file, from ``cue_in_s`` to ``cue_out_s`` (its natural end when None)."""

    path: str
    cue_in_s: float = 0.0
    cue_out_s: float | None = None


@dataclass(frozen=True, slots=True)
class Bed:
    """A generated soundscape without end.

    ``intensity`` runs from 0.0 to 1.0; the same seed and ``offset_frames`` give the
    same sound, so a later cue can carry an earlier one on.
    """

    soundscape: str
    seed: int
    intensity: float = 0.5
    offset_frames: int = 0


@dataclass(frozen=True, slots=True)
class Quiet:
    """Planned silence."""


@dataclass(frozen=True, slots=True)
class Tone:
    """The test tone on one side, or on both; then silence."""

    side: Side


Source = Track | Bed | Quiet | Tone


@dataclass(frozen=True, slots=True)
class Cue:
    """One piece in its place.

    Attributes:
        id: Unique in the session.
        start_frame: The programme's frame at which its entrance begins.
        crossfade_frames: Length of its entrance and of the exit of what was before.
        gain_db: Normalisation, phase level and trim together.
        phase: The phase that it belongs to; carried for people.
        title: What to call it on a screen in the room; carried for people.
    """

    id: str
    start_frame: int
    crossfade_frames: int
    source: Source
    gain_db: float = 0.0
    phase: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Programme:
    """The cues in order of ``start_frame``, and what takes over when a file fails.

    Attributes:
        cues: At least one; the last one's source is a Bed. A Tone stands alone.
        fallback: Fades in where a source ends early or cannot be read.
        fallback_gain_db: Its gain.
        ceiling_dbtp: True-peak limit of the mix.
        ceiling_lufs: Short-term loudness limit of the mix.
    """

    cues: tuple[Cue, ...]
    fallback: Bed
    fallback_gain_db: float = 0.0
    ceiling_dbtp: float = -1.0
    ceiling_lufs: float = -14.0

    def replaced_after(self, write_frame: int, new: Programme) -> Programme:
        """This programme up to ``write_frame``, the new one from there.

        What has started stays as it was. A new cue that should have started earlier
        starts at ``write_frame``; of several such, the last.
        """
        started = tuple(c for c in self.cues if c.start_frame < write_frame)
        known = {c.id for c in started}
        fresh = [c for c in new.cues if c.id not in known]
        due = [c for c in fresh if c.start_frame <= write_frame]
        later = [c for c in fresh if c.start_frame > write_frame]
        at_once = [replace(due[-1], start_frame=write_frame)] if due else []
        return replace(new, cues=(*started, *at_once, *later))

    def at(self, frame: int) -> Cue | None:
        """The cue whose entrance began last at or before ``frame``; None before the first."""
        current = None
        for cue in self.cues:
            if cue.start_frame > frame:
                break
            current = cue
        return current

    def to_json(self) -> dict[str, Any]:
        """Plain values for the socket and the file that outlives the player."""
        return asdict(self) | {
            "cues": [asdict(c) | {"source": _source_json(c.source)} for c in self.cues]
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Programme:
        """The inverse of ``to_json``.

        Raises:
            ValueError: The values are not a programme that can be played; the text says why.
        """
        try:
            cues = tuple(
                Cue(**{**cue, "source": _source_from(cue["source"])}) for cue in values["cues"]
            )
            programme = cls(
                **{**values, "cues": cues, "fallback": Bed(**values["fallback"])},
            )
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise ValueError(f"not a programme: {error}") from error
        problem = programme.fault()
        if problem:
            raise ValueError(problem)
        return programme

    def fault(self) -> str | None:
        """Why this cannot be played; None when it can."""
        problem = fault(self.cues) or _source_fault(self.fallback)
        if problem:
            return problem
        for name, value, bounds in (
            ("fallback_gain_db", self.fallback_gain_db, _GAIN_DB),
            ("ceiling_dbtp", self.ceiling_dbtp, (_CEILING_MIN_DB, CEILING_MAX_DBTP)),
            ("ceiling_lufs", self.ceiling_lufs, (_CEILING_MIN_DB, CEILING_MAX_LUFS)),
        ):
            if not _within(value, bounds):
                return f"{name} is {value!r}; it must be {bounds[0]:g} to {bounds[1]:g}"
        return None


def fault(cues: Sequence[Cue]) -> str | None:
    """Why these cues cannot be a programme; None when they can."""
    if not cues:
        return "a programme needs at least one cue"
    if len(cues) > _CUES_MAX:
        return f"a programme has at most {_CUES_MAX} cues, not {len(cues)}"
    for cue in cues:
        problem = _cue_fault(cue)
        if problem:
            return f"cue {cue.id!r}: {problem}"
    if any(isinstance(cue.source, Tone) for cue in cues):
        return "a test tone is a programme of its own" if len(cues) > 1 else None
    if not isinstance(cues[-1].source, Bed):
        return f"the last cue, {cues[-1].id}, ends; a programme must end in a bed"
    if len({c.id for c in cues}) != len(cues):
        return "two cues share an id"
    for earlier, later in pairwise(cues):
        if later.start_frame < earlier.start_frame:
            return f"cue {later.id} starts before {earlier.id}, which stands ahead of it"
    return None


NEVER_FRAME: Final = _FRAME_MAX + 1
"""Later than any frame: when the last cue is gone."""


def gone_frames(cues: Sequence[Cue]) -> tuple[int, ...]:
    """From which frame on nothing is left of each cue: a later one is in."""
    gone = [NEVER_FRAME]
    for cue in reversed(cues[1:]):
        gone.append(min(gone[-1], cue.start_frame + cue.crossfade_frames))
    return tuple(reversed(gone))


def starting_gains_db(cues: Sequence[Cue], rate_hz: int) -> tuple[float, ...]:
    """The slewed gain that each cue starts from.

    It is the cue's own, or what the slewed gain of the one before has reached by then
    if that is less, so that no change of cue makes a gain rise faster than the slew.
    """
    starts: list[float] = []
    for index, cue in enumerate(cues):
        if index == 0:
            starts.append(cue.gain_db)
            continue
        before = cues[index - 1]
        since_s = max(0, cue.start_frame - before.start_frame) / rate_hz
        reached = min(before.gain_db, starts[-1] + SLEW_DB_PER_S * since_s)
        starts.append(min(cue.gain_db, reached))
    return tuple(starts)


def slewed_db(
    cue: Cue, start_db: float, frames: NDArray[np.int64], rate_hz: int
) -> NDArray[np.float64]:
    """A cue's gain at each of ``frames``, rising from ``start_db`` to its own."""
    since_s = np.maximum(frames - cue.start_frame, 0) / rate_hz
    return np.minimum(cue.gain_db, start_db + SLEW_DB_PER_S * since_s)


def entrance(cue: Cue, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far a cue has entered at each of ``frames``: 0.0 before it, 1.0 once it is in.

    The weights of an equal-power crossfade are sin(π/2·x) for what enters and
    cos(π/2·x) for all that was before.
    """
    if cue.crossfade_frames == 0:
        return (frames >= cue.start_frame).astype(np.float64)
    return np.clip((frames - cue.start_frame) / cue.crossfade_frames, 0.0, 1.0)


_KINDS: dict[str, type[Track] | type[Bed] | type[Quiet] | type[Tone]] = {
    "track": Track,
    "bed": Bed,
    "quiet": Quiet,
    "tone": Tone,
}


def _source_json(source: Source) -> dict[str, Any]:
    kind = next(name for name, cls in _KINDS.items() if isinstance(source, cls))
    return {"kind": kind, **asdict(source)}


def _source_from(values: Mapping[str, Any]) -> Source:
    rest = dict(values)
    kind = _KINDS.get(rest.pop("kind", ""))
    if kind is None:
        raise TypeError(f"unknown kind of source in {dict(values)}")
    return kind(**rest)


def _cue_fault(cue: Cue) -> str | None:
    if not all(isinstance(text, str) for text in (cue.id, cue.phase, cue.title)) or not cue.id:
        return "id, phase and title must be texts, the id not an empty one"
    if not _is_frame(cue.start_frame) or not _is_frame(cue.crossfade_frames):
        return "start_frame and crossfade_frames must be whole numbers, not negative"
    if not _within(cue.gain_db, _GAIN_DB):
        return f"gain_db is {cue.gain_db!r}; it must be {_GAIN_DB[0]:g} to {_GAIN_DB[1]:g}"
    return _source_fault(cue.source)


def _source_fault(source: Source) -> str | None:
    match source:
        case Track(path, cue_in_s, cue_out_s):
            if not isinstance(path, str) or not path or "\0" in path:
                return "a track's path must be a text, not an empty one"
            end_s = math.inf if cue_out_s is None else cue_out_s
            if not _is_number(cue_in_s) or not _is_number(end_s) or not 0 <= cue_in_s < end_s:
                return f"cue_in_s {cue_in_s!r} and cue_out_s {cue_out_s!r} are no stretch of music"
            return None if math.isfinite(cue_in_s) else "cue_in_s is not a number"
        case Bed(soundscape, seed, intensity, offset_frames):
            if not isinstance(soundscape, str) or not isinstance(seed, int):
                return "a bed's soundscape must be a text and its seed a whole number"
            if not _is_frame(offset_frames):
                return "offset_frames must be a whole number, not negative"
            if not _within(intensity, (0.0, 1.0)):
                return f"intensity is {intensity!r}; it must be 0 to 1"
            return None
        case Tone(side):
            known = side_of(side) is not None
            return None if known else f"a tone's side is left, right or both, not {side!r}"
        case Quiet():
            return None


def _is_frame(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _FRAME_MAX


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _within(value: object, bounds: tuple[float, float]) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return bounds[0] <= value <= bounds[1]
