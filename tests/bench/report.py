"""From `kaproom report` to the page on disk, as typed: three hours and 2,000 notes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from afternoons import entries, eventful, long, recorded
from bench.room import Ground
from bench.stock import Stock
from bench.told import Told, percentile

_NOTES, _SHEET_S, _LIST_S = 2_000, 3.0, 1.0
_TIMES, _QUICK_TIMES = 10, 2
_SESSIONS = 100


def report(ground: Ground, stock: Stock, quick: bool) -> Told:
    """The sheet, the patient's page, the rows, and the list of many sessions."""
    told = Told("kaproom report, s", ("", "record", "times", "p50", "worst", "kB"))
    times = _QUICK_TIMES if quick else _TIMES
    whole, many = ground.disk / "one-long-session", ground.disk / "many-sessions"
    with recorded(whole, entries(long(_NOTES))):
        pass
    short = eventful()
    sessions = [
        entries(short, f"{number:032x}", timedelta(days=number)) for number in range(_SESSIONS)
    ]
    with recorded(many, *sessions):
        pass
    for words in (["last", "--html"], ["last", "--patient"], ["last", "--tsv"], ["last", "--json"]):
        taken_s, size = _typed(whole, words, times)
        name = f"{words[1].removeprefix('--')}, 3 h, {_NOTES} notes"
        told.row(*_cells(name, "one session", taken_s), size / 1000)
        if words[1] == "--html":
            told.promise(f"report of 3 h with {_NOTES} notes, worst", max(taken_s), "s", _SHEET_S)
    taken_s, size = _typed(many, [], times)
    told.row(*_cells("the list", f"{_SESSIONS} sessions", taken_s), size / 1000)
    told.promise(f"list of {_SESSIONS} sessions, worst", max(taken_s), "s", _LIST_S)
    told.notes.append("from the start of the process to its end; the page is fsynced by then")
    return told


def _cells(name: str, record: str, taken_s: list[float]) -> tuple[object, ...]:
    return name, record, len(taken_s), percentile(taken_s, 50), max(taken_s)


def _typed(data: Path, words: list[str], times: int) -> tuple[list[float], int]:
    """How long each took, and how much came of it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAPROOM_")}
    environment |= {"KAPROOM_DATA": str(data), "XDG_CONFIG_HOME": str(data / "none")}
    out = data / "out"
    out.mkdir(exist_ok=True)
    command = [str(Path(sys.executable).with_name("kaproom")), "report", *words]
    taken_s, size = [], 0
    for _ in range(times):
        began_s = time.perf_counter()
        done = subprocess.run(
            [*command, "--out", str(out)] if words else command,
            env=environment,
            capture_output=True,
            check=True,
        )
        taken_s.append(time.perf_counter() - began_s)
        size = sum(file.stat().st_size for file in out.iterdir()) or len(done.stdout)
        for file in out.iterdir():
            file.unlink()
    return taken_s, size
