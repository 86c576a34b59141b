"""What holds of every session, whatever people do; and what a clinician would try."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import event as seen
from hypothesis import strategies as st
from session.imagined import (
    Deed,
    as_recorded,
    profiles,
    repertoires,
    stories,
    told,
)

from kaproom.session import events as e
from kaproom.session.cues import PlannedCue, gone_s
from kaproom.session.fit import PLAYED_MIN_S
from kaproom.session.fit.seams import SOFT_ENTRY_S
from kaproom.session.infusion import InfusionState
from kaproom.session.machine import (
    CALM_DB,
    DUCK_DB,
    LEAD_S,
    SILENT_DB,
    Close,
    Effect,
    Play,
    Session,
    SetGain,
    Stage,
    Tell,
    opened,
    step,
)
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

# More by hand: KAPROOM_EXAMPLES=2000 pytest tests/session
MANY_TIMES = int(os.environ.get("KAPROOM_EXAMPLES", "60"))
MANY = settings(
    max_examples=MANY_TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
EPS = 1e-6
BESIDE_MAX_S = 30.0  # promised: no phase's music comes later, whatever there is to play


# -- laws of every session


Moment = tuple[Session, e.Event | None, Session, tuple[Effect, ...]]


def walk(plan: Profile, music: Repertoire, story: list[Deed]) -> Iterator[Moment]:
    """Every step of a story: before (at the moment of the event), event, after, effects."""
    session, effects = opened(plan, music)
    yield session, None, session, effects
    for deed in story:
        after, effects, event = told(session, deed)
        if event is None:
            continue
        ticked, _ = step(session, e.Tick(event.entered_s, event.entered_s))
        yield ticked, event, after, effects
        session = after


@MANY
@given(profiles(), repertoires(), stories())
def test_cues_are_in_order_without_gap_and_end_in_a_soundscape_without_end(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for _, event, after, _ in walk(plan, music, story):
        cues = after.cues
        assert len({c.id for c in cues}) == len(cues)
        for earlier, later in pairwise(cues):
            assert earlier.start_s <= later.start_s + EPS, (event, earlier, later)
            if earlier.end_s is not None:
                assert later.start_s <= earlier.end_s + EPS, (event, earlier, later)
        assert cues[-1].end_s is None and cues[-1].offer.soundscape is not None, event
        assert all(c.crossfade_s >= 0 for c in cues)


@MANY
@given(profiles(), repertoires(), stories())
def test_what_has_started_never_changes(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for before, event, after, _ in walk(plan, music, story):
        if event is None or isinstance(event, e.Shifted):
            continue
        # After a loss of power there is no player that could have begun anything.
        lead_s = 0.0 if isinstance(event, e.Interrupted) else LEAD_S
        past = tuple(c for c in before.cues if c.start_s < after.now_s + lead_s)
        assert after.cues[: len(past)] == past, event


@MANY
@given(profiles(), repertoires(), stories())
def test_phases_go_forward_except_where_the_infusion_is_corrected(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for before, event, after, _ in walk(plan, music, story):
        if after.course.index < before.course.index:
            corrects = isinstance(event, e.Infused) and event.what in ("started", "resumed")
            assert corrects or isinstance(event, e.Continued)
            assert before.infusion.started_at_s is not None
        fresh = [c for c in after.cues if c.start_s >= after.now_s + LEAD_S]
        if event is not None and after.cues != before.cues and not after.elsewhere:
            indices = [after.course.index, *(c.phase_index for c in fresh)]
            assert indices == sorted(indices), (event, indices)
        starts = [s.start_s for s in after.phases if s.start_s is not None]
        assert starts == sorted(starts)


@MANY
@given(profiles(), repertoires(), stories())
def test_every_phase_to_come_begins_with_its_own_music(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for _, event, after, effects in walk(plan, music, story):
        if after.elsewhere or not any(isinstance(x, Play) for x in effects):
            continue
        if after.infusion_state in (InfusionState.PAUSED, InfusionState.NOT_STARTED):
            continue
        for span in after.phases[after.course.index + 1 :]:
            if span.start_s is None or span.end_s is None or span.end_s - span.start_s < 1.0:
                continue
            entered_s = max(span.start_s, after.now_s + LEAD_S)
            if span.end_s - entered_s < PLAYED_MIN_S + BESIDE_MAX_S:
                continue
            # What is left of the phase before has to hold a piece, or a bed, as well.
            began_s = max(after.phases[span.index - 1].start_s or 0.0, after.now_s + LEAD_S)
            if began_s + PLAYED_MIN_S > entered_s:
                continue
            sounding = after.cue_at(entered_s + BESIDE_MAX_S + EPS)
            assert sounding is not None
            if sounding.start_s < after.now_s + LEAD_S and sounding.offer.soundscape is None:
                # It began before the phase was to be so soon, and no piece, or silence, is cut.
                assert sounding.end_s is not None and sounding.end_s > entered_s
            elif music.closing is None:
                assert sounding.phase_index == span.index, (event, span, sounding)
            elif sounding.offer.key != music.closing.key:
                # The patient's own piece may outlast short phases, which are then over.
                assert sounding.phase_index >= span.index, (event, span, sounding)


@MANY
@given(profiles(), repertoires(), stories())
def test_no_piece_is_left_but_at_an_exit_its_end_or_by_a_command(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for _, event, after, _ in walk(plan, music, story):
        if isinstance(event, e.Shifted) and after.elsewhere:
            return  # what had been left before is moved as well, and still comes there
        for earlier, later in pairwise(after.cues):
            # What people ask for acts on what sounds then, and on nothing after it.
            fresh = earlier.start_s >= after.now_s + LEAD_S
            if earlier.offer.path is None or earlier.end_s is None or not fresh:
                continue
            ends = later.start_s + later.crossfade_s >= earlier.end_s - EPS
            marked = any(abs(later.start_s - at_s) < EPS for at_s in earlier.exits_at_s)
            assert ends or marked, (event, earlier, later)


@MANY
@given(profiles(), repertoires(), stories())
def test_a_piece_plays_once_and_what_was_skipped_or_failed_never_again(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for _, event, after, _ in walk(plan, music, story):
        turns: dict[str, PlannedCue] = {}
        for index, cue in enumerate(after.cues):
            offer = cue.offer
            if offer.path is None or offer.key == music.refuge.key:
                continue
            earlier = turns.get(offer.key)
            kept = cue.cue_in_s > offer.cue_in_s
            if earlier is not None and not kept:
                until_s = gone_s(after.cues)[after.cues.index(earlier)]
                unheard = any(s.covers(earlier.start_s, until_s) for s in after.silences)
                is_closing = music.closing is not None and offer.key == music.closing.key
                assert unheard or is_closing, (event, earlier, cue)
            turns[offer.key] = cue
            if cue.start_s >= after.now_s + LEAD_S and not after.elsewhere:
                assert offer.key not in after.thrown_out, (event, cue)
            del index


@MANY
@given(profiles(), repertoires(), stories())
def test_every_piece_is_brought_to_its_phase_and_stays_under_the_ceilings(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for _, _, after, _ in walk(plan, music, story):
        for cue in after.cues:
            offer, phase = cue.offer, plan.phases[cue.phase_index]
            wanted_lufs = plan.loudness_lufs + phase.level_lu + offer.gain_trim_db
            assert cue.loudness_lufs <= wanted_lufs + EPS
            assert offer.true_peak_dbtp + cue.gain_db <= plan.limits.ceiling_dbtp + EPS
            assert offer.max_short_term_lufs + cue.gain_db <= plan.limits.ceiling_lufs + EPS


@MANY
@given(profiles(), repertoires(), stories())
def test_an_entrance_lasts_as_long_as_its_rise(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for before, event, after, _ in walk(plan, music, story):
        known = {c.id for c in before.cues} if event is not None else set()
        hasty = isinstance(event, e.Skipped | e.Calmed | e.CameBack | e.Interrupted)
        for earlier, later in pairwise(after.cues):
            first = earlier.id in known or earlier.cue_in_s > earlier.offer.cue_in_s
            if later.id in known or (hasty and first):
                continue
            if later.offer.silence_s is not None:
                continue
            if earlier.offer.silence_s is not None:
                assert later.crossfade_s >= SOFT_ENTRY_S - EPS, (event, earlier, later)
                continue
            rise_s = max(
                later.gain_db - earlier.gain_db, later.loudness_lufs - earlier.loudness_lufs
            )
            limits = [rise_s]
            if later.end_s is not None:
                limits.append(0.4 * (later.end_s - later.start_s))
            if earlier.end_s is not None:
                limits.append(0.4 * (earlier.end_s - earlier.start_s))
                limits.append(max(2.0, earlier.end_s - later.start_s))
            assert later.crossfade_s >= min(limits) - EPS, (event, earlier, later)
            if earlier.end_s is not None and not first:
                assert later.start_s + later.crossfade_s <= earlier.end_s + EPS


@MANY
@given(profiles(), repertoires(), stories())
def test_a_skipped_piece_is_gone_within_ten_seconds_for_one_no_louder(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    for before, event, after, effects in walk(plan, music, story):
        if not isinstance(event, e.Skipped):
            continue
        heard = before.cue_at(before.now_s)
        assert heard is not None
        place = after.cues.index(heard)
        entering = [c for c in after.cues[place + 1 :] if c.start_s <= after.now_s + LEAD_S + EPS]
        # Out of a silence the music enters slowly.
        within_s = 10.0 if heard.offer.silence_s is None else LEAD_S + SOFT_ENTRY_S
        assert min(c.start_s + c.crossfade_s for c in entering) <= after.now_s + within_s + EPS
        assert entering[-1].loudness_lufs <= heard.loudness_lufs + EPS
        assert entering[-1].offer.key != heard.offer.key
        assert heard.offer.key in after.thrown_out
        assert any(isinstance(x, Play) for x in effects)


@MANY
@given(profiles(), repertoires(), stories())
def test_the_player_comes_to_hold_what_the_session_plans(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    held: tuple[PlannedCue, ...] = ()
    for _, event, after, effects in walk(plan, music, story):
        # As the player does: what it began to write stays, known cues stay as they are.
        write_s = after.now_s + (3.0 if event is not None else 0.0)
        if isinstance(event, e.Shifted):
            ids = {c.id for c in held}
            held = tuple(c for c in after.cues if c.id in ids)
        if isinstance(event, e.Interrupted):
            held = ()
        for effect in effects:
            if isinstance(effect, Play):
                assert effect.cues[-1].end_s is None
                begun = tuple(c for c in held if c.start_s < write_s)
                known = {c.id for c in begun}
                held = (*begun, *(c for c in effect.cues if c.id not in known))
        now = [c for c in held if c.start_s >= after.now_s]
        planned = [c for c in after.cues if c.start_s >= after.now_s]
        dropped = [c for c in planned if c not in now]
        assert all(c.offer.key in after.thrown_out for c in dropped), event
        assert [c for c in planned if c in now] == now, event


@MANY
@given(profiles(), repertoires(), stories())
def test_the_patients_own_piece_is_reached_whatever_happens(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    closing = music.closing
    if closing is None:
        return
    for _, event, after, effects in walk(plan, music, story):
        states = (InfusionState.NOT_STARTED, InfusionState.PAUSED)
        waiting = after.infusion_state in states or after.course.held
        if after.elsewhere or waiting or after.stage is not Stage.OPEN:
            continue
        if closing.key in after.thrown_out or not any(isinstance(x, Play) for x in effects):
            continue
        cues = [c for c in after.cues if c.offer.key == closing.key]
        assert cues, (event, after.phases)
        ahead = [c for c in cues if c.start_s >= after.now_s + LEAD_S]
        assert len(ahead) <= 1
        if ahead:
            later = after.cues[after.cues.index(ahead[0]) + 1 :]
            assert all(c.offer.soundscape is not None for c in later), event
            seen("closing planned")


@MANY
@given(profiles(), repertoires(), stories())
def test_the_gain_follows_from_the_state_alone(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    gain_db = None
    for before, event, after, effects in walk(plan, music, story):
        for effect in effects:
            if isinstance(effect, SetGain):
                gain_db = effect.target_db
        assert gain_db == after.gain_db, event
        silent = after.faded_s is not None or after.away_s is not None
        if silent or after.stage is not Stage.OPEN or after.silent_until_s is not None:
            assert after.gain_db == SILENT_DB
        else:
            lowered = DUCK_DB if after.ducked_s is not None else 0.0
            lowered = min(lowered, CALM_DB if after.calm_s is not None else 0.0)
            assert after.gain_db == after.level_db + lowered
            assert after.gain_db <= plan.limits.level_max_db
        assert after.silent_at(after.now_s) == (after.gain_db == SILENT_DB) or (
            after.now_s == before.now_s
        )


@MANY
@given(profiles(), repertoires(), stories(), st.sampled_from([0.5, 7.3, 61.9]))
def test_the_recorded_events_alone_give_the_session_that_was(
    plan: Profile, music: Repertoire, story: list[Deed], tick_s: float
) -> None:
    live, effects = opened(plan, music)
    tells: list[Effect] = []
    events: list[e.Event] = []
    ticks = 0
    for deed in story:
        due_s = live.now_s + deed.after_s
        # Often while little is left of the budget, then now and then: it must not matter.
        while live.now_s + tick_s < due_s and ticks < 4000:
            ticks += 1
            live, effects = step(live, e.Tick(live.now_s + tick_s, live.now_s + tick_s))
            tells += [x for x in effects if isinstance(x, Tell | Close)]
        live, effects, event = told(live, replace(deed, after_s=due_s - live.now_s))
        tells += [x for x in effects if isinstance(x, Tell | Close)]
        if event is not None:
            events.append(event)
    end_s = live.now_s + 1000.3
    while live.now_s + 7.7 < end_s:
        live, effects = step(live, e.Tick(live.now_s + 7.7, live.now_s + 7.7))
        tells += [x for x in effects if isinstance(x, Tell | Close)]
    live, effects = step(live, e.Tick(end_s, end_s))
    tells += [x for x in effects if isinstance(x, Tell | Close)]

    again, _ = opened(plan, music)
    retold: list[Effect] = []
    for event in [*as_recorded(events), e.Tick(end_s, end_s)]:
        again, effects = step(again, event)
        retold += [x for x in effects if isinstance(x, Tell | Close)]

    assert again.course == live.course
    assert again.cues == live.cues
    assert again.phases == live.phases
    assert again == live
    assert retold == tells


@MANY
@given(profiles(), repertoires(), stories())
def test_the_same_events_give_the_same_session(
    plan: Profile, music: Repertoire, story: list[Deed]
) -> None:
    one = [after for *_, after, _ in walk(plan, music, story)][-1]
    other = [after for *_, after, _ in walk(plan, music, story)][-1]
    assert one == other
