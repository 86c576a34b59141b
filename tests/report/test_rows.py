"""The rows of a session: what a spreadsheet, a study and a program get."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from afternoons import HOSTILE, ROOM, entries, eventful, hostile, recorded

from kaproom.report.account import Account
from kaproom.report.bids import events, name, sidecar
from kaproom.report.reading import read
from kaproom.report.redaction import redacted
from kaproom.report.rows import COLUMNS, as_csv, as_json, rows

ID = "5e55" * 8


@pytest.fixture(scope="module", params=[eventful, hostile], ids=["eventful", "hostile"])
def was(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Account:
    folder = tmp_path_factory.mktemp("record")
    with recorded(folder, entries(request.param())) as record:
        return read(record, ID, ROOM, curve=False)


def table(text: str) -> list[dict[str, str]]:
    """A BIDS table, read as simply as anybody would."""
    head, *lines = text.removesuffix("\n").split("\n")
    columns = head.split("\t")
    cells = [line.split("\t") for line in lines]
    assert all(len(line) == len(columns) for line in cells)
    return [dict(zip(columns, line, strict=True)) for line in cells]


def test_every_note_correction_phase_and_piece_is_a_row(was: Account) -> None:
    found = rows(was)
    kinds = [row.kind for row in found]
    assert kinds.count("note") == len(was.notes)
    assert kinds.count("amendment") == sum(len(note.corrections) for note in was.notes)
    assert kinds.count("phase") == len(was.phases)
    assert kinds.count("piece") == len(was.pieces)
    assert [row.onset_s for row in found] == sorted(row.onset_s for row in found)


def test_bids_events_keep_the_rules_of_the_format(was: Account) -> None:
    told = table(events(was))
    assert list(told[0])[:3] == ["onset", "duration", "trial_type"]
    onsets = [float(row["onset"]) for row in told]
    assert onsets == sorted(onsets)
    assert all(float(row["duration"]) >= 0 for row in told)
    assert all(cell.strip() for row in told for cell in row.values())
    described = json.loads(sidecar(was))
    assert set(told[0]) <= set(described)
    assert {row["trial_type"] for row in told} <= set(described["trial_type"]["Levels"])
    for column in ("late", "in_error", "integration"):
        assert {row[column] for row in told} <= {"n/a", *described[column]["Levels"]}


@pytest.mark.skipif(shutil.which("bids-validator-deno") is None, reason="no BIDS validator here")
def test_the_bids_validator_finds_no_error(was: Account, tmp_path: Path) -> None:
    subject, session, _ = name(was).split("_", 2)
    folder = tmp_path / subject / session / "beh"
    folder.mkdir(parents=True)
    (folder / name(was)).write_text(events(was), encoding="utf-8")
    (folder / name(was)).with_suffix(".json").write_text(sidecar(was), encoding="utf-8")
    about = {"Name": "a", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(about))
    (tmp_path / "README.md").write_text("One session.\n" * 20)
    (tmp_path / "participants.tsv").write_text(f"participant_id\n{subject}\n")
    done = subprocess.run(
        ["bids-validator-deno", "--json", str(tmp_path)], capture_output=True, check=False
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []


def test_a_spreadsheet_runs_no_note_as_a_formula(was: Account) -> None:
    text = as_csv(was)
    assert text.startswith("\ufeff")
    read_back = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert tuple(read_back[0]) == COLUMNS
    for row in read_back:
        for column in ("text", "what", "heard", "who", "phase"):
            assert not row[column].startswith(("=", "+", "-", "@", "\t", "\r")), row
    notes = [row["text"].removeprefix("'") for row in read_back if row["kind"] == "note"]
    assert notes == [note.text for note in was.notes]


def test_json_holds_the_whole_account_and_its_rows(was: Account) -> None:
    told = json.loads(as_json(was))
    assert told["kaproom"] == "report/1"
    assert [note["text"] for note in told["notes"]] == [note.text for note in was.notes]
    assert len(told["rows"]) == len(rows(was))
    assert told["verdict"]["head"]["seq"] == was.verdict.head.seq if was.verdict else False


@pytest.mark.parametrize("made", [events, as_csv, as_json])
def test_redacted_rows_have_no_free_text(was: Account, made: Any) -> None:
    text = made(redacted(was))
    written = [note.text for note in was.notes if len(note.text) > 3]
    written += [c.text for note in was.notes for c in note.corrections if c.text]
    for each in [*written, *HOSTILE, "The song from the kitchen"]:
        assert " ".join(each.split()) not in text
        assert json.dumps(each, ensure_ascii=False)[1:-1] not in text


def test_a_file_of_rows_is_never_named_by_the_reference(was: Account) -> None:
    assert name(was) == f"sub-5e555e55_ses-{was.opened_utc:%Y%m%d}_task-session_events.tsv"
