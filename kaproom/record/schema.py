"""The record's tables, and the triggers by which SQLite itself refuses to rewrite them.

Schema 1 let nothing go. Schema 2 lets a body go that an erasure later in the chain names;
nothing else about it is different, and what is written in either reads the same.
"""

APPLICATION_ID = 0x6B617072  # "kapr"
SCHEMA = 2

# Word for word in every query, or SQLite would not use the index.
LANDMARK = "kind IN ('daemon-started', 'session-started', 'session-ended', 'session-erased')"
_LANDMARK_1 = "kind IN ('daemon-started', 'session-started', 'session-ended')"
_INDEX = "CREATE INDEX entry_landmark ON entry (kind, session)\n  WHERE "
_NO_DELETE_1 = """CREATE TRIGGER body_no_delete BEFORE DELETE ON body
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END"""
_NO_DELETE = f"""CREATE TRIGGER body_no_delete BEFORE DELETE ON body
  WHEN NOT EXISTS (
    SELECT 1 FROM entry JOIN body AS erasure USING (seq),
      json_each(CAST(erasure.body AS TEXT), '$.data.entries') AS stretch
    WHERE {LANDMARK} AND kind = 'session-erased' AND entry.seq > old.seq
      AND json_extract(stretch.value, '$[0]') <= old.seq
      AND json_extract(stretch.value, '$[1]') >= old.seq
  )
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END"""

# BEFORE INSERT holds the order, and with it what INSERT OR REPLACE would get around.
STATEMENTS = (
    """CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE entry (
  seq INTEGER PRIMARY KEY,
  session TEXT,
  kind TEXT NOT NULL,
  digest BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT""",
    """CREATE TABLE body (
  seq INTEGER PRIMARY KEY,
  salt BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT""",
    """CREATE TABLE acknowledged (
  whom TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX entry_by_session ON entry (session) WHERE session IS NOT NULL",
    _INDEX + LANDMARK,
    """CREATE TRIGGER entry_in_order BEFORE INSERT ON entry
  WHEN new.seq <> (SELECT ifnull(max(seq), 0) + 1 FROM entry)
  BEGIN SELECT raise(ABORT, 'the record is append-only: out of order'); END""",
    """CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END""",
    """CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END""",
    """CREATE TRIGGER body_in_order BEFORE INSERT ON body
  WHEN new.seq <> (SELECT max(seq) FROM entry) OR EXISTS (SELECT 1 FROM body WHERE seq = new.seq)
  BEGIN SELECT raise(ABORT, 'the record is append-only: out of order'); END""",
    """CREATE TRIGGER body_no_update BEFORE UPDATE ON body
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END""",
    _NO_DELETE,
    """CREATE TRIGGER meta_no_update BEFORE UPDATE ON meta WHEN old.key = 'record_id'
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END""",
    """CREATE TRIGGER meta_no_delete BEFORE DELETE ON meta
  BEGIN SELECT raise(ABORT, 'the record is append-only'); END""",
    """CREATE VIEW append (seq, session, kind, digest, hash, salt, body) AS
  SELECT seq, session, kind, digest, hash, salt, body FROM entry JOIN body USING (seq)""",
    """CREATE TRIGGER append_both INSTEAD OF INSERT ON append
  BEGIN
    INSERT INTO entry VALUES (new.seq, new.session, new.kind, new.digest, new.hash);
    INSERT INTO body VALUES (new.seq, new.salt, new.body);
  END""",
)

_FORMER_1 = {_INDEX + LANDMARK: _INDEX + _LANDMARK_1, _NO_DELETE: _NO_DELETE_1}

OF_VERSION = {
    1: tuple(_FORMER_1.get(statement, statement) for statement in STATEMENTS),
    2: STATEMENTS,
}
"""What each version's file holds, to tell whether somebody took its protection off."""

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "DROP INDEX entry_landmark",
        "DROP TRIGGER body_no_delete",
        _INDEX + LANDMARK,
        _NO_DELETE,
    ),
}
"""From each version to the next, in one transaction."""
