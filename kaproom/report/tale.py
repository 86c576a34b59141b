"""What a sheet is told from: the entries of one session, and the session they add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kaproom.clock import Instant, Reckoning
from kaproom.errors import WorldFailed
from kaproom.record import SESSION_ENDED, SESSION_STARTED, Entry, Written
from kaproom.retold import Happened, happened
from kaproom.session.status import BEGIN_MAX_S


class Tale:
    """One session. ``what`` is None, and ``unread`` says why, where it cannot be reckoned anew.

    Minutes count from the recorded start of the infusion, or from the opening.
    """

    def __init__(self, entries: Sequence[Written]) -> None:
        self.entries = entries
        self.start: Entry = next(w for w in entries if w.entry.kind == SESSION_STARTED).entry
        reckoning = Reckoning(self.start.at)
        for written in entries:
            reckoning = reckoning.met(written.entry.entered)
        self._reckoning = reckoning
        self.what: Happened | None = None
        self.unread: str | None = None
        try:
            self.what = happened(entries)
        except WorldFailed as failed:
            self.unread = str(failed)
        started = [
            w.entry.at for w in self.of("infusion") if w.entry.fields.get("what") == "started"
        ]
        self.has_infusion = bool(started)
        if self.what is not None:
            self.zero_s = self.what.zero_s
        else:
            self.zero_s = self.at_s(started[-1]) if started else 0.0

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it was started with."""
        return self.start.fields

    @property
    def profile(self) -> Mapping[str, Any]:
        """Its profile, as recorded."""
        found = self.fields.get("profile")
        return found if isinstance(found, Mapping) else {}

    @property
    def own_title(self) -> str:
        """What the patient's own closing piece is called; empty without one."""
        return str(self._closing.get("title", ""))

    @property
    def own_key(self) -> str | None:
        """By which it is known."""
        return self._closing.get("key")

    @property
    def _closing(self) -> Mapping[str, Any]:
        repertoire = self.fields.get("repertoire")
        found = repertoire.get("closing") if isinstance(repertoire, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def of(self, *kinds: str) -> Iterator[Written]:
        """Its entries of these kinds, in order."""
        return (written for written in self.entries if written.entry.kind in kinds)

    def standstills(self) -> Iterator[tuple[Entry, float]]:
        """When the sound stood still, and for how long; not what it took to begin at all."""
        for written in self.of("shift"):
            by_s = float(written.entry.fields.get("by_s", 0.0))
            if by_s > 0 and self.at_s(written.entry.at) > BEGIN_MAX_S:
                yield written.entry, by_s

    def at_s(self, instant: Instant) -> float:
        """Seconds since the opening, as the room counted them."""
        return self._reckoning.at_s(instant)

    def minute(self, at_s: float) -> float:
        """The minute of a moment in seconds since the opening."""
        return (at_s - self.zero_s) / 60

    def minute_of(self, entry: Entry) -> float:
        """The minute at which something happened."""
        return self.minute(self.at_s(entry.at))

    def utc(self, at_s: float) -> datetime:
        """The time of day of a moment, by the clock at the opening."""
        return self.start.at.utc + timedelta(seconds=at_s)

    @property
    def end(self) -> Instant:
        """Its end, or the last that is known."""
        ended = [written.entry.at for written in self.of(SESSION_ENDED)]
        return ended[0] if ended else self.entries[-1].entry.entered

    @property
    def end_s(self) -> float:
        """The same, in seconds since the opening."""
        return max(0.0, self.at_s(self.end))

    @property
    def end_min(self) -> float:
        """The same, as a minute."""
        return self.minute(self.end_s)
