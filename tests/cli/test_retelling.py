"""`kaproom plan --session` as its user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.line import Line
from pasts import Past
from session.imagined import profile, repertoire

from kaproom.record import Record
from kaproom.session import events as e

PLAN = profile(infusion={"planned_min": 40.0, "dose_mg": 35.0})


class Retelling(Line):
    """The same in a room with one session in its record."""

    def __init__(self, folder: Path, monkeypatch: Any, capsys: Any) -> None:
        super().__init__(folder, monkeypatch, capsys)
        past = Past(PLAN, repertoire(PLAN))
        past.minute(7, e.Infused, what="started")
        tears = past.minute(12, e.Noted, category="tears")
        past.minute(13, e.Amended, seq=tears, in_error=True)
        past.minute(17, e.Ducked)
        past.minute(18, e.Returned)
        past.minute(37, e.Infused, what="stopped")
        past.minute(60, e.Ended)
        past.minute(61, e.Tick)
        with Record.open(folder) as record:
            record.append([written.entry for written in past.entries])
        self.id = past.scribe.session_id


@pytest.fixture
def line(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Retelling:
    return Retelling(tmp_path, monkeypatch, capsys)


def test_the_table_puts_what_was_beside_the_plan(line: Retelling) -> None:
    status, out, err = line.plan("--session", "last")
    assert (status, err) == (0, "")
    rows = [text.split() for text in out.splitlines()]
    assert ["settling", "-7:00", "7:00", "-7:00", "7:00"] in rows
    assert ["peak", "15:00", "15:00", "15:00", "20:00"] in rows
    assert ["10:00", "1:00", "duck"] in rows
    assert ["5:00", "Tears", "(in", "error)"] in rows
    assert any(row[:2] == ["recovery", "never"] for row in rows)


def test_its_json_has_the_minutes_of_the_estimate(line: Retelling) -> None:
    found = json.loads(line.plan("--session", line.id[:6], "--json")[1])
    assert (found["session"], found["state"]) == (line.id, "ended")
    by_minute = {row["minute"]: row["effect_site_ng_per_ml"] for row in found["minutes"]}
    assert by_minute[30] > by_minute[10] > by_minute[0] == 0
    assert found["estimate"]["words"].startswith("population estimate")
    assert found["notes"][0]["in_error"] is True


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_it_is_drawn(line: Retelling, tmp_path: Path, suffix: str) -> None:
    status, out, _ = line.plan("--session", "last", "--plot", f"was.{suffix}")
    assert status == 0
    assert out.endswith(f"drawn: was.{suffix}\n")
    assert (tmp_path / f"was.{suffix}").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--session", "nope"), "no session is 'nope'"),
        (("--session", "last", "iv-60"), "--session last tells of what was; leave PROFILE out"),
        (("--session", "last", "--record", "nowhere"), "no record here"),
        (("iv-60", "--record", "."), "--record says nothing without --session"),
        ((), "name a PROFILE (`kaproom profiles` lists them), or --session last"),
    ],
)
def test_a_mistake_is_one_line_with_its_remedy(
    line: Retelling, words: tuple[str, ...], told: str
) -> None:
    line.plans_nothing(*words, told=told)
