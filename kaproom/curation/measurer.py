"""A process that measures one file after another: a path in, a measurement out, a line each.

A hostile file may crash or hang a decoder; so this is a process that may be ended at
any time, and it says nothing on its output but measurements. It runs at a low
priority: a session may be playing on this machine.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import TextIO

from kaproom.audio import decoder, loudness
from kaproom.errors import Mend
from kaproom.measurements import PIECE_MIN_S, Measured
from kaproom.places import legible

READY = "ready"
_NICENESS = 10


def measure(path: str) -> Measured:
    """Decode the whole file once; what is wrong with it is its ``problem``."""
    try:
        about = decoder.probe(path)
        heard = loudness.measure(path)
    except Mend as mend:
        return Measured(path, problem=problem_of(mend, path))
    if about.length_s < PIECE_MIN_S:
        return Measured(path, problem="is shorter than 1 s, too short for music; replace it")
    if heard.length_s < PIECE_MIN_S:
        return Measured(path, problem="breaks off within its first second; copy it again")
    if not math.isfinite(heard.integrated_lufs):
        return Measured(path, problem="is silent from beginning to end; replace it")
    return Measured(
        path,
        length_s=heard.length_s,
        said_length_s=about.length_s,
        integrated_lufs=heard.integrated_lufs,
        max_short_term_lufs=heard.max_short_term_lufs,
        true_peak_dbtp=heard.true_peak_dbtp,
        rate_hz=about.rate_hz,
        channels=about.channels,
        codec=about.codec,
        title=legible(about.tags.get("title", "").strip(), 120),
        artist=legible(about.tags.get("artist", "").strip(), 120),
    )


def problem_of(mend: Mend, path: str) -> str:
    """What is wrong and what to do, without the path: whoever tells it says where."""
    return legible(str(mend).removeprefix(f"{path}: "), 400)


def serve(paths: TextIO, measurements: TextIO) -> None:
    """Say that it is ready, then measure what is asked for until nobody asks any more."""
    measurements.write(f"{READY}\n")
    measurements.flush()
    for line in paths:
        path = json.loads(line)
        try:
            measured = measure(path)
        except Exception as error:  # noqa: BLE001 - this process's outermost frame
            kind = type(error).__name__
            measured = Measured(path, problem=f"cannot be measured ({kind}: {error}); replace it")
        measurements.write(json.dumps(measured.to_json()) + "\n")
        measurements.flush()


if __name__ == "__main__":
    os.nice(_NICENESS)
    # A library that prints must not be taken for a measurement.
    said = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    serve(sys.stdin, said)
