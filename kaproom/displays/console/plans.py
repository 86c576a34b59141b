"""What stands before a session: profiles, what was prepared, the list of the day, the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Plan:
    """One session that can be begun.

    Attributes:
        name: The profile's, as it is found again.
        title: As people read it.
        length_s: Of the whole session.
        last_used: The day on which it was used last, for people; empty: never.
        ref: The patient's, where it was prepared; empty where it was not.
        must: What is confirmed before it begins.
        remind: What is only shown.
        fault: Why it cannot be begun at all.
    """

    name: str
    title: str
    length_s: float
    last_used: str = ""
    ref: str = ""
    must: tuple[str, ...] = ()
    remind: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the checks found of the matter that it is ``about``."""

    level: Literal["stop", "warn", "note"]
    where: str
    line: str
    about: str = "programme"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks came to.

    Attributes:
        findings: The gravest first.
        begin: What the room needs to begin it; None where something stops it.
    """

    findings: tuple[Finding, ...]
    begin: Mapping[str, Any] | None = None

    @property
    def go(self) -> bool:
        """Whether nothing stops the session."""
        return self.begin is not None


@dataclass(slots=True)
class Listed:
    """A list that somebody goes through: what is so, and what is not with its reason."""

    items: tuple[str, ...]
    by: str = ""
    said: dict[str, str] = field(default_factory=dict)
    """Of an item: empty when it is so, else why the session goes on all the same."""

    @property
    def complete(self) -> bool:
        """Whether everything was answered, and somebody stands for what is not so."""
        return set(self.items) <= set(self.said) and (bool(self.by) or not any(self.said.values()))

    def told(self) -> list[dict[str, Any]]:
        """For the room."""
        return [
            {
                "item": item,
                "state": "overridden" if self.said[item] else "confirmed",
                "reason": self.said[item],
                "by": self.by or None,
                "must": True,
            }
            for item in self.items
            if item in self.said
        ]
