"""What a session asks of the room: values, carried out elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kaproom.session.cues import PlannedCue


@dataclass(frozen=True, slots=True)
class SetGain:
    """The output's gain, at once. ``target_db`` may be minus infinity."""

    target_db: float
    fall_s: float


@dataclass(frozen=True, slots=True)
class Play:
    """What has not started yet is replaced by these cues.

    They begin with what sounds now, so that there always is one, and the last is a
    soundscape without end. Those that have started stay as they are.
    """

    cues: tuple[PlannedCue, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Something happened by itself that the record keeps."""

    kind: str
    at_s: float
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Close:
    """The fade at the end is over: stop the sound, seal the session."""

    at_s: float


Effect = SetGain | Play | Tell | Close
