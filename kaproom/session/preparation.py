"""What is settled with a patient days before: intention, music, screening, consent.

kaproom keeps that people attested it, when and who; it judges none of it. The patient is a
pseudonym of the clinic's here, which never leaves the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from kaproom.errors import Mend
from kaproom.session.model import Alias, Line, Many, Written, refuse_value
from kaproom.session.people import initials

TEXT_MAX = 10_000

_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _ref(written: str) -> str:
    if _REF.fullmatch(written) is None:
        refuse_value("write the clinic's pseudonym, e.g. K-0427: letters, digits, - . _")
    return written


def _day(written: str) -> str:
    if _DAY.fullmatch(written) is None:
        refuse_value("write a day as 2026-03-05")
    return written


def _initials(written: str) -> str:
    try:
        return initials(written)
    except Mend as mend:
        refuse_value(str(mend))


Ref = Annotated[str, AfterValidator(_ref)]
Day = Annotated[str, AfterValidator(_day)]
Initials = Annotated[str, AfterValidator(_initials)]
Words = Annotated[str, Field(max_length=TEXT_MAX)]


class Ticked(Written):
    """One item of a list that somebody went through."""

    item: Line
    """As the list has it."""
    state: Literal["confirmed", "overridden", "open"] = "open"
    """overridden: it is not so, and the session goes on for a reason."""
    reason: Words = ""
    """Why it was overridden."""
    by: Initials | None = None
    """Who says so."""
    on: Day | None = None
    """On which day."""
    must: bool = False
    """Whether the session waits for it."""

    @property
    def settled(self) -> bool:
        """Whether it was confirmed, or passed over with a reason."""
        return self.state != "open"


class ClosingPiece(Written):
    """The patient's own last piece, copied to where the record is."""

    file: Annotated[str, Field(min_length=1, max_length=4096)]
    """The copy."""
    title: Line
    """What it is called."""


class Consent(Written):
    """That consent was given, and who says so."""

    by: Initials | None = None
    """Who took it."""
    on: Day
    """On which day."""


class Preparation(Written):
    """All that was settled for one patient's next session."""

    ref: Ref
    """The clinic's pseudonym."""
    profile: Annotated[str, Field(min_length=1, max_length=1000)]
    """The profile's name or path."""
    intention: Words = ""
    """The patient's own words."""
    without: Many[Alias] = ()
    """Tags of the music that is left out."""
    closing: ClosingPiece | None = None
    """The patient's own last piece."""
    level_db: Annotated[float, Field(ge=-60, le=0)] | None = None
    """The level that was comfortable: the output's gain."""
    consent: Consent | None = None
    """Missing until it is given."""
    screening: Many[Ticked] = ()
    """What was attested, item by item."""
    by: Initials | None = None
    """Who prepared it."""

    def to_fields(self) -> dict[str, Any]:
        """For the record."""
        return self.model_dump(mode="json")

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not settled yet, in words."""
        open_items = [one.item for one in self.screening if not one.settled]
        return (*(["consent"] if self.consent is None else []), *open_items)


_MEANT = {
    "level_db": "level_db is a number of dB between -60 and 0; write e.g. --level -9",
    "intention": f"the intention has at most {TEXT_MAX} characters; make it shorter",
    "without": "without names tags of the playlist: a-z, 0-9 and '-', e.g. --without vocals",
}
"""What is said of what people write themselves."""


def preparation_from(fields: object) -> Preparation:
    """A preparation as it came over the socket or from the record.

    Raises:
        Mend: It is none; the line names the first thing that is wrong.
    """
    try:
        return Preparation.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "preparation"
        meant = _MEANT.get(str(first["loc"][0]) if first["loc"] else "")
        raise Mend(meant or f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def ticked_from(items: object, must: Sequence[str] = ()) -> tuple[Ticked, ...]:
    """A worked-off list as it came over the socket.

    Raises:
        Mend: It is none, or something that must be settled is open.
    """
    if not isinstance(items, list):
        raise Mend("a checklist is a list of items")
    try:
        found = tuple(Ticked.model_validate(item) for item in items)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Mend(f"checklist: {'.'.join(map(str, first['loc']))} {first['msg']}") from error
    for one in found:
        if one.state == "overridden" and not (one.reason.strip() and one.by):
            raise Mend(f"'{one.item}' is overridden: say why and who, e.g. --by AB")
    settled = {one.item for one in found if one.settled}
    waiting = [item for item in must if item not in settled]
    if waiting:
        raise Mend(f"not confirmed: {'; '.join(waiting)}")
    return found


def worked_off(
    items: Sequence[str],
    confirmed: Iterable[str],
    overridden: Iterable[str],
    *,
    by: str | None,
    on: str | None = None,
    known: Mapping[str, Ticked] | None = None,
    must: bool = False,
) -> tuple[Ticked, ...]:
    """A list as flags say it: items by number (from 1), by their beginning, or "all".

    Args:
        items: The list.
        confirmed: "all", "1,3", or the beginning of an item.
        overridden: Items with the reason behind "=": "2=escort comes at four".
        by: Who says so.
        on: On which day.
        known: What was settled before; it stays where nothing new is said.
        must: Whether the session waits for these.

    Raises:
        Mend: An item is not on the list, a reason or the initials are missing.
    """
    found = {item: Ticked(item=item, must=must) for item in items}
    found |= {item: one for item, one in (known or {}).items() if item in found}
    for word in (word for written in confirmed for word in _parts(written)):
        for item in items if word == "all" else (_item(items, word),):
            if word != "all" or not found[item].settled:
                found[item] = Ticked(item=item, state="confirmed", by=by, on=on, must=must)
    for written in overridden:
        word, _, reason = written.partition("=")
        if not reason.strip() or by is None:
            raise Mend(f"'{written}': write the item, =, the reason, and who says so with --by AB")
        item = _item(items, word)
        found[item] = Ticked(
            item=item, state="overridden", reason=reason.strip(), by=by, on=on, must=must
        )
    return tuple(found[item] for item in items)


def _parts(written: str) -> list[str]:
    return written.split(",") if re.fullmatch(r"[\d,\s]+", written) else [written]


def _item(items: Sequence[str], word: str) -> str:
    word = word.strip()
    if word.isdecimal() and 1 <= int(word) <= len(items):
        return items[int(word) - 1]
    found = [item for item in items if word and item.lower().startswith(word.lower())]
    if len(found) != 1:
        listed = "; ".join(f"{number} {item}" for number, item in enumerate(items, 1))
        raise Mend(f"'{word[:60]}' names no item of the list: {listed or 'it is empty'}")
    return found[0]
