"""The player as a process, with a stand-in at the ring's other end and the real output.

The stand-in takes frames as fast as they come, so minutes pass in seconds; what it takes
is the capture: the frames handed over.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from recordings import music, written

from kaproom.audio.answers import status
from kaproom.audio.grain import GRAIN_FRAMES
from kaproom.audio.kept import KEPT_FILE, Kept, found, keep
from kaproom.audio.mixer import render
from kaproom.audio.player import SOCKET_FILE
from kaproom.audio.programme import Bed, Cue, Programme, Track
from kaproom.audio.ring import RING_FILE, SILENCE_DB, GainTarget, Ring, RingError
from kaproom.audio.stereo import Block
from kaproom.audio.tone import GAIN_DB, LENGTH_S, pulses, tone_programme
from kaproom.clock import mono_ns
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client
from kaproom.places import sockets

RATE_HZ = 48_000
BED = Bed("drone", 5)
PATIENCE_S = 20.0


def frames(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def until(true: Callable[[], Any], timeout_s: float = PATIENCE_S) -> None:
    """Wait for something that only memory tells."""
    begun_ns = mono_ns()
    pause = threading.Event()
    while not true():
        assert mono_ns() - begun_ns < timeout_s * 1e9, "it never came"
        pause.wait(0.002)


def runs(pid: int) -> bool:
    """Whether there is such a process, and not only its name that nobody collected."""
    return psutil.pid_exists(pid) and str(psutil.Process(pid).status()) != "zombie"


class StandIn:
    """The ring's other end, in place of an output: takes frames as fast as they come."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.taken: list[Block] = []

    def take(self, length: int) -> Block:
        """The next frames; waits for the player."""
        parts: list[Block] = []
        ring = self.ring
        while length:
            until(lambda: ring.write_frame > ring.read_frame)
            ready = min(length, ring.write_frame - ring.read_frame)
            parts.append(ring.copy(ring.read_frame, ready))
            ring.read_frame += ready
            length -= ready
        self.taken += parts
        return np.concatenate(parts)

    @property
    def capture(self) -> Block:
        return np.concatenate(self.taken)


# A player that leaves the output to the test.
WITHOUT_OUTPUT = """
import sys
from kaproom.audio import player
player.start_output = player.stop_output = lambda *asked: None
player.output_alive = lambda ring: True
sys.exit(player.main(sys.argv[1:]))
"""


class Room:
    """A runtime folder with a player in it."""

    def __init__(self, runtime: Path) -> None:
        self.runtime = runtime
        self.real_output = False
        self._open = ExitStack()
        self.process: subprocess.Popen[str]

    def start(self, *more: str) -> Room:
        """Start a player; it answers when this returns."""
        self.process = self.launched(*more)
        self._open.callback(self.end, self.process)
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        try:
            Client(self.runtime / SOCKET_FILE, "test").close()
        except WorldFailed:
            return False
        return True

    def launched(self, *more: str) -> subprocess.Popen[str]:
        program = ["-m", "kaproom.audio.player"] if self.real_output else ["-c", WITHOUT_OUTPUT]
        return subprocess.Popen(
            [sys.executable, *program, str(self.runtime), "--device", "silent", *more],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def client(self) -> Client:
        return self._open.enter_context(Client(self.runtime / SOCKET_FILE, "test"))

    def ring(self) -> Ring:
        ring = Ring.attach(self.runtime / RING_FILE)
        self._open.callback(ring.close)
        return ring

    def stand_in(self) -> StandIn:
        return StandIn(self.ring())

    def killed(self) -> None:
        """End the player as a crash would."""
        self.process.kill()
        self.process.wait()
        # A dead player's socket stays; its going away must not be waited for.
        (self.runtime / SOCKET_FILE).unlink(missing_ok=True)

    @staticmethod
    def end(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.kill()
        process.communicate()

    def close(self) -> None:
        self._open.close()
        try:
            ring = Ring.attach(self.runtime / RING_FILE)
        except RingError:
            return
        for pid in (ring.keeper_pid, ring.stream_pid):
            if pid and runs(pid):
                os.kill(pid, signal.SIGKILL)
        ring.close()


@pytest.fixture
def room(runtime: Path) -> Iterator[Room]:
    """No player yet."""
    made = Room(runtime)
    yield made
    made.close()


@pytest.fixture
def songs(tmp_path: Path) -> tuple[str, str]:
    """Two files of 30 s at the ring's rate."""
    return (
        str(written(tmp_path / "one.wav", music(30.0), subtype="FLOAT")),
        str(written(tmp_path / "two.flac", music(30.0, seed=4))),
    )


def two_songs(songs: tuple[str, str], at: int = 0) -> Programme:
    return Programme(
        (
            Cue("one", at + 5_000, frames(1), Track(songs[0], 1.0), -3.0),
            Cue("two", at + frames(6), frames(3), Track(songs[1]), -7.0),
            Cue("end", at + frames(20), frames(8), BED, -6.0),
        ),
        BED,
    )


def sent(client: Client, programme: Programme) -> dict[str, Any]:
    return client.call("programme", {"programme": programme.to_json()})


def rendered(programme: Programme, from_frame: int, length: int) -> Block:
    return np.concatenate(list(render(programme, RATE_HZ, from_frame, length)))


def now_playing(client: Client) -> Programme:
    return Programme.from_json(client.call("status")["programme"])


def test_the_capture_is_the_render_bit_by_bit(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    assert sent(client, two_songs(songs)) == {"write_frame": 0, "started": []}
    stand_in.take(frames(3))
    calm = Programme(
        (Cue("calm", 0, frames(4), Track(songs[1], 2.0), -12.0), Cue("z", frames(40), 9, BED)), BED
    )
    answer = sent(client, calm)
    at = answer["write_frame"]
    assert frames(3) <= at <= frames(6)
    assert answer["started"] == [["one", 5_000], ["calm", at]]
    stand_in.take(frames(9))
    played = now_playing(client)
    assert [c.id for c in played.cues] == ["one", "calm", "z"]
    np.testing.assert_array_equal(stand_in.capture, rendered(played, 0, frames(12)))


def test_a_killed_player_is_not_missed(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    sent(room.client(), two_songs(songs))
    # In the first piece, in the crossfade, and in the second.
    for length_s in (2.0, 3.5, 4.0):
        stand_in.take(frames(length_s))
        until(lambda: stand_in.ring.space_frames() < GRAIN_FRAMES)
        room.killed()
        # What is in the ring is still there.
        assert stand_in.ring.write_frame - stand_in.ring.read_frame >= frames(2.0)
        room.start()
    stand_in.take(frames(3))
    played = now_playing(room.client())
    assert [c.id for c in played.cues] == ["one", "two", "end"]
    expected = rendered(played, 0, len(stand_in.capture))
    np.testing.assert_array_equal(stand_in.capture, expected)


def test_a_player_is_there_within_the_rings_length(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    sent(room.client(), two_songs(songs))
    stand_in.take(frames(2))
    room.killed()
    begun_ns = mono_ns()
    left = stand_in.ring.write_frame - stand_in.ring.read_frame
    room.start()
    stand_in.take(left + 1)
    assert (mono_ns() - begun_ns) / 1e9 < 2.0


def test_the_music_goes_on_without_any_client(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    sent(client, two_songs(songs))
    client.close()
    heard = stand_in.take(frames(10))
    np.testing.assert_array_equal(heard, rendered(two_songs(songs), 0, frames(10)))


def test_what_cannot_be_played_is_refused_and_changes_nothing(
    room: Room, songs: tuple[str, str]
) -> None:
    room.start().stand_in()
    client = room.client()
    sent(client, two_songs(songs))
    before = client.call("status")["programme"]
    good = two_songs(songs)
    nonsense: list[Any] = [
        {},
        {"programme": None},
        {"programme": [1, 2]},
        {"programme": "x" * 1000},
        {"programme": good.to_json() | {"cues": []}},
        {"programme": good.to_json() | {"ceiling_dbtp": 6.0}},
        {"programme": replace(good, fallback=Bed("birdsong", 1)).to_json()},
        # Its last cue would have started already, and be followed by nothing.
        {"programme": replace(good, cues=(Cue("q", 1, 1, BED), replace(good.cues[0]))).to_json()},
    ]
    for args in nonsense:
        with pytest.raises(Mend) as caught:
            client.call("programme", args)
        assert "\n" not in str(caught.value)
    with pytest.raises(Mend, match="knows programme, status, gain, close, stop"):
        client.call("rewind")
    with pytest.raises(Mend, match="must be a number"):
        client.call("gain", {"target_db": "loud"})
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(str(room.runtime / SOCKET_FILE))
        raw.sendall(b"\x00\xff garbage\n" * 50)
        raw.settimeout(PATIENCE_S)
        while raw.recv(65_536):
            pass
    assert client.call("status")["programme"] == before
    assert json.loads((room.runtime / KEPT_FILE).read_text())["programme"] == before


def test_cues_and_failures_are_told_as_they_are_written(
    room: Room, songs: tuple[str, str], tmp_path: Path
) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    gone = str(tmp_path / "gone.flac")
    client.pushes()
    sent(
        client,
        Programme(
            (
                Cue("one", 4_000, frames(1), Track(songs[0])),
                Cue("two", frames(5), frames(2), Track(gone)),
                Cue("end", frames(12), frames(2), BED),
            ),
            BED,
        ),
    )
    stand_in.take(frames(13))
    client.call("status")
    told = [p for p in client.pushes() if p["push"] in ("cue", "failed")]
    assert [(p["id"], p["frame"]) for p in told if p["push"] == "cue"] == [
        ("one", 4_000),
        ("two+fallback", frames(5)),
        ("end", frames(12)),
    ]
    [failed] = [p for p in told if p["push"] == "failed"]
    assert failed["id"] == "two" and failed["why"].startswith(f"{gone}: does not exist")
    assert client.call("status")["failures"] == [
        {"id": "two", "why": failed["why"], "frame": frames(5)}
    ]
    # A successor knows it as well, and does not tell it again.
    room.killed()
    room.start()
    assert len(room.client().call("status")["failures"]) == 1


def test_close_drops_the_programme_and_the_next_one_begins_clean(
    room: Room, songs: tuple[str, str]
) -> None:
    stand_in = room.start().stand_in()
    ring = stand_in.ring
    client = room.client()
    sent(client, two_songs(songs))
    stand_in.take(frames(2))
    ring.set_gain(-6.0, 1.0)
    client.call("close")
    assert ring.gain().target_db == SILENCE_DB and ring.gain().fall_s == 3.0
    ring.gain_now_db = SILENCE_DB
    until(lambda: client.call("status")["programme"] is None)
    until(lambda: ring.read_frame == ring.write_frame)
    assert not (room.runtime / KEPT_FILE).exists() and ring.playing == 0
    at = ring.write_frame
    assert sent(client, two_songs(songs, at))["write_frame"] == at
    heard = stand_in.take(frames(3))
    np.testing.assert_array_equal(heard, rendered(two_songs(songs, at), at, frames(3)))


def test_stop_ends_the_player_and_leaves_nothing_to_play(
    room: Room, songs: tuple[str, str]
) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    sent(client, two_songs(songs))
    stand_in.take(frames(1))
    stand_in.ring.gain_now_db = SILENCE_DB
    client.call("stop")
    assert room.process.wait(PATIENCE_S) == 0
    assert not (room.runtime / KEPT_FILE).exists()
    assert not (room.runtime / SOCKET_FILE).exists()
    room.start()
    assert room.client().call("status")["programme"] is None


def test_sigterm_fades_and_a_restart_goes_on_with_the_gain_it_had(
    room: Room, songs: tuple[str, str]
) -> None:
    stand_in = room.start().stand_in()
    ring = stand_in.ring
    ring.set_gain(-6.0, 1.0)
    ring.gain_now_db = -6.0
    sent(room.client(), two_songs(songs))
    stand_in.take(frames(2))
    room.process.terminate()
    until(lambda: ring.gain().target_db == SILENCE_DB)
    assert ring.gain().fall_s == 3.0
    ring.gain_now_db = SILENCE_DB
    assert room.process.wait(PATIENCE_S) == 0
    assert ring.gain().target_db == -6.0
    room.start()
    stand_in.take(frames(3))
    np.testing.assert_array_equal(stand_in.capture, rendered(two_songs(songs), 0, frames(5)))


def test_a_player_stopped_long_ago_is_not_taken_up(room: Room, songs: tuple[str, str]) -> None:
    stopped_ns = mono_ns() - 31_000_000_000
    Ring.create(room.runtime / RING_FILE, RATE_HZ).close()
    keep(room.runtime, Kept(two_songs(songs), stopped_ns=stopped_ns))
    room.start()
    assert room.client().call("status")["programme"] is None


def test_sighup_hands_over_without_a_seam(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    ring = stand_in.ring
    ring.set_gain(-6.0, 1.0)
    sent(room.client(), two_songs(songs))
    stand_in.take(frames(2))
    room.process.send_signal(signal.SIGHUP)
    assert room.process.wait(PATIENCE_S) == 0
    assert ring.gain().target_db == -6.0
    room.start()
    stand_in.take(frames(4))
    np.testing.assert_array_equal(stand_in.capture, rendered(two_songs(songs), 0, frames(6)))


def test_a_second_player_says_one_line_and_ends(room: Room) -> None:
    room.start()
    second = room.launched()
    _, said = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert said.count("\n") == 1 and "a player runs here already" in said
    assert room.client().call("status")["write_frame"] == 0


def test_a_folder_that_is_not_there_is_said_in_one_line(room: Room, tmp_path: Path) -> None:
    room.runtime = tmp_path / "nowhere"
    process = room.launched()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said.count("\n") == 1 and "make the runtime folder writable" in said


@pytest.mark.parametrize("left", ["", "{", '{"kaproom": "player/9"}', "[]", '{"kaproom": 1}'])
def test_a_damaged_leaving_does_not_keep_the_player_down(room: Room, left: str) -> None:
    (room.runtime / KEPT_FILE).write_text(left)
    room.start()
    assert room.client().call("status")["programme"] is None


def test_a_damaged_ring_is_laid_anew(room: Room, songs: tuple[str, str]) -> None:
    (room.runtime / RING_FILE).write_bytes(b"not a ring" * 1000)
    keep(room.runtime, Kept(two_songs(songs)))
    stand_in = room.start().stand_in()
    client = room.client()
    assert client.call("status")["programme"] is None
    sent(client, two_songs(songs))
    assert len(stand_in.take(frames(1))) == frames(1)


@pytest.mark.parametrize(
    ("option", "value", "range_"),
    [("--latency-ms", "900", "10 to 800"), ("--rate-hz", "22050", "32000 to 192000")],
)
def test_what_no_output_could_have_is_refused_before_anything_starts(
    room: Room, option: str, value: str, range_: str
) -> None:
    process = room.launched(option, value)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said.endswith(f"{option} is {value}; it must be {range_}\n")
    assert not (room.runtime / RING_FILE).exists()


@pytest.mark.parametrize("gone", ["ring", "folder"])
def test_a_player_whose_ring_was_deleted_ends_with_its_output(
    room: Room, songs: tuple[str, str], gone: str
) -> None:
    room.real_output = True
    client, ring = room.start().client(), room.ring()
    sent(client, two_songs(songs))
    until(lambda: ring.stream_pid and ring.read_frame)
    if gone == "ring":
        (room.runtime / RING_FILE).unlink()
    else:
        shutil.rmtree(room.runtime)
    _, said = room.process.communicate(timeout=PATIENCE_S)
    assert room.process.returncode == 1
    assert said == (
        f"player: {room.runtime / RING_FILE} was deleted; this player ends, "
        "the next one lays it anew\n"
    )
    until(lambda: not runs(ring.keeper_pid) and not runs(ring.stream_pid))
    if gone == "ring":
        again = room.start().ring()
        # What was left of the programme is of no use to frames that count from 0 again.
        assert (room.client().call("status")["programme"], again.write_frame) == (None, 0)


def test_a_programme_that_no_player_survives_gives_way_to_the_fallback(
    room: Room, songs: tuple[str, str]
) -> None:
    ring = Ring.create(room.runtime / RING_FILE, RATE_HZ)
    ring.write_frame = ring.read_frame = frames(3)
    ring.close()
    keep(room.runtime, Kept(two_songs(songs), attempts=3, frame=frames(3)))
    stand_in = room.start().stand_in()
    played = now_playing(room.client())
    assert [c.source for c in played.cues] == [BED]
    np.testing.assert_array_equal(stand_in.take(frames(2)), rendered(played, frames(3), frames(2)))


def test_a_crash_is_counted_only_where_nothing_was_played_since(
    room: Room, songs: tuple[str, str]
) -> None:
    stand_in = room.start().stand_in()
    sent(room.client(), two_songs(songs))
    for _ in range(5):
        stand_in.take(frames(1))
        room.killed()
        room.start()
    left = found(room.runtime)
    assert left is not None and left.attempts == 1
    assert len(now_playing(room.client()).cues) == 3


def test_the_player_loads_no_heavy_library() -> None:
    look = (
        "import sys, kaproom.audio.player; "
        "print(*{'scipy', 'pydantic', 'paho', 'yaml', 'sounddevice'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_socket_is_where_the_others_look_for_it(runtime: Path) -> None:
    assert sockets(runtime).player == runtime / SOCKET_FILE


def test_what_is_said_of_an_unused_ring_is_plain(runtime: Path) -> None:
    ring = Ring.create(runtime / RING_FILE, RATE_HZ)
    said = status(ring, None, [])
    ring.close()
    assert said["programme"] is None and said["fill_s"] == 0.0
    assert said["device"] == {"state": "off", "name": "", "why": ""}


# -- with the real output, on a real clock


def test_the_output_is_started_replaced_when_it_dies_and_ended(
    room: Room, songs: tuple[str, str]
) -> None:
    room.real_output = True
    client = room.start().client()
    ring = room.ring()
    assert ring.device_state == "off"
    ring.set_gain(0.0, 0.1)
    sent(client, two_songs(songs))
    until(lambda: ring.device_state == "silent" and ring.read_frame > 0)
    keeper, stream = ring.keeper_pid, ring.stream_pid
    os.kill(keeper, signal.SIGKILL)
    os.kill(stream, signal.SIGKILL)
    until(lambda: ring.keeper_pid != keeper and ring.stream_pid not in (0, stream))
    moved = ring.read_frame
    until(lambda: ring.read_frame > moved)
    told = client.call("status")
    assert told["device"]["state"] == "silent" and told["fill_s"] > 1.0
    # An adopted output, with its successor: the player's death does not touch it.
    keeper = ring.keeper_pid
    room.killed()
    room.start()
    until(lambda: ring.read_frame > moved + frames(0.5))
    assert ring.keeper_pid == keeper
    room.client().call("stop")
    assert room.process.wait(PATIENCE_S) == 0
    assert ring.device_state == "off" and not runs(keeper)


def test_a_full_runtime_folder_is_said_and_does_not_stop_the_music(
    room: Room, songs: tuple[str, str]
) -> None:
    stand_in = room.start().stand_in()
    # As good as full: the next programme.json cannot be written.
    (room.runtime / f".{KEPT_FILE}.new").mkdir()
    sent(room.client(), two_songs(songs))
    heard = stand_in.take(frames(2))
    np.testing.assert_array_equal(heard, rendered(two_songs(songs), 0, frames(2)))
    room.process.kill()
    _, said = room.process.communicate()
    assert "programme.json: cannot be written" in said


def test_a_player_that_ends_takes_no_new_programme(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    sent(client, two_songs(songs))
    stand_in.take(frames(1))
    stand_in.ring.gain_now_db = -6.0
    client.call("stop")
    with pytest.raises((Refused, WorldFailed)):
        sent(client, two_songs(songs))


def test_a_tone_is_refused_into_a_sessions_music(room: Room, songs: tuple[str, str]) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    sent(client, two_songs(songs))
    with pytest.raises(Refused, match="no tone into it"):
        client.call("tone", {"side": "left"})
    stand_in.ring.gain_now_db = -6.0
    client.call("close")
    with pytest.raises(Refused, match="still fades"):
        client.call("tone", {"side": "left"})
    stand_in.ring.gain_now_db = SILENCE_DB
    until(lambda: client.call("status")["programme"] is None)
    client.call("tone", {"side": "left"})


def test_a_tone_is_asked_for_by_its_side_alone(room: Room) -> None:
    client = room.start().client()
    with pytest.raises(Mend, match="a tone is on the left, the right or both, not 'middle'"):
        client.call("tone", {"side": "middle"})
    with pytest.raises(Mend, match="asked for by its side"):
        sent(client, tone_programme("left", 0))
    client.call("tone", {"side": "right", "gain_db": 0.0})
    assert room.ring().gain() == GainTarget(GAIN_DB, 0.15)


def test_a_tone_ends_by_itself_without_anybody(room: Room) -> None:
    stand_in = room.start().stand_in()
    client = room.client()
    client.call("tone", {"side": "left"})
    stand_in.ring.gain_now_db = GAIN_DB
    assert (stand_in.take(frames(2)) == pulses("left", RATE_HZ, 0, frames(2))).all()
    stand_in.take(frames(LENGTH_S - 1.5))
    until(lambda: stand_in.ring.gain().target_db == SILENCE_DB)
    stand_in.ring.gain_now_db = SILENCE_DB
    until(lambda: client.call("status")["programme"] is None)
    assert not stand_in.ring.playing


@pytest.mark.parametrize("what", ["music", "another tone"])
def test_nothing_of_a_tone_is_left_for_what_follows_it(
    room: Room, songs: tuple[str, str], what: str
) -> None:
    stand_in = room.start().stand_in()
    client, ring = room.client(), stand_in.ring
    client.call("tone", {"side": "left"})
    stand_in.take(frames(1))
    until(lambda: ring.space_frames() < GRAIN_FRAMES)
    if what == "music":
        sent(client, two_songs(songs, at=ring.write_frame))
        start = ring.read_frame
        assert (stand_in.take(frames(5)) == rendered(now_playing(client), start, frames(5))).all()
    else:
        client.call("tone", {"side": "right"})
        assert (stand_in.take(frames(2)) == pulses("right", RATE_HZ, 0, frames(2))).all()


def test_no_player_takes_up_the_tone_of_another(room: Room) -> None:
    room.start().client().call("tone", {"side": "both"})
    room.killed()
    client = room.start().client()
    assert client.call("status")["programme"] is None
    assert not room.ring().playing
