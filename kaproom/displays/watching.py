"""The rooms of a broker in a terminal: the smallest dashboard, and an example for others.

Nothing that is old looks new: behind each room stands how fresh it is, and what is not
live is dimmed or gone. It reads no clock and no connection; arrivals come in from outside.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kaproom.contract.payload import AnyEvent, Priority, State
from kaproom.contract.subscriber import Freshness, Room, Rooms
from kaproom.displays.terminal import minutes
from kaproom.places import legible

_COLOURS = {
    Freshness.LIVE: "green",
    Freshness.UNVERIFIED: "yellow",
    Freshness.STALE: "bold black on yellow",
    Freshness.NO_DATA: "bold white on red",
    Freshness.STOPPED: "grey62",
}
_PRESSING = {
    Priority.NOTICE: "yellow",
    Priority.ASSIST: "bold yellow",
    Priority.URGENT: "bold white on red",
}
_GRAVE = ("unplanned-silence", "device-lost")
_COLUMNS = ("room", "", "session", "infusion", "sound", "notes", "open", "events")


def picture(rooms: Rooms, broker: str, fault: str | None, now_ns: int) -> RenderableType:
    """Every room that is known, a line each.

    Args:
        rooms: What has arrived.
        broker: Where it comes from, for the title.
        fault: Why there is no connection now.
        now_ns: The moment, on the clock by which the arrivals were stamped.
    """
    table = Table(title=f"kaproom · {broker}", title_justify="left", box=SIMPLE_HEAD)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column == "room")
    for key in sorted(rooms.rooms):
        table.add_row(*_row(rooms.rooms[key], now_ns))
    below = []
    if not rooms.rooms:
        below.append(Text("no room has been heard of", style="grey62"))
    if fault is not None:
        below.append(Text(fault, style="bold red"))
    if rooms.not_understood:
        below.append(Text(f"{rooms.not_understood} messages not understood", style="yellow"))
    return Group(table, *below)


def _row(room: Room, now_ns: int) -> Iterator[RenderableType]:
    fresh = room.freshness(now_ns)
    name = legible(room.meta.display_name) if room.meta is not None else room.alias
    yield Text(f"{room.site}/{room.alias}" if name == room.alias else f"{name}")
    yield Text(_freshness(room, fresh, now_ns), style=_COLOURS[fresh])
    state = room.state
    if state is None or fresh in (Freshness.NO_DATA, Freshness.STOPPED):
        yield from (Text("–", style="grey50") for _ in range(4))
    else:
        style = "" if fresh is Freshness.LIVE else "grey50"
        yield from (Text(cell, style=style) for cell in _cells(state))
    yield _open(room)
    yield Text(_events(room), style="grey62")


def _freshness(room: Room, fresh: Freshness, now_ns: int) -> str:
    age_s = room.age_s(now_ns)
    old = fresh in (Freshness.STALE, Freshness.NO_DATA) and age_s is not None
    return f"{fresh} {minutes(age_s)}" if old else str(fresh)


def _cells(state: State) -> Iterator[str]:
    session, phase, infusion, notes = state.session, state.phase, state.infusion, state.notes
    if session is None or phase is None or infusion is None or notes is None:
        yield from ("none", "", str(state.sound.state), "")
        return
    at = "" if session.session_s is None else f" at {minutes(session.session_s)}"
    held = " HELD" if phase.held else ""
    yield f"{phase.name}{held}{at}" if session.state == "open" else f"ending{at}"
    elapsed = "" if infusion.elapsed_s is None else f" {minutes(infusion.elapsed_s)}"
    yield f"{infusion.state}{elapsed}"
    sound = str(state.sound.state)
    yield sound.upper() if sound in _GRAVE else sound
    yield f"{notes.count}" if notes.last_s is None else f"{notes.count} ({minutes(notes.last_s)})"


def _open(room: Room) -> Text:
    text = Text()
    for matter in sorted(room.attention.values(), key=lambda m: -m.priority.rank):
        if text:
            text.append(" ")
        text.append(f"{matter.code}", style=_PRESSING[matter.priority])
    return text


def _events(room: Room) -> str:
    missing = sum(last - first + 1 for first, last in room.numbers.missing())
    return f"{room.numbers.newest}" + (f", {missing} missing" if missing else "")


def event_line(event: AnyEvent) -> str:
    """An event in a line, for a log."""
    told = event.model_dump(
        mode="json", include={"what", "name", "category", "state", "code", "priority"}
    )
    kind = type(event).__name__.removesuffix("Event").lower()
    words = " ".join(str(value) for value in told.values() if value is not None)
    return f"{event.site}/{event.room}  {event.seq}  {kind}  {words}"
