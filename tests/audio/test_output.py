"""The output on a real sound server: what a patient would hear when things die.

Everything is judged on the capture of what the sink played.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pulse import Capture, NullSink, until

from kaproom.audio.outputs import output_alive, sound_outputs, start_output, stop_output
from kaproom.audio.ring import SILENCE_DB, Ring
from kaproom.clock import mono_ns
from kaproom.errors import Mend, WorldFailed

RATE_HZ = 48000
MS = 48  # frames
S = 1_000_000_000
AHEAD = RATE_HZ  # less than a player's 3 s, so that a test need not wait for them
Sound = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def numbered(frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each frame carries its own number, exact in float32 and never zero."""
    return (frames % 2**22 + 1) / 2**23


def tone(frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """1 kHz at half of full scale: 48 frames a period, all 1 ms windows alike."""
    return 0.5 * np.sin(2 * np.pi * (frames % 48) / 48)


class Player:
    """As much of a player as an output needs: it keeps the ring full of one sound."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ring = Ring.create(folder / "ring", RATE_HZ)
        # Never at zero.
        self.ring.write_frame = self.ring.read_frame = 21 * RATE_HZ + 7
        self._sound: Sound | None = None
        self._stop = threading.Event()
        self._filler = threading.Thread(target=self._fill)

    def play(self, sound: Sound, gain_db: float) -> None:
        self.ring.set_gain(gain_db, 0.1)
        self._sound = sound
        self._filler.start()

    def _fill(self) -> None:
        ring = self.ring
        while not self._stop.wait(0.03):
            while (sound := self._sound) is not None:
                space = AHEAD - (ring.write_frame - ring.read_frame)
                if space < 2_400:
                    break
                mono = sound(np.arange(ring.write_frame, ring.write_frame + space))
                ring.write(np.stack([mono, -mono], axis=1).astype(np.float32))

    def stop_filling(self) -> None:
        self._sound = None

    def start(self, device: str | None = None) -> None:
        start_output(self.folder, device)
        until(lambda: self.ring.device_state != "off", 20, "the output says something")

    def carry_on_at(self, gain_db: float) -> None:
        """Replace the stream as if the one before had sounded at ``gain_db``."""
        ring, old = self.ring, self.ring.stream_pid
        os.kill(old, signal.SIGSTOP)
        ring.set_gain(gain_db, 0.1)
        ring.gain_now_db, ring.entry_left_frames, ring.sounded_ns = gain_db, 0, mono_ns()
        os.kill(old, signal.SIGKILL)
        until(lambda: ring.stream_pid != old)
        until(lambda: ring.timing().mono_ns > ring.sounded_ns - S // 10, 5, "the next one plays")
        assert ring.gain_now_db == gain_db

    def close(self) -> None:
        self._stop.set()
        if self._filler.is_alive():
            self._filler.join()
        stop_output(self.folder)
        self.ring.close()


@pytest.fixture
def player(runtime: Path) -> Iterator[Player]:
    made = Player(runtime)
    with contextlib.closing(made):
        yield made


@pytest.fixture
def capture(cans: NullSink) -> Iterator[Capture]:
    made = cans.capture()
    yield made
    made.stop()


def started(player: Player, sound: Sound, gain_db: float) -> None:
    """Bring the sound to ``gain_db``."""
    player.play(sound, gain_db)
    player.start()
    until(lambda: player.ring.device_state == "device", 10)
    player.carry_on_at(gain_db)


def playing(player: Player, capture: Capture, sound: Sound, gain_db: float) -> None:
    """Bring the sound to ``gain_db`` and wait until the capture has it there."""
    started(player, sound, gain_db)
    settled = RATE_HZ // 4
    while np.abs(capture.more(settled)[:, 0]).reshape(-1, 48).max(axis=1).min() == 0.0:
        pass


def gaps(sound: NDArray[np.float32]) -> list[int]:
    """The lengths of the runs of silence, in frames."""
    loud = np.flatnonzero(np.concatenate(([1], sound.any(axis=1), [1])))
    return [int(length) for length in np.diff(loud) - 1 if length > 0]


def rise_db(levels: NDArray[np.float64], within_ms: int) -> float:
    """By how much the sound rises at most within a time, above all that was before."""
    return float(np.max(levels[within_ms:] - np.maximum.accumulate(levels)[:-within_ms]))


def levels_db(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """The peak of each millisecond of a tone, against its own full level."""
    whole = sound[: len(sound) // MS * MS, 0].astype(np.float64)
    with np.errstate(divide="ignore"):
        levels: NDArray[np.float64] = 20 * np.log10(np.abs(whole).reshape(-1, MS).max(axis=1) * 2)
    return levels


def test_at_unity_the_capture_is_the_programme_to_the_bit(player: Player, capture: Capture) -> None:
    playing(player, capture, numbered, 0.0)
    heard = capture.more(RATE_HZ)
    first = round(float(heard[0, 0]) * 2**23) - 1
    expected = numbered(np.arange(first, first + len(heard))).astype(np.float32)
    assert np.array_equal(heard[:, 0], expected)
    assert np.array_equal(heard[:, 1], -expected)


def test_the_ring_tells_which_frame_is_heard_now(player: Player, capture: Capture) -> None:
    playing(player, capture, numbered, 0.0)
    heard = capture.more(4_800)
    claimed = player.ring.frame_at(mono_ns())
    captured = round(float(heard[-1, 0]) * 2**23) - 1
    assert abs(claimed - captured) < 0.06 * RATE_HZ


def test_the_first_sound_enters_at_minus_40_and_rises_at_most_3_db_a_second(
    player: Player, capture: Capture
) -> None:
    player.play(tone, 0.0)
    player.start()
    capture.wait_for(lambda: len(capture._bytes) // 8 > 0)
    # Past the 50 ms in which it comes back.
    while not capture.samples(max(0, len(capture) - 4_800))[:2_000].any():
        capture.more(480)
    heard = levels_db(capture.more(3 * RATE_HZ))
    assert -40.5 < heard[0] < -38.0
    assert heard[-1] == pytest.approx(heard[0] + 9.0, abs=0.3)
    assert rise_db(heard, 1_000) < 3.1


def test_a_duck_is_heard_within_200_ms_and_returns_at_3_db_a_second(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, tone, -6.0)
    before = len(capture)
    player.ring.set_gain(-26.0, 0.1)
    capture.wait_for(lambda: len(capture._bytes) // 8 > before + RATE_HZ // 2)
    ducked = levels_db(capture.samples(before))
    assert np.argmax(ducked < -7.0) < 200
    assert ducked[-1] == pytest.approx(-26.0, abs=0.05)
    player.ring.set_gain(-6.0, 0.1)
    risen = levels_db(capture.more(2 * RATE_HZ))
    assert risen[-1] > -26.0 + 5.0
    assert rise_db(risen, 500) < 1.55


def test_a_killed_stream_costs_less_than_400_ms_and_no_music(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, numbered, 0.0)
    before, old = len(capture) - 4_800, player.ring.stream_pid
    os.kill(old, signal.SIGKILL)
    until(lambda: player.ring.stream_pid != old)
    capture.more(RATE_HZ)
    heard = capture.samples(before)
    assert 0 < sum(gaps(heard)) < 400 * MS
    silent = np.flatnonzero(~heard.any(axis=1))
    last = round(float(heard[silent[0] - 1, 0]) * 2**23) - 1
    settled = heard[silent[-1] + 2_500 :, 0]  # the return ramp is over
    first = round(float(settled[0]) * 2**23) - 1
    assert np.array_equal(settled, numbered(np.arange(first, first + len(settled))))
    sounded = int(silent[-1]) + 2_500 - int(silent[0]) - len(silent)
    assert abs(first - last - sounded) < 50 * MS, "it goes on where it was cut off"


def test_a_stream_that_hangs_is_replaced(player: Player, capture: Capture) -> None:
    playing(player, capture, tone, -6.0)
    old = player.ring.stream_pid
    os.kill(old, signal.SIGSTOP)
    until(lambda: player.ring.stream_pid != old, 3)
    capture.more(RATE_HZ // 2)
    assert levels_db(capture.more(RATE_HZ // 10)).min() > -40.0


def test_killing_the_keeper_is_not_heard_and_the_next_one_adopts_the_stream(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, numbered, 0.0)
    spare = one_spare(player)
    before, stream, keeper = len(capture), player.ring.stream_pid, player.ring.keeper_pid
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not output_alive(player.ring))
    start_output(player.folder)
    until(lambda: output_alive(player.ring))
    until(lambda: not alive(spare), 5, "what waited for the old keeper's order ends")
    capture.more(RATE_HZ // 2)
    assert player.ring.stream_pid == stream
    assert not gaps(capture.samples(before))
    # The new one looks after a stream that is not its child.
    os.kill(stream, signal.SIGKILL)
    until(lambda: player.ring.stream_pid != stream, 2)


def one_spare(player: Player) -> int:
    """The process that waits to take over, once there is one."""
    keeper = psutil.Process(player.ring.keeper_pid)
    until(lambda: len(keeper.children()) == 2, 5, "the next stream is made ready")
    (spare,) = {child.pid for child in keeper.children()} - {player.ring.stream_pid}
    return int(spare)


def test_the_next_stream_is_ready_before_it_is_needed_and_a_dead_one_is_no_loss(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, numbered, 0.0)
    for harm in (False, True):
        spare, old = one_spare(player), player.ring.stream_pid
        if harm:
            os.kill(spare, signal.SIGKILL)
            until(lambda pid=spare: not alive(pid))  # type: ignore[misc]
        before = len(capture) - 4_800
        os.kill(old, signal.SIGKILL)
        until(lambda pid=old: player.ring.stream_pid != pid)  # type: ignore[misc]
        assert (player.ring.stream_pid == spare) is not harm
        capture.more(RATE_HZ // 2)
        assert sum(gaps(capture.samples(before))) < 400 * MS


def test_stopping_a_device_leaves_nothing_running(player: Player, capture: Capture) -> None:
    playing(player, capture, tone, -6.0)
    pids = player.ring.keeper_pid, player.ring.stream_pid, one_spare(player)
    stop_output(player.folder)
    assert not any(map(alive, pids))


def test_the_next_stream_takes_over_though_the_keeper_is_dead_too(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, numbered, 0.0)
    spare, before = one_spare(player), len(capture) - 4_800
    for pid in (player.ring.keeper_pid, player.ring.stream_pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: player.ring.stream_pid == spare)
    start_output(player.folder)
    until(lambda: output_alive(player.ring))
    capture.more(RATE_HZ // 2)
    assert player.ring.stream_pid == spare
    assert sum(gaps(capture.samples(before))) < 400 * MS


def test_without_a_keeper_a_stop_still_leaves_nothing_running(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, tone, -6.0)
    spare, stream = one_spare(player), player.ring.stream_pid
    os.kill(player.ring.keeper_pid, signal.SIGKILL)
    stop_output(player.folder)
    until(lambda: not alive(spare) and not alive(stream))


def test_killing_all_of_the_output_is_mended_by_starting_again(
    player: Player, capture: Capture
) -> None:
    playing(player, capture, numbered, 0.0)
    for pid in (one_spare(player), player.ring.keeper_pid, player.ring.stream_pid):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not output_alive(player.ring), 0.5)

    def again() -> bool:
        # As the player does: what was killed may hold the lock for a moment yet.
        start_output(player.folder)
        return output_alive(player.ring)

    until(again)
    capture.more(RATE_HZ // 2)
    sounds = capture.samples
    until(lambda: sounds(len(capture) - RATE_HZ // 4).any(axis=1).all(), 10, "sound again")


def test_sound_returns_softly_when_the_server_comes_back(
    player: Player, own_cans: NullSink
) -> None:
    started(player, tone, -6.0)
    own_cans.kill()
    until(lambda: player.ring.device_state == "lost", 2)
    notice = player.ring.notice()
    assert (notice.cause, notice.device) == ("no-device", "the default output")
    assert notice.why == "there is no sound output: plug it in, or start the sound server"
    lost_at, lost_ns = player.ring.read_frame, mono_ns()
    until(lambda: mono_ns() - lost_ns > 1.2 * S)
    passed = player.ring.read_frame - lost_at
    assert passed == pytest.approx((mono_ns() - lost_ns) * RATE_HZ / S, abs=RATE_HZ / 5)
    own_cans.start()
    capture = own_cans.capture()
    until(lambda: player.ring.device_state == "device", 5)
    while not (sounds := capture.samples().any(axis=1)).any():
        capture.more(480)
    # From the entry on: of an interruption on a busy machine what was before counts.
    entered = int(sounds.argmax()) + 60 * MS
    capture.wait_for(lambda: len(capture) >= entered + RATE_HZ)
    heard = levels_db(capture.samples(entered, entered + RATE_HZ))
    assert heard.max() < -34.0
    assert rise_db(heard, 500) < 1.6


def test_a_frozen_server_does_not_stop_the_programmes_time(
    player: Player, own_cans: NullSink
) -> None:
    started(player, tone, -6.0)
    first, since_ns = player.ring.read_frame, mono_ns()
    own_cans.freeze()
    try:
        until(lambda: player.ring.device_state == "lost", 2)
        assert player.ring.notice().cause == "frozen"
        # Long enough for the stream to be given up, and for an opening to hang.
        old = player.ring.stream_pid
        until(lambda: player.ring.stream_pid != old, 5)
        until(lambda: mono_ns() - since_ns > 3 * S)
        passed = player.ring.read_frame - first
        assert passed == pytest.approx((mono_ns() - since_ns) * RATE_HZ / S, abs=RATE_HZ / 3)
    finally:
        own_cans.thaw()
    until(lambda: player.ring.device_state == "device", 10)
    capture = own_cans.capture()
    assert levels_db(capture.more(RATE_HZ // 2)).min() > -40.5


def test_a_ring_that_runs_dry_is_heard_as_a_fade(player: Player, capture: Capture) -> None:
    playing(player, capture, tone, -6.0)
    player.stop_filling()
    until(lambda: player.ring.underruns == 1, 6)
    capture.more(RATE_HZ // 2)
    heard = capture.samples(max(0, len(capture) - 2 * RATE_HZ))
    end = int(np.flatnonzero(heard.any(axis=1))[-1]) // MS * MS
    level = np.abs(heard[:end, 0]).reshape(-1, MS).max(axis=1)
    assert level[-1] < 0.05
    assert level[-40] == pytest.approx(0.25, abs=0.01)
    assert np.abs(np.diff(level[-60:])).max() < 0.03, "no millisecond loses more than a tenth"


def test_level_and_peak_of_what_leaves_are_metered(player: Player, capture: Capture) -> None:
    playing(player, capture, tone, -6.0)
    # A stereo sine of -6 dBFS reads -6 LUFS; here 6 dB below that.
    until(lambda: abs(player.ring.level_lufs + 12.0) < 0.2, 3)
    assert player.ring.peak_dbfs == pytest.approx(-12.0, abs=0.1)
    player.ring.set_gain(SILENCE_DB, 0.1)
    until(lambda: player.ring.level_lufs == SILENCE_DB, 3)


def test_a_silent_output_keeps_the_time_and_obeys_the_same_law(player: Player) -> None:
    player.play(tone, 0.0)
    player.start("silent")
    assert player.ring.device_state == "silent"
    until(lambda: player.ring.gain_now_db > -40.0)
    first, since_ns = player.ring.read_frame, mono_ns()
    until(lambda: mono_ns() - since_ns > S)
    passed = player.ring.read_frame - first
    assert passed == pytest.approx((mono_ns() - since_ns) * RATE_HZ / S, abs=RATE_HZ / 8)
    assert -39.0 < player.ring.gain_now_db < -34.0
    assert -48.0 < player.ring.level_lufs < -38.0
    begun, later = player.ring.timing(), player.ring.timing()
    while later.frame - begun.frame < RATE_HZ // 2:
        later = player.ring.timing()
    apart_ns = later.mono_ns + later.latency_ns - begun.mono_ns - begun.latency_ns
    # However unevenly its thread was let run.
    assert apart_ns * RATE_HZ / S == pytest.approx(later.frame - begun.frame, abs=2)


def test_a_device_that_does_not_exist_is_named_and_the_time_goes_on(
    player: Player, cans: NullSink
) -> None:
    assert cans.pid
    player.play(tone, -6.0)
    player.start("Sennheiser")
    notice = player.ring.notice()
    assert (notice.state, notice.cause) == ("lost", "no-device")
    assert notice.why == "no sound output is named Sennheiser: see kaproom devices"
    first = player.ring.read_frame
    until(lambda: player.ring.read_frame > first + RATE_HZ // 4)
    assert player.ring.level_lufs == SILENCE_DB


def test_without_portaudio_the_package_is_named_and_the_time_goes_on(
    player: Player, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(runtime, monkeypatch, "raise OSError('PortAudio library not found')")
    player.play(tone, -6.0)
    player.start()
    notice = player.ring.notice()
    assert (notice.state, notice.cause) == ("lost", "no-portaudio")
    assert notice.why == "PortAudio is not installed: sudo apt-get install libportaudio2"
    first = player.ring.read_frame
    until(lambda: player.ring.read_frame > first + RATE_HZ // 4)
    with pytest.raises(WorldFailed, match="apt-get install libportaudio2"):
        sound_outputs()


def test_a_device_that_crashes_every_stream_does_not_stop_the_time(
    player: Player, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow(runtime, monkeypatch, "import os; os.kill(os.getpid(), 9)")
    player.play(tone, -6.0)
    player.start()
    until(lambda: player.ring.device_state == "lost")
    assert player.ring.notice().cause == "gone"
    first, since_ns = player.ring.read_frame, mono_ns()
    until(lambda: mono_ns() - since_ns > 2 * S)
    assert player.ring.read_frame - first > RATE_HZ


def shadow(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a sounddevice of our own before the real one."""
    (folder / "shadow").mkdir()
    (folder / "shadow" / "sounddevice.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder / "shadow"))


def test_another_wish_replaces_the_output(player: Player) -> None:
    player.start("silent")
    first = player.ring.keeper_pid
    start_output(player.folder, "silent")
    assert psutil.pid_exists(first)
    start_output(player.folder, "silent", latency_ms=200)
    until(lambda: player.ring.keeper_pid != first)
    assert not psutil.pid_exists(first)


def test_stopping_leaves_nothing_running_and_may_be_done_twice(player: Player) -> None:
    player.play(tone, -6.0)
    player.start("silent")
    pids = player.ring.keeper_pid, player.ring.stream_pid
    stop_output(player.folder)
    assert not any(map(psutil.pid_exists, pids))
    assert player.ring.device_state == "off"
    stop_output(player.folder)


def test_an_output_whose_ring_is_gone_ends(player: Player) -> None:
    player.start("silent")
    pids = player.ring.keeper_pid, player.ring.stream_pid
    (player.folder / "ring").unlink()
    until(lambda: not any(map(alive, pids)), 5)


def alive(pid: int) -> bool:
    """Whether ``pid`` runs; one that ended and was not reaped does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def told(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kaproom.audio.output", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_second_output_refuses_in_one_line(player: Player) -> None:
    player.start("silent")
    done = told(player.folder)
    assert done.returncode == 1
    assert done.stderr == f"{player.folder}: an output runs here already; it goes on\n"


def test_an_output_without_a_ring_is_one_line(runtime: Path) -> None:
    done = told(runtime)
    assert done.returncode == 1
    line = f"{runtime}/ring: no ring here (No such file or directory); start the player\n"
    assert done.stderr == line


def test_a_folder_that_is_not_there_is_one_line() -> None:
    done = told("/nowhere/at/all")
    assert done.returncode == 1
    assert done.stderr == (
        "/nowhere/at/all/output.lock: cannot be opened (No such file or directory)\n"
    )


def test_a_latency_out_of_range_is_refused_before_anything_starts(runtime: Path) -> None:
    done = told(runtime, "--latency-ms", "5")
    assert done.returncode == 2
    assert done.stderr.endswith("--latency-ms is 5; it must be 10 to 800\n")


def test_an_impossible_latency_is_refused_before_anything_starts(player: Player) -> None:
    with pytest.raises(Mend, match="a latency of 900 ms is not possible; say 10 to 800"):
        start_output(player.folder, "silent", latency_ms=900)
    assert player.ring.keeper_pid == 0


def test_the_outputs_of_the_machine_are_listed(cans: NullSink) -> None:
    assert cans.pid
    outputs = sound_outputs()
    assert "default" in {output.name for output in outputs}
    assert sum(output.default for output in outputs) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(own_cans: NullSink) -> None:
    own_cans.freeze()
    try:
        with pytest.raises(WorldFailed, match=r"does not answer within 0\.5 s"):
            sound_outputs(timeout_s=0.5)
    finally:
        own_cans.thaw()


def test_the_log_does_not_grow_without_end(player: Player) -> None:
    (player.folder / "output.log").write_bytes(b"x" * 1_200_000)
    player.start("silent")
    assert (player.folder / "output.log").stat().st_size < 100_000


def test_neither_scipy_nor_portaudio_is_imported_by_who_attends_to_the_output() -> None:
    code = (
        "import sys, kaproom.audio.output, kaproom.audio.outputs;"
        "print([m for m in ('scipy', 'sounddevice', 'pydantic', 'paho') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
