"""What people do in a session, read from lines as a therapist writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

from session.imagined import Room, as_recorded

from kaproom.session import events as e
from kaproom.session.events import ago_s
from kaproom.session.machine import Session, opened, step


def seconds(written: str) -> float:
    minutes, rest = written.split(":")
    return int(minutes) * 60 + float(rest)


def deed(line: str, room: Room) -> e.Event | None:
    """The event of a command line; None for what leaves none."""
    at_s = room.now_s
    if line.startswith("("):
        return _by_itself(line, room)
    word, *rest = shlex.split(line)
    back_s = 0.0
    if "--ago" in rest:
        where = rest.index("--ago")
        back_s = ago_s(rest[where + 1])
        del rest[where : where + 2]
    kinds: dict[str, Callable[[], e.Event]] = {
        "infusion": lambda: _infusion(at_s - back_s, at_s, rest),
        "note": lambda: e.Noted(at_s - back_s, at_s, rest[0]),
        "hold": lambda: e.Held(at_s, at_s, float(rest[0]) if rest else None),
        "advance": lambda: e.Advanced(at_s, at_s, sure="--yes" in rest),
        "calm": lambda: e.Calmed(at_s, at_s),
        "skip": lambda: e.Skipped(at_s, at_s),
        "duck": lambda: e.Ducked(at_s, at_s),
        "fade": lambda: e.Faded(at_s, at_s, at_once="--now" in rest),
        "return": lambda: e.Returned(at_s, at_s),
        "level": lambda: e.Levelled(at_s, at_s, float(rest[1]) * (1 if rest[0] == "up" else -1)),
        "away": lambda: e.WentAway(at_s, at_s),
        "back": lambda: e.CameBack(at_s, at_s, rejoin="--rejoin" in rest),
        "end": lambda: e.Ended(at_s, at_s),
    }
    return kinds[word]()


def _infusion(at_s: float, entered_s: float, words: list[str]) -> e.Event:
    what, *amount = words
    value = float(amount[0]) if amount else None
    unit: Any = "mg" if what == "bolus" else (amount[1] if len(amount) > 1 else None)
    assert what in ("started", "paused", "resumed", "stopped", "rate", "bolus")
    facts: Any = what
    return e.Infused(at_s, entered_s, facts, value, unit)


def _by_itself(line: str, room: Room) -> e.Event | None:
    at_s = room.now_s
    if line == "(the file fails)":
        heard = room.session.cue_at(at_s)
        assert heard is not None
        return e.SourceFailed(at_s, at_s, heard.id, "cannot be read")
    still = re.fullmatch(r"\(the sound stands still for (\d+) s\)", line)
    if still:
        return e.Shifted(at_s, at_s, float(still[1]))
    assert line == "(the daemon is killed and starts again)", line
    room.session = replayed(room)
    return None


def replayed(room: Room) -> Session:
    """The session as a new daemon finds it in the record."""
    session, _ = opened(room.session.profile, room.session.repertoire)
    for event in [*as_recorded(room.recorded), e.Tick(room.now_s, room.now_s)]:
        session, _ = step(session, event)
    return session
