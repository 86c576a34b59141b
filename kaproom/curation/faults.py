"""What a rehearsal found, each with its place: minute, phase, file, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from kaproom.curation.words import minutes

Kind = Literal[
    "unreadable",
    "damaged",
    "clipped",
    "over-ceiling",
    "silence",
    "level-step",
    "rise",
    "too-little-music",
]

# The same fault of the same file, heard on another course, lies at most so far away.
_SAME_S = 5.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: What kind of fault.
        course: The course on which it was heard.
        minute: Of the infusion, as recorded on that course.
        phase: The phase that was on.
        title: The piece that sounded; empty where it is no single one's.
        file: Its file; empty where it has none.
        file_at_s: Where in the file.
        line: What is wrong, and what would mend it.
        also: Other courses with the same fault.
    """

    kind: Kind
    course: str
    minute: float
    phase: str
    title: str
    file: str
    file_at_s: float | None
    line: str
    also: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"also": list(self.also), "minute": round(self.minute, 3)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        """The inverse of ``to_json``."""
        return cls(**{**values, "also": tuple(values["also"])})

    @property
    def at(self) -> str:
        """Where in the file, for people."""
        return "" if self.file_at_s is None else minutes(self.file_at_s)

    @property
    def when(self) -> str:
        """The minute, for people."""
        return f"{'-' if self.minute < 0 else ''}{minutes(abs(self.minute) * 60)}"


def merged(faults: Iterable[Fault]) -> list[Fault]:
    """Each fault once, with the courses that it was heard on; in order of the first's time."""
    kept: list[Fault] = []
    for fault in faults:
        for place, known in enumerate(kept):
            if _same(known, fault):
                if fault.course not in (known.course, *known.also):
                    kept[place] = replace(known, also=(*known.also, fault.course))
                break
        else:
            kept.append(fault)
    return kept


def _same(known: Fault, fault: Fault) -> bool:
    if (known.kind, known.file) != (fault.kind, fault.file):
        return False
    if known.file_at_s is None or fault.file_at_s is None:
        return known.phase == fault.phase and known.title == fault.title
    return abs(known.file_at_s - fault.file_at_s) <= _SAME_S
