"""What the room says of its headphones."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pulse import short_folder, until

from kaproom.audio.ring import Notice
from kaproom.room.headphones import Headphones, device_of


@pytest.fixture
def runtime() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture
def headphones(runtime: Path) -> Headphones:
    """With a player of their own, which answers."""
    ours = Headphones(runtime, "silent", 100.0, 48_000)
    ours.start()
    until(lambda: ours.reached, what="a player")
    return ours


def players(runtime: Path) -> list[int]:
    words = {p.pid: p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])}
    return [pid for pid, said in words.items() if {"kaproom.audio.player", str(runtime)} <= {*said}]


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        (Notice("device", device="Scarlett 2i2"), "Scarlett 2i2"),
        (Notice("silent", device="silent"), "silent output"),
        (Notice("lost", device="Scarlett 2i2"), "Scarlett 2i2"),
        (Notice("lost"), "no device"),
    ],
)
def test_the_device_is_called_by_its_name(notice: Notice, said: str) -> None:
    assert device_of(notice) == said


def test_a_device_that_is_not_open_yet_is_not_called_silent() -> None:
    # In the first second of every session; "silent output" is what somebody asked for.
    assert device_of(Notice("off")) == ""


def test_a_player_that_was_dismissed_is_not_started_again(
    headphones: Headphones, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = headphones._ask
    (player,) = players(runtime)

    def asked_and_gone(do: str, timeout_s: float) -> None:
        ask(do, timeout_s)
        listener = headphones._threads[1]
        until(lambda: not listener.is_alive() or {*players(runtime)} - {player})

    monkeypatch.setattr(headphones, "_ask", asked_and_gone)
    headphones.close(dismiss=True)
    assert not players(runtime)


def test_a_player_too_busy_to_be_asked_is_dismissed_all_the_same(
    headphones: Headphones, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (player,) = players(runtime)
    os.kill(player, signal.SIGSTOP)
    terminate = headphones._terminate_player

    def asked_in_vain() -> None:
        terminate()
        os.kill(player, signal.SIGCONT)

    monkeypatch.setattr(headphones, "_terminate_player", asked_in_vain)
    headphones.close(dismiss=True)
    assert not players(runtime)
