"""A patient's session from its preparation to the moment of leaving, in a real room."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from keys import Terminal
from rooms import LivingRoom
from studio import Studio

from kaproom.cli.consoling import _plans
from kaproom.clock import now
from kaproom.curation.scan import scan
from kaproom.errors import Mend
from kaproom.files import load_room
from kaproom.measurements import Measurements, cache_folder
from kaproom.places import PIECES
from kaproom.record import Entry, Record
from kaproom.room.erasing import Erasure, going

PROFILE = """kaproom: profile/1
title: Prepared
infusion: {planned_min: 40}
playlist: soundscapes
phases: [{name: settling}, {name: onset, start_min: 0}]
session_end_min: 60
refuge: {soundscape: ocean}
checklist:
  screening: [No history of psychosis, Seen by the cardiologist]
  before: {must: [Fasted, Escort arranged], remind: [Phone silent]}
  after: [Steady, Escort here]
"""


def entries(room: LivingRoom, kind: str) -> list[Entry]:
    with Record.open(room.data, read_only=True) as record:
        return [w.entry for w in record.entries() if w.entry.kind == kind]


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "prepared.yaml"
    path.write_text(PROFILE)
    return str(path)


def test_a_session_is_prepared_begun_and_closed_as_a_list_has_it(
    room: LivingRoom, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Studio(tmp_path).tone("lullaby.flac", 30.0)
    words = ["--ref", "K-0427", "--by", "ab"]
    said = room.kaproom(
        *("prepare", profile, *words, "--intention", "to be held", "--without", "vocals"),
        *("--closing", str(tmp_path / "lullaby.flac"), "--level", "-9", "--screened", "1"),
    )
    assert "Consent        OPEN" in said and "2 Seen by the cardiologist" in said
    (tmp_path / "lullaby.flac").unlink()  # the room has its own copy
    room.kaproom("prepare", *words, "--consent", "--override", "2=letter of 3 March")
    assert "in full" in room.kaproom("prepare", "--list")
    # The console offers it, wherever its profile lies.
    monkeypatch.setenv("KAPROOM_ROOM", str(room.file))
    (offered,) = [plan for plan in _plans(load_room(room.file)[0]) if plan.ref]
    assert (offered.ref, offered.name, offered.fault) == ("K-0427", profile, "")
    # The day: nothing begins before what must be confirmed is.
    said = room.kaproom("start", "--prepared", "K-0427", status=2)
    assert "to be held" in said and "not confirmed: 1 Fasted; 2 Escort arranged" in said
    assert room.status()["session"] is None
    room.kaproom(
        *("start", "--prepared", "K-0427", "--who", "AB,CD", "--confirm", "1"),
        *("--override", "escort=brother, by four", "--by", "CD"),
    )
    assert room.status()["sound"]["level_db"] == -9.0
    (started,) = entries(room, "session-started")
    assert started.fields["ref"] == started.fields["prepared"]["ref"] == "K-0427"
    assert started.fields["prepared"]["intention"] == "to be held"
    assert started.fields["without"] == ["vocals"]
    kept = Path(started.fields["repertoire"]["closing"]["path"])
    assert kept.is_relative_to(room.data) and stat.S_IMODE(kept.stat().st_mode) == 0o600
    (before,) = entries(room, "checklist")
    assert before.who == "AB CD"
    assert [(i["item"], i["state"], i["reason"], i["by"]) for i in before.fields["items"]] == [
        ("Fasted", "confirmed", "", "CD"),
        ("Escort arranged", "overridden", "brother, by four", "CD"),
    ]
    # Nothing of it leaves the machine: not even the room's own state has it.
    for secret in ("K-0427", "to be held", "lullaby"):
        assert secret not in json.dumps({**room.status(), "sound": None, "ahead": None})
    with pytest.raises(Mend, match="checklist"):
        room.call("checklist", {"which": "after", "items": [{"item": 3}]})
    left = now().utc.astimezone().strftime("%H:%M")
    room.kaproom("closing", "--confirm", "all", "--left", left, "--by", "ab")
    after = entries(room, "checklist")[-1]
    assert after.fields["which"] == "after" and after.fields["left_at"] == left
    shown = json.loads(room.kaproom("prepare", "--ref", "K-0427", "--show", "--json"))
    assert shown["sessions"] == [started.session]


def test_questions_in_a_terminal_prepare_as_well(room: LivingRoom, profile: str) -> None:
    with Terminal(["prepare", profile, "--ref", "K-1"], room.environment) as terminal:
        for question, answer in (
            ("Prepared by", "ab"),
            ("Intention", "rest"),
            ("Leave out", "vocals, drums"),
            ("Closing piece", ""),
            ("Comfortable level", "-12"),
            ("Consent given", "y"),
            ("psychosis", "y"),
            ("cardiologist", "not needed at 30"),
        ):
            terminal.shows(question)
            terminal.press(f"{answer}\r")
        assert terminal.leaves() == 0, terminal.screen
    fields = entries(room, "preparation")[-1].fields
    assert (fields["by"], fields["intention"], fields["level_db"]) == ("AB", "rest", -12.0)
    assert fields["without"] == ["vocals", "drums"]
    assert [one["state"] for one in fields["screening"]] == ["confirmed", "overridden"]


def test_erasing_a_session_takes_its_own_piece_unless_another_needs_it(tmp_path: Path) -> None:
    mine, shared = (tmp_path / PIECES / "K-1" / name for name in ("mine.flac", "shared.flac"))
    elsewhere = tmp_path / "elsewhere.flac"
    at = now()

    def of(kind: str, session: str | None, file: Path) -> Entry:
        prepared = {"ref": "K-1", "closing": {"file": str(file), "title": "lullaby"}}
        fields = prepared if session is None else {"ref": "K-1", "prepared": prepared}
        return Entry(kind=kind, at=at, entered=at, session=session, fields=fields)

    with Record.open(tmp_path) as record:
        for session, files in (("a" * 32, (mine, shared, elsewhere)), ("b" * 32, (shared,))):
            record.append([of("preparation", None, file) for file in files])
            record.append([of("session-started", session, files[0])])
            record.append([Entry(kind="session-ended", at=at, entered=at, session=session)])
        found = going(record, "aaaa")
    assert found.pieces == (mine,)
    assert any("mine.flac" in line for line in found.lines)


def test_a_piece_that_the_record_names_outside_its_folder_is_not_erased(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    outside = data / PIECES / "K-1" / ".." / ".." / ".." / "house-keys.flac"
    at, prepared = now(), {"ref": "K-1", "closing": {"file": str(outside), "title": "x"}}
    fields = {"ref": "K-1", "prepared": prepared}
    with Record.open(data) as record:
        record.append(
            [
                Entry(kind=kind, at=at, entered=at, session="a" * 32, fields=fields)
                for kind in ("session-started", "session-ended")
            ]
        )
        assert going(record, "aaaa").pieces == ()


def test_an_erased_session_leaves_neither_pseudonym_nor_music_in_the_folder(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    original = Studio(tmp_path).tone("from the kitchen.flac", 2.0)
    copy = data / PIECES / "K-0427" / original.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(original.read_bytes())
    scan([original, copy], Measurements(cache_folder(data)))
    at, prepared = now(), {"ref": "K-0427", "closing": {"file": str(copy), "title": "x"}}
    with Record.open(data) as record:
        for kind in ("session-started", "session-ended"):
            fields = {"ref": "K-0427", "prepared": prepared}
            session = Entry(kind=kind, at=at, entered=at, session="a" * 32, fields=fields)
            record.append([session])
        erasure = Erasure(going(record, "aaaa"), "AB")
        assert len(leftovers(data)) > 4
        erasure.work(record)
    assert "Still there" not in erasure.line()
    assert leftovers(data) == []


def leftovers(data: Path) -> list[Path]:
    words = (b"K-0427", b"kitchen")
    return [
        path
        for path in data.rglob("*")
        if any(word in str(path.relative_to(data)).encode() for word in words)
        or (path.is_file() and any(word in path.read_bytes() for word in words))
    ]


def test_a_terminal_runs_nothing_of_an_intention(room: LivingRoom, profile: str) -> None:
    words = "to be held\x1b[2J\nand seen\u202e"
    room.kaproom("prepare", profile, "--ref", "K-1", "--intention", words)
    with Terminal(["prepare", "--ref", "K-1", "--show"], room.environment) as terminal:
        terminal.shows("to be held\\x1b[2J")
        terminal.shows(f"{' ' * 17}and seen\\u202e")
        assert terminal.leaves() == 0


def test_what_is_not_prepared_says_how(room: LivingRoom) -> None:
    assert "nothing is prepared for 'K-9'" in room.kaproom("start", "--prepared", "K-9", status=2)
    assert "--ref is missing" in room.kaproom("prepare", "demo-3min", status=2)
    for day, words in (("2026-99-99", "is no day"), ("2999-01-01", "lies ahead")):
        wrong = ("prepare", "demo-3min", "--ref", "K-9", "--consent", "--on", day)
        assert words in room.kaproom(*wrong, status=2)
    with pytest.raises(Mend, match="the clinic's pseudonym"):
        room.call("prepare", {"preparation": {"ref": "a b", "profile": "x"}})
