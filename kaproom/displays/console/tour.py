"""Every state that the console can be in, one picture after another, from an imagined room."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from kaproom.clock import NS_PER_S
from kaproom.displays.console.agenda import Agenda
from kaproom.displays.console.desk import Desk
from kaproom.displays.console.imagined import IDLE, PLANS, PREVIEW, status
from kaproom.displays.console.keys import Keys
from kaproom.displays.console.plans import Checked, Finding
from kaproom.displays.console.screen import Moment, screen
from kaproom.displays.keyboard import Key
from kaproom.displays.notepad import Notepad, Outcome
from kaproom.displays.shapes import Screen
from kaproom.displays.station.saying import Saying

_NOW_NS = 5000 * NS_PER_S
WALL = "10:33:05"
Made = Callable[[float, float], Screen]


def desk(told: dict[str, Any] | None = None, keys: Keys | None = None) -> Desk:
    """A console in front of this room."""
    made = Desk(Notepad("boot"), keys or Keys(), Agenda(PLANS))
    made.touched_ns = _NOW_NS - NS_PER_S
    if told is not None:
        made.hear(told)
    return made


def stops(
    say: Saying, least: Callable[[float], float], keys: Keys | None = None
) -> Iterator[tuple[str, Made]]:
    """The tour: a name and what makes the screen.

    Args:
        say: The language.
        least: The side of a target for a screen of so many units across.
        keys: The room's own.
    """
    for name, made, fault in _desks(keys):

        def shown(width: float, height: float, at: Desk = made, why: str = fault) -> Screen:
            return screen(at, (width, height), Moment(WALL, _NOW_NS), say, least(width), why)

        yield name, shown


def _desks(keys: Keys | None) -> Iterator[tuple[str, Desk, str]]:
    why = "nobody answers on /run/kaproom/daemon.sock: is `kaproom daemon` running?"
    yield "connecting", desk(keys=keys), why
    yield from ((name, made, "") for name, made in _before(keys))
    yield from ((name, made, "") for name, made in _session(keys))
    yield from ((name, made, "") for name, made in _over(keys))
    silent = desk(status(), keys)
    silent.answering, silent.heard_ns = False, _NOW_NS - 72 * NS_PER_S
    silent.said = ("console.past", {"what": "duck"})
    yield "service-gone", silent, why
    alone = desk(status(), keys)
    alone.answering, alone.heard_ns = False, _NOW_NS - 75 * NS_PER_S
    alone.act("call", _NOW_NS - 3 * NS_PER_S, WALL)
    yield "service-gone-call", alone, why
    unseen = desk(status(call=_call("shown", "urgent")), keys)
    unseen.answering, unseen.heard_ns = False, _NOW_NS - 3 * NS_PER_S
    yield "service-gone-in-a-call", unseen, why
    never = desk(keys=keys)
    never.act("call", _NOW_NS - 3 * NS_PER_S, WALL)
    yield "connecting-call", never, why
    dark = desk(status(IDLE), keys)
    dark.touched_ns = 1
    yield "idle", dark, ""


def _before(keys: Keys | None) -> Iterator[tuple[str, Desk]]:
    idle = status(IDLE)
    searching = desk(idle, keys)
    searching.agenda.plans = ()
    yield "choosing-looking", searching
    yield "choosing", desk(idle, keys)
    going = desk(idle, keys)
    going.act("next", _NOW_NS, WALL)
    going.act("yes 0", _NOW_NS, WALL)
    yield "list", going
    going.agenda.listed.said["Fasting for six hours"] = "a glass of juice at seven, DR agrees"
    going.agenda.listed.said["Escort is arranged"] = ""
    going.agenda.listed.by = "AB"
    yield "list-done", going
    asking = desk(idle, keys)
    asking.act("next", _NOW_NS, WALL)
    asking.act("no 1", _NOW_NS, WALL)
    asking.over.typed = "a glass of juice"
    yield "list-why", asking
    looking = desk(idle, keys)
    looking.agenda.page, looking.agenda.checking = "checks", True
    yield "checks-looking", looking
    well = desk(idle, keys)
    well.agenda.page = "checks"
    notes = (
        Finding(
            "warn",
            "clock",
            "not synchronised, so the record's times may be off: timedatectl set-ntp true",
            "clock",
        ),
        Finding(
            "note", "water.yaml:31", "'delta.flac' will be 1.4 LU softer than 'peak' wants", "files"
        ),
    )
    well.agenda.checked = Checked(notes, {})
    yield "checks-go", well
    stopped = desk(status(IDLE, bus={"connected": False, "stations": []}), keys)
    stopped.agenda.page = "checks"
    stopped.agenda.checked = Checked(
        (
            Finding(
                "stop",
                "device",
                "no output is called 'Scarlett'; plug it in, or set device to one of: HDMI 0,"
                " HDMI 1, Built-in Audio Analog Stereo, USB Audio Front Headphones",
                "sound",
            ),
            *notes,
        )
    )
    yield "checks-no-go", stopped
    yield from _trying(keys, Checked(notes, {}))


def _trying(keys: Keys | None, checked: Checked) -> Iterator[tuple[str, Desk]]:
    """The headphones, tried on the page of the checks."""
    states: dict[str, dict[str, Any]] = {
        "tone-untried": {"left": None, "right": None},
        "tone-sounds": {"left": None, "right": None, "sounding": "left", "level_lufs": -47.2},
        "tone-swapped": {"left": {"heard": False, "by": "AB"}, "right": None},
        "tone-lost": {"right": None, "sounding": "right", "lost": "Scarlett was unplugged"},
    }
    for name, tones in states.items():
        at = desk(status(IDLE, tones=tones), keys)
        at.agenda.page, at.agenda.checked = "checks", checked
        at.agenda.ear = str(tones.get("sounding") or "")
        yield f"checks-{name}", at
    passing = desk(status(IDLE, tones=states["tone-swapped"]), keys)
    passing.agenda.page, passing.agenda.checked = "checks", checked
    passing.act("next", _NOW_NS, WALL)
    yield "checks-tone-passed-over", passing


def _session(keys: Keys | None) -> Iterator[tuple[str, Desk]]:
    waiting = status(
        phase={
            "name": "settling",
            "index": 0,
            "remaining_s": None,
            "elapsed_s": 300.0,
            "next": "onset",
        },
        infusion={"state": "not-started", "elapsed_s": None, "end_in_s": None},
        session={"open_s": 300.0},
        ahead={"end_in_s": None, "waits_for": "infusion"},
        notes={"count": 0, "last_s": None},
    )
    for span in waiting["phases"]:
        span.update(start_in_s=None, end_in_s=None)
    yield "settling", desk(waiting, keys)
    yield "session", _noted(desk(status(), keys))
    typing = _noted(desk(status(), keys))
    typing.act("note w", _NOW_NS, WALL)
    typing.text("it is like being held by wa", _NOW_NS, WALL)
    yield "typing", typing
    for name in ("letters", "marks"):
        by_finger = _noted(desk(status(), keys))
        for action in ("note w", "letters", *(f"letter {one}" for one in "wie im Wasser,")):
            by_finger.act(action, _NOW_NS + 5 * NS_PER_S * (action != "note w"), WALL)
        by_finger.act("shift" if name == "letters" else "marks", _NOW_NS, WALL)
        yield f"typing-{name}", by_finger
    ducked = desk(status(sound={"state": "ducked", "since_s": 83.0}), keys)
    ducked.said = ("console.done", {"what": "duck", "clock": "10:31:42"})
    yield "ducked", ducked
    held = status(
        phase={"held": True, "remaining_s": None},
        sound={"state": "calm", "since_s": 14.0},
        infusion={"state": "paused"},
        prompts={"overdue": 1},
    )
    yield "held-calm-paused", desk(held, keys)
    away = status(sound={"state": "away", "since_s": 190.0, "level_lufs": None})
    yield "away", desk(away, keys)
    yield (
        "sound-lost",
        desk(
            status(
                sound={"state": "device-lost", "why": "Scarlett was unplugged", "level_lufs": None},
                record={"failing": "the disk is full"},
                bus={"connected": False, "stations": []},
            ),
            keys,
        ),
    )
    for state in ("sending", "shown", "seen", "not-delivered"):
        call = _call(state, "urgent" if state == "not-delivered" else "assist")
        yield f"call-{state}", desk(status(call=call), keys)
    for name in ("pump", "rate", "end", "quit", "help"):
        over = desk(status(), keys)
        over.act(name, _NOW_NS, WALL)
        if name == "pump":
            over.over.ago_s = 120
        if name == "rate":
            over.over.typed = "0.8"
        yield f"panel-{name}", over
    for sure in (False, True):
        advance = desk(status(), keys)
        advance.act("advance", _NOW_NS, WALL)
        advance.over.preview, advance.over.sure = PREVIEW, sure
        yield f"panel-advance{'-again' if sure else ''}", advance


def _call(state: str, level: str) -> dict[str, Any]:
    return {
        **{"id": "1-1", "level": level, "open_s": 2.0, "state": state, "why": "no broker"},
        "shown": ["Ward 3"] if state in ("shown", "seen") else [],
        "seen": [{"by": "KL", "station": "Ward 3"}] if state == "seen" else [],
    }


def _noted(at: Desk) -> Desk:
    """Somebody made notes here: two saved, one on its way."""
    for number, (key, text) in enumerate((("t", "quiet"), ("b", "slow and deep"), ("v", ""))):
        wishes = at.pad.press(Key(key), _NOW_NS + number, f"10:3{number}:12")
        if text and at.pad.writing is not None:
            at.pad.writing.text = text
        for wish in wishes if number < 2 else ():
            at.pad.answered(Outcome(wish.id, True, {"seq": 40 + number}))
        for wish in at.pad.leave(_NOW_NS):
            at.pad.answered(Outcome(wish.id, True, {}))
    at.said = ("console.recorded", {"what": "started", "clock": "10:18:55"})
    return at


def _over(keys: Keys | None) -> Iterator[tuple[str, Desk]]:
    asked = status(
        session={"interrupted": {"gap_s": 312.0, "since_s": 8.0, "ask": "interrupted"}},
        infusion={"state": "unconfirmed"},
    )
    yield "interrupted", desk(asked, keys)
    minute = desk(asked, keys)
    minute.act("ask minute", _NOW_NS, WALL)
    minute.over.typed = "19.5"
    yield "interrupted-minute", minute
    over = status(session={"state": "ended"}, unsigned=None)
    over["unsigned"] = [{"session": "5e55"}]
    ended = desk(over, keys)
    ended.act("yes 0", _NOW_NS, WALL)
    yield "ended", ended
