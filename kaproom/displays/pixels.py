"""pygame, as every part of the displays gets it: quiet, and without what is not used.

pygame greets on standard output, looks for pkg_resources, which takes longer to import than
all the rest of it, and its ``init`` opens sound and joysticks; none of it has a place here.
SDL would draw a window through OpenGL, all of it whenever a word in it changes; with shared
memory it hands over what changed, and a machine without a graphics card does not compute it.
``window``, ``painter``, ``pictures`` and ``tone`` are the only ones that come in.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")

_modules: dict[str, Any] = sys.modules
_hidden = "pkg_resources" not in _modules
if _hidden:
    _modules["pkg_resources"] = None
try:
    import pygame
finally:
    if _hidden:
        del _modules["pkg_resources"]

__all__ = ["pygame"]
