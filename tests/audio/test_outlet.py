"""The outlet: exact at unity, soft wherever something ends or begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pulse import short_folder

from kaproom.audio.outlet import Outlet
from kaproom.audio.ring import SILENCE_DB, Ring
from kaproom.clock import mono_ns

RATE_HZ = 48000
PERIOD = 1200
S = 1_000_000_000


class Room:
    """An outlet with a clock that is moved by hand and a ring that is filled by hand."""

    def __init__(self, folder: Path) -> None:
        self.ring = Ring.create(folder / "ring", RATE_HZ)
        # Never at zero: 40 s into a programme, at a frame that no wrap favours.
        self.ring.write_frame = self.ring.read_frame = 40 * RATE_HZ + 311
        self.now_ns = mono_ns()
        self.asleep_ns = self.ring.asleep_ns

    def outlet(self) -> Outlet:
        return Outlet(self.ring, lambda: self.now_ns - self.asleep_ns)

    def sounding(self, gain_db: float) -> Outlet:
        """The next stream, with the former one just gone at ``gain_db``."""
        self.ring.set_gain(gain_db, 0.3)
        self.ring.gain_now_db = gain_db
        self.ring.sounded_ns = self.now_ns
        return self.outlet()

    def fill(self, frames: int, value: float | None = None) -> None:
        while frames:
            size = min(frames, 5_000)
            start = self.ring.write_frame
            left = (np.arange(start, start + size) % 2**22 + 1) / 2**23
            left = left.astype(np.float32) if value is None else np.full(size, value, np.float32)
            self.ring.write(np.stack([left, -left], axis=1))
            frames -= size

    def take(self, outlet: Outlet, frames: int, period: int = PERIOD) -> NDArray[np.float32]:
        taken = []
        for start in range(0, frames, period):
            out = np.full((min(period, frames - start), 2), np.nan, np.float32)
            outlet.pour(out, self.now_ns, 125_000_000)
            self.now_ns += len(out) * S // RATE_HZ
            taken.append(out)
        return np.concatenate(taken)


@pytest.fixture
def room() -> Iterator[Room]:
    with short_folder() as folder:
        made = Room(folder)
        yield made
        made.ring.close()


def numbers(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    return sound[:, 0].astype(np.float64) * 2**23 - 1


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_at_unity_every_frame_leaves_once_and_exact_whatever_the_periods(
    periods: list[int],
) -> None:
    with short_folder() as folder:
        room = Room(folder)
        outlet = room.sounding(0.0)
        room.fill(RATE_HZ)
        first = room.ring.read_frame
        heard = [room.take(outlet, 2_400)]  # the return ramp
        for period in periods:
            room.fill(room.ring.space_frames())
            heard.append(room.take(outlet, period, period))
        room.ring.close()
    sound = np.concatenate(heard)
    whole = numbers(sound[2_400:])
    assert np.array_equal(whole, (np.arange(first + 2_400, first + len(sound)) % 2**22))
    assert np.array_equal(sound[:, 1], -sound[:, 0])


def test_the_read_frame_and_the_timing_follow_what_was_taken(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ)
    first = room.ring.read_frame
    room.take(outlet, 3 * PERIOD)
    assert room.ring.read_frame == first + 3 * PERIOD
    timing = room.ring.timing()
    assert timing.frame == first + 2 * PERIOD
    assert timing.latency_ns == 125_000_000
    assert room.ring.heartbeat_ns == timing.mono_ns
    assert room.ring.gain_now_db == -6.0


def test_a_ring_that_runs_dry_fades_out_and_is_counted(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ, 0.5)
    sound = room.take(outlet, RATE_HZ + 10 * PERIOD)[3 * PERIOD :, 0]
    steps = np.abs(np.diff(sound))
    assert steps.max() < 0.5 / 900, "no step larger than that of a 20 ms fade"
    assert sound[0] == pytest.approx(0.25, abs=0.01)
    assert not sound[-9 * PERIOD :].any()
    assert room.ring.underruns == 1
    assert 10 * PERIOD <= room.ring.missing_frames <= 11 * PERIOD


def test_a_dry_ring_starts_again_only_with_200_ms(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(9_000, 0.5)
    assert not room.take(outlet, 5 * PERIOD).any()
    room.fill(600, 0.5)
    assert room.take(outlet, PERIOD).any()


def test_a_short_drought_returns_to_the_former_gain(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ, 0.5)
    room.take(outlet, RATE_HZ + 20 * PERIOD)
    room.fill(RATE_HZ, 0.5)
    sound = room.take(outlet, RATE_HZ // 2)[:, 0]
    assert sound[2_500] == pytest.approx(0.2506, abs=0.001)


def test_a_long_drought_returns_by_the_soft_entry(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ, 0.5)
    room.take(outlet, RATE_HZ + 45 * PERIOD)
    room.fill(RATE_HZ, 0.5)
    assert room.take(outlet, RATE_HZ // 2)[:, 0].max() < 0.5 * 10 ** (-38 / 20)


def test_a_programme_that_is_not_meant_to_play_is_not_missed(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ)
    room.ring.playing = 0
    room.take(outlet, 2 * RATE_HZ)
    assert (room.ring.underruns, room.ring.missing_frames) == (0, 0)


def test_nothing_is_missed_before_the_first_frame_was_written(runtime: Path) -> None:
    ring = Ring.create(runtime / "ring", RATE_HZ)
    Outlet(ring).pour(np.empty((PERIOD, 2), np.float32), mono_ns(), 0)
    assert ring.missing_frames == 0
    ring.close()


def test_a_suspended_machine_begins_a_new_epoch_with_an_empty_ring_and_softly(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(3 * RATE_HZ, 0.5)
    room.take(outlet, RATE_HZ)
    # The machine sleeps for two hours: one clock goes on, the other does not.
    room.now_ns += 7200 * S
    room.asleep_ns += 7200 * S
    assert not room.take(outlet, PERIOD).any()
    assert room.ring.epoch == 1
    assert room.ring.read_frame == room.ring.write_frame
    room.fill(RATE_HZ, 0.5)
    assert 0.0 < room.take(outlet, RATE_HZ // 2)[:, 0].max() < 0.5 * 10 ** (-38 / 20)
    assert room.ring.epoch == 1


def test_a_suspend_is_noticed_by_the_next_stream_as_well(room: Room) -> None:
    room.sounding(-6.0)
    room.fill(RATE_HZ)
    room.asleep_ns += 5 * S
    room.take(room.outlet(), PERIOD)
    assert room.ring.epoch == 1


def test_a_new_stream_goes_back_to_what_was_heard_last(room: Room) -> None:
    outlet = room.sounding(0.0)
    room.fill(RATE_HZ)
    room.take(outlet, 20 * PERIOD)
    died_ns = room.ring.timing().mono_ns + 10_000_000
    heard = room.ring.frame_at(died_ns)
    successor = room.outlet()
    successor.step_back(died_ns)
    room.now_ns += 60_000_000
    sound = room.take(successor, 4 * PERIOD)
    assert numbers(sound[3_000:4_000])[0] == (heard + 3_000) % 2**22
    assert room.ring.read_frame == heard + 4 * PERIOD


def test_stepping_back_never_leaves_what_the_ring_still_holds(room: Room) -> None:
    outlet = room.sounding(0.0)
    room.fill(3 * RATE_HZ)
    room.take(outlet, 2 * RATE_HZ)
    read = room.ring.read_frame
    room.outlet().step_back(room.ring.timing().mono_ns - 3600 * S)
    assert room.ring.read_frame == read - round(0.9 * RATE_HZ)


def test_passing_over_keeps_the_programmes_time_and_its_end_is_no_error(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(1_000)
    first = room.ring.read_frame
    assert outlet.pass_over(700, room.now_ns) == 700
    assert outlet.pass_over(700, room.now_ns) == 300
    assert room.ring.read_frame == first + 1_000
    assert room.ring.timing().latency_ns == 0


def test_after_more_than_a_second_without_a_device_sound_enters_softly(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(3 * RATE_HZ, 0.5)
    room.take(outlet, RATE_HZ)
    room.now_ns += S + S // 10
    outlet.pass_over(RATE_HZ, room.now_ns)
    assert room.take(outlet, RATE_HZ // 2)[:, 0].max() < 0.5 * 10 ** (-38 / 20)


def test_closing_falls_silent_within_50_ms_whatever_the_daemon_wants(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ, 0.5)
    room.take(outlet, 5 * PERIOD)
    outlet.close()
    room.ring.set_gain(0.0, 0.1)
    sound = room.take(outlet, 3 * PERIOD)[:, 0]
    assert sound[100] > 0.1
    assert not sound[2_500:].any()
    assert outlet.silent


def test_garbage_in_the_gain_word_leaves_the_last_target(room: Room) -> None:
    outlet = room.sounding(-12.0)
    room.fill(3 * RATE_HZ, 0.5)
    before = room.take(outlet, 10 * PERIOD)[-1, 0]
    for word in (-1, 2**62, 60_002 << 32, (30_000 << 32) | 0xFFFF_FFFF):
        room.ring.gain_word = word
        assert room.take(outlet, 2 * PERIOD)[-1, 0] == before


def test_silence_is_silence(room: Room) -> None:
    outlet = room.sounding(-6.0)
    room.fill(RATE_HZ, 0.5)
    room.ring.set_gain(SILENCE_DB, 0.0)
    assert not room.take(outlet, 10 * PERIOD)[PERIOD:].any()
    assert room.ring.gain_now_db == SILENCE_DB
