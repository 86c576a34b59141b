"""What the terminal says of a session, as words; how it looks is looked at."""

from __future__ import annotations

from copy import deepcopy
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from kaproom.displays.terminal import changes, minutes, screen

STATUS: dict[str, Any] = {
    "room": "one",
    "display_name": "Room 1",
    "session": {"id": "ab", "state": "open", "title": "Forty minutes", "open_s": 700.0},
    "phase": {
        **{"name": "ascent", "index": 2, "count": 3, "elapsed_s": 61.0, "remaining_s": 239.0},
        **{"held": False, "next": "peak"},
    },
    "phases": [
        {"name": "settling", "start_in_s": None, "end_in_s": None},
        {"name": "onset", "start_in_s": None, "end_in_s": None},
        {"name": "ascent", "start_in_s": -61.0, "end_in_s": 239.0},
    ],
    "infusion": {"state": "running", "elapsed_s": 600.0, "planned_s": 2400.0, "remaining_s": 1800},
    "sound": {
        **{"state": "playing", "since_s": None, "device": "Scarlett", "why": None},
        **{"level_lufs": -25.0, "gain_db": -6.0, "level_db": -6.0, "underruns": 0},
        "now": {"cue": "c4", "title": "Aurora", "phase": "ascent", "position_s": 12.0},
        "coming": [{"cue": "c5", "title": "Delta", "phase": "ascent", "in_s": 100.0}],
    },
    "notes": {
        **{"count": 1, "last_s": 5.0, "last_category": "tears"},
        "recent": [
            {"seq": 9, "category": "tears", "text": "quiet", "late": False, "session_s": 595.0}
        ],
    },
    "prompts": {"next_in_s": 42.0, "next_label": "Vital signs", "due": [], "overdue": 0},
    "record": {"head_seq": 17, "head_hash": "ff", "failing": None},
}


def shown(status: dict[str, Any], width: int = 100) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=False)
    console.print(screen(status, "10:33:05"))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def changed(**parts: dict[str, Any]) -> dict[str, Any]:
    status = deepcopy(STATUS)
    for part, values in parts.items():
        status[part].update(values)
    return status


def test_the_screen_tells_phase_infusion_sound_next_change_and_notes() -> None:
    text = shown(STATUS)
    for words in (
        *("Room 1", "Forty minutes", "ASCENT", "peak in 3:59", "running, as recorded"),
        *("10:00 of 40:00", "Aurora", "-25.0 LUFS", "Scarlett", "Delta in 1:40"),
        *("Vital signs in 0:42", "tears", "quiet", "min 9:55", "saved, 17 entries, 1 notes"),
        "it cannot touch the pump",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("phase", {"held": True}, "HELD until `kaproom advance`"),
        ("infusion", {"state": "unconfirmed"}, "UNCONFIRMED: past its planned end"),
        ("infusion", {"state": "paused"}, "PAUSED"),
        ("sound", {"state": "unplanned-silence"}, "NO SOUND"),
        ("sound", {"state": "device-lost", "why": "unplugged"}, "SOUND DEVICE LOST"),
        ("sound", {"state": "ducked", "since_s": 75.0}, "LOWERED for a voice for 1:15"),
        ("sound", {"level_lufs": None}, "silent"),
        ("sound", {"coming": []}, "this goes on"),
        ("prompts", {"overdue": 2}, "2 overdue (a timer, nothing more)"),
        ("record", {"failing": "disk full"}, "NOT SAVED: disk full"),
    ],
)
def test_what_a_person_must_see_is_said_in_words(
    part: str, values: dict[str, Any], words: str
) -> None:
    assert words in shown(changed(**{part: values}))


BUS = {"connected": True, "fault": None, "events": {"acknowledged": 41}, "stations": ["ward"]}
CALL = {"level": "urgent", "open_s": 4.0, "state": "sending", "why": None, "shown": [], "seen": []}


def test_the_station_row_tells_broker_last_event_and_who_watches() -> None:
    assert "connected, event 41 acknowledged  stations: ward" in shown({**STATUS, "bus": BUS})
    gone = {**BUS, "connected": False, "fault": "broker x: nobody answers"}
    assert "not connected: broker x: nobody answers" in shown({**STATUS, "bus": gone})
    assert "Station" not in shown({**STATUS, "bus": None})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "CALL urgent, 0:04: sending"),
        ({"state": "shown", "shown": ["ward"]}, "shown at ward"),
        ({"state": "seen", "seen": [{"by": "AB"}]}, "seen by AB"),
        (
            {"state": "not-delivered", "why": "the broker is not reached"},
            "NOT DELIVERED, use the wall button (the broker is not reached)",
        ),
    ],
)
def test_a_call_shows_how_it_stands(values: dict[str, Any], words: str) -> None:
    assert words in shown({**STATUS, "bus": BUS, "call": {**CALL, **values}}, 120)


def test_text_of_others_is_shown_as_it_is_never_as_markup() -> None:
    notes = [{**STATUS["notes"]["recent"][0], "text": "[bold]x[/bold] [/]"}]
    assert "[bold]x[/bold] [/]" in shown(changed(notes={"recent": notes}))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_any_width_is_drawn(width: int) -> None:
    assert all(len(line) <= width for line in shown(STATUS, width).splitlines())


def test_without_a_session_it_says_so() -> None:
    assert "No session is open." in shown({"room": "one", "session": None})


def test_nothing_new_is_no_line() -> None:
    assert changes(STATUS, deepcopy(STATUS)) == []


@pytest.mark.parametrize(
    ("part", "values", "line"),
    [
        ("phase", {"name": "peak"}, "phase: peak (3:59 to go)"),
        ("phase", {"held": True}, "phase: ascent is held"),
        ("infusion", {"state": "stopped"}, "infusion: stopped, as recorded"),
        ("sound", {"state": "device-lost", "why": "gone"}, "sound: SOUND DEVICE LOST (gone)"),
        ("sound", {"now": {"cue": "c5", "title": "Delta"}}, "plays: Delta; next Delta in 1:40"),
        ("prompts", {"overdue": 1}, "prompts: 1 overdue"),
        ("record", {"failing": "disk full"}, "record: NOT SAVED: disk full"),
    ],
)
def test_a_change_is_one_line(part: str, values: dict[str, Any], line: str) -> None:
    assert changes(STATUS, changed(**{part: values})) == [line]


def test_a_new_note_is_told_once() -> None:
    recent = STATUS["notes"]["recent"]
    new = {"seq": 12, "category": "speech", "text": "", "late": False, "session_s": 600.0}
    after = changed(notes={"recent": [*recent, new]})
    assert changes(STATUS, after) == ["note: speech"]
    assert changes(after, after) == []


def test_a_session_that_begins_and_ends_is_told() -> None:
    assert changes(None, STATUS)[0] == "session: Forty minutes"
    assert changes(STATUS, {"session": None}) == ["the session is over"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3725, "1:02:05"), (None, "–"), (-3, "0:00")]
)
def test_times_read_as_people_write_them(seconds: float | None, text: str) -> None:
    assert minutes(seconds) == text


def test_a_correction_is_shown_beneath_what_it_corrects() -> None:
    noted = STATUS["notes"]["recent"][0]
    amendment = {
        "seq": 19,
        "utc": "2026-03-05T10:40:00+00:00",
        "who": "CD",
        "text": "right hand",
        "category": "movement",
        "in_error": False,
        "to_utc": "2026-03-05T10:30:00+00:00",
        "to_session_s": 540.0,
    }
    after = changed(notes={"recent": [{**noted, "amendments": [amendment]}]})
    said = shown(after)
    for words in ("tears", "quiet", "└ movement, min 9:00", "right hand (amended by CD)"):
        assert words in said, said
    (line,) = changes(STATUS, after)
    assert line == f"note {noted['seq']} tears └ movement, min 9:00 right hand (amended by CD)"
    in_error = amendment | {"in_error": True, "text": None, "category": None, "to_utc": None}
    in_error |= {"to_session_s": None, "who": None}
    assert "└ in error" in shown(changed(notes={"recent": [{**noted, "amendments": [in_error]}]}))


def test_a_note_can_play_no_tricks_with_the_terminal() -> None:
    notes = [{**STATUS["notes"]["recent"][0], "text": "\x1b]0;title\x07\u202ereversed"}]
    said = shown(changed(notes={"recent": notes}))
    assert "\x1b]" not in said and "\u202e" not in said and "reversed" in said
