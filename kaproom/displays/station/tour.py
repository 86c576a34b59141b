"""Every state that a station can be in, one picture after another, from imagined rooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import StationRoom, StationSnapshot
from kaproom.contract.topics import station_topic
from kaproom.displays.shapes import Screen
from kaproom.displays.station.imagined import ImaginedRoom, history
from kaproom.displays.station.matters import HEARTBEAT_S, Desk
from kaproom.displays.station.saying import Saying
from kaproom.displays.station.screen import Composer, Moment
from kaproom.displays.station.view import View
from kaproom.displays.station.ward import Ward

SESSION_OVER_S = 4140.0
_BEGIN = datetime(2026, 3, 2, 10, 33, 5, tzinfo=UTC)
Made = Callable[[float, float], Screen]


@dataclass(slots=True)
class Stage:
    """A ward of imagined rooms, at a moment of its own."""

    say: Saying
    now_ns: int = 5000 * NS_PER_S
    at: datetime = _BEGIN
    ward: Ward = field(default_factory=lambda: Ward("ward-3"))
    desk: Desk = field(default_factory=lambda: Desk("Ward 3"))
    rooms: list[ImaginedRoom] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ward.link_up(self.now_ns, self.at)

    def room(self, name: str = "") -> ImaginedRoom:
        """One more."""
        number = len(self.rooms) + 1
        made = ImaginedRoom(f"room-{number}", name or f"Room {number}", self.at)
        self.rooms.append(made)
        self.hear(made.presence())
        self.hear(made.meta())
        return made

    def hear(self, message: tuple[str, bytes], retained: bool = False) -> None:
        """It arrives now."""
        self.ward.hear(*message, retained, self.now_ns, self.at)

    def watched(self, station: str = "desk") -> None:
        """Another station says that it shows every room."""
        snapshot = StationSnapshot(
            site="clinic",
            station=station,
            ts=self.at,
            heartbeat_s=HEARTBEAT_S,
            rooms=[StationRoom(room=room.alias, boot=1, seq=room.seq) for room in self.rooms],
        )
        self.hear((station_topic("clinic", station), snapshot.model_dump_json().encode()))

    def wait(self, seconds: float, *speaking: ImaginedRoom) -> None:
        """Time goes by; those that speak say their state at its end."""
        self.now_ns += round(seconds * NS_PER_S)
        self.at += timedelta(seconds=seconds)
        for room in speaking:
            room.at = self.at
            self.hear(room.state())
        self.ward.look(self.now_ns, self.at)

    def screen(self, view: View | None = None) -> Made:
        """What stands there now."""
        composer = Composer(self.ward, self.desk, self.say)
        moment = Moment(self.now_ns, self.at)
        shown = view or View()
        return lambda width, height: composer.compose(shown, (width, height), moment).screen


def ordinary(stage: Stage, count: int) -> None:
    """So many rooms on an ordinary day."""
    for number in range(count):
        room = stage.room()
        match number % 6:
            case 1:
                stage.hear(room.in_session(None))
            case 3:
                stage.hear(room.state())
            case 4:
                stage.hear(room.in_session(2700.0 + number * 7, infusion="complete"))
            case _:
                stage.hear(room.in_session(300.0 + 137 * (number % 17)))
        if number % 6 == 0:
            for message in history(room):
                stage.hear(message)
    stage.wait(1.2)


def _troubled(room: ImaginedRoom, kind: int, session_s: float) -> Iterator[tuple[str, bytes]]:
    """What a room says on its worst day; there are twelve kinds."""
    matters: dict[int, tuple[tuple[str, str, float], ...]] = {
        0: (("call", "urgent", 75),),
        2: (("sound-lost", "assist", 20),),
        3: (("prompt-overdue", "notice", 400),),
        9: (("call", "assist", 40),),
        10: (
            ("device-lost", "assist", 300),
            ("record-failing", "assist", 200),
            ("daemon-restarted", "notice", 20),
        ),
    }
    parts: dict[int, dict[str, Any]] = {
        1: {"sound": "away", "sound_since_s": 190.0},
        2: {"sound": "unplanned-silence"},
        3: {"infusion": "unconfirmed", "prompts": (2, None)},
        5: {"infusion": "paused", "held": True},
        9: {"sound": "away", "sound_since_s": 65.0},
        10: {"sound": "device-lost"},
        11: {"infusion": "stopped"},
    }
    for matter in matters.get(kind, ()):
        yield room.matter(*matter)
    yield room.in_session(SESSION_OVER_S if kind == 11 else session_s, **parts.get(kind, {}))
    if kind in (7, 8):
        yield room.presence("offline" if kind == 7 else "stopped")


def worst(stage: Stage, count: int) -> None:
    """The same number of rooms on the worst day that there is."""
    for number in range(count):
        room = stage.room("Der sehr lange Name eines Raums" if number == 5 else "")
        kind = number % 12
        for message in _troubled(room, kind, 700.0 + 230 * (number % 13)):
            stage.hear(message, retained=kind == 4 and message[0].endswith("/state"))
        if kind == 9:
            open_there = stage.desk.matters(stage.ward, stage.now_ns)
            own = [matter for matter in open_there if matter.key[1] == room.alias]
            stage.desk.sign(own, "AB", stage.at)
    silent = (4, 6, 7, 8)
    stage.wait(14.0, *(r for number, r in enumerate(stage.rooms) if number % 12 not in silent))
    for number, room in enumerate(stage.rooms):
        if number % 12 == 4:
            stage.hear(room.state(), retained=True)
    stage.wait(1.0)


def _named(stage: Stage) -> Stage:
    """Rooms whose names are no good names."""
    names = ("Room", "Room", "Das Zimmer am Ende des langen Ganges", "חדר שקט", "\u200b", "W" * 120)
    for name in names:
        stage.hear(stage.room(name).in_session(900.0))
    stage.wait(1.2)
    return stage


def _chosen(say: Saying) -> Iterator[tuple[str, Made]]:
    """What people chose to see."""
    stage = Stage(say)
    worst(stage, 12)
    yield "gravest-first", stage.screen(View(by_severity=True))
    yield "detail-call", stage.screen(View(chosen=("clinic", "room-1"), detail=True))
    yield "detail-no-data", stage.screen(View(chosen=("clinic", "room-8"), detail=True))
    yield "signing", stage.screen(View(chosen=("clinic", "room-1"), asking="AB"))
    stage = Stage(say)
    ordinary(stage, 12)
    yield "detail", stage.screen(View(chosen=("clinic", "room-1"), detail=True))
    yield "detail-older", stage.screen(View(chosen=("clinic", "room-1"), detail=True, scroll=9))
    yield "nothing-to-sign", stage.screen(View(chosen=("clinic", "room-1"), asking=""))
    yield "keys", stage.screen(View(chosen=("clinic", "room-1"), help=True))
    yield "leaving", stage.screen(View(leaving=True))


def _calls(say: Saying) -> Iterator[tuple[str, Made]]:
    """A call, from its first moment until it is seen; and calls where no session is."""
    stage = Stage(say)
    ordinary(stage, 4)
    stage.hear(stage.rooms[0].matter("call", "assist", 1))
    stage.hear(stage.rooms[0].state())
    yield "call-new", stage.screen()
    stage.wait(35.0, *stage.rooms)
    yield "call-grown", stage.screen()
    stage.desk.second = True
    stage.watched()
    yield "call-grown-second", stage.screen()
    stage.wait(30.0, *stage.rooms)
    yield "call-second", stage.screen()
    open_now = stage.desk.matters(stage.ward, stage.now_ns)
    stage.desk.sign(open_now, "AB", stage.at)
    yield "call-seen", stage.screen()
    for count in (4, 12):
        stage = Stage(say)
        for number in range(count):
            stage.hear(stage.room().state())
            if number < 3:
                stage.hear(stage.rooms[number].matter("call", "urgent", 190))
        stage.wait(1.0, *stage.rooms)
        stage.hear(stage.rooms[1].presence("offline"))
        yield f"call-without-session-{count:02}", stage.screen()


def stops(say: Saying) -> Iterator[tuple[str, Made]]:
    """The tour: a name and what makes the screen."""
    yield "nothing-heard", Stage(say).screen()
    never = Stage(say)
    never.ward.linked = False
    never.ward.expect([("clinic", "attic")])
    yield "never-connected", never.screen()
    for count in (1, 4, 12, 60):
        stage = Stage(say)
        ordinary(stage, count)
        yield f"ordinary-{count:02}", stage.screen()
        stage = Stage(say)
        worst(stage, count)
        yield f"worst-{count:02}", stage.screen()
    stage = Stage(say)
    worst(stage, 200)
    yield "worst-200", stage.screen()
    yield from _chosen(say)
    stage = Stage(say)
    ordinary(stage, 12)
    stage.ward.link_down("broker: gone", stage.now_ns, stage.at)
    stage.wait(3.0)
    yield "own-link-lost", stage.screen()
    stage.wait(40.0)
    yield "own-link-lost-long", stage.screen()
    stage = Stage(say)
    worst(stage, 12)
    stage.ward.link_down("broker: gone", stage.now_ns, stage.at)
    stage.wait(7.0)
    yield "own-link-lost-worst", stage.screen()
    yield "names", _named(Stage(say)).screen()
    yield from _calls(say)
