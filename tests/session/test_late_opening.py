"""An infusion that ran before anybody opened the session: recorded with its true time."""

from __future__ import annotations

import pytest
from session.imagined import profile, repertoire

from kaproom.session import events as e
from kaproom.session.machine import Play, opened, step

SEVEN = profile()


def test_a_start_from_before_the_session_was_opened_takes_the_music_to_where_the_infusion_is() -> (
    None
):
    session, _ = opened(SEVEN, repertoire(SEVEN))
    session, _ = step(session, e.Tick(20.0, 20.0))
    before = session.cues[0]
    session, effects = step(session, e.Infused(-400.0, 30.0, "started"))
    assert session.infusion.elapsed_s(30.0) == pytest.approx(430.0)
    assert session.profile.phases[session.course.index].name == "ascent"
    assert any(isinstance(effect, Play) for effect in effects)
    assert session.cues[0] == before
    entering = session.cues[1]
    assert entering.start_s > 30.0
    assert entering.crossfade_s >= 15.0


def test_a_start_recorded_with_a_wrong_time_is_corrected_and_the_phase_with_it() -> None:
    session, _ = opened(SEVEN, repertoire(SEVEN))
    session, _ = step(session, e.Infused(-3 * 3600.0, 100.0, "started"))
    assert session.profile.phases[session.course.index].name == "recovery"
    session, effects = step(session, e.Infused(90.0, 130.0, "started"))
    assert session.profile.phases[session.course.index].name == "onset"
    assert any(isinstance(effect, Play) for effect in effects)
