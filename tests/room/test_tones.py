"""The test tone in a real room: on a null sink, whose monitor is the ear of whoever tries it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulse import RATE_HZ, Capture, NullSink, until
from rooms import LivingRoom

from kaproom.errors import Mend, Refused
from kaproom.record import Record, verify


@pytest.fixture
def heard_room(tmp_path: Path, runtime: Path, cans: NullSink) -> Iterator[LivingRoom]:
    """A room whose sound goes to the null sink."""
    living = LivingRoom(tmp_path / "data", runtime, "auto")
    living.start()
    try:
        yield living
    finally:
        living.close()


def begun(capture: Capture, from_frame: int, ear: int) -> int:
    """The frame of its first sound in this ear, once there is one."""

    def sounding() -> NDArray[np.intp]:
        return np.flatnonzero(capture.samples(from_frame)[:, ear])

    until(lambda: len(sounding()), what="a tone")
    return from_frame + int(sounding()[0])


def play(room: LivingRoom, side: str) -> None:
    """Have a tone, as soon as the player is reached and has nothing else."""

    def taken() -> bool:
        try:
            room.call("tone", {"side": side})
        except Refused as refusal:
            assert "try again" in str(refusal), refusal
            return False
        return True

    until(taken, what="a player")


def peak_db(samples: NDArray[np.float32]) -> float:
    return 20.0 * float(np.log10(np.abs(samples).max() + 1e-12))


def opening(room: LivingRoom, session: str) -> dict[str, Any]:
    with Record.open(room.data, read_only=True) as record:
        return dict(next(iter(record.entries(session))).entry.fields)


def tried(room: LivingRoom, capture: Capture, side: str) -> NDArray[np.float32]:
    """Half a second and more of the tone on this side, up to the answer and beyond it."""
    ear = ("left", "right").index(side)
    play(room, side)
    asked = len(capture)
    first = begun(capture, asked, ear)
    room.wait_for(lambda s: s["tones"]["sounding"] == side)
    capture.more(RATE_HZ // 2)
    room.call("heard", {"side": side, "heard": True, "by": "ab"})
    room.wait_for(lambda s: s["tones"]["sounding"] is None)
    capture.more(RATE_HZ // 2)
    tone = capture.samples(asked)
    assert peak_db(tone[: first - asked + RATE_HZ // 5]) < -40.0, "it enters softly"
    assert not tone[-RATE_HZ // 10 :].any(), "the answer ends it"
    return tone


def test_left_is_left_alone_right_is_right_alone_and_neither_clicks(
    heard_room: LivingRoom, cans: NullSink
) -> None:
    capture = cans.capture()
    for ear, side in enumerate(("left", "right")):
        tone = tried(heard_room, capture, side)
        assert not tone[:, 1 - ear].any(), "not one bit on the other side"
        spectrum = np.abs(np.fft.rfft(tone[:, ear].astype(np.float64))) ** 2
        hz = np.fft.rfftfreq(len(tone), 1 / RATE_HZ)
        assert spectrum[hz > 2_000].sum() < 1e-5 * spectrum.sum(), "no click"
        untried = "headphones: not tried on the right yet: `kaproom tone right`"
        assert (untried in heard_room.kaproom("check", "demo-3min")) == (side == "left")
    tones = heard_room.status()["tones"]
    said = [(tones[side]["heard"], tones[side]["by"]) for side in ("left", "right")]
    assert said == [(True, "AB"), (True, "AB")]


def test_a_session_that_begins_hears_nothing_of_a_tone(
    heard_room: LivingRoom, cans: NullSink
) -> None:
    capture = cans.capture()
    assert heard_room.status()["tones"]["needed"]
    asked = len(capture)
    play(heard_room, "right")
    begun(capture, asked, 1)
    heard_room.begin(sounding=False)
    start = len(capture)
    # The tone was on the right alone, so what is heard on the left is the music's entrance.
    music = begun(capture, start, 0)
    silence = capture.samples(start + RATE_HZ * 6 // 10, music)
    assert music - start > RATE_HZ * 9 // 10 and not silence.any()
    assert heard_room.status()["tones"]["sounding"] is None


def test_a_tone_that_no_device_takes_says_that_nothing_can_be_heard(
    tmp_path: Path, runtime: Path, cans: NullSink
) -> None:
    room = LivingRoom(tmp_path / "data", runtime, "no such headphones")
    room.start()
    try:
        play(room, "left")
        said = room.kaproom("tone", "left", status=1)
        assert "nothing can be heard: " in said and "no such headphones" in said
    finally:
        room.close()


def test_no_tone_and_no_answer_in_a_session(room: LivingRoom) -> None:
    assert not room.status()["tones"]["needed"], "nothing is heard of a silent output"
    play(room, "left")
    session = room.begin(sounding=False)
    before = room.kinds(session)
    for do, args in (("tone", {"side": "left"}), ("heard", {"side": "left", "heard": True})):
        with pytest.raises(Refused, match="a session is on: no tone in the patient's ears"):
            room.call(do, args)
    assert "no tone in the patient's ears" in room.kaproom("tone", "left", status=1)
    assert room.kaproom("tone", "off") == "No tone.\n"
    with room.ring() as ring:
        until(lambda: ring.playing, what="the session's programme")
    assert [k for k in room.kinds(session) if k == "tone"] == []
    assert room.kinds(session)[: len(before)] == before


def test_what_was_heard_is_kept_for_the_one_session_that_follows(room: LivingRoom) -> None:
    play(room, "left")
    room.call("heard", {"side": "left", "heard": True, "by": "AB"})
    room.kill()
    room.start()
    assert room.status()["tones"]["left"]["heard"] is True, "a new daemon knows it"
    with pytest.raises(Refused, match="no tone was played on the right just now"):
        room.call("heard", {"side": "right", "heard": False})
    play(room, "right")
    assert "on the right was NOT heard" in room.kaproom("heard", "right", "--not")
    tones = opening(room, room.begin(sounding=False))["tones"]
    assert tones["left"] | {"utc": ""} == {"heard": True, "by": "AB", "utc": ""}
    assert tones["right"] | {"utc": ""} == {"heard": False, "by": None, "utc": ""}
    assert room.status()["tones"]["left"] is None
    assert room.kinds().count("tone") == 2 and verify(room.data).whole


def test_what_is_no_side_and_no_answer_is_told_in_one_line(room: LivingRoom) -> None:
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("tone", {}, "a tone is left, right, both or off, not 'None'"),
        ("tone", {"side": "x" * 99}, "not 'x{40}'"),
        ("tone", {"side": ["left"]}, "a tone is left, right, both or off"),
        ("heard", {"side": "both", "heard": True}, "left or right"),
        ("heard", {"side": ["left"], "heard": True}, "left or right"),
        ("heard", {"side": "left", "heard": "yes"}, "whether it was heard"),
        ("heard", {"side": "left", "heard": True, "by": "Anna Berg"}, "initials"),
    ]
    for do, args, words in wrong:
        with pytest.raises(Mend, match=words) as caught:
            room.call(do, args)
        assert "\n" not in str(caught.value)
