"""What tests all over the house may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pulse import NullSink, short_folder


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder: in memory, with a short path, gone afterwards."""
    with short_folder() as folder:
        yield folder


@pytest.fixture
def cans(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    """A sound server with headphones that nobody wears, for this test and what it starts."""
    with short_folder() as folder, NullSink(folder) as sink:
        for name, value in sink.environment.items():
            monkeypatch.setenv(name, value)
        yield sink
