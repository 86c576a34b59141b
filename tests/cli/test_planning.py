"""`kaproom plan` as its user types it."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli.line import Line

REFERENCE = Path(__file__).parent.parent / "session" / "reference" / "pharmacokinetics.csv"
# mg/min: 0.5 mg/kg at 70 kg over 40 min.
HISTORIES = {
    "standard": "0,start,\n0,rate,0.875\n40,stop,\n",
    "bolus_then_standard": "0,bolus,7\n0,start,\n0,rate,0.875\n40,stop,\n",
    "pause_15_to_20_end_45": "0,start,\n0,rate,0.875\n15,pause,\n20,resume,\n45,stop,\n",
    "stop_at_25": "0,start,\n0,rate,0.875\n25,stop,\n",
}
# What people do to a pump is never told them by a machine.
ADVICE = re.compile(
    r"\b(should|recommend\w*|increase|decrease|reduce|give|adjust|titrat\w*)\b", re.I
)


class Planning(Line):
    """The same, and what `--json` and `--history` read and write."""

    def json(self, *words: str) -> dict[str, Any]:
        status, out, err = self.plan("--json", *words)
        assert (status, err) == (0, "")
        found: dict[str, Any] = json.loads(out)
        return found

    def history(self, lines: str) -> str:
        (self.folder / "h.csv").write_text("minute,event,value\n" + lines)
        return "h.csv"


@pytest.fixture
def line(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Planning:
    return Planning(tmp_path, monkeypatch, capsys)


def curves(found: dict[str, Any]) -> dict[int, tuple[Any, Any]]:
    return {
        row["minute"]: (row["plasma_ng_per_ml"], row["effect_site_ng_per_ml"])
        for row in found["minutes"]
    }


def test_the_table_shows_phases_and_pieces(line: Planning) -> None:
    status, out, err = line.plan("iv-60")
    assert (status, err) == (0, "")
    assert re.search(r"^peak +30:00 +25:00$", out, re.M)
    assert re.search(r"^peak +30:00 +25:20 +12 s +-23\.0 LUFS  Open sky$", out, re.M)
    assert re.search(r"^recovery +90:00 +open .*Shore again$", out, re.M)


def test_the_plan_of_a_typical_adult_meets_the_reference(line: Planning) -> None:
    said = curves(line.json("iv-40-calm-from-35", "--model", "domino"))
    assert said[40][0] == pytest.approx(240.330811, abs=1e-6)
    assert said[40][1] == pytest.approx(214.977895, abs=1e-4)


@pytest.mark.parametrize("case", HISTORIES)
@pytest.mark.parametrize("model", ["domino", "kamp", "clements", "hijazi"])
def test_a_history_meets_the_reference(line: Planning, model: str, case: str) -> None:
    history = line.history(HISTORIES[case])
    words = ("--history", history, "--model", model, "--weight-kg", "70")
    said = curves(line.json("iv-60", *words))
    with REFERENCE.open() as file:
        rows = [r for r in csv.DictReader(file) if (r["model"], r["case"]) == (model, case)]
    checked = 0
    for row in rows:
        at_min = int(row["t_min"])
        if at_min in said:
            checked += 1
            assert abs(said[at_min][0] - float(row["plasma_ng_per_ml"])) < 1e-6
            assert abs(said[at_min][1] - float(row["effect_site_ng_per_ml"])) < 1e-4
    assert checked >= 15


def test_without_a_dose_there_is_a_plan_and_no_estimate(line: Planning) -> None:
    found = line.json("iv-60")
    assert len(found["phases"]) == 7
    assert set(curves(found).values()) == {(None, None)}


def test_a_weight_scales_the_estimate_and_moves_no_music(line: Planning) -> None:
    light = line.json("iv-40-calm-from-35", "--weight-kg", "50")
    heavy = line.json("iv-40-calm-from-35", "--weight-kg", "110")
    assert light["minutes"] != heavy["minutes"]
    assert (light["cues"], light["phases"]) == (heavy["cues"], heavy["phases"])
    assert "110" not in json.dumps(heavy["estimate"])


def test_a_ke0_shifts_the_effect_site_alone(line: Planning) -> None:
    slow = curves(line.json("iv-40-calm-from-35"))
    fast = curves(line.json("iv-40-calm-from-35", "--ke0-per-min", "0.238"))
    assert slow[20][0] == fast[20][0]
    assert slow[20][1] < fast[20][1]


def test_the_json_says_what_an_estimate_is(line: Planning) -> None:
    found = line.json("iv-40-calm-from-35")
    assert found["estimate"]["words"] == "population estimate, not a measurement, not for dosing"
    cue = found["cues"][1]
    assert set(cue) >= {"start_min", "length_s", "crossfade_s", "loudness_lufs", "title", "phase"}


def test_a_pause_that_nobody_ended_leaves_the_rest_waiting(line: Planning) -> None:
    status, out, _ = line.plan("demo-3min", "--history", line.history("0,start,\n0.5,pause,\n"))
    assert status == 0
    assert re.search(r"^peak +waits +open$", out, re.M)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_it_is_drawn_also_with_a_history(line: Planning, suffix: str) -> None:
    words = ("--history", line.history("4,start,\n15,pause,\n20,resume,\n"), "--plot")
    status, out, err = line.plan("iv-40-calm-from-35", *words, f"arc.{suffix}")
    assert (status, err) == (0, "")
    assert out.endswith(f"drawn: arc.{suffix}\n")
    assert (line.folder / f"arc.{suffix}").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("iv-6",), "iv-60"),
        (("iv-60", "--model", "kampf"), "--model is 'kampf'; the models are kamp, domino, clements,"
         " hijazi (did you mean 'kamp'?)"),
        (("iv-60", "--weight-kg", "-5"), "--weight-kg is -5; it must lie between 20 and 300"),
        (("iv-60", "--weight-kg", "nan"), "--weight-kg is nan; it must lie between 20 and 300"),
        (("iv-60", "--ke0-per-min", "0"), "--ke0-per-min is 0; it must lie between 0.001 and 10"),
        (("iv-60", "--plot", "arc.pdf"), "'arc.pdf' is neither an SVG nor a PNG; call it arc.svg"),
        (("iv-60", "--history", "h.csv"), "there is no file h.csv"),
        (("iv-60", "--closing", "none.flac"), "none.flac"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_remedy(
    line: Planning, words: tuple[str, ...], told: str
) -> None:
    line.plans_nothing(*words, told=told)


def test_nothing_that_is_said_looks_like_advice(line: Planning) -> None:
    from kaproom.arc.estimate import Lens
    from kaproom.arc.sheet import composed
    from kaproom.curation.pictured import pictured
    from kaproom.curation.selection import selected
    from kaproom.curation.whatif import as_planned
    from kaproom.files import load_profile, load_room

    said = line.plan("iv-40-calm-from-35")[1] + line.plan("iv-40-calm-from-35", "--json")[1]
    room, _ = load_room(line.folder / "room.yaml")
    loaded = load_profile("iv-40-calm-from-35", room)
    sheet = pictured(loaded, as_planned(loaded.profile, selected(loaded, {}, 0)), Lens())
    texts: Any = composed(sheet).findobj(lambda artist: hasattr(artist, "get_fontsize"))
    said += " ".join(text.get_text() for text in texts)
    assert "population estimate" in said
    assert ADVICE.findall(said) == []
