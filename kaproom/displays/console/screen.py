"""The console's whole screen, from the room's state and what people are about.

It reads no clock: the moment comes in. What must be seen at once stands in a banner under
the head; nothing else moves for it but the arc, which has room to give.
"""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.displays.console import course, pages, standing
from kaproom.displays.console.actions import actions
from kaproom.displays.console.buttons import GAP, Button, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.notes import notes
from kaproom.displays.console.panels import panel
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Screen, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes

_HEAD = 46.0
_MARGIN = 14.0
_NOTES = 432.0
_ARC_MIN = 64.0


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, as people read it and as keys are stamped."""

    wall: str
    now_ns: int


def screen(  # noqa: PLR0917 - they go together
    desk: Desk,
    size: tuple[float, float],
    moment: Moment,
    say: Saying,
    least: float = 64.0,
    fault: str = "",
) -> Screen:
    """What stands there now.

    Args:
        desk: What people are about.
        size: Of the window, in units.
        moment: Now.
        say: The language.
        least: The side of a target, in units.
        fault: Why the room does not answer, in its own words.
    """
    width, height = size
    if desk.idle(moment.now_ns):
        return Screen(width, height, ())
    groups = [_head(Box(0, 0, width, _HEAD), desk, moment, say)]
    top = _HEAD + 8
    if desk.status is not None and desk.shows != "session":
        for made in _banners(Box(_MARGIN, top, width - 2 * _MARGIN, least), desk, say):
            groups.append(made)
            top = made.box.bottom + GAP
    area = Box(_MARGIN, top, width - 2 * _MARGIN, height - top - 10)
    match desk.shows:
        case "connecting":
            groups.append(pages.connecting(area.inset(40, 80), say, fault))
        case "session":
            groups += _session(area, desk, say, least)
        case "ended":
            groups.append(pages.ended(area, desk, say, least))
            right = Box(area.right - _NOTES, area.y, _NOTES, area.height)
            groups.append(notes(right, desk, say, least))
        case "list":
            groups.append(pages.listed(area, desk, say, least))
        case "checks":
            groups.append(pages.checks(area, desk, say, least))
        case _:
            groups.append(pages.choose(area, desk, say, least))
    over = panel(desk, width, height, say, least)
    if over is not None:
        groups.append(over)
    return Screen(width, height, tuple(groups))


def _session(area: Box, desk: Desk, say: Saying, least: float) -> list[Group]:
    status = desk.status
    assert status is not None
    acts = Box(area.x, area.bottom - 2 * least - GAP, area.width, 2 * least + GAP)
    body = Box(area.x, area.y, area.width, acts.y - area.y - GAP)
    left = body.left(body.width - _NOTES - 16)
    right = Box(body.right - _NOTES, body.y, _NOTES, body.height)
    phase = left.top(70)
    mark = max(least, 68.0)
    fixed = 70 + mark + 66 + 34 + 28 + 30 + 6 * 9
    arc = Box(left.x, phase.bottom + 9, left.width, left.height - fixed)
    pump = Box(left.x, arc.bottom + 9, left.width, mark)
    sound = Box(left.x, pump.bottom + 9, left.width, 66)
    prompt = Box(left.x, sound.bottom + 9, left.width, 34)
    lamps = Box(left.x, prompt.bottom + 9, left.width, 28)
    said = Box(left.x, lamps.bottom + 9, left.width, 30)
    banners = _banners(arc.top(least), desk, say)
    # They take the arc's place and no other: what is pressed stays where it is.
    y = banners[-1].box.bottom + GAP if banners else arc.y
    rest = Box(arc.x, y, arc.width, arc.bottom - y)
    return [
        course.phase(phase, status, say),
        *banners,
        *([course.arc(rest, status, say)] if rest.height >= _ARC_MIN else []),
        standing.infusion(pump, status, desk, say, least),
        standing.sound(sound, status, say),
        standing.prompt(prompt, status, say),
        standing.lamps(lamps, desk, say),
        standing.said(said, desk, say),
        notes(right, desk, say, least),
        actions(acts, desk, say),
    ]


def _head(box: Box, desk: Desk, moment: Moment, say: Saying) -> Group:
    """Room, session, who is there, and the wall clock."""
    status, inner = desk.status or {}, box.inset(_MARGIN, 5)
    room = str(status.get("display_name") or status.get("room") or "kaproom")
    told = []
    if desk.session is not None and desk.shows in ("session", "ended"):
        told = [str(desk.session["title"]), ", ".join(desk.session.get("who") or ())]
        told.append(say.words("console.since", span=minutes(desk.session["open_s"])))
    words = "   ·   ".join(one for one in told if one)
    return Group(
        "head",
        box,
        (
            Text(inner.left(250), room, 22, Role.TEXT, True),
            Text(inner.beyond(262).left(inner.width - 430), words, 17, Role.SECOND),
            Text(
                Box(inner.right - 160, inner.y, 160, inner.height),
                moment.wall,
                25,
                Role.TEXT,
                True,
                "right",
            ),
            Panel(Box(box.x, box.bottom - 1, box.width, 1), Role.RULE, None, radius=0),
        ),
    )


def _banners(box: Box, desk: Desk, say: Saying) -> list[Group]:
    """The gravest of what must be seen at once, and a call beside it."""
    w, status = say.words, desk.status or {}
    found: list[Group] = []
    asked = (desk.session or {}).get("interrupted") if desk.open else None
    place = box
    if not desk.answering:
        words = [w("console.silent-room"), w("console.silent-room-more")]
        found.append(_banner("silent", place, (Kind.CROSS, Role.URGENT), words, []))
    elif asked:
        buttons = [
            Button("ask minute", w("console.interrupted.minute"), size=16),
            Button("continue", w("console.interrupted.recorded"), size=16),
            Button("continue paused", w("console.interrupted.paused"), size=16),
            Button("continue stopped", w("console.interrupted.stopped"), size=16),
            Button("end", w("console.interrupted.close"), desk.keys.shown("end"), size=16),
        ]
        words = [
            w("console.interrupted.title", span=minutes(asked["gap_s"])),
            w("console.interrupted.more"),
        ]
        found.append(_banner("asked", place, (Kind.TRIANGLE, Role.ASSIST), words, buttons))
    elif (status.get("record") or {}).get("failing"):
        words = [w("console.failing"), str(status["record"]["failing"])]
        found.append(_banner("failing", place, (Kind.CROSS, Role.URGENT), words, []))
    call = status.get("call")
    if call:
        if found:
            place = Box(box.x, found[0].box.bottom + GAP, box.width, box.height)
        found.append(_call(place, desk, say))
    return found


def _call(box: Box, desk: Desk, say: Saying) -> Group:
    w, call = say.words, (desk.status or {})["call"]
    urgent = call["level"] == "urgent"
    state = call["state"]
    name = w("attention.call-urgent" if urgent else "attention.call")
    title = f"{name}  {minutes(call['open_s'])}"
    match state:
        case "seen":
            more = w("console.call.seen", who=", ".join(one["by"] for one in call["seen"]))
            kind, role = Kind.CHECK, Role.FINE
        case "shown":
            more = w("console.call.shown", where=", ".join(call["shown"]))
            kind, role = Kind.DISC, Role.NOTICE
        case "sending":
            more, kind, role = w("console.call.sending"), Kind.RING, Role.SECOND
        case _:
            more, kind, role = w("console.call.not-delivered"), Kind.CROSS, Role.URGENT
    buttons = [
        Button("call-cancel", w("console.act.call-cancel"), desk.keys.shown("call-cancel"), size=16)
    ]
    if not urgent:
        label = w("console.act.call-urgent")
        buttons.insert(0, Button("call-urgent", label, desk.keys.shown("call-urgent"), size=16))
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
