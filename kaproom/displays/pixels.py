"""pygame, as every part of the displays gets it: quiet, and without what is not used.

pygame greets on standard output, and its ``init`` opens sound and joysticks; neither has a
place here. ``window``, ``painter`` and ``pictures`` are the only ones that come in.
"""

from __future__ import annotations

import os

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

__all__ = ["pygame"]
