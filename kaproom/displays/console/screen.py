"""The console's whole screen, from the room's state and what people are about.

It reads no clock: the moment comes in. What must be seen at once stands in a banner under
the head; nothing else moves for it but the arc, which has room to give.
"""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.displays.console import course, letters, pages, standing
from kaproom.displays.console.actions import actions
from kaproom.displays.console.banners import banners
from kaproom.displays.console.buttons import GAP
from kaproom.displays.console.checks import checks
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.notes import notes
from kaproom.displays.console.panels import panel
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Group, Panel, Screen, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes

_HEAD = 46.0
_MARGIN = 14.0
_NOTES = 432.0
# Where fingers need larger buttons the notes need more room; in targets across.
_NOTES_TARGETS = 5.75
# A tall window makes no needle of the arc.
_ARC_MOST = 0.7
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
        return Screen(width, height, (), unlit=True)
    groups = [_head(Box(0, 0, width, _HEAD), desk, moment, say)]
    top = _HEAD + 8
    if desk.shows != "session":
        place = Box(_MARGIN, top, width - 2 * _MARGIN, least)
        for made in banners(place, desk, moment.now_ns, say):
            groups.append(made)
            top = made.box.bottom + GAP
    area = Box(_MARGIN, top, width - 2 * _MARGIN, height - top - 10)
    match desk.shows:
        case "connecting":
            groups.append(pages.connecting(area, desk, say, least, fault))
        case "session":
            groups += _session(area, desk, moment.now_ns, say, least)
        case "ended":
            groups.append(
                pages.ended(area.left(area.width - _notes_width(least) - 14), desk, say, least)
            )
            wide = _notes_width(least)
            right = Box(area.right - wide, area.y, wide, area.height)
            groups.append(notes(right, desk, say, least))
        case "list":
            groups.append(pages.listed(area, desk, say, least))
        case "checks":
            groups.append(checks(area, desk, say, least))
        case _:
            groups.append(pages.choose(area, desk, say, least))
    # What cannot wait stays within reach of a finger.
    free = _acts(area, least).y - GAP if desk.shows == "session" else height
    over = panel(desk, (width, free), say, least)
    if over is not None:
        groups.append(over)
    return Screen(width, height, tuple(groups))


def _session(area: Box, desk: Desk, now_ns: int, say: Saying, least: float) -> list[Group]:
    status = desk.status
    assert status is not None
    live = desk.answering
    acts = _acts(area, least)
    body = Box(area.x, area.y, area.width, acts.y - area.y - GAP)
    wide = _notes_width(least)
    left = body.left(body.width - wide - 16)
    right = Box(body.right - wide, body.y, wide, body.height)
    phase = left.top(70)
    mark = max(least, 68.0)
    fixed = 70 + mark + 66 + 34 + 28 + 30 + 6 * 9
    high = min(left.height - fixed, left.width * _ARC_MOST)
    arc = Box(left.x, phase.bottom + 9, left.width, high)
    pump = Box(left.x, arc.bottom + 9, left.width, mark)
    sound = Box(left.x, pump.bottom + 9, left.width, 66)
    prompt = Box(left.x, sound.bottom + 9, left.width, 34)
    lamps = Box(left.x, prompt.bottom + 9, left.width, 28)
    said = Box(left.x, lamps.bottom + 9, left.width, 30)
    pressing = banners(arc.top(least), desk, now_ns, say)
    # They take the arc's place and no other: what is pressed stays where it is.
    y = pressing[-1].box.bottom + GAP if pressing else arc.y
    rest = Box(arc.x, y, arc.width, arc.bottom - y)
    writing = desk.pad.writing
    keyboard = []
    if desk.over.letters and writing is not None:
        typed = f"{say.words.own(writing.label)}: {writing.text or ''}"
        place = left if left.width >= letters.width(least) else body.left(letters.width(least))
        keyboard = [letters.letters(place, typed, desk.over, say, least)]
    return [
        course.phase(phase, status, live, say),
        *pressing,
        *([course.arc(rest, status, live, say)] if rest.height >= _ARC_MIN else []),
        standing.infusion(pump, status, desk, say, least),
        standing.sound(sound, status, live, say),
        standing.prompt(prompt, status, say),
        standing.lamps(lamps, desk, say),
        standing.said(said, desk, say),
        notes(right, desk, say, least),
        actions(acts, desk, say),
        *keyboard,
    ]


def _notes_width(least: float) -> float:
    return max(_NOTES, _NOTES_TARGETS * least)


def _acts(area: Box, least: float) -> Box:
    """Where the deeds are."""
    return Box(area.x, area.bottom - 2 * least - GAP, area.width, 2 * least + GAP)


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
