"""pygame, as every part of the displays gets it: quiet, and without what is not used.

pygame greets on standard output, looks for pkg_resources and numpy, which take longer to
import than all the rest of it, and its ``init`` opens sound and joysticks; none of it has a
place here.
``window``, ``painter``, ``letters``, ``pictures`` and ``tone`` are the only ones that come in.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

_modules: dict[str, Any] = sys.modules
_hidden = [name for name in ("pkg_resources", "numpy") if name not in _modules]
_modules.update(dict.fromkeys(_hidden))
try:
    import pygame
finally:
    for _name in _hidden:
        del _modules[_name]

__all__ = ["pygame"]
