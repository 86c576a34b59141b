"""A call that was pressed here, until the room has it: nobody may believe that help comes.

Judged by the console's own clock. What the room does not take within ``SURE_S`` is said to
be not delivered, whatever the reason; the room says the rest (shown, seen by).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kaproom.clock import NS_PER_S

SURE_S = 2.2
"""Below the three seconds in which it must be said, by what it takes to draw it."""

State = Literal["sending", "shown", "seen", "not-delivered", "unknown"]


@dataclass(frozen=True, slots=True)
class Pressed:
    """A call that was pressed here.

    Attributes:
        id: Of the wish.
        failed: The room did not take it.
    """

    id: str
    level: str
    at_ns: int
    failed: bool = False

    def answers(self, told: Mapping[str, Any] | None) -> bool:
        """Whether the room's word on the call that is open there is on this one."""
        return told is not None and told["level"] in (self.level, "urgent")


@dataclass(frozen=True, slots=True)
class Call:
    """How a call stands, as people are told."""

    level: str
    open_s: float
    state: State
    shown: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()


def standing(
    told: Mapping[str, Any] | None, pressed: Pressed | None, answering: bool, now_ns: int
) -> Call | None:
    """How the call stands; None for none.

    Args:
        told: The room's own word on it, as last heard.
        pressed: The one that was pressed here and that the room has not shown yet.
        answering: The room answers, so that its word holds now.
        now_ns: The moment.
    """
    if pressed is not None:
        open_s = (now_ns - pressed.at_ns) / NS_PER_S
        late = pressed.failed or open_s >= SURE_S
        return Call(pressed.level, max(0.0, open_s), "not-delivered" if late else "sending")
    if told is None:
        return None
    seen = tuple(str(one["by"]) for one in told["seen"])
    state: State = told["state"] if answering or seen else "unknown"
    return Call(told["level"], told["open_s"], state, tuple(told["shown"]), seen)
