"""The page of the checks: go, no-go, or not yet, what was looked at, and the headphones tried."""

from __future__ import annotations

from kaproom.displays.console import looked, standing, trying
from kaproom.displays.console.buttons import Button
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.pages import back, foot, heading, onward
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Text
from kaproom.displays.station.saying import Saying

_VERDICT = 74.0


def checks(box: Box, desk: Desk, say: Saying, least: float) -> Group:
    """Go or no-go, and why."""
    w, plan, now = say.words, desk.agenda.plan, desk.trial
    name = "" if plan is None else plan.title
    elements = heading(box, w("console.checks.title"), name)
    verdict = Box(box.x, box.y + 88, box.width, _VERDICT)
    elements += _verdict(verdict, desk, say)
    tried = Box(box.x, verdict.bottom + 10, box.width, trying.height(now, least))
    targets = []
    if now is not None and tried.height:
        more, where = trying.drawn(now, now.about(desk.agenda.ear), tried, say)
        elements += more
        targets += where
    room = Box(box.x, tried.bottom + 4, box.width, box.bottom - least - 16 - tried.bottom - 4)
    found = desk.agenda.checked
    elements += looked.drawn(looked.lines(found, desk.status, say), room, say)
    go = found is not None and found.go and not (now is not None and now.missing)
    more, where = foot(
        box,
        [
            back(say),
            Button("again", w("console.checks.again")),
            onward(w("console.checks.start"), go, say),
        ],
        least,
    )
    if desk.grave:
        place = Box(box.x, box.bottom - least, box.width - 740, least)
        elements += standing.said(place, desk, say).elements
    return Group("page", box, (*elements, *more), (*targets, *where))


def _verdict(box: Box, desk: Desk, say: Saying) -> list[Element]:
    w, found = say.words, desk.agenda.checked
    missing = () if desk.trial is None else desk.trial.missing
    if found is None:
        words, mark, role = w("console.checks.looking"), Kind.RING, Role.SECOND
    elif not found.go:
        words, mark, role = w("console.checks.no-go"), Kind.CROSS, Role.URGENT
    elif missing:
        side = missing[0] if len(missing) == 1 else "both"
        words, mark, role = w(f"console.checks.not-{side}"), Kind.TRIANGLE, Role.ASSIST
    else:
        words, mark, role = w("console.checks.go"), Kind.CHECK, Role.FINE
    return [
        Panel(box, Role.PANEL, role, 3.0),
        Shape(Box(box.x + 22, box.y + 20, 34, 34), mark, role),
        Text(box.beyond(78).left(box.width - 100), words, 34, role, True),
    ]
