"""Where the sound was at a moment, from looks a second apart."""

from __future__ import annotations

from kaproom.clock import NS_PER_S
from kaproom.room.soundline import Knot, Soundline

RATE_HZ = 48_000
AT_NS = 900 * NS_PER_S
ORIGIN = 7_000.5


def at(seconds: float) -> int:
    return AT_NS + round(seconds * NS_PER_S)


def looked(*looks: tuple[float, float]) -> Soundline:
    """Looks at (the clock, the seconds of sound heard by then)."""
    line = Soundline(RATE_HZ)
    for clock_s, heard_s in looks:
        line.look(Knot(at(clock_s), round(heard_s * RATE_HZ), ORIGIN))
    return line


def test_between_two_looks_each_frame_has_its_moment() -> None:
    line = looked(*((n * 0.25, 5 + n * 0.25) for n in range(41)))
    for clock_s in (0.0, 0.1, 3.3333, 9.99, 10.0, 10.4):
        found = line.at(at(clock_s))
        assert found is not None
        assert abs(found.frame - round((5 + clock_s) * RATE_HZ)) <= 1
        assert found.rate_hz == RATE_HZ and found.origin_frames == ORIGIN


def test_around_a_standstill_nothing_is_claimed() -> None:
    line = looked((0, 5), (1, 6), (2, 7), (5, 7.2), (6, 8.2), (7, 9.2))
    assert line.at(at(3.0)) is None
    before, after = line.at(at(1.5)), line.at(at(6.5))
    assert before is not None and before.frame == round(6.5 * RATE_HZ)
    assert after is not None and after.frame == round(8.7 * RATE_HZ)


def test_what_a_daemon_before_saw_is_remembered_and_drift_is_followed() -> None:
    line = looked((300, 305.01), (301, 306.01))
    line.remember([Knot(at(0), 5 * RATE_HZ, ORIGIN), Knot(at(60), round(65.002 * RATE_HZ), 8.0)])
    early, late = line.at(at(30)), line.at(at(180))
    assert early is not None and early.origin_frames == ORIGIN
    assert abs(early.frame - 35.001 * RATE_HZ) <= 1
    assert late is not None and abs(late.frame - 185.006 * RATE_HZ) <= 1
    line.remember([])
    assert line.at(at(30)) == early
    assert line.at(at(-30)) is None


def test_where_nobody_looked_nothing_is_claimed() -> None:
    assert looked().at(at(1)) is None
    line = looked((10, 5), (11, 6), (12, 7))
    assert line.at(at(3.0)) is None and line.at(at(20.0)) is None


def test_what_was_planned_anew_keeps_the_origin_of_its_time() -> None:
    line = Soundline(RATE_HZ)
    line.look(Knot(at(0), 0, 0.0))
    line.look(Knot(at(0.25), 12_000, -500.0))
    early, late = line.at(at(0.1)), line.at(at(0.3))
    assert early is not None and early.origin_frames == 0.0
    assert late is not None and late.origin_frames == -500.0
