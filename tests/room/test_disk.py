"""The record's disk runs full: told well before, refused loudly, nothing lost, music on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulse import until
from rooms import LivingRoom

from kaproom.errors import WorldFailed
from kaproom.record import Record, verify
from kaproom.room.vigil import Vigil
from kaproom.surroundings import DISK_WARN_BYTES

DISK_MB = 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few MB; where nobody may mount one, test_daemon limits the files instead."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting takes rights that are not here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all that is free; the file that does."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (100_000, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return ballast


def test_a_full_disk_is_told_before_and_costs_no_word_and_no_music(
    small_disk: Path, runtime: Path
) -> None:
    room = LivingRoom(small_disk / "data", runtime)
    room.start()
    try:
        session = room.begin()
        room.wait_for(lambda s: "disk-low" in [m["code"] for m in s["attention"]])
        assert "the disk is nearly full" in room.kaproom("status")
        assert "MB free; the record needs 100 MB" in room.kaproom("check", "demo-3min", status=2)
        ballast = fill(small_disk)
        with pytest.raises(WorldFailed, match=r"done, not recorded: .* \(kept, and written once"):
            for number in range(200):  # what the record has set aside takes a few yet
                room.call("note", {"category": "tears", "text": f"{number} " * 400})
        with pytest.raises(WorldFailed, match="not recorded"):
            room.call("note", {"category": "speech", "text": "the last words"})
        assert "NOT SAVED" in room.kaproom("status")
        with room.ring() as ring:
            read, underruns = ring.read_frame, ring.underruns
            until(lambda: ring.read_frame > read + ring.rate_hz // 2, what="sound meanwhile")
            assert ring.underruns == underruns
        ballast.unlink()
        room.wait_for(lambda s: not s["record"]["failing"])
        with Record.open(room.data, read_only=True) as record:
            texts = [w.entry.fields.get("text") for w in record.entries(session)]
        assert texts.count("the last words") == 1
        assert verify(room.data).whole
    finally:
        room.close()


def test_little_room_is_told_once_and_does_not_flutter(tmp_path: Path) -> None:
    free = DISK_WARN_BYTES
    vigil = Vigil(tmp_path, lambda _: free)
    told = []
    for part in (2.0, 1.0, 0.99, 1.05, 0.8, 1.09, 1.2, 1.0):
        free = round(part * DISK_WARN_BYTES)
        vigil.look()
        told.append(vigil.low)
    assert told == [False, False, True, True, True, True, False, False]


def test_a_disk_that_does_not_answer_is_not_known_and_not_low(tmp_path: Path) -> None:
    def gone(_: Path) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    vigil = Vigil(tmp_path, gone)
    vigil.look()
    assert (vigil.free_bytes, vigil.low) == (None, False)
