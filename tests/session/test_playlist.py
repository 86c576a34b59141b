"""The playlist: what may be played."""

from typing import Any

import pytest
from pydantic import ValidationError

from kaproom.session.playlist import SOUNDSCAPES, FilePiece, Playlist, SilencePiece, SoundscapePiece


def playlist(*pieces: dict[str, Any]) -> Playlist:
    return Playlist.model_validate(
        {"kaproom": "playlist/1", "sections": {"peak": list(pieces), "other": [{"file": "a.wav"}]}}
    )


def refusals(*pieces: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        playlist(*pieces)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (0, 0.0),
        (12.5, 12.5),
        ("1:30", 90.0),
        ("0:07.25", 7.25),
        ("75:00", 4500.0),
        ("1:02:03", 3723),
    ],
)
def test_a_time_is_seconds_or_minutes_and_seconds(written: Any, seconds: float) -> None:
    piece = playlist({"file": "a.wav", "cue_in_s": written}).sections["peak"][0]
    assert isinstance(piece, FilePiece)
    assert piece.cue_in_s == seconds


@pytest.mark.parametrize("wrong", ["1:75", "1.30", "90 s", "", ":30", "1:5", "-1:30", -1, True])
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    assert "cue_in_s" in refusals({"file": "a.wav", "cue_in_s": wrong})


def test_a_piece_must_end_after_it_begins() -> None:
    told = refusals({"file": "a.wav", "cue_in_s": "2:00", "cue_out_s": "1:00"})
    assert "cue_out_s is 60; it must be later than cue_in_s, 120" in told


def test_exits_rise_and_lie_inside_the_piece() -> None:
    told = refusals({"file": "a.wav", "cue_in_s": 30, "cue_out_s": 90, "exits_s": [20, 60, 50, 95]})
    assert "exits_s[1] is 20" in told
    assert "exits_s[3] is 50" in told
    assert "exits_s[4] is 95; it must not be later than cue_out_s, 90" in told


def test_a_piece_is_a_file_or_a_soundscape_never_both() -> None:
    assert "either" in refusals({"file": "a.wav", "soundscape": "ocean"})
    assert "either" in refusals({"title": "neither"})


def test_an_unknown_soundscape_names_the_known_ones() -> None:
    told = refusals({"soundscape": "ocaen"})
    assert "pad, ocean, bowls, drone" in told and "did you mean 'ocean'?" in told


def test_pieces_after_an_endless_soundscape_are_refused_as_never_reached() -> None:
    told = refusals({"soundscape": "ocean"}, {"file": "a.wav"})
    assert "sections.peak[1].length_min is missing" in told


def test_a_soundscape_with_a_length_may_stand_anywhere() -> None:
    first, last = playlist(
        {"soundscape": "bowls", "length_min": 4}, {"soundscape": "pad"}
    ).sections["peak"]
    assert isinstance(first, SoundscapePiece) and first.length_min == 4
    assert isinstance(last, SoundscapePiece) and last.length_min is None


@pytest.mark.parametrize(
    ("written", "lasts_s"), [("2 min", 120), ("90 s", 90), ("1.5min", 90), ("1:30", 90)]
)
def test_silence_is_planned_with_its_unit(written: str, lasts_s: float) -> None:
    silence = playlist({"file": "b.wav"}, {"silence": written}).sections["peak"][1]
    assert isinstance(silence, SilencePiece) and silence.silence == lasts_s


@pytest.mark.parametrize("wrong", [120, "120", "2 minutes", "", "0 s", "31 min", True, None])
def test_silence_without_a_unit_or_beyond_reason_is_refused(wrong: Any) -> None:
    assert "sections.peak.1.silence" in refusals({"file": "b.wav"}, {"silence": wrong})


def test_silence_stands_beside_music() -> None:
    assert "nothing but silence" in refusals({"silence": "2 min"})
    told = refusals({"file": "b.wav"}, {"silence": "2 min"}, {"silence": "1 min"})
    assert "sections.peak[3].silence follows another" in told


def test_a_piece_is_named_by_tag_title_or_file_and_by_nothing_else() -> None:
    first = {"file": "drums.wav", "title": "Drums", "tags": ["loud"]}
    for name in ("loud", "Drums", "drums.wav"):
        playlist(first, {"file": "b.wav", "never_after": [name], "crossfade_after_s": {name: 20}})
    told = refusals(first, {"file": "b.wav", "never_after": ["Drum"]})
    assert "never_after names 'Drum'" in told and "did you mean 'Drums'?" in told
    assert "crossfade_after_s names 'x'" in refusals(
        first, {"file": "b.wav", "crossfade_after_s": {"x": 20}}
    )


@pytest.mark.parametrize(
    ("pieces", "complaint"),
    [
        ([{"file": "b.wav", "keep_with_next": True}], "keep_with_next is true, but no piece"),
        (
            [{"file": "b.wav", "place": "opening"}, {"file": "c.wav", "place": "opening"}],
            "place is opening, which piece 1 is already",
        ),
        (
            [{"file": "b.wav", "place": "closing", "keep_with_next": True}, {"file": "c.wav"}],
            "the next piece is kept with it",
        ),
        (
            [{"file": "b.wav", "keep_with_next": True}, {"file": "c.wav", "place": "opening"}],
            "the piece before it is kept with it",
        ),
        ([{"soundscape": "pad", "place": "closing"}], "length_min is missing"),
    ],
)
def test_a_piece_cannot_ask_for_what_contradicts_itself(
    pieces: list[dict[str, Any]], complaint: str
) -> None:
    assert complaint in refusals(*pieces)


def test_a_section_without_pieces_is_refused() -> None:
    assert "peak" in refusals()


def test_every_soundscape_that_a_playlist_may_name_can_be_played() -> None:
    soundscape = pytest.importorskip("kaproom.audio.soundscape")
    assert set(SOUNDSCAPES) == set(soundscape.names())
