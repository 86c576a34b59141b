"""What the console wants of what is around it: of the room, of the checks, of its window."""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.displays.console.plans import Plan
from kaproom.displays.notepad import Wish


@dataclass(frozen=True, slots=True)
class Check:
    """Look whether this plan can be begun."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the window."""


@dataclass(frozen=True, slots=True)
class ToggleFull:
    """The full screen, or a window."""


Wanted = Wish | Check | Leave | ToggleFull
