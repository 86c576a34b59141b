"""How fast loudness is measured, beside FFmpeg's ebur128 and loudgain, and how they agree."""

from __future__ import annotations

import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import which

from bench.room import Ground
from bench.stock import PIECE_S, Stock
from bench.told import Told

from kaproom.curation.scan import scan
from kaproom.measurements import Measurements

Loudnesses = list[float]


def scanning(ground: Ground, stock: Stock, quick: bool) -> Told:
    """One process each, on the same files; integrated loudness and true peak."""
    told = Told(
        "loudness and true peak, one process",
        ("", "files", "x real time", "x per CPU s", "largest difference LU", "speed x ours"),
    )
    for suffix in (".flac", ".mp3"):
        pieces = stock.pieces(48_000, suffix)[: 4 if quick else None]
        ours: tuple[Loudnesses, float] | None = None
        for name, of in (("kaproom", _ours), ("ffmpeg", _ffmpeg), ("loudgain", _loudgain)):
            if name != "kaproom" and not which(name):
                told.row(name, suffix[1:], "not installed", "", "", "")
                continue
            found, wall_s, cpu = _timed(of, pieces)
            length_s = len(pieces) * PIECE_S
            speed = length_s / wall_s
            if ours is None:
                ours = found, speed
            apart = max(abs(a - b) for a, b in zip(found, ours[0], strict=True))
            title = f"{name} ebur128" if name == "ffmpeg" else name
            told.row(title, suffix[1:], speed, length_s / cpu, apart, speed / ours[1])
    told.notes.append("ffmpeg tells 0.1 LU, loudgain 0.01 LU; ours includes starting its process.")
    return told


def _timed(
    of: Callable[[Sequence[Path]], Loudnesses], pieces: Sequence[Path]
) -> tuple[Loudnesses, float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began_s = time.monotonic()
    found = of(pieces)
    wall_s = time.monotonic() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return found, wall_s, cpu


def _ours(pieces: Sequence[Path]) -> Loudnesses:
    with tempfile.TemporaryDirectory() as folder:
        found = scan(pieces, Measurements(Path(folder)), workers=1)
    return [measured.integrated_lufs for measured in found.files.values()]


def _ffmpeg(pieces: Sequence[Path]) -> Loudnesses:
    found = []
    for piece in pieces:
        words = ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-threads", "1", "-i"]
        words += [str(piece), "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
        figure = re.search(r"I:\s*(-?[\d.]+) LUFS", said[said.rfind("Summary") :])
        assert figure, said[-500:]
        found.append(float(figure[1]))
    return found


def _loudgain(pieces: Sequence[Path]) -> Loudnesses:
    words = ["loudgain", "-q", "-O", *map(str, pieces)]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    head, *rows = (line.split("\t") for line in said.splitlines())
    column = next(i for i, name in enumerate(head) if name.startswith("Loudness"))
    return [float(row[column].split()[0]) for row in rows]
