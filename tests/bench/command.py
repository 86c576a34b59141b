"""The command: which benches, where, how long; the tables, then every target."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.beds import beds
from bench.console import console
from bench.deep import deep
from bench.gaps import exact, hogged, killed
from bench.holding import holding
from bench.kills import kills
from bench.live import live
from bench.notes import notes
from bench.planning import planning
from bench.reaction import reaction
from bench.report import report
from bench.room import Ground
from bench.scanning import scanning
from bench.stamps import stamps
from bench.station import station
from bench.stock import Stock
from bench.told import Target, Told, verdicts
from pulse import NullSink, short_folder

Bench = Callable[[Ground, Stock, bool], Told]

BENCHES: dict[str, Bench] = {
    "exact": exact,
    "notes": notes,
    "stamps": stamps,
    "report": report,
    "planning": planning,
    "beds": beds,
    "scanning": scanning,
    "deep": deep,
    "killed": killed,
    "kills": kills,
    "reaction": reaction,
    "holding": holding,
    "live": live,
    "hogged": hogged,
    "station": station,
    "console": console,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when a target was missed or a bench failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("benches", nargs="*", metavar="BENCH", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="short, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables there as well")
    parser.add_argument("--cache", type=Path, default=_cache(), metavar="DIR")
    parser.add_argument("--no-install", action="store_true", help="no apt-get install of peers")
    asked = parser.parse_args(arguments)
    unknown = sorted({*asked.benches} - {*BENCHES})
    if unknown:
        parser.error(f"no bench is called {unknown[0]}; there are {', '.join(BENCHES)}")
    # Asked to end, what was started is ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked.cache.mkdir(parents=True, exist_ok=True)
    pages = _Pages(asked.out)
    stock = Stock(asked.cache, lambda line: print(f"-- {line}", flush=True))
    stock.tools(install=not asked.no_install)
    pages.add(_machine())
    chosen = asked.benches or list(BENCHES)
    targets, failed = _all(chosen, stock, asked.cache, asked.quick, pages)
    if targets:
        pages.add(verdicts(targets))
    for name in failed:
        pages.add(f"FAILED: {name}")
    return 1 if failed or not all(target.met for target in targets) else 0


def _all(
    names: Sequence[str], stock: Stock, cache: Path, quick: bool, pages: _Pages
) -> tuple[list[Target], list[str]]:
    targets: list[Target] = []
    failed = []
    with (
        tempfile.TemporaryDirectory(dir=cache) as disk,
        short_folder() as folder,
        NullSink(folder) as sink,
    ):
        os.environ |= sink.environment
        ground = Ground(Path(disk), sink)
        for name in names:
            load = os.getloadavg()[0]
            began_s = time.monotonic()
            try:
                told = BENCHES[name](ground, stock, quick)
            except Exception:  # noqa: BLE001 - one bench's failure is not the others'
                traceback.print_exc()
                failed.append(name)
                continue
            took_s = time.monotonic() - began_s
            after = os.getloadavg()[0]
            told.notes.append(f"({took_s:.0f} s; load {load:.1f} before, {after:.1f} after)")
            pages.add(told.text())
            targets += told.targets
    return targets, failed


class _Pages:
    """What was told, on the terminal and in a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def add(self, text: str) -> None:
        print(f"{text}\n", flush=True)
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(f"{text}\n\n")


def _cache() -> Path:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named else Path.home() / ".cache") / "kaproom-bench"


def _machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    return f"== {when}, {model}, {os.cpu_count()} cores, Python {platform.python_version()}"
