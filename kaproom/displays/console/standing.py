"""What stands there now: infusion, sound, timers, what is up or down, the last deed's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaproom.displays.console.buttons import GAP, Button, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Bar, Box, Element, Group, Kind, Shape, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes

Status = Mapping[str, Any]

_GRAVE = ("unplanned-silence", "device-lost")
_QUIET_LUFS, _LOUD_LUFS = -54.0, -14.0
SOUND_MARKS = {
    "playing": Kind.PLAY,
    "calm": Kind.RING,
    "ducked": Kind.DOWN,
    "away": Kind.PAUSE,
    "faded": Kind.PAUSE,
    "planned-silence": Kind.PAUSE,
    "off": Kind.SQUARE,
}
INFUSION_MARKS = {
    "not-started": Kind.RING,
    "running": Kind.PLAY,
    "paused": Kind.PAUSE,
    "stopped": Kind.SQUARE,
    "complete": Kind.CHECK,
    "unconfirmed": Kind.TRIANGLE,
}


def infusion(box: Box, status: Status, desk: Desk, say: Saying, least: float) -> Group:
    """The infusion's clock, as recorded, and the marks that are likely now."""
    told, w = status["infusion"], say.words
    state = told["state"]
    grave = state in ("unconfirmed", "paused")
    role = Role.ASSIST if grave else Role.TEXT
    role = role if desk.answering else Role.SECOND
    wide = box.width - 3 * 148 - 16
    left = box.left(wide)
    elements: list[Element] = [
        Shape(Box(left.x, left.y + 6, 20, 20), INFUSION_MARKS.get(state, Kind.RING), role),
        Text(
            Box(left.x + 30, left.y, wide - 30, 32),
            f"{w('console.infusion')} {w(f'infusion-short.{state}')}",
            21,
            role,
            True,
        ),
    ]
    if told["elapsed_s"] is not None:
        key = "console.of" if desk.answering else "console.of-last-heard"
        of = w(key, elapsed=minutes(told["elapsed_s"]), planned=minutes(told["planned_s"]))
        elements.append(Text(Box(left.x, left.y + 32, wide, 24), of, 20))
        part = told["elapsed_s"] / max(1.0, told["planned_s"])
        elements.append(Bar(Box(left.x, left.y + 58, wide - 14, 6), min(part, 1.0)))
    else:
        planned = w("console.planned", planned=minutes(told["planned_s"]))
        elements.append(Text(Box(left.x, left.y + 34, wide, 26), planned, 18, Role.SECOND))
    places = box.beyond(wide + 16)
    likely = {
        "not-started": ("started",),
        "running": ("paused", "stopped"),
        "paused": ("resumed", "stopped"),
        "stopped": ("resumed",),
        "unconfirmed": ("stopped", "paused"),
    }.get(state, ())
    buttons = [
        Button(
            deed, w(f"console.mark.{deed}"), desk.keys.shown(deed, say.words), w("console.records")
        )
        for deed in likely
    ]
    buttons.append(Button("pump", w("console.mark.more"), desk.keys.shown("pump", say.words)))
    high = max(least, 64.0)
    place = Box(places.right - (148 * len(buttons) - GAP), box.y, 148 * len(buttons) - GAP, high)
    more, targets = row(buttons, place)
    return Group("infusion", box, (*elements, *more), tuple(targets))


def sound(box: Box, status: Status, live: bool, say: Saying) -> Group:
    """What is heard, how loud it left, and what comes; a level only while it is live."""
    told, w = status["sound"], say.words
    state = told["state"]
    grave = state in _GRAVE
    mark = Kind.CROSS if grave else SOUND_MARKS.get(state, Kind.SQUARE)
    role = Role.URGENT if grave else Role.TEXT
    since = "" if told["since_s"] is None else minutes(told["since_s"])
    for_s = 64.0 if since else 0.0
    now = told["now"]
    piece = "" if now is None else f"{now['title']}   {minutes(now['position_s'])}"
    coming = told["coming"]
    following = (
        w("console.next", title=coming[0]["title"], left=minutes(coming[0]["in_s"]))
        if coming
        else w("console.nothing-next")
    )
    if told["why"]:
        following = str(told["why"])
    level = told["level_lufs"]
    part = 0.0 if level is None else (level - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS)
    said = w("console.silent") if level is None else f"{level:.0f} LUFS"
    if not live:
        part, said, since, role = 0.0, w("common.unknown"), "", Role.SECOND
        piece = "" if now is None else str(now["title"])
        following = w("console.last-heard")
    half = box.width * 0.46
    meter = Box(box.x, box.y + 42, half - 110, 12)
    return Group(
        "sound",
        box,
        (
            Shape(Box(box.x, box.y + 6, 20, 20), mark, role),
            Text(
                Box(box.x + 30, box.y, half - 44 - for_s, 32), w(f"sound.{state}"), 21, role, True
            ),
            Text(Box(box.x + half - 10 - for_s, box.y, for_s, 32), since, 21, role, True, "right"),
            Text(Box(box.x + half, box.y, box.width - half, 32), piece, 21),
            Bar(meter, min(max(part, 0.0), 1.0), Role.FINE),
            Text(Box(meter.right + 8, box.y + 34, 96, 28), said, 15, Role.SECOND),
            Text(Box(box.x + half, box.y + 34, box.width - half, 28), following, 17, Role.SECOND),
        ),
    )


def prompt(box: Box, status: Status, say: Saying) -> Group:
    """The next silent timer, and the session's end."""
    told, w = status["prompts"], say.words
    role, mark = Role.SECOND, Kind.RING
    if told["overdue"]:
        line = w.count("console.overdue", told["overdue"])
        role, mark = Role.NOTICE, Kind.DIAMOND
    elif told["due"]:
        line, role, mark = w("console.due", what=w.own(told["due"][0])), Role.NOTICE, Kind.DIAMOND
    elif told["next_in_s"] is None:
        line = w("console.no-prompt")
    else:
        line = w("console.prompt", what=w.own(told["next_label"]), left=minutes(told["next_in_s"]))
    end_s = (status.get("ahead") or {}).get("end_in_s")
    ends = w("console.end-open") if end_s is None else w("console.ends", left=minutes(end_s))
    half = box.width * 0.42
    return Group(
        "prompt",
        box,
        (
            Shape(Box(box.x, box.y + 7, 18, 18), mark, role),
            Text(Box(box.x + 30, box.y, half * 1.4 - 30, box.height), line, 19, role),
            Text(
                Box(box.x + half * 1.45, box.y, box.width - half * 1.45, box.height),
                ends,
                17,
                Role.SECOND,
                align="right",
            ),
        ),
    )


def lamps(box: Box, desk: Desk, say: Saying) -> Group:
    """Sound, notes saved, station watching, service: each plainly up or down."""
    status, w = desk.status or {}, say.words
    sounding = status["sound"]["state"] not in _GRAVE
    record = status.get("record") or {}
    saving = not record.get("failing")
    bus = status.get("bus")
    stations = list((bus or {}).get("stations") or ())
    if bus is None:
        watch, up = w("console.lamp.no-broker"), None
    elif not bus["connected"]:
        watch, up = w("console.lamp.broker-lost"), False
    elif stations:
        watch, up = w("console.lamp.watching", who=", ".join(stations)), True
    else:
        watch, up = w("console.lamp.nobody"), False
    told: tuple[tuple[str, bool | None], ...] = (
        (w("console.lamp.sound" if sounding else "console.lamp.no-sound"), sounding),
        (w("console.lamp.saved" if saving else "console.lamp.not-saved"), saving),
        (watch, up),
        (w("console.lamp.service"), True),
    )
    if not desk.answering:
        # What was so when it was last heard is not known to be so now.
        unknown = [(w(f"console.lamp.{one}-unknown"), None) for one in ("sound", "saved", "watch")]
        told = (*unknown, (w("console.lamp.no-service"), False))
    elements: list[Element] = []
    for place, (word, well) in zip(box.columns(4, 10), told, strict=True):
        mark, role = _lamp(well)
        elements.append(Shape(Box(place.x, place.y + 6, 16, 16), mark, role))
        bold = well is False
        role = Role.TEXT if well is False else Role.SECOND
        elements.append(Text(place.beyond(24), word, 15, role, bold, lines=1))
    return Group("lamps", box, tuple(elements))


def _lamp(well: bool | None) -> tuple[Kind, Role]:
    if well is None:
        return Kind.RING, Role.FAINT
    return (Kind.CHECK, Role.FINE) if well else (Kind.CROSS, Role.ASSIST)


def said(box: Box, desk: Desk, say: Saying) -> Group:
    """What became of the last deed; it stays until the next one."""
    if desk.said is None:
        line, role = say.words("console.information"), Role.SECOND
    else:
        key, told = desk.said
        values = {**told}
        if "reason" in values:
            values["line"] = say.refusal(values["line"], values.pop("reason"))
        line = say.words(key, **{k: _deed(k, v, say) for k, v in values.items()})
        role = Role.ASSIST if desk.grave else Role.TEXT
    mark: tuple[Element, ...] = ()
    if desk.grave:
        mark = (Shape(Box(box.x, box.y + 8, 18, 18), Kind.TRIANGLE, Role.ASSIST),)
        return Group("said", box, (*mark, Text(box.beyond(28), line, 16, role)))
    return Group("said", box, (Text(box, line, 16, role),))


def _deed(key: str, value: str, say: Saying) -> str:
    name = f"console.deed.{value}"
    return say.words(name) if key == "what" and name in say.words else value
