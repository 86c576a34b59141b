"""A session without a sound or a second: a real conductor under a hand clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handclock import HandClock
from session.imagined import profile, repertoire

from kaproom.record import Entry, Written
from kaproom.room.clockwatch import ClockWatch
from kaproom.room.conductor import Conductor
from kaproom.room.headphones import Headphones
from kaproom.timex import Discipline

SEVEN = profile()
KEPT = Discipline(True, 2000, 0.0001)


class SilentRoom:
    """A conductor with nobody at the sound, under a hand clock; all it writes is kept."""

    def __init__(self, folder: Path, hand: HandClock | None = None) -> None:
        self.hand = hand or HandClock()
        self.entries: list[Entry] = []
        self.folder = folder
        self.conductor = self._conductor()
        now = self.hand.now
        scribe = self.conductor.begin("5e" * 16, SEVEN, repertoire(SEVEN), now)
        fields = {"profile": SEVEN.model_dump(mode="json")}
        fields["repertoire"] = repertoire(SEVEN).model_dump(mode="json")
        self.entries.append(scribe.opening(fields, "start"))

    def _conductor(self) -> Conductor:
        def write(entries: Sequence[Entry]) -> None:
            self.entries.extend(entries)

        headphones = Headphones(self.folder, "silent", 100.0, 48_000)
        return Conductor(headphones, write, ClockWatch(lambda: self.hand.awake_ns, lambda: KEPT))

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.hand.advance(0.25)
            self.conductor.tick(self.hand.now)

    def does(self, do: str, **args: Any) -> Entry:
        now = self.hand.now
        stamp = {"mono_ns": now.mono_ns, "boot_id": now.boot_id}
        entries = self.conductor.command(do, stamp | args, "id", now).entries
        self.entries += entries
        return entries[-1]

    def of_kind(self, kind: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == kind]

    def killed_and_started(self) -> None:
        self.conductor = self._conductor()
        written = [Written(seq, "", entry) for seq, entry in enumerate(self.entries, 1)]
        assert self.conductor.pick_up(written, self.hand.now)
