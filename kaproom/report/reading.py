"""From the record of one session to its account.

Keys that a record does not have, because an older kaproom wrote it, are not known; kinds
of entries that nothing here knows are told as they are. Nothing is passed over.
"""

from __future__ import annotations

from dataclasses import replace

from kaproom import __version__
from kaproom.errors import Mend
from kaproom.record import (
    DAEMON_STARTED,
    SESSION_ENDED,
    SESSION_ERASED,
    SESSION_STARTED,
    Record,
    verify,
)
from kaproom.report.account import Account, Presence
from kaproom.report.clocks import clock_facts
from kaproom.report.course import (
    PIECE,
    misheard,
    phases,
    pieces,
    planned_phases,
    planned_pieces,
    prompts,
    silences,
)
from kaproom.report.incidents import TOLD as INCIDENTS
from kaproom.report.incidents import incidents
from kaproom.report.loudness import sound_quality
from kaproom.report.noted import TOLD as NOTES
from kaproom.report.noted import noted
from kaproom.report.prepared import TOLD as PREPARED
from kaproom.report.prepared import preparation, presence, signature
from kaproom.report.pumped import estimate, pump
from kaproom.report.sessions import ref_of, series_of
from kaproom.report.setting import setting
from kaproom.report.tale import Tale
from kaproom.session.roomfile import RoomFile

_TOLD = (
    frozenset({SESSION_STARTED, SESSION_ENDED, DAEMON_STARTED, "infusion", "phase", PIECE})
    | NOTES
    | INCIDENTS
    | PREPARED
)


def read(record: Record, session: str, room: RoomFile | None = None, *, curve: bool) -> Account:
    """The account of one session.

    Args:
        record: The room's, open; read from, never written.
        session: The session's whole id.
        room: The room file, for its name and its calibration.
        curve: Whether the predicted curve is asked for.

    Raises:
        Mend: There is no such session.
        WorldFailed: The record cannot be read.
    """
    summary = next((each for each in record.sessions() if each.session == session), None)
    if summary is None:
        raise Mend(f"the record has no session {session}; `kaproom report` lists them")
    entries = list(record.entries(session))
    erasure = next((w.entry for w in entries if w.entry.kind == SESSION_ERASED), None)
    erased = Account(
        session=session,
        state="erased",
        site="" if room is None else room.site,
        room="" if room is None else room.title,
        entries=summary.entries,
        first_seq=summary.first_seq,
        last_seq=summary.last_seq,
        erased=summary.entries - len(entries),
        erased_by=None if erasure is None else (erasure.who or "", erasure.at.utc),
        verdict=verify(record.path),
        version=__version__,
    )
    if not any(written.entry.kind == SESSION_STARTED for written in entries):
        return erased
    account = _told(Tale(entries), erased, room, curve=curve)
    account = replace(account, series=series_of(record, account.ref, session))
    return replace(account, setting=setting(account))


def _told(tale: Tale, bare: Account, room: RoomFile | None, *, curve: bool) -> Account:
    signed = signature(tale)
    return replace(
        bare,
        state="signed off" if signed else _state(tale),
        opened_utc=tale.start.at.utc,
        ended_utc=tale.end.utc,
        profile=str(tale.profile.get("name", "")),
        title=str(tale.profile.get("title", "")),
        playlist=str(tale.profile.get("playlist", "")),
        ref=ref_of(tale.fields),
        own_piece=tale.own_title,
        signed=signed,
        clock_from="infusion" if tale.has_infusion else "opening",
        from_min=tale.minute(0.0),
        to_min=tale.end_min,
        phases=phases(tale),
        planned_phases=planned_phases(tale),
        pieces=pieces(tale),
        planned_pieces=tuple(planned_pieces(tale)),
        silences=tuple(silences(tale)),
        pump=pump(tale),
        estimate=estimate(tale) if curve else None,
        notes=noted(tale),
        prompts=tuple(prompts(tale)),
        disturbances=incidents(tale),
        sound=sound_quality(tale, None if room is None else room.calibration),
        presence=tuple(Presence(tale.minute(at_s), who) for at_s, who in presence(tale)),
        preparation=preparation(tale),
        clock=clock_facts(tale),
        other=tuple(
            (w.seq, w.entry.kind, w.entry.fields) for w in tale.entries if w.entry.kind not in _TOLD
        ),
        misheard=misheard(tale),
        unread=tale.unread,
    )


def _state(tale: Tale) -> str:
    ended = next((written.entry for written in tale.of(SESSION_ENDED)), None)
    if ended is None:
        return "open"
    return "left open" if ended.fields.get("how") == "left open" else "ended"
