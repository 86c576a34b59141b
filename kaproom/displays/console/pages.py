"""The screens before a session and after it: choosing, the day's list, the end."""

from __future__ import annotations

from dataclasses import replace

from kaproom.displays.console.buttons import GAP, Button, Drawn, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes


def heading(box: Box, words: str, more: str) -> list[Element]:
    """A page's title, and a line below it."""
    return [
        Text(box.top(44), words, 32, Role.TEXT, True),
        Text(Box(box.x, box.y + 46, box.width, 28), more, 18, Role.SECOND),
    ]


def back(say: Saying) -> Button:
    """To the page before."""
    return Button("before", say.words("console.back-page"), say.words("key.esc"))


def onward(label: str, ready: bool, say: Saying) -> Button:
    """To the page that follows, lit when nothing is missing here."""
    role = Role.ACCENT if ready else Role.SECOND
    return Button("next", label, say.words("key.enter"), role=role, on=ready)


def foot(box: Box, buttons: list[Button], least: float) -> Drawn:
    """What leads on from a page, at its lower right."""
    width = min(box.width, 240.0 * len(buttons))
    place = Box(box.right - width, box.bottom - least, width, least)
    return row(buttons, place)


def choose(box: Box, desk: Desk, say: Saying, least: float) -> Group:
    """What can be begun."""
    w = say.words
    elements = heading(box, w("console.choose.title"), w("console.choose.more"))
    targets: list[Target] = []
    room = Box(box.x, box.y + 88, box.width, box.height - 88 - least - 16)
    fits = max(1, int((room.height + GAP) // (least + GAP)))
    first = min(max(0, desk.agenda.row - fits + 1), max(0, len(desk.agenda.plans) - fits))
    for number, plan in list(enumerate(desk.agenda.plans))[first : first + fits]:
        place = Box(box.x, room.y + (number - first) * (least + GAP), box.width, least)
        here = number == desk.agenda.row
        border = Role.ACCENT if here else Role.RULE
        elements.append(Panel(place, Role.PANEL, border, 3.0 if here else 1.0))
        inner = place.inset(16, 6)
        if here:
            elements.append(
                Shape(Box(inner.x, inner.y + inner.height / 2 - 9, 18, 18), Kind.PLAY, Role.ACCENT)
            )
        name = inner.beyond(32)
        title = f"{plan.ref}   {plan.title}" if plan.ref else plan.title
        used = (
            w("console.choose.used", day=plan.last_used)
            if plan.last_used
            else w("console.choose.never")
        )
        role = Role.SECOND if plan.fault else Role.TEXT
        wide = name.width - (0 if plan.fault else 420)
        elements.append(Text(name.left(wide).top(30), title, 21, role, True))
        below = Box(name.x, name.y + 28, wide, inner.height - 28)
        elements.append(Text(below, plan.fault or plan.name, 15, Role.SECOND))
        right = Box(inner.right - 400, inner.y, 400, inner.height)
        if not plan.fault:
            length = w("console.choose.length", length=minutes(plan.length_s))
            elements.append(Text(right.top(30), length, 19, Role.TEXT, align="right"))
            elements.append(Text(right.below(28), used, 15, Role.SECOND, align="right"))
        targets.append(Target(place, f"plan {number}"))
    if not desk.agenda.plans:
        key = "console.choose.none" if desk.agenda.offered else "console.choose.looking"
        elements.append(Text(room.top(40), w(key), 20, Role.SECOND))
    ready = desk.agenda.plan is not None and not desk.agenda.plan.fault
    more, where = foot(
        box,
        [
            *(_steps(desk, say) if len(desk.agenda.plans) > fits else ()),
            Button("call", w("console.act.call"), desk.keys.shown("call", say.words)),
            Button("help", w("console.act.help"), desk.keys.shown("help", say.words)),
            Button("quit", w("console.act.quit"), desk.keys.shown("quit", say.words)),
            onward(w("console.next-page"), ready, say),
        ],
        least,
    )
    return Group("page", box, (*elements, *more), (*targets, *where))


def _steps(desk: Desk, say: Saying) -> list[Button]:
    """Up and down, for fingers, where not everything fits."""
    w = say.words
    return [
        Button("earlier", w("console.act.earlier"), "↑"),
        Button("later", w("console.act.later"), "↓"),
    ]


def listed(box: Box, desk: Desk, say: Saying, least: float) -> Group:
    """The day's list, item by item."""
    w, plan = say.words, desk.agenda.plan
    name = "" if plan is None else plan.title
    elements = heading(box, w("console.list.title"), f"{name}. {w('console.list.more')}")
    room = Box(box.x, box.y + 88, box.width, box.height - 88 - least - 16)
    targets = _rows(elements, room, desk, say, least)
    remind = () if plan is None else plan.remind
    y = room.y + len(desk.agenda.listed.items) * (least + GAP) + 6
    for item in remind:
        if y + 28 < room.bottom:
            elements.append(Shape(Box(box.x + 16, y + 6, 14, 14), Kind.RING, Role.SECOND))
            elements.append(Text(Box(box.x + 44, y, box.width - 60, 28), item, 17, Role.SECOND))
            y += 30
    ready = desk.agenda.listed.complete
    by = desk.agenda.listed.by or "–"
    more, where = foot(
        box,
        [
            back(say),
            Button("ask who", w("console.list.who", who=by)),
            onward(w("console.next-page"), ready, say),
        ],
        least,
    )
    return Group("page", box, (*elements, *more), (*targets, *where))


def _rows(
    elements: list[Element], room: Box, desk: Desk, say: Saying, least: float
) -> list[Target]:
    w = say.words
    targets: list[Target] = []
    wide = 150.0
    agenda = desk.agenda
    items = list(enumerate(agenda.listed.items))
    fits = max(1, int((room.height + GAP) // (least + GAP)))
    # What is worked off now is always there, and what comes after it as soon as that is done.
    first = min(max(0, agenda.row_in_list - fits + 2), max(0, len(items) - fits))
    for number, item in items[first : first + fits]:
        place = Box(room.x, room.y + (number - first) * (least + GAP), room.width, least)
        here = number == agenda.row_in_list
        border, thick = (Role.ACCENT, 2.0) if here else (Role.RULE, 1.0)
        said = place.left(place.width - 2 * (wide + GAP))
        elements.append(Panel(said, Role.PANEL, border, thick))
        answer = agenda.listed.said.get(item)
        if answer is None:
            mark, role = Kind.RING, Role.SECOND
        else:
            mark, role = (Kind.TRIANGLE, Role.ASSIST) if answer else (Kind.CHECK, Role.FINE)
        inner = place.inset(16, 6)
        elements.append(Shape(Box(inner.x, inner.y + inner.height / 2 - 12, 24, 24), mark, role))
        words = inner.beyond(44).left(said.width - 92)
        if answer:
            elements.append(Text(words.top(words.height / 2), w.own(item), 20, Role.TEXT, True))
            elements.append(Text(words.below(words.height / 2), answer, 16, Role.ASSIST))
        else:
            elements.append(Text(words, w.own(item), 20, Role.TEXT, True))
        buttons = Box(place.right - 2 * wide - GAP, place.y, 2 * wide + GAP, place.height)
        more, where = row(
            [
                Button(f"yes {number}", w("console.yes"), "→", on=answer == ""),
                Button(f"no {number}", w("console.no"), "←", on=bool(answer)),
            ],
            buttons,
        )
        elements += more
        targets += where
    return targets


def ended(box: Box, desk: Desk, say: Saying, least: float) -> Group:
    """The session is over: the last list, and notes that come late."""
    w = say.words
    elements = heading(box, w("console.ended.title"), w("console.ended.more"))
    room = Box(box.x, box.y + 88, box.width, box.height - 88 - least - 60)
    targets = _rows(elements, room, desk, say, least)
    waiting = len((desk.status or {}).get("unsigned") or ())
    if waiting:
        line = w.count("console.ended.unsigned", waiting)
        place = Box(box.x, box.bottom - least - 46, box.width, 30)
        elements.append(Text(place, line, 17, Role.SECOND))
    more, where = foot(
        box,
        _after(desk, say),
        least,
    )
    return Group("page", box, (*elements, *more), (*targets, *where))


def _after(desk: Desk, say: Saying) -> list[Button]:
    w, enter = say.words, say.words("key.enter")
    new = Button("new", w("console.ended.new"))
    if not desk.agenda.listed.items:
        return [replace(new, key=enter, on=True, role=Role.ACCENT)]
    keep = Button("keep", w("console.ended.keep"), enter, on=True, role=Role.ACCENT)
    return [keep, new]


def connecting(box: Box, desk: Desk, say: Saying, least: float, fault: str) -> Group:
    """The room's service has not answered yet; what goes past it can be done all the same."""
    w, top = say.words, box.inset(40, 80)
    words = Text(Box(top.x + 56, top.y, top.width - 56, 54), w("console.connecting"), 30, bold=True)
    why = Box(top.x + 56, top.y + 60, top.width - 56, 80)
    deeds = ("call", "fade", "duck", "help", "quit")
    buttons = [Button(deed, w(f"console.act.{deed}"), desk.keys.shown(deed, w)) for deed in deeds]
    more, targets = foot(box, buttons, least)
    return Group(
        "page",
        box,
        (
            Shape(Box(top.x, top.y + 10, 34, 34), Kind.RING, Role.ASSIST),
            words,
            Text(why, fault, 17, Role.SECOND, lines=3),
            *more,
        ),
        tuple(targets),
    )
