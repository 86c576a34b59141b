"""What tests all over the house may ask for."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pulse import NullSink, short_folder
from rooms import LivingRoom
from xserver import XServer, x_server

from kaproom.room.broker import Broker, _program, start_broker
from kaproom.wire import link

# How long one example takes depends on what else the machine does; the suite has a limit.
settings.register_profile("kaproom", deadline=None)
settings.load_profile("kaproom")


# Who runs the tests in the background of a script has them ignore Ctrl-C, and with them
# everything that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A runtime folder: in memory, with a short path, gone afterwards."""
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def _headphones() -> Iterator[NullSink]:
    with short_folder() as folder, NullSink(folder) as sink:
        yield sink


@pytest.fixture
def cans(_headphones: NullSink, monkeypatch: pytest.MonkeyPatch) -> NullSink:
    """Headphones: a sound server that this test, and what it starts, find by themselves.

    One server for all tests, because starting one takes 2 s; who kills or freezes it takes
    ``own_cans``.
    """
    if not _headphones.well:
        _headphones.start()
    for name, value in _headphones.environment.items():
        monkeypatch.setenv(name, value)
    return _headphones


@pytest.fixture
def own_cans(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSink]:
    """As ``cans``, for tests that do harm to the server."""
    with short_folder() as folder, NullSink(folder) as sink:
        for name, value in sink.environment.items():
            monkeypatch.setenv(name, value)
        yield sink


@pytest.fixture
def room(tmp_path: Path, runtime: Path) -> Iterator[LivingRoom]:
    """A room with a silent output; its daemon runs."""
    living = LivingRoom(tmp_path / "data", runtime)
    living.start()
    try:
        yield living
    finally:
        living.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real broker on this machine, for whoever comes."""
    if _program("mosquitto") is None:
        pytest.skip("no mosquitto")
    with start_broker(tmp_path, ("mosquitto",)) as running:
        yield running


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wire tries again soon: what is tested is that it tries."""
    monkeypatch.setattr(link, "RETRY_MIN_S", 0.05)
    monkeypatch.setattr(link, "RETRY_MAX_S", 0.2)


@pytest.fixture
def screen() -> Iterator[XServer]:
    """A screen in memory; who takes it is marked ``needs_screen``."""
    with x_server() as server:
        yield server
