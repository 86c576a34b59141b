"""Notes at random instants while the daemon is killed at random instants: none lost, none twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.room import BenchRoom, Ground, bench_room
from bench.stock import Stock
from bench.told import Told

from kaproom.errors import WorldFailed
from kaproom.intercom import Client
from kaproom.places import sockets
from kaproom.record import Head, Record, verify

_NOTES, _QUICK_NOTES = 10_000, 600
_PEOPLE = 3
_BETWEEN_S = 0.02  # of one person, in the mean
_ALIVE_S = 0.6  # from the daemon's start to its end, in the mean
_NOTES_A_SESSION = 2_500
_SEED = 20261122


@dataclass(slots=True)
class _Person:
    """Somebody who notes, and sends again whatever was not answered, with the same id."""

    room: BenchRoom
    name: str
    seed: int
    answered: dict[str, int] = field(default_factory=dict)
    sent_again: int = 0

    def note(self, count: int) -> None:
        """So many notes, each until it is answered."""
        chance = random.Random(self.seed)
        client: Client | None = None
        for number in range(count):
            time.sleep(chance.expovariate(1 / _BETWEEN_S))
            press = f"{self.name}-{self.seed}-{number}"
            args = {"category": chance.choice(("tears", "speech", "breath")), "text": press}
            while press not in self.answered:
                try:
                    client = client or Client(sockets(self.room.runtime).daemon, "bench", 10.0)
                    self.answered[press] = int(client.call("note", args, id=press)["seq"])
                except WorldFailed:
                    self.sent_again += client is not None
                    client = None
                    time.sleep(0.02)


def kills(ground: Ground, stock: Stock, quick: bool) -> Told:
    """All that was answered is looked for in the record afterwards, by its id and its text."""
    told = Told(
        "notes while the daemon is killed",
        ("", "notes", "kills", "sent again", "lost", "twice", "chain"),
    )
    notes = _QUICK_NOTES if quick else _NOTES
    chance = random.Random(_SEED)
    with bench_room(ground, device="silent") as room:
        people: list[_Person] = []
        heads: list[Head] = []
        killed = 0
        for start in range(0, notes, _NOTES_A_SESSION):
            here = min(_NOTES_A_SESSION, notes - start)
            room.begin(sounding=False)
            session = _a_session(room, here, start, chance)
            people += session.people
            heads += session.heads
            killed += len(session.heads)
            room.call("end")
            room.wait_for(lambda s: s["session"] is None or s["session"]["state"] == "ended")
        answered = {press: seq for person in people for press, seq in person.answered.items()}
        lost, twice = _compared(room, answered)
        verdict = verify(room.data, *heads)
    again = sum(person.sent_again for person in people)
    chain = "whole" if verdict.whole else str(verdict.reason)
    told.row("three people", len(answered), killed, again, lost, twice, chain)
    told.promise("acknowledged notes lost", float(lost), "", 0.0)
    told.promise("notes there twice", float(twice), "", 0.0)
    told.promise("broken chains", float(not verdict.whole), "", 0.0)
    told.notes += [
        f"kill -9 of the daemon after {_ALIVE_S:g} s in the mean, a note every {_BETWEEN_S:g} s of",
        "each person in the mean, both by chance; what was not answered is sent again with its",
        f"id. The chain is compared with {len(heads)} heads that were told meanwhile.",
    ]
    return told


@dataclass(frozen=True, slots=True)
class _Session:
    """Who noted, and where the record ended shortly before each kill."""

    people: list[_Person]
    heads: list[Head]


def _a_session(room: BenchRoom, notes: int, start: int, chance: random.Random) -> _Session:
    """The daemon is killed again and again until all notes are answered."""
    people = [_Person(room, f"p{n}", start) for n in range(_PEOPLE)]
    share = [notes // _PEOPLE + (n < notes % _PEOPLE) for n in range(_PEOPLE)]
    threads = [
        threading.Thread(target=person.note, args=(count,))
        for person, count in zip(people, share, strict=True)
    ]
    for thread in threads:
        thread.start()
    heads = []
    while any(thread.is_alive() for thread in threads):
        record = room.status()["record"]
        heads.append(Head(record["head_seq"], record["head_hash"]))
        time.sleep(chance.expovariate(1 / _ALIVE_S))
        room.kill()
        room.start()
    return _Session(people, heads)


def _compared(room: BenchRoom, answered: dict[str, int]) -> tuple[int, int]:
    """How many acknowledged notes are not there as they were, and how many there twice."""
    with Record.open(room.data, read_only=True) as record:
        found = {
            written.entry.command_id: str(written.entry.fields.get("text"))
            for written in record.entries()
        }
        times = Counter(written.entry.command_id for written in record.entries())
    lost = sum(found.get(press) != press for press in answered)
    return lost, sum(times[press] > 1 for press in answered)
