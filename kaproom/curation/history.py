"""A history of the pump, written by hand, to ask: and if it went like this?

A CSV file of three columns, `minute,event,value`. Minutes count from the planned start of
the infusion; rates are in mg/min, boluses in mg. Every mistake is a line with its place.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from kaproom.errors import Mend, Refused
from kaproom.places import legible, near, shown
from kaproom.session.infusion import Infusion, Mark, What
from kaproom.session.spelling import did_you_mean

COLUMNS = ("minute", "event", "value")
LINES_MAX = 1000
_BYTES_MAX = 1_000_000
MINUTE_MAX = 600.0
# As far as a profile's infusion may go.
BOLUS_MAX_MG, RATE_MAX_MG_PER_MIN = 1000.0, 1000.0

_WHAT: dict[str, What] = {
    "start": "started",
    "rate": "rate",
    "bolus": "bolus",
    "pause": "paused",
    "resume": "resumed",
    "stop": "stopped",
}
_UNITS: dict[What, Literal["mg/min", "mg"]] = {"rate": "mg/min", "bolus": "mg"}
_MOST = {"rate": RATE_MAX_MG_PER_MIN, "bolus": BOLUS_MAX_MG}


@dataclass(frozen=True, slots=True)
class Deed:
    """One line: something done at the pump."""

    line: int
    minute: float
    event: str
    what: What
    value: float | None
    unit: Literal["mg/min", "mg"] | None


def read_history(file: Path, opens_min: float) -> tuple[Deed, ...]:
    """The deeds of a history, in their order.

    Args:
        file: As a person named it.
        opens_min: When the session opens; nothing is recorded before.

    Raises:
        Mend: The file or a line in it is wrong; a line for each mistake.
    """
    deeds: list[Deed] = []
    faults: list[str] = []
    for number, cells in _rows(file):
        place = f"{shown(file)}:{number}"
        try:
            deed = _deed(number, cells)
            earlier = deeds[-1] if deeds else None
            _in_order(deed, earlier, opens_min)
        except Mend as fault:
            faults.append(f"{place}: {fault}")
        else:
            deeds.append(deed)
    if faults:
        raise Mend("\n".join(faults))
    _one_after_another(deeds, shown(file))
    return tuple(deeds)


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines that say something, with their numbers; the head only has to be right."""
    if file.exists() and not file.is_file():
        raise Mend(f"{shown(file)} is not a file; name a CSV file")
    try:
        with file.open("rb") as lines_of:
            content = lines_of.read(_BYTES_MAX + 1)
        if len(content) > _BYTES_MAX:
            raise Mend(f"{shown(file)} is too large for a history; name a CSV file")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise Mend(f"there is no file {shown(file)}{near(file)}") from None
    except UnicodeDecodeError:
        raise Mend(f"{shown(file)} is not a text; save it as CSV, UTF-8") from None
    except OSError as error:
        raise Mend(f"{shown(file)} cannot be read: {error.strerror}; name another") from error
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        raise Mend(f"{shown(file)} has {len(lines)} lines; a history has at most {LINES_MAX}")
    head_due = True
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t,") or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        if head_due:
            head_due = False
            if not _is_number(cells[0]):
                _head(cells, f"{shown(file)}:{number}")
                continue
        yield number, cells


def _head(cells: list[str], place: str) -> None:
    named = [cell.lower() for cell in cells]
    if named not in ([*COLUMNS], [*COLUMNS[:2]]):
        written = legible(",".join(cells), 60)
        raise Mend(f"{place}: is '{written}'; the first line must be `minute,event,value`")


def _deed(number: int, cells: list[str]) -> Deed:
    if len(cells) > 3:
        more = ", ".join(legible(cell, 20) for cell in cells[3:])
        raise Mend(f"has {len(cells)} columns ({more}); write minute,event,value, decimals as 0.5")
    minute, event, value = [*cells, "", ""][:3]
    at_min = _number("minute", minute, "how many minutes after the planned start, e.g. 15")
    what = _WHAT.get(event.lower())
    if what is None:
        known = ", ".join(_WHAT)
        raise Mend(
            f"event is '{legible(event, 40)}'; the events are {known}"
            f"{did_you_mean(event.lower(), _WHAT)}"
        )
    unit = _UNITS.get(what)
    if unit is None:
        if value:
            raise Mend(f"value is '{legible(value, 40)}'; {event.lower()} has none: leave it empty")
        return Deed(number, at_min, event.lower(), what, None, None)
    amount = _number("value", value, f"the {what} in {unit}, the number alone")
    if not 0 <= amount <= _MOST[what]:
        raise Mend(f"value is {amount:g}; a {what} in {unit} lies between 0 and {_MOST[what]:g}")
    return Deed(number, at_min, event.lower(), what, amount, unit)


def _in_order(deed: Deed, earlier: Deed | None, opens_min: float) -> None:
    if deed.minute < opens_min:
        raise Mend(
            f"minute is {deed.minute:g}; the session opens at minute {opens_min:g},"
            " and nothing is recorded before"
        )
    if deed.minute > MINUTE_MAX:
        raise Mend(f"minute is {deed.minute:g}; it must be at most {MINUTE_MAX:g}")
    if earlier is not None and deed.minute < earlier.minute:
        raise Mend(
            f"minute is {deed.minute:g}, before line {earlier.line}'s {earlier.minute:g};"
            " put the lines in order of time"
        )


def _one_after_another(deeds: list[Deed], place: str) -> None:
    """Whether each may follow the one before: no pause in a pause, nothing after the stop."""
    infusion, turn = Infusion(0.0), None
    for deed in deeds:
        try:
            infusion = infusion.recorded(Mark(deed.what, deed.minute * 60))
        except Refused:
            where = f"{place}:{deed.line}: {deed.event}"
            if turn is None:
                remedy = f"comes before any start; add the line `{deed.minute:g},start,` above it"
            else:
                remedy = (
                    f"cannot follow {turn.event} (line {turn.line}); take one of them out, or"
                    " add what was done between them"
                )
            raise Mend(f"{where} {remedy}") from None
        turn = turn if deed.what in _UNITS else deed
    if turn is None:
        raise Mend(f"{place}: no line starts the infusion; add `0,start,`")


def _number(name: str, written: str, how: str) -> float:
    if not written:
        raise Mend(f"{name} is missing; write {how}")
    if not _is_number(written):
        raise Mend(f"{name} is '{legible(written, 40)}'; write {how}")
    return float(written)


def _is_number(written: str) -> bool:
    try:
        return isfinite(float(written))
    except ValueError:
        return False
