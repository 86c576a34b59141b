"""The patient's weight: in this process's memory, for one session, for doses alone.

It is never written, published or logged, and no music follows it: a daemon that starts
again without it plays on as before.
"""

from __future__ import annotations

from typing import Any

from kaproom.errors import Mend, Refused
from kaproom.session import events as e
from kaproom.session.given import dose
from kaproom.session.infusion import PER_KG, WEIGHT_KG
from kaproom.session.state import Session


class Weight:
    """Known, or not; forgotten at the session's end."""

    def __init__(self) -> None:
        self._kg: float | None = None

    def begin(self, kg: object) -> None:
        """Keep it for the session that begins; None where it was not given.

        Raises:
            Mend: It is no weight.
        """
        if kg is None:
            self._kg = None
            return
        low, high = WEIGHT_KG
        if isinstance(kg, bool) or not isinstance(kg, int | float) or not low <= kg <= high:
            raise Mend(f"--weight-kg must lie between {low:g} and {high:g}")
        self._kg = float(kg)

    def forget(self) -> None:
        """The session is over."""
        self._kg = None

    def must_be_known_for(self, event: e.Event) -> None:
        """An amount per kg is none without it.

        Raises:
            Refused: It is not known; the text says how to record the amount all the same.
        """
        if self._kg is None and isinstance(event, e.Infused) and event.unit in PER_KG.values():
            plain = (event.unit or "").replace("/kg", "")
            raise Refused(
                f"a {event.what} in {event.unit} needs the weight, which is not known: it is given"
                " with `kaproom start --weight-kg` and kept in memory only, so that a restart loses"
                f" it; record it in {plain}"
            )

    def dose(self, session: Session) -> dict[str, Any] | None:
        """What was given so far; see ``session.given``."""
        return dose(session, self._kg)
