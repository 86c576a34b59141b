"""What the session plans, as the player holds it."""

from __future__ import annotations

from session.imagined import Room, profile, repertoire, track

from kaproom.audio.programme import Programme, Quiet, Track
from kaproom.audio.score import programme_of
from kaproom.session.repertoire import Offer


def test_a_planned_silence_is_silent_and_survives_the_socket() -> None:
    plan = profile()
    hush = Offer(key="hush", title="hush", silence_s=30.0, group="g")
    settling = (track("one", 120.0, group="g"), hush, track("two", 150.0))
    session = Room(plan, repertoire(plan, sections={"settling": settling})).session
    programme = programme_of(session, session.cues, 48_000, 0.0)
    assert [type(cue.source) for cue in programme.cues[:3]] == [Track, Quiet, Track]
    _, quiet, two = programme.cues[:3]
    assert quiet.start_frame + quiet.crossfade_frames == 120 * 48_000
    assert two.start_frame == 150 * 48_000 and two.crossfade_frames >= 10 * 48_000
    assert Programme.from_json(programme.to_json()) == programme
