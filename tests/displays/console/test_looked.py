"""Before a session every matter has its line, in one order, well or not."""

from __future__ import annotations

import pytest

from kaproom.displays.console.looked import LINE, MATTERS, drawn, lines
from kaproom.displays.console.plans import Checked, Finding
from kaproom.displays.shapes import Box, Text
from kaproom.displays.station.saying import Saying
from kaproom.displays.words import Words, languages
from kaproom.surroundings import About

EN = Saying(Words("en"))
WATCHED = {"bus": {"connected": True, "stations": ["Ward 3"]}}


def test_every_matter_that_a_finding_can_be_about_has_its_line() -> None:
    assert [*map(str, About), "station"] == list(MATTERS)


@pytest.mark.parametrize("language", languages())
def test_what_is_well_is_said_of_each_matter(language: str) -> None:
    told = lines(Checked((), {}), WATCHED, Saying(Words(language)))
    assert [line.level for line in told] == ["well"] * len(MATTERS)
    assert len({line.words for line in told}) == len({line.matter for line in told}) == len(MATTERS)


def test_while_the_checks_look_nothing_is_called_well_but_what_the_room_says() -> None:
    told = lines(None, WATCHED, EN)
    assert [line.matter for line in told if line.level == "well"] == ["Broker", "Station"]
    assert {line.level for line in told} == {"well", "looking"}


def test_a_matter_shows_the_gravest_and_the_rest_follows_by_weight() -> None:
    found = (
        Finding("stop", "calm.yaml:9", "'a.flac' does not exist", "files"),
        Finding("warn", "calm.yaml:4", "'b.flac' breaks off at 2:00", "files"),
        Finding("warn", "broker", "refuses the password; the room runs on", "broker"),
        Finding("note", "calm.yaml:2", "no phase draws on 'spare'"),
    )
    told = lines(Checked(found), {"bus": {"connected": False, "stations": []}}, EN)
    by_matter = {line.matter: line for line in told if line.matter}
    assert by_matter["Files"].words == "calm.yaml:9: 'a.flac' does not exist"
    assert by_matter["Broker"].words == "broker: refuses the password; the room runs on"
    assert by_matter["Programme"].level == "note"
    assert (by_matter["Station"].level, by_matter["Disk"].level) == ("warn", "well")
    assert [line.words for line in told if not line.matter] == [
        "calm.yaml:4: 'b.flac' breaks off at 2:00"
    ]


def test_a_room_without_a_broker_is_not_blamed_for_it() -> None:
    told = lines(Checked((), {}), {"bus": None}, EN)
    assert [line.level for line in told if line.level != "well"] == ["note", "note"]


def test_what_has_no_room_is_counted() -> None:
    many = tuple(Finding("warn", f"calm.yaml:{n}", "is too long", "files") for n in range(9))
    told = lines(Checked(many), WATCHED, EN)
    box = Box(0.0, 0.0, 1200.0, 12.5 * LINE)
    shown = [element.text for element in drawn(told, box, EN) if isinstance(element, Text)]
    assert shown[-1] == "and 6 more" and "calm.yaml:1: is too long" in shown


def test_a_long_remedy_has_two_lines_of_its_own() -> None:
    remedy = "there is no sound output: " + "plug the headphones in, or start the server; " * 3
    told = lines(Checked((Finding("stop", "device", remedy, "sound"),)), WATCHED, EN)
    words = [e for e in drawn(told, Box(0.0, 0.0, 1250.0, 400.0), EN) if isinstance(e, Text)]
    (long,) = [one for one in words if one.text.startswith("device: there is")]
    assert long.lines == 2
    assert all(one.box.y >= long.box.bottom or one.box.bottom <= long.box.bottom for one in words)
