"""What a session may play, and what was left out of it."""

from __future__ import annotations

from session.imagined import OCEAN, profile

from kaproom.session.repertoire import Offer, Repertoire

SONG = Offer(key="song", title="song", path="/song", length_s=60.0, vocals=True, group="open:1")
HUSH = Offer(key="hush", title="hush", silence_s=60.0, group="open:1")
CALM = Offer(key="calm", title="calm", path="/calm", length_s=60.0, tags=("slow",))
MUSIC = Repertoire(sections={"open": (SONG, HUSH, CALM)}, refuge=OCEAN)


def test_the_silence_after_a_piece_that_is_left_out_is_left_out_with_it() -> None:
    assert MUSIC.without(frozenset({"vocals"})).sections["open"] == (CALM,)
    assert MUSIC.without(frozenset({"slow"})).sections["open"] == (SONG, HUSH)
    assert MUSIC.without(frozenset()).sections == MUSIC.sections


def test_a_phase_without_vocals_has_no_silence_of_a_song_either() -> None:
    phase = profile().phases[1].model_copy(update={"section": "open", "vocals": "none"})
    assert MUSIC.for_phase(phase) == (CALM,)
    assert MUSIC.for_phase(phase.model_copy(update={"vocals": "allowed"})) == (SONG, HUSH, CALM)
