"""The room's service, with its real player and record; only the headphones are silent."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest
from pulse import NullSink, until
from rooms import LivingRoom

from kaproom.clock import NS_PER_S, boot_id, mono_ns
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.places import sockets
from kaproom.record import Record, verify


def test_a_session_is_begun_noted_in_and_ended(room: LivingRoom) -> None:
    session = room.begin("iv-40-calm-from-35", weight_kg=80)
    assert room.status()["phase"]["name"] == "settling"
    assert room.status()["infusion"]["dose"]["planned_mg"] == 40
    answer = room.call("infusion", {"what": "started"})
    assert answer["line"].startswith("Recorded ")
    assert "infusion started." in answer["line"]
    assert answer["line"].endswith("kaproom cannot touch the pump.")
    assert room.call("note", {"category": "tears", "text": "quiet"})["seq"] > answer["seq"]
    assert room.status()["phase"]["name"] == "onset"
    room.call("end")
    room.wait_for(lambda s: s["session"]["state"] == "ended")
    assert room.status()["infusion"]["dose"]["planned_mg"] is None, "the weight is gone"
    until(lambda: "session-ended" in room.kinds(session), what="the session's end in the record")
    kinds = room.kinds(session)
    assert kinds[0] == "session-started"
    assert [k for k in kinds if k in ("infusion", "note", "end", "session-ended")] == [
        *("infusion", "note", "end", "session-ended")
    ]
    assert verify(room.data).whole
    room.begin()  # the next patient's, at once
    with room.ring() as ring:
        until(lambda: ring.gain_now_db > -40.0, what="the next patient's music")


def test_a_note_keeps_the_instant_of_its_key_press_and_what_was_audible(room: LivingRoom) -> None:
    session = room.begin()
    pressed_ns = mono_ns() - 400_000_000
    room.call("note", {"category": "speech", "mono_ns": pressed_ns, "boot_id": boot_id()})
    with Record.open(room.data, read_only=True) as record:
        note = [w.entry for w in record.entries(session) if w.entry.kind == "note"][-1]
    assert note.at.mono_ns == pressed_ns
    assert note.entered.mono_ns - note.at.mono_ns >= 400_000_000
    assert note.phase == "settling"
    assert note.heard is not None and note.heard["title"] == "ocean"
    assert not note.late
    assert note.session_s is None


@pytest.mark.parametrize(
    ("do", "args", "kind", "words"),
    [
        ("infusion", {"what": "resumed"}, Refused, "nothing is paused"),
        ("infusion", {"what": "stopped"}, Refused, "nothing runs that could be stopped"),
        ("start", {}, Refused, "a session is open already"),
        ("return", {}, Refused, "there is nothing to return from"),
        ("back", {}, Refused, "nobody is away"),
        ("advance", {}, Refused, "lasts until the infusion's start is recorded"),
        ("note", {"category": "mood"}, Mend, "it has eyes-open, tears"),
        ("dance", {}, Mend, "is not a command"),
    ],
)
def test_what_would_be_wrong_now_is_refused_and_changes_nothing(
    room: LivingRoom, do: str, args: dict[str, Any], kind: type[Exception], words: str
) -> None:
    by_itself = ("sound", "player", "piece")
    session = room.begin(sounding=False)
    before = room.status()
    entries = len([k for k in room.kinds(session) if not k.startswith(by_itself)])
    with pytest.raises(kind, match=words):
        room.call(do, args)
    after = room.status()
    for part in ("phase", "infusion"):
        assert after[part].get("name") == before[part].get("name")
        assert after[part].get("state") == before[part].get("state")
    assert after["notes"] == before["notes"]
    kinds = [k for k in room.kinds(session) if not k.startswith(by_itself)]
    assert len(kinds) == entries


def test_without_a_session_every_command_says_how_to_begin_one(room: LivingRoom) -> None:
    with pytest.raises(Refused, match="kaproom start PROFILE"):
        room.call("note", {"category": "tears"})


def test_a_second_daemon_for_the_same_room_refuses_to_start(room: LivingRoom) -> None:
    said = room.kaproom("daemon", status=1)
    assert "already" in said or "serves" in said, said
    assert room.status()["room"] == "one"


def test_what_was_acknowledged_is_there_after_kill_9(room: LivingRoom) -> None:
    session = room.begin(sounding=False)
    seqs = [room.call("note", {"category": "tears", "text": str(n)})["seq"] for n in range(5)]
    room.kill()
    with Record.open(room.data, read_only=True) as record:
        notes = {w.seq for w in record.entries(session) if w.entry.kind == "note"}
    assert notes == set(seqs)
    assert verify(room.data).whole


def test_a_killed_daemon_is_not_heard_and_the_next_one_picks_the_session_up(
    room: LivingRoom,
) -> None:
    session = room.begin()
    room.call("infusion", {"what": "started"})
    room.call("note", {"category": "tears", "text": "before"})
    room.call("level", {"by_db": -2})
    before = room.status()
    room.kill()
    with room.ring() as ring:
        player, read, underruns = ring.player_pid, ring.read_frame, ring.underruns
        until(lambda: ring.read_frame > read + ring.rate_hz, what="sound without a daemon")
        room.start()
        room.wait_for(lambda s: s["sound"]["state"] == "playing")
        after = room.status()
        assert ring.player_pid == player
        assert ring.underruns == underruns
        assert ring.gain().target_db == pytest.approx(-8.0)
    assert after["session"]["id"] == session
    assert after["notes"]["count"] == 1
    assert after["notes"]["recent"][0]["text"] == "before"
    assert after["infusion"]["state"] == "running"
    assert after["infusion"]["elapsed_s"] > before["infusion"]["elapsed_s"]
    assert after["phase"]["name"] == "onset"
    assert after["sound"]["level_db"] == before["sound"]["level_db"]
    assert after["boot"] == before["boot"] + 1


def test_a_command_sent_again_is_done_once_even_across_a_restart(room: LivingRoom) -> None:
    session = room.begin(sounding=False)
    first = room.call("note", {"category": "tears"}, id="press-1")
    assert room.call("note", {"category": "tears"}, id="press-1") == first
    room.kill()
    room.start()
    again = room.call("note", {"category": "tears"}, id="press-1")
    assert again["seq"] == first["seq"]
    assert room.kinds(session).count("note") == 1


def test_a_killed_player_is_replaced_before_the_ring_runs_dry(room: LivingRoom) -> None:
    room.begin()
    with room.ring() as ring:
        until(lambda: ring.space_frames() < ring.rate_hz // 2, what="a full ring")
        underruns = ring.underruns
        killed = room.kill_player()
        until(lambda: ring.player_pid != killed, what="the next player")
        written = ring.write_frame
        until(lambda: ring.write_frame > written, what="what the next player writes")
        assert ring.underruns == underruns


def fill_the_disk(room: LivingRoom) -> None:
    """Notes, until not even the smallest fits."""
    for size in (9_900, 300, 0):
        with pytest.raises(WorldFailed, match="done, not recorded"):
            for _ in range(4_000):
                room.call("note", {"category": "tears", "text": "x" * size})


def test_a_full_disk_refuses_the_note_loudly_and_keeps_the_sound(
    tmp_path: Path, runtime: Path
) -> None:
    room = LivingRoom(tmp_path / "data", runtime)
    # No file may grow over this; the record is then as on a full disk.
    room.start(file_limit_bytes=6_000_000)
    try:
        session = room.begin()
        fill_the_disk(room)
        assert room.status()["record"]["failing"]
        with pytest.raises(WorldFailed, match="done, not recorded"):
            room.call("duck")
        assert room.status()["sound"]["state"] == "ducked"
        with room.ring() as ring:
            read = ring.read_frame
            until(lambda: ring.read_frame > read, what="sound with a full disk")
        assert verify(room.data).whole
        assert room.kinds(session)[0] == "session-started"
    finally:
        room.close()


def test_garbage_on_the_socket_disturbs_nobody(room: LivingRoom) -> None:
    room.begin(sounding=False)
    for garbage in (b"\0" * 5_000, b"{" * 50_000 + b"\n", os.urandom(3_000) + b"\n", b'{"id":1}\n'):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(sockets(room.runtime).daemon))
            stranger.sendall(garbage)
            assert room.call("note", {"category": "tears"})["seq"]


def test_an_asked_daemon_leaves_and_the_player_plays_on(room: LivingRoom) -> None:
    room.begin()
    assert room.terminate() == 0
    with room.ring() as ring:
        read = ring.read_frame
        until(lambda: ring.read_frame > read + ring.rate_hz // 2, what="sound without a daemon")


@pytest.mark.parametrize(("command", "state"), [("duck", "ducked"), ("fade", "faded")])
def test_with_the_daemon_dead_the_sound_is_lowered_recorded_and_stays_so(
    room: LivingRoom, command: str, state: str
) -> None:
    session = room.begin()
    room.kill()
    said = room.kaproom(command, status=1)
    assert "the daemon does not run: done at the player, and recorded" in said
    with room.ring() as ring:
        lowered_db = ring.gain().target_db
        assert lowered_db < -20.0
        room.start()
        room.wait_for(lambda s: s["sound"]["state"] == state)
        assert ring.gain().target_db == lowered_db
    assert command in room.kinds(session)


def test_an_end_with_the_daemon_dead_is_an_end(room: LivingRoom) -> None:
    session = room.begin()
    room.kill()
    room.kaproom("end", status=1)
    room.start()
    until(lambda: "session-ended" in room.kinds(session), 20, "the session's end")
    room.begin(sounding=False)


def test_a_daemon_that_hangs_keeps_nobody_from_lowering_the_sound(room: LivingRoom) -> None:
    session = room.begin()
    room.freeze()
    try:
        said = room.kaproom("fade", status=1)
    finally:
        room.thaw()
    assert "does not answer: done at the player; recorded when it answers again" in said
    room.wait_for(lambda s: s["sound"]["state"] == "faded")
    until(lambda: room.kinds(session).count("fade") == 1, what="the record of it")


def test_a_player_that_hangs_is_replaced_before_the_ring_is_empty(room: LivingRoom) -> None:
    room.begin()
    with room.ring() as ring:
        until(lambda: ring.space_frames() < ring.rate_hz, what="a full ring")
        hung = ring.player_pid
        os.kill(hung, signal.SIGSTOP)
        until(lambda: ring.player_pid != hung, 20, "the next player")
        written = ring.write_frame
        until(lambda: ring.write_frame > written, what="what it writes")


def test_a_keeper_that_hangs_is_replaced_and_its_stream_plays_on(room: LivingRoom) -> None:
    room.begin()
    with room.ring() as ring:
        hung, stream = ring.keeper_pid, ring.stream_pid
        os.kill(hung, signal.SIGSTOP)
        until(lambda: ring.keeper_pid != hung, 20, "the next keeper")
        read = ring.read_frame
        until(lambda: ring.read_frame > read + ring.rate_hz // 2, what="sound that goes on")
        assert ring.stream_pid == stream


def test_after_a_machine_stood_still_nobody_is_replaced(
    tmp_path: Path, runtime: Path, own_cans: NullSink
) -> None:
    """As a virtual machine does that its host does not run for seconds."""
    room = LivingRoom(tmp_path / "data", runtime, device="auto")
    room.start()
    try:
        room.begin()
        with room.ring() as ring:
            until(lambda: ring.space_frames() < ring.rate_hz, what="a full ring")
            until(lambda: psutil.Process(ring.keeper_pid).children(), what="a keeper's spare")
            there = (ring.player_pid, ring.keeper_pid, ring.stream_pid)
            spare = [child.pid for child in psutil.Process(ring.keeper_pid).children()]
            all_of_it = {room.daemon_pid, own_cans.pid, own_cans.listener_pid, *there, *spare}
            for pid in all_of_it:
                os.kill(pid, signal.SIGSTOP)
            until_ns = mono_ns() + 4 * NS_PER_S
            until(lambda: mono_ns() > until_ns, what="the pause's end")
            for pid in all_of_it:
                os.kill(pid, signal.SIGCONT)
            read = ring.read_frame
            until(lambda: ring.read_frame > read + 3 * ring.rate_hz, what="sound that goes on")
            assert (ring.player_pid, ring.keeper_pid, ring.stream_pid) == there
            assert (ring.underruns, ring.device_state) == (0, "device")
    finally:
        room.close()


def test_what_a_full_disk_did_not_take_is_written_once_there_is_room(
    tmp_path: Path, runtime: Path
) -> None:
    room = LivingRoom(tmp_path / "data", runtime)
    room.start(file_limit_bytes=6_000_000)
    try:
        session = room.begin(sounding=False)
        room.call("infusion", {"what": "started"})
        fill_the_disk(room)
        with pytest.raises(WorldFailed, match="kept, and written once there is room"):
            room.call("infusion", {"what": "paused"})
        room.lift_limit()
        room.wait_for(lambda s: not s["record"]["failing"])
        room.call("infusion", {"what": "resumed"})
        notes = room.status()["notes"]["count"]
        with Record.open(room.data, read_only=True) as record:
            entries = [w.entry for w in record.entries(session)]
        did = [x.fields["what"] for x in entries if x.kind == "infusion"]
        assert did == ["started", "paused", "resumed"]
        assert [x.kind for x in entries].count("note") == notes
        assert verify(room.data).whole
    finally:
        room.close()


def test_sound_that_belongs_to_no_session_is_faded_out(room: LivingRoom) -> None:
    room.begin()
    room.kill()
    for file in room.data.glob("record.sqlite3*"):
        file.unlink()
    with room.ring() as ring:
        room.start()
        until(lambda: not ring.playing, 20, "the end of that sound")


def test_a_daemon_that_leaves_an_idle_room_leaves_no_player_behind(room: LivingRoom) -> None:
    with room.ring_when_there() as ring:
        player = ring.player_pid
    assert room.terminate() == 0
    until(lambda: not Path(f"/proc/{player}").exists(), what="the player's end")


def test_an_amendment_is_of_a_note_of_this_session(room: LivingRoom) -> None:
    room.begin(sounding=False)
    answer = room.call("note", {"category": "tears", "text": "left hand"})
    assert f"(entry {answer['seq']})" in answer["line"]
    room.call("amend", {"seq": answer["seq"], "text": "right hand"})
    for seq in (1, 999):
        with pytest.raises(Mend, match=f"entry {seq} is no note of this session"):
            room.call("amend", {"seq": seq, "text": "x"})


def test_the_daemon_looks_at_the_machine_for_whoever_asks_and_waits_for_nobody(
    room: LivingRoom,
) -> None:
    found = room.call("survey", timeout_s=20.0)["findings"]
    assert any(one["where"] == "sound device" and one["level"] == "warn" for one in found), found
    assert all(one["line"] and "\n" not in one["line"] for one in found)
