"""What each command does, as a clinician would try it; never beginning at zero."""

from __future__ import annotations

from dataclasses import replace
from math import nextafter
from typing import Any

import pytest
from session.imagined import Room, profile, repertoire, scape, track

from kaproom.errors import Mend, Reason, Refused
from kaproom.session import events as e
from kaproom.session.cues import PlannedCue
from kaproom.session.infusion import InfusionState
from kaproom.session.machine import (
    LEAD_S,
    SILENT_DB,
    Close,
    Play,
    Session,
    SetGain,
    Stage,
    Tell,
)
from kaproom.session.playlist import SOUNDSCAPES
from kaproom.session.state import Silence

SEVEN = profile()
STARTED_S = 260.0
PEAK_S = STARTED_S + 15 * 60


def room(at_s: float | None = None, plan: Any = SEVEN, **music: Any) -> Room:
    """A session whose infusion was started at 260 s, at ``at_s``; not started when None."""
    made = Room(plan, repertoire(plan, **music))
    if at_s is not None:
        made.at(STARTED_S, e.Infused, what="started")
        made.wait_until(at_s)
    return made


def sounding(session: Session, at_s: float) -> PlannedCue:
    cue = session.cue_at(at_s)
    assert cue is not None
    return cue


def refusal(made: Room, kind: type[e.Event], **facts: Any) -> str:
    before = made.session
    with pytest.raises(Refused) as refused:
        made.at(made.now_s, kind, **facts)
    assert made.session == before
    return str(refused.value)


def phase(session: Session) -> str:
    return session.profile.phases[session.course.index].name


# -- at once


@pytest.mark.parametrize(
    ("deeds", "gain_db"),
    [
        ([], -6.0),
        ([e.Ducked], -24.0),
        ([e.Calmed], -12.0),
        ([e.Ducked, e.Calmed], -24.0),
        ([e.Faded], SILENT_DB),
        ([e.Faded, e.Ducked], SILENT_DB),
        ([e.Ducked, e.Faded, e.Returned], -6.0),
        ([e.Calmed, e.Faded, e.Returned], -6.0),
        ([e.WentAway], SILENT_DB),
        ([e.WentAway, e.Ducked], SILENT_DB),
        ([e.WentAway, e.CameBack], -6.0),
        ([e.Ducked, e.WentAway, e.CameBack], -24.0),
        ([e.Calmed, e.WentAway, e.CameBack], -12.0),
        ([e.Faded, e.WentAway, e.CameBack], -6.0),
        ([e.WentAway, e.Faded, e.CameBack], -6.0),
        ([e.Faded, e.Calmed], -12.0),
        ([e.Faded, e.Calmed, e.Faded], SILENT_DB),
        ([e.Faded, e.Calmed, e.Returned], -6.0),
        ([e.WentAway, e.CameBack, e.Faded], SILENT_DB),
        ([e.WentAway, e.CameBack, e.WentAway], SILENT_DB),
        ([e.Ended], SILENT_DB),
        ([e.Calmed, e.WentAway, e.Ended], SILENT_DB),
    ],
)
def test_the_gain_after_any_combination(deeds: list[type[e.Event]], gain_db: float) -> None:
    made = room(1000.0)
    for kind in deeds:
        made.at(made.now_s + 0.7, kind)
    made.wait_until(made.now_s + 4.0)
    assert made.session.gain_db == gain_db
    heard = [x.target_db for x in made.effects if isinstance(x, SetGain)]
    assert heard[-1] == gain_db


@pytest.mark.parametrize(
    ("kind", "facts", "target_db", "fall_s"),
    [
        (e.Ducked, {}, -24.0, 0.25),
        (e.Faded, {}, SILENT_DB, 3.0),
        (e.Faded, {"at_once": True}, SILENT_DB, 0.3),
        (e.WentAway, {}, SILENT_DB, 3.0),
        (e.Calmed, {}, -12.0, 1.5),
        (e.Levelled, {"by_db": -2.0}, -8.0, 0.5),
        (e.Ended, {}, SILENT_DB, 8.0),
    ],
)
def test_what_lowers_the_sound_does_so_at_once(
    kind: type[e.Event], facts: dict[str, Any], target_db: float, fall_s: float
) -> None:
    made = room(1000.0)
    made.at(1000.1, kind, **facts)
    assert [x for x in made.last if isinstance(x, SetGain)] == [SetGain(target_db, fall_s)]


def test_the_level_stays_within_the_profiles_limits() -> None:
    made = room(1000.0)
    made.at(1001.0, e.Levelled, by_db=12.0)
    assert made.session.level_db == 0.0
    assert "limits.level_max_db" in refusal(made, e.Levelled, by_db=1.0)
    for _ in range(3):
        made.at(made.now_s + 1, e.Levelled, by_db=-12.0)
    assert made.session.level_db == -30.0
    assert "limits.level_min_db" in refusal(made, e.Levelled, by_db=-1.0)


def test_a_session_opens_no_louder_than_its_profile_allows() -> None:
    soft = profile(limits={"level_max_db": -10.0})
    assert room(plan=soft).session.gain_db == -10.0


# -- calm


def test_calm_brings_the_refuge_in_eight_seconds_no_louder_than_what_sounded() -> None:
    made = room(PEAK_S + 100, refuge=track("lullaby", 240, loudness_lufs=-12.0))
    before = sounding(made.session, made.now_s)
    made.at(made.now_s, e.Calmed)
    lullaby, bed = made.session.cues[-2:]
    assert lullaby.start_s == made.now_s + LEAD_S and lullaby.crossfade_s == 8.0
    assert lullaby.loudness_lufs <= before.loudness_lufs
    assert bed.end_s is None and bed.start_s + bed.crossfade_s == lullaby.end_s
    assert bed.loudness_lufs <= lullaby.loudness_lufs


def test_the_refuge_is_no_denser_than_the_calmest_phase() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Calmed)
    assert made.session.cues[-1].intensity == min(p.intensity for p in SEVEN.phases)


def test_phases_run_on_while_it_is_calm_and_return_joins_them() -> None:
    made = room(PEAK_S - 10)
    made.at(made.now_s, e.Calmed)
    made.wait_until(PEAK_S + 30)
    assert phase(made.session) == "peak"
    made.at(PEAK_S + 31, e.Returned)
    coming = sounding(made.session, made.now_s + LEAD_S)
    assert coming.offer.title == "peak 1" and coming.crossfade_s == 8.0


def test_calm_from_a_fade_lets_the_refuge_rise_out_of_the_silence() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Faded)
    made.at(made.now_s + 20, e.Calmed)
    refuge = made.session.cues[-1]
    assert refuge.start_s + refuge.crossfade_s == made.session.silent_until_s
    made.wait_until(made.now_s + LEAD_S + 0.1)
    assert made.session.gain_db == SILENT_DB
    made.wait_until(made.now_s + 0.2)
    assert made.session.gain_db == -12.0


# -- skip


def test_a_skipped_piece_leaves_for_another_of_the_phase() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Skipped)
    coming = sounding(made.session, made.now_s + LEAD_S)
    assert coming.offer.title == "peak 2"
    assert coming.start_s + coming.crossfade_s <= made.now_s + 10.0
    assert "peak 1" not in [c.offer.title for c in made.session.cues if c.start_s > made.now_s]


def test_a_piece_skipped_in_its_last_seconds_leaves_by_itself_and_the_next_one_stays() -> None:
    made = room(PEAK_S + 100)
    following = next(c for c in made.session.cues if c.offer.title == "peak 2")
    made.at(following.start_s - 1.0, e.Skipped)
    assert made.session.thrown_out == {"peak 1"}
    assert following in made.session.cues


def test_a_piece_skipped_in_the_last_seconds_of_a_phase_leaves_as_quickly() -> None:
    slow = profile(crossfade_s=30.0)
    made = room(PEAK_S - 29, plan=slow)
    entering = next(c for c in made.session.cues if c.phase_index == 3)
    made.at(entering.start_s - 2.0, e.Skipped)
    quick = sounding(made.session, made.now_s + LEAD_S)
    assert quick.crossfade_s == 6.0 and quick.start_s == made.now_s + LEAD_S
    assert phase(made.session) == "peak" and quick.phase_index == 3


def test_what_is_skipped_is_what_the_screen_names() -> None:
    made = room(PEAK_S + 100)
    following = next(c for c in made.session.cues if c.offer.title == "peak 2")
    made.at(following.start_s + 1.0, e.Skipped)
    assert made.session.thrown_out == {"peak 2"}


def test_a_soundscape_that_was_skipped_does_not_come_in_any_section() -> None:
    made = room(1000.0, sections={"ascent": (scape("ocean"),), "peak": (scape("ocean"),)})
    assert sounding(made.session, 1000.0).offer.soundscape == "ocean"
    made.at(1001.0, e.Skipped)
    made.wait_until(PEAK_S + 60)
    assert "ocean" not in [c.offer.soundscape for c in made.session.cues if c.start_s > 1002.0]


def test_skipping_until_nothing_is_left_is_refused_with_what_is() -> None:
    made = room(PEAK_S + 100, pieces=1)
    for _ in range(1 + len(SOUNDSCAPES) - 1):
        made.at(made.now_s + 20, e.Skipped)
    made.wait_until(made.now_s + 20)
    line = refusal(made, e.Skipped)
    assert "`kaproom calm`" in line and "`kaproom fade`" in line


# -- phases


def test_a_second_advance_before_the_first_is_heard_is_refused() -> None:
    made = room(STARTED_S + 60)
    made.at(made.now_s, e.Advanced)
    assert phase(made.session) == "ascent"
    assert "goes on to 'peak'" in refusal(made, e.Advanced)
    made.at(made.now_s + 4, e.Advanced)
    assert phase(made.session) == "peak"


def test_advance_in_the_last_seconds_takes_what_is_entering_and_no_more() -> None:
    made = room(PEAK_S - 2)
    made.at(made.now_s, e.Advanced)
    assert phase(made.session) == "peak"
    assert next(c.offer.title for c in made.session.cues if c.phase_index == 3) == "peak 1"
    assert sounding(made.session, PEAK_S + 20).offer.title == "peak 1"


@pytest.mark.parametrize(("kind", "facts"), [(e.Held, {}), (e.Infused, {"what": "paused"})])
def test_a_phase_whose_music_is_past_recall_is_the_one_that_is_held(
    kind: type[e.Event], facts: dict[str, Any]
) -> None:
    made = room(PEAK_S - 2)
    made.at(made.now_s, kind, **facts)
    assert phase(made.session) == "peak"
    told = [x for x in made.last if isinstance(x, Tell)]
    assert [(t.at_s, t.data["name"]) for t in told] == [(made.now_s, "peak")]
    made.wait_until(PEAK_S + 200)
    assert sounding(made.session, made.now_s).phase_index == 3


def test_music_that_entered_half_a_minute_early_brings_its_phase_when_that_is_held() -> None:
    made = room(PEAK_S - 32)
    early = [c.moved(made.now_s + 1) if c.phase_index == 3 else c for c in made.session.cues]
    early = [c for c in early if c.phase_index != 2 or c.start_s <= made.now_s]
    made.session = replace(made.session, cues=tuple(early))
    made.at(made.now_s + 2, e.Held)
    assert phase(made.session) == "peak"


def test_a_hold_while_settling_outlasts_the_start_and_advance_ends_it() -> None:
    made = room()
    made.at(100.0, e.Held)
    made.at(200.0, e.Advanced)
    assert not made.session.course.held and phase(made.session) == "settling"
    made.at(210.0, e.Held)
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(STARTED_S + 400)
    assert phase(made.session) == "settling"
    made.at(made.now_s, e.Advanced)
    assert phase(made.session) == "ascent"


def test_a_stop_ends_a_hold() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Held)
    made.at(made.now_s + 60, e.Infused, what="stopped")
    assert phase(made.session) == "descent" and not made.session.course.held


def test_a_stop_as_planned_leaves_a_hold_alone() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Held)
    made.at(STARTED_S + 40 * 60, e.Infused, what="stopped")
    assert phase(made.session) == "peak" and made.session.course.held
    assert sounding(made.session, made.now_s + 60).phase_index == 3


def test_a_hold_after_a_stop_outlasts_the_stops_correction() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Infused, what="stopped")
    made.at(made.now_s + 60, e.Held)
    made.at(made.now_s + 60, e.Infused, what="stopped", ago_s=150.0)
    assert phase(made.session) == "descent" and made.session.course.held


def test_a_hold_after_a_stop_outlasts_its_being_taken_back() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Infused, what="stopped")
    made.at(made.now_s + 10, e.Held)
    made.at(made.now_s + 10, e.Infused, what="resumed")
    assert phase(made.session) == "descent" and made.session.course.held


def test_a_hold_for_some_minutes_ends_by_itself_where_the_infusion_is() -> None:
    made = room(PEAK_S + 100)
    made.at(PEAK_S + 19 * 60, e.Held, for_min=10.0)
    until_s = made.now_s + 600
    span = made.session.phases[3]
    assert span.end_s == until_s and made.session.phases[4].start_s == until_s
    made.wait_until(until_s - 1)
    assert phase(made.session) == "peak" and made.session.course.held
    cues = made.session.cues
    made.wait_until(until_s + 1)
    assert phase(made.session) == "descent" and not made.session.course.held
    assert made.session.course.since_s == until_s
    assert sounding(made.session, until_s + 1).phase_index == 4
    assert made.session.cues == cues


def test_a_hold_that_ends_before_its_phase_would_changes_no_time() -> None:
    made = room(PEAK_S + 100)
    before = made.session.phases
    made.at(made.now_s, e.Held, for_min=5.0)
    assert [s.start_s for s in made.session.phases[4:]] == [s.start_s for s in before[4:]]
    made.wait_until(made.now_s + 301)
    assert phase(made.session) == "peak" and not made.session.course.held


def test_a_hold_past_several_phases_goes_on_where_the_infusion_is_then() -> None:
    made = room(STARTED_S + 60)
    made.at(made.now_s, e.Held, for_min=20.0)
    made.wait_until(made.now_s + 1201)
    assert phase(made.session) == "peak"
    told = [x.data["name"] for x in made.effects if isinstance(x, Tell)]
    assert told == ["onset", "peak"]


def test_a_hold_takes_a_new_time_and_none() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Held, for_min=5.0)
    made.at(made.now_s + 10, e.Held, for_min=2.0)
    assert made.session.course.held_until_s == made.now_s + 120
    made.at(made.now_s + 10, e.Held)
    assert made.session.course.held_for_good
    assert "held already" in refusal(made, e.Held)


def test_a_hold_that_ends_in_a_pause_waits_with_it() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Held, for_min=5.0)
    made.at(made.now_s + 10, e.Infused, what="paused")
    made.wait_until(made.now_s + 3000)
    assert phase(made.session) == "peak" and not made.session.course.held
    made.at(made.now_s, e.Infused, what="resumed")
    made.wait_until(made.now_s + 60)
    assert phase(made.session) == "peak"


@pytest.mark.parametrize("for_min", [0.0, -3.0, float("nan"), 241.0])
def test_a_hold_of_no_time_is_to_be_mended(for_min: float) -> None:
    made = room(PEAK_S + 100)
    with pytest.raises(Mend, match="more than 0 and at most 240"):
        made.at(made.now_s, e.Held, for_min=for_min)


def test_to_a_more_intense_phase_advance_has_to_be_sure() -> None:
    denser = profile()
    phases = tuple(
        p.model_copy(update={"intensity": i / 10, "level_lu": 0.0})
        for p, i in zip(denser.phases, (1, 3, 5, 7, 4, 2, 2), strict=True)
    )
    made = room(STARTED_S + 400, plan=denser.model_copy(update={"phases": phases}))
    with pytest.raises(Refused) as refused:
        made.at(made.now_s, e.Advanced, sure=False)
    assert refused.value.reason == Reason.MORE_INTENSE
    assert "'peak' is more intense than 'ascent'" in str(refused.value)
    assert "`kaproom advance --yes`" in str(refused.value)
    made.at(made.now_s, e.Advanced, sure=True)
    made.at(made.now_s + 60, e.Advanced, sure=False)
    assert phase(made.session) == "descent"


def test_a_stop_leads_over_with_a_long_crossfade() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.Infused, what="stopped")
    coming = sounding(made.session, made.now_s + LEAD_S)
    assert coming.offer.title == "descent 1" and coming.crossfade_s >= 20.0


def with_exits(*exits_s: float) -> Room:
    """At the peak, in a piece of ten minutes with these exits."""
    music = repertoire(SEVEN)
    long = track("long", 600.0, exits_s=exits_s)
    sections = music.sections | {"peak": (long, *music.sections["peak"])}
    made = Room(SEVEN, music.model_copy(update={"sections": sections}))
    made.at(STARTED_S, e.Infused, what="started")
    made.wait_until(PEAK_S + 100)
    assert sounding(made.session, made.now_s).offer == long
    return made


def at_exit_s(made: Room, exit_s: float) -> float:
    return sounding(made.session, PEAK_S + 100).start_s + exit_s


@pytest.mark.parametrize(
    ("kind", "facts", "crossfade_s", "exit_s"),
    [
        (e.Infused, {"what": "stopped"}, 20.0, 155.0),
        (e.Advanced, {}, 12.0, 125.0),
    ],
)
def test_a_turn_that_people_made_comes_at_the_next_exit(
    kind: type[e.Event], facts: dict[str, Any], crossfade_s: float, exit_s: float
) -> None:
    made = with_exits(50.0, exit_s, 200.0)
    made.at(made.now_s, kind, **facts)
    assert phase(made.session) == "descent"
    coming = next(c for c in made.session.cues if c.phase_index == 4)
    assert coming.crossfade_s == crossfade_s
    assert coming.start_s == pytest.approx(at_exit_s(made, exit_s))


@pytest.mark.parametrize(
    ("kind", "facts", "exit_s"),
    [(e.Infused, {"what": "stopped"}, 170.0), (e.Advanced, {}, 140.0)],
)
def test_where_no_exit_is_near_nobody_waits_for_one(
    kind: type[e.Event], facts: dict[str, Any], exit_s: float
) -> None:
    made = with_exits(exit_s)
    made.at(made.now_s, kind, **facts)
    coming = next(c for c in made.session.cues if c.phase_index == 4)
    assert coming.start_s == made.now_s + LEAD_S


def test_a_stop_that_is_entered_late_has_waited_already() -> None:
    made = with_exits(155.0)
    made.at(made.now_s, e.Infused, what="stopped", ago_s=50.0)
    coming = next(c for c in made.session.cues if c.phase_index == 4)
    assert coming.start_s == made.now_s + LEAD_S


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        (e.Held, {}),
        (e.Held, {"for_min": 10.0}),
        (e.Infused, {"what": "stopped", "ago_s": 3.0}),
        (e.SourceFailed, {"cue": "c30", "why": "broken"}),
        (e.Shifted, {"by_s": 0.4}),
    ],
)
def test_an_exit_that_is_waited_for_is_kept_whatever_is_planned_anew(
    kind: type[e.Event], facts: dict[str, Any]
) -> None:
    made = with_exits(155.0)
    made.at(made.now_s, e.Infused, what="stopped")
    before = next(c for c in made.session.cues if c.phase_index == 4)
    made.at(made.now_s + 5, kind, **facts)
    after = next(c for c in made.session.cues if c.phase_index == 4)
    later_s = 0.4 if kind is e.Shifted else 0.0
    assert after.start_s == pytest.approx(before.start_s + later_s)
    assert after.crossfade_s == before.crossfade_s


def test_a_stop_taken_back_before_its_exit_was_never_heard() -> None:
    made = with_exits(155.0)
    made.at(made.now_s, e.Infused, what="stopped")
    made.at(made.now_s + 10, e.Infused, what="resumed")
    assert phase(made.session) == "peak"
    assert sounding(made.session, at_exit_s(made, 500.0)).offer.title == "long"


def test_an_advance_that_waits_for_its_exit_can_be_hastened_and_not_repeated() -> None:
    made = with_exits(120.0)
    made.at(made.now_s, e.Advanced)
    made.wait_until(made.now_s + 5)
    line = refusal(made, e.Advanced)
    assert "'descent' enters in 0:15" in line and "`kaproom skip`" in line
    made.at(made.now_s, e.Skipped)
    assert sounding(made.session, made.now_s + LEAD_S).phase_index == 4


def test_a_late_start_within_the_phase_lets_the_music_go_on() -> None:
    made = room(STARTED_S + 100)
    before = sounding(made.session, made.now_s)
    made.at(made.now_s, e.Infused, what="started", ago_s=130.0)
    assert sounding(made.session, made.now_s + 30) == before


def test_every_phase_that_passed_in_a_long_absence_is_told_with_its_moment() -> None:
    made = room(STARTED_S + 10)
    made.do(e.Tick(STARTED_S + 3700, STARTED_S + 3700))
    told = [(x.data["name"], x.at_s) for x in made.last if isinstance(x, Tell)]
    minutes = {"ascent": 5, "peak": 15, "descent": 35, "landing": 50}
    assert told == [(name, STARTED_S + 60.0 * m) for name, m in minutes.items()]


def test_ticks_change_no_cue() -> None:
    made = room(STARTED_S + 10)
    before = made.session.cues
    made.wait_until(STARTED_S + 4000)
    assert made.session.cues == before


# -- away and back


def test_a_kept_piece_goes_on_from_its_place() -> None:
    made = room(PEAK_S + 100)
    left = sounding(made.session, made.now_s)
    place_s = left.position_s(made.now_s)
    made.at(made.now_s, e.WentAway)
    made.at(made.now_s + 30, e.CameBack)
    again = sounding(made.session, made.now_s + LEAD_S)
    assert again.offer == left.offer and again.cue_in_s == pytest.approx(place_s)
    assert again.end_s == pytest.approx(again.start_s + 240.0 - place_s)


def test_going_away_again_before_the_piece_is_back_keeps_its_place() -> None:
    made = room(PEAK_S + 100)
    place_s = sounding(made.session, made.now_s).position_s(made.now_s)
    made.at(made.now_s, e.WentAway)
    made.at(made.now_s + 300, e.CameBack)
    made.at(made.now_s + 1, e.WentAway)
    made.at(made.now_s + 300, e.CameBack)
    again = sounding(made.session, made.now_s + LEAD_S)
    assert again.offer.title == "peak 1" and again.cue_in_s == pytest.approx(place_s)


def test_what_is_left_of_a_kept_piece_is_not_worth_rising_for() -> None:
    made = room(PEAK_S + 100)
    end_s = sounding(made.session, made.now_s).end_s
    assert end_s is not None
    made.at(end_s - 15.0, e.WentAway)
    made.at(made.now_s + 2, e.CameBack)
    assert sounding(made.session, made.now_s + LEAD_S).offer.title == "peak 2"


def test_a_kept_piece_is_no_louder_than_the_phase_that_is_on_now() -> None:
    made = room(PEAK_S + 15 * 60)
    left = sounding(made.session, made.now_s)
    made.at(made.now_s, e.WentAway)
    made.at(PEAK_S + 50 * 60, e.CameBack)
    again = sounding(made.session, made.now_s + LEAD_S)
    assert again.offer == left.offer and again.phase_index == made.session.course.index
    assert again.gain_db < left.gain_db


def test_pieces_that_ran_while_nobody_listened_are_not_used_up() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.WentAway)
    made.wait_until(made.now_s + 600)
    assert sounding(made.session, made.now_s).offer.title == "peak 3"
    made.at(made.now_s, e.CameBack)
    titles = [c.offer.title for c in made.session.cues if c.start_s > made.now_s]
    assert titles[0] == "peak 1"


# -- the patient's own piece


def own(made: Room) -> list[PlannedCue]:
    return [c for c in made.session.cues if c.offer.title == "own"]


def test_the_own_piece_interrupted_by_calm_comes_again() -> None:
    made = room(STARTED_S, closing=track("own", 200))
    (closing,) = own(made)
    made.at(closing.start_s + 60, e.Calmed)
    made.at(made.now_s + 120, e.Returned)
    assert len(own(made)) == 2 and own(made)[-1].start_s == made.now_s + LEAD_S


def test_the_own_piece_is_kept_while_the_headphones_are_off() -> None:
    made = room(STARTED_S, closing=track("own", 200))
    (closing,) = own(made)
    made.at(closing.start_s + 60, e.WentAway)
    made.at(made.now_s + 900, e.CameBack)
    _, again = own(made)
    assert again.cue_in_s == pytest.approx(60.0)
    assert made.session.cues[-1].offer.soundscape is not None


def test_the_own_piece_that_ran_while_nobody_listened_still_comes() -> None:
    made = room(STARTED_S, closing=track("own", 200))
    (closing,) = own(made)
    made.at(closing.start_s - 60, e.WentAway)
    made.at(made.now_s + 900, e.CameBack)
    assert own(made)[-1].start_s > made.now_s


def test_the_own_piece_comes_although_people_went_past_its_phase() -> None:
    bare = profile()
    quiet = tuple(
        p if p.name != "recovery" else p.model_copy(update={"section": None}) for p in bare.phases
    )
    made = room(STARTED_S, plan=bare.model_copy(update={"phases": quiet}), closing=track("own"))
    assert own(made)[0].phase_index == 5
    made.wait_until(STARTED_S + 51 * 60)
    made.at(made.now_s, e.Advanced)
    assert phase(made.session) == "recovery" and own(made)[-1].phase_index == 6


def test_the_own_piece_that_ran_while_all_was_faded_still_comes() -> None:
    made = room(STARTED_S, closing=track("own", 200))
    (closing,) = own(made)
    made.at(closing.start_s - 60, e.Faded)
    made.at(made.now_s + 900, e.Returned)
    assert own(made)[-1].start_s >= made.now_s + LEAD_S


def test_a_piece_that_left_as_its_silence_ended_was_not_heard_whatever_the_arithmetic() -> None:
    silence = Silence(4.6, nextafter(141.9, 0.0))
    assert silence.covers(138.0, 141.9) and silence.covers(nextafter(4.6, 0.0), 100.0)
    assert not silence.covers(138.0, 142.0) and not silence.covers(4.5, 100.0)


def test_a_skipped_own_piece_does_not_come_again() -> None:
    made = room(STARTED_S, closing=track("own", 200))
    (closing,) = own(made)
    made.at(closing.start_s + 60, e.Skipped)
    assert len(own(made)) == 1


# -- the end


@pytest.mark.parametrize(
    "deeds", [[], [e.Calmed], [e.Faded], [e.WentAway], [e.Ducked], [e.WentAway, e.CameBack]]
)
def test_a_session_ends_softly_from_any_state(deeds: list[type[e.Event]]) -> None:
    made = room(1000.0)
    for kind in deeds:
        made.at(made.now_s + 1, kind)
    made.at(made.now_s + 1, e.Ended)
    assert "is ending" in refusal(made, e.Ended)
    made.wait_until(made.now_s + 20)
    assert made.session.stage is Stage.ENDED
    assert sum(isinstance(x, Close) for x in made.effects) == 1
    assert "`kaproom start PROFILE`" in refusal(made, e.Calmed)


def test_facts_are_kept_after_the_end_and_nothing_plays() -> None:
    made = room(1000.0)
    made.at(1001.0, e.Ended)
    made.wait_until(1030.0)
    made.at(1040.0, e.Noted, category="nausea")
    made.at(1050.0, e.Infused, what="stopped", ago_s=30.0)
    assert made.last == ()
    assert made.session.infusion_state is InfusionState.STOPPED
    assert made.session.notes[-1].category == "nausea"


def test_an_ending_can_be_cut_short_into_silence() -> None:
    made = room(1000.0)
    made.at(1001.0, e.Ended)
    made.at(1002.0, e.Faded, at_once=True)
    assert made.last == (SetGain(SILENT_DB, 0.3),)


def test_what_the_machine_reports_while_a_session_ends_is_of_no_consequence() -> None:
    made = room(1000.0)
    made.at(1001.0, e.Ended)
    made.at(1002.0, e.SourceFailed, cue=made.session.cues[0].id, why="gone")
    made.at(1003.0, e.Shifted, by_s=2.0)
    assert made.last == ()


# -- mishaps


def test_a_failed_piece_is_followed_by_another_after_its_bed_was_heard() -> None:
    made = room(PEAK_S + 100)
    failed = sounding(made.session, made.now_s)
    made.at(made.now_s, e.SourceFailed, cue=failed.id, why="broken")
    following = made.session.cues[made.session.cues.index(failed) + 1]
    assert following.offer.title == "peak 2"
    assert following.start_s == made.now_s + LEAD_S + 16.0


def test_a_piece_that_fails_before_its_turn_is_replaced() -> None:
    made = room(PEAK_S + 100)
    failed = next(c for c in made.session.cues if c.offer.title == "peak 2")
    made.at(made.now_s, e.SourceFailed, cue=failed.id, why="broken")
    assert failed not in made.session.cues
    (play,) = made.last
    assert isinstance(play, Play) and failed not in play.cues


@pytest.mark.parametrize("lasts_min", [2.3, 2.5, 3.0, 3.7, 4.0])
def test_a_soundscape_whose_turn_ends_after_its_phase_is_left_for_the_next_in_time(
    lasts_min: float,
) -> None:
    # It asks for slow crossfades, what follows for quick ones.
    plan = profile([lasts_min, 20.0], planned_min=30.0, crossfade_s=0.5)
    phases = (plan.phases[0].model_copy(update={"crossfade_s": 60.0}), *plan.phases[1:])
    plan = plan.model_copy(update={"phases": phases})
    music = repertoire(plan)
    sections = music.sections | {plan.phases[0].section: (scape("bowls", 300.0),)}
    made = Room(plan, music.model_copy(update={"sections": sections}))
    made.at(41.1, e.Infused, what="started")
    starts_s = 41.1 + lasts_min * 60
    entering = next(c for c in made.session.cues if c.phase_index == 1)
    assert entering.start_s == pytest.approx(starts_s, abs=5.0)
    assert entering.start_s + entering.crossfade_s <= 300.0


@pytest.mark.parametrize("before_s", [3.0, 4.0, 5.0, 7.5, 9.0, 30.0])
def test_a_plan_made_anew_as_the_closing_piece_is_about_to_enter_keeps_it_there(
    before_s: float,
) -> None:
    music = repertoire(SEVEN)
    # The bed of the onset lasts until its one piece, which comes last, can enter.
    last = track("last", 200.0, place="closing")
    made = Room(SEVEN, music.model_copy(update={"sections": music.sections | {"onset": (last,)}}))
    made.at(STARTED_S, e.Infused, what="started")
    (closing,) = (c for c in made.session.cues if c.offer.key == "last")
    broken = next(c for c in made.session.cues if c.phase_index == 4)
    made.at(closing.start_s - before_s, e.SourceFailed, cue=broken.id, why="broken")
    (again,) = (c for c in made.session.cues if c.offer.key == "last")
    assert again.start_s == pytest.approx(closing.start_s, abs=1.0)
    assert sounding(made.session, closing.start_s - 2.0).offer.soundscape is not None


def test_a_failure_that_nobody_knows_of_is_nothing() -> None:
    made = room(PEAK_S + 100)
    made.at(made.now_s, e.SourceFailed, cue="c999", why="broken")
    assert made.last == ()


def test_a_refuge_that_failed_once_is_not_tried_again() -> None:
    made = room(PEAK_S + 100, refuge=track("lullaby"))
    made.at(made.now_s, e.Calmed)
    cue = made.session.cues[-2]
    made.at(made.now_s + 20, e.SourceFailed, cue=cue.id, why="broken")
    made.at(made.now_s + 20, e.Returned)
    made.at(made.now_s + 20, e.Calmed)
    assert made.session.cues[-1].offer.soundscape is not None
    assert made.session.cues[-1].start_s == made.now_s + LEAD_S


@pytest.mark.parametrize("by_s", [0.4, 12.5, -0.4])
def test_a_standstill_moves_what_sounded_and_all_that_was_to_come(by_s: float) -> None:
    made = room(PEAK_S + 100)
    before = sounding(made.session, made.now_s)
    place_s = before.position_s(made.now_s)
    made.at(made.now_s, e.Shifted, by_s=by_s)
    after = sounding(made.session, made.now_s)
    assert after.position_s(made.now_s) == pytest.approx(place_s - by_s)
    following = made.session.cues[made.session.cues.index(after) + 1]
    assert following.start_s + following.crossfade_s == pytest.approx(after.end_s)


def test_a_standstill_longer_than_its_phase_turns_the_music_gently() -> None:
    made = room(STARTED_S + 290)
    made.wait_until(STARTED_S + 400)
    made.at(made.now_s, e.Shifted, by_s=120.0)
    coming = sounding(made.session, made.now_s + LEAD_S)
    assert coming.phase_index == made.session.course.index == 2
    assert coming.crossfade_s >= 20.0


# -- refused, or to be mended


@pytest.mark.parametrize(
    ("deeds", "kind", "remedy"),
    [
        ([], e.Returned, "nothing to return from"),
        ([], e.CameBack, "`kaproom away`"),
        ([e.Ducked], e.Ducked, "`kaproom return`"),
        ([e.Faded], e.Faded, "`kaproom return`"),
        ([e.Calmed], e.Calmed, "`kaproom return`"),
        ([e.Calmed], e.Skipped, "`kaproom return`"),
        ([e.WentAway], e.WentAway, "`kaproom back`"),
        ([e.WentAway], e.Calmed, "`kaproom back`"),
        ([e.WentAway], e.Skipped, "`kaproom back`"),
        ([e.WentAway], e.Returned, "`kaproom back`"),
        ([e.Held], e.Held, "`kaproom advance`"),
    ],
)
def test_a_refusal_changes_nothing_and_names_the_remedy(
    deeds: list[type[e.Event]], kind: type[e.Event], remedy: str
) -> None:
    made = room(1000.0)
    for done in deeds:
        made.at(made.now_s + 1, done)
    assert remedy in refusal(made, kind)


def test_the_first_phase_and_the_last_have_their_own_remedies() -> None:
    made = room()
    made.wait_until(100.0)
    assert "`kaproom infusion started`" in refusal(made, e.Advanced)
    made = room(STARTED_S + 71 * 60)
    assert "`kaproom end`" in refusal(made, e.Advanced)


@pytest.mark.parametrize(
    ("kind", "facts", "remedy"),
    [
        (e.Noted, {"category": "tear"}, "eyes-open, tears"),
        (e.Infused, {"what": "rate"}, "`kaproom infusion rate 0.5 mg/min`"),
        (e.Infused, {"what": "bolus", "value": -1.0}, "`kaproom infusion bolus 10`"),
        (
            e.Infused,
            {"what": "rate", "value": 5.0, "unit": "mL/h"},
            "infusion.concentration_mg_per_ml",
        ),
        (e.Levelled, {"by_db": float("nan")}, "`kaproom level up 2`"),
    ],
)
def test_what_names_nothing_that_exists_says_what_does(
    kind: type[e.Event], facts: dict[str, Any], remedy: str
) -> None:
    made = room(1000.0)
    with pytest.raises(Mend, match=remedy):
        made.at(1001.0, kind, **facts)


def test_a_rate_in_ml_per_hour_is_kept_with_a_concentration() -> None:
    plan = profile(infusion={"planned_min": 40.0, "concentration_mg_per_ml": 10.0})
    made = room(1000.0, plan=plan)
    made.at(1001.0, e.Infused, what="rate", value=5.0, unit="mL/h")
    assert made.session.infusion.marks[-1].unit == "mL/h"


def test_what_lies_ahead_is_not_recorded() -> None:
    made = room(1000.0)
    with pytest.raises(Refused, match="when it is done"):
        made.do(e.Infused(1010.0, 1001.0, "stopped"))


def test_an_event_that_comes_after_the_tick_that_follows_it_acts_from_then() -> None:
    made = room(1000.0)
    made.do(e.Ducked(999.0, 999.0))
    assert made.session.ducked_s == 1000.0


def test_a_repertoire_without_any_music_plays_its_beds() -> None:
    made = Room(SEVEN, repertoire(SEVEN, pieces=0))
    made.at(STARTED_S, e.Infused, what="started")
    assert {c.offer.soundscape for c in made.session.cues} == {"pad"}
