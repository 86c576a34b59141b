"""A tile's words and shapes in their places; what is read from afar is large.

A tile has one of three sizes by the space that it gets. Large from afar in all of them:
the room, minutes left, infusion, AWAY or CALL, and how old it is. What is not live is
hatched and said in words; of NO DATA no old value is left.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from kaproom.displays.palette import Role
from kaproom.displays.shapes import (
    Bar,
    Box,
    Element,
    Group,
    Hatch,
    Kind,
    Panel,
    Shape,
    Target,
    Text,
)
from kaproom.displays.station.telling import MARKS, ROLES, SHAPES, MatterLine, Running, Tile
from kaproom.displays.station.ward import Standing

GAP = 8.0
CHOSEN = 3.0
"""The frame around the chosen tile lies in the gap."""
_ASPECT = 1.4
_LARGE_WIDTH, _LARGE_HEIGHT = 256.0, 188.0
_MIDDLE_WIDTH, _MIDDLE_HEIGHT = 140.0, 84.0
# The tile that the letters' sizes below are made for.
_USUAL_WIDTH, _USUAL_HEIGHT = 310.0, 226.0

# Of the em: what a letter of DejaVu Sans Bold takes at most on average, of figures and words.
_WIDTH_OF_BOLD, _WIDTH_OF_CAPITAL = 0.66, 0.8
_PLAIN_OF_BOLD = 0.86
_STANDING_SHAPES = {
    Standing.LIVE: (Kind.DISC, Role.FINE),
    Standing.UNVERIFIED: (Kind.RING, Role.ASSIST),
    Standing.STALE: (Kind.TRIANGLE, Role.ASSIST),
    Standing.NO_DATA: (Kind.CROSS, Role.URGENT),
    Standing.NO_LINK: (Kind.CROSS, Role.URGENT),
    Standing.STOPPED: (Kind.SQUARE, Role.SECOND),
}
_OLD = (Standing.UNVERIFIED, Standing.STALE, Standing.NO_LINK)


def grid(count: int, area: Box) -> list[Box]:
    """So many places in the area, as large as they can be."""
    best, columns = -1.0, 1
    for across in range(1, count + 1):
        down = ceil(count / across)
        width = (area.width - GAP * (across - 1)) / across
        height = (area.height - GAP * (down - 1)) / down
        fit = min(width / _ASPECT, height)
        if fit > best:
            best, columns = fit, across
    rows = area.rows(max(1, ceil(count / columns)), GAP)
    return [box for row in rows for box in row.columns(columns, GAP)][:count]


def tile_group(tile: Tile, box: Box, chosen: bool) -> Group:
    """One tile in its place."""
    elements: list[Element] = _ground(tile, box, chosen)
    if box.width >= _LARGE_WIDTH and box.height >= _LARGE_HEIGHT:
        elements += _large(tile, box)
    elif box.width >= _MIDDLE_WIDTH and box.height >= _MIDDLE_HEIGHT:
        elements += _middle(tile, box)
    else:
        elements += _small(tile, box)
    key = "/".join(tile.key)
    around = box.inset(-CHOSEN)
    return Group(f"tile {key}", around, tuple(elements), (Target(box, f"room {key}"),))


def _ground(tile: Tile, box: Box, chosen: bool) -> list[Element]:
    unseen = [m for m in tile.matters if m.seen is None]
    border, width = Role.RULE, 1.0
    if unseen:
        border, width = ROLES[unseen[0].priority], 4.0
    found: list[Element] = [Panel(box, Role.PANEL, None)]
    inner = box.inset(width)
    if tile.standing in (Standing.NO_DATA, Standing.NO_LINK):
        found.append(Hatch(inner, Role.HATCH, 18, 4))
    elif tile.standing is Standing.STALE:
        found.append(Hatch(inner, Role.HATCH, 18, 2.5))
    elif tile.standing is Standing.UNVERIFIED:
        found.append(Hatch(inner, Role.HATCH, 40, 1.5))
    found.append(Panel(box, None, border, width))
    if chosen:
        found.append(Panel(box.inset(-CHOSEN), None, Role.TEXT, CHOSEN, radius=8))
    return found


def fitted(text: str, width: float, size: float, *, bold: bool = True) -> float:
    """A size of letters at which the text is not wider: numbers are never cut."""
    ems = sum(_WIDTH_OF_CAPITAL if letter.isupper() else _WIDTH_OF_BOLD for letter in text)
    return min(size, width / max(ems if bold else ems * _PLAIN_OF_BOLD, 1.0))


def _pill(box: Box, text: str, role: Role, size: float) -> list[Element]:
    """Words on a fill: what cannot be overlooked."""
    inner = box.inset(min(6, box.width * 0.04), 0)
    return [
        Panel(box, role, None, radius=4),
        Text(inner, text, fitted(text, inner.width, size), Role.GROUND, True, "centre"),
    ]


def standing_elements(tile: Tile, box: Box, size: float) -> list[Element]:
    """How far it is to be believed, at the right of the box; a pill for what is not live."""
    kind, role = _STANDING_SHAPES[tile.standing]
    if tile.standing in (Standing.LIVE, Standing.STOPPED):
        text = tile.age if tile.standing is Standing.LIVE else tile.standing_text
        dot = Box(box.right - size * 0.8, box.y, size * 0.7, box.height)
        words = Box(box.x, box.y, box.width - size * 1.05, box.height)
        size = fitted(text, words.width, size, bold=False)
        return [Shape(dot, kind, role), Text(words, text, size, Role.SECOND, align="right")]
    width = min(box.width, size * (0.68 * len(tile.standing_text) + 1.6))
    return _pill(Box(box.right - width, box.y, width, box.height), tile.standing_text, role, size)


def _large(tile: Tile, box: Box) -> list[Element]:
    rows = min(len(tile.matters), 2)
    k = min(box.width / _USUAL_WIDTH, box.height / (_USUAL_HEIGHT + 29 * rows), 3.0)
    inner = box.inset(max(9, 11 * k), max(8, 9 * k))
    head = inner.top(27 * k)
    standing_width = inner.width * (0.26 if tile.standing is Standing.LIVE else 0.56)
    name = head.left(inner.width - standing_width - 4 * k)
    found: list[Element] = [Text(name, tile.name, 21 * k, Role.TEXT, True)]
    right = Box(head.right - standing_width, head.y + 2 * k, standing_width, 22 * k)
    found += standing_elements(tile, right, 15 * k)
    # Open matters stand at the foot; two of them, the rest by number.
    foot_height = rows * 29 * k
    if tile.matters:
        foot = Box(inner.x, inner.bottom - foot_height, inner.width, foot_height)
        places = foot.rows(rows, 3 * k)
        hidden = len(tile.matters) - rows
        if hidden:
            more = places[-1].beyond(places[-1].width - 36 * k)
            found += _pill(more, f"+{hidden}", Role.TEXT, 14 * k)
            places[-1] = places[-1].left(places[-1].width - 40 * k)
        for line, row in zip(tile.matters, places, strict=False):
            found += matter_elements(line, row, 14 * k)
    top = head.bottom + 2 * k
    body = Box(inner.x, top, inner.width, inner.bottom - foot_height - top)
    if tile.running is None:
        return [*found, *_idle(tile, body, k)]
    return [*found, *_body(tile, tile.running, body, k)]


def _idle(tile: Tile, body: Box, k: float) -> list[Element]:
    role = Role.URGENT if tile.standing in (Standing.NO_DATA, Standing.NO_LINK) else Role.SECOND
    found: list[Element] = []
    if tile.call is not None:
        found += _badge(tile, tile.call, body.top(44 * k).inset(0, 2 * k), 26 * k)
        body = body.below(44 * k)
    big = Box(body.x, body.y + body.height * 0.16, body.width, 46 * k)
    if role is Role.URGENT:
        # Words on hatching need a ground of their own.
        back = Box(body.x, big.y - 4 * k, body.width, 78 * k)
        found.append(Panel(back, Role.PANEL, None))
    found.append(Text(big, tile.idle, 34 * k, role, True, "centre"))
    more = Box(body.x, big.bottom, body.width, 22 * k)
    found.append(Text(more, tile.idle_more, 15 * k, Role.SECOND, align="centre"))
    return found


def _body(tile: Tile, run: Running, body: Box, k: float) -> list[Element]:
    """The session's lines, those above first when there is little space."""
    old = tile.standing in _OLD
    first, second = Role.SECOND if old else Role.TEXT, Role.SECOND
    found: list[Element] = []
    big = body.top(56 * k)
    badge = tile.call or run.badge
    half = big.width * (0.5 if badge else 0.74)
    size = fitted(run.left, half, 42 * k)
    number = big.left(min(half, (len(run.left) + 0.5) * _WIDTH_OF_BOLD * size))
    found.append(Text(number, run.left, size, first, True))
    if badge is None:
        means = Box(number.right + 2 * k, big.y + 18 * k, big.right - number.right - 2 * k, 26 * k)
        found.append(Text(means, run.left_means, 17 * k, second))
    else:
        place = Box(big.x + half + 4 * k, big.y + 8 * k, big.width - half - 4 * k, 40 * k)
        found += _badge(tile, badge, place, 22 * k)
    at = big.bottom
    bar = Box(body.x, at, body.width, 9 * k)
    found.append(Bar(bar, run.whole, Role.SECOND if old else Role.ACCENT))
    at = bar.bottom + 6 * k
    shape_role = run.infusion_role if not old else Role.SECOND
    row = Box(body.x, at, body.width, 26 * k)
    found.append(Shape(Box(row.x, row.y + 4 * k, 17 * k, 17 * k), run.infusion_shape, shape_role))
    times_width = 92 * k
    word = Box(row.x + 24 * k, row.y, 66 * k, row.height)
    found.append(Text(word, run.infusion, 14.5 * k, first))
    short = Box(word.right, row.y, row.right - times_width - word.right, row.height)
    size = fitted(run.infusion_short, short.width, 18 * k)
    found.append(Text(short, run.infusion_short, size, shape_role, True))
    times = Box(row.right - times_width, row.y, times_width, row.height)
    size = fitted(run.infusion_times, times.width, 14 * k, bold=False)
    found.append(Text(times, run.infusion_times, size, first, align="right"))
    at = row.bottom
    sound_role = Role.ASSIST if run.sound_grave else first
    for left, left_role, right, right_role in (
        (run.infusion_known, second, run.elapsed, second),
        (run.phase, first, run.phase_times, second),
        (run.sound, sound_role, "", second),
        (run.prompts, Role.ASSIST if run.overdue else second, run.notes, second),
    ):
        height = 18.5 * k
        if at + height > body.bottom + 1:
            break
        line = Box(body.x, at, body.width, height)
        grave = left_role is Role.ASSIST
        # The longer one has more of the place, so that neither is cut before it must be.
        share = (len(left) + 1) / (len(left) + len(right) + 2) if right else 1.0
        found.append(Text(line.left(line.width * share), left, 14 * k, left_role, grave))
        if right:
            side = line.beyond(line.width * share)
            found.append(Text(side, right, 14 * k, right_role, align="right"))
        at += height
    return found


def _badge(tile: Tile, text: str, box: Box, size: float) -> list[Element]:
    """CALL, AWAY, HELD: filled; a call that somebody has seen is an outline."""
    if tile.call is None or tile.call_role is None:
        return _pill(box, text, Role.SECOND if tile.standing in _OLD else Role.ACCENT, size)
    pill = _pill(box, text, tile.call_role, size)
    if not tile.call_seen:
        return pill
    words = [replace(e, role=tile.call_role) for e in pill if isinstance(e, Text)]
    return [Panel(box, Role.PANEL, tile.call_role, 2.0, 4), *words]


def matter_elements(line: MatterLine, row: Box, size: float) -> list[Element]:
    """An open matter: shape, marks, words and colour; filled while nobody has seen it."""
    role, marks = ROLES[line.priority], MARKS[line.priority]
    filled = line.seen is None
    ink = Role.GROUND if filled else role
    found: list[Element] = [Panel(row, role if filled else Role.PANEL, role, 1.5, 4)]
    side = row.height * 0.62
    found.append(
        Shape(
            Box(row.x + 6, row.y + (row.height - side) / 2, side, side), SHAPES[line.priority], ink
        )
    )
    at = row.x + 12 + side
    found.append(Text(Box(at, row.y, size * 1.5, row.height), marks, size, ink, True))
    at += size * 1.5
    rest = row.right - at - 6
    found.append(Text(Box(at, row.y, rest * 0.54, row.height), line.text, size, ink, True))
    beside = line.seen or line.since
    side_box = Box(at + rest * 0.55, row.y, rest * 0.45, row.height)
    found.append(Text(side_box, beside, size * 0.92, ink, align="right"))
    return found


def _middle(tile: Tile, box: Box) -> list[Element]:
    """Room, minutes left, infusion, AWAY or CALL, age, and the gravest matter; then the rest."""
    foot_rows = 1 if tile.matters else 0
    k = max(0.62, min(box.width / 205, box.height / (134 + 25 * foot_rows), 1.6))
    inner = box.inset(max(8, 8 * k), max(7, 6 * k))
    head = inner.top(22 * k)
    share = 0.26 if tile.standing is Standing.LIVE else 0.55
    name = head.left(inner.width * (1 - share) - 3)
    found: list[Element] = [Text(name, tile.name, 17 * k, Role.TEXT, True)]
    right = Box(head.right - inner.width * share, head.y + 1, inner.width * share, 19 * k)
    found += standing_elements(tile, right, 13 * k)
    foot = foot_rows * 24 * k
    if tile.matters:
        row = Box(inner.x, inner.bottom - foot, inner.width, foot)
        found += _short_matter(tile.matters, row, 13 * k)
    body = Box(inner.x, head.bottom, inner.width, inner.bottom - foot - head.bottom)
    if tile.running is not None:
        return [*found, *_middle_body(tile, tile.running, body, k)]
    role = Role.URGENT if tile.standing in (Standing.NO_DATA, Standing.NO_LINK) else Role.SECOND
    if tile.call is not None:
        found += _badge(tile, tile.call, body.top(30 * k).inset(0, 2 * k), 17 * k)
        body = body.below(30 * k)
    if role is Role.URGENT:
        found.append(Panel(body.inset(0, body.height * 0.2), Role.PANEL, None))
    return [*found, Text(body, tile.idle, 20 * k, role, True, "centre")]


def _middle_body(tile: Tile, run: Running, body: Box, k: float) -> list[Element]:
    old = tile.standing in _OLD
    first, role = (Role.SECOND, Role.SECOND) if old else (Role.TEXT, run.infusion_role)
    badge = tile.call or run.badge
    big = body.top(min(40 * k, body.height * 0.5))
    half = big.width * (0.5 if badge else 0.66)
    size = fitted(run.left, half - 2, 30 * k)
    found: list[Element] = [Text(big.left(half), run.left, size, first, True)]
    rest = big.beyond(half + 3)
    if badge:
        found += _badge(tile, badge, rest.inset(0, 4 * k), 16 * k)
    else:
        size = fitted(run.left_means, rest.width, 13 * k)
        found.append(Text(rest, run.left_means, size, Role.SECOND, align="right"))
    bar = Box(body.x, big.bottom, body.width, 6 * k)
    found.append(Bar(bar, run.whole, Role.SECOND if old else Role.ACCENT))
    row = Box(body.x, bar.bottom + 3 * k, body.width, 20 * k)
    found.append(Shape(Box(row.x, row.y + 3 * k, 14 * k, 14 * k), run.infusion_shape, role))
    short = row.beyond(19 * k)
    text = f"{run.infusion} {run.infusion_short}"
    found.append(Text(short, text, fitted(text, short.width, 14.5 * k), role, True))
    at = row.bottom
    lines = (
        (f"{run.phase}   {run.phase_times}", False),
        (run.sound, run.sound_grave),
        (run.prompts, run.overdue),
        (f"{run.infusion_times}, {run.infusion_known}", False),
        (run.notes, False),
    )
    # What is not well comes first, then as much as there is place for.
    for text, grave in sorted(lines, key=lambda line: not line[1]):
        line = Box(body.x, at, body.width, 17 * k)
        if line.bottom > body.bottom + 1:
            break
        role = Role.ASSIST if grave else Role.SECOND
        found.append(Text(line, text, 13 * k, role, grave))
        at = line.bottom
    return found


def _short_matter(matters: tuple[MatterLine, ...], row: Box, size: float) -> list[Element]:
    line = matters[0]
    role = ROLES[line.priority]
    filled = line.seen is None
    ink = Role.GROUND if filled else role
    side = row.height * 0.62
    more = f"  +{len(matters) - 1}" if len(matters) > 1 else ""
    words = Box(row.x + side + 9, row.y, row.width - side - 13, row.height)
    return [
        Panel(row, role if filled else Role.PANEL, role, 1.5, 4),
        Shape(Box(row.x + 5, row.y + row.height * 0.19, side, side), SHAPES[line.priority], ink),
        Text(words, f"{MARKS[line.priority]} {line.text}{more}", size, ink, True),
    ]


def _small(tile: Tile, box: Box) -> list[Element]:
    """Room and the one thing that counts most: a matter, its age, or minutes left."""
    inner = box.inset(6, 5)
    rows = inner.rows(3)
    size = min(rows[0].height * 0.8, box.width * 0.16)
    run, dot = tile.running, size * 0.8
    kind, role = _STANDING_SHAPES[tile.standing]
    name = rows[0].left(inner.width - dot - 3)
    found: list[Element] = [
        Text(name, tile.name, size, Role.TEXT, True),
        Shape(Box(inner.right - dot, rows[0].y, dot, rows[0].height), kind, role),
    ]
    if run is not None:
        old = tile.standing in _OLD
        number = rows[1].left(inner.width - dot - 3)
        large = fitted(run.left, number.width, size * 1.15)
        found.append(Text(number, run.left, large, Role.SECOND if old else Role.TEXT, True))
        glyph = Box(inner.right - dot, rows[1].y, dot, rows[1].height)
        found.append(Shape(glyph, run.infusion_shape, Role.SECOND if old else run.infusion_role))
    else:
        if role is Role.URGENT:
            found.append(Panel(rows[1], Role.PANEL, None, radius=0))
        found.append(Text(rows[1], tile.idle, fitted(tile.idle, inner.width, size), role, True))
    return [*found, *_small_foot(tile, rows[2], size)]


def _small_foot(tile: Tile, row: Box, size: float) -> list[Element]:
    run = tile.running
    if tile.matters:
        line = tile.matters[0]
        filled, role = line.seen is None, ROLES[line.priority]
        ink = Role.GROUND if filled else role
        text = f"{MARKS[line.priority]} {tile.call or line.short}"
        inner = row.inset(2, 0)
        return [
            Panel(row, role if filled else Role.PANEL, role, 1, 3),
            Text(inner, text, fitted(text, inner.width, size * 0.9), ink, True, "centre"),
        ]
    if tile.standing is Standing.STOPPED:
        return []
    if tile.standing is not Standing.LIVE:
        return _pill(row, tile.standing_text, _STANDING_SHAPES[tile.standing][1], size * 0.9)
    age = Text(row.beyond(row.width * 0.72), tile.age, size * 0.8, Role.SECOND, align="right")
    if run is None:
        return [age]
    words = row.left(row.width * 0.72)
    text = run.badge or run.infusion_brief
    role = Role.ACCENT if run.badge else run.infusion_role
    return [age, Text(words, text, fitted(text, words.width, size * 0.85), role, bool(run.badge))]
