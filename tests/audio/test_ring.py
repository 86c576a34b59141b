"""The ring: nobody sees half of anything, and whoever dies leaves it whole."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pulse import until

from kaproom.audio.ring import Notice, Ring, RingError, Timing

RATE_HZ = 48000


@pytest.fixture
def ring(runtime: Path) -> Iterator[Ring]:
    made = Ring.create(runtime / "ring", RATE_HZ)
    yield made
    made.close()


def numbered(start: int, frames: int) -> NDArray[np.float32]:
    """Frames that carry their own number."""
    numbers = np.arange(start, start + frames, dtype=np.float32)
    return np.stack([numbers, -numbers], axis=1)


def test_frames_come_out_as_they_went_in_however_often_the_ring_wraps(ring: Ring) -> None:
    written = ring.write_frame = ring.read_frame = 3 * RATE_HZ + 17
    for _ in range(9):
        block = numbered(written, 65_536)
        ring.write(block)
        assert np.array_equal(ring.copy(written, 65_536), block)
        written += 65_536
        assert ring.write_frame == written
        ring.read_frame = written


def test_a_second_of_read_frames_stays_readable(ring: Ring) -> None:
    frame = 0
    while frame < 10 * RATE_HZ:
        ring.read_frame = max(0, frame - RATE_HZ)
        while space := min(ring.space_frames(), 9_999):
            ring.write(numbered(ring.write_frame, space))
        past = max(0, ring.read_frame - RATE_HZ)
        assert np.array_equal(ring.copy(past, 100), numbered(past, 100))
        frame += RATE_HZ // 3


def test_the_ring_takes_2_7_seconds_ahead_and_no_more(ring: Ring) -> None:
    assert ring.space_frames() == round(2.7 * RATE_HZ)
    ring.write(numbered(0, ring.fill_frames))
    assert ring.space_frames() == 0
    ring.read_frame = 1234
    assert ring.space_frames() == 1234


def test_a_step_back_of_the_output_leaves_no_negative_space(ring: Ring) -> None:
    ring.read_frame = 9_000
    ring.write(numbered(0, 9_000 + ring.fill_frames))
    ring.read_frame = 3_000
    assert ring.space_frames() == 0


def test_a_new_ring_is_silent_until_somebody_sets_a_gain(ring: Ring) -> None:
    assert ring.gain().target_db == -math.inf
    ring.set_gain(-6.0, 0.3)
    assert (ring.gain().target_db, ring.gain().fall_s) == (-6.0, 0.3)
    ring.set_gain(-math.inf, 3.0)
    assert (ring.gain().target_db, ring.gain().fall_s) == (-math.inf, 3.0)


def test_every_process_sees_what_another_wrote(ring: Ring, runtime: Path) -> None:
    ring.write(numbered(0, 500))
    ring.mix_gain_db, ring.limiter_db = -3.25, -0.5
    other = Ring.attach(runtime / "ring")
    assert (other.rate_hz, other.write_frame) == (RATE_HZ, 500)
    assert (other.mix_gain_db, other.limiter_db) == (-3.25, -0.5)
    other.read_frame = 77
    other.announce(Notice("lost", "no-device", "USB Audio", "plug it in – schöne Grüße"))
    assert ring.read_frame == 77
    assert ring.notice() == Notice("lost", "no-device", "USB Audio", "plug it in – schöne Grüße")
    other.close()


def test_before_the_output_says_anything_it_is_off(ring: Ring) -> None:
    assert ring.notice() == Notice("off")
    assert ring.device_state == "off"
    assert ring.timing() == Timing(0, 0, 0)
    assert ring.frame_at(987_654_321) == 0


def test_a_notice_that_is_too_long_is_cut_not_lost(ring: Ring) -> None:
    ring.announce(Notice("lost", "refused", "ü" * 300, "ß" * 900))
    notice = ring.notice()
    assert (notice.state, notice.cause, notice.device) == ("lost", "refused", "ü" * 80)
    assert notice.why.startswith("ß" * 100)


def test_a_timing_is_never_read_by_halves(ring: Ring) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            ring.set_timing(number, number * 1000, number * 7)

    writer = threading.Thread(target=write)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    writer.start()
    try:
        until(lambda: ring.timing().frame)
        for _ in range(20_000):
            timing = ring.timing()
            assert timing == Timing(timing.frame, timing.frame * 1000, timing.frame * 7)
    finally:
        stop.set()
        writer.join()
        sys.setswitchinterval(interval_s)


WRITER = """
import itertools, sys
from pathlib import Path
from kaproom.audio.ring import Notice, Ring
ring = Ring.attach(Path(sys.argv[1]))
for number in itertools.count(1):
    ring.set_timing(number, number * 1000, number * 7)
    ring.announce(Notice("lost", str(number), str(number), str(number)))
"""


def test_a_writer_killed_at_any_instant_blocks_no_reader(ring: Ring, runtime: Path) -> None:
    for _ in range(4):
        ring.set_timing(0, 0, 0)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(runtime / "ring")])
        until(lambda: ring.timing().frame > 100)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        timing, notice = ring.timing(), ring.notice()
        assert timing == Timing(timing.frame, timing.frame * 1000, timing.frame * 7)
        assert notice.cause == notice.device == notice.why
        ring.set_timing(1, 2, 3)
        assert ring.timing() == Timing(1, 2, 3)


def test_killing_a_process_that_is_attached_leaves_the_ring(ring: Ring, runtime: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(runtime / "ring")])
    until(lambda: ring.timing().frame)
    writer.kill()
    writer.wait()
    Ring.attach(runtime / "ring").close()


def test_a_frame_is_heard_the_latency_after_it_was_handed_over(ring: Ring) -> None:
    ring.read_frame = 100_000
    ring.set_timing(96_000, 50_000_000_000, 125_000_000)
    assert ring.frame_at(50_125_000_000) == 96_000
    assert ring.frame_at(50_000_000_000) == 90_000
    assert ring.mono_at(96_000) == 50_125_000_000
    assert ring.mono_at(48_000) == 49_125_000_000


def test_no_frame_is_claimed_as_heard_that_was_not_handed_over(ring: Ring) -> None:
    ring.read_frame = 97_200
    ring.set_timing(96_000, 50_000_000_000, 125_000_000)
    assert ring.frame_at(99_000_000_000) == 97_200


@given(st.integers(0, 2**40), st.integers(1, 2**55), st.integers(0, 10**9))
def test_frame_and_instant_are_each_others_inverse(
    frame: int, mono_ns: int, latency_ns: int
) -> None:
    ring = INVERSE
    ring.read_frame = 2**41
    ring.set_timing(frame, mono_ns, latency_ns)
    assert abs(ring.frame_at(ring.mono_at(frame + 12_345)) - (frame + 12_345)) <= 1


@pytest.fixture(autouse=True, scope="module")
def _inverse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    global INVERSE  # noqa: PLW0603 - Hypothesis wants no fixture of one test
    INVERSE = Ring.create(tmp_path_factory.mktemp("inverse") / "ring", RATE_HZ)
    yield
    INVERSE.close()


INVERSE: Ring


def test_a_folder_without_a_ring_is_one_line(runtime: Path) -> None:
    with pytest.raises(RingError) as raised:
        Ring.attach(runtime / "ring")
    assert str(raised.value) == (
        f"{runtime}/ring: no ring here (No such file or directory); start the player"
    )


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "is no ring"),
        (b"hello", "is no ring"),
        (b"x" * 9_000, "is no ring"),
        (b"KAPRING\0" + (7).to_bytes(8, "little") + bytes(9_000), "is a ring of version 7"),
        (b"KAPRING\0" + (1).to_bytes(8, "little") + bytes(9_000), "is 9016 bytes long, not 4096"),
    ],
)
def test_a_foreign_file_is_one_line(runtime: Path, content: bytes, line: str) -> None:
    (runtime / "ring").write_bytes(content)
    with pytest.raises(RingError) as raised:
        Ring.attach(runtime / "ring")
    assert str(raised.value).startswith(f"{runtime}/ring: {line}")
    assert "delete it and restart the player" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_full_folder_is_one_line_and_leaves_nothing_behind(runtime: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(RingError, match=r"cannot lay the ring \(.*\); 2 MB must be free"):
            Ring.create(runtime / "ring", RATE_HZ)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(runtime.iterdir())


def test_a_missing_folder_is_one_line(runtime: Path) -> None:
    with pytest.raises(RingError, match="cannot lay the ring"):
        Ring.create(runtime / "nowhere" / "ring", RATE_HZ)


def test_a_new_ring_replaces_the_old_one_whole(ring: Ring, runtime: Path) -> None:
    ring.write(numbered(0, 100))
    new = Ring.create(runtime / "ring", 44_100)
    assert (new.rate_hz, new.write_frame) == (44_100, 0)
    assert ring.write_frame == 100, "who still has the old one is not disturbed"
    new.close()
