"""Signing off: sealed once, never in the way of the next patient, the sheet where it belongs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulse import until
from rooms import LivingRoom

from kaproom import clock
from kaproom.errors import Mend, Refused
from kaproom.record import FILE_NAME, Entry, Record, verify
from kaproom.room.sheets import Sheet, Sheets

# As `kaproom report SESSION --html --out FOLDER` does, told by what comes after -c.
WRITES = "import sys, pathlib; pathlib.Path(sys.argv[4], f'sheet-{sys.argv[1][:8]}.html').touch()"
FAILS = "import sys; sys.exit('the sheet: no ink')"
SESSION = "5e" * 16


# A session that ended is at its beginning.
PAST = Path(__file__).parents[1] / "records" / "schema-1.sqlite3"


@pytest.fixture
def hers(tmp_path: Path, runtime: Path) -> Iterator[tuple[LivingRoom, str]]:
    """A room, and the id of a session that is over there and has a sheet."""
    living = LivingRoom(tmp_path / "data", runtime)
    (tmp_path / "past").mkdir()
    shutil.copy(PAST, tmp_path / "past" / FILE_NAME)
    with Record.open(tmp_path / "past", read_only=True) as past, Record.open(living.data) as record:
        session = past.sessions()[0].session
        record.append([written.entry for written in past.entries(session)])
        sheet, now = tmp_path / "sheet.html", clock.now()
        sheet.write_text("weint leise")
        of_it = Entry(
            kind="sheet-written", at=now, entered=now, session=session, fields={"file": str(sheet)}
        )
        record.append([of_it])
    living.start()
    try:
        yield living, session
    finally:
        living.close()


def entries(room: LivingRoom, session: str) -> list[Entry]:
    with Record.open(room.data, read_only=True) as record:
        return [written.entry for written in record.entries(session)]


def test_a_session_is_sealed_by_its_signature_and_blocks_nobody_before(
    hers: tuple[LivingRoom, str],
) -> None:
    room, session = hers
    assert [one["session"] for one in room.status()["unsigned"]] == [session]
    assert "1 session waits to be signed off" in room.kaproom("status")
    his = room.begin(sounding=False)  # the next patient's, and nobody has signed
    with pytest.raises(Mend, match="initials"):
        room.call("sign-off", {"by": "Anna Berg"})
    said = room.kaproom("sign-off", "--by", "ab")
    assert said.startswith("Signed off by AB")
    assert f"That is session {session[:8]}." in said  # not the one that is on
    assert room.status()["unsigned"] == []
    signed = entries(room, session)[-1]
    assert (signed.kind, signed.fields["by"]) == ("signed-off", "AB")
    with pytest.raises(Refused, match="signed off"):
        room.call("note", {"category": "tears", "session": session})
    room.call("note", {"category": "integration", "text": "two weeks later", "session": session})
    with pytest.raises(Refused, match=r"is open; `kaproom end`"):
        room.call("sign-off", {"by": "AB"})
    assert "signed-off" not in [entry.kind for entry in entries(room, his)]
    with Record.open(room.data, read_only=True) as record:
        summary = {s.session: s for s in record.sessions()}
    assert summary[session].signed_by == "AB"
    assert summary[his].signed_by is None


# The sheet


def written(sheets: Sheets, session: str = SESSION) -> Sheet:
    sheets.write(session)
    found: list[Sheet] = []

    def told() -> bool:
        found.extend(sheets.done())
        return bool(found)

    until(told, what="what became of the sheet")
    return found[0]


def test_the_sheet_is_written_where_the_room_file_says(tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    sheet = written(Sheets(folder, [sys.executable, "-c", WRITES]))
    assert sheet.fields == {"file": str(folder / "sheet-5e5e5e5e.html")}
    assert sheet.kind == "sheet-written"


def test_a_sheet_that_cannot_be_written_is_told_with_its_line(tmp_path: Path) -> None:
    sheet = written(Sheets(tmp_path, [sys.executable, "-c", FAILS]))
    assert (sheet.kind, sheet.fields) == ("sheet-failed", {"why": "the sheet: no ink"})
    (tmp_path / "file").touch()
    sheet = written(Sheets(tmp_path / "file" / "in", [sys.executable, "-c", WRITES]))
    assert sheet.kind == "sheet-failed"


def test_a_room_without_a_folder_for_sheets_writes_none(tmp_path: Path) -> None:
    sheets = Sheets(None, [sys.executable, "-c", WRITES])
    sheets.write(SESSION)
    assert sheets.done() == []


# What goes, and what was copied


def test_a_session_is_erased_once_what_goes_was_said_and_confirmed(
    hers: tuple[LivingRoom, str], tmp_path: Path
) -> None:
    room, session = hers
    sheet = tmp_path / "sheet.html"
    with Record.open(room.data, read_only=True) as record:
        head = record.head()
    copy = room.kaproom("backup", str(tmp_path)).partition(":")[0]
    said = room.kaproom("erase", session[:8])
    assert "This would go, for good:" in said
    assert "of them 3 notes" in said
    assert f"its sheet {sheet}" in said
    assert f"NOT REACHED, erase it there: copy {copy}" in said
    code = said.rpartition("--confirm ")[2].split()[0]
    assert b"weint leise" in raw(room)
    with pytest.raises(Refused, match="and read it"):
        room.call("erase", {"session": session, "confirm": "00000000", "by": "AB"})
    told = room.kaproom("erase", session[:8], "--confirm", code, "--by", "AB")
    assert "its digests stay and the chain holds" in told
    assert copy in told
    assert not sheet.exists()
    assert b"weint leise" not in raw(room)
    assert room.status()["session"] is None
    verdict = verify(room.data, head)
    assert verdict.whole
    assert verdict.erased > 20
    with pytest.raises(Refused, match="was erased"):
        room.call("note", {"category": "integration", "text": "later", "session": session})
    with pytest.raises(Refused, match="erased already"):
        room.call("erase", {"session": session})
    assert "what stood in" in room.kaproom("verify", "--head", f"{head.seq}:{head.hash}")
    room.begin(sounding=False)
    with pytest.raises(Refused, match="a session is on"):
        room.call("erase", {"session": session})


def test_without_a_daemon_a_session_is_erased_under_its_lock(hers: tuple[LivingRoom, str]) -> None:
    room, session = hers
    room.terminate()
    code = room.kaproom("erase", session).rpartition("--confirm ")[2].split()[0]
    room.kaproom("erase", session, "--confirm", code, "--by", "AB")
    assert b"weint leise" not in raw(room)
    assert verify(room.data).whole


def raw(room: LivingRoom) -> bytes:
    return b"".join(file.read_bytes() for file in room.data.iterdir() if file.is_file())
