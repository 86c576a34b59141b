"""`kaproom report`, as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from afternoons import entries, eventful, recorded
from typer.testing import CliRunner

from kaproom.cli import app
from kaproom.errors import Mend

A, B, C = (digit * 32 for digit in "abc")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of three sessions, two of them one patient's."""
    folder = tmp_path_factory.mktemp("data")
    sessions = []
    for session, ref, days in ((A, "K-0427", 0), (B, "K-0427", 7), (C, None, 7)):
        opening, *rest = entries(eventful(), session, timedelta(days=days))
        more = {} if ref is None else {"ref": ref}
        sessions.append([replace(opening, fields={**opening.fields, **more}), *rest])
    with recorded(folder, *sessions):
        return folder


@pytest.fixture
def here(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with that record as the room's."""
    for name in [name for name in os.environ if name.startswith("KAPROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAPROOM_DATA", str(data))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def typed(*words: str) -> str:
    """What the command says; a refusal is raised as it comes."""
    done = CliRunner().invoke(app, ["report", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_without_a_session_the_sessions_are_listed(here: Path) -> None:
    head, newest, *older = typed().splitlines()
    assert head.split() == ["date", "session", "reference", "profile", "length", "notes", "state"]
    assert newest.split()[2:4] == [C[:8], "–"]
    assert "iv-40-calm-from-35" in newest
    assert newest.endswith("signed off")
    assert [line.split()[2] for line in older] == [B[:8], A[:8]]
    assert len(typed("--ref", "K-0427").splitlines()) == 3
    assert [session["ref"] for session in json.loads(typed("--json"))][-1] == "K-0427"


def test_a_list_loads_nothing_that_a_list_does_not_need(here: Path) -> None:
    code = (
        "import sys; sys.argv = ['kaproom', 'report']\nfrom kaproom.cli import main\n"
        "try:\n    main()\nexcept SystemExit: pass\n"
        "print(*({'matplotlib', 'jinja2', 'scipy', 'paho'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_sheet_and_rows_are_written_where_they_are_wanted(here: Path) -> None:
    said = typed("last")
    (page,) = here.glob("kaproom-*-cccccccc.html")
    assert said == f"written: {page.name}\n"
    typed(A[:6], "--patient", "--out", "patient.html")
    assert (here / "patient.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    (here / "study").mkdir()
    typed("bbbb", "--tsv", "--redact", "--out", "study")
    (events,) = here.glob("study/sub-*_events.tsv")
    assert json.loads(events.with_suffix(".json").read_text())["onset"]["Units"] == "s"
    assert "hand on the heart" not in events.read_text(encoding="utf-8")
    assert json.loads(typed("K-0427", "--json"))["session"] == B
    assert typed(A, "--csv").splitlines()[0].endswith("seq,amends")
    assert typed("last", "--html", "--out", "-").endswith("</html>\n")
    assert not [path for path in here.rglob("*") if "0427" in path.name]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["0000"], "no session is '0000'"),
        (["2026-03-09"], "may be"),
        (["last", "--html", "--tsv"], "choose one"),
        (["--html"], "name it, e.g. `kaproom report last --html`"),
        (["last", "--patient", "--curve"], "a page of its own"),
        (["last", "--csv", "--curve"], "rows have none"),
        (["last", "--ref", "K-0427"], "--ref lists sessions"),
        (["last", "--out", "/nonexistent/a.html"], "there is no folder"),
    ],
)
def test_what_cannot_be_told_is_one_line(here: Path, words: list[str], line: str) -> None:
    with pytest.raises(Mend) as raised:
        typed(*words)
    assert line in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
