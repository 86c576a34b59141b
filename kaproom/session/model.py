"""What every written thing of the clinic has in common.

A model here is read from a file that a person wrote, so it forgives nothing: an
unknown key, a text where a number belongs, or a number out of its range is refused in
words that the person can act on. Once read, nothing changes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from kaproom.session.spelling import spell

T = TypeVar("T")


class Written(BaseModel):
    """A part of a file that a person wrote: frozen, exact about types, no key unknown."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that several keys make wrong together.

    ``where`` is the path of the key to mend, for example ``("phases", 3, "start_min")``;
    ``text`` follows the key's name in the line that a person reads.
    """

    where: tuple[str | int, ...]
    text: str


def refuse(faults: Iterable[Fault]) -> None:
    """Raise the faults as one validation error; files.py gives each its own line."""
    found = list(faults)
    if found:
        text = "; ".join(f"{spell(fault.where)} {fault.text}" for fault in found)
        raise PydanticCustomError("faults", "{text}", {"text": text, "faults": found})


def refuse_value(text: str) -> NoReturn:
    """Refuse one value; the text follows "key is value; "."""
    raise PydanticCustomError("value", "{text}", {"text": text})


_M_SS = re.compile(r"(?:(\d{1,2}):)?(\d{1,4}):([0-5]\d(?:\.\d{1,6})?)")


def _seconds(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    match = _M_SS.fullmatch(written)
    if match is None:
        refuse_value('write seconds, or minutes and seconds as "3:05"')
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)


Many = Annotated[tuple[T, ...], Strict(False)]
"""A list in the file; a tuple once read, so that nothing changes it."""

Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(ge=0),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^(\d{1,2}:)?\d{1,4}:[0-5]\d(\.\d{1,6})?$"},
            ]
        }
    ),
]
"""A time inside a piece: seconds, or "m:ss"."""

_ALIAS = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
_LINE = r"^[^\x00-\x1f\x7f\x85\u2028\u2029]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f\x85\u2028\u2029]*$"
_KEY = r"^[!-~]$"

PATTERN_WORDS = {
    _ALIAS: "it may hold only a-z, 0-9 and '-' (not at its ends), at most 40 of them",
    _LINE: "it must be one line of text, and not blank",
    _KEY: "it must be one key of the keyboard: a letter, a digit or a sign",
}
"""What each pattern asks for, in a person's words."""

Alias = Annotated[str, Field(pattern=_ALIAS)]
"""A name that may go on the wire and into a file name: a-z, 0-9 and '-', at most 40."""

Line = Annotated[str, Field(pattern=_LINE, max_length=120)]
"""One line of text that is shown to people."""

Key = Annotated[str, Field(pattern=_KEY)]
"""One key of the keyboard."""
