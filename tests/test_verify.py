"""verify: whatever is changed in a record is found, and what cannot be found is said."""

import json
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.clock import Instant
from kaproom.errors import Mend
from kaproom.record import FILE_NAME, Entry, Head, Record, copied, kept_heads, verify
from kaproom.record.entry import chain_start, digest_of, hash_of
from kaproom.record.schema import STATEMENTS

COUNT = 6
MORNING = Instant(7_300_000_000_000, "boot-a", datetime(2026, 3, 5, 10, 33, 5, 250_000, UTC))


def made(folder: Path) -> tuple[Path, Head]:
    with Record.open(folder) as record:
        for n in range(COUNT):
            fields = {"category": "tears", "text": f"note {n}"}
            session = "5e" * 16 if n % 2 else None
            record.append(
                [Entry(kind="note", at=MORNING, entered=MORNING, session=session, fields=fields)]
            )
        return record.path, record.head()


class Forger:
    """Changes a record past its triggers and leaves them as they were."""

    def __init__(self, path: Path) -> None:
        self.raw = sqlite3.connect(path, isolation_level=None)
        for (name,) in self.raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            self.raw.execute(f"DROP TRIGGER {name}")

    def __call__(self, statement: str, *values: Any) -> None:
        self.raw.execute(statement, values)

    def protect(self) -> None:
        for statement in STATEMENTS:
            if statement.startswith("CREATE TRIGGER"):
                self.raw.execute(statement)

    def past_protection(self, table: str, statement: str, *values: Any) -> None:
        """One change in one transaction, with the one trigger that is in its way put back."""
        self("BEGIN")
        self(f"DROP TRIGGER {table}_no_update")
        self(statement, *values)
        (trigger,) = (s for s in STATEMENTS if s.startswith(f"CREATE TRIGGER {table}_no_update"))
        self(trigger)
        self("COMMIT")

    def done(self) -> None:
        self.protect()
        self.raw.close()

    def rehash(self) -> None:
        """As one would who knows the scheme: everything follows from everything again."""
        (record_id,) = self.raw.execute("SELECT value FROM meta WHERE key = 'record_id'").fetchone()
        link = chain_start(record_id)
        walk = "SELECT seq, salt, body FROM entry JOIN body USING (seq) ORDER BY seq"
        for seq, salt, body in self.raw.execute(walk).fetchall():
            digest = digest_of(salt, body)
            link = hash_of(link, seq, digest)
            self("UPDATE entry SET digest = ?, hash = ? WHERE seq = ?", digest, link, seq)


def test_a_whole_record_is_whole_and_ends_at_its_head(tmp_path: Path) -> None:
    path, head = made(tmp_path)
    verdict = verify(path, head)
    assert (verdict.whole, verdict.entries, verdict.first_broken) == (True, COUNT, None)
    assert verdict.head == head
    assert verify(tmp_path) == verify(path)


def test_an_empty_record_is_whole(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        head = record.head()
    assert verify(tmp_path, head).whole
    assert verify(tmp_path).head == head


def test_it_says_what_it_cannot_prove(tmp_path: Path) -> None:
    path, head = made(tmp_path)
    alone, compared = verify(path), verify(path, head)
    assert f"nothing was cut off after entry {COUNT}" in alone.cannot_prove[0]
    assert "written anew" in alone.cannot_prove[0]
    assert "written anew" not in compared.cannot_prove[0]
    assert any("clock was right" in line for line in compared.cannot_prove)


def test_a_record_can_be_verified_while_it_is_written(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        record.append([Entry(kind="note", at=MORNING, entered=MORNING)])
        assert verify(tmp_path).entries == 1
        record.append([Entry(kind="note", at=MORNING, entered=MORNING)])
        assert verify(tmp_path, record.head()).entries == 2


def test_where_there_is_no_record_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Mend, match="no record here"):
        verify(tmp_path)


def test_every_byte_changed_is_found_at_its_entry(tmp_path: Path) -> None:
    path, _ = made(tmp_path)
    forge = Forger(path)
    forge("PRAGMA synchronous = OFF")
    forge.protect()
    columns = [("body", "body"), ("body", "salt"), ("entry", "digest"), ("entry", "hash")]
    tried = 0
    for seq in range(1, COUNT + 1):
        for table, name in columns:
            change = f"UPDATE {table} SET {name} = ? WHERE seq = ?"
            (found,) = forge.raw.execute(
                f"SELECT {name} FROM {table} WHERE seq = ?", (seq,)
            ).fetchone()
            for place in range(len(found)):
                changed = bytearray(found)
                changed[place] ^= 1 << place % 8
                forge.past_protection(table, change, bytes(changed), seq)
                verdict = verify(path)
                assert (verdict.first_broken, verdict.entries) == (seq, seq - 1)
                assert verdict.reason is not None
                assert f"entry {seq} was changed" in verdict.reason
                tried += 1
            forge.past_protection(table, change, found, seq)
    assert verify(path).whole
    assert tried > COUNT * (300 + 16 + 32 + 32)
    forge.raw.close()


def _swap(forge: Forger) -> None:
    forge("UPDATE body SET seq = -2 WHERE seq = 2")
    forge("UPDATE body SET seq = 2 WHERE seq = 4")
    forge("UPDATE body SET seq = 4 WHERE seq = -2")


def _reorder(forge: Forger) -> None:
    for table in ("entry", "body"):
        forge(f"UPDATE {table} SET seq = -2 WHERE seq = 2")
        forge(f"UPDATE {table} SET seq = 2 WHERE seq = 3")
        forge(f"UPDATE {table} SET seq = 3 WHERE seq = -2")


def _take_out(forge: Forger) -> None:
    for table in ("entry", "body"):
        forge(f"DELETE FROM {table} WHERE seq = 3")


def _take_out_and_close_up(forge: Forger) -> None:
    _take_out(forge)
    for table in ("entry", "body"):
        forge(f"UPDATE {table} SET seq = -seq WHERE seq > 3")
        forge(f"UPDATE {table} SET seq = -seq - 1 WHERE seq < 0")


def _rehash_one(forge: Forger) -> None:
    (salt,) = forge.raw.execute("SELECT salt FROM body WHERE seq = 2").fetchone()
    forge("UPDATE body SET body = ? WHERE seq = 2", b'{"kind":"note","session":null}')
    digest = digest_of(salt, b'{"kind":"note","session":null}')
    forge("UPDATE entry SET digest = ? WHERE seq = 2", digest)


def _shorten_salt(forge: Forger) -> None:
    # The same bytes, the boundary moved: the digest alone would not show it.
    forge(
        "UPDATE body SET body = CAST(substr(salt, 9) || body AS BLOB), salt = substr(salt, 1, 8)"
        " WHERE seq = 2"
    )


FORGERIES = {
    "two bodies swapped": (_swap, 2),
    "two entries in the other order": (_reorder, 2),
    "an entry taken out": (_take_out, 3),
    "an entry taken out and the gap closed": (_take_out_and_close_up, 3),
    "a body taken out": (lambda forge: forge("DELETE FROM body WHERE seq = 4"), 4),
    "the first entry taken out": (lambda forge: forge("DELETE FROM entry WHERE seq = 1"), 1),
    "a kind changed": (lambda forge: forge("UPDATE entry SET kind = 'x' WHERE seq = 2"), 2),
    "a session moved": (lambda forge: forge("UPDATE entry SET session = 'x' WHERE seq = 2"), 2),
    "a session hidden": (lambda forge: forge("UPDATE entry SET session = NULL WHERE seq = 2"), 2),
    "a body with a digest to match": (_rehash_one, 2),
    "salt and body with the boundary moved": (_shorten_salt, 2),
    "an entry numbered 0": (
        lambda forge: forge("INSERT INTO entry VALUES (0, NULL, 'x', x'00', x'00')"),
        1,
    ),
    "a body of no entry": (lambda forge: forge("INSERT INTO body VALUES (99, x'00', x'00')"), 99),
    "the record's id changed": (
        lambda forge: forge("UPDATE meta SET value = 'other' WHERE key = 'record_id'"),
        1,
    ),
    "the record's id taken away": (
        lambda forge: forge("DELETE FROM meta WHERE key = 'record_id'"),
        1,
    ),
}


@pytest.mark.parametrize("what", FORGERIES)
def test_every_forgery_is_found_at_the_first_entry_it_touches(tmp_path: Path, what: str) -> None:
    path, _ = made(tmp_path)
    change, first_broken = FORGERIES[what]
    forge = Forger(path)
    change(forge)
    forge.done()
    assert verify(path).first_broken == first_broken


def test_an_entry_that_is_no_entry_is_found_though_its_hashes_are_right(tmp_path: Path) -> None:
    path, _ = made(tmp_path)
    forge = Forger(path)
    forge("UPDATE body SET body = ? WHERE seq = 5", b"not json")
    forge.rehash()
    forge.done()
    verdict = verify(path)
    assert (verdict.first_broken, verdict.reason) == (5, "entry 5 was not written by kaproom")


def test_every_cut_tail_is_found_with_any_head_from_behind_the_cut(tmp_path: Path) -> None:
    for cut in range(1, COUNT + 1):
        path, _ = made(tmp_path / str(cut))
        with Record.open(path.parent, read_only=True) as record:
            heads = {each.seq: Head(each.seq, each.hash) for each in record.entries()}
        forge = Forger(path)
        for table in ("entry", "body"):
            forge(f"DELETE FROM {table} WHERE seq >= ?", cut)
        forge.done()
        assert verify(path).whole  # nothing inside the record can show it
        for kept, head in heads.items():
            verdict = verify(path, head)
            assert verdict.whole is (kept < cut)
            if kept >= cut:
                assert verdict.first_broken == cut
                assert verdict.reason == (
                    f"the end was cut off: the record ends at {cut - 1}, "
                    f"the head kept elsewhere is entry {kept}"
                )


def test_of_many_heads_the_record_was_rewritten_behind_the_last_that_fits(tmp_path: Path) -> None:
    path, head = made(tmp_path)
    with Record.open(path.parent, read_only=True) as record:
        heads = [Head(each.seq, each.hash) for each in record.entries()]
    assert verify(path, *heads).whole
    forge = Forger(path)
    forge("UPDATE body SET body = ? WHERE seq = 4", b'{"kind":"note","session":"x"}')
    forge("UPDATE entry SET session = 'x' WHERE seq = 4")
    forge.rehash()
    forge.done()
    verdict = verify(path, heads[1], heads[2], head)
    assert verdict.first_broken == COUNT
    assert verdict.reason is not None
    assert "rewritten after entry 3" in verdict.reason


def test_heads_are_read_from_states_as_they_came_off_the_bus(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        record.begin_boot(MORNING, {"site": "clinic", "room": "blue"})
        first = record.head()
        record.append([Entry(kind="note", at=MORNING, entered=MORNING)])
        second = record.head()

    def state(room: str, head: Head) -> str:
        told = {"record": {"head_seq": head.seq, "head_hash": head.hash}}
        return json.dumps({"site": "clinic", "room": room, **told})

    states = tmp_path / "states.txt"
    lines = [
        f"kaproom/1/clinic/blue/state {state('blue', first)}",
        state("green", Head(9, "ab" * 32)),
        "kaproom/1/clinic/blue/availability online",
        state("blue", Head(0, "")),
        f"{second.seq}:{second.hash}",
        "{not json",
    ]
    states.write_text("\n".join(lines), encoding="utf-8")
    assert kept_heads(str(states), tmp_path) == (first, second)
    assert kept_heads(f"{second.seq}:{second.hash}", tmp_path) == (second,)
    assert verify(tmp_path, *kept_heads(str(states), tmp_path)).whole
    copy = copied(tmp_path, tmp_path / "copy.sqlite3", "")
    assert kept_heads(str(states), copy.file) == (first, second)
    states.write_text(lines[1], encoding="utf-8")
    with pytest.raises(Mend, match="no head of room clinic/blue is in it"):
        kept_heads(str(states), tmp_path)
    with pytest.raises(Mend, match="neither SEQ:HASH"):
        kept_heads("7:abc", tmp_path)


def test_a_record_written_anew_is_found_with_a_head_kept_elsewhere(tmp_path: Path) -> None:
    path, head = made(tmp_path)
    forge = Forger(path)
    (body,) = forge.raw.execute("SELECT body FROM body WHERE seq = 2").fetchone()
    forge("UPDATE body SET body = ? WHERE seq = 2", body.replace(b"note 1", b"note 9"))
    forge.rehash()
    forge.done()
    assert verify(path).whole
    verdict = verify(path, head)
    assert verdict.first_broken == COUNT
    assert verdict.reason is not None
    assert "is not the one whose hash was kept elsewhere" in verdict.reason


def test_another_rooms_record_is_not_taken_for_this_one(tmp_path: Path) -> None:
    _, head = made(tmp_path / "blue")
    other, _ = made(tmp_path / "green")
    assert not verify(other, head).whole


def test_protection_taken_off_the_file_is_found(tmp_path: Path) -> None:
    path, _ = made(tmp_path)
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER entry_no_update")
    raw.close()
    verdict = verify(path)
    assert verdict.first_broken is None
    assert verdict.reason == (
        "the file's own protection was changed, see CREATE TRIGGER entry_no_update"
    )


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_file_is_a_verdict_or_a_line_and_never_a_crash(place: float, flip: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, head = made(Path(folder))
        found = bytearray(path.read_bytes())
        found[int(place * len(found))] ^= flip
        path.write_bytes(bytes(found))
        try:
            verdict = verify(path, head)
        except Mend:
            return
        # Where nothing of an entry lies (free space, counters) a byte may change unseen.
        if verdict.whole:
            assert (verdict.entries, verdict.head) == (COUNT, head)


def test_a_file_cut_in_half_is_damaged(tmp_path: Path) -> None:
    path, _ = made(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    verdict = verify(tmp_path / FILE_NAME)
    assert verdict.reason is not None
    assert "damaged" in verdict.reason
