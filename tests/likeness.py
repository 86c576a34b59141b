"""Pictures beside pictures: what a screen should look like, kept small, and what it looks like.

Compared as blurred pictures of 240 pixels across, since letters differ by a pixel's shade
from one version of a font library to the next. When they differ, both stand side by side in
one file, and the failure names it. ``KAPROOM_PICTURES=write`` keeps what is drawn now.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pygame
from numpy.typing import NDArray

from kaproom.displays.palette import Dim
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import Screen

_ACROSS = 240
# Of 255, on average over a block of 12 by 12 pixels: a word more, or a colour, is 20 and more.
_APART = 9.0
_BLOCK = 12


def looks_like(screen: Screen, kept: Path, dim: Dim = Dim.BRIGHT) -> None:
    """Fail when the screen does not look like the picture that is kept of it."""
    drawn = Picture(screen, 1280, dim).surface
    down = round(_ACROSS * drawn.get_height() / drawn.get_width())
    small = pygame.transform.smoothscale(drawn, (_ACROSS, down))
    if os.environ.get("KAPROOM_PICTURES") == "write":
        kept.parent.mkdir(exist_ok=True)
        pygame.image.save(small, str(kept))
    expected = pygame.image.load(str(kept))
    apart = _farthest(_pixels(expected), _pixels(small))
    if apart <= _APART:
        return
    both = pygame.Surface((_ACROSS * 2 + 8, down))
    both.blit(expected, (0, 0))
    both.blit(small, (_ACROSS + 8, 0))
    beside = Path(tempfile.gettempdir()) / f"kaproom-{kept.stem}-expected-and-drawn.png"
    pygame.image.save(both, str(beside))
    raise AssertionError(
        f"{kept.stem} looks different (by {apart:.0f} of 255 somewhere); left what was expected,"
        f" right what is drawn: {beside}"
    )


def _pixels(surface: pygame.Surface) -> NDArray[np.float64]:
    raw = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).astype(float)
    return raw.reshape(surface.get_height(), surface.get_width(), 3)


def _farthest(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The largest difference of a block's mean."""
    if one.shape != other.shape:
        return 255.0
    rows, columns = (side // _BLOCK * _BLOCK for side in one.shape[:2])
    apart = (one - other)[:rows, :columns]
    blocks = apart.reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK, 3)
    return float(np.abs(blocks.mean(axis=(1, 3))).max())
