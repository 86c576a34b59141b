"""A window that shows screens and tells what people do in it: the one door to the display.

It draws when it is told to, and waits without turning in circles: a key, a press and
``wake`` from another thread end the wait. SDL itself looks each millisecond whether there
is something (3 % of a core for nothing); so we sleep on what SDL reads from, and let it
look when there is something to read.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaproom import clock
from kaproom.clock import NS_PER_S
from kaproom.displays.painter import Painter
from kaproom.displays.palette import Dim, Palette
from kaproom.displays.pixels import pygame
from kaproom.displays.shapes import Screen, pixels_per_unit, units
from kaproom.errors import Mend, WorldFailed

# How often SDL is asked anyway; the second where nothing was found to sleep on.
_ASK_AGAIN_S = 0.1
_ASK_BLINDLY_S = 0.02
_UNSEEN = ("offscreen", "dummy")


@dataclass(frozen=True, slots=True)
class Key:
    """A key went down. ``name`` as pygame calls it: "a", "return", "f1", "page up"."""

    name: str
    at_ns: int
    shift: bool = False
    ctrl: bool = False
    alt: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """Text was entered, by whatever keys a keyboard needs for it."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """A finger or the pointer's first button, in units."""

    x: float
    y: float
    at_ns: int


@dataclass(frozen=True, slots=True)
class Wheel:
    """Turned by so many steps; positive is up."""

    steps: int


@dataclass(frozen=True, slots=True)
class Resized:
    """The window has another size, or shows again: draw everything."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Somebody wants the window closed."""


Input = Key | Typed | Press | Wheel | Resized | Closed


class Window:
    """One window.

    Args:
        title: In its frame.
        size_px: Of a window; without it, the full screen.
        display: Which screen, from 0.
        dim: How far it is dimmed at first.

    Raises:
        WorldFailed: There is no screen.
        Mend: There is no such display.
    """

    def __init__(
        self,
        title: str,
        size_px: tuple[int, int] | None = None,
        display: int = 0,
        dim: Dim = Dim.BRIGHT,
    ) -> None:
        self._title, self._display = title, display
        self._windowed_px, self._full = size_px or (1280, 800), size_px is None
        self._sources: list[int] = []
        self._open()
        self._painter = Painter(pygame.display.get_surface(), Palette(dim))
        self._woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def _open(self) -> None:
        before = _sources()
        try:
            pygame.display.init()
            _must_be_seen(pygame.display.get_driver())
            screens = pygame.display.get_num_displays()
            if not 0 <= self._display < screens:
                there = ", ".join(map(str, range(screens)))
                pygame.display.quit()
                raise Mend(f"--display {self._display}: there is no such screen; choose of {there}")
            _choose_way(pygame.display.get_driver())
            pygame.display.set_caption(self._title)
            pygame.display.set_allow_screensaver(False)
            size_px = (0, 0) if self._full else self._windowed_px
            flags = pygame.FULLSCREEN if self._full else pygame.RESIZABLE
            pygame.display.set_mode(size_px, flags, display=self._display)
        except pygame.error as error:
            pygame.display.quit()
            why = str(error) or "SDL gives no reason"
            raise WorldFailed(
                f"no window can be opened: {why}; is there a screen (DISPLAY, WAYLAND_DISPLAY,"
                " or a console of one's own)? --screenshot FILE needs none"
            ) from error
        pygame.key.set_repeat()
        pygame.key.start_text_input()
        self._sources = [fd for fd, _ in _sources() - before]

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height, in units."""
        return units(*self._painter.surface.get_size())

    @property
    def visible(self) -> bool:
        """Whether somebody could see it: it is not minimised."""
        return pygame.display.get_active()

    def look(self, dim: Dim) -> None:
        """Dim it otherwise, from the next screen on."""
        self._painter.look(Palette(dim))

    def toggle_full(self) -> None:
        """Full screen, or a window again.

        It is another window: one that was full keeps that size, whatever it is told.
        """
        self._full = not self._full
        pygame.display.quit()
        self._open()
        self._painter.onto(pygame.display.get_surface())

    def show(self, screen: Screen) -> bool:
        """Draw what is different from what stands there; whether anything was."""
        changed = self._painter.paint(screen)
        if changed:
            pygame.display.update(changed)
        return bool(changed)

    def wake(self) -> None:
        """End the wait; from any thread."""
        with suppress(OSError):  # closed already, or woken so often that it cannot be missed
            os.eventfd_write(self._woken, 1)

    def wait(self, timeout_s: float) -> list[Input]:
        """What people did, as soon as they do it; an empty list after the time, or when woken."""
        until_ns = clock.mono_ns() + round(timeout_s * NS_PER_S)
        again_s = _ASK_AGAIN_S if self._sources else _ASK_BLINDLY_S
        while not (events := pygame.event.get()):
            left_s = (until_ns - clock.mono_ns()) / NS_PER_S
            if left_s <= 0:
                break
            sources = [self._woken, *self._sources]
            if self._woken in select.select(sources, [], [], min(left_s, again_s))[0]:
                with suppress(BlockingIOError):
                    os.eventfd_read(self._woken)
                events = pygame.event.get()
                break
        return [told for event in events for told in self._told(event)]

    def close(self) -> None:
        """Give the screen back."""
        pygame.display.quit()
        self._sources.clear()
        if self._woken >= 0:
            os.close(self._woken)
            self._woken = -1

    def _told(self, event: Any) -> Iterator[Input]:
        match event.type:
            case pygame.KEYDOWN:
                held = event.mod
                yield Key(
                    pygame.key.name(event.key),
                    clock.mono_ns(),
                    bool(held & pygame.KMOD_SHIFT),
                    bool(held & pygame.KMOD_CTRL),
                    bool(held & pygame.KMOD_ALT),
                )
            case pygame.TEXTINPUT:
                yield Typed(event.text)
            case pygame.MOUSEBUTTONDOWN if event.button == 1:
                scale = pixels_per_unit(*self._painter.surface.get_size())
                yield Press(event.pos[0] / scale, event.pos[1] / scale, clock.mono_ns())
            case pygame.MOUSEWHEEL:
                yield Wheel(event.y)
            case pygame.VIDEORESIZE | pygame.WINDOWSIZECHANGED | pygame.VIDEOEXPOSE:
                self._painter.onto(pygame.display.get_surface())
                yield Resized()
            case pygame.QUIT:
                yield Closed()


def _choose_way(driver: str) -> None:
    """How pixels reach the screen.

    Of X11 SDL would draw through OpenGL, all of a window whenever a word in it changes; with
    shared memory it hands over what changed, and a machine without a graphics card does not
    compute it. Wayland and KMS have no other way than their own.
    """
    if driver == "x11":
        os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")


def _must_be_seen(driver: str) -> None:
    """Refuse what SDL takes where it finds no screen: a window that nobody sees.

    Whoever asks for it by name has it.
    """
    if driver in _UNSEEN and os.environ.get("SDL_VIDEODRIVER") != driver:
        raise pygame.error("no screen was found")


def _sources() -> set[tuple[int, str]]:
    """Everything open from which what people do may be read: displays, input devices.

    By what it is and not by its number alone: to look at what is open opens a number too,
    which the display's connection gets a moment later.
    """
    found = set()
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        with suppress(OSError):  # closed again: it was our own look
            link = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115 - it is no path that exists
            if link.startswith(("socket:", "/dev/input/")):
                found.add((fd, link))
    return found
