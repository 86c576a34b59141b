"""What the screen of a running session is made of, each part from the room's state alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from kaproom.displays.console.buttons import GAP, Button, drawn, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.notepad import Slip
from kaproom.displays.palette import Role
from kaproom.displays.shapes import (
    Bar,
    Box,
    Curve,
    Element,
    Group,
    Kind,
    Panel,
    Shape,
    Target,
    Text,
)
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


def phase(box: Box, status: Status, say: Saying) -> Group:
    """The phase, how far it is, what follows."""
    told, w = status["phase"], say.words
    name = say.phase(told["name"])
    count = f"{told['index'] + 1} / {told['count']}"
    elapsed, left = told["elapsed_s"], told["remaining_s"]
    if told["held"]:
        ends = told.get("hold_ends_in_s")
        line = w("console.held-open") if ends is None else w("console.held-for", left=minutes(ends))
    elif left is not None:
        following = say.phase(told["next"]) if told["next"] else w("console.the-end")
        line = w("console.then", left=minutes(left), next=following)
    elif status["infusion"]["state"] == "not-started":
        line = w("console.waits-infusion")
    else:
        line = w("console.open-end")
    part = 0.0 if left is None else elapsed / max(1.0, elapsed + left)
    top = box.top(50)
    elements: list[Element] = [
        Text(top.left(box.width * 0.5), name, 38, Role.TEXT, True),
        Text(top.beyond(box.width * 0.5).top(28), count, 18, Role.SECOND, align="right"),
        Text(
            Box(box.x + box.width * 0.38, box.y + 22, box.width * 0.62, 28),
            line,
            19,
            Role.ASSIST if told["held"] else Role.TEXT,
            told["held"],
            "right",
        ),
        Bar(Box(box.x, box.y + 56, box.width, 10), part),
    ]
    if told["held"]:
        mark = Box(box.right - 92, box.y + 3, 20, 20)
        elements.append(Shape(mark, Kind.PAUSE, Role.ASSIST))
    return Group("phase", box, tuple(elements))


def arc(box: Box, status: Status, say: Saying) -> Group:
    """The session as an arc of intensity, with now on it, and where the infusion ends."""
    spans, index = status["phases"], status["phase"]["index"]
    names = Box(box.x, box.bottom - 22, box.width, 22)
    area = Box(box.x, box.y + 4, box.width, max(20.0, box.height - 30))
    edges, now = _edges(status, spans)
    xs = [area.x + area.width * edge for edge in edges]
    points = _heights(spans, xs, area)
    now_x = area.x + area.width * now
    elements: list[Element] = []
    passed = [p for p in points if p[0] <= now_x]
    if len(passed) > 1:
        closed = (*passed, (now_x, passed[-1][1]), (now_x, area.bottom), (area.x, area.bottom))
        elements.append(Curve(area, closed, Role.TRACK, closed=True))
    elements.append(Curve(area, tuple(points), Role.SECOND, 2.5))
    elements.append(Panel(Box(area.x, area.bottom, area.width, 1), Role.RULE, None, radius=0))
    end_in_s, total_s = status["infusion"].get("end_in_s"), _total_s(status, spans)
    if end_in_s is not None and total_s:
        x = now_x + area.width * end_in_s / total_s
        if x < area.right - 10:
            mark = Box(x - 6, area.bottom - 14, 12, 12)
            elements.append(Shape(mark, Kind.SQUARE, Role.SECOND))
    elements.append(Panel(Box(now_x - 1.5, area.y, 3, area.height), Role.ACCENT, None, radius=0))
    elements.append(Shape(Box(now_x - 7, area.y - 2, 14, 14), Kind.DOWN, Role.ACCENT))
    for number, span in enumerate(spans):
        place = Box(xs[number], names.y, xs[number + 1] - xs[number] - 4, names.height)
        here = number == index
        if place.width > 26:
            role = Role.TEXT if here else Role.SECOND
            elements.append(Text(place, say.phase(span["name"]), 14, role, here))
    return Group("arc", box, tuple(elements))


def _total_s(status: Status, spans: Sequence[Status]) -> float:
    first, last = spans[0]["start_in_s"], spans[-1]["end_in_s"]
    if first is None:
        first = -float(status["session"]["open_s"])
    return 0.0 if last is None else max(1.0, last - first)


def _edges(status: Status, spans: Sequence[Status]) -> tuple[list[float], float]:
    """Where each phase begins and the last one ends, 0 to 1, and where now is."""
    index, count = status["phase"]["index"], len(spans)
    starts = [span["start_in_s"] for span in spans]
    starts[0] = -float(status["session"]["open_s"]) if starts[0] is None else starts[0]
    ends = [*starts[1:], spans[-1]["end_in_s"]]
    known = all(one is not None for one in (*starts, *ends))
    if known and ends[-1] > starts[0]:
        whole = ends[-1] - starts[0]
        edges = [(one - starts[0]) / whole for one in (*starts, ends[-1])]
        if all(b >= a for a, b in pairwise(edges)):
            return [min(max(e, 0.0), 1.0) for e in edges], min(1.0, max(0.0, -starts[0] / whole))
    # What depends on the infusion's start is not known yet: each as long as the others.
    told = status["phase"]
    left = told["remaining_s"]
    within = 0.5 if left is None else told["elapsed_s"] / max(1.0, told["elapsed_s"] + left)
    return [n / count for n in range(count + 1)], (index + within) / count


def _heights(spans: Sequence[Status], xs: Sequence[float], area: Box) -> list[tuple[float, float]]:
    """A smooth line through the phases' intensities."""
    levels = [float(span.get("intensity") or 0.3) for span in spans]
    middles = [(a + b) / 2 for a, b in pairwise(xs)]
    knots = [(xs[0], levels[0] * 0.5), *zip(middles, levels, strict=True), (xs[-1], 0.05)]
    most = max(1.0, *levels)
    points = []
    steps = 96
    for step in range(steps + 1):
        x = xs[0] + (xs[-1] - xs[0]) * step / steps
        right = next((n for n, (kx, _) in enumerate(knots) if kx >= x), len(knots) - 1)
        (ax, ay), (bx, by) = knots[max(0, right - 1)], knots[right]
        part = 0.0 if bx <= ax else (x - ax) / (bx - ax)
        part = part * part * (3 - 2 * part)
        level = (ay + (by - ay) * part) / most
        points.append((x, area.bottom - level * (area.height - 6)))
    return points


def infusion(box: Box, status: Status, desk: Desk, say: Saying, least: float) -> Group:
    """The infusion's clock, as recorded, and the marks that are likely now."""
    told, w = status["infusion"], say.words
    state = told["state"]
    grave = state in ("unconfirmed", "paused")
    role = Role.ASSIST if grave else Role.TEXT
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
        of = w("console.of", elapsed=minutes(told["elapsed_s"]), planned=minutes(told["planned_s"]))
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
        Button(deed, w(f"console.mark.{deed}"), desk.keys.shown(deed), w("console.records"))
        for deed in likely
    ]
    buttons.append(Button("pump", w("console.mark.more"), desk.keys.shown("pump")))
    high = max(least, 64.0)
    place = Box(places.right - (148 * len(buttons) - GAP), box.y, 148 * len(buttons) - GAP, high)
    more, targets = row(buttons, place)
    return Group("infusion", box, (*elements, *more), tuple(targets))


def sound(box: Box, status: Status, say: Saying) -> Group:
    """What is heard, how loud it left, and what comes."""
    told, w = status["sound"], say.words
    state = told["state"]
    grave = state in _GRAVE
    mark = Kind.CROSS if grave else SOUND_MARKS.get(state, Kind.SQUARE)
    role = Role.URGENT if grave else Role.TEXT
    word = w(f"sound.{state}")
    if told["since_s"] is not None:
        word = f"{word}  {minutes(told['since_s'])}"
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
    half = box.width * 0.42
    meter = Box(box.x, box.y + 42, half - 110, 12)
    return Group(
        "sound",
        box,
        (
            Shape(Box(box.x, box.y + 6, 20, 20), mark, role),
            Text(Box(box.x + 30, box.y, half - 40, 32), word, 21, role, True),
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
        line, role, mark = w("console.due", what=told["due"][0]), Role.NOTICE, Kind.DIAMOND
    elif told["next_in_s"] is None:
        line = w("console.no-prompt")
    else:
        line = w("console.prompt", what=told["next_label"], left=minutes(told["next_in_s"]))
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
    told = (
        (w("console.lamp.sound" if sounding else "console.lamp.no-sound"), sounding),
        (w("console.lamp.saved" if saving else "console.lamp.not-saved"), saving),
        (watch, up),
        (
            w("console.lamp.service" if desk.answering else "console.lamp.no-service"),
            desk.answering,
        ),
    )
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
        key, values = desk.said
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


def notes(box: Box, desk: Desk, say: Saying, least: float) -> Group:
    """One key each, the text that follows, and what became of the last ones."""
    w, known = say.words, desk.pad.known
    told = (desk.status or {}).get("notes") or {"count": 0, "last_s": None}
    age = (
        w("console.no-notes")
        if told["last_s"] is None
        else w("console.notes", count=told["count"], age=minutes(told["last_s"]))
    )
    elements: list[Element] = [
        Panel(box, None, Role.RULE),
        Text(Box(box.x + 14, box.y + 6, box.width - 224, least), age, 18, Role.SECOND, lines=2),
    ]
    head = Box(box.right - 208, box.y + 8, 200, least)
    more, targets = drawn(
        Button(
            "ago",
            w("console.note-ago"),
            desk.keys.shown("ago"),
            w("console.note-ago-on") if desk.note_ago else w("console.note-ago-off"),
            on=desk.note_ago,
            role=Role.ACCENT if desk.note_ago else Role.TEXT,
            size=16,
        ),
        head,
    )
    elements += more
    y = box.y + least + 16
    columns = next(
        (n for n in (2, 3, 4) if -(-len(known) // n) * (least + 6) <= box.height * 0.62), 4
    )
    lines = -(-len(known) // columns)
    grid = Box(box.x + 8, y, box.width - 16, lines * (least + 6) - 6)
    places = [
        place for one in (grid.rows(lines, 6) if lines else []) for place in one.columns(columns, 6)
    ]
    for (key, one), place in zip(known.items(), places, strict=False):
        size = 16.0 if columns == 2 else 14.0
        label = Button(f"note {key}", str(one["label"]), key, size=size, lines=min(2, columns - 1))
        more, where = drawn(label, place)
        elements += more
        targets += where
    y = grid.bottom + 8
    field = Box(box.x + 8, y, box.width - 16, 46)
    writing = desk.pad.writing
    if writing is not None:
        elements.append(Panel(field, Role.PANEL, Role.ACCENT, 2.0))
        typed = _tail(f"{writing.label}: {writing.text or ''}_")
        elements.append(Text(field.inset(12, 4), typed, 18))
    else:
        hint = w("console.note-hint")
        elements.append(Panel(field, None, Role.RULE))
        elements.append(Text(field.inset(12, 4), hint, 15, Role.SECOND))
    y = field.bottom + 6
    room = int((box.bottom - 4 - y) // 27)
    slips = desk.pad.slips[-room:] if room > 0 else []
    for number, slip in enumerate(reversed(slips)):
        line = Box(box.x + 12, y + number * 27, box.width - 24, 26)
        elements += _slip(line, slip, writing is slip, say)
    return Group("notes", box, tuple(elements), tuple(targets))


def _slip(line: Box, slip: Slip, writing: bool, say: Saying) -> list[Element]:
    w = say.words
    if slip.saved or (slip.seq is not None and writing):
        mark, role, word = Kind.CHECK, Role.FINE, w("console.saved")
    elif slip.over:
        mark, role, word = Kind.CROSS, Role.ASSIST, w("console.not-saved")
    elif slip.kept:
        mark, role, word = Kind.TRIANGLE, Role.ASSIST, w("console.not-on-disk")
    else:
        mark, role, word = Kind.RING, Role.SECOND, w("console.saving")
    ago = f" −{slip.ago_s:.0f} s" if slip.ago_s else ""
    text = f"{slip.wall}{ago}  {slip.label}  {'' if writing else slip.text or ''}".rstrip()
    return [
        Shape(Box(line.x, line.y + 5, 15, 15), mark, role),
        Text(Box(line.x + 24, line.y, line.width - 150, 26), text, 15),
        Text(Box(line.right - 120, line.y, 120, 26), word, 14, Role.SECOND, align="right"),
    ]


def _tail(text: str, longest: int = 40) -> str:
    """The end of what is typed: it is where the eye is."""
    return text if len(text) <= longest else "…" + text[-longest:]


def actions(box: Box, desk: Desk, say: Saying) -> Group:
    """Everything that can be done, in two rows."""
    status, w = desk.status or {}, say.words
    told = status["sound"]
    state, since = told["state"], told["since_s"]

    def button(deed: str, label: str = "", *, on: bool = False, kind: Kind | None = None) -> Button:
        word = w(f"console.act.{label or deed}")
        more = minutes(since) if on and since is not None else ""
        role = Role.ACCENT if on else Role.TEXT
        return Button(deed, word, desk.keys.shown(deed), more, kind, on, role, 17)

    away = state == "away"
    held = status["phase"]["held"]
    called = status.get("call") is not None
    level = told.get("level_db")
    upper = [
        button("calm", on=state == "calm"),
        button("fade", on=state == "faded"),
        button("call", "call-again" if called else "call", on=called, kind=Kind.DIAMOND),
        button("away", "back" if away else "away", on=away),
        button("duck", on=state == "ducked"),
        button("return"),
        button("softer"),
        button("louder"),
    ]
    lower = [
        Button("pump", w("console.act.pump"), desk.keys.shown("pump"), size=17),
        Button(
            "hold",
            w("console.act.hold"),
            desk.keys.shown("hold"),
            on=held,
            role=Role.ACCENT if held else Role.TEXT,
            size=17,
        ),
        button("advance"),
        button("skip"),
        Button(
            "dim",
            w("console.act.dim"),
            desk.keys.shown("dim"),
            "" if level is None else w("console.level", level=f"{level:.0f}"),
            size=17,
        ),
        button("help"),
        button("end"),
    ]
    elements: list[Element] = []
    targets: list[Target] = []
    for line, buttons in zip(box.rows(2, GAP), (upper, lower), strict=True):
        more, where = row(buttons, line)
        elements += more
        targets += where
    return Group("actions", box, tuple(elements), tuple(targets))
