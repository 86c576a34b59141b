"""When something was done: the key press's own time, or one told from memory.

The client stamps the key press; how long its way here took counts for nothing. A stamp
that cannot be true is not believed, and costs nobody the note: the arrival counts, and
the entry says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite
from typing import Any

from kaproom.clock import NS_PER_S, Instant
from kaproom.errors import Mend

AGO_MAX_S = 12 * 3600.0
_FUTURE_S = 2.0  # a client's stamp may be this far ahead of us by rounding, not more

# Of this century: at the calendar's own ends no time zone can be reckoned with.
_AT = re.compile(r"(?:(20\d{2})-(\d{2})-(\d{2})[T ])?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_NO_TIME = "is no time of day; write it as 14:05, 14:05:30 or 2026-03-05 14:05"


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was done.

    Attributes:
        at_ns: On the suspend-inclusive clock.
        recalled: Whether it was told from memory, with "ago" or "at".
        pressed: Whether it is a key press's own time.
        doubt: Why the key press's stamp was not believed; None when it was.
        told: As "at" told it; None when it did not.
    """

    at_ns: int
    recalled: bool = False
    pressed: bool = False
    doubt: str | None = None
    told: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What the record keeps of it beside the time."""
        kept = {"stamp": self.doubt, "told_at": self.told}
        return {key: value for key, value in kept.items() if value is not None}


def moment(
    args: Mapping[str, Any],
    entered: Instant,
    opened_ns: int | None = None,
    zone: tzinfo | None = None,
) -> Moment:
    """When it was done, by the client's stamp and what was told.

    Args:
        args: ``mono_ns`` with ``boot_id`` is the client's stamp of the key press;
            ``ago_s`` how long before that it was done, or ``at`` the time of day.
        entered: Now.
        opened_ns: When the session was opened, of this boot: a key pressed before that
            was not pressed in it.
        zone: Of the time of day; None for this machine's.

    Raises:
        Mend: What was told is no time, lies ahead, or too far back.
    """
    pressed_ns, doubt = _pressed(args, entered, opened_ns)
    told = args.get("at")
    if told is not None:
        if args.get("ago_s") is not None:
            raise Mend("--ago and --at are two ways to say one thing; give one of them")
        at = told_at(told, entered.utc, zone)
        back_ns = round((entered.utc - at).total_seconds() * NS_PER_S)
        return Moment(entered.mono_ns - back_ns, recalled=True, doubt=doubt, told=str(told))
    ago_s = args.get("ago_s")
    if ago_s is None:
        stamped = args.get("mono_ns") is not None and doubt is None
        return Moment(pressed_ns, pressed=stamped, doubt=doubt)
    if isinstance(ago_s, bool) or not isinstance(ago_s, int | float) or not isfinite(ago_s):
        raise Mend(f"ago_s must be a number; it is {str(ago_s)[:40]}")
    if not 0 <= ago_s <= AGO_MAX_S:
        raise Mend(f"--ago must be between 0 and {AGO_MAX_S / 3600:g} h; it is {ago_s:g} s")
    return Moment(pressed_ns - round(ago_s * NS_PER_S), recalled=True, doubt=doubt)


def told_at(written: object, now: datetime, zone: tzinfo | None = None) -> datetime:
    """The moment that people mean by a time of day: the last one that showed on the wall.

    Just after midnight "23:55" is yesterday's. Of an hour that came twice, when summer
    time ended, the later one is meant unless it lies ahead.

    Raises:
        Mend: It is no time of day, lies ahead, never was, or is too far back.
    """
    match = _AT.fullmatch(written.strip()) if isinstance(written, str) else None
    if match is None:
        raise Mend(f"'{str(written)[:40]}' {_NO_TIME}")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    local = now.astimezone(zone)
    dates = [local.date(), local.date() - timedelta(days=1)]
    try:
        if year:
            dates = [datetime(year, month, day).date()]
        times = [
            datetime(date.year, date.month, date.day, hour, minute, second, fold=fold)
            for date in dates
            for fold in (1, 0)
        ]
    except ValueError:
        raise Mend(f"'{written}' {_NO_TIME}") from None
    found = [at for time in times if (at := _utc(time, zone)) is not None and at <= now]
    if not found:
        never = all(_utc(time, zone) is None for time in times)
        why = "never was: the clocks were put forward over it" if never else "lies ahead"
        raise Mend(f"{written} {why}; it is {local:%H:%M:%S} now")
    if not year and now - found[0] > timedelta(seconds=AGO_MAX_S):
        raise Mend(
            f"{written} lies ahead today, and yesterday's is more than {AGO_MAX_S / 3600:g} h "
            f"back; it is {local:%H:%M:%S} now"
        )
    return found[0]


def _utc(local: datetime, zone: tzinfo | None) -> datetime | None:
    """A wall clock's time in UTC; None if no clock ever showed it."""
    at = local.replace(tzinfo=zone).astimezone(UTC)
    back = at.astimezone(zone)
    return at if back.replace(tzinfo=None, fold=0) == local.replace(fold=0) else None


def _pressed(
    args: Mapping[str, Any], entered: Instant, opened_ns: int | None
) -> tuple[int, str | None]:
    pressed_ns = args.get("mono_ns")
    if pressed_ns is None:
        return entered.mono_ns, None
    if not isinstance(pressed_ns, int) or isinstance(pressed_ns, bool):
        return entered.mono_ns, "no-time"
    if args.get("boot_id") != entered.boot_id:
        return entered.mono_ns, "other-boot"
    if pressed_ns - entered.mono_ns > _FUTURE_S * NS_PER_S:
        return entered.mono_ns, "future"
    if entered.mono_ns - pressed_ns > AGO_MAX_S * NS_PER_S:
        return entered.mono_ns, "too-old"
    if opened_ns is not None and pressed_ns < opened_ns:
        return entered.mono_ns, "before-session"
    return min(pressed_ns, entered.mono_ns), None


DOUBTS = {
    "no-time": "was no time",
    "other-boot": "was another boot's",
    "future": "lay in the future",
    "too-old": "lay hours back",
    "before-session": "lay before the session",
}
"""Why a stamp was not believed, in words that follow "the key press's own time"."""
