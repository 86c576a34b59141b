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


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """Nearest known word as `` (did you mean 'ocean'?)``, or nothing."""
    near = difflib.get_close_matches(written, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""
