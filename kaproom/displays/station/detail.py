"""One room in detail: everything that it says, and what happened in the last twelve hours."""

from __future__ import annotations

from collections.abc import Sequence

from kaproom.contract.payload import State
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Bar, Box, Element, Group, Panel, Target, Text
from kaproom.displays.station.history import line
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.telling import Tile
from kaproom.displays.station.tiles import matter_elements, standing_elements
from kaproom.displays.station.ward import Place, Standing

_QUIET_LUFS, _LOUD_LUFS = -50.0, -10.0
_ROW = 27.0
_HISTORY_ROW = 24.0


def detail_group(
    box: Box,
    tile: Tile,
    found: Place,
    *,
    missing: int,
    watchers: Sequence[str],
    scroll: int,
    say: Saying,
) -> tuple[Group, int]:
    """The room's panel, and how far back its history stands there.

    Args:
        box: Its place.
        tile: What its tile says.
        found: The room.
        missing: So many of its events are missing.
        watchers: Other stations that show it.
        scroll: So many lines back in its history.
        say: The language.
    """
    inner = box.inset(18, 14)
    elements: list[Element] = [Panel(box, Role.PANEL, Role.RULE, 1)]
    head = inner.top(38)
    share = 0.75 if tile.standing is Standing.LIVE else 0.55
    elements.append(Text(head.left(head.width * share), tile.name, 27, Role.TEXT, True))
    beside = head.beyond(head.width * share)
    standing = Box(beside.x, beside.y + 5, beside.width, 28)
    elements += standing_elements(tile, standing, 17)
    at = head.bottom + 6
    targets: list[Target] = []
    for matter in tile.matters[:4]:
        row = Box(inner.x, at, inner.width, 34)
        elements += matter_elements(matter, row, 17)
        targets.append(Target(row, f"sign {'/'.join(tile.key)}"))
        at = row.bottom + 4
    for label, value, role in _facts(tile, found, missing, watchers, say):
        row = Box(inner.x, at, inner.width, _ROW)
        elements.append(Text(row.left(150), label, 16, Role.SECOND))
        elements.append(Text(row.beyond(150), value, 17, role, role is not Role.TEXT))
        at = row.bottom
    state = found.room.state
    if tile.running is not None and state is not None:
        live = tile.standing is Standing.LIVE
        elements += _meter(state, Box(inner.x, at, inner.width, _ROW), live=live, say=say)
        at += _ROW
    rest = Box(inner.x, at + 10, inner.width, inner.bottom - at - 10)
    drawn, scrolled, scroll = _history(rest, found, scroll, say)
    return Group("detail", box, (*elements, *drawn), (*targets, *scrolled)), scroll


def _facts(
    tile: Tile, found: Place, missing: int, watchers: Sequence[str], say: Saying
) -> list[tuple[str, str, Role]]:
    words, run, state = say.words, tile.running, found.room.state
    rows = [(words("station.room"), "/".join(tile.key), Role.TEXT)]
    if run is None:
        rows.append(
            (words("station.heard"), f"{tile.idle}. {tile.idle_more}".rstrip(". "), Role.TEXT)
        )
    else:
        grave = Role.ASSIST
        infusion = f"{run.infusion_short}, {run.infusion_times}, {run.infusion_known}"
        rows += [
            (words("station.remaining"), f"{run.left} {run.left_means}", Role.TEXT),
            (words("station.elapsed"), run.elapsed, Role.TEXT),
            (words("station.phase"), f"{run.phase}   {run.phase_times}", Role.TEXT),
            (words("station.infusion"), infusion, run.infusion_role),
            (words("station.sound"), run.sound, grave if run.sound_grave else Role.TEXT),
            (words("station.prompts-label"), run.prompts, grave if run.overdue else Role.TEXT),
            (words("station.notes-label"), run.notes, Role.TEXT),
        ]
    if state is not None and tile.standing not in (Standing.NO_DATA, Standing.STOPPED):
        synced = "unsynced" if state.clock.synced is False else "synced"
        clock = state.ts.astimezone().strftime("%H:%M:%S")
        if state.clock.synced is not None:
            clock = words(f"station.clock-{synced}", clock=clock)
        rows.append((words("station.room-clock"), clock, Role.TEXT))
    if missing:
        rows.append(("", words("station.missing", count=missing), Role.NOTICE))
    if watchers:
        rows.append(("", words("station.also-watching", stations=", ".join(watchers)), Role.TEXT))
    return rows


def _meter(state: State, row: Box, *, live: bool, say: Saying) -> list[Element]:
    level = state.sound.level_lufs
    part = 0.0 if level is None else (level - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS)
    text = (
        say.words("station.silent")
        if level is None
        else say.words("station.level-lufs", level=f"{level:.0f}")
    )
    if state.sound.underruns:
        text += f"  ·  {say.words('station.underruns', count=state.sound.underruns)}"
    bar = Box(row.x + 150, row.y + 9, 180, 10)
    return [
        Text(row.left(150), say.words("station.level"), 16, Role.SECOND),
        Bar(bar, round(min(max(part, 0), 1) * 40) / 40, Role.FINE if live else Role.SECOND),
        Text(row.beyond(345), text, 16, Role.TEXT),
    ]


def _history(
    box: Box, found: Place, scroll: int, say: Saying
) -> tuple[list[Element], list[Target], int]:
    """The newest first; from ``scroll`` lines back, or as far as there are any."""
    words = say.words
    elements: list[Element] = [
        Panel(Box(box.x, box.y, box.width, 1), Role.RULE, None, radius=0),
        Text(Box(box.x, box.y + 6, 260, 28), words("station.history"), 17, Role.TEXT, True),
    ]
    room = max(0, int((box.height - 40) // _HISTORY_ROW))
    total = len(found.history)
    scroll = max(0, min(scroll, total - room))
    newest = list(reversed(found.history))[scroll : scroll + room]
    if not newest:
        row = Box(box.x, box.y + 38, box.width, _HISTORY_ROW)
        elements.append(Text(row, words("station.no-history"), 15, Role.SECOND))
    for index, what in enumerate(newest):
        row = Box(box.x, box.y + 38 + index * _HISTORY_ROW, box.width, _HISTORY_ROW)
        clock = what.at.astimezone().strftime("%H:%M:%S")
        elements.append(Text(row.left(90), clock, 15, Role.SECOND))
        elements.append(Text(row.beyond(94), line(what, say), 15, Role.TEXT))
    targets = []
    for text, action, x, there in (
        (f"▲ {words('station.newer')}", "newer", box.right - 190, scroll > 0),
        (f"▼ {words('station.older')}", "older", box.right - 92, scroll + room < total),
    ):
        place = Box(x, box.y + 6, 92, 28)
        if there:
            elements.append(Text(place, text, 15, Role.ACCENT, True, "right"))
            targets.append(Target(place, action))
    return elements, targets, scroll
