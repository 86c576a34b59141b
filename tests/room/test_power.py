"""The power was gone in mid-session: a real room on the record of another boot.

The record is one that a room wrote, with its entries moved into a boot that is over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pulse import until
from rooms import LivingRoom

from kaproom.clock import Instant, Reckoning, now
from kaproom.errors import Refused
from kaproom.record import Entry, Record, verify
from kaproom.room.vigil import Vigil, last_word, leave_word

GONE_S = 130.0
OTHER_BOOT = "11111111-2222-4333-8444-555555555555"


def before(instant: Instant, by_s: float) -> Instant:
    """The same moment, of a boot that is over, so much earlier."""
    return Instant(
        instant.mono_ns + 77_000_000_000, OTHER_BOOT, instant.utc - timedelta(seconds=by_s)
    )


def lose_power(room: LivingRoom, gone_s: float = GONE_S) -> None:
    """What is left of a running room once the power is gone, and came back after ``gone_s``."""
    room.close()
    alive = last_word(room.data)
    with Record.open(room.data, read_only=True) as record:
        entries = [written.entry for written in record.entries()]
    for file in room.data.glob("record.sqlite3*"):
        file.unlink()
    with Record.open(room.data) as record:
        record.append([_moved(entry, gone_s) for entry in entries])
    if alive is not None:
        leave_word(room.data, before(alive, gone_s))
    for file in room.runtime.iterdir():  # /run is empty after a start of the machine
        file.unlink()


def _moved(entry: Entry, by_s: float) -> Entry:
    return replace(entry, at=before(entry.at, by_s), entered=before(entry.entered, by_s))


def test_after_a_loss_of_power_the_refuge_rises_and_the_room_asks_for_the_pump(
    room: LivingRoom,
) -> None:
    room.begin(sounding=False)
    room.call("infusion", {"what": "started", "ago_s": 30})
    room.call("note", {"category": "tears", "text": "before"})
    until(lambda: last_word(room.data) is not None, what="word that the room lives")
    session = str(room.status()["session"]["id"])
    lose_power(room)
    # Somebody was there before the daemon; the room asks all the same.
    level = Entry(kind="level", at=now(), entered=now(), session=session, fields={"by_db": -1.0})
    with Record.open(room.data) as record:
        record.append([level])
    room.start()
    with room.ring_when_there() as ring:
        until(lambda: ring.gain().target_db == pytest.approx(-13.0), what="the refuge's gain")
        assert ring.gain_now_db < -20.0  # on its way up, softly
        room.wait_for(lambda s: s["sound"]["state"] == "calm")
    status = room.status()
    asked = status["session"]["interrupted"]
    assert GONE_S <= asked["gap_s"] < GONE_S + 30
    assert asked["ask"].startswith("interrupted 2 min ")
    assert status["infusion"]["state"] == "unconfirmed"
    assert status["sound"]["now"]["title"] == "ocean"
    assert status["notes"]["count"] == 1
    assert "interrupted" in [matter["code"] for matter in status["attention"]]
    with pytest.raises(Refused, match="kaproom continue"):
        room.call("advance")

    room.kill()  # a second restart still asks, and counts the same seconds
    room.start()
    assert room.status()["session"]["interrupted"]["gap_s"] == asked["gap_s"]
    assert room.kinds().count("interrupted") == 1
    assert "is the infusion running" in room.kaproom("status")

    line = room.kaproom("continue", "--infusion-minute", "1")
    assert "infusion running, minute 1.0, as told" in line
    status = room.status()
    assert status["session"]["interrupted"] is None
    assert status["infusion"]["state"] == "running"
    assert status["infusion"]["elapsed_s"] == pytest.approx(60, abs=5)
    room.wait_for(lambda s: "interrupted" not in [m["code"] for m in s["attention"]])
    with Record.open(room.data, read_only=True) as record:
        entries = [w.entry for w in record.entries()]
    (found,) = [x for x in entries if x.kind == "interrupted"]
    assert found.fields["uncertain"] is True
    assert found.fields["by"] == "wall clock"
    written = [x for x in entries if x.entered.boot_id == found.entered.boot_id and x.session]
    later = [x for x in written if x.kind != "level"]
    assert all(x.clock is not None and x.clock["rebooted"] for x in later)
    assert verify(room.data).whole


def test_a_session_left_open_for_hours_is_closed_with_what_is_known_and_says_so(
    room: LivingRoom,
) -> None:
    session = room.begin(sounding=False)
    room.call("note", {"category": "tears"})
    lose_power(room, 5 * 3600)
    room.start()
    status = room.status()
    assert status["session"] is None
    assert "was left open and is closed with what is known" in status["said"]
    assert any("was left open" in line for line in room.said)
    until(lambda: "session-ended" in room.kinds(session), what="its end in the record")
    with Record.open(room.data, read_only=True) as record:
        ended = [w.entry for w in record.entries(session)][-1]
    assert ended.fields["how"] == "left open"
    assert ended.fields["found_after_s"] == pytest.approx(5 * 3600, abs=30)
    room.begin(sounding=False)  # the next patient's
    assert room.status()["said"] is None


# How seconds are reckoned


def test_a_wall_clock_that_moves_after_the_restart_moves_no_second_of_the_session() -> None:
    opened = before(now(), 600.0)
    found = now()
    reckoning = Reckoning(opened, last_s=400.0).met(found)
    at_s = reckoning.at_s(found)
    assert at_s == pytest.approx(600, abs=1)
    stepped = Instant(found.mono_ns + 5_000_000_000, found.boot_id, found.utc + timedelta(hours=1))
    assert reckoning.at_s(stepped) == pytest.approx(at_s + 5)


def test_a_clock_that_was_lost_with_the_power_never_leads_back_behind_what_was() -> None:
    opened = before(now(), 0.0)
    in_1970 = replace(now(), utc=opened.utc - timedelta(days=20_000))
    reckoning = Reckoning(opened, last_s=400.0)
    assert reckoning.at_s(in_1970) == 400.0
    assert reckoning.met(in_1970).at_s(in_1970) == 400.0


def test_word_that_the_room_lives_is_left_in_sessions_only(tmp_path: Path) -> None:
    vigil = Vigil(tmp_path)
    vigil.begin()
    until(lambda: vigil.free_bytes is not None, what="a look at the disk")
    vigil.close()
    assert last_word(tmp_path) is None
    leave_word(tmp_path, now())
    assert last_word(tmp_path) is not None
    for garbage in ("", "{", "[]", '{"mono_ns": 1, "boot": "x", "utc": "2026-01-01T00:00:00"}'):
        (tmp_path / "alive.json").write_text(garbage)
        assert last_word(tmp_path) is None
