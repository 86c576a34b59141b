"""Who is present: initials, never names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kaproom.errors import Mend

PRESENT_MAX = 8
_INITIALS = re.compile(r"[^\W\d_]{1,3}")


def initials(written: object) -> str:
    """One person's initials, in capitals.

    Raises:
        Mend: It is longer than initials are, or none.
    """
    if not isinstance(written, str) or not _INITIALS.fullmatch(written.strip()):
        text = str(written)[:40]
        raise Mend(f"'{text}' is nobody's initials; write one to three letters, e.g. AB")
    return written.strip().upper()


def present(written: Iterable[object]) -> str:
    """All who are there, each once, as the record keeps them: "AB CD".

    Raises:
        Mend: Somebody's are not initials, there are too many, or nobody is named.
    """
    found = list(dict.fromkeys(initials(one) for one in written))
    if not found:
        raise Mend("say who is present, by initials, e.g. `kaproom who AB CD`")
    if len(found) > PRESENT_MAX:
        raise Mend(f"{len(found)} are present; at most {PRESENT_MAX} can be named")
    return " ".join(found)
