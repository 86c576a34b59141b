"""What happened in a room, as the station keeps it: facts, said in a language when shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kaproom.contract.payload import (
    AnyEvent,
    AttentionEvent,
    AudioEvent,
    InfusionEvent,
    NoteEvent,
    PhaseEvent,
)
from kaproom.displays.station.saying import Saying


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the history.

    Attributes:
        at: By the station's wall clock; a room's event by the room's, unless that is wrong.
        what: The words' key below ``history``.
        told: What it is about, in the contract's words.
    """

    at: datetime
    what: str
    told: Mapping[str, str]


def happening(event: AnyEvent, at: datetime) -> Happening:
    """A room's event as a line of its history."""
    told: dict[str, str] = {}
    match event:
        case PhaseEvent():
            kind = "phase"
            if event.name is not None:
                told["phase"] = event.name
        case InfusionEvent():
            kind = "infusion"
        case NoteEvent():
            kind = "note"
            if event.category is not None:
                told["category"] = event.category
        case AudioEvent():
            kind = "audio"
            if event.state is not None:
                told["sound"] = event.state
        case AttentionEvent():
            kind = "attention"
            told |= {"code": event.code, "priority": event.priority}
    return Happening(at, f"{kind}.{event.what}", told)


def line(what: Happening, say: Saying) -> str:
    """A happening in a sentence."""
    key, told = f"history.{what.what}", what.told
    if key not in say.words:
        return what.what
    values: dict[str, str] = {}
    if "phase" in told:
        values["phase"] = say.phase(told["phase"])
    if "sound" in told:
        values["sound"] = say.words(f"sound.{told['sound']}")
    if "code" in told:
        values["matter"] = say.matter(told["code"], told.get("priority", ""))
    if "span_s" in told:
        values["span"] = say.age(float(told["span_s"]))
    if "by" in told:
        values["by"] = told["by"]
    for name in ("phase", "sound", "matter", "span", "by"):
        values.setdefault(name, say.words("common.unknown"))
    text = say.words(key, **values)
    category = told.get("category")
    return f"{text}: {category}" if category else text
