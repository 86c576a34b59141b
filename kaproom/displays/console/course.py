"""The phase and the arc: where the session is on its way, from the room's state alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kaproom.displays.console.standing import Status
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Bar, Box, Curve, Element, Group, Hatch, Kind, Panel, Shape, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes


def phase(box: Box, status: Status, live: bool, say: Saying) -> Group:
    """The phase, how far it is, what follows; when that is old, only which it was."""
    told, w = status["phase"], say.words
    name = say.phase(told["name"])
    count = f"{told['index'] + 1} / {told['count']}"
    elapsed, left = told["elapsed_s"], told["remaining_s"]
    if not live:
        line = w("console.last-heard")
    elif told["held"]:
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


def arc(box: Box, status: Status, live: bool, say: Saying) -> Group:
    """The session as an arc of intensity, with now on it, and where the infusion ends.

    Stripes lie over one that is old.
    """
    spans, index = status["phases"], status["phase"]["index"]
    names = Box(box.x, box.bottom - 22, box.width, 22)
    area = Box(box.x, box.y + 4, box.width, max(20.0, box.height - 30))
    edges, now = _edges(status, spans)
    xs = [area.x + area.width * edge for edge in edges]
    points = _heights(spans, xs, area)
    now_x = area.x + area.width * now
    elements: list[Element] = [] if live else [Hatch(area, Role.RULE)]
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
