"""What people do at the console, as values: keys and presses in, wishes and words out."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaproom.clock import NS_PER_S
from kaproom.displays.console.buttons import least_units
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.imagined import IDLE, PREVIEW, status
from kaproom.displays.console.keys import DEFAULT, keys_from
from kaproom.displays.console.plans import Checked, Finding
from kaproom.displays.console.screen import Moment, screen
from kaproom.displays.console.tour import desk, stops
from kaproom.displays.console.wanted import Check, Leave, Wanted
from kaproom.displays.notepad import Outcome, Wish
from kaproom.displays.palette import Dim
from kaproom.displays.pictures import Picture
from kaproom.displays.shapes import Screen
from kaproom.displays.station.saying import Saying
from kaproom.displays.words import Words, languages
from kaproom.errors import Mend, Reason

EN, DE = Saying(Words("en")), Saying(Words("de"))
SIZE = (1280.0, 800.0)
NOW_NS = 5001 * NS_PER_S


def shown(at: Desk, now_ns: int = NOW_NS, say: Saying = EN) -> Screen:
    return screen(at, SIZE, Moment("10:33:05", now_ns), say)


def told(at: Desk) -> str:
    return "\n".join(shown(at).words())


def done(wanted: list[Wanted]) -> list[tuple[str, dict[str, object]]]:
    """What was asked of the room, without the stamps."""
    stamps = ("mono_ns", "boot_id")
    return [
        (one.do, {k: v for k, v in one.args.items() if k not in stamps})
        for one in wanted
        if isinstance(one, Wish)
    ]


def press(at: Desk, action: str, after_s: float = 0.0) -> list[Wanted]:
    return at.act(action, NOW_NS + round(after_s * NS_PER_S), "10:33:05")


def test_a_deed_is_stamped_with_its_key_press() -> None:
    (wish,) = desk(status()).key("f1", NOW_NS, "10:33:05")
    assert isinstance(wish, Wish)
    assert (wish.do, wish.args) == ("calm", {"mono_ns": NOW_NS, "boot_id": "boot"})


def test_two_presses_at_once_are_one_and_two_apart_are_two() -> None:
    at = desk(status())
    assert done(press(at, "duck")) == [("duck", {})]
    assert press(at, "duck", 0.2) == []
    assert done(press(at, "duck", 0.7)) == [("duck", {})]
    assert done(press(at, "louder", 0.7) + press(at, "louder", 0.8)) == [
        ("level", {"by_db": 1.0}),
        ("level", {"by_db": 1.0}),
    ]


def test_the_end_is_asked_for_twice_and_esc_stays() -> None:
    at = desk(status())
    assert at.key("end", NOW_NS, "") == []
    assert "End the session?" in told(at)
    assert at.key("escape", NOW_NS + 1, "") == []
    at.key("end", NOW_NS + NS_PER_S, "")
    assert done(at.key("return", NOW_NS + 2 * NS_PER_S, "")) == [("end", {})]


def test_closing_the_window_asks_first_and_says_that_the_music_goes_on() -> None:
    at = desk(status())
    assert press(at, "quit") == []
    assert "The session and its music go on without it." in told(at)
    assert press(at, "ok", 1) == [Leave()]


def test_going_on_to_a_more_intense_phase_is_asked_twice() -> None:
    at = desk(status())
    (asked,) = press(at, "advance")
    assert isinstance(asked, Wish)
    assert (asked.do, asked.args["do"]) == ("preview", "advance")
    at.answered(Outcome(asked.id, True, {"preview": PREVIEW}))
    said = told(at)
    assert "From Ascent to Peak" in said
    assert "(7:50 sooner)" in said
    assert press(at, "ok", 1) == []
    assert "More intense: press once more if that is meant." in told(at)
    assert done(press(at, "ok", 2)) == [("advance", {"sure": True})]


def test_a_room_that_asks_before_a_more_intense_phase_is_asked_on() -> None:
    at = desk(status())
    press(at, "advance")
    at.over.preview = {**PREVIEW, "more_intense": False}
    (wish,) = press(at, "ok", 1)
    assert isinstance(wish, Wish)
    at.answered(Outcome(wish.id, False, {"line": "more", "reason": Reason.MORE_INTENSE}))
    assert done(press(at, "ok", 2)) == [("advance", {"sure": True})]


@pytest.mark.parametrize(
    ("key", "do"), [("f1", "calm"), ("f2", "fade"), ("f3", "call"), ("f4", "away")]
)
def test_what_cannot_wait_works_while_a_note_is_typed(key: str, do: str) -> None:
    at = desk(status())
    at.text("t", NOW_NS, "10:33:05")
    at.text("quiet", NOW_NS + NS_PER_S, "")
    (wish,) = at.key(key, NOW_NS + 2 * NS_PER_S, "")
    assert isinstance(wish, Wish)
    assert wish.do == do
    assert at.pad.writing is not None
    assert at.pad.writing.text == "quiet"


def by_finger(at: Desk, *actions: str) -> list[Wanted]:
    """Pressed on the screen, each where it stands, one a second."""
    wanted: list[Wanted] = []
    for number, action in enumerate(actions, 1):
        there = shown(at, say=DE)
        box = [t.box for g in there.groups for t in g.targets if t.action == action][-1]
        assert there.action_at(box.x + box.width / 2, box.y + box.height / 2) == action
        wanted += press(at, action, number)
    return wanted


def test_a_note_and_its_text_are_written_by_fingers_alone_while_calm_is_within_reach() -> None:
    at = desk(status())
    (note, calm) = by_finger(at, "note w", "letters", "shift", "letter Ü", "letter b", "calm")
    assert isinstance(note, Wish)
    assert isinstance(calm, Wish)
    assert (note.do, calm.do) == ("note", "calm")
    by_finger(at, "letter o", "erase", "letter e", "letter r", "letter  ", "marks", "letter 7")
    assert "In their own words: Über 7_" in told(at)
    at.answered(Outcome(note.id, True, {"seq": 41}))
    text = {"seq": 41, "text": "Über 7"}
    assert done(by_finger(at, "write")) == [("note-text", text)]
    assert not at.over.letters


def test_a_text_that_is_left_out_by_finger_leaves_the_note() -> None:
    at = desk(status())
    by_finger(at, "note w", "letters", "letter x", "leave-out")
    assert [slip.text for slip in at.pad.slips] == [None]
    assert at.pad.writing is None


@pytest.mark.parametrize("action", ["calm", "fade", "call", "away"])
@pytest.mark.parametrize("panel", ["pump", "rate", "end", "quit", "advance"])
def test_no_panel_keeps_a_finger_from_what_cannot_wait(panel: str, action: str) -> None:
    at = desk(status())
    press(at, panel)
    assert by_finger(at, action)


def test_why_and_who_are_written_by_fingers() -> None:
    at = desk(status(IDLE))
    press(at, "next")
    by_finger(at, "no 0", "letter n", "letter o", "write", "letter A", "letter B", "write")
    assert at.agenda.listed.said == {"Identity confirmed": "no"}
    assert at.agenda.listed.by == "AB"


def test_a_note_is_saved_when_the_room_says_so_and_not_before() -> None:
    at = desk(status())
    (note,) = at.text("t", NOW_NS, "10:33:05")
    assert isinstance(note, Wish)
    assert done([note]) == [("note", {"category": "tears"})]
    assert "saving" in shown(at).words()
    at.answered(Outcome(note.id, True, {"seq": 41}))
    assert "saved" in shown(at).words()
    at.text("quiet", NOW_NS + 1, "")
    assert done(at.key("return", NOW_NS + 2, "")) == [("note-text", {"seq": 41, "text": "quiet"})]


def test_a_note_of_half_a_minute_ago_is_one_key() -> None:
    at = desk(status())
    assert done(at.text("T", NOW_NS, "")) == [("note", {"category": "tears", "ago_s": 30.0})]
    press(at, "ago")
    (note, *_) = press(at, "note b")
    assert done([note]) == [("note", {"category": "breath", "ago_s": 30.0})]
    assert done(press(at, "note m", 1))[-1] == ("note", {"category": "movement"})


def test_what_was_done_at_the_pump_is_one_press_and_correctable() -> None:
    at = desk(status())
    assert done(press(at, "stopped")) == [("infusion", {"what": "stopped"})]
    press(at, "pump")
    assert "This only records it. kaproom cannot touch the pump." in told(at)
    press(at, "ago more")
    press(at, "ago more")
    ago = {"what": "resumed", "ago_s": 60.0}
    assert done(at.text("3", NOW_NS + NS_PER_S, "")) == [("infusion", ago)]


def test_a_refusal_is_said_in_the_consoles_language_and_else_in_its_own_words() -> None:
    at = desk(status())
    for after_s, (reason, words) in enumerate(
        (
            (Reason.HELD, "diese Phase wird schon gehalten; Weiter verlässt sie"),
            (None, "held; `kaproom advance`"),
            ("of a later version", "held; `kaproom advance`"),
        )
    ):
        (wish,) = press(at, "hold", after_s)
        assert isinstance(wish, Wish)
        line = {"line": "held; `kaproom advance`", "reason": reason}
        at.answered(Outcome(wish.id, False, line))
        assert any(one.endswith(f": {words}") for one in shown(at, say=DE).words())


def test_a_rate_is_typed_with_its_unit() -> None:
    at = desk(status())
    press(at, "rate")
    for digit in "0,8":
        at.text(digit, NOW_NS, "")
    press(at, "unit mL/h")
    rate = {"what": "rate", "value": 0.8, "unit": "mL/h"}
    assert done(press(at, "ok", 1)) == [("infusion", rate)]


def test_away_is_back_when_they_are_away() -> None:
    at = desk(status(sound={"state": "away", "since_s": 190.0}))
    assert "3:10" in told(at)
    assert done(press(at, "away")) == [("back", {})]


def test_a_call_says_how_far_it_came_and_a_second_press_is_urgent() -> None:
    call = {"id": "1", "level": "assist", "open_s": 4.0, "state": "not-delivered", "why": ""}
    at = desk(status(call={**call, "shown": [], "seen": []}))
    assert "NOT DELIVERED: use the wall button" in told(at)
    assert done(press(at, "call")) == [("call", {"level": "urgent"})]
    assert done(press(at, "call-cancel")) == [("call", {"cancel": True})]


def test_a_session_is_begun_over_its_list_and_its_checks() -> None:
    at = desk(status(IDLE))
    press(at, "next")
    assert press(at, "next", 1) == []
    for number in range(3):
        press(at, f"yes {number}", 2)
    (look,) = press(at, "next", 3)
    assert look == Check(at.agenda.plans[0])
    at.agenda.found(Checked((Finding("stop", "disk", "is full"),)))
    assert "NO-GO" in shown(at).words()
    assert press(at, "next", 4) == []
    at.agenda.found(Checked((), {"profile": {}}))
    assert "GO" in shown(at).words()
    ((do, args),) = done(press(at, "next", 5))
    items = args["checklist"]
    assert isinstance(items, list)
    assert (do, [item["state"] for item in items]) == ("start", ["confirmed"] * 3)


def test_what_is_not_so_needs_a_reason_and_initials() -> None:
    at = desk(status(IDLE))
    press(at, "next")
    press(at, "yes 0")
    press(at, "yes 2")
    press(at, "no 1")
    at.text("juice at seven", NOW_NS, "")
    press(at, "ok", 1)
    assert not at.agenda.listed.complete
    at.text("ab", NOW_NS, "")
    press(at, "ok", 2)
    assert at.agenda.listed.complete
    assert at.agenda.listed.told()[1] == {
        **{"item": "Fasting for six hours", "state": "overridden", "must": True},
        **{"reason": "juice at seven", "by": "AB"},
    }


def test_a_room_that_does_not_answer_is_said_and_what_was_known_stays() -> None:
    at = desk(status())
    at.hear(status(), NOW_NS - 12 * NS_PER_S)
    at.hear(None)
    said = told(at)
    assert "THE ROOM'S SERVICE DOES NOT ANSWER for 0:12. The music plays on." in said
    assert "Ascent" in said
    assert "NO SERVICE" in said
    assert "Sound: not known" in said
    assert "-27 LUFS" not in said


NOT_DELIVERED = "NOT DELIVERED: use the wall button"


def told_after(at: Desk, after_s: float) -> list[str]:
    return shown(at, NOW_NS + round(after_s * NS_PER_S)).words()


def test_a_call_that_the_room_does_not_take_is_not_delivered_within_three_seconds() -> None:
    at = desk(status())
    at.hear(None)
    (wish,) = press(at, "call")
    assert isinstance(wish, Wish)
    assert "sending" in told_after(at, 0.5)
    assert NOT_DELIVERED in told_after(at, 2.5)
    # That nobody answers is known sooner where the connection is refused.
    at.answered(Outcome(wish.id, False, {"line": "nobody answers"}))
    assert NOT_DELIVERED in told_after(at, 0.1)
    # Pressed again it is urgent; taken back it is gone.
    assert done(press(at, "call", 1)) == [("call", {"level": "urgent"})]
    press(at, "call-cancel", 2)
    assert NOT_DELIVERED not in told_after(at, 9)


def test_a_call_that_was_answered_counts_when_the_room_shows_it() -> None:
    at = desk(status())
    (wish,) = press(at, "call")
    assert isinstance(wish, Wish)
    at.answered(Outcome(wish.id, True, {"line": "Calling: assist."}))
    assert "sending" in told_after(at, 0.5)
    assert NOT_DELIVERED in told_after(at, 2.5)
    call = {"id": "1", "level": "assist", "open_s": 2.6, "state": "shown", "why": None}
    at.hear(status(call={**call, "shown": ["Ward 3"], "seen": []}))
    assert "shown at Ward 3" in told_after(at, 2.6)


def test_a_call_that_was_shown_is_not_believed_of_a_room_that_fell_silent() -> None:
    call = {"id": "1", "level": "urgent", "open_s": 9.0, "state": "shown", "why": None}
    at = desk(status(call={**call, "shown": ["Ward 3"], "seen": []}))
    at.hear(None)
    assert "NOT KNOWN TO ARRIVE: use the wall button" in told_after(at, 0.1)


def test_a_console_that_never_heard_its_room_calls_and_says_that_nobody_comes() -> None:
    at = desk()
    press(at, "call")
    assert NOT_DELIVERED in told_after(at, 2.5)


def test_an_interrupted_session_asks_for_the_minute() -> None:
    at = desk(status(session={"interrupted": {"gap_s": 312.0, "since_s": 1.0, "ask": ""}}))
    assert "Interrupted for 5:12" in told(at)
    press(at, "ask minute")
    for letter in "19.5":
        at.text(letter, NOW_NS, "")
    assert done(press(at, "ok", 1)) == [("continue", {"minute": 19.5})]
    assert done(press(at, "continue stopped", 2)) == [("continue", {"infusion": "stopped"})]


def test_it_is_black_when_idle_and_the_first_press_only_brings_the_light() -> None:
    at = desk(status(IDLE))
    late_ns = NOW_NS + 500 * NS_PER_S
    dark = shown(at, late_ns)
    assert dark.groups == ()
    assert Picture(dark, 320, Dim.BRIGHT).mean_luminance() == 0
    assert at.act("next", late_ns, "") == []
    assert shown(at, late_ns).groups != ()
    assert shown(desk(status()), late_ns).groups != ()


def test_keys_are_given_otherwise_by_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text('calm = ["page down", "f2"]\nduck = "b"\n')
    keys = keys_from(file)
    assert [keys.deed(one) for one in ("page down", "f2", "f1", "b")] == [
        *("calm", "calm", None, "duck")
    ]
    assert keys.shown("fade", Words("en")) == ""
    at = desk(status(), keys)
    assert done(at.key("page down", NOW_NS, "")) == [("calm", {})]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("calm = 'j'", "must work while a note is typed"),
        ("clam = 'f1'", "did you mean 'calm'"),
        ("calm = 'f1'\nfade = 'f1'", "is given to calm and to fade"),
        ("calm = 3", "is a key or a list of keys"),
        ("calm = 'hyper f1 '\nfade = ''", "is no key"),
        ("calm", "is no TOML"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused_with_how(
    tmp_path: Path, written: str, line: str
) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(written)
    with pytest.raises(Mend, match=line):
        keys_from(file)


@pytest.mark.parametrize("language", languages())
def test_every_deed_with_a_key_has_words(language: str) -> None:
    words = Words(language)
    assert all(words(f"console.deed.{deed}") for deed in DEFAULT)


@pytest.mark.parametrize("width_mm", [300.0, 220.0])
def test_every_target_is_large_enough_for_a_finger(width_mm: float) -> None:
    for name, made in stops(EN, lambda across: least_units(across, width_mm)):
        for group in made(*SIZE).groups:
            for target in group.targets:
                side = min(target.box.width, target.box.height) * width_mm / SIZE[0]
                assert side >= 14.99, (name, target.action, side)
