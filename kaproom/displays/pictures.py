"""Screens as PNG files, without a screen: for people, for the README, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from kaproom.displays.painter import Painter
from kaproom.displays.palette import Colour, Dim, Palette, contrast, luminance
from kaproom.displays.pixels import pygame
from kaproom.displays.shapes import Box, Screen, units
from kaproom.errors import Mend, WorldFailed

SIZES = ((1280, 800), (1920, 1080), (3840, 2160))


class Picture:
    """A screen as it looks in a window of that size."""

    def __init__(self, screen: Screen, width_px: int, dim: Dim = Dim.BRIGHT) -> None:
        height_px = round(width_px * screen.height / screen.width)
        self.surface = pygame.Surface((width_px, height_px))
        self._scale = width_px / screen.width
        Painter(self.surface, Palette(dim)).paint(screen)

    def save(self, path: Path) -> None:
        """Write it as a PNG.

        Raises:
            WorldFailed: It cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pygame.image.save(self.surface, str(path))
        except (OSError, pygame.error) as error:
            raise WorldFailed(f"{path} cannot be written: {error}") from error

    def mean_luminance(self) -> float:
        """Of all pixels, relative to white."""
        colours = _colours(self.surface)
        total = sum(luminance(colour) * count for colour, count in colours.items())
        return total / max(1, sum(colours.values()))

    def contrast_within(self, box: Box, against: Colour) -> float:
        """The best contrast that a pixel in the box has: of letters, their strokes' middle."""
        inner = pygame.Rect(
            round(box.x * self._scale),
            round(box.y * self._scale),
            max(1, round(box.width * self._scale)),
            max(1, round(box.height * self._scale)),
        ).clip(self.surface.get_rect())
        colours = _colours(self.surface.subsurface(inner))
        return max((contrast(colour, against) for colour in colours), default=1.0)

    def pixels(self) -> bytes:
        """Red, green and blue, row by row."""
        return pygame.image.tobytes(self.surface, "RGB")


def _colours(surface: pygame.Surface) -> dict[Colour, int]:
    """How many pixels have which colour."""
    # A window needs no numpy, and it takes long to import.
    import numpy as np

    raw = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(-1, 3)
    packed = raw.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, counts = np.unique(packed, return_counts=True)
    return {
        (pixel >> 16, pixel >> 8 & 255, pixel & 255): count
        for pixel, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


def size_of(text: str) -> tuple[int, int]:
    """A window's size as people write it, ``1920x1080``.

    Raises:
        Mend: It is none.
    """
    across, x, down = text.lower().partition("x")
    if not (x and across.isdecimal() and down.isdecimal()):
        raise Mend(f"'{text}' is no size; write WIDTHxHEIGHT in pixels, as in 1920x1080")
    size = int(across), int(down)
    if not all(160 <= side <= 16384 for side in size):
        raise Mend(f"{text} is not a size for a window; each side is 160 to 16384 pixels")
    return size


def tour(
    stops: Iterable[tuple[str, Callable[[float, float], Screen]]],
    folder: Path,
    size_px: tuple[int, int],
    dim: Dim = Dim.BRIGHT,
) -> list[Path]:
    """Every stop of a tour as a picture in the folder, numbered in their order.

    Args:
        stops: A name for each, and what makes its screen for a window of so many units.
        folder: Where to; it is made when it is not there.
        size_px: Of each picture.
        dim: How far the screen is dimmed.
    """
    width, height = units(*size_px)
    paths = []
    for number, (name, screen) in enumerate(stops, 1):
        path = folder / f"{number:02}-{name}.png"
        Picture(screen(width, height), size_px[0], dim).save(path)
        paths.append(path)
    return paths
