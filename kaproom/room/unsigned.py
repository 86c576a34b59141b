"""The sessions that ended and that nobody has answered for yet: told, and in nobody's way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kaproom.record import SESSION_ENDED, SESSION_ERASED, SIGNED_OFF, SessionSummary, Written

_TOLD_MAX = 20


class Unsigned:
    """Of one room; ``waiting`` are those from before this start of its daemon."""

    def __init__(self, waiting: Iterable[SessionSummary]) -> None:
        self._ended = {one.session: one.ended for one in waiting if one.ended is not None}

    def written(self, entries: Iterable[Written]) -> None:
        """These are on disk now."""
        for written in entries:
            entry = written.entry
            if entry.session is None:
                continue
            if entry.kind == SESSION_ENDED:
                self._ended[entry.session] = entry.at
            elif entry.kind in (SIGNED_OFF, SESSION_ERASED):
                self._ended.pop(entry.session, None)

    def told(self) -> list[dict[str, Any]]:
        """For the screens, the newest last."""
        newest = list(self._ended.items())[-_TOLD_MAX:]
        return [{"session": session, "ended_utc": at.utc.isoformat()} for session, at in newest]
