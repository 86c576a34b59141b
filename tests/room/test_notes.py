"""Notes in a real room: one key each in a real terminal, late, amended, and after the end."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from handclock import HandClock
from keys import Terminal
from pulse import until
from rooms import LivingRoom
from silentroom import SilentRoom

from kaproom.clock import NS_PER_S, boot_id, mono_ns, now
from kaproom.errors import Mend, Refused
from kaproom.record import Entry, Record, Written, verify


def entries(room: LivingRoom, kind: str) -> list[Entry]:
    with Record.open(room.data, read_only=True) as record:
        return [w.entry for w in record.entries() if w.entry.kind == kind]


def written(room: LivingRoom) -> list[Written]:
    with Record.open(room.data, read_only=True) as record:
        return list(record.entries())


def ago(entry: Entry) -> float:
    return (mono_ns() - entry.at.mono_ns) / NS_PER_S


def pressed(back_s: float = 0.0, **more: Any) -> dict[str, Any]:
    stamp = {"mono_ns": mono_ns() - round(back_s * NS_PER_S), "boot_id": boot_id()}
    return {"category": "tears"} | stamp | more


def wall(ago_s: float) -> str:
    return (now().utc.astimezone() - timedelta(seconds=ago_s)).strftime("%H:%M:%S")


def test_notes_pressed_in_a_terminal_outlive_the_daemon(room: LivingRoom) -> None:
    session = room.begin(sounding=False)
    with Terminal(["notes", "--by", "AB"], room.environment) as terminal:
        terminal.shows("t Tears")
        tears_ns = terminal.press("t")
        terminal.shows("saved, entry")
        room.kill()
        terminal.shows("DOES NOT ANSWER")
        terminal.press("left hand\r")
        nausea_ns = terminal.press("n")
        terminal.shows("saving")
        terminal.press("half a w")
        room.start()
        until(lambda: len(entries(room, "note")) == 2, what="both notes")
        terminal.press("\x03")
        assert terminal.leaves() == 0, terminal.screen
    tears, nausea = entries(room, "note")
    assert [x.fields["category"] for x in (tears, nausea)] == ["tears", "nausea"]
    # On a busy machine a key may wait; the bench tells how long it does.
    assert 0 <= tears.at.mono_ns - tears_ns < NS_PER_S
    assert 0 <= nausea.at.mono_ns - nausea_ns < NS_PER_S
    assert nausea.entered.mono_ns - nausea.at.mono_ns > 0 and not nausea.late
    assert tears.fields["by"] == "AB"
    texts = [(x.fields["note"], x.fields["text"]) for x in entries(room, "note-text")]
    assert texts == [(0, "left hand"), (1, "half a w")]
    shown = room.status()["notes"]["recent"]
    assert [note["text"] for note in shown] == ["left hand", "half a w"]
    assert not any(note["amendments"] for note in shown)
    assert room.status()["session"]["id"] == session and verify(room.data).whole


def test_a_note_taker_without_a_terminal_says_what_to_use(room: LivingRoom) -> None:
    assert "kaproom note CATEGORY TEXT" in room.kaproom("notes", status=2)


def test_a_key_pressed_twice_is_one_note_whichever_client_it_came_from(room: LivingRoom) -> None:
    room.begin(sounding=False)
    room.wait_for(lambda s: s["session"]["open_s"] > 1.1)
    first = room.call("note", pressed(1.0))
    again = room.call("note", pressed(0.9), id="other-client")
    third = room.call("note", pressed(0.5))
    assert again["seq"] == first["seq"] and again["again"]
    assert (
        f"One note, not two: tears was pressed twice within 300 ms (entry {first['seq']})"
        in (again["line"])
    )
    assert third["seq"] != first["seq"]
    assert room.status()["notes"]["count"] == 2
    room.call("note-text", {"seq": first["seq"], "text": "quiet"})
    with pytest.raises(Refused, match="has its text; `kaproom amend"):
        room.call("note-text", {"seq": first["seq"], "text": "loud"})


def test_who_is_there_goes_with_every_entry(room: LivingRoom) -> None:
    assert "initials" in room.kaproom("start", "demo-3min", "--who", "Anna", status=2)
    room.kaproom("start", "demo-3min", "--who", "ab,CD")
    room.call("note", pressed())
    assert "Present from now on: CD, EF." in room.kaproom("who", "CD", "ef")
    room.call("note", pressed(category="speech", text="asked for water", by="ef"))
    tears, speech = entries(room, "note")
    assert entries(room, "session-started")[0].who == tears.who == "AB CD"
    assert (speech.who, speech.fields["by"]) == ("CD EF", "EF")
    room.kill()
    room.start()
    assert room.status()["session"]["who"] == ["CD", "EF"]


def test_late_entries_are_marked_and_told_what_was_so_then(room: LivingRoom) -> None:
    room.begin()
    room.call("infusion", {"what": "started"})
    # What is told below, up to 2.5 s ago, lies after the sound's own beginning.
    room.wait_for(lambda s: s["phase"]["elapsed_s"] > 4.0 and s["infusion"]["elapsed_s"] > 4.0)
    room.call("level", {"by_db": -6})
    seq = room.call("note", pressed())["seq"]
    room.kaproom("note", "breath", "--at", wall(1.5))
    with pytest.raises(Mend, match="lies ahead"):
        room.call("note", pressed(at=wall(-120)))
    room.call("note", pressed(category="comfort", ago_s=600))
    room.kaproom("infusion", "bolus", "5", "--at", wall(1))
    at_once, breath, comfort = entries(room, "note")
    assert (at_once.late, breath.late, comfort.late) == (False, True, True)
    assert breath.fields["told_at"] == breath.at.utc.astimezone().strftime("%H:%M:%S")
    assert entries(room, "infusion")[-1].late
    for entry in (at_once, breath):
        assert entry.heard is not None and entry.clock is not None
        assert {"cue", "title", "position_s", "silent", "frame", "position_frames"} <= {
            *entry.heard
        }
        off = entry.heard["position_frames"] / entry.heard["rate_hz"] - entry.heard["position_s"]
        assert abs(off) < 2e-5
    assert at_once.heard is not None and breath.heard is not None
    assert at_once.heard["gain_db"] == -12.0 and breath.heard["gain_db"] == -6.0
    apart_s = (at_once.at.mono_ns - breath.at.mono_ns) / NS_PER_S
    apart_frames = at_once.heard["frame"] - breath.heard["frame"]
    assert abs(apart_frames / at_once.heard["rate_hz"] - apart_s) < 0.05
    assert comfort.heard is None and comfort.phase == "settling"  # before the session
    assert at_once.clock is not None and at_once.clock["steps"] == 0
    # The next daemon knows where the sound was from what this one wrote.
    room.kill()
    room.start()
    room.wait_for(lambda s: s["sound"]["state"] == "playing")
    again = room.call("note", pressed(category="comfort", ago_s=ago(breath)))["seq"]
    told = next(w for w in written(room) if w.seq == again).entry
    assert told.heard is not None and told.heard["cue"] == breath.heard["cue"]
    apart_s = (told.at.mono_ns - breath.at.mono_ns) / NS_PER_S
    apart_frames = told.heard["frame"] - breath.heard["frame"]
    assert abs(apart_frames / told.heard["rate_hz"] - apart_s) < 0.05
    # A corrected time takes phase, piece and level of that time with it.
    room.kaproom("amend", str(seq), "--at", wall(300), "--category", "speech", "--by", "AB")
    amendment = entries(room, "amendment")[0]
    assert amendment.fields["corrected"]["phase"] == "settling"
    assert amendment.fields["corrected"]["heard"] is None
    shown = next(n for n in room.status()["notes"]["recent"] if n["seq"] == seq)
    assert shown["category"] == "tears" and shown["amendments"][0]["category"] == "speech"
    assert shown["amendments"][0]["who"] == "AB" and shown["amendments"][0]["to_utc"]


def test_a_stamp_that_cannot_be_true_costs_nobody_the_note(room: LivingRoom) -> None:
    room.begin(sounding=False)
    answer = room.call("note", pressed(-3600.0))
    assert "lay in the future, so its arrival counts" in answer["line"]
    note = entries(room, "note")[0]
    assert note.fields["stamp"] == "future"
    assert 0 <= note.entered.mono_ns - note.at.mono_ns < 1_000


def test_what_is_amended_is_a_note_and_the_line_says_what_else_it_is(room: LivingRoom) -> None:
    room.begin(sounding=False)
    seq = room.call("note", pressed())["seq"]
    text = room.call("note-text", {"seq": seq, "text": "left"})["seq"]
    first = room.call("amend", {"seq": seq, "text": "right"})["seq"]
    pump = room.call("infusion", {"what": "started"})["seq"]
    for wrong, words in (
        (text, f"entry {text} is the text of note {seq}"),
        (first, f"entry {first} amends note {seq}; amend that one"),
        (pump, f"entry {pump} is no note of this session: it tells of 'infusion'"),
        (1, "entry 1 is no note of this session"),
    ):
        with pytest.raises(Mend, match=words):
            room.call("amend", {"seq": wrong, "text": "x"})
    room.call("amend", {"seq": seq, "in_error": True})
    assert room.status()["notes"]["count"] == 0


def test_notes_come_after_the_end_after_a_restart_and_to_sessions_further_back(
    room: LivingRoom,
) -> None:
    room.kill()
    first = _ended_session(room.data)
    room.start()
    assert room.status()["session"]["state"] == "ended"
    late = room.call("note", pressed(category="speech"))
    assert "after the session's end (entry " in late["line"]
    seq = room.call("note", pressed())["seq"]
    room.call("amend", {"seq": seq, "text": "on the way out"})
    second = room.begin(sounding=False)
    room.call("note", pressed())
    with pytest.raises(Mend, match=f"entry {seq} is no note of this session"):
        room.call("amend", {"seq": seq, "text": "x"})
    room.kaproom("amend", str(seq), "--session", first[:8], "at the door")
    room.kaproom("note", "integration", "still with me", "--session", first[:8], "--by", "cd")
    with pytest.raises(Mend, match="no session is called"):
        room.call("note", pressed(session="beef"))
    with pytest.raises(Refused, match="only notes and amendments"):
        room.call("hold", {"session": first})
    notes = sorted((x.session == second, x.fields["category"]) for x in entries(room, "note"))
    mine = [(False, one) for one in ("integration", "speech", "tears")]
    assert notes == [*mine, (True, "tears")]
    afterwards = next(x for x in entries(room, "note") if x.fields["integration"])
    assert (afterwards.phase, afterwards.session_s, afterwards.who) == (None, None, "CD")
    assert verify(room.data).whole


def _ended_session(data: Path) -> str:
    """One that was ended a minute ago, by a daemon that is gone."""
    silent = SilentRoom(data, HandClock.behind(120))
    silent.passes(50)
    silent.does("end")
    silent.passes(10)
    with Record.open(data) as record:
        record.append(silent.entries)
    return silent.entries[0].session or ""


STEPPING = """
import sys
from datetime import timedelta
from pathlib import Path
from kaproom import clock
by = Path(sys.argv.pop(1))
read = clock.utc
clock.utc = lambda: read() + timedelta(seconds=float(by.read_text() or 0))
from kaproom.cli import main
main()
"""


def test_a_wall_clock_that_steps_by_an_hour_leaves_the_session_s_times_alone(
    tmp_path: Path, runtime: Path
) -> None:
    # The machine's own clock is not touched: only this daemon reads another.
    by, program = tmp_path / "by", tmp_path / "stepping.py"
    by.write_text("0")
    program.write_text(STEPPING)
    room = LivingRoom(tmp_path / "data", runtime)
    room.program = [sys.executable, str(program), str(by)]
    room.start()
    try:
        room.begin(sounding=False)
        room.call("infusion", {"what": "started"})
        began = room.status()
        for seconds in ("3600", "-3600"):
            by.write_text(seconds)
            count = len(entries(room, "clock-step"))
            until(lambda n=count: len(entries(room, "clock-step")) > n, what="the step")  # type: ignore[misc]
        room.call("note", pressed())
        after = room.status()
        steps = [round(x.fields["by_s"]) for x in entries(room, "clock-step")]
        assert steps == [3600, -7200]
        passed_s = after["session"]["open_s"] - began["session"]["open_s"]
        assert 0 < passed_s < 60
        note = entries(room, "note")[0]
        assert note.clock is not None and note.clock["steps"] == 2
        assert note.session_s is not None and 0 < note.session_s < 60
        started = entries(room, "infusion")[0]
        assert note.session_s == pytest.approx(
            (note.at.mono_ns - started.at.mono_ns) / NS_PER_S, abs=1e-5
        )
        assert datetime.fromisoformat(entries(room, "clock-step")[0].fields["is_utc"])
    finally:
        room.close()
