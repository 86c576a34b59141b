"""The room's record: what happened, when, and what was audible; added to, never rewritten.

``Record`` is SQLite's one door, ``Recorder`` the thread through which the daemon
writes, ``verify`` the proof that nothing was changed. An entry that was acknowledged
is on disk; there is no way here to change one, and one way to remove: a session's bodies
go when somebody asks for it, named by an entry of kind ``session-erased``. README.md
beside this file is for whoever keeps the record.

One file per room, ``record.sqlite3`` in the data folder: WAL, ``synchronous=FULL``,
``application_id`` 0x6b617072 ("kapr"), schema 2 in ``PRAGMA user_version`` and in
``meta``; schema 1, which let nothing go, is read as it is and brought forward by a writer.

``entry`` (seq, session, kind, digest, hash)
    One row for each thing that happened, ``seq`` from 1 without gaps. ``session``
    and ``kind`` repeat the body's, to be found by.
``body`` (seq, salt, body)
    The entry itself: canonical JSON in UTF-8 (keys sorted, no spaces), the very
    bytes that were hashed, and 16 random bytes. Apart from ``entry``, so that a body and
    its salt can be erased and the chain stays whole. It may be missing only where a later
    ``session-erased`` names it (``data.entries``: stretches of seq, first and last).
``meta`` (key, value)
    ``schema``, ``record_id`` (the chain's beginning), ``created_utc``, ``kaproom``;
    ``wipe_due`` while erased bytes may still lie in the file's free parts.
``acknowledged`` (whom, seq)
    How far others (the broker) have confirmed what was sent to them: a high-water
    mark beside the record, the only row in it that changes.
``append`` (seq, session, kind, digest, hash, salt, body)
    The one way in: a view whose trigger writes both tables, so that an entry is one
    statement and its commit one wait.

The chain, SHA-256 throughout, ``‖`` for bytes one after another, seq as 8 bytes,
most significant first::

    hash(0)   = H("kaproom record 1\\n" ‖ record_id)
    digest(n) = H(salt ‖ body)
    hash(n)   = H(hash(n-1) ‖ seq ‖ digest(n))

A body's keys: ``v`` 1, ``kind``, ``session``, ``at`` and ``entered`` (``mono_ns``,
``boot``, ``utc``), ``late``, ``session_s``, ``infusion_s``, ``phase``, ``heard``,
``who``, ``clock`` (not in the first records), ``command_id``, ``data``. What is stored
of session time, phase and what was heard is as known then.

``heard``
    ``cue``, ``title``, ``key``, ``position_s`` in the piece, ``silent``, ``gain_db`` that
    the output was to have, ``loudness_lufs`` of the piece with it, and ``leaving`` while
    two pieces cross. Where the output's own time is known: ``frame``, the programme's
    count, ``rate_hz``, and ``position_frames`` in the piece.
``clock``
    ``synced`` (null where the kernel does not say), ``offset_s`` and ``max_error_s`` as
    the kernel has them, ``steps`` seen since the session was opened; ``rebooted`` where the
    machine was off in between, so that the session's time rests on the wall clock.
"""

from kaproom.record.copying import Copy, copied
from kaproom.record.database import FILE_NAME, Record
from kaproom.record.entry import (
    DAEMON_STARTED,
    NOTE,
    SESSION_ENDED,
    SESSION_ERASED,
    SESSION_STARTED,
    SIGNED_OFF,
    Entry,
    Head,
    Written,
)
from kaproom.record.kept import kept_heads
from kaproom.record.lock import RoomLock
from kaproom.record.recorder import Done, Recorder
from kaproom.record.sessions import SessionSummary
from kaproom.record.verdict import Verdict, verify

__all__ = [
    "DAEMON_STARTED",
    "FILE_NAME",
    "NOTE",
    "SESSION_ENDED",
    "SESSION_ERASED",
    "SESSION_STARTED",
    "SIGNED_OFF",
    "Copy",
    "Done",
    "Entry",
    "Head",
    "Record",
    "Recorder",
    "RoomLock",
    "SessionSummary",
    "Verdict",
    "Written",
    "copied",
    "kept_heads",
    "verify",
]
