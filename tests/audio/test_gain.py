"""The output's gain: no target and no interruption can break the ear's law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kaproom.audio.gain import ENTRY_DB, GainLaw, amplitude
from kaproom.audio.ring import FLOOR_DB, SILENCE_DB, packed, unpacked

RATE_HZ = 1000  # the law knows frames and a rate; a low one makes long sessions short
S = 1_000_000_000
START_NS = 77 * S


class Listener:
    """Drives a law block by block and keeps every frame's gain with its instant."""

    def __init__(self, law: GainLaw) -> None:
        self.law = law
        self.now_ns = START_NS
        self.gains: list[NDArray[np.float64]] = []

    def hear(self, frames: int, block: int = 25) -> NDArray[np.float64]:
        heard = []
        while frames:
            size = min(block, frames)
            gain = self.law.advance(size, self.now_ns)
            curve = self.law.curve[:size, 0] if gain is None else np.full(size, gain)
            heard.append(curve.astype(np.float64))
            self.now_ns += size * S // RATE_HZ
            frames -= size
        self.gains += heard
        return np.concatenate(heard)

    def interrupt(self, frames: int) -> None:
        self.law.interrupt()
        self.now_ns += frames * S // RATE_HZ
        self.gains.append(np.zeros(frames))

    def everything(self) -> NDArray[np.float64]:
        return np.concatenate(self.gains)


def db(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return 20 * np.log10(gains)


def settled(target_db: float) -> Listener:
    """A law that has sounded at ``target_db`` for a while."""
    listener = Listener(GainLaw(RATE_HZ, target_db, 0, START_NS))
    listener.law.aim(target_db, 0.0)
    listener.hear(RATE_HZ)
    assert listener.law.now_db == target_db
    listener.gains.clear()
    return listener


def test_sound_enters_at_minus_40_and_takes_at_least_ten_seconds() -> None:
    listener = Listener(GainLaw(RATE_HZ))
    listener.law.aim(-20.0, 0.0)
    heard = db(listener.hear(12 * RATE_HZ))
    assert heard[50] == pytest.approx(ENTRY_DB, abs=0.2)
    arrived = int(np.argmax(heard > -20.001))
    assert arrived == pytest.approx(10 * RATE_HZ, abs=3)
    slopes = np.diff(heard[50:arrived]) * RATE_HZ
    assert slopes == pytest.approx(2.0, abs=0.05), "linear in dB"


def test_a_long_way_up_takes_longer_than_ten_seconds() -> None:
    listener = Listener(GainLaw(RATE_HZ))
    listener.law.aim(0.0, 0.0)
    heard = db(listener.hear(15 * RATE_HZ))
    assert np.argmax(heard > -0.001) == pytest.approx(40 / 3 * RATE_HZ, abs=5)


def test_a_target_below_the_entry_is_entered_at_the_target() -> None:
    listener = Listener(GainLaw(RATE_HZ))
    listener.law.aim(-50.0, 0.0)
    assert db(listener.hear(12 * RATE_HZ)).max() == pytest.approx(-50.0, abs=1e-4)


def test_a_duck_falls_in_the_time_it_was_given_and_linear_in_db() -> None:
    listener = settled(-6.0)
    listener.law.aim(-26.0, 0.4)
    heard = db(listener.hear(500))
    assert heard[399] == pytest.approx(-26.0, abs=0.01)
    assert np.diff(heard[:399]) == pytest.approx(-0.05, abs=1e-3)


def test_a_fade_reaches_silence_in_the_time_it_was_given() -> None:
    listener = settled(-6.0)
    listener.law.aim(SILENCE_DB, 3.0)
    heard = listener.hear(4 * RATE_HZ)
    assert db(heard)[2990] == pytest.approx(FLOOR_DB, abs=0.3)
    assert not heard[3 * RATE_HZ :].any()


def test_after_a_duck_the_gain_returns_at_three_db_a_second() -> None:
    listener = settled(-6.0)
    listener.law.aim(-26.0, 0.1)
    listener.hear(300)
    listener.law.aim(-6.0, 0.1)
    heard = db(listener.hear(8 * RATE_HZ))
    assert np.diff(heard).max() * RATE_HZ == pytest.approx(3.0, abs=0.02)
    assert np.argmax(heard > -6.0001) == pytest.approx(20 / 3 * RATE_HZ, abs=3)


def test_a_short_interruption_returns_within_50_ms_to_the_former_gain() -> None:
    listener = settled(-6.0)
    listener.interrupt(990)
    heard = listener.hear(200)
    assert heard[0] == pytest.approx(amplitude(-6.0) / 50, rel=0.01)
    assert np.all(np.diff(heard[:50]) >= 0)
    assert heard[50:] == pytest.approx(amplitude(-6.0))


def test_a_longer_interruption_returns_by_the_soft_entry() -> None:
    listener = settled(-6.0)
    listener.interrupt(1010)
    heard = db(listener.hear(12 * RATE_HZ))
    assert heard[50] == pytest.approx(ENTRY_DB, abs=0.2)
    assert np.argmax(heard > -6.001) > 10 * RATE_HZ


def test_an_interrupted_entry_goes_on_where_it_was() -> None:
    listener = Listener(GainLaw(RATE_HZ))
    listener.law.aim(-20.0, 0.0)
    before = db(listener.hear(4 * RATE_HZ))[-1]
    listener.interrupt(500)
    heard = db(listener.hear(8 * RATE_HZ))
    assert heard[60] == pytest.approx(before, abs=0.2)
    assert np.argmax(heard > -20.001) == pytest.approx(6 * RATE_HZ, abs=5)


def test_a_duck_during_an_interruption_is_not_preceded_by_the_old_level() -> None:
    listener = settled(-6.0)
    listener.law.interrupt()
    listener.now_ns += S // 2
    listener.law.aim(-26.0, 0.3)
    assert db(listener.hear(100)).max() == pytest.approx(-26.0, abs=1e-3)


def test_silence_that_was_asked_for_is_left_only_softly_and_never_within_a_second() -> None:
    listener = settled(-6.0)
    listener.law.aim(SILENCE_DB, 0.3)
    listener.hear(400)
    listener.law.aim(-6.0, 0.3)
    heard = listener.hear(13 * RATE_HZ)
    first = int(np.argmax(heard > 0))
    assert first == pytest.approx(900, abs=30)
    assert db(heard)[first + 50] == pytest.approx(ENTRY_DB, abs=0.2)


def test_the_next_stream_carries_on_with_the_gain_it_finds() -> None:
    first = settled(-12.0).law
    second = Listener(GainLaw(RATE_HZ, first.now_db, first.entry_left_frames, first.sounded_ns))
    second.law.aim(-12.0, 0.3)
    second.now_ns = first.sounded_ns + S // 4
    assert db(second.hear(200))[60:] == pytest.approx(-12.0)


@pytest.mark.parametrize("now_db", [math.nan, math.inf, 3.0, -1e300])
def test_a_gain_that_no_stream_can_have_left_counts_as_silence(now_db: float) -> None:
    listener = Listener(GainLaw(RATE_HZ, now_db, -5, START_NS))
    listener.law.aim(0.0, 0.0)
    assert db(listener.hear(4 * RATE_HZ)).max() < -30.0


def test_unity_is_exactly_one() -> None:
    listener = settled(0.0)
    assert listener.law.advance(25, listener.now_ns) == 1.0


targets = st.one_of(
    st.just(SILENCE_DB),
    st.floats(-80.0, 30.0, allow_nan=False),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("aim"), targets, st.floats(0.0, 5.0)),
        st.tuples(st.just("hear"), st.integers(1, 8000), st.integers(1, 1000)),
        st.tuples(st.just("interrupt"), st.integers(1, 2500), st.just(0)),
    ),
    min_size=1,
    max_size=40,
)


@given(steps)
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_targets_and_interruptions_breaks_the_law(
    sequence: list[tuple[str, float, float]],
) -> None:
    listener = Listener(GainLaw(RATE_HZ))
    for what, first, second in sequence:
        if what == "aim":
            listener.law.aim(first, second)
        elif what == "hear":
            listener.hear(int(first), int(second))
        else:
            listener.interrupt(int(first))
    if listener.gains:
        judge(listener.everything())


def judge(gains: NDArray[np.float64]) -> None:
    """Hear the gains as a strict listener would, knowing nothing of how they were made."""
    assert np.all(np.isfinite(gains))
    assert gains.max() <= 1.0
    level = db(gains)
    silent_frames, former_db, allowed_db = 2 * RATE_HZ, SILENCE_DB, SILENCE_DB
    returning = 0
    entered: tuple[int, float] | None = None
    for frame, gain_db in enumerate(level):
        if gain_db == SILENCE_DB:
            silent_frames += 1
            continue
        if silent_frames > RATE_HZ:  # more than a second
            allowed_db, entered, returning = ENTRY_DB, (frame, ENTRY_DB), 50
        elif silent_frames:
            allowed_db, returning = former_db + 3.0 / RATE_HZ, 50
        else:
            allowed_db += 3.0 / RATE_HZ
        silent_frames = 0
        assert gain_db <= allowed_db + 0.01, f"{gain_db} dB at frame {frame}"
        if returning:
            returning -= 1
        else:
            allowed_db = min(allowed_db, gain_db)
        former_db = allowed_db
        if entered is not None and frame - entered[0] < 10 * RATE_HZ:
            most_db = ENTRY_DB + 3.0 * (frame - entered[0] + 1) / RATE_HZ
            assert gain_db <= most_db + 0.01


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_whatever_the_daemon_sets_arrives_as_an_attenuation(
    target_db: float, fall_s: float
) -> None:
    target = unpacked(packed(target_db, fall_s))
    assert target is not None
    assert target.target_db <= 0.0
    assert target.target_db == SILENCE_DB or target.target_db >= FLOOR_DB
    assert 0.0 <= target.fall_s <= 600.0
    if FLOOR_DB <= target_db <= 0.0:
        assert target.target_db == pytest.approx(target_db, abs=0.001)


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_word_is_a_lawful_target_or_none(word: int) -> None:
    target = unpacked(word)
    if target is not None:
        assert target.target_db == SILENCE_DB or FLOOR_DB <= target.target_db <= 0.0
        assert 0.0 <= target.fall_s <= 600.0


@pytest.mark.parametrize(("target_db", "fall_s"), [(math.nan, 0.3), (-6.0, math.nan)])
def test_a_gain_that_is_no_number_is_refused(target_db: float, fall_s: float) -> None:
    with pytest.raises(ValueError, match="is no gain"):
        packed(target_db, fall_s)


def test_an_empty_word_is_silence() -> None:
    target = unpacked(0)
    assert target is not None
    assert target.target_db == SILENCE_DB
