"""The ring is kept full, whatever the disk does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from recordings import music

from kaproom.audio import sources
from kaproom.audio.filling import Filling
from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.mixer import FALLBACK_SUFFIX, render
from kaproom.audio.programme import Bed, Cue, Programme, Track
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.audio.stereo import Block

RATE_HZ = 48_000
BED = Bed("drone", 5)


def kept_nowhere(_: Programme) -> None:
    pass


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    made = Ring.create(tmp_path / RING_FILE, RATE_HZ)
    made.write_frame = made.read_frame = 70_001  # not at a grain's beginning
    yield made
    made.close()


def programme(at: int) -> Programme:
    return Programme(
        (
            Cue("song", at, 4_800, Track("song.flac")),
            Cue("end", at + 60 * RATE_HZ, 48_000, BED),
        ),
        BED,
    )


class _Disk:
    """Gives so much of a file, and then nothing until it is let go."""

    seconds = 0.0

    def __init__(self, *_where: object) -> None:
        self.damaged_at_s: list[float] = []

    def __iter__(self) -> Iterator[Block]:
        if self.seconds:
            yield music(self.seconds)
        _let_go.wait(60.0)

    def close(self) -> None:
        pass


_let_go = threading.Event()


@pytest.mark.parametrize("seconds", [0.0, 3.0, 11.0])
def test_a_disk_that_stops_is_not_heard(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(sources, "Decoder", _Disk)
    monkeypatch.setattr(_Disk, "seconds", seconds)
    _let_go.clear()
    at = ring.write_frame
    bell = threading.Event()
    filling = Filling(ring, programme(at), bell.set)
    changed: list[Programme] = []
    heard: list[Block] = []
    ran_dry_s = 0.0
    try:
        while ring.read_frame < at + 16 * RATE_HZ:
            bell.wait(min(0.02, filling.fill(changed.append)))
            bell.clear()
            # The device takes 20 times what a real one takes: a stall of seconds is short here.
            size = min(ring.write_frame - ring.read_frame, RATE_HZ * 20 // 50)
            heard.append(ring.copy(ring.read_frame, size))
            ring.read_frame += size
            ran_dry_s += 0.0 if size else 0.02
    finally:
        _let_go.set()
        filling.close()
    [failed] = filling.mixer.failures
    assert failed.why == "song.flac: cannot be read fast enough; check the disk it lies on"
    # The next player was told before the frames were there.
    assert changed and changed[-1].cues[-2].id == "song" + FALLBACK_SUFFIX
    # It waited no longer than it had to, and then there was always something.
    assert ran_dry_s < 3.0
    played = np.abs(np.concatenate(heard)).max(axis=1)
    size = len(played) // 9600 * 9600
    assert played[9600:size].reshape(-1, 9600).max(axis=1).min() > 0.0


def test_only_what_fits_is_written_and_in_whole_grains(ring: Ring) -> None:
    at = ring.write_frame
    bell = threading.Event()
    bed_only = Programme((Cue("bed", at, 0, BED),), BED)
    filling = Filling(ring, bed_only, bell.set)
    try:
        while ring.space_frames() >= GRAIN_FRAMES:
            bell.wait(filling.fill(kept_nowhere))
            bell.clear()
        assert ring.write_frame % GRAIN_FRAMES == 0
        wait_s = filling.fill(kept_nowhere)
        missing_s = (GRAIN_FRAMES - ring.space_frames()) / RATE_HZ
        assert missing_s <= wait_s < missing_s + 0.05
        assert [cue.id for cue in filling.begun()] == ["bed"] and filling.begun() == []
        length = ring.write_frame - at
        expected = np.concatenate(list(render(bed_only, RATE_HZ, at, length)))
        np.testing.assert_array_equal(ring.copy(at, length), expected)
    finally:
        filling.close()
