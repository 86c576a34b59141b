"""What stands around the tiles: the head with the clock, the banner, the foot, what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Target, Text
from kaproom.displays.station.matters import Matter, Step
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.telling import MARKS, ROLES, SHAPES, matter_line
from kaproom.displays.station.view import LETTERS

HEAD = 54.0
FOOT = 28.0
_ROW = 36.0
_GROWN = 66.0
_GROWN_TOO = 46.0
ROWS_MAX = 3
LINK = 68.0

KEYS = (
    ("choose", "← ↑ ↓ →"),
    ("detail", "Enter"),
    ("back", "Esc"),
    ("sign", "A"),
    ("sort", "S"),
    ("dim", "D"),
    ("mute", "M"),
    ("scroll", "Page ↓ ↑"),
    ("full", "F"),
    ("help", "?"),
    ("quit", "Q"),
)


def head(
    box: Box,
    name: str,
    told: Sequence[str],
    *,
    linked: bool,
    clock: str,
    beat: bool,
    say: Saying,
) -> tuple[Group, Group]:
    """Who we are, what there is, whether we hear anything; and apart from it what ticks."""
    inner = box.inset(14, 6)
    right = 320.0
    left = inner.left(inner.width - right)
    title = left.left(left.width * 0.36)
    words = left.beyond(left.width * 0.37)
    kind, role = (Kind.DISC, Role.FINE) if linked else (Kind.CROSS, Role.URGENT)
    told_words = "  ·  ".join(told)
    still = (
        Text(title, name, 26, Role.TEXT, True),
        Text(words, told_words, 16, Role.SECOND),
        Panel(Box(box.x, box.bottom - 1, box.width, 1), Role.RULE, None, radius=0),
        Shape(Box(inner.right - right + 8, inner.y + 13, 17, 17), kind, role),
        Text(
            Box(inner.right - right + 32, inner.y, 124, inner.height),
            say.words("station.broker-up") if linked else say.words("standing.no-link"),
            14,
            Role.SECOND if linked else Role.URGENT,
            not linked,
        ),
    )
    ticking_box = Box(inner.right - 152, inner.y, 152, inner.height)
    ticking = (
        Text(ticking_box.left(132), clock, 29, Role.TEXT, True, "right"),
        Shape(
            Box(ticking_box.right - 14, ticking_box.y + 14, 13, 13),
            Kind.DISC if beat else Kind.RING,
            Role.SECOND,
        ),
    )
    return Group("head", box, still), Group("clock", ticking_box, ticking)


def foot(box: Box, right: str, say: Saying) -> Group:
    """What this is not, and how to find the keys."""
    inner = box.inset(14, 3)
    return Group(
        "foot",
        box,
        (
            Text(inner.left(inner.width * 0.62), say.words("station.information"), 15, Role.SECOND),
            Text(inner.beyond(inner.width * 0.62), right, 14, Role.SECOND, align="right"),
        ),
        (Target(inner.beyond(inner.width * 0.62), "help"),),
    )


def link_banner(box: Box, text: str, fault: str) -> Group:
    """Our own connection is gone: nothing here is current; and why, for whoever mends it."""
    inner = box.inset(14, 4)
    words = inner.beyond(58).left(inner.width - 72)
    return Group(
        "link",
        box,
        (
            Panel(inner, Role.URGENT, None),
            Shape(Box(inner.x + 14, inner.y + 10, 26, inner.height - 20), Kind.CROSS, Role.GROUND),
            Text(words.top(38) if fault else words, text, 25, Role.GROUND, True),
            Text(words.below(37).top(18), fault, 14, Role.GROUND),
        ),
    )


def banner_height(matters: Sequence[Matter]) -> float:
    """How much the open matters take above the tiles."""
    rows = [_row_height(matter, i) for i, matter in enumerate(matters[:ROWS_MAX])]
    return sum(rows) + 4.0 * len(rows) + (6 if rows else 0)


def _row_height(matter: Matter, index: int) -> float:
    if matter.step < Step.GROWN:
        return _ROW
    return _GROWN if index == 0 else _GROWN_TOO


def banner(box: Box, matters: Sequence[Matter], say: Saying) -> Group:
    """What wants somebody and nobody has seen, the gravest first; larger the longer it waits."""
    elements: list[Element] = []
    targets: list[Target] = []
    at = box.y + 4
    for index, matter in enumerate(matters[:ROWS_MAX]):
        height = _row_height(matter, index)
        row = Box(box.x + 14, at, box.width - 28, height)
        at = row.bottom + 4
        line, role = matter_line(matter, say), ROLES[matter.priority]
        size = height * 0.5
        elements.append(Panel(row, role, None))
        elements.append(
            Shape(
                Box(row.x + 12, row.y + height * 0.16, height * 0.68, height * 0.68),
                SHAPES[matter.priority],
                Role.GROUND,
            )
        )
        x = row.x + 20 + height * 0.68
        marks = Box(x, row.y, size * 1.5, height)
        elements.append(Text(marks, MARKS[matter.priority], size, Role.GROUND, True))
        hidden = len(matters) - ROWS_MAX
        last = index == ROWS_MAX - 1 and hidden > 0
        tail = say.words("station.press-to-sign")
        since = f"{line.since}    {tail}"
        if last:
            since = f"{say.words('station.more-matters', count=hidden)}    {since}"
        words = Box(marks.right, row.y, (row.right - marks.right) * 0.56, height)
        what = f"{line.text}   {matter.room_name}"
        elements.append(Text(words, what, size, Role.GROUND, True))
        beside = Box(words.right, row.y, row.right - words.right - 12, height)
        elements.append(Text(beside, since, min(size, 24), Role.GROUND, True, "right"))
        targets.append(Target(row, f"sign {'/'.join(matter.key)}"))
    return Group("banner", box, tuple(elements), tuple(targets))


def _modal(width: float, height: float, size: tuple[float, float]) -> Box:
    return Box((width - size[0]) / 2, (height - size[1]) / 2, *size)


def _button(box: Box, text: str, action: str, size: float) -> tuple[list[Element], Target]:
    drawn: list[Element] = [
        Panel(box, Role.PANEL, Role.SECOND, 1.5),
        Text(box.inset(4, 0), text, size, Role.TEXT, True, "centre"),
    ]
    return drawn, Target(box, action)


def initials(
    width: float, height: float, room: str, matters: Sequence[Matter], *, typed: str, say: Saying
) -> Group:
    """Who takes note, and of what: typed, or pressed letter by letter."""
    box = _modal(width, height, (640, 462))
    inner = box.inset(24, 20)
    title = say.words("station.sign-title", room=room)
    of = ", ".join(say.matter(matter.code, matter.priority) for matter in matters)
    elements: list[Element] = [
        Panel(box, Role.PANEL, Role.TEXT, 2),
        Text(inner.top(34), title, 24, Role.TEXT, True),
        Text(inner.below(36).top(26), of, 19, ROLES[matters[0].priority], True),
    ]
    targets: list[Target] = [Target(box, "nothing")]
    ask = Box(inner.x, inner.y + 78, 180, 52)
    elements.append(Text(ask, say.words("station.sign-ask"), 19, Role.SECOND))
    field = Box(ask.right, ask.y, inner.width - 180, 52)
    elements.append(Panel(field, Role.GROUND, Role.ACCENT, 2))
    elements.append(Text(field.inset(12, 0), f"{typed}_", 30, Role.TEXT, True))
    keys = Box(inner.x, field.bottom + 16, inner.width, 190)
    places = [place for row in keys.rows(3, 7) for place in row.columns(10, 7)]
    buttons = [*((letter, f"letter {letter}") for letter in LETTERS), ("←", "erase")]
    for place, (text, action) in zip(places, buttons, strict=True):
        drawn, target = _button(place, text, action, 22)
        elements += drawn
        targets.append(target)
    last = Box(inner.x, keys.bottom + 16, inner.width, inner.bottom - keys.bottom - 16)
    for place, (text, action) in zip(
        last.columns(2, 12),
        ((say.words("common.cancel"), "cancel"), (say.words("station.sign-ok"), "ok")),
        strict=True,
    ):
        drawn, target = _button(place, text, action, 22)
        elements += drawn
        targets.append(target)
    return Group("initials", box, tuple(elements), tuple(targets))


def nothing_open(width: float, height: float, room: str, say: Saying) -> Group:
    """There is nothing to sign for in this room."""
    box = _modal(width, height, (560, 150))
    rows = box.inset(26, 20).rows(2, 8)
    drawn, target = _button(rows[1], say.words("common.close"), "cancel", 19)
    told = Text(rows[0], say.words("station.sign-none", room=room), 22, Role.TEXT, True)
    return Group("nothing", box, (Panel(box, Role.PANEL, Role.TEXT, 2), told, *drawn), (target,))


def keys_help(width: float, height: float, say: Saying) -> Group:
    """Which key does what."""
    box = _modal(width, height, (640, 60 + 40 * len(KEYS)))
    inner = box.inset(26, 18)
    elements: list[Element] = [
        Panel(box, Role.PANEL, Role.TEXT, 2),
        Text(inner.top(30), say.words("common.keys"), 22, Role.TEXT, True),
    ]
    for (key, pressed), row in zip(KEYS, inner.below(36).rows(len(KEYS)), strict=True):
        elements.append(Text(row.left(150), pressed, 18, Role.ACCENT, True))
        elements.append(Text(row.beyond(150), say.words(f"station-keys.{key}"), 18, Role.TEXT))
    return Group("help", box, tuple(elements), (Target(box, "help"),))


def leaving(width: float, height: float, say: Saying) -> Group:
    """Whether somebody means it."""
    box = _modal(width, height, (760, 190))
    inner = box.inset(26, 20)
    rows = inner.rows(3, 6)
    elements: list[Element] = [
        Panel(box, Role.PANEL, Role.ASSIST, 3),
        Text(rows[0], say.words("station.quit-ask"), 22, Role.TEXT, True),
        Text(rows[1], say.words("station.quit-again"), 17, Role.SECOND),
    ]
    targets = [Target(box, "nothing")]
    for place, (text, action) in zip(
        rows[2].columns(2, 14),
        ((say.words("common.cancel"), "cancel"), (say.words("common.close"), "leave")),
        strict=True,
    ):
        drawn, target = _button(place, text, action, 19)
        elements += drawn
        targets.append(target)
    return Group("leaving", box, tuple(elements), tuple(targets))
