"""What a person reads after a command that turns the music: where to, and when."""

from __future__ import annotations

from session.imagined import Room, profile, repertoire, track

from kaproom.room.answers import answer
from kaproom.session import events as e

SEVEN = profile()


def at_the_peak() -> Room:
    music = repertoire(SEVEN)
    long = track("long", 600.0, exits_s=(125.0,))
    sections = music.sections | {"peak": (long,)}
    made = Room(SEVEN, music.model_copy(update={"sections": sections}))
    made.at(260.0, e.Infused, what="started")
    made.wait_until(260.0 + 1000.0)
    return made


def said(made: Room, event: e.Event) -> str:
    made.do(event)
    return answer(event, made.session, "10:33:05")


def test_an_advance_says_where_it_goes_and_when() -> None:
    made = at_the_peak()
    line = said(made, e.Advanced(1260.0, 1260.0))
    assert line == "Going on to 'descent'. The music of 'descent' enters in 0:25."


def test_a_stop_says_when_the_descent_is_heard() -> None:
    made = at_the_peak()
    assert said(made, e.Infused(1260.0, 1260.0, "stopped")) == (
        "Recorded 10:33:05: infusion stopped. The music of 'descent' enters in 0:25. "
        "kaproom cannot touch the pump."
    )
    assert said(made, e.Infused(1300.0, 1300.0, "resumed")).endswith("cannot touch the pump.")


def test_an_advance_in_the_refuge_is_heard_when_the_music_returns() -> None:
    made = at_the_peak()
    made.do(e.Calmed(1260.0, 1260.0))
    line = said(made, e.Advanced(1270.0, 1270.0))
    assert line == "Going on to 'descent'. It is heard when the plan's music returns."
