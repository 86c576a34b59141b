"""What plays when: the cues of a session, as the player holds them.

Pure values. A cue's start and the length of its entrance also define the exit of
everything before it, so there can be neither a gap nor a misplaced fade; the last
cue never ends, so a programme never runs dry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


Source = Track | Bed | Quiet


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
        cues: At least one; the last one's source is a Bed.
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
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a programme: {error}") from error
        problem = fault(programme.cues)
        if problem:
            raise ValueError(problem)
        return programme


def fault(cues: Sequence[Cue]) -> str | None:
    """Why these cues cannot be a programme; None when they can."""
    if not cues:
        return "a programme needs at least one cue"
    if not isinstance(cues[-1].source, Bed):
        return f"the last cue, {cues[-1].id}, ends; a programme must end in a bed"
    if len({c.id for c in cues}) != len(cues):
        return "two cues share an id"
    for earlier, later in pairwise(cues):
        if later.start_frame < earlier.start_frame:
            return f"cue {later.id} starts before {earlier.id}, which stands ahead of it"
    for cue in cues:
        if cue.crossfade_frames < 0 or cue.start_frame < 0:
            return f"cue {cue.id} has a negative frame"
        if not np.isfinite(cue.gain_db):
            return f"cue {cue.id} has a gain that is not a number"
    return None


def entrance(cue: Cue, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far a cue has entered at each of ``frames``: 0.0 before it, 1.0 once it is in.

    The weights of an equal-power crossfade are sin(π/2·x) for what enters and
    cos(π/2·x) for all that was before.
    """
    if cue.crossfade_frames == 0:
        return (frames >= cue.start_frame).astype(np.float64)
    return np.clip((frames - cue.start_frame) / cue.crossfade_frames, 0.0, 1.0)


_KINDS: dict[str, type[Track] | type[Bed] | type[Quiet]] = {
    "track": Track,
    "bed": Bed,
    "quiet": Quiet,
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
