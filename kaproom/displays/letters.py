"""Letters: which there are, how many fit, and in which order they are drawn."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from unicodedata import bidirectional

from kaproom.displays.pixels import pygame

_ELLIPSIS = "…"

_TO_THE_LEFT = ("R", "AL")


def as_drawn(words: str) -> str:
    """Words as they are drawn: from the left, and nothing that turns, hides or ends a line.

    What is written from the right is turned round; Arabic letters stay unjoined.
    """
    return words if words.isascii() and words.isprintable() else _in_order(words)


@lru_cache(maxsize=1000)
def _in_order(words: str) -> str:
    shown = "".join(c if c.isprintable() else " " * c.isspace() for c in words)
    if not any(bidirectional(c) in _TO_THE_LEFT for c in shown):
        return shown
    drawn: list[str] = []
    end = -1
    for at, letter in enumerate(shown):
        if at <= end:
            continue
        if bidirectional(letter) in _TO_THE_LEFT:
            end = at + _run(shown[at:])
            drawn.append(shown[at : end + 1][::-1])
        else:
            drawn.append(letter)
    return "".join(drawn)


def _run(words: str) -> int:
    """Where the words end that begin here and are written from the right."""
    end = 0
    for at, letter in enumerate(words):
        kind = bidirectional(letter)
        if kind in _TO_THE_LEFT:
            end = at
        elif kind not in ("WS", "NSM", "CS", "ON"):
            break
    return end


@lru_cache(maxsize=1)
def _faces() -> tuple[str | None, str | None]:
    """The files of the plain and the bold letters.

    matplotlib brings DejaVu Sans, so it is the same on every machine: wide open letters,
    figures of one width, umlauts. Without it, pygame's own.
    """
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        return None, None
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    plain, bold = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
    return (str(plain), str(bold)) if plain.is_file() and bold.is_file() else (None, None)


@lru_cache(maxsize=256)
def _font(size: int, bold: bool) -> pygame.font.Font:
    if not pygame.font.get_init():
        pygame.font.init()
    return pygame.font.Font(_faces()[bold], size)


def fitting(
    words: str, size: int, bold: bool, width: int, least: float
) -> tuple[pygame.font.Font, str]:
    """Letters and words that are no wider than this: smaller, then cut."""
    font = _font(size, bold)
    needed = font.size(words)[0]
    if needed > width:
        font = _font(max(4, int(size * max(least, width / needed))), bold)
        if font.size(words)[0] > width:
            words = _cut(words, font, width)
    return font, words


def _cut(words: str, font: pygame.font.Font, width: int) -> str:
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        fits = font.size(words[:middle].rstrip() + _ELLIPSIS)[0] <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return words[:low].rstrip() + _ELLIPSIS if low else ""


@lru_cache(maxsize=1000)
def broken(text: str, size: int, bold: bool, width: int, most: int) -> tuple[str, ...]:
    """The words in lines of this width; what does not fit ends the last one."""
    font = _font(size, bold)
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < most:
        line = rest.pop(0)
        while rest and font.size(f"{line} {rest[0]}")[0] <= width:
            line = f"{line} {rest.pop(0)}"
        lines.append(line)
    if rest:
        lines[-1] = " ".join([lines[-1], *rest])
    return tuple(lines)
