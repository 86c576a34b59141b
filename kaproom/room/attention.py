"""What is open in the room and wants somebody: raised when it begins, cleared when it is over.

It derives from what the room knows, but for the call, which people make and take back.
Each raising has an id of its own, by which a station says that it has shown this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaproom.clock import NS_PER_S, Instant
from kaproom.contract.payload import Code, Priority
from kaproom.record import Entry, Written

KIND = "attention"
# A moment's silence, as a player starts, is not yet lost sound; with it, the room still
# tells within 2 s.
SOUND_LOST_S = 1.0
RESTARTED_S = 60.0  # chosen: so long a restart in mid-session is told
# From the key press; up to a quarter of a second until the state is told, and its drawing come
# on top, and it is read within 3 s (2.9 s were measured with 2.6).
NOT_DELIVERED_S = 2.4
_PRIORITIES = {
    Code.SOUND_LOST: Priority.ASSIST,
    Code.DEVICE_LOST: Priority.ASSIST,
    Code.RECORD_FAILING: Priority.ASSIST,
    Code.PROMPT_OVERDUE: Priority.NOTICE,
    Code.DAEMON_RESTARTED: Priority.NOTICE,
    Code.INTERRUPTED: Priority.ASSIST,
    Code.DISK_LOW: Priority.NOTICE,
}


@dataclass(frozen=True, slots=True)
class Matter:
    """One open matter."""

    code: Code
    id: str
    priority: Priority
    since: Instant


@dataclass(frozen=True, slots=True)
class Change:
    """A matter was raised or cleared."""

    raised: bool
    matter: Matter

    @property
    def fields(self) -> dict[str, str]:
        """For the record."""
        return {
            "what": "raised" if self.raised else "cleared",
            "code": str(self.matter.code),
            "id": self.matter.id,
            "priority": str(self.matter.priority),
        }

    def entry(self, now: Instant) -> Entry:
        """For the record, when no session is open."""
        return Entry(kind=KIND, at=now, entered=now, fields=self.fields)


@dataclass(slots=True)
class Attention:
    """The open matters of one room, since this start of its daemon."""

    boot: int
    _open: dict[Code, Matter] = field(default_factory=dict)
    _since: dict[Code, Instant] = field(default_factory=dict)
    _raised: int = 0

    @property
    def matters(self) -> tuple[Matter, ...]:
        """Open now, in the order in which they came."""
        return tuple(self._open.values())

    @property
    def call(self) -> Matter | None:
        """The call that is open."""
        return self._open.get(Code.CALL)

    def restore_call(self, entries: Iterable[Written]) -> None:
        """Take up a call that was open when the last daemon went; ``entries`` in order."""
        for written in entries:
            entry = written.entry
            if entry.kind != KIND or entry.fields.get("code") != Code.CALL:
                continue
            self._open.pop(Code.CALL, None)
            if entry.fields.get("what") == "raised":
                priority = Priority(entry.fields["priority"])
                self._open[Code.CALL] = Matter(Code.CALL, entry.fields["id"], priority, entry.at)

    def look(
        self, status: Mapping[str, Any], now: Instant, resumed_s: float | None
    ) -> list[Change]:
        """What began or is over, from the room's own state.

        Args:
            status: The room's state as its own clients see it.
            now: This moment.
            resumed_s: How long ago this daemon took up a session; None when it did not.
        """
        sound = status["sound"]["state"]
        changes: list[Change] = []
        for code, true, after_s in (
            (Code.SOUND_LOST, sound == "unplanned-silence", SOUND_LOST_S),
            (Code.DEVICE_LOST, sound == "device-lost", SOUND_LOST_S),
            (Code.RECORD_FAILING, bool(status["record"]["failing"]), 0.0),
            (Code.PROMPT_OVERDUE, bool((status.get("prompts") or {}).get("overdue")), 0.0),
            (Code.DAEMON_RESTARTED, resumed_s is not None and resumed_s < RESTARTED_S, 0.0),
            (Code.INTERRUPTED, bool((status.get("session") or {}).get("interrupted")), 0.0),
            (Code.DISK_LOW, bool(status["record"].get("disk_low")), 0.0),
        ):
            if not true:
                self._since.pop(code, None)
                changes += self._clear(code)
            elif code not in self._open:
                since = self._since.setdefault(code, now)
                if now.mono_ns - since.mono_ns >= after_s * NS_PER_S:
                    changes.append(self._raise(code, _PRIORITIES[code], since))
        return changes

    def raise_call(self, level: Priority, now: Instant) -> list[Change]:
        """Somebody is needed; a call of another level takes the place of the first."""
        if self.call is not None and self.call.priority is level:
            return []
        return [*self._clear(Code.CALL), self._raise(Code.CALL, level, now)]

    def cancel_call(self) -> list[Change]:
        """Nobody is needed any more."""
        return self._clear(Code.CALL)

    def _raise(self, code: Code, priority: Priority, since: Instant) -> Change:
        self._raised += 1
        matter = Matter(code, f"{self.boot}-{self._raised}", priority, since)
        self._open[code] = matter
        return Change(True, matter)

    def _clear(self, code: Code) -> list[Change]:
        matter = self._open.pop(code, None)
        return [] if matter is None else [Change(False, matter)]


def call_status(
    call: Matter | None, bus: Mapping[str, Any] | None, now: Instant
) -> dict[str, Any] | None:
    """How a call stands: sending, shown, seen, or not-delivered, and where and by whom."""
    if call is None:
        return None
    receipts = (bus or {}).get("receipts") or {}
    of_this = receipts if receipts.get("id") == call.id else {}
    shown, seen = list(of_this.get("shown", ())), list(of_this.get("seen", ()))
    open_s = (
        (now.mono_ns - call.since.mono_ns) / NS_PER_S
        if now.boot_id == call.since.boot_id
        else (now.utc - call.since.utc).total_seconds()
    )
    if seen:
        state = "seen"
    elif shown:
        state = "shown"
    else:
        late = bus is None or open_s >= NOT_DELIVERED_S
        state = "not-delivered" if late else "sending"
    return {
        "id": call.id,
        "level": str(call.priority),
        "open_s": open_s,
        "state": state,
        "why": _why(bus) if state == "not-delivered" else None,
        "shown": shown,
        "seen": seen,
    }


def _why(bus: Mapping[str, Any] | None) -> str:
    if bus is None:
        return "this room has no broker"
    if not bus["connected"]:
        return "the broker is not reached"
    return "no nurse station has shown it"
