"""One entry of the record, and the very bytes by which it is kept and proven.

Pure values and arithmetic: nothing here opens a file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kaproom.clock import Instant

BODY_VERSION = 1
SALT_BYTES = 16  # erased with its body, it must not be found by trying

# The kinds by which the record itself finds its way; the session names the others.
DAEMON_STARTED = "daemon-started"
SESSION_STARTED = "session-started"
SESSION_ENDED = "session-ended"
SIGNED_OFF = "signed-off"
SESSION_ERASED = "session-erased"
NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened in the room.

    Attributes:
        kind: What it was: ``note``, ``phase``, ``infusion-started`` …
        at: When it happened; of a key, the press.
        entered: When kaproom was told.
        session: The session's id, 32 hexadecimal digits; None outside of one.
        session_s: Since the infusion started, as known then; None before it.
        infusion_s: Of infusion received, pauses left out, as known then.
        phase: As known then.
        heard: What was audible at ``at``: track and the position in it.
        who: The initials of those present, parted by spaces.
        late: Entered after the event, with ``--ago`` or ``--at``.
        clock: How well the wall clock was kept: synchronised, by how much it was off,
            how often it was seen to step.
        command_id: Of the command that brought it; two entries may share one.
        fields: Whatever else belongs to this kind. Never a weight.
    """

    kind: str
    at: Instant
    entered: Instant
    session: str | None = None
    session_s: float | None = None
    infusion_s: float | None = None
    phase: str | None = None
    heard: Mapping[str, Any] | None = None
    who: str | None = None
    late: bool = False
    clock: Mapping[str, Any] | None = None
    command_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the record ends: its newest sequence and hash. A record without entries has seq 0."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Written:
    """An entry in its place in the record; ``hash`` as 64 hexadecimal digits."""

    seq: int
    hash: str
    entry: Entry


def body_of(entry: Entry) -> bytes:
    """The bytes by which an entry is hashed and kept: canonical JSON, UTF-8.

    A lone surrogate (no character; a broken terminal sends them) becomes U+FFFD.
    """
    assert not _names_weight(entry.fields), "a weight never enters the record"
    assert not _names_weight(entry.heard), "a weight never enters the record"
    body = {
        "v": BODY_VERSION,
        "kind": entry.kind,
        "session": entry.session,
        "at": _instant_out(entry.at),
        "entered": _instant_out(entry.entered),
        "late": entry.late,
        "session_s": entry.session_s,
        "infusion_s": entry.infusion_s,
        "phase": entry.phase,
        "heard": entry.heard,
        "who": entry.who,
        "clock": entry.clock,
        "command_id": entry.command_id,
        "data": entry.fields,
    }
    text = json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def entry_of(body: bytes) -> Entry:
    """The entry that ``body_of`` wrote.

    Raises:
        ValueError: These bytes are no entry's.
    """
    try:
        found = json.loads(body)
        return Entry(
            kind=found["kind"],
            at=_instant_in(found["at"]),
            entered=_instant_in(found["entered"]),
            session=found["session"],
            session_s=found["session_s"],
            infusion_s=found["infusion_s"],
            phase=found["phase"],
            heard=found["heard"],
            who=found["who"],
            late=found["late"],
            clock=found.get("clock"),
            command_id=found["command_id"],
            fields=found["data"],
        )
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not an entry of the record: {error!r}") from error


def chain_start(record_id: str) -> bytes:
    """The hash before the first entry; it binds the chain to this record."""
    return hashlib.sha256(b"kaproom record 1\n" + record_id.encode()).digest()


def digest_of(salt: bytes, body: bytes) -> bytes:
    """What stays of an entry when body and salt are erased."""
    return hashlib.sha256(salt + body).digest()


def hash_of(previous: bytes, seq: int, digest: bytes) -> bytes:
    """The chain's next link."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big") + digest).digest()


def _instant_out(instant: Instant) -> dict[str, Any]:
    assert instant.utc.utcoffset() is not None, "the record keeps aware times only"
    return {
        "mono_ns": instant.mono_ns,
        "boot": instant.boot_id,
        "utc": instant.utc.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def _instant_in(found: Mapping[str, Any]) -> Instant:
    return Instant(found["mono_ns"], found["boot"], datetime.fromisoformat(found["utc"]))


def _names_weight(value: object) -> bool:
    match value:
        case Mapping():
            return any(
                str(key).lower().startswith("weight") or _names_weight(inner)
                for key, inner in value.items()
            )
        case list() | tuple():
            return any(_names_weight(inner) for inner in value)
        case _:
            return False
