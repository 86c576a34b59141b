"""What lies over the screen: it asks, and says what would be, before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kaproom.displays.console.buttons import GAP, Button, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.keys import DEFAULT
from kaproom.displays.console.letters import keys, keys_height, keys_width, tail
from kaproom.displays.console.over import UNITS, Over
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Panel, Shape, Target, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes

_LINE = 34.0
_DIGITS = "0123456789."


class _Sheet:
    """A panel that is filled from the top."""

    def __init__(self, box: Box, title: str, mark: Kind | None = None) -> None:
        self.box = box
        self._y = box.y + 16
        self._x, self._width = box.x + 24, box.width - 48
        self.elements: list[Element] = [Panel(box, Role.PANEL, Role.ACCENT, 2.0)]
        self.targets: list[Target] = []
        at = self._x
        if mark is not None:
            self.elements.append(Shape(Box(at, self._y + 6, 26, 26), mark, Role.ASSIST))
            at += 40
        self.elements.append(
            Text(Box(at, self._y, self.box.right - 24 - at, 40), title, 28, Role.TEXT, True)
        )
        self._y += 52

    @property
    def height(self) -> float:
        """As far as it is filled."""
        return self._y - self.box.y + 12

    def below(self, y: float) -> None:
        """Go on below this place."""
        self._y = y

    def line(
        self,
        text: str,
        role: Role = Role.TEXT,
        size: float = 19,
        bold: bool = False,
        lines: int = 1,
    ) -> None:
        """Words below what is there."""
        high = _LINE * lines
        place = Box(self._x, self._y, self._width, high)
        self.elements.append(Text(place, text, size, role, bold, lines=lines))
        self._y += high

    def gap(self, high: float = 10.0) -> None:
        """Nothing, for the eye."""
        self._y += high

    def field(self, typed: str, hint: str) -> None:
        """Where it is typed."""
        place = Box(self._x, self._y, self._width, 52)
        self.elements.append(Panel(place, None, Role.ACCENT, 2.0))
        words, role = (f"{typed}_", Role.TEXT) if typed else (hint, Role.SECOND)
        self.elements.append(Text(place.inset(14, 4), words, 24, role))
        self._y += 62

    def letters(self, over: Over, say: Saying, least: float, *, capitals: bool) -> None:
        """A keyboard for fingers, which ends in what keeps it and what leaves it out."""
        high = keys_height(least)
        more, where = keys(Box(self._x, self._y, self._width, high), over, say, capitals=capitals)
        self.elements += more
        self.targets += where
        self._y += high + GAP

    def buttons(self, buttons: Sequence[Button], high: float, columns: int = 0) -> None:
        """Buttons below what is there, in rows."""
        columns = columns or len(buttons)
        for first in range(0, len(buttons), columns):
            some = list(buttons[first : first + columns])
            width = (self._width - GAP * (columns - 1)) / columns
            place = Box(self._x, self._y, width * len(some) + GAP * (len(some) - 1), high)
            more, where = row(some, place)
            self.elements += more
            self.targets += where
            self._y += high + GAP


def panel(desk: Desk, free: tuple[float, float], say: Saying, least: float) -> Group | None:
    """What lies over the screen now; None for nothing.

    Args:
        desk: What people are about.
        free: How much of the screen, from its upper left, it may cover.
        say: The language.
        least: The side of a target.
    """
    found = _PANELS.get(desk.over.panel)
    if found is None:
        return None
    make, wide = found
    width, height = free
    wide = min(width - 8, max(wide, least * 9.5, keys_width(least) + 48))
    # Made once to see how high it is, and once in its place.
    high = make(desk, Box(0, 0, wide, height), say, least).height
    box = Box((width - wide) / 2, max(4.0, (height - high) / 2), wide, high)
    sheet = make(desk, box, say, least)
    # A press beside the panel does nothing below it.
    shield = Target(Box(0, 0, width, max(height, box.bottom)), "nothing")
    return Group("panel", box, tuple(sheet.elements), (shield, *sheet.targets))


def _ok_cancel(say: Saying, ok: str, *, role: Role = Role.TEXT) -> list[Button]:
    return [
        Button("ok", say.words(ok), say.words("key.enter"), role=role),
        Button("cancel", say.words("console.stay"), say.words("key.esc")),
    ]


def _pump(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w = say.words
    sheet = _Sheet(box, w("console.pump.title"))
    sheet.line(w("console.pump.law"), Role.SECOND)
    sheet.gap()
    sheet.buttons(_ago(desk, say), least)
    sheet.gap()
    deeds = ("started", "paused", "resumed", "stopped", "rate", "bolus")
    sheet.buttons(
        [
            Button(deed, w(f"console.mark.{deed}"), str(number), w("console.records"))
            for number, deed in enumerate(deeds, 1)
        ],
        max(least, 68.0),
        3,
    )
    sheet.gap()
    sheet.line(w("console.pump.correct"), Role.SECOND, 16)
    sheet.buttons([Button("cancel", w("common.close"), say.words("key.esc"))], least)
    return sheet


def _ago(desk: Desk, say: Saying) -> list[Button]:
    w = say.words
    when = (
        w("console.ago-now")
        if not desk.over.ago_s
        else w("console.ago", span=minutes(desk.over.ago_s))
    )
    on = bool(desk.over.ago_s)
    return [
        Button("ago less", w("console.ago-less"), "←"),
        Button("nothing", when, on=on, role=Role.ACCENT if on else Role.TEXT, size=22),
        Button("ago more", w("console.ago-more"), "→"),
    ]


def _amount(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w = say.words
    sheet = _Sheet(box, w(f"console.amount.{desk.over.panel}"))
    sheet.line(w("console.pump.law"), Role.SECOND)
    sheet.field(
        f"{desk.over.typed} {desk.over.unit}" if desk.over.typed else "", w("console.amount.hint")
    )
    units = [
        Button(
            f"unit {unit}",
            unit,
            on=unit == desk.over.unit,
            role=Role.ACCENT if unit == desk.over.unit else Role.TEXT,
        )
        for unit in UNITS[desk.over.panel]
    ]
    sheet.buttons(units, least)
    sheet.buttons(_ago(desk, say), least)
    sheet.buttons(_digits(say), least, 6)
    sheet.buttons(_ok_cancel(say, "console.amount.ok"), least)
    return sheet


def _digits(say: Saying) -> list[Button]:
    erase = Button("erase", say.words("console.erase"), size=16)
    return [*(Button(f"digit {d}", d, size=22) for d in _DIGITS), erase]


def _advance(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w, found = say.words, desk.over.preview
    denser = desk.over.denser
    sheet = _Sheet(box, w("console.advance.title"), Kind.TRIANGLE if denser else None)
    if found is None:
        sheet.line(w("console.advance.asking"), Role.SECOND)
    elif "line" in found:
        line = say.refusal(str(found["line"]), found.get("reason"))
        sheet.line(line, Role.ASSIST, lines=2)
    else:
        _foretold(sheet, found, say)
    sheet.gap()
    if denser:
        key = "console.advance.again" if desk.over.sure else "console.advance.denser"
        sheet.line(w(key), Role.ASSIST, 20, True, 2)
    sheet.gap()
    ok = "console.advance.sure" if desk.over.sure else "console.advance.ok"
    sheet.buttons(_ok_cancel(say, ok, role=Role.ASSIST if denser else Role.TEXT), least)
    return sheet


def _foretold(sheet: _Sheet, found: Mapping[str, Any], say: Saying) -> None:
    w, before, after = say.words, found["before"], found["after"]
    sheet.line(
        w("console.advance.phase", now=say.phase(before["phase"]), then=say.phase(after["phase"])),
        size=22,
        bold=True,
    )
    end_s, was_s = after["end_in_s"], before["end_in_s"]
    if end_s is None:
        sheet.line(w("console.end-open"))
    else:
        line = w("console.ends", left=minutes(end_s))
        if was_s is not None and abs(end_s - was_s) >= 1:
            key = "later" if end_s > was_s else "sooner"
            line += "  " + w(f"console.advance.{key}", span=minutes(abs(end_s - was_s)))
        sheet.line(line)
    for cue in after["cues"][:2]:
        line = w("console.next", title=cue["title"], left=minutes(cue["in_s"]))
        sheet.line(line, Role.SECOND, 17)


def _end(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    sheet = _Sheet(box, say.words("console.end.title"), Kind.TRIANGLE)
    sheet.line(say.words("console.end.more"), Role.SECOND, lines=2)
    sheet.gap()
    sheet.buttons(_ok_cancel(say, "console.end.ok", role=Role.ASSIST), least)
    return sheet


def _untried(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w, missing = say.words, () if desk.trial is None else desk.trial.missing
    sheet = _Sheet(box, w("console.untried.title"), Kind.TRIANGLE)
    side = missing[0] if len(missing) == 1 else "both"
    sheet.line(w(f"console.untried.{side}"))
    sheet.line(w("console.untried.more"), Role.SECOND, lines=2)
    sheet.gap()
    sheet.buttons(_ok_cancel(say, "console.untried.ok", role=Role.ASSIST), least)
    return sheet


def _quit(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    sheet = _Sheet(box, say.words("console.quit.title"))
    more = "console.quit.in-session" if desk.open else "console.quit.more"
    sheet.line(say.words(more), Role.SECOND, lines=2)
    sheet.gap()
    sheet.buttons(_ok_cancel(say, "console.quit.ok"), least)
    return sheet


def _help(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w = say.words
    sheet = _Sheet(box, w("console.help.title"))
    top, deeds = box.y + 70, list(DEFAULT)
    half = -(-len(deeds) // 2)
    for number, deed in enumerate(deeds):
        column, line = divmod(number, half)
        x = box.x + 24 + column * (box.width - 48) / 2
        place = Box(x, top + line * 31, (box.width - 48) / 2, 31)
        key = desk.keys.shown(deed, say.words) or "–"
        sheet.elements.append(Text(place.left(110), key, 17, Role.ACCENT, True))
        sheet.elements.append(
            Text(place.beyond(118).left(place.width - 126), w(f"console.deed.{deed}"), 16)
        )
    sheet.below(top + half * 31 + 10)
    sheet.line(w("console.help.notes"), Role.SECOND, 16)
    sheet.line(w("console.help.typing"), Role.SECOND, 16)
    sheet.buttons([Button("cancel", w("common.close"), say.words("key.esc"))], least)
    return sheet


def _minute(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w = say.words
    sheet = _Sheet(box, w("console.minute.title"))
    sheet.field(desk.over.typed, w("console.minute.hint"))
    sheet.buttons(_digits(say), least, 6)
    sheet.buttons(_ok_cancel(say, "console.minute.ok"), least)
    return sheet


def _words(desk: Desk, box: Box, say: Saying, least: float) -> _Sheet:
    w = say.words
    sheet = _Sheet(box, w(f"console.{desk.over.panel}.title"))
    longest = int((box.width - 80) / 15)
    sheet.field(tail(desk.over.typed, longest), w(f"console.{desk.over.panel}.hint"))
    sheet.letters(desk.over, say, least, capitals=desk.over.panel == "who")
    return sheet


_Make = Callable[[Desk, Box, Saying, float], _Sheet]
_PANELS: Mapping[str, tuple[_Make, float]] = {
    "pump": (_pump, 820.0),
    "rate": (_amount, 820.0),
    "bolus": (_amount, 820.0),
    "advance": (_advance, 820.0),
    "end": (_end, 760.0),
    "untried": (_untried, 760.0),
    "quit": (_quit, 760.0),
    "help": (_help, 1100.0),
    "minute": (_minute, 760.0),
    "who": (_words, 960.0),
    "why": (_words, 960.0),
}
