"""The planner by itself: what it chooses, where it puts it, and how one leads to the next."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from session.imagined import (
    OCEAN,
    profile,
    profiles,
    repertoire,
    repertoires,
    scape,
    track,
)

from kaproom.session.infusion import Infusion, Mark, What
from kaproom.session.phases import Course, Span, begins_s, phase_by_clock, spans
from kaproom.session.profile import Profile
from kaproom.session.refuge import plan_refuge
from kaproom.session.repertoire import Offer, Repertoire
from kaproom.session.timeline import Occasion, PlannedCue, plan

# Two phases that matter: one of 10 min, then a last one of 10 min; all begins at 1000 s.
BEGIN_S, TURN_S, END_S = 1000.0, 1600.0, 2200.0
TWO = profile([0, 10], planned_min=10, session_end_min=20.0)
PRESENT = Course(1, BEGIN_S)
ROUNDING_S = 1e-9  # a frame is 20 µs


def two_spans(turn_s: float = TURN_S, end_s: float | None = END_S) -> tuple[Span, ...]:
    return (
        Span(0, "phase-0", None, None),
        Span(1, "phase-1", BEGIN_S, turn_s),
        Span(2, "phase-2", turn_s, end_s),
    )


def music(
    first: tuple[Offer, ...] = (), last: tuple[Offer, ...] = (), closing: Offer | None = None
) -> Repertoire:
    sections = {"phase-1": first, "phase-2": last}
    return Repertoire(sections=sections, refuge=OCEAN, closing=closing, seed=3)


def planned(
    repertoire: Repertoire,
    occasion: Occasion | None = None,
    phases: tuple[Span, ...] | None = None,
    plan_of: Profile = TWO,
) -> tuple[PlannedCue, ...]:
    occasion = occasion or Occasion(BEGIN_S, None)
    return plan(plan_of, repertoire, phases or two_spans(), PRESENT, occasion)


def titles(cues: tuple[PlannedCue, ...]) -> list[str]:
    return [cue.offer.title for cue in cues]


# -- choosing


def test_pieces_play_in_the_therapists_order() -> None:
    first = (track("one", 200), track("two", 200), track("three", 200))
    assert titles(planned(music(first)))[:3] == ["one", "two", "three"]


def test_a_piece_that_fits_comes_before_one_that_would_be_cut() -> None:
    first = (track("one", 400), track("too long", 400), track("fits", 200))
    assert titles(planned(music(first)))[:2] == ["one", "fits"]


def test_the_bed_fills_in_before_a_piece_is_cut() -> None:
    first = (track("one", 400), track("long", 900))
    cues = planned(music(first))
    assert titles(cues)[:2] == ["one", "pad"]
    assert cues[2].start_s == TURN_S and cues[2].phase_index == 2


def test_the_bed_fills_a_rest_that_is_not_worth_a_piece() -> None:
    first = (track("one", 570), track("long", 900))
    cues = planned(music(first))
    assert titles(cues)[:2] == ["one", "pad"]
    assert cues[1].phase_index == 1 and cues[2].start_s == TURN_S


def test_a_soundscape_has_its_place_in_the_order_and_its_turn() -> None:
    first = (scape("bowls", 120.0), track("one", 200), scape("ocean"))
    cues = planned(music(first))
    assert titles(cues)[:3] == ["bowls", "one", "ocean"]
    assert cues[0].end_s == BEGIN_S + 120.0 and cues[2].end_s is None


def test_a_soundscape_that_filled_in_still_has_its_turn() -> None:
    filled = PlannedCue("c1", scape("bowls"), 1, 900.0, 8.0, -3.0)
    occasion = Occasion(1100.0, filled, keep=False, open_ended=True, number=9)
    cues = planned(music((track("one", 200), scape("bowls", 120.0), track("two", 200))), occasion)
    assert titles(cues)[:3] == ["one", "bowls", "two"]


def test_soundscapes_take_turns_when_all_else_has_played() -> None:
    first = (scape("bowls", 120.0), scape("pad", 150.0))
    assert titles(planned(music(first)))[:4] == ["bowls", "pad", "bowls", "pad"]


def test_a_soundscape_stretches_before_a_track_is_cut() -> None:
    first = (track("one", 400), track("long", 900), scape("ocean"))
    assert titles(planned(music(first)))[:2] == ["one", "ocean"]


def test_what_was_played_or_thrown_out_does_not_come() -> None:
    first = (track("one", 200), track("two", 200), track("three", 200))
    occasion = Occasion(BEGIN_S, None, used=frozenset({"one"}), thrown_out=frozenset({"two"}))
    assert titles(planned(music(first), occasion))[0] == "three"


def test_a_bed_that_was_skipped_gives_way_to_another_soundscape() -> None:
    cues = planned(music(), Occasion(BEGIN_S, None, thrown_out=frozenset({"bed:pad"})))
    assert "pad" not in titles(cues)


def test_a_session_longer_than_all_its_music_ends_in_the_bed() -> None:
    cues = planned(music((track("one", 100),)), phases=two_spans(end_s=None))
    assert titles(cues) == ["one", "pad", "pad"]
    assert cues[-1].end_s is None


def test_an_open_phase_plays_all_it_has_and_then_its_bed() -> None:
    first = tuple(track(f"{n}", 300) for n in range(5))
    cues = planned(music(first), Occasion(BEGIN_S, None, open_ended=True))
    assert titles(cues) == ["0", "1", "2", "3", "4", "pad"]
    assert {cue.phase_index for cue in cues} == {1}


# -- one after the other


def test_a_piece_is_left_so_that_it_has_just_ended_when_the_next_is_in() -> None:
    cues = planned(music((track("one", 200), track("two", 200))))
    assert cues[1].start_s + cues[1].crossfade_s == cues[0].end_s


def test_a_softer_recording_enters_as_slowly_as_its_gain_has_to_rise() -> None:
    cues = planned(music((track("loud", 200, -10.0), track("soft", 200, -35.0))))
    rise_db = cues[1].gain_db - cues[0].gain_db
    assert rise_db > 10 and cues[1].crossfade_s == pytest.approx(rise_db)
    assert cues[1].start_s + cues[1].crossfade_s == pytest.approx(cues[0].end_s)


def test_a_short_piece_is_most_of_the_time_itself() -> None:
    cues = planned(music((track("one", 200), track("gong", 10.0), track("two", 200))))
    assert titles(cues)[1] == "gong"
    assert cues[1].crossfade_s == 4.0 and cues[2].crossfade_s == 4.0


@pytest.mark.parametrize("length_s", [592.0, 596.0, 600.0, 604.0, 608.0])
def test_the_next_phase_enters_as_the_last_piece_ends_around_its_start(length_s: float) -> None:
    cues = planned(music((track("one", length_s),)))
    entering = next(cue for cue in cues if cue.phase_index == 2)
    if length_s >= 600.0:
        # Crossfades take 8 s and may be as short as 4.
        assert entering.start_s + entering.crossfade_s == cues[0].end_s
        assert entering.start_s == pytest.approx(TURN_S, abs=5.0)
    else:
        assert titles(cues)[1] == "pad" and entering.start_s == TURN_S


def test_crossfades_under_a_second_leave_no_gap() -> None:
    quick = profile([0, 10], planned_min=10, session_end_min=20.0, crossfade_s=0.1)
    for length_s in (598.9, 599.2, 599.8, 599.95, 600.05):
        cues = planned(music((track("one", length_s),)), plan_of=quick)
        for earlier, later in pairwise(cues):
            assert earlier.end_s is None or later.start_s <= earlier.end_s


def test_a_phase_that_would_be_over_before_it_is_heard_is_passed_by() -> None:
    cues = planned(music((track("one"),), (track("two"),)), phases=two_spans(BEGIN_S + 0.3))
    assert titles(cues)[0] == "two"


@pytest.mark.parametrize(("left_s", "crossfade_s"), [(50.0, 20.0), (5.0, 5.0), (0.5, 2.0)])
def test_a_piece_near_its_end_is_followed_before_it_is_gone_but_with_no_jolt(
    left_s: float, crossfade_s: float
) -> None:
    end_s = BEGIN_S + left_s
    sounding = PlannedCue("c1", track("sounding", 300), 1, 750.0, 8.0, -5.0, end_s=end_s)
    occasion = Occasion(BEGIN_S, sounding, keep=False, first_crossfade_s=20.0, number=9)
    first = planned(music((track("one", 200),)), occasion)[0]
    assert (first.start_s, first.crossfade_s) == (BEGIN_S, crossfade_s)


def test_the_sounding_piece_goes_on_to_its_end() -> None:
    sounding = PlannedCue("c1", track("sounding", 300), 1, 900.0, 8.0, -5.0, end_s=1200.0)
    cues = planned(music((track("one", 200),)), Occasion(BEGIN_S, sounding))
    assert cues[0].start_s + cues[0].crossfade_s == 1200.0


def test_a_bed_gives_way_when_there_is_room_for_a_piece_again() -> None:
    bed = planned(music())[0]
    assert titles((bed,)) == ["pad"]
    occasion = Occasion(1100.0, bed, number=9)
    cues = planned(music((track("one", 200),)), occasion)
    assert titles(cues)[0] == "one" and cues[0].start_s == 1100.0


def test_a_bed_stays_where_no_piece_fits() -> None:
    bed = planned(music())[0]
    cues = planned(music((track("one", 900),)), Occasion(1100.0, bed, number=9))
    assert cues[0].start_s == TURN_S


def test_another_phases_bed_does_not_go_on_for_ever() -> None:
    stray = PlannedCue("c1", OCEAN, 0, 900.0, 8.0, 0.0)
    cues = planned(music(), Occasion(1100.0, stray, number=9))
    assert cues[0].start_s == 1100.0


def test_a_soundscape_goes_on_from_the_sessions_clock_and_never_repeats() -> None:
    cues = planned(music())
    assert all(cue.cue_in_s == cue.start_s for cue in cues)


# -- exits, neighbours, silence


def turn(cues: tuple[PlannedCue, ...]) -> PlannedCue:
    """What brings in the second phase."""
    return next(cue for cue in cues if cue.phase_index == 2)


def test_a_piece_is_left_at_an_exit_where_its_end_would_miss_the_boundary() -> None:
    cues = planned(music((track("one", 900, exits_s=(200.0, 601.0, 700.0)),)))
    assert titles(cues)[0] == "one" and turn(cues).start_s == BEGIN_S + 601.0
    assert cues[1] is turn(cues)


def test_exits_count_in_the_file() -> None:
    one = track("one", 900, exits_s=(640.0,), cue_in_s=40.0)
    assert turn(planned(music((one,)))).start_s == TURN_S


def test_an_exit_too_near_the_end_for_what_follows_is_not_taken() -> None:
    loud = track("loud", 606.0, -10.0, exits_s=(600.0,))
    soft = track("soft", 300, -35.0)
    cues = planned(music((loud,), (soft,)))
    entering = turn(cues)
    assert entering.crossfade_s >= entering.gain_db - cues[0].gain_db - 1e-9


def test_crossfades_stretch_so_that_a_phase_ends_at_its_moment() -> None:
    for length_s in (196.0, 200.0, 204.0, 208.0, 212.0):
        cues = planned(music(tuple(track(f"{n}", length_s) for n in range(3))))
        assert titles(cues)[:3] == ["0", "1", "2"]
        assert turn(cues).start_s == pytest.approx(TURN_S, abs=5.0)
        assert all(4.0 <= cue.crossfade_s <= 16.0 for cue in cues[1:4])


def test_pieces_are_kept_together_or_left_out_together() -> None:
    pair = (track("a", 300, group="p"), track("b", 200, group="p"))
    assert titles(planned(music((track("one", 300), *pair))))[:3] == ["a", "b", "pad"]
    assert titles(planned(music((track("one", 520), *pair))))[:2] == ["one", "pad"]


def test_what_was_begun_together_is_finished_together() -> None:
    a, b = track("a", 300, group="p"), track("b", 200, group="p")
    sounding = PlannedCue("c1", a, 1, 990.0, 8.0, -6.0, end_s=1290.0)
    pieces = (track("one", 312), a, b)
    occasion = Occasion(1100.0, sounding, used=frozenset({"a"}), number=9)
    assert titles(planned(music(pieces), occasion))[0] == "b"


def test_a_piece_never_comes_after_what_it_must_not_follow() -> None:
    pieces = (track("drums", 300), track("hush", 308, never_after=("drums",)))
    assert titles(planned(music(pieces)))[:2] == ["hush", "drums"]


def test_the_list_is_kept_where_a_rule_costs_nothing() -> None:
    pieces = (track("drums", 300), track("hush", 308, never_after=("drums",)), track("so", 308))
    assert titles(planned(music(pieces)))[:2] == ["drums", "so"]


def test_an_entrance_has_the_length_that_its_pair_was_given() -> None:
    pieces = (track("one", 300), track("two", 312, crossfade_after_s=(("one", 13.0),)))
    cues = planned(music(pieces))
    assert titles(cues)[:2] == ["one", "two"] and cues[1].crossfade_s == 13.0


def test_an_opening_piece_comes_first_and_a_closing_piece_ends_the_phase() -> None:
    pieces = (
        track("one", 200),
        track("last", 200, place="closing"),
        track("first", 100, place="opening"),
        track("two", 120),
    )
    cues = planned(music(pieces))
    of_phase = [cue for cue in cues if cue.phase_index == 1]
    assert titles(tuple(of_phase))[0] == "first" and titles(tuple(of_phase))[-1] == "last"
    assert turn(cues).start_s == pytest.approx(TURN_S, abs=5.0)


def test_an_opening_piece_that_is_longer_than_its_phase_does_not_come() -> None:
    pieces = (track("first", 900, place="opening"), track("one", 308), track("two", 308))
    assert titles(planned(music(pieces)))[:2] == ["one", "two"]


def test_a_silence_is_silent_for_as_long_as_it_says_and_the_music_comes_back_softly() -> None:
    silence = Offer(key="hush", title="hush", silence_s=120.0, group="p")
    pieces = (track("one", 240, group="p"), silence, track("two", 248))
    one, quiet, two = planned(music(pieces))[:3]
    assert titles((one, quiet, two)) == ["one", "hush", "two"]
    assert quiet.start_s + quiet.crossfade_s == one.end_s
    assert quiet.end_s == two.start_s == pytest.approx((one.end_s or 0.0) + 120.0)
    assert two.crossfade_s >= 10.0


def test_a_silence_goes_with_the_piece_before_it() -> None:
    silence = Offer(key="hush", title="hush", silence_s=120.0, group="p")
    pieces = (track("one", 240, group="p"), silence, track("two", 308), track("three", 308))
    occasion = Occasion(BEGIN_S, None, thrown_out=frozenset({"one"}))
    assert titles(planned(music(pieces), occasion))[:2] == ["two", "three"]


# -- the patient's own piece


def test_the_closing_piece_ends_the_last_phase() -> None:
    cues = planned(music((), (track("one", 200),), closing=track("own", 180)))
    own = next(cue for cue in cues if cue.offer.title == "own")
    assert own.end_s == pytest.approx(END_S, abs=8.0)
    assert titles(cues)[-2:] == ["own", "pad"]


def test_the_closing_piece_ends_the_last_phase_with_music() -> None:
    cues = planned(music((track("one", 200),), closing=track("own", 180)))
    own = next(cue for cue in cues if cue.offer.title == "own")
    assert own.phase_index == 1
    assert own.end_s == pytest.approx(TURN_S, abs=8.0)


def test_a_closing_piece_longer_than_its_phase_begins_with_it_and_is_not_cut() -> None:
    cues = planned(music((track("one", 200),), (track("two"),), closing=track("own", 900)))
    own = next(cue for cue in cues if cue.offer.title == "own")
    assert own.start_s == TURN_S and own.end_s == TURN_S + 900.0
    assert titles(cues)[-2:] == ["own", "pad"]


def test_a_closing_piece_that_delays_the_next_phase_is_not_cut_by_it() -> None:
    cues = planned(music((track("one", 200),), closing=track("own", 900)))
    own, following = cues[-2:]
    assert own.offer.title == "own" and own.phase_index == 1
    assert following.start_s + following.crossfade_s == own.end_s


def test_a_closing_piece_from_the_playlist_waits_for_the_end() -> None:
    own = track("own", 180)
    cues = planned(music((own, track("one", 200)), (own, track("two", 200)), closing=own))
    assert titles(cues).count("own") == 1
    assert titles(cues)[-2] == "own"


def test_a_closing_piece_that_is_late_waits_for_the_end_of_what_sounds() -> None:
    sounding = PlannedCue("c1", track("sounding", 300), 2, 2100.0, 8.0, -5.0, end_s=2400.0)
    repertoire = music((), (track("one"),), closing=track("own", 180))
    phases = (*two_spans()[:2], Span(2, "phase-2", TURN_S, END_S))
    occasion = Occasion(2250.0, sounding, number=9)
    cues = plan(TWO, repertoire, phases, Course(2, TURN_S), occasion)
    assert titles(cues) == ["own", "pad"]
    assert cues[0].start_s + cues[0].crossfade_s == 2400.0


def test_after_the_closing_piece_there_is_nothing_but_the_bed() -> None:
    closing = track("own", 180)
    sounding = PlannedCue("c1", closing, 2, 1700.0, 8.0, -5.0, end_s=1880.0)
    repertoire = music((), (track("one"), track("two")), closing=closing)
    occasion = Occasion(1750.0, sounding, closing_due=False, number=9)
    cues = plan(TWO, repertoire, two_spans(), Course(2, TURN_S), occasion)
    assert titles(cues) == ["pad"]


def test_a_session_that_outlasts_its_plan_has_music_as_long_as_there_is_some() -> None:
    sounding = PlannedCue("c1", OCEAN, 2, 2100.0, 8.0, -5.0)
    occasion = Occasion(END_S + 60, sounding, keep=False, number=9)
    repertoire = music((), (track("one"), track("two")))
    cues = plan(TWO, repertoire, two_spans(), Course(2, TURN_S), occasion)
    assert titles(cues) == ["one", "two", "pad"]


# -- the refuge


def test_a_refuge_that_ends_is_followed_by_the_calmest_bed_no_louder() -> None:
    calm = profile([0, 10], planned_min=10, session_end_min=20.0)
    written = calm.model_dump(mode="python", exclude_none=True)
    written["phases"] = [
        phase | {"intensity": intensity, "bed": bed}
        for phase, intensity, bed in zip(
            written["phases"], (0.5, 0.9, 0.1), ("pad", "bowls", "ocean"), strict=True
        )
    ]
    calm = Profile.model_validate(written)
    refuge = track("lullaby", 240)
    repertoire = Repertoire(sections={}, refuge=refuge, seed=3)
    occasion = Occasion(
        1100.0, None, first_crossfade_s=8.0, exactly=True, no_louder_than_lufs=-30.0, number=4
    )
    lullaby, bed = plan_refuge(calm, repertoire, PRESENT, occasion)
    assert (lullaby.start_s, lullaby.crossfade_s, lullaby.loudness_lufs) == (1100.0, 8.0, -30.0)
    assert bed.offer.soundscape == "ocean" and bed.intensity == 0.1
    assert bed.end_s is None and bed.start_s + bed.crossfade_s == lullaby.end_s
    assert bed.loudness_lufs <= lullaby.loudness_lufs


def test_a_refuge_that_failed_is_replaced_by_a_bed() -> None:
    repertoire = Repertoire(sections={}, refuge=track("lullaby"), seed=3)
    occasion = Occasion(1100.0, None, thrown_out=frozenset({"lullaby"}), number=4)
    assert titles(plan_refuge(TWO, repertoire, PRESENT, occasion)) == ["pad"]


# -- the clock of the phases

SEVEN = profile()


def history(*marks: tuple[What, float]) -> Infusion:
    infusion = Infusion(40 * 60.0)
    for what, at_s in marks:
        infusion = infusion.recorded(Mark(what, at_s))
    return infusion


def test_before_the_infusion_no_phase_has_a_time() -> None:
    found = spans(SEVEN, Infusion(2400.0), Course(), 300.0)
    assert found[0].start_s == 0.0
    assert all(span.start_s is None for span in found[1:])
    assert found[-1].end_s is None


def test_a_pause_shifts_what_follows_by_exactly_the_pause() -> None:
    before = spans(SEVEN, history(("started", 313.7)), Course(2, 700.0), 800.0)
    paused = history(("started", 313.7), ("paused", 800.0), ("resumed", 1011.1))
    after = spans(SEVEN, paused, Course(2, 700.0), 1011.1)
    for earlier, later in zip(before[3:], after[3:], strict=True):
        assert later.start_s == pytest.approx((earlier.start_s or 0) + 211.1)
    assert after[-1].end_s == pytest.approx((before[-1].end_s or 0) + 211.1)


def test_a_stop_carries_the_clock_to_the_descent_and_runs_on() -> None:
    stopped = history(("started", 100.0), ("stopped", 1300.0))
    descent = SEVEN.descent_index
    assert begins_s(SEVEN, stopped, Course(), descent) == 1300.0
    assert begins_s(SEVEN, stopped, Course(), descent + 1) == 1300.0 + 15 * 60
    assert phase_by_clock(SEVEN, stopped, 1300.0) == descent


@given(st.integers(0, 30_000).map(lambda n: n / 10))
@settings(deadline=None)
def test_a_stop_begins_the_descent_at_its_very_moment(stopped_s: float) -> None:
    stopped = history(("started", 0.0), ("stopped", stopped_s))
    at_s = begins_s(SEVEN, stopped, Course(), SEVEN.descent_index)
    assert at_s is not None and at_s <= stopped_s


def test_a_stop_after_the_descent_changes_no_time() -> None:
    running = history(("started", 100.0))
    stopped = history(("started", 100.0), ("stopped", 2600.0))
    for index in range(1, len(SEVEN.phases)):
        assert begins_s(SEVEN, stopped, Course(), index) == pytest.approx(
            begins_s(SEVEN, running, Course(), index)
        )


def test_a_standing_clock_is_expected_to_go_on_now() -> None:
    paused = history(("started", 100.0), ("paused", 200.0))
    assert begins_s(SEVEN, paused, Course(), 2) is None
    assert spans(SEVEN, paused, Course(1, 100.0), 1000.0)[2].start_s == 1200.0


@settings(deadline=None)
@given(st.integers(0, 40_000).map(lambda n: n / 10))
def test_a_phase_has_begun_when_its_moment_is_past_and_not_before(at_s: float) -> None:
    running = history(("started", 313.7))
    index = phase_by_clock(SEVEN, running, at_s)
    begins = [begins_s(SEVEN, running, Course(), i) for i in range(1, 7)]
    assert index == sum(begin is not None and begin <= at_s for begin in begins)


# -- laws


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), repertoires(), st.floats(0, 5000), st.booleans())
def test_a_plan_is_the_same_each_time_and_has_no_gap(
    plan_of: Profile, repertoire: Repertoire, begin_s: float, open_ended: bool
) -> None:
    infusion = Infusion(600.0).recorded(Mark("started", begin_s))
    phases = spans(plan_of, infusion, Course(1, begin_s), begin_s)
    occasion = Occasion(begin_s + 3.3, None, open_ended=open_ended)
    cues = plan(plan_of, repertoire, phases, Course(1, begin_s), occasion)
    assert cues == plan(plan_of, repertoire, phases, Course(1, begin_s), occasion)
    assert cues[0].start_s == pytest.approx(begin_s + 3.3, rel=0, abs=ROUNDING_S)
    for earlier, later in pairwise(cues):
        assert earlier.start_s <= later.start_s
        assert earlier.end_s is None or later.start_s <= earlier.end_s + ROUNDING_S
    assert cues[-1].end_s is None and cues[-1].offer.soundscape is not None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(profiles(), repertoires(), st.floats(0, 3000))
def test_planning_anew_without_a_change_plans_the_same(
    plan_of: Profile, repertoire: Repertoire, later_s: float
) -> None:
    """Only where nothing is cut or left over: what sounds is then followed as it was."""
    infusion = Infusion(600.0).recorded(Mark("started", 100.0))
    phases = spans(plan_of, infusion, Course(1, 100.0), 100.0)
    cues = plan(plan_of, repertoire, phases, Course(1, 100.0), Occasion(103.3, None))
    started = [cue for cue in cues if cue.start_s < 103.3 + later_s]
    if not started or repertoire.closing is not None:
        return
    sounding = started[-1]
    course = Course(sounding.phase_index, phases[sounding.phase_index].start_s or 0.0)
    end_s = phases[sounding.phase_index].end_s
    if 103.3 + later_s > (end_s or 0.0):
        return
    occasion = Occasion(
        103.3 + later_s,
        sounding,
        used=frozenset(cue.offer.key for cue in started),
        number=len(started) + 1,
    )
    again = plan(plan_of, repertoire, phases, course, occasion)
    assert [(c.id, c.offer.key) for c in again] == [
        (c.id, c.offer.key) for c in cues[len(started) :]
    ]
    for fresh, known in zip(again, cues[len(started) :], strict=True):
        assert (fresh.start_s, fresh.crossfade_s) == pytest.approx(
            (known.start_s, known.crossfade_s)
        )


def test_three_hours_with_five_hundred_tracks_are_planned() -> None:
    long = profile([0, 10, 30, 80, 110, 140], planned_min=100, session_end_min=180.0)
    sections = {
        phase.name: tuple(track(f"{phase.name} {n}", 100 + 7 * n % 400) for n in range(72))
        for phase in long.phases
    }
    own = track("own", 200)
    repertoire = Repertoire(sections=sections, refuge=OCEAN, closing=own)
    infusion = Infusion(6000.0).recorded(Mark("started", 100.0))
    phases = spans(long, infusion, Course(1, 100.0), 100.0)
    cues = plan(long, repertoire, phases, Course(1, 100.0), Occasion(103.3, None))
    assert len(cues) > 20
    assert {cue.phase_index for cue in cues} >= {*range(1, len(long.phases))}


def test_the_shipped_shape_of_a_session_plans_every_phase() -> None:
    infusion = history(("started", 313.7))
    phases = spans(SEVEN, infusion, Course(1, 313.7), 313.7)
    cues = plan(SEVEN, repertoire(SEVEN), phases, Course(1, 313.7), Occasion(317.0, None))
    for span in phases[2:]:
        first = next(cue for cue in cues if cue.phase_index == span.index)
        assert span.start_s is not None
        assert span.start_s - 8.0 <= first.start_s <= span.start_s
