"""What is wrong with a file, in words that its writer can act on.

A model's complaint comes in as a path and a code; a line number and a sentence that
names the key, its value and the remedy go out.
"""

import re
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo

from kaproom.files.text import Node
from kaproom.places import legible, shown
from kaproom.session.model import PATTERN_WORDS, Fault
from kaproom.session.spelling import did_you_mean

UNITS = {
    "ms": "milliseconds",
    "s": "seconds",
    "min": "minutes",
    "h": "hours",
    "db": "dB",
    "lu": "LU",
    "lufs": "LUFS",
    "dbtp": "dBTP",
    "dba": "dB(A)",
    "hz": "Hz",
    "mg": "mg",
    "mg_per_kg": "mg per kg",
    "mg_per_ml": "mg per mL",
    "mg_per_min": "mg per minute",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was written, to find the line that a value came from."""

    path: Path
    root: Node
    model: type[BaseModel]

    def place(self, where: Iterable[str | int]) -> str:
        """``profiles/x.yaml:14: phases.peak.section``, for a key's path in the model."""
        found = _find(self, tuple(where))
        return f"{shown(self.path)}:{found.line}: {found.spelled}"

    def fault(self, fault: Fault) -> tuple[int, str]:
        """The line of a fault and its sentence."""
        found = _find(self, fault.where)
        return found.line, f"{found.spelled} {fault.text}"


def sentences(source: Source, error: ValidationError) -> list[tuple[int, str]]:
    """Each complaint of the model with its line."""
    return [
        sentence
        for complaint in error.errors(include_url=False)
        for sentence in _sentences(source, complaint)
    ]


def _sentences(source: Source, complaint: Any) -> Iterator[tuple[int, str]]:
    where: tuple[str | int, ...] = complaint["loc"]
    context: dict[str, Any] = complaint.get("ctx", {})
    if complaint["type"] == "faults":
        for fault in context["faults"]:
            yield source.fault(Fault((*where, *fault.where), fault.text))
        return
    if complaint["type"] == "too_short" and len(complaint["input"]) >= context["min_length"]:
        return  # It was long enough; the items that were wrong have sentences of their own.
    found = _find(source, where)
    said = _said(complaint["type"], complaint["input"], context, found)
    yield found.line, f"{found.spelled} {said or complaint['msg']}"


@dataclass(frozen=True, slots=True)
class _Found:
    line: int
    spelled: str
    inside: type[BaseModel] | None
    field: FieldInfo | None
    key: str


def _find(source: Source, where: tuple[str | int, ...]) -> _Found:
    """Follow a path through the file and the model at once.

    The model's union of pieces puts a tag into the path that the file does not have.
    """
    node: Node | None = source.root
    kind: Any = source.model
    line, spelled, key = source.root.line, "", ""
    inside: type[BaseModel] | None = None
    known: FieldInfo | None = None
    for position, part in enumerate(where):
        if part == "[key]":
            continue
        choices = _choices(kind)
        if choices and part in choices and position < len(where) - 1:
            kind = choices[str(part)]
            continue
        if choices:
            written = node.keys if node else {}
            kind = choices[next((kind for kind in choices if kind in written), "soundscape")]
        inside, known, kind = _step(kind, part)
        key = str(part)
        if isinstance(part, int):
            there = node is not None and node.kind == "list" and part < len(node.items)
            node = node.items[part] if there and node else None
            line = node.line if node else line
            named = _named(node)
            spelled += f".{named}" if named else f"[{part + 1}]"
        else:
            entry = node.keys.get(part) if node else None
            line, node = entry or (line, None)
            spelled += f".{legible(key, 60)}" if spelled else legible(key, 60)
    return _Found(line, spelled or "the file", inside, known, key)


def _named(node: Node | None) -> str | None:
    """A phase or a note is called by its name rather than counted."""
    for key in ("name", "category"):
        if node is not None and key in node.keys:
            name = node.keys[key][1].one
            if isinstance(name, str) and re.fullmatch(r"[A-Za-z][\w-]{0,40}", name):
                return name
    return None


def _bare(kind: Any) -> Any:
    """A type without Annotated and without ``| None``."""
    while get_origin(kind) is typing.Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        some = [choice for choice in get_args(kind) if choice is not NoneType]
        if len(some) == 1:
            return _bare(some[0])
    return kind


def _choices(kind: Any) -> dict[str, Any]:
    kind = _bare(kind)
    if get_origin(kind) not in (Union, UnionType):
        return {}
    return {
        mark.tag: choice
        for choice in get_args(kind)
        for mark in get_args(choice)[1:]
        if isinstance(mark, Tag)
    }


def _step(kind: Any, part: str | int) -> tuple[type[BaseModel] | None, FieldInfo | None, Any]:
    """From a type to the type of one of its parts: the model it is in, the field, the type."""
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(part))
        return kind, field, field.annotation if field else None
    arguments = get_args(kind)
    if get_origin(kind) is tuple and arguments:
        return None, None, arguments[0]
    if get_origin(kind) is dict and arguments:
        return None, None, arguments[1]
    return None, None, None


def _said(code: str, value: Any, context: dict[str, Any], found: _Found) -> str | None:
    if code == "missing":
        return f"is missing; add it{_purpose(found)}"
    if code == "extra_forbidden":
        return _unknown_key(found)
    if code == "piece":
        return _neither_piece(value)
    if value is None:
        return "is empty; give it a value or remove the line"
    must = _must(code, value, context)
    return f"is {_value(value)}; {must}" if must else None


_MUST = {
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be at least {ge:g}",
    "less_than": "it must be less than {lt:g}",
    "less_than_equal": "it must be at most {le:g}",
    "finite_number": "it must be an ordinary number",
    "bool_type": "it must be true or false",
    "tuple_type": "it must be a list: below it, each item on its own line after '- '",
    "model_type": "it must hold keys of its own, indented below it",
    "dict_type": "it must hold keys of its own, indented below it",
    "literal_error": "it must be {expected}",
    "string_too_long": "it must not be longer than {max_length} characters",
    "string_too_short": "it must not be blank",
    "too_long": "it may have at most {max_length} items, not {actual_length}",
    "too_short": "it needs at least {min_length}, each on its own line after '- '",
    "value": "{text}",
}


def _must(code: str, value: Any, context: dict[str, Any]) -> str | None:
    match code:
        case "float_type":
            return f"it must be a number{_number_meant(value)}"
        case "int_type" | "int_from_float":
            return f"it must be a whole number{_number_meant(value)}"
        case "string_type":
            quoted = f': put it in quotes, "{value}"' if isinstance(value, int | float) else ""
            return f"it must be text{quoted}"
        case "string_pattern_mismatch":
            return PATTERN_WORDS.get(context["pattern"])
        case _ if code in _MUST:
            return _MUST[code].format(**context)
        case _:
            return None


def _number_meant(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    if re.fullmatch(r"\s*[-+]?\d+,\d+\s*", value):
        return f", with a point: {value.strip().replace(',', '.')}"
    # A number with its unit; of 0x28, 4_0 and 40:00 nobody knows what was meant.
    bare = re.match(r"\s*([-+]?\d+(?:\.\d+)?)(?![\dxX_:.-])", value)
    return f" without quotes or unit: {bare[1]}" if bare else ""


def _purpose(found: _Found) -> str:
    described = found.field.description if found.field else None
    if not described:
        return ""
    first = re.split(r"[.:;](?:\s|$)", described.replace("\n", " "), maxsplit=1)[0]
    return f" ({first[0].lower()}{first[1:]})"


def _unknown_key(found: _Found) -> str:
    known = list(found.inside.model_fields) if found.inside else []
    stem, unit = _unit(found.key)
    for key in known:
        key_stem, key_unit = _unit(key)
        if key_unit and key_unit != unit and key_stem == stem:
            return f"is not known; it is given in {UNITS[key_unit]}, as '{key}'"
    return f"is not known{did_you_mean(found.key, known)}; known here: {', '.join(known)}"


def _unit(key: str) -> tuple[str, str | None]:
    for unit in sorted(UNITS, key=len, reverse=True):
        if key.endswith(f"_{unit}"):
            return key.removesuffix(f"_{unit}"), unit
    return key, None


def _neither_piece(value: Any) -> str:
    if not isinstance(value, dict):
        return f"is {_value(value)}; write {{file: music/x.flac}} or {{soundscape: ocean}}"
    kinds = ("file", "soundscape", "silence")
    there = [kind for kind in kinds if kind in value]
    if there:
        return f"has both {there[0]} and {there[1]}; keep one of them"
    for key in value:
        if near := did_you_mean(str(key), kinds):
            return f"has neither file nor soundscape, but {legible(str(key), 60)}{near}"
    return "has neither file nor soundscape; add one of them"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    if isinstance(value, str):
        return f"'{legible(value, 60)}'"
    if isinstance(value, list | tuple):
        return "a list"
    return "a group of keys" if isinstance(value, dict) else legible(str(value), 60)
