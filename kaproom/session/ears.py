"""Left and right: the two ears, and the sides that a test tone may be on."""

from __future__ import annotations

from typing import Final, Literal, cast, get_args

Ear = Literal["left", "right"]
Side = Literal["left", "right", "both"]

EARS: Final[tuple[Ear, ...]] = get_args(Ear)


def side_of(given: object) -> Side | None:
    """The side that is meant; None when it is none."""
    return cast(Side, given) if given in get_args(Side) else None
