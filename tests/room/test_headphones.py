"""What the room says of its headphones."""

from __future__ import annotations

import pytest

from kaproom.audio.ring import Notice
from kaproom.room.headphones import device_of


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
