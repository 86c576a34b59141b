"""The notes' side of the screen: one key each, the text that follows, what became of them."""

from __future__ import annotations

from kaproom.displays.console.buttons import Button, drawn
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.letters import tail
from kaproom.displays.notepad import Slip
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes


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
            desk.keys.shown("ago", say.words),
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
        label = Button(
            f"note {key}", w.own(str(one["label"])), key, size=size, lines=min(2, columns - 1)
        )
        more, where = drawn(label, place)
        elements += more
        targets += where
    y = grid.bottom + 8
    field = Box(box.x + 8, y, box.width - 16, least)
    targets.append(Target(field, "letters"))
    writing = desk.pad.writing
    if writing is not None:
        elements.append(Panel(field, Role.PANEL, Role.ACCENT, 2.0))
        typed = tail(f"{w.own(writing.label)}: {writing.text or ''}_", 60)
        elements.append(Text(field.inset(12, 8), typed, 17, lines=2))
    else:
        hint = w("console.note-hint")
        elements.append(Panel(field, None, Role.RULE))
        elements.append(Text(field.inset(12, 8), hint, 15, Role.SECOND, lines=2))
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
    text = f"{slip.wall}{ago}  {w.own(slip.label)}  {'' if writing else slip.text or ''}".rstrip()
    return [
        Shape(Box(line.x, line.y + 5, 15, 15), mark, role),
        Text(Box(line.x + 24, line.y, line.width - 150, 26), text, 15),
        Text(Box(line.right - 120, line.y, 120, 26), word, 14, Role.SECOND, align="right"),
    ]
