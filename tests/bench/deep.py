"""The deep check as typed: 90 minutes of real music, the plan and one disturbance."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.room import Ground
from bench.stock import Stock
from bench.told import Told

_AT_MOST_S = 60.0
_DISTURBANCE = "pause"
# Shorter ones are signals of a game, not music to lie down to.
_PIECE_MIN_S = 100.0
_PHASES = ("settling", "onset", "ascent", "peak", "descent", "landing")
_STARTS_MIN = (0, 10, 25, 40, 60)
_END_MIN, _QUICK_END_MIN = 80, 8


def deep(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Both by `kaproom check --deep`; the files were measured by `kaproom check` before."""
    told = Told("kaproom check --deep, s", ("", "minutes", "courses", "wall s", "CPU s", "faults"))
    folder = ground.disk / "deep"
    folder.mkdir()
    end_min = _QUICK_END_MIN if quick else _END_MIN
    _written(folder, [*stock.album(48_000), *stock.album(44_100)], end_min)
    _check(folder)
    alone = _check(folder, "--deep", "--disturbances", "none")
    both = _check(folder, "--deep", "--disturbances", _DISTURBANCE)
    minutes = end_min + min(10, end_min / 4)
    for name, (wall_s, cpu_s, faults) in (("the plan", alone), (f"and {_DISTURBANCE}", both)):
        told.row(name, minutes, 1 if name == "the plan" else 2, wall_s, cpu_s, faults)
    name = f"deep check of {minutes:.0f} min, the plan and one disturbance"
    told.promise(name, both[0], "s", _AT_MOST_S)
    told.notes.append("from the start of the process to its end, at niceness 10, two processes")
    return told


def _written(folder: Path, tracks: list[Path], end_min: float) -> None:
    """A session of these tracks, in their order, as many as fill each phase."""
    from kaproom.audio.decoder import probe

    long = [track for track in tracks if probe(track).length_s >= _PIECE_MIN_S]
    each = len(long) // len(_PHASES)
    lines = ["kaproom: playlist/1", "sections:"]
    for number, phase in enumerate(_PHASES):
        lines.append(f"  {phase}:")
        mine = long[number * each : (number + 1) * each]
        lines += [f"    - file: {json.dumps(str(track))}" for track in mine]
    (folder / "list.yaml").write_text("\n".join(lines) + "\n")
    scale = end_min / _END_MIN
    phases = [
        f"  - {{name: {phase}, section: {phase}{start}}}"
        for phase, start in zip(
            _PHASES, ["", *(f", start_min: {at * scale:g}" for at in _STARTS_MIN)], strict=True
        )
    ]
    head = [
        *("kaproom: profile/1", "title: Ninety minutes", "playlist: ./list.yaml"),
        f"infusion: {{planned_min: {40 * scale:g}}}",
        *("refuge: {soundscape: ocean}", f"session_end_min: {end_min:g}", "prompts: []"),
    ]
    (folder / "long.yaml").write_text("\n".join([*head, "phases:", *phases]) + "\n")


def _check(folder: Path, *words: str) -> tuple[float, float, int]:
    """Wall and CPU time, and how many faults there were."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAPROOM_")}
    environment |= {"KAPROOM_DATA": str(folder), "XDG_CONFIG_HOME": str(folder / "none")}
    command = [str(Path(sys.executable).with_name("kaproom")), "check", "long.yaml", *words]
    before, began_s = os.times(), time.monotonic()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall_s, after = time.monotonic() - began_s, os.times()
    assert "--deep" not in words or "rehearsed: " in done.stdout, done.stdout + done.stderr
    cpu_s = after.children_user + after.children_system
    cpu_s -= before.children_user + before.children_system
    return wall_s, cpu_s, done.stdout.count("FAULT")
