"""Questions in a terminal, and what is typed in answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import typer

from kaproom import clock
from kaproom.errors import Mend

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def asked_line(question: str, default: str) -> str:
    """One line; Enter alone gives the default."""
    told: str = typer.prompt(question, default=default, show_default=bool(default))
    return told.strip()


def asked_initials(question: str) -> str:
    """Somebody's initials.

    Raises:
        Mend: They are none.
    """
    from kaproom.session.people import initials

    return initials(asked_line(question, ""))


def day_of(written: str | None) -> str:
    """A day as it was typed; today where none was.

    Raises:
        Mend: It is no day, or lies ahead: nobody has attested anything on it yet.
    """
    if written is None:
        return today()
    try:
        if not _DAY.fullmatch(written):
            raise ValueError
        day = date.fromisoformat(written)
    except ValueError:
        raise Mend(f"--on: '{written[:40]}' is no day; write it as 2026-03-05") from None
    if f"{day}" > today():
        raise Mend(f"--on: {written} lies ahead; today is {today()}")
    return written


def level_of(written: str) -> float | None:
    """A level as it was typed; None when nothing was.

    Raises:
        Mend: It is no number.
    """
    if not written:
        return None
    try:
        return float(written)
    except ValueError:
        raise Mend(f"'{written[:40]}' is no level; write a number of dB, e.g. -9") from None


def gone_through(items: Sequence[str]) -> tuple[list[str], list[str]]:
    """Each item in turn: what is so, and what is not with its reason."""
    confirm, override = [], []
    for number, item in enumerate(items, 1):
        said = asked_line(f"{number}/{len(items)} {item} (Enter: yes; else why not)", "")
        if said:
            override.append(f"{number}={said}")
        else:
            confirm.append(str(number))
    return confirm, override


def today() -> str:
    """The day on this machine's clock, as 2026-03-05."""
    return f"{clock.utc().astimezone():%Y-%m-%d}"
