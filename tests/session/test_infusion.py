"""What people recorded of the pump, as they would try it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.errors import Refused
from kaproom.session.infusion import Infusion, InfusionState, Mark, What

PLANNED_S = 2400.0


def recorded(*marks: tuple[What, float] | tuple[What, float, str]) -> Infusion:
    """Marks as ("started", 100.0), or with "late" behind them."""
    infusion = Infusion(PLANNED_S)
    for what, at_s, *late in marks:
        infusion = infusion.recorded(Mark(what, at_s, late=bool(late)))
    return infusion


def times(infusion: Infusion, what: What) -> list[float]:
    return [m.at_s for m in infusion.marks if m.what == what]


def refusal(infusion: Infusion, what: What, at_s: float, *, late: bool = False) -> str:
    with pytest.raises(Refused) as refused:
        infusion.recorded(Mark(what, at_s, late))
    return str(refused.value)


def test_the_clock_starts_with_the_recorded_start() -> None:
    infusion = recorded(("started", 313.7))
    assert infusion.elapsed_s(300.0) is None
    assert infusion.elapsed_s(313.7) == 0.0
    assert infusion.elapsed_s(413.7) == pytest.approx(100.0)


def test_the_clock_stands_while_a_pause_is_recorded() -> None:
    infusion = recorded(("started", 100.0), ("paused", 400.0), ("resumed", 460.5))
    assert infusion.elapsed_s(430.0) == 300.0
    assert infusion.elapsed_s(470.5) == 310.0
    assert infusion.reaches(310.0) == 470.5


def test_a_clock_that_stands_reaches_nothing_but_is_expected_to() -> None:
    infusion = recorded(("started", 100.0), ("paused", 400.0))
    assert infusion.reaches(300.0) == 400.0
    assert infusion.reaches(300.1) is None
    assert infusion.at_elapsed(310.0, now_s=500.0) == 510.0


def test_a_stop_is_not_undone_by_waiting() -> None:
    infusion = recorded(("started", 100.0), ("stopped", 400.0))
    assert infusion.reaches(301.0) is None
    assert infusion.at_elapsed(301.0, now_s=500.0) is None


@pytest.mark.parametrize(
    ("marks", "at_s", "state"),
    [
        ((), 5.0, InfusionState.NOT_STARTED),
        ((("started", 100.0),), 99.0, InfusionState.NOT_STARTED),
        ((("started", 100.0),), 101.0, InfusionState.RUNNING),
        ((("started", 100.0),), 2499.0, InfusionState.RUNNING),
        ((("started", 100.0),), 2500.0, InfusionState.UNCONFIRMED),
        ((("started", 100.0), ("paused", 200.0)), 9000.0, InfusionState.PAUSED),
        ((("started", 100.0), ("stopped", 200.0)), 201.0, InfusionState.STOPPED),
        ((("started", 100.0), ("stopped", 2445.0)), 2446.0, InfusionState.COMPLETE),
        ((("started", 100.0), ("stopped", 2600.0)), 2601.0, InfusionState.COMPLETE),
        (
            (("started", 100.0), ("stopped", 200.0), ("resumed", 230.0)),
            240.0,
            InfusionState.RUNNING,
        ),
    ],
)
def test_the_state_is_what_the_marks_say(
    marks: tuple[tuple[What, float], ...], at_s: float, state: InfusionState
) -> None:
    assert recorded(*marks).state(at_s) is state


def test_a_bolus_or_a_rate_may_come_before_the_start_and_starts_nothing() -> None:
    infusion = recorded(("bolus", 50.0), ("rate", 60.0), ("started", 90.0), ("bolus", 100.0))
    assert infusion.state(80.0) is InfusionState.NOT_STARTED
    assert infusion.started_at_s == 90.0


def test_a_late_start_corrects_the_recorded_one() -> None:
    assert recorded(("started", 300.0), ("started", 120.0, "late")).started_at_s == 120.0
    assert recorded(("started", 300.0), ("started", 350.0, "late")).started_at_s == 350.0


def test_a_late_pause_corrects_the_nearest_one() -> None:
    infusion = recorded(
        ("started", 0.0),
        ("paused", 100.0),
        ("resumed", 200.0),
        ("paused", 500.0),
        ("resumed", 600.0),
        ("paused", 90.0, "late"),
    )
    assert times(infusion, "paused") == [90.0, 500.0]


def test_a_pause_that_was_forgotten_goes_where_it_belongs() -> None:
    infusion = recorded(
        ("started", 0.0), ("paused", 300.0, "late"), ("resumed", 400.0, "late"), ("bolus", 500.0)
    )
    assert infusion.elapsed_s(500.0) == 400.0


def test_a_pause_by_mistake_is_taken_back_with_a_resume_at_its_time() -> None:
    infusion = recorded(("started", 0.0), ("paused", 300.0), ("resumed", 300.0, "late"))
    assert infusion.elapsed_s(500.0) == 500.0


def test_a_stop_by_mistake_is_taken_back_with_a_resume_at_its_time() -> None:
    infusion = recorded(("started", 0.0), ("stopped", 300.0), ("resumed", 300.0, "late"))
    assert infusion.state(310.0) is InfusionState.RUNNING
    assert infusion.elapsed_s(500.0) == 500.0


def test_a_stop_put_in_before_a_resume_is_refused_rather_than_undone_unseen() -> None:
    infusion = recorded(("started", 0.0), ("paused", 100.0), ("resumed", 200.0))
    line = refusal(infusion, "stopped", 150.0, late=True)
    assert "'resumed', which is recorded 0:50 min after it" in line


@pytest.mark.parametrize(
    ("marks", "what", "remedy"),
    [
        ((), "paused", "`kaproom infusion started`"),
        ((), "resumed", "`kaproom infusion started`"),
        ((), "stopped", "`kaproom infusion started`"),
        ((("started", 1.0),), "started", "`kaproom infusion started --ago 3m`"),
        ((("started", 1.0),), "resumed", "`kaproom infusion paused --ago 3m`"),
        ((("started", 1.0), ("paused", 2.0)), "started", "`kaproom infusion resumed`"),
        ((("started", 1.0), ("paused", 2.0)), "paused", "`kaproom infusion paused --ago 3m`"),
        ((("started", 1.0), ("stopped", 2.0)), "started", "`kaproom infusion resumed`"),
        ((("started", 1.0), ("stopped", 2.0)), "paused", "`kaproom infusion resumed`"),
        ((("started", 1.0), ("stopped", 2.0)), "stopped", "`kaproom infusion stopped --ago 3m`"),
        ((("started", 1.0), ("stopped", 2.0)), "rate", "`kaproom infusion resumed`"),
        ((("started", 1.0), ("stopped", 2.0)), "bolus", "`kaproom infusion resumed`"),
    ],
)
def test_a_refusal_names_the_remedy(
    marks: tuple[tuple[What, float], ...], what: What, remedy: str
) -> None:
    assert remedy in refusal(recorded(*marks), what, 100.0)


def test_a_start_after_the_pause_names_the_pause_it_contradicts() -> None:
    infusion = recorded(("started", 100.0), ("paused", 150.0))
    line = refusal(infusion, "started", 240.0, late=True)
    assert "'paused', which is recorded 1:30 min before it" in line
    assert "`kaproom infusion paused --ago …`" in line


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["started", "paused", "resumed", "stopped", "bolus", "rate"]),
            st.integers(0, 500).map(lambda n: n * 7.3),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_whatever_is_entered_the_marks_stay_in_order_and_the_clock_never_runs_back(
    entries: list[tuple[What, float, bool]],
) -> None:
    infusion = Infusion(PLANNED_S)
    for what, at_s, late in entries:
        before = infusion
        try:
            infusion = infusion.recorded(Mark(what, at_s, late))
        except Refused:
            assert infusion is before
        assert [m.at_s for m in infusion.marks] == sorted(m.at_s for m in infusion.marks)
        infusion.state(4000.0)
    shown = [infusion.elapsed_s(n * 50.0) for n in range(80)]
    running = [s for s in shown if s is not None]
    assert running == sorted(running)
    for clock_s in running:
        # Just before: where the clock stands, rounding decides whether it got there.
        reached_s = infusion.reaches(max(0.0, clock_s - 1e-6))
        assert reached_s is not None
        assert infusion.elapsed_s(reached_s) == pytest.approx(clock_s, abs=1e-5)
