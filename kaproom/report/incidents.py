"""What disturbed, or may have: hands on the sound, and what befell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from kaproom.record import Entry
from kaproom.report.account import Disturbance
from kaproom.report.clocks import SLEPT, STEP, step_s
from kaproom.report.tale import Tale
from kaproom.report.words import length, signed
from kaproom.retold.happened import FILE_FAILED, NO_SOUND, STOOD_STILL

By = Literal["hand", "fault"]

# Those that last come as stretches from the session itself.
_LASTING = {
    "calm": "calm: the refuge",
    "duck": "lowered for a voice",
    "fade": "faded to silence",
    "away": "headphones off",
    "hold": "phase held",
}
_BEFELL = {
    NO_SOUND: "no sound",
    FILE_FAILED: "a file could not be read; the fallback played",
    STOOD_STILL: "the machine was down",
}
# Where the session cannot be reckoned anew, each has its moment and no length.
_ALONE: dict[str, tuple[str, By]] = {
    **{kind: (said, "hand") for kind, said in _LASTING.items()},
    "source-failed": ("a file could not be read", "fault"),
}
TOLD = frozenset(
    {
        *_LASTING,
        *("return", "back", "skip", "advance", "level", "end", "shift", "sound"),
        *("source-failed", "player-connected", "player-lost", "player-refused"),
        *("daemon-resumed", "attention", STEP, SLEPT, "interrupted", "continue"),
    }
)
# An entry's own clock and the session's agree so nearly.
_NEAR_MIN = 0.02


def incidents(tale: Tale) -> tuple[Disturbance, ...]:
    """All of them, in the order of their times."""
    found = [*_points(tale), *_standstills(tale)]
    if tale.what is not None:
        for hand in tale.what.hands:
            said = _LASTING.get(hand.name, hand.name)
            who = _whose(tale, hand.name, hand.from_min)
            found.append(Disturbance(said, "hand", hand.from_min, hand.to_min, who=who))
        for befell in tale.what.interruptions:
            said = _BEFELL.get(befell.name, befell.name)
            why = _why(tale, befell.from_min) if befell.name == FILE_FAILED else ""
            from_min, to_min = befell.from_min, befell.to_min
            found.append(Disturbance(said, "fault", from_min, to_min, why, free=True))
    return tuple(sorted(found, key=lambda each: each.from_min))


def _whose(tale: Tale, kind: str, at_min: float) -> str | None:
    """Who asked for something that lasted."""
    entries = (written.entry for written in tale.of(kind))
    near = (entry.who for entry in entries if abs(tale.minute_of(entry) - at_min) < _NEAR_MIN)
    return next(near, None)


def _why(tale: Tale, at_min: float) -> str:
    """Why a file could not be read."""
    failed = [w.entry for w in tale.of("source-failed")]
    near = (e for e in failed if abs(tale.minute_of(e) - at_min) < _NEAR_MIN)
    return next((str(entry.fields.get("why", "")) for entry in near), "")


def _standstills(tale: Tale) -> Iterator[Disturbance]:
    for entry, by_s in tale.standstills():
        # It is told when it was over.
        at_min = tale.minute_of(entry)
        yield Disturbance("the sound stood still", "fault", at_min - by_s / 60, at_min)


def _points(tale: Tale) -> Iterator[Disturbance]:
    """What an entry tells by itself."""
    for written in tale.entries:
        entry = written.entry
        told = _by_people(entry) or _befell(entry)
        if told is not None:
            what, by, detail = told
            who = entry.who if by == "hand" else None
            free = entry.kind == "player-refused"
            yield Disturbance(what, by, tale.minute_of(entry), None, detail, who, free)
        elif tale.what is None and entry.kind in _ALONE:
            what, by = _ALONE[entry.kind]
            yield Disturbance(what, by, tale.minute_of(entry), who=entry.who)


def _by_people(entry: Entry) -> tuple[str, By, str] | None:
    fields = entry.fields
    match entry.kind:
        case "skip":
            return "piece skipped", "hand", str((entry.heard or {}).get("title", ""))
        case "advance":
            return "went on to the next phase", "hand", ""
        case "level":
            return "level", "hand", f"{signed(float(fields.get('by_db', 0.0)), plus=True)} dB"
        case "attention" if fields.get("code") == "call" and fields.get("what") == "raised":
            return "somebody was called", "hand", str(fields.get("priority", ""))
        case "continue":
            return "went on after the loss of power", "hand", _told_of_pump(entry)
        case _:
            return None


def _told_of_pump(entry: Entry) -> str:
    """What people said of the pump once the power was back."""
    minute, state = entry.fields.get("minute"), entry.fields.get("infusion")
    if minute is not None:
        return f"the infusion at minute {float(minute):g}"
    return f"the infusion {state}" if state else "the infusion as recorded"


def _befell(entry: Entry) -> tuple[str, By, str] | None:
    fields = entry.fields
    match entry.kind:
        case "player-lost":
            return "the player was lost and replaced", "fault", ""
        case "player-refused":
            return "the player refused a programme", "fault", str(fields.get("why", ""))
        case "daemon-resumed":
            away_s = float(fields.get("away_s", 0.0))
            return "the room's service restarted", "fault", f"away for {away_s:.0f} s"
        case "interrupted":
            gap_min = float(fields.get("gap_s", 0.0)) / 60
            return "the power was lost", "fault", f"for {length(gap_min)}, by the wall clock"
        case kind if kind == STEP:
            return "the wall clock was set", "fault", f"{signed(step_s(fields), plus=True)} s"
        case kind if kind == SLEPT:
            slept_min = float(fields.get("asleep_s", 0.0)) / 60
            return "the machine slept", "fault", f"for {length(slept_min)}"
        case _:
            return None
