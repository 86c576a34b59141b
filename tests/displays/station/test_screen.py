"""What the station's screen says, as values; what people do with it; and every state, drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kaproom.clock import NS_PER_S
from kaproom.displays.letters import fitting
from kaproom.displays.palette import READABLE, Dim, Palette, Role, contrast
from kaproom.displays.pictures import Picture, tour
from kaproom.displays.shapes import Box, Group, Screen, Text, units
from kaproom.displays.station.imagined import ImaginedRoom
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.screen import Composed, Composer, Moment
from kaproom.displays.station.tour import Stage, ordinary, stops, worst
from kaproom.displays.station.view import (
    Leave,
    Sign,
    ToggleFull,
    View,
    on_action,
    on_key,
    on_text,
    on_wheel,
)
from kaproom.displays.words import Words

EN, DE = Saying(Words("en")), Saying(Words("de"))
SIZE = (1280.0, 800.0)
ONE = ("clinic", "room-1")
ORDER = [("clinic", f"room-{n}") for n in range(1, 7)]


def composed(stage: Stage, view: View | None = None) -> Composed:
    composer = Composer(stage.ward, stage.desk, stage.say)
    return composer.compose(view or View(), SIZE, Moment(stage.now_ns, stage.at))


def words(stage: Stage, view: View | None = None) -> str:
    return "\n".join(composed(stage, view).screen.words())


def test_it_says_that_it_is_no_alarm_system_and_what_time_it_is() -> None:
    stage = Stage(EN)
    said = words(stage)
    assert "Information only, not an alarm system." in said
    assert stage.at.astimezone().strftime("%H:%M:%S") in said
    assert "No room has been heard of." in said


def test_the_heart_beats_each_second() -> None:
    stage = Stage(EN)

    def beat() -> Group:
        return next(g for g in composed(stage).screen.groups if g.key == "clock")

    before = beat()
    stage.wait(1)
    assert beat().elements[-1] != before.elements[-1]


def test_our_own_link_lost_stands_over_everything() -> None:
    stage = Stage(EN)
    ordinary(stage, 3)
    stage.ward.link_down("broker: gone", stage.now_ns, stage.at)
    stage.wait(5)
    said = words(stage)
    assert "NO CONNECTION TO THE BROKER for 5 s. Nothing here is current." in said
    assert said.count("NO LINK 6 s") == 3
    assert "0 in session" in said


def test_the_age_of_what_was_never_heard_live_grows_while_the_link_is_lost() -> None:
    stage = Stage(EN)
    stage.hear(stage.room().state(), retained=True)
    stage.ward.link_down("broker: gone", stage.now_ns, stage.at)
    composer = Composer(stage.ward, stage.desk, EN)
    for seconds in range(1, 4):
        stage.wait(1)
        told = composer.compose(View(), SIZE, Moment(stage.now_ns, stage.at)).screen.words()
        assert f"NO LINK {seconds} s" in told


def test_a_station_that_never_reached_its_broker_says_so() -> None:
    stage = Stage(EN)
    stage.ward.linked = False
    assert "NO CONNECTION TO THE BROKER yet." in words(stage)


def test_what_nobody_has_seen_stands_in_the_banner_and_goes_when_it_is_signed() -> None:
    stage = Stage(EN)
    ordinary(stage, 4)
    stage.hear(stage.rooms[0].matter("call", "urgent", 3))
    stage.hear(stage.rooms[0].state())
    keys = [group.key for group in composed(stage).screen.groups]
    assert "banner" in keys
    assert "URGENT CALL   Room 1" in words(stage)
    stage.desk.sign(composed(stage).matters, "AB", stage.at)
    assert "banner" not in [group.key for group in composed(stage).screen.groups]
    assert "seen by AB, Ward 3" in words(stage)


def test_a_call_stands_large_where_there_is_no_session_and_where_there_is_no_data() -> None:
    for alone in (1, 12):
        stage = Stage(EN)
        for _ in range(alone):
            stage.hear(stage.room().state())
        stage.hear(stage.rooms[0].matter("call", "urgent", 180))
        stage.hear(stage.rooms[0].state())
        assert "CALL 3 min" in words(stage)
        stage.wait(40)
        assert {"CALL 3 min", "NO DATA"} <= set(words(stage).splitlines())


def test_a_fixed_order_counts_numbers_and_the_gravest_first_puts_calls_first() -> None:
    stage = Stage(EN)
    worst(stage, 12)
    fixed = [alias for _, alias in composed(stage).order]
    assert fixed[1:5] == ["room-1", "room-2", "room-3", "room-4"]
    assert fixed[-1] == "room-12"
    by_severity = [alias for _, alias in composed(stage, View(by_severity=True)).order]
    assert by_severity[0] == "room-1"
    assert set(by_severity[1:3]) == {"room-3", "room-11"}


def test_the_history_is_told_newest_first_and_scrolls() -> None:
    stage = Stage(EN)
    ordinary(stage, 1)
    said = words(stage, View(chosen=ONE, detail=True))
    assert said.index("Phase: Peak") < said.index("Infusion started, as recorded")
    for _ in range(40):
        stage.wait(7)
        stage.wait(1, stage.rooms[0])
    assert "Session opened" not in words(stage, View(chosen=ONE, detail=True))
    far = composed(stage, View(chosen=ONE, detail=True, scroll=500))
    assert "Session opened" in far.screen.words()
    # It stands at its end and not beyond, so that one step back is seen.
    lines = sum(map(_is_clock, far.screen.words())) - 1  # the head has a clock as well
    assert far.scroll == len(stage.ward.places[ONE].history) - lines
    view, _ = on_key(View(scroll=far.scroll), "page up", ORDER, 3, 0)
    assert view.scroll == far.scroll - 10
    assert on_key(view, "home", ORDER, 3, 0)[0].scroll == 0


def _is_clock(word: str) -> bool:
    return word.count(":") == 2 and len(word) == 8


def test_two_rooms_of_one_name_are_told_apart() -> None:
    stage = Stage(EN)
    one, other = stage.room("Blue"), stage.room("Blue")
    stage.hear(one.state())
    assert {"Blue (room-1)", "Blue (room-2)"} <= set(words(stage).splitlines())
    elsewhere = ImaginedRoom("room-1", "Green", stage.at, "north")
    for message in (elsewhere.meta(), replace(other, name="Red").meta()):
        stage.hear(message)
    assert {"Blue", "Red", "Green"} <= set(words(stage).splitlines())
    stage.hear(replace(elsewhere, name="Blue").meta())
    assert {"Blue (clinic/room-1)", "Blue (north/room-1)"} <= set(words(stage).splitlines())


@pytest.mark.parametrize("say", [EN, DE], ids=["en", "de"])
@pytest.mark.parametrize("size_px", [(1280, 800), (800, 1280)])
def test_that_nothing_is_current_is_said_in_full(say: Saying, size_px: tuple[int, int]) -> None:
    stage = Stage(say)
    stage.ward.link_down("broker: gone", stage.now_ns, stage.at)
    stage.wait(5000)
    (link,) = (g for g in stage.screen()(*units(*size_px)).groups if g.key == "link")
    text = next(e for e in link.elements if isinstance(e, Text))
    font, shown = fitting(text.text, round(text.size), text.bold, round(text.box.width), 0.75)
    assert (shown, font.size(shown)[0] <= text.box.width) == (text.text, True)


def test_a_signs_for_the_room_that_calls_where_none_is_chosen() -> None:
    stage = Stage(EN)
    ordinary(stage, 4)
    for code, priority, room in (("sound-lost", "assist", 1), ("call", "urgent", 2)):
        stage.hear(stage.rooms[room].matter(code, priority, 3))
        stage.hear(stage.rooms[room].state())
    unseen = composed(stage).unseen
    assert unseen == (("clinic", "room-3"), ("clinic", "room-2"))
    for chosen, asked in (
        (None, "room-3"),
        ("room-1", "room-3"),
        ("room-2", "room-2"),
        ("room-3", "room-3"),
    ):
        view = View(chosen=None if chosen is None else ("clinic", chosen))
        view, _ = on_key(view, "a", ORDER, 3, 0, unseen=unseen)
        assert (view.chosen, view.asking) == (("clinic", asked), "")
    said = words(stage, view)
    assert "Taken note of: Room 3" in said
    assert said.count("URGENT CALL") == 3
    assert on_key(View(), "a", ORDER, 3, 0)[0] == View()


def test_keys_choose_open_and_leave() -> None:
    view, _ = on_key(View(), "right", ORDER, 3, 0)
    assert view.chosen == ORDER[0]
    view, _ = on_key(view, "down", ORDER, 3, 0)
    assert view.chosen == ORDER[3]
    view, _ = on_key(view, "up", ORDER, 3, 0)
    view, _ = on_key(view, "left", ORDER, 3, 0)
    assert view.chosen == ORDER[0]
    view, _ = on_key(view, "return", ORDER, 3, 0)
    assert view.detail
    view, _ = on_key(view, "escape", ORDER, 3, 0)
    assert not view.detail and view.chosen == ORDER[0]
    view, wish = on_key(view, "q", ORDER, 3, 0)
    assert view.leaving and wish is None
    assert on_key(view, "q", ORDER, 3, 0)[1] == Leave()
    assert not on_key(view, "escape", ORDER, 3, 0)[0].leaving
    assert on_key(View(), "f", ORDER, 3, 0)[1] == ToggleFull()
    assert on_key(View(), "d", ORDER, 3, 0)[0].dim is Dim.DIM
    assert on_key(View(), "m", ORDER, 3, 7)[0].muted_until_ns == 7 + 120 * NS_PER_S
    assert on_text(View(), "?").help


def test_initials_are_typed_and_the_letter_that_asked_for_them_is_not_one() -> None:
    view, _ = on_key(View(chosen=ONE), "a", ORDER, 3, 0)
    view = on_text(view, "a")
    for letter in "aÄ ":
        view = on_text(view, letter)
    view, wish = on_key(view, "backspace", ORDER, 3, 0)
    assert (view.asking, wish) == ("aÄ", None)
    # Keys that mean something elsewhere are letters here.
    view, wish = on_key(view, "q", ORDER, 3, 0)
    assert wish is None and not view.leaving
    view, wish = on_key(view, "return", ORDER, 3, 0)
    assert (view.asking, wish) == (None, Sign(ONE, "aÄ"))


def test_where_nothing_is_open_nobody_is_asked_to_sign() -> None:
    stage = Stage(EN)
    ordinary(stage, 2)
    said = words(stage, View(chosen=ONE, asking=""))
    assert "Nothing is open in Room 1." in said
    assert "Your initials" not in said


def test_nobody_signs_without_initials() -> None:
    view, wish = on_key(View(chosen=ONE, asking="  "), "return", ORDER, 3, 0)
    assert wish is None and view.asking == "  "


def test_a_pointer_alone_does_it_all() -> None:
    stage = Stage(EN)
    ordinary(stage, 4)
    stage.hear(stage.rooms[0].matter("call", "urgent", 3))
    stage.hear(stage.rooms[0].state())
    view, wish = View(), None
    for said in ("URGENT CALL   Room 1", "A", "B", "Sign"):
        screen = composed(stage, view).screen
        group, text = next(
            (g, e)
            for g in reversed(screen.groups)
            for e in g.elements
            if isinstance(e, Text) and e.text == said
        )
        action = screen.action_at(text.box.x + 5, text.box.y + text.box.height / 2)
        assert action is not None, (group.key, said)
        view, wish = on_action(view, action)
    assert wish == Sign(ONE, "AB")
    view, _ = on_action(View(), "room clinic/room-1")
    assert (view.chosen, view.detail) == (ONE, False)
    view, _ = on_action(view, "room clinic/room-1")
    assert view.detail
    assert on_wheel(on_wheel(view, -2), 1).scroll == 3


def test_nothing_new_hands_over_the_same_groups() -> None:
    stage = Stage(EN)
    ordinary(stage, 6)
    composer = Composer(stage.ward, stage.desk, EN)
    first = composer.compose(View(), SIZE, Moment(stage.now_ns, stage.at)).screen
    again = composer.compose(View(), SIZE, Moment(stage.now_ns, stage.at)).screen
    assert all(one is other for one, other in zip(first.groups, again.groups, strict=True))
    stage.hear(stage.rooms[2].in_session(3000.0))
    after = composer.compose(View(), SIZE, Moment(stage.now_ns, stage.at)).screen
    changed = [g.key for g, was in zip(after.groups, first.groups, strict=True) if g is not was]
    assert changed == ["tile clinic/room-3"]


@pytest.mark.parametrize("say", [EN, DE], ids=["en", "de"])
@pytest.mark.parametrize("size_px", [(1280, 800), (800, 1280)])
def test_no_words_lie_on_others_and_none_lie_outside(say: Saying, size_px: tuple[int, int]) -> None:
    for name, made in stops(say):
        wide, high = units(*size_px)
        for group in made(wide, high).groups:
            boxes = [e.box for e in group.elements if isinstance(e, Text) and e.text]
            for index, box in enumerate(boxes):
                assert box.width > 0 and box.height > 0, (name, group.key)
                assert box.x >= 0 and box.right <= wide + 1, (name, group.key)
                assert not any(_overlap(box, other) for other in boxes[:index]), (name, group.key)


def _overlap(one: Box, other: Box) -> bool:
    return (
        min(one.right, other.right) - max(one.x, other.x) > 1.5
        and min(one.bottom, other.bottom) - max(one.y, other.y) > 1.5
    )


def test_the_darkest_step_is_dark_and_old_words_are_still_read() -> None:
    stage = Stage(EN)
    ordinary(stage, 12)
    assert Picture(composed(stage).screen, 1280, Dim.DARK).mean_luminance() <= 0.02
    for dim in Dim:
        palette = Palette(dim)
        assert contrast(palette[Role.SECOND], palette[Role.PANEL]) >= READABLE


def test_a_tour_draws_every_state(tmp_path: Path) -> None:
    made = tour(stops(DE), tmp_path, (640, 400))
    assert len(made) > 20
    assert made[0].name == "01-nothing-heard.png"


def test_an_empty_ward_is_a_screen_as_well() -> None:
    screen = composed(Stage(EN), View(chosen=ONE, detail=True, help=True)).screen
    assert isinstance(screen, Screen)
