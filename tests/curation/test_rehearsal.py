"""A session played through on paper tells what would happen."""

from hypothesis import given
from hypothesis import strategies as st

from kaproom.curation.rehearsal import SETTLING_S, of_rehearsal, rehearsed
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire

PROFILE = Profile.model_validate(
    {
        "kaproom": "profile/1",
        "title": "Trial",
        "infusion": {"planned_min": 40.0},
        "playlist": "x",
        "phases": [
            {"name": "settling", "section": "arriving"},
            {"name": "peak", "start_min": 0.0, "section": "open"},
            {"name": "descent", "start_min": 40.0, "section": "returning"},
            {"name": "landing", "start_min": 55.0, "section": "returning"},
        ],
        "session_end_min": 70.0,
        "refuge": {"soundscape": "ocean"},
    }
)
REFUGE = Offer(key="refuge", title="ocean", soundscape="ocean")


def music(**minutes: list[float]) -> Repertoire:
    """Sections of pieces that last so many minutes."""
    return Repertoire(
        sections={
            name: tuple(
                Offer(key=f"{name}{n}", title=f"{name}{n}", path="/x", length_s=60 * length_min)
                for n, length_min in enumerate(lengths)
            )
            for name, lengths in minutes.items()
        },
        refuge=REFUGE,
    )


def lines(repertoire: Repertoire) -> list[str]:
    return [f"{f.level} {f}" for f in of_rehearsal(PROFILE, repertoire, "list.yaml")]


def test_a_section_that_two_phases_share_may_be_empty_for_the_second() -> None:
    found = lines(music(arriving=[11], open=[39.5], returning=[15.1]))
    assert found == [
        "note list.yaml: 'landing' lasts 15:00 and 'returning' has nothing left for any of it; "
        "its bed, pad, fills the rest"
    ]


def test_settling_is_rehearsed_with_ten_minutes() -> None:
    spans, cues = rehearsed(PROFILE, music(arriving=[5], open=[41], returning=[16, 16]))
    assert (spans[0].end_s, spans[1].start_s) == (SETTLING_S, SETTLING_S)
    assert cues[0].start_s == 0.0
    found = lines(music(arriving=[5], open=[41], returning=[16, 16]))
    assert found[0].startswith(
        "note list.yaml: 'settling' lasts ten minutes or more and 'arriving'"
    )


LENGTHS = st.lists(st.floats(0.1, 90.0), max_size=6)


@given(arriving=LENGTHS, open_=LENGTHS, returning=LENGTHS)
def test_every_piece_is_either_played_or_told_of(
    arriving: list[float], open_: list[float], returning: list[float]
) -> None:
    repertoire = music(arriving=arriving, open=open_, returning=returning)
    _, cues = rehearsed(PROFILE, repertoire)
    played = {cue.offer.key for cue in cues}
    found = lines(repertoire)
    assert not any("\n" in line for line in found)
    for name, offers in repertoire.sections.items():
        told = any(f"of '{name}' will not have a turn" in line for line in found)
        assert told == any(offer.key not in played for offer in offers)
