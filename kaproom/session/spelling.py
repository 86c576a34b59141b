"""How keys and words are told to people who wrote them."""

import difflib
from collections.abc import Iterable


def spell(where: Iterable[str | int]) -> str:
    """A key's path as a person reads it; lists count from 1: ``phases[4].start_min``."""
    spelled = ""
    for part in where:
        if isinstance(part, int):
            spelled += f"[{part + 1}]"
        else:
            spelled += f".{part}" if spelled else part
    return spelled


def nearest(written: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, or None."""
    near = difflib.get_close_matches(written, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """The same as `` (did you mean 'ocean'?)``, or nothing."""
    meant = nearest(written, known)
    return "" if meant is None else f" (did you mean '{meant}'?)"
