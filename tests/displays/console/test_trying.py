"""The headphones tried at the console, as values: keys and presses in, wishes and words out."""

from __future__ import annotations

from typing import Any

import pytest

from kaproom.clock import NS_PER_S
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.imagined import IDLE, status
from kaproom.displays.console.plans import Checked, Finding
from kaproom.displays.console.screen import Moment, screen
from kaproom.displays.console.tour import desk
from kaproom.displays.console.wanted import Wanted
from kaproom.displays.notepad import Outcome, Wish
from kaproom.displays.shapes import Screen
from kaproom.displays.station.saying import Saying
from kaproom.displays.words import Words
from kaproom.errors import Reason

NOW_NS = 5001 * NS_PER_S
GO = Checked((), {"profile": {}, "findings": ["clock: off by 2 s"]})
HEARD, DEAF = {"heard": True, "by": "AB"}, {"heard": False, "by": None}


def trying(checked: Checked = GO, **tones: Any) -> Desk:
    """At the checks, where nobody has tried anything but what is said here."""
    at = desk(status(IDLE, tones={"left": None, "right": None, **tones}))
    at.agenda.page, at.agenda.checked = "checks", checked
    return at


def shown(at: Desk, language: str = "en") -> Screen:
    saying = Saying(Words(language))
    return screen(at, (1280.0, 800.0), Moment("10:33:05", NOW_NS), saying, 64.0)


def key(at: Desk, name: str, after_s: float = 0.0) -> list[Wanted]:
    return at.key(name, NOW_NS + round(after_s * NS_PER_S), "10:33:05")


def asked(wanted: list[Wanted]) -> list[tuple[str, dict[str, Any]]]:
    """What was asked of the room, without the stamps."""
    stamps = ("mono_ns", "boot_id")
    return [
        (one.do, {k: v for k, v in one.args.items() if k not in stamps})
        for one in wanted
        if isinstance(one, Wish)
    ]


def test_arrows_play_either_side_and_say_what_was_heard() -> None:
    at = trying()
    assert asked(key(at, "up")) == [], "nothing was played"
    assert asked(key(at, "left")) == [("tone", {"side": "left"})]
    at.agenda.listed.by = "CD"
    assert asked(key(at, "up", 1)) == [("heard", {"side": "left", "heard": True, "by": "CD"})]
    assert asked(key(at, "up", 2)) == [], "it was answered"
    assert asked(key(at, "right", 3)) == [("tone", {"side": "right"})]
    assert asked(key(at, "down", 4)) == [("heard", {"side": "right", "heard": False, "by": "CD"})]


def test_a_tone_that_was_asked_for_elsewhere_is_answered_here() -> None:
    at = trying(sounding="right")
    assert asked(key(at, "down")) == [("heard", {"side": "right", "heard": False, "by": None})]


def test_two_presses_at_once_are_one_and_a_later_one_ends_the_tone() -> None:
    at = trying()
    assert asked(key(at, "left") + key(at, "left", 0.2)) == [("tone", {"side": "left"})]
    at.hear(status(IDLE, tones={"left": None, "right": None, "sounding": "left"}))
    assert asked(key(at, "left", 1)) == [("tone", {"side": "off"})]


def test_all_of_it_is_within_reach_of_a_finger() -> None:
    at = trying()
    targets = {t.action: t.box for g in shown(at).groups for t in g.targets}
    for action in ("tone left", "heard left", "unheard left", "tone right", "heard right"):
        assert min(targets[action].width, targets[action].height) >= 64.0
    assert asked(at.act("tone right", NOW_NS, "")) == [("tone", {"side": "right"})]
    answer = {"side": "right", "heard": False, "by": None}
    assert asked(at.act("unheard right", NOW_NS, "")) == [("heard", answer)]


@pytest.mark.parametrize(
    ("tones", "verdict"),
    [
        ({}, "NOT YET: the tone left and right"),
        ({"left": HEARD}, "NOT YET: the tone on the right"),
        ({"left": DEAF, "right": HEARD}, "NOT YET: the tone on the left"),
        ({"left": HEARD, "right": HEARD}, "GO"),
        ({"needed": False}, "GO"),
    ],
)
def test_it_is_go_when_both_sides_were_heard_or_nothing_can_be(
    tones: dict[str, Any], verdict: str
) -> None:
    assert verdict in shown(trying(**tones)).words()
    stopped = trying(Checked((Finding("stop", "disk", "is full"),)), **tones)
    assert "NO-GO" in shown(stopped).words()


def test_a_room_of_before_says_nothing_of_it_and_is_not_asked() -> None:
    at = trying()
    at.hear({key: part for key, part in IDLE.items() if key != "tones"})
    assert "GO" in shown(at).words()
    assert [do for do, _ in asked(key(at, "return"))] == ["start"]


def test_without_the_tone_it_begins_only_when_that_is_meant_and_the_record_says_so() -> None:
    at = trying(left=HEARD, right=DEAF)
    assert key(at, "return") == []
    assert "Nobody has heard the tone on the right." in shown(at).words()
    assert key(at, "escape", 1) == []
    assert at.agenda.page == "checks"
    key(at, "return", 2)
    ((do, args),) = asked(key(at, "return", 3))
    assert do == "start"
    passed = "headphones: begun without the tone heard on the right"
    assert args["findings"] == ["clock: off by 2 s", passed]
    ((_, args),) = asked(key(trying(left=HEARD, right=HEARD), "return"))
    assert args["findings"] == ["clock: off by 2 s"]


def test_a_tone_does_not_go_along_to_another_page() -> None:
    at = trying(sounding="left")
    assert asked(key(at, "escape")) == [("tone", {"side": "off"})]
    assert at.agenda.page == "list"
    assert asked(key(trying(), "escape")) == []


@pytest.mark.parametrize(
    ("tones", "line"),
    [
        ({"sounding": "left", "level_lufs": -47.2}, "Links ist ein leiser Ton."),
        ({"sounding": "right", "lost": "Scarlett"}, "NICHTS IST ZU HÖREN: Scarlett"),
        ({"left": DEAF}, "Nicht dort: steckt der Stecker"),
        ({}, "Kopfhörer auf die eigenen Ohren."),
    ],
)
def test_a_line_says_what_to_do_next(tones: dict[str, Any], line: str) -> None:
    assert any(one.startswith(line) for one in shown(trying(**tones), "de").words())


def test_a_refusal_is_said_where_it_was_pressed() -> None:
    at = trying()
    (wish,) = at.act("heard left", NOW_NS, "")
    assert isinstance(wish, Wish)
    told = {"line": "no tone was played", "reason": Reason.NOT_PLAYED}
    at.answered(Outcome(wish.id, False, told))
    refused = "NOT DONE: no tone was played there just now; first play it"
    assert refused in shown(at).words()
