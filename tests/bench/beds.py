"""What the generated beds cost while they play, as a share of one core."""

from __future__ import annotations

import re

from bench import soundscapes
from bench.room import Ground
from bench.stock import Stock
from bench.told import Told

from kaproom.audio.soundscape import names

_SHARE_AT_MOST = 3.0


def beds(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Each bed at three intensities."""
    told = Told(
        "soundscapes",
        ("bed", "intensity", "x real time", "% of a core", "first ms", "jump ms", "slowest ms"),
    )
    for name in names():
        shares = []
        for intensity in (0.5,) if quick else (0.0, 0.5, 1.0):
            figures = re.findall(r"\d+(?:\.\d+)?", soundscapes.cost(name, intensity))
            told.row(name, *figures)
            shares.append(float(figures[2]))
        told.promise(f"{name}, share of a core", max(shares), "%", _SHARE_AT_MOST)
    return told
