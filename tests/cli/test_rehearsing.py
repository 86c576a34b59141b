"""`kaproom check --deep` as its user types it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings import music, written

from kaproom.cli import main
from kaproom.cli.asking import HERE
from kaproom.cli.rehearsing import tabled, told
from kaproom.curation.courses import PLANNED, Course
from kaproom.curation.deep import Deep
from kaproom.curation.faults import Fault

PROFILE = """\
kaproom: profile/1
title: Short
infusion: {planned_min: 0.8}
playlist: ./list.yaml
crossfade_s: 2
phases:
  - {name: settling, bed: ocean}
  - {name: peak, start_min: 0, section: open}
session_end_min: 1
refuge: {soundscape: ocean}
prompts: []
"""


def check(folder: Path, monkeypatch: Any, capsys: Any, *words: str) -> tuple[int, str, str]:
    (folder / "room.yaml").write_text(f"kaproom: room/1\ndata: {json.dumps(str(folder))}\n")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(HERE, "room_file", None)
    monkeypatch.setattr(sys, "argv", ["kaproom", "--room", "room.yaml", "check", *words])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    return int(left.value.code or 0), said.out, said.err


def test_a_hushed_piece_is_told_with_its_place_and_the_status_is_2(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    hush = music(40.0)
    hush[18 * 48_000 : 26 * 48_000] = 0.0
    written(tmp_path / "a [red] piece.flac", hush)
    (tmp_path / "list.yaml").write_text(
        'kaproom: playlist/1\nsections:\n  open:\n    - file: "a [red] piece.flac"\n'
    )
    (tmp_path / "short.yaml").write_text(PROFILE)
    words = ("short.yaml", "--deep", "--disturbances", "none")
    status, out, err = check(tmp_path, monkeypatch, capsys, *words)
    assert (status, err) == (2, "")
    assert re.search(
        r"^FAULT  minute 0:2\d, peak \(planned\): 'a \[red\] piece.flac' at", out, re.M
    )
    assert "at 0:18 nothing is heard for 8 s" in out
    assert out.endswith("rehearsed: planned (the infusion as planned): 1 fault\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo-3min", "--disturbances", "pause"), "says nothing without --deep"),
        (("demo-3min", "--deep", "--disturbances", "paus"), "(did you mean 'pause'?)"),
        (("demo-3", "--deep"), "demo-3min"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, monkeypatch: Any, capsys: Any, words: tuple[str, ...], told: str
) -> None:
    status, out, err = check(tmp_path, monkeypatch, capsys, *words)
    assert (status, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_the_table_shows_names_as_they_are(capsys: Any) -> None:
    fault = Fault("damaged", PLANNED, -1.5, "peak", "x", "/a/[red]b[/red].flac", 180.0, "is hurt")
    deep = Deep((Course(PLANNED, "as planned", ()),), (fault,))
    tabled(deep)
    table = capsys.readouterr().out
    assert "[red]b[/red].flac" in table
    assert "-1:30" in table and "3:00" in table
    assert list(told(deep))[-1] == "rehearsed: planned (as planned): 1 fault"


def test_what_would_stop_the_session_is_told_and_nothing_is_played(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    (tmp_path / "list.yaml").write_text(
        "kaproom: playlist/1\nsections:\n  open:\n    - file: none.flac\n"
    )
    (tmp_path / "short.yaml").write_text(PROFILE)
    status, out, _ = check(tmp_path, monkeypatch, capsys, "short.yaml", "--deep", "--json")
    found = json.loads(out)
    assert (status, found["courses"], found["faults"]) == (2, [], [])
    assert any("'none.flac' does not exist" in finding["line"] for finding in found["findings"])
