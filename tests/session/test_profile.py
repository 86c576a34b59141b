"""The profile: what a clinic may plan, and what it may not."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaproom.session.notes import DEFAULT_NOTES, Prompt
from kaproom.session.playlist import SoundscapePiece
from kaproom.session.profile import VOCABULARY, Profile


def written(**changes: Any) -> dict[str, Any]:
    """A profile that is right, as it comes from a file, with some keys changed."""
    return {
        "kaproom": "profile/1",
        "title": "Forty minutes",
        "infusion": {"planned_min": 40},
        "playlist": "soundscapes",
        "phases": [
            {"name": "settling"},
            {"name": "onset", "start_min": 0},
            {"name": "peak", "start_min": 20, "level_lu": 1},
            {"name": "descent", "start_min": 35, "crossfade_s": 20},
            {"name": "recovery", "start_min": 60},
        ],
        "session_end_min": 95,
        "refuge": {"soundscape": "ocean", "intensity": 0.2},
        **changes,
    }


def refusals(wrong: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Profile.model_validate(wrong)
    return str(caught.value)


def test_defaults_are_what_the_documentation_says() -> None:
    profile = Profile.model_validate(written())
    assert profile.loudness_lufs == -23
    assert profile.crossfade_s == 8
    assert profile.limits.ceiling_lufs == -14
    assert profile.limits.ceiling_dbtp == -1
    assert (profile.limits.level_min_db, profile.limits.level_max_db) == (-30, 0)
    assert profile.phases[0].bed == "pad"
    assert profile.refuge == SoundscapePiece(soundscape="ocean", intensity=0.2)


def test_nothing_in_a_profile_can_be_changed_after_it_was_read() -> None:
    profile = Profile.model_validate(written())
    with pytest.raises(ValidationError):
        profile.crossfade_s = 3.0
    assert isinstance(profile.phases, tuple)


def test_a_profile_survives_its_own_json() -> None:
    profile = Profile.model_validate(written())
    assert Profile.model_validate_json(profile.model_dump_json()) == profile


def test_a_stop_goes_to_the_phase_called_descent() -> None:
    profile = Profile.model_validate(written())
    assert profile.phases[profile.descent_index].name == "descent"


def test_a_stop_goes_to_the_phase_that_the_profile_names() -> None:
    profile = Profile.model_validate(written(descent="recovery"))
    assert profile.phases[profile.descent_index].name == "recovery"


def test_without_a_descent_a_stop_goes_to_the_first_phase_after_the_infusion() -> None:
    phases = [
        {"name": "waiting"},
        {"name": "out", "start_min": 0},
        {"name": "back", "start_min": 40},
        {"name": "home", "start_min": 60},
    ]
    profile = Profile.model_validate(written(phases=phases))
    assert profile.phases[profile.descent_index].name == "back"


def test_without_any_phase_after_the_infusion_a_stop_goes_to_the_last() -> None:
    phases = [{"name": "descent"}, {"name": "out", "start_min": 0}, {"name": "on", "start_min": 9}]
    profile = Profile.model_validate(written(phases=phases))
    assert profile.descent_index == 2


def test_a_phase_without_its_own_crossfade_has_the_profiles() -> None:
    profile = Profile.model_validate(written(crossfade_s=11))
    assert profile.phase_crossfade_s(profile.phases[1]) == 11
    assert profile.phase_crossfade_s(profile.phases[3]) == 20


def test_every_fault_is_told_at_once() -> None:
    told = refusals(
        written(
            descent="decent",
            session_end_min=50,
            notes=[
                {"category": "tears", "key": "t", "label": "Tears"},
                {"category": "tears", "key": "t", "label": "Crying"},
            ],
            prompts=[],
        )
    )
    assert "descent is 'decent'" in told and "did you mean 'descent'?" in told
    assert "session_end_min is 50; it must be later than the start of 'recovery', 60" in told
    assert "notes[2].category is 'tears', which note 1 has already" in told
    assert "notes[2].key is 't', which note 1 has already" in told


def test_a_number_in_quotes_is_no_number() -> None:
    assert "crossfade_s" in refusals(written(crossfade_s="8"))


def test_true_is_no_number() -> None:
    assert "crossfade_s" in refusals(written(crossfade_s=True))


def test_an_infinite_number_is_refused() -> None:
    assert "session_end_min" in refusals(written(session_end_min=float("inf")))


def test_a_refuge_is_required() -> None:
    wrong = written()
    del wrong["refuge"]
    assert "refuge" in refusals(wrong)


@given(starts=st.lists(st.integers(0, 300), min_size=1, max_size=8))
def test_phases_are_accepted_only_in_rising_order(starts: list[int]) -> None:
    phases: list[dict[str, Any]] = [{"name": "settling"}]
    phases += [{"name": f"phase {n}", "start_min": start} for n, start in enumerate(starts)]
    wanted = written(phases=phases, session_end_min=301, limits={"max_session_min": 400})
    if all(a < b for a, b in itertools.pairwise(starts)):
        profile = Profile.model_validate(wanted)
        assert 0 < profile.descent_index < len(profile.phases)
    else:
        assert "must be later than the start of" in refusals(wanted)


def test_prompts_are_due_at_minus_10_at_0_every_10_to_60_then_every_15() -> None:
    profile = Profile.model_validate(written())
    due = sorted(moment for prompt in profile.prompts for moment in prompt.due_min(95))
    assert due == [-10, 0, 10, 20, 30, 40, 50, 60, 75, 90]


@given(
    every_min=st.floats(1, 60),
    from_min=st.floats(-60, 60),
    end_min=st.floats(0, 240),
)
def test_a_prompt_is_never_due_before_its_beginning_or_after_the_end(
    every_min: float, from_min: float, end_min: float
) -> None:
    prompt = Prompt(label="Look", category="other", every_min=every_min, from_min=from_min)
    due = prompt.due_min(end_min)
    assert list(due) == sorted(due)
    assert all(from_min < moment <= end_min for moment in due)
    if end_min - from_min >= every_min:
        assert end_min - due[-1] < every_min * 1.001


def test_a_prompt_that_no_note_can_mark_as_done_is_refused() -> None:
    told = refusals(written(prompts=[{"label": "Look", "category": "eyes-opne", "at_min": [5]}]))
    assert "no note has that category" in told
    assert "did you mean 'eyes-open'?" in told


def test_notes_without_what_the_shipped_prompts_ask_for_are_refused() -> None:
    # Otherwise every one of those prompts would be overdue for the whole session.
    notes = [{"category": "tears", "key": "t", "label": "Tears"}]
    told = refusals(written(notes=notes))
    assert "notes has no category 'vital-signs-taken', which the shipped prompts ask for" in told
    assert Profile.model_validate(written(notes=notes, prompts=[])).prompts == ()


def test_the_shipped_notes_share_vital_signs_and_nausea_only() -> None:
    shared = {note.category for note in DEFAULT_NOTES if note.share}
    assert shared == {"vital-signs-taken", "nausea"}


def test_at_most_six_things_must_be_done_before() -> None:
    before = {"must": [f"item {n}" for n in range(7)]}
    assert "must" in refusals(written(checklist={"before": before}))


def test_the_shipped_vocabulary_has_seven_phases() -> None:
    assert len(set(VOCABULARY)) == 7
