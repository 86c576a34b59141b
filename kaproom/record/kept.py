"""Heads that were kept elsewhere: written down by a person, or in states off the bus.

A head is worth nothing in the folder of its record; on another machine it proves that the
record was neither cut nor written anew since.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from kaproom.errors import Mend
from kaproom.record.database import FILE_NAME
from kaproom.record.entry import DAEMON_STARTED, Head, entry_of
from kaproom.record.opening import FAULTS, connect
from kaproom.record.schema import LANDMARK

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


def kept_heads(given: str, record: Path) -> tuple[Head, ...]:
    """The heads in what was given to `--head`.

    Args:
        given: ``SEQ:HASH``, or a file: each line one, or a state as it was on the bus, with
            or without its topic before it. States of other rooms are passed over.
        record: The folder or the file of the record that they are for.

    Raises:
        Mend: It is neither, or there is no head in it.
    """
    written = _HEAD.fullmatch(given.strip())
    if written:
        return (Head(int(written[1]), written[2]),)
    try:
        text = Path(given).read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise Mend(
            f"--head: '{given}' is neither SEQ:HASH, as the state publishes them, nor a file of "
            "such heads or of states"
        ) from error
    room = _room_of(record)
    found = tuple(dict.fromkeys(_heads(text, room)))
    if not found:
        of = "" if room is None else f" of room {'/'.join(room)}"
        raise Mend(f"{given}: no head{of} is in it; give SEQ:HASH, or states as they came by MQTT")
    return found


def _heads(text: str, room: tuple[str, str] | None) -> Iterator[Head]:
    for line in text.splitlines():
        written = _HEAD.fullmatch(line.strip())
        if written:
            yield Head(int(written[1]), written[2])
            continue
        try:
            state = json.loads(line[line.index("{") :])
            seq, digest = state["record"]["head_seq"], state["record"]["head_hash"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        ours = room is None or (state.get("site"), state.get("room")) == room
        if ours and isinstance(seq, int) and _HEAD.fullmatch(f"{seq}:{digest}"):
            yield Head(seq, digest)


def _room_of(record: Path) -> tuple[str, str] | None:
    """Site and room, as the record's first daemon called them; None when it does not tell."""
    path = record / FILE_NAME if record.is_dir() else record
    try:
        connection = connect(path, read_only=True)
    except Mend:
        return None
    try:
        query = (
            "SELECT body FROM entry JOIN body USING (seq) "
            f"WHERE {LANDMARK} AND kind = ? ORDER BY seq LIMIT 1"
        )
        fields = entry_of(connection.execute(query, (DAEMON_STARTED,)).fetchone()[0]).fields
        return str(fields["site"]), str(fields["room"])
    except (*FAULTS, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
