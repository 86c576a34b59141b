"""The arc of a session as an SVG that stands inside a page and takes its colours from it.

It is drawn by hand and not by matplotlib: a page in the dark wants light ink, a phone wants
letters that stay letters, and a sheet of 2,000 notes is to be there within a moment. What
is drawn arrives as an account; nothing is reckoned here but places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from math import isfinite

from markupsafe import Markup

from kaproom.arc import Estimate, Stretch
from kaproom.report.account import Account, Disturbance, NoteLine, Piece, Pump
from kaproom.report.svg import EDGE, GUTTER, SMALL, WIDTH, Paper, element, wide
from kaproom.report.words import clock, minute

# More kinds of notes than lanes: the last lane takes the rest together.
LANES_MAX = 12
# A session that ended early leaves so much of its plan to be seen, in parts of its length.
_PLAN_AFTER_PART = 0.25
_TOP = 26.0
# So near to the names of the lanes a time would run into them.
_TICK_HALF = 12.0
_HATCH = Markup(
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/>'
    "</pattern></defs>"
)
_NAME = "The session over time: phases, infusion as recorded, music, notes and timers."


def arc(account: Account) -> Markup:
    """The drawing; empty where there is no time to draw along."""
    if account.length_min <= 0:
        return Markup("")
    planned_min = max((phase.to_min for phase in account.planned_phases), default=0.0)
    to_min = max(
        account.to_min, min(planned_min, account.to_min + _PLAN_AFTER_PART * account.length_min)
    )
    paper = Paper(account.from_min, to_min)
    paper.y = _TOP
    _phases(paper, account)
    if account.pump is not None:
        _infusion(paper, account.pump, account.to_min)
    if account.estimate is not None:
        _estimate(paper, account.estimate, account.to_min)
    if account.pieces:
        _music(paper, account)
    for by, name in (("hand", "by people"), ("fault", "faults")):
        here = [each for each in account.disturbances if each.by == by and each.what != "level"]
        _disturbances(paper, name, here)
    _notes(paper, [note for note in account.notes if not note.integration])
    _prompts(paper, account)
    _axis(paper, account)
    return paper.svg(_NAME, _HATCH)


def _axis(paper: Paper, account: Account) -> None:
    """Minutes above, the time of day below, and a fine line for each, behind all else."""
    drawn, paper.parts = paper.parts, []
    bottom = paper.y
    for at_min in paper.ticks():
        x = paper.x(at_min)
        zero = at_min == 0 and account.clock_from == "infusion"
        paper.upright("zero" if zero else "grid", x, _TOP - 6, bottom + 4)
        anchor = "start" if x - GUTTER < _TICK_HALF else "middle"
        paper.write("tick", f"{at_min:g}".replace("-", "−"), x, 14.0, anchor=anchor)
        if account.opened_utc is not None:
            utc = account.opened_utc + timedelta(minutes=at_min - account.from_min)
            paper.write("tick", clock(utc, seconds=False), x, bottom + 20, anchor=anchor)
    paper.lane("minute", 14.0)
    paper.lane("time of day", bottom + 20)
    paper.parts += drawn
    paper.y = bottom + 28


def _phases(paper: Paper, account: Account) -> None:
    if account.planned_phases:
        paper.lane("planned", paper.y + 13)
        for phase in account.planned_phases:
            paper.box("plan", _span(phase), 16.0)
            paper.within("in quiet", phase.name, _span(phase), paper.y + 12)
        paper.y += 20
    paper.lane("phases", paper.y + 18)
    for count, phase in enumerate(account.phases):
        paper.box(f"phase p{count % 2}", _span(phase), 26.0, told=_said(phase))
        paper.within("in", phase.name, _span(phase), paper.y + 17)
    paper.y += 38


def _infusion(paper: Paper, pump: Pump, end_min: float) -> None:
    """The rate as steps where it is known; where not, when it ran."""
    high, floor = 30.0, paper.y + 32
    paper.lane("infusion", paper.y + 22)
    rates = pump.rates or ()
    top = max((rate for _, rate in rates), default=0.0)
    if top > 0:
        ends = [from_min for from_min, _ in rates[1:]] + [end_min]
        steps = [
            (from_min, min(to_min, end_min), rate)
            for (from_min, rate), to_min in zip(rates, ends, strict=True)
        ]
    else:
        top = 1.0
        steps = [(run.from_min, run.to_min, 0.6) for run in pump.runs]
    for from_min, to_min, rate in steps:
        if rate > 0 and to_min > from_min:
            paper.y = floor - high * rate / top
            said = f"{rate:.2g} mg/min, " if pump.rates else ""
            told = f"{said}as recorded, {minute(from_min)} to {minute(to_min)}"
            paper.box("flow", (from_min, to_min), floor - paper.y, told=told)
    if pump.planned_run is not None:
        paper.y = floor - (high if pump.rates else 0.6 * high)
        paper.box("planned-flow", _span(pump.planned_run), floor - paper.y)
    for at_min in pump.boluses_min:
        x, y = paper.x(at_min), floor - high - 2
        paper.upright("bolus", x, y, floor)
        paper.shape("bolus", [(x - 4, y - 3), (x + 4, y - 3), (x, y + 4)], told="bolus")
    paper.rule("floor", floor)
    paper.y = floor + 12


def _estimate(paper: Paper, estimate: Estimate, end_min: float) -> None:
    high, floor = 84.0, paper.y + 102
    known = (*estimate.high_ng_per_ml, *estimate.plasma_ng_per_ml)
    top = max((each for each in known if isfinite(each)), default=0.0) or 1.0

    def places(values: Sequence[float]) -> list[tuple[float, float]]:
        return [
            (paper.x(at_min), floor - high * value / top)
            for at_min, value in zip(estimate.minutes, values, strict=True)
            if isfinite(value) and at_min <= end_min
        ]

    paper.write("warn", estimate.words, (GUTTER + WIDTH) / 2, paper.y + 8)
    paper.lane("estimate", paper.y + 52)
    paper.lane("ng/mL", paper.y + 68)
    low, upper = places(estimate.low_ng_per_ml), places(estimate.high_ng_per_ml)
    paper.shape("band", [*low, *reversed(upper)])
    paper.shape("effect", places(estimate.effect_site_ng_per_ml), closed=False)
    paper.shape("plasma", places(estimate.plasma_ng_per_ml), closed=False)
    paper.rule("floor", floor)
    paper.write("tick", f"{top:.0f}", WIDTH - EDGE, floor - high - 3, anchor="end")
    paper.y = floor + 14


def _music(paper: Paper, account: Account) -> None:
    if account.planned_pieces:
        paper.lane("planned", paper.y + 11)
        for planned in account.planned_pieces:
            paper.box("plan", _span(planned), 12.0, told=planned.name)
        paper.y += 17
    high, floor = 54.0, paper.y + 56
    paper.lane("music", paper.y + 36)
    louds = [piece.loudness_lufs for piece in account.pieces]
    soft, loud = min(louds), max(louds)
    for piece in account.pieces:
        lift = 0.0 if loud == soft else (piece.loudness_lufs - soft) / (loud - soft)
        _piece(paper, piece, floor, high * (0.5 + 0.5 * lift))
    paper.y = floor - high
    for silence in account.silences:
        paper.box("silence", _span(silence), high, told=_said(silence))
    paper.rule("floor", floor)
    paper.y = floor + 12


def _piece(paper: Paper, piece: Piece, floor: float, tall: float) -> None:
    """As wide as it lasted, as high as it was loud, its entrance a slope."""
    from_x, to_x = paper.x(piece.from_min), paper.x(piece.to_min)
    in_min = min(piece.from_min + piece.entrance_min, piece.to_min)
    in_x, top = paper.x(in_min), floor - tall
    name = "made" if piece.generated else f"piece p{piece.number % 2}"
    told = f"{piece.number} {piece.title}, {minute(piece.from_min)} to {minute(piece.to_min)}"
    paper.shape(name, [(from_x, floor), (in_x, top), (to_x, top), (to_x, floor)], told=told)
    text = f"{piece.number} {piece.title}" if to_x - in_x >= 74 else str(piece.number)
    paper.within("in on", text, (in_min, piece.to_min), floor - tall / 2 + 4)


def _disturbances(paper: Paper, name: str, here: Sequence[Disturbance]) -> None:
    """A bar each, and its word where there is room until the next."""
    if not here:
        return
    paper.lane(name, paper.y + 12)
    paper.y += 2
    nexts = [paper.x(each.from_min) for each in here[1:]] + [WIDTH]
    for each, next_x in zip(here, nexts, strict=True):
        to_min = each.from_min if each.to_min is None else each.to_min
        until = "" if each.to_min is None else f" to {minute(each.to_min)}"
        told = f"{each.what}, {minute(each.from_min)}{until}"
        paper.box(each.by, (each.from_min, to_min), 12.0, told=told)
        word, x = each.what.split(":")[0], paper.x(to_min) + 5
        if x + wide(word) < next_x:
            paper.write("side", word, x, paper.y + 10, anchor="start")
    paper.y += 18


def _notes(paper: Paper, notes: Iterable[NoteLine]) -> None:
    """A lane for each kind, in the order in which they first came."""
    lanes: dict[str, list[NoteLine]] = {}
    for note in sorted(notes, key=lambda note: note.now_min):
        lanes.setdefault(note.now_label, []).append(note)
    names = list(lanes)
    if len(names) > LANES_MAX:
        names, rest = names[: LANES_MAX - 1], names[LANES_MAX - 1 :]
        lanes["others"] = [note for name in rest for note in lanes[name]]
        names.append("others")
    for name in names:
        y = paper.y + 10
        paper.lane(name, y + 4)
        paper.rule("hair", y)
        for note in lanes[name]:
            _mark(paper, note, y)
        paper.y += 18
    paper.y += 4


def _mark(paper: Paper, note: NoteLine, y: float) -> None:
    x = paper.x(note.now_min)
    said = [word for word, so in (("late", note.late), ("entered in error", note.in_error)) if so]
    told = element("title", ", ".join((f"{minute(note.now_min)} {note.now_label}", *said)))
    if note.in_error:
        paper.put("path", "error", told, d=f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8")
    else:
        paper.put("circle", "note late" if note.late else "note", told, cx=x, cy=y, r=4.6)


def _prompts(paper: Paper, account: Account) -> None:
    asked = [prompt for prompt in account.prompts if prompt.state != "not reached"]
    if not asked:
        return
    y = paper.y + 9
    paper.lane("timers", y + 4)
    for prompt in asked:
        x = paper.x(prompt.at_min)
        told = f"{minute(prompt.at_min)} {prompt.label}: {prompt.state}"
        points = [(x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y)]
        paper.shape(f"timer {prompt.state}", points, told=told)
    paper.y += SMALL + 10


def _span(stretch: Stretch) -> tuple[float, float]:
    return stretch.from_min, stretch.to_min


def _said(stretch: Stretch) -> str:
    return f"{stretch.name}, {minute(stretch.from_min)} to {minute(stretch.to_min)}"
