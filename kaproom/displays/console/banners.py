"""What must be seen at once: a banner each, the gravest of them, and a call beside it."""

from __future__ import annotations

from typing import assert_never

from kaproom.clock import NS_PER_S
from kaproom.displays.console.buttons import GAP, Button, row
from kaproom.displays.console.calling import Call
from kaproom.displays.console.desk import Desk
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes


def banners(box: Box, desk: Desk, now_ns: int, say: Saying) -> list[Group]:
    """What must be seen at once, from the top of the box."""
    w, status = say.words, desk.status or {}
    found: list[Group] = []
    asked = (desk.session or {}).get("interrupted") if desk.open else None
    place = box
    if desk.status is not None and not desk.answering:
        silent = w("console.silent-room", span=minutes((now_ns - desk.heard_ns) / NS_PER_S))
        words = [silent, w("console.silent-room-more")]
        found.append(_banner("silent", place, (Kind.CROSS, Role.URGENT), words, []))
    elif asked:
        found.append(_asked(place, asked["gap_s"], desk, say))
    elif (status.get("record") or {}).get("failing"):
        words = [w("console.failing"), str(status["record"]["failing"])]
        found.append(_banner("failing", place, (Kind.CROSS, Role.URGENT), words, []))
    call = desk.call(now_ns)
    if call is not None:
        if found:
            place = Box(box.x, found[0].box.bottom + GAP, box.width, box.height)
        found.append(_call(place, call, desk, say))
    return found


def _asked(box: Box, gap_s: float, desk: Desk, say: Saying) -> Group:
    w = say.words
    buttons = [
        Button("ask minute", w("console.interrupted.minute"), size=16),
        Button("continue", w("console.interrupted.recorded"), size=16),
        Button("continue paused", w("console.interrupted.paused"), size=16),
        Button("continue stopped", w("console.interrupted.stopped"), size=16),
        Button("end", w("console.interrupted.close"), desk.keys.shown("end", say.words), size=16),
    ]
    title = w("console.interrupted.title", span=minutes(gap_s))
    words = [title, w("console.interrupted.more")]
    return _banner("asked", box, (Kind.TRIANGLE, Role.ASSIST), words, buttons)


def _call(box: Box, call: Call, desk: Desk, say: Saying) -> Group:
    w = say.words
    urgent = call.level == "urgent"
    name = w("attention.call-urgent" if urgent else "attention.call")
    title = f"{name}  {minutes(call.open_s)}"
    match call.state:
        case "seen":
            more = w("console.call.seen", who=", ".join(call.seen))
            kind, role = Kind.CHECK, Role.FINE
        case "shown":
            more = w("console.call.shown", where=", ".join(call.shown))
            kind, role = Kind.DISC, Role.NOTICE
        case "sending":
            more, kind, role = w("console.call.sending"), Kind.RING, Role.SECOND
        case "not-delivered" | "unknown":
            title, more = w(f"console.call.{call.state}"), title
            kind, role = Kind.CROSS, Role.URGENT
        case _:
            assert_never(call.state)
    buttons = [
        Button(
            "call-cancel",
            w("console.act.call-cancel"),
            desk.keys.shown("call-cancel", say.words),
            size=16,
        )
    ]
    if not urgent:
        label = w("console.act.call-urgent")
        buttons.insert(
            0, Button("call-urgent", label, desk.keys.shown("call-urgent", say.words), size=16)
        )
    return _banner("call", box, (kind, role), [title, more], buttons)


def _banner(
    key: str, box: Box, told: tuple[Kind, Role], words: list[str], buttons: list[Button]
) -> Group:
    """One line that must be seen, with what can be done beside it, or below it if it is much."""
    kind, role = told
    much = len(buttons) > 2
    high = box.height * (2 if much else 1)
    whole = Box(box.x, box.y, box.width, high)
    wide = 0.0 if much else min(150.0 * len(buttons), box.width * 0.5)
    frame = whole.left(box.width - wide - (GAP if wide else 0.0))
    top = frame.top(box.height)
    elements: list[Element] = [
        Panel(frame, Role.PANEL, role, 3.0),
        Shape(Box(top.x + 16, top.y + top.height / 2 - 15, 30, 30), kind, role),
    ]
    inner = Box(top.x + 62, top.y + 6, top.width - 74, top.height - 12)
    title, more = words
    elements.append(Text(inner.top(inner.height * 0.55), title, 22, role, True))
    elements.append(Text(inner.below(inner.height * 0.55), more, 17, Role.TEXT))
    targets: list[Target] = []
    if buttons:
        place = Box(box.right - wide, box.y, wide, box.height)
        if much:
            place = Box(box.x + 10, box.bottom - 6, box.width - 20, box.height)
        drawn, targets = row(buttons, place)
        elements += drawn
    return Group(f"banner-{key}", whole, tuple(elements), tuple(targets))
