"""How times, lengths and foreign text are written on the sheet."""

from __future__ import annotations

import re
from datetime import datetime

# What HTML and XML have no place for; a broken terminal or an attacker sends them.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(
        f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
    )
    + "]"
)


def clean(text: str) -> str:
    """Text without what no page may hold; each such sign becomes U+FFFD."""
    return _FORBIDDEN.sub(
        "\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n")
    )


def minute(minutes: float | None) -> str:
    """A moment, as minutes and seconds from minute 0: ``12:34``, ``−4:05``."""
    if minutes is None:
        return "–"
    seconds = round(abs(minutes) * 60)
    sign = "−" if minutes < 0 and seconds else ""
    return f"{sign}{seconds // 60}:{seconds % 60:02}"


def length(minutes: float | None) -> str:
    """How long: ``45 s``, ``12 min``, ``1 h 35 min``."""
    if minutes is None:
        return "–"
    seconds = round(minutes * 60)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 600:
        return f"{seconds // 60} min {seconds % 60} s" if seconds % 60 else f"{seconds // 60} min"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02} min"


def about(minutes: float) -> str:
    """How long, for whom it is not to be exact: ``4 min``."""
    return f"{round(minutes)} min" if minutes >= 0.75 else "less than a minute"


def part(of_one: float) -> str:
    """A part of a whole in percent, to two figures and never finer than it is known."""
    percent = 100 * of_one
    return f"{percent:.2g} %" if percent >= 0.1 else "less than 0.1 %"


def signed(value: float, digits: int = 1, *, plus: bool = False) -> str:
    """A number with a true minus, and a plus where it is asked for."""
    return f"{value:{'+' if plus else ''}.{digits}f}".replace("-", "−")


def clock(utc: datetime | None, seconds: bool = True) -> str:
    """The time of day where the sheet is written."""
    if utc is None:
        return "–"
    return utc.astimezone().strftime("%H:%M:%S" if seconds else "%H:%M")


def day(utc: datetime | None) -> str:
    """The date, in full: ``Monday 2 March 2026``."""
    if utc is None:
        return "date not known"
    local = utc.astimezone()
    return f"{local:%A} {local.day} {local:%B %Y}"


def short_day(utc: datetime | None) -> str:
    """The date beside a time: ``2 Mar``."""
    return "" if utc is None else f"{utc.astimezone().day} {utc.astimezone():%b}"


def zone(utc: datetime | None) -> str:
    """Which time of day it is: ``CET, UTC+01:00``."""
    if utc is None:
        return ""
    local = utc.astimezone()
    offset = f"{local:%z}"
    name = f"{local:%Z}"
    return "UTC" if name == "UTC" else f"{name}, UTC{offset[:3]}:{offset[3:]}"
