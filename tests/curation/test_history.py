"""A history is read as its writer meant it, or every mistake is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaproom.curation.history import LINES_MAX, read_history
from kaproom.errors import Mend


def write(folder: Path, *lines: str, head: str = "minute,event,value") -> Path:
    file = folder / "h.csv"
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return file


def faults(file: Path) -> list[str]:
    with pytest.raises(Mend) as told:
        read_history(file, -10.0)
    return [line.removeprefix(f"{file}") for line in str(told.value).splitlines()]


def test_a_history_is_read_in_its_order(tmp_path: Path) -> None:
    file = write(tmp_path, "-1,bolus,7", "0,Start,", "", "# a remark", "0,rate, 0.5", "15.5,pause")
    deeds = read_history(file, -10.0)
    assert [(d.line, d.minute, d.what, d.value, d.unit) for d in deeds] == [
        (2, -1.0, "bolus", 7.0, "mg"),
        (3, 0.0, "started", None, None),
        (6, 0.0, "rate", 0.5, "mg/min"),
        (7, 15.5, "paused", None, None),
    ]


def test_a_spreadsheet_leaves_a_mark_and_returns(tmp_path: Path) -> None:
    file = tmp_path / "h.csv"
    file.write_bytes(b"\xef\xbb\xbfminute,event,value\r\n0,start,\r\n5,rate,1\r\n,,\r\n")
    assert [deed.what for deed in read_history(file, -10.0)] == ["started", "rate"]


def test_the_head_may_be_missing(tmp_path: Path) -> None:
    assert len(read_history(write(tmp_path, "5,stop,", head="0,start,"), -10.0)) == 2


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("x,pause,", "minute is 'x'; write how many minutes after the planned start, e.g. 15"),
        (",pause,", "minute is missing; write how many minutes after the planned start, e.g. 15"),
        ("nan,pause,", "minute is 'nan'; write how many minutes after the planned start, e.g. 15"),
        ("-11,bolus,5", "minute is -11; the session opens at minute -10, and nothing is recorded"),
        ("601,stop,", "minute is 601; it must be at most 600"),
        (
            "5,pauze,",
            "event is 'pauze'; the events are start, rate, bolus, pause, resume, stop (did",
        ),
        ("5,,", "event is ''; the events are start"),
        ("5,rate,", "value is missing; write the rate in mg/min, the number alone"),
        ("5,rate,0.5 mg/min", "value is '0.5 mg/min'; write the rate in mg/min, the number alone"),
        ("5,rate,-1", "value is -1; a rate in mg/min lies between 0 and 1000"),
        ("5,bolus,inf", "value is 'inf'; write the bolus in mg, the number alone"),
        ("5,bolus,2000", "value is 2000; a bolus in mg lies between 0 and 1000"),
        ("5,stop,3", "value is '3'; stop has none: leave it empty"),
        ("5,rate,0,5", "has 4 columns (5); write minute,event,value, decimals as 0.5"),
        ("2,pause,", "minute is 2, before line 2's 3; put the lines in order of time"),
    ],
)
def test_a_wrong_line_is_named_with_its_remedy(tmp_path: Path, line: str, told: str) -> None:
    (fault,) = faults(write(tmp_path, "3,start,", line))
    assert fault.startswith(f":3: {told}")


def test_five_mistakes_get_five_lines(tmp_path: Path) -> None:
    found = faults(write(tmp_path, *["x,start,"] * 5))
    assert [line.split(":")[1] for line in found] == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["5,pause,"], ":2: pause comes before any start; add the line `5,start,` above it"),
        (["5,rate,1"], ": no line starts the infusion; add `0,start,`"),
        ([], ": no line starts the infusion; add `0,start,`"),
        (["0,start,", "5,resume,"], ":3: resume cannot follow start (line 2); take one of them"),
        (["0,start,", "5,stop,", "6,rate,1"], ":4: rate cannot follow stop (line 3); take one"),
        (["0,start,", "5,start,"], ":3: start cannot follow start (line 2); take one of them out"),
    ],
)
def test_what_cannot_have_happened_is_refused(tmp_path: Path, lines: list[str], told: str) -> None:
    (fault,) = faults(write(tmp_path, *lines))
    assert fault.startswith(told)


def test_a_file_that_is_no_history_is_told_apart(tmp_path: Path) -> None:
    assert faults(write(tmp_path, head="minute;event;value"))[0].startswith(
        ":1: is 'minute;event;value'; the first line must be `minute,event,value`"
    )
    (tmp_path / "h.csv").write_bytes(b"\xff\xfe\x00\x89PNG")
    assert "is not a text; save it as CSV, UTF-8" in faults(tmp_path / "h.csv")[0]
    assert "is not a file; name a CSV file" in faults(tmp_path)[0]
    assert faults(tmp_path / "j.csv")[0].startswith("there is no file")
    long = write(tmp_path, *["1,rate,1"] * LINES_MAX)
    assert f"a history has at most {LINES_MAX}" in faults(long)[0]
