"""What can happen to a session, as values.

An event says what was done and when (``at_s``: seconds since the session was
opened). Those that people cause are recorded as they are, so a session can be
stepped through again from its record.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from kaproom.session.infusion import Unit, What

# Two presses of one key so close together are one hand that slipped, or two people who
# saw the same.
DOUBLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Event:
    """The moment at which it happened, and when it was entered, if later.

    ``entered_s`` is when the session takes it up: never before a moment that it was
    stepped to already, or stepping through the record would not give the same again.
    """

    at_s: float
    entered_s: float

    kind: ClassVar[str] = ""

    @property
    def late(self) -> bool:
        """Whether it was entered with "ago"."""
        return self.entered_s - self.at_s > 1.0

    def to_data(self) -> dict[str, Any]:
        """Its own facts, without the times, which the record keeps for every entry."""
        return {k: v for k, v in asdict(self).items() if k not in ("at_s", "entered_s")}


@dataclass(frozen=True, slots=True)
class Infused(Event):
    """Something was done at the pump."""

    what: What
    value: float | None = None
    unit: Unit | None = None

    kind: ClassVar[str] = "infusion"


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """A note.

    Attributes:
        category: One of the profile's.
        text: Empty while it is still being typed; see ``Worded``.
        by: Whose note it is, by initials; None for those present.
        recalled: Its time was told from memory ("ago", "at"), not pressed on a key.
        integration: It belongs to the time afterwards, not to the session's own.
    """

    category: str
    text: str = ""
    by: str | None = None
    recalled: bool = False
    integration: bool = False

    kind: ClassVar[str] = "note"

    @property
    def late(self) -> bool:
        """Whether it was entered from memory; a key press that had to wait is not."""
        return self.recalled


@dataclass(frozen=True, slots=True)
class NotedAgain(Event):
    """The key of a note that was made already, pressed twice: still one note.

    ``note`` counts the session's notes from 0, here and below.
    """

    note: int
    category: str
    text: str = ""

    kind: ClassVar[str] = "note-again"


@dataclass(frozen=True, slots=True)
class Worded(Event):
    """The text of a note that was made by its key alone; no correction, its completion."""

    seq: int
    note: int
    text: str

    kind: ClassVar[str] = "note-text"


@dataclass(frozen=True, slots=True)
class Amended(Event):
    """A correction, added to an earlier note.

    Attributes:
        seq: The note's entry.
        note: Which note it is; None in records that did not count them.
        moved_to_s: When it truly was, in seconds since the session was opened.
        by: Whose correction it is, by initials.
    """

    seq: int
    text: str | None = None
    category: str | None = None
    in_error: bool = False
    note: int | None = None
    moved_to_s: float | None = None
    by: str | None = None

    kind: ClassVar[str] = "amendment"


@dataclass(frozen=True, slots=True)
class Present(Event):
    """Who is there from now on: initials, parted by spaces."""

    who: str

    kind: ClassVar[str] = "present"


@dataclass(frozen=True, slots=True)
class Expected(Event):
    """When the infusion is expected to be started: for the timers that come before it."""

    infusion_s: float

    kind: ClassVar[str] = "infusion-expected"


@dataclass(frozen=True, slots=True)
class WorkedOff(Event):
    """A checklist was gone through, before the session or before the patient leaves.

    Attributes:
        which: Of the profile's checklists.
        items: Each with ``item``, ``state``, ``reason``, ``by``.
        left_at: When the patient left, as it was told; None when it was not.
    """

    which: Literal["before", "after"]
    items: list[dict[str, Any]]
    left_at: str | None = None

    kind: ClassVar[str] = "checklist"


@dataclass(frozen=True, slots=True)
class Held(Event):
    """Stay in this phase: for so many minutes, or until people say otherwise."""

    for_min: float | None = None

    kind: ClassVar[str] = "hold"


@dataclass(frozen=True, slots=True)
class Advanced(Event):
    """Go on to the next phase.

    ``sure``: also to a more intense one. Those of a record from before it was asked were.
    """

    sure: bool = True

    kind: ClassVar[str] = "advance"


@dataclass(frozen=True, slots=True)
class Calmed(Event):
    """To the refuge, softer."""

    kind: ClassVar[str] = "calm"


@dataclass(frozen=True, slots=True)
class Skipped(Event):
    """This piece leaves for another."""

    kind: ClassVar[str] = "skip"


@dataclass(frozen=True, slots=True)
class Ducked(Event):
    """Lower for a voice."""

    kind: ClassVar[str] = "duck"


@dataclass(frozen=True, slots=True)
class Faded(Event):
    """To silence."""

    at_once: bool = False

    kind: ClassVar[str] = "fade"


@dataclass(frozen=True, slots=True)
class Returned(Event):
    """The plan's music back where the infusion is now."""

    kind: ClassVar[str] = "return"


@dataclass(frozen=True, slots=True)
class Levelled(Event):
    """Louder or softer."""

    by_db: float

    kind: ClassVar[str] = "level"


@dataclass(frozen=True, slots=True)
class WentAway(Event):
    """The headphones are off."""

    kind: ClassVar[str] = "away"


@dataclass(frozen=True, slots=True)
class CameBack(Event):
    """The headphones are on again; ``rejoin`` goes to where the infusion is now."""

    rejoin: bool = False

    kind: ClassVar[str] = "back"


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """Close softly."""

    by: str = ""

    kind: ClassVar[str] = "end"


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The room was without power for ``gap_s``, by the wall clock, and runs again."""

    gap_s: float

    kind: ClassVar[str] = "interrupted"


@dataclass(frozen=True, slots=True)
class Continued(Event):
    """After a loss of power: what the pump does. With neither, it did as was recorded.

    ``minute`` is what the infusion's clock shows now that it runs.
    """

    minute: float | None = None
    infusion: Literal["stopped", "paused"] | None = None

    kind: ClassVar[str] = "continue"


@dataclass(frozen=True, slots=True)
class SignedOff(Event):
    """Somebody answers for what is recorded: the session is sealed."""

    by: str

    kind: ClassVar[str] = "signed-off"


@dataclass(frozen=True, slots=True)
class SourceFailed(Event):
    """A piece could not be read to its end; the fallback bed took over."""

    cue: str
    why: str

    kind: ClassVar[str] = "source-failed"


@dataclass(frozen=True, slots=True)
class Shifted(Event):
    """The sound stood still for a while; what was to come is later by ``by_s``."""

    by_s: float

    kind: ClassVar[str] = "shift"


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time passed. Never recorded."""

    kind: ClassVar[str] = "tick"


_RECORDED: dict[str, type[Event]] = {
    cls.kind: cls
    for cls in (
        Infused,
        Noted,
        NotedAgain,
        Worded,
        Amended,
        Present,
        Expected,
        WorkedOff,
        Held,
        Advanced,
        Calmed,
        Skipped,
        Ducked,
        Faded,
        Returned,
        Levelled,
        WentAway,
        CameBack,
        Ended,
        Interrupted,
        Continued,
        SignedOff,
        SourceFailed,
        Shifted,
    )
}


def event_from(kind: str, at_s: float, entered_s: float, data: dict[str, Any]) -> Event | None:
    """The event that an entry of the record was; None for entries that are no events."""
    cls = _RECORDED.get(kind)
    if cls is None:
        return None
    known = {f.name for f in fields(cls)}
    return cls(at_s=at_s, entered_s=entered_s, **{k: v for k, v in data.items() if k in known})


_AGO = re.compile(r"(?:(\d{1,9})\s*h)?\s*(?:(\d{1,9})\s*m(?:in)?)?\s*(?:(\d{1,9}(?:\.\d+)?)\s*s)?")


def ago_s(written: str) -> float:
    """Seconds in "90s", "3m", "1h5m" or "2m30s".

    Raises:
        ValueError: It is written otherwise; the text shows how.
    """
    match = _AGO.fullmatch(written.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{written!r} is no length of time; write it as 90s, 3m or 2m30s")
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0.0)
