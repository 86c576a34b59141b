"""A room of one's own, for a test of the daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import LivingRoom


@pytest.fixture
def room(tmp_path: Path, runtime: Path) -> Iterator[LivingRoom]:
    """A room with a silent output; its daemon runs."""
    living = LivingRoom(tmp_path / "data", runtime)
    living.start()
    try:
        yield living
    finally:
        living.close()
