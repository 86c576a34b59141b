"""Whether there is a screen that a window can be opened on; asked without loading pygame."""

from __future__ import annotations

import os
from collections.abc import Mapping


def screen_here(env: Mapping[str, str] = os.environ) -> bool:
    """Whether this login has a desktop."""
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))
