"""After a loss of power: the refuge, a question, and the music where the pump is said to be."""

from __future__ import annotations

from typing import Any

import pytest
from session.imagined import Room, profile, repertoire

from kaproom.errors import Refused
from kaproom.session import events as e
from kaproom.session.infusion import InfusionState
from kaproom.session.machine import Play, Session
from kaproom.session.status import NO_SOUND, snapshot

STARTED_S, LOST_S, BACK_S = 260.0, 860.0, 990.0  # lost at minute 10, back at 12:10
GAP_S = BACK_S - LOST_S
PLAN = profile()


def room(*, started: bool = True, before: tuple[type[e.Event], ...] = ()) -> Room:
    """A session that was without power for 2 min 10 s."""
    made = Room(PLAN, repertoire(PLAN))
    if started:
        made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(LOST_S - 30)
    for kind in before:
        made.at(LOST_S - 20, kind)
    # Nobody ticked meanwhile.
    made.do(e.Interrupted(BACK_S, BACK_S, GAP_S))
    return made


def elapsed_min(session: Session) -> float | None:
    elapsed_s = session.infusion.elapsed_s(session.now_s)
    return None if elapsed_s is None else elapsed_s / 60


def refuge_sounds(made: Room, at_s: float) -> bool:
    cue = made.session.cue_at(at_s)
    return cue is not None and cue.offer.key == made.session.repertoire.refuge.key


def test_the_refuge_is_what_rises_when_the_power_is_back() -> None:
    made = room()
    (play,) = [x for x in made.last if isinstance(x, Play)]
    assert play.cues[-1].end_s is None
    assert refuge_sounds(made, BACK_S)
    assert made.session.gain_db == -12.0


def test_it_asks_what_the_pump_does_and_knows_nothing_until_it_is_told() -> None:
    made = room()
    told = snapshot(made.session, NO_SOUND)
    ask = "interrupted 2 min 10 s: is the infusion running, at which minute?"
    assert told["session"]["interrupted"]["ask"] == ask
    assert told["infusion"]["state"] == "unconfirmed"
    made.wait_until(BACK_S + 600)
    assert refuge_sounds(made, made.now_s)
    assert snapshot(made.session, NO_SOUND)["session"]["interrupted"]["since_s"] == 600
    made.at(made.now_s, e.Continued)
    told = snapshot(made.session, NO_SOUND)
    assert told["session"]["interrupted"] is None
    assert told["infusion"]["state"] == "running"


@pytest.mark.parametrize(
    ("answer", "state", "minute"),
    [
        ({}, InfusionState.RUNNING, 12.5),
        ({"minute": 12}, InfusionState.RUNNING, 12.5),
        ({"minute": 10}, InfusionState.RUNNING, 10.0),
        ({"minute": 11.5}, InfusionState.RUNNING, 11.5),
        ({"minute": 20}, InfusionState.RUNNING, 20.0),
        ({"minute": 3}, InfusionState.RUNNING, 3.0),
        ({"infusion": "paused"}, InfusionState.PAUSED, 12.5),
        ({"infusion": "stopped"}, InfusionState.STOPPED, 12.5),
    ],
)
def test_the_infusions_clock_shows_what_the_pump_is_said_to_show(
    answer: dict[str, Any], state: InfusionState, minute: float
) -> None:
    made = room()
    session = made.at(BACK_S + 20, e.Continued, **answer)
    assert session.infusion_state is state
    assert elapsed_min(session) == pytest.approx(minute)
    assert not session.elsewhere
    made.wait_until(made.now_s + 12)
    assert not refuge_sounds(made, made.now_s)


def test_a_pump_that_stood_still_meanwhile_was_paused_for_so_long() -> None:
    session = room().at(BACK_S, e.Continued, minute=10)
    paused, resumed = (m for m in session.infusion.marks if m.what in ("paused", "resumed"))
    assert paused.at_s == LOST_S
    assert resumed.at_s == BACK_S


def test_an_infusion_that_was_started_while_nobody_could_record_it_is_known_then() -> None:
    session = room(started=False).at(BACK_S + 10, e.Continued, minute=2)
    assert session.infusion_state is InfusionState.RUNNING
    assert session.infusion.started_at_s == BACK_S + 10 - 120


def test_a_pause_from_before_is_over_when_it_is_told_to_run() -> None:
    made = Room(PLAN, repertoire(PLAN))
    made.at(STARTED_S, e.Infused, what="started")
    made.at(LOST_S - 60, e.Infused, what="paused")
    made.do(e.Interrupted(BACK_S, BACK_S, GAP_S))
    session = made.at(BACK_S + 30, e.Continued, minute=10)
    assert session.infusion_state is InfusionState.RUNNING
    assert elapsed_min(session) == pytest.approx(10)


def test_the_music_goes_back_to_the_phase_the_pump_is_in() -> None:
    made = Room(PLAN, repertoire(PLAN))
    made.at(STARTED_S, e.Infused, what="started")
    peak_s = STARTED_S + 15 * 60
    made.wait_until(peak_s - 60)
    made.do(e.Interrupted(peak_s + 120, peak_s + 120, 170.0))
    assert made.session.profile.phases[made.session.course.index].name == "peak"
    made.at(peak_s + 120, e.Continued, minute=14.2)
    assert made.session.profile.phases[made.session.course.index].name == "ascent"


def test_what_the_music_is_to_do_waits_for_the_answer_and_says_so() -> None:
    made = room()
    for kind in (e.Held, e.Advanced, e.Skipped, e.Returned):
        with pytest.raises(Refused, match=r"without power and waits .* `kaproom continue`"):
            made.at(made.now_s, kind)
    made.at(made.now_s, e.Noted, category="tears")
    made.at(made.now_s, e.Ducked)
    made.at(made.now_s, e.Returned)
    assert refuge_sounds(made, made.now_s)
    made.at(made.now_s, e.Ended)


def test_who_was_silent_or_calm_on_purpose_stays_so() -> None:
    made = room(before=(e.Faded,))
    assert made.session.gain_db == float("-inf")
    made = room(before=(e.Calmed,))
    made.at(BACK_S + 20, e.Continued)
    assert made.session.calm_s is not None
    made.at(BACK_S + 30, e.Returned)
    made.wait_until(BACK_S + 60)
    assert not refuge_sounds(made, made.now_s)


@pytest.mark.parametrize("rejoin", [False, True])
def test_headphones_that_were_off_come_back_to_the_refuge(rejoin: bool) -> None:
    made = room(before=(e.WentAway,))
    assert made.session.gain_db == float("-inf")
    made.at(BACK_S + 20, e.CameBack, rejoin=rejoin)
    made.wait_until(BACK_S + 40)
    assert refuge_sounds(made, made.now_s)
    assert made.session.interruption is not None


def test_nothing_that_was_not_interrupted_can_be_continued() -> None:
    made = Room(PLAN, repertoire(PLAN))
    with pytest.raises(Refused, match="nothing was interrupted"):
        made.at(30, e.Continued)


def test_the_power_gone_twice_is_one_interruption_since_the_first() -> None:
    made = room()
    made.do(e.Interrupted(BACK_S + 400, BACK_S + 400, 60.0))
    gap = made.session.interruption
    assert gap is not None
    assert (gap.from_s, gap.until_s) == (LOST_S, BACK_S + 400)


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("by_s", [[700.0], [0.4], [0.4, 0.4, 2.5, 2.5]])
def test_a_standstill_after_a_loss_of_power_moves_nothing_that_was_before_it(
    answered: bool, by_s: list[float]
) -> None:
    made = room()
    refuge = made.session.cue_at(BACK_S)
    if answered:
        made.at(BACK_S, e.Continued)
    before = [c for c in made.session.cues if c.start_s < BACK_S]
    for each_s in by_s:
        made.at(BACK_S + 2.5, e.Shifted, by_s=each_s)
    assert [c for c in made.session.cues if c.start_s < BACK_S] == before
    assert refuge is not None
    moved = next(c for c in made.session.cues if c.id == refuge.id)
    assert moved.start_s == pytest.approx(BACK_S + min(sum(by_s), 2.5))


def test_a_session_is_signed_off_once_after_its_end_and_sealed_then() -> None:
    made = Room(PLAN, repertoire(PLAN))
    made.wait_until(40)
    with pytest.raises(Refused, match="`kaproom end` closes it"):
        made.at(41, e.SignedOff, by="AB")
    made.at(42, e.Ended)
    with pytest.raises(Refused, match="once the sound has faded"):
        made.at(43, e.SignedOff, by="AB")
    made.wait_until(60)
    made.at(61, e.Noted, category="tears")
    made.at(62, e.SignedOff, by="AB")
    for kind, facts in (
        (e.Noted, {"category": "tears"}),
        (e.Amended, {"seq": 3, "text": "x"}),
        (e.SignedOff, {"by": "CD"}),
    ):
        with pytest.raises(Refused, match="signed off"):
            made.at(63, kind, **facts)


def test_a_wall_clock_that_was_lost_with_the_power_is_no_length_of_time() -> None:
    made = room()
    made.do(e.Continued(made.now_s, made.now_s))
    made.do(e.Interrupted(made.now_s, made.now_s, 0.0))
    ask = snapshot(made.session, NO_SOUND)["session"]["interrupted"]["ask"]
    assert ask.startswith("interrupted (for how long is not known): is the infusion")
    assert made.at(made.now_s + 5, e.Continued, minute=35).infusion_state is InfusionState.RUNNING
    assert elapsed_min(made.session) == pytest.approx(35)
