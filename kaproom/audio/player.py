"""The player: holds the programme and keeps the ring full of it.

It plays on when the daemon dies, starts or adopts the output and starts it again when
it is gone. A programme that it is given acts at the write frame; one that cannot be
played changes nothing. What ends it, and what is heard of that:

- killed or crashed: nothing, if the next player is there before the ring is empty
  (2 s or more); it continues at the write frame.
- SIGHUP: nothing, in the same way; it is the way to have it replaced, say by an upgrade.
- SIGTERM, SIGINT: a fade of 3 s, then the output ends. A player that is started within
  30 s, as by ``systemctl restart``, continues the programme, entering softly.
- the request ``close``: the same fade, the programme is dropped, the player stays.
- the request ``stop``: ``close``, and the player ends.
- the runtime folder, or the ring in it, is deleted: nobody can reach it any more, so it and
  the output end, and the next player lays a new ring.

A test tone is never mixed with anything: while a session's sound is there it is refused,
and before whatever follows it, it falls silent, its output ends, and the ring is emptied.
"""

from __future__ import annotations

import os

# One thread decodes for each file; BLAS, which nothing here uses, would start its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import fcntl
import gc
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from kaproom.audio.answers import (
    failed_json,
    gain_of,
    programme_of,
    status,
    tone_side,
    unknown_soundscapes,
)
from kaproom.audio.filling import Filling
from kaproom.audio.haste import PLAYER_PRIORITY, hasten
from kaproom.audio.kept import Kept, forget, found, keep
from kaproom.audio.mixer import Failed
from kaproom.audio.outputs import LATENCIES_MS, output_alive, start_output, stop_output
from kaproom.audio.programme import Cue, Programme
from kaproom.audio.ring import RING_FILE, SILENCE_DB, GainTarget, Notice, Ring, RingError
from kaproom.audio.tone import GAIN_DB, LENGTH_S, is_tone, tone_programme
from kaproom.clock import NS_PER_S, mono_ns
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Request, Server

LOCK_FILE: Final = "player.lock"
SOCKET_FILE: Final = "player.sock"
RATES_HZ: Final = (32_000, 192_000)
DEFAULT_DEVICE: Final = ("", "auto", "default")

_FADE_S: Final = 3.0  # design: silent in 3 s
_TONE_FADE_S: Final = 0.15  # chosen: without a click, and nobody waits
# Longer than the fade by more than the device's latency.
_FADE_LIMIT_S: Final = 3.9
_CLOSING_LOOK_S: Final = 0.05
_IDLE_LOOK_S: Final = 60.0
_OUTPUT_LOOK_S: Final = 1.0
# A player that was asked to end and starts again within this was restarted, not stopped.
_RESTART_S: Final = 30.0
# So many players in a row that began at the same frame and did not get further had the
# same accident: the next one plays the fallback alone.
_ATTEMPTS_MAX: Final = 3


class _Ending(Enum):
    """What happens once the fade is over."""

    CLOSE = auto()  # drop the programme and stay
    STOP = auto()  # drop it and end
    TERMINATE = auto()  # end, and leave it to a successor that comes soon


class Player:
    """The process, from its start to its end."""

    def __init__(self, runtime: Path, device: str | None, latency_ms: int, rate_hz: int) -> None:
        self._runtime = runtime
        self._device = device
        self._latency_ms = latency_ms
        self._rate_hz = rate_hz
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._signals: list[int] = []
        self._ring: Ring
        self._server: Server
        self._filling: Filling | None = None
        self._attempts = 0
        self._began_frame = -1
        self._failures: list[Failed] = []
        self._ending: _Ending | None = None
        self._fade_until_ns = 0
        self._gain_before = GainTarget(SILENCE_DB, 0.0)
        self._looked_ns = 0
        self._keeper_fd = -1
        self._notice = Notice("off")

    def run(self) -> int:
        """Play until asked to end.

        Returns:
            The exit status.

        Raises:
            Refused: A player runs here already.
            WorldFailed, Mend: The runtime folder is not usable.
        """
        lock = _locked(self._runtime)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)
        self._ring = self._ring_here()
        self._ring.player_pid = os.getpid()
        self._carry_on()
        self._server = Server(self._runtime / SOCKET_FILE, "player")
        self._server.add_reader(self._bell, self._silence_bell)
        # What is here now stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        try:
            while self._ring.in_place():
                timeout_s = self._fill()
                for request in self._server.poll(timeout_s):
                    self._serve(request)
                if signal.SIGHUP in self._signals:
                    return 0
                if self._signals and self._ending is None:
                    self._fade_out(_Ending.TERMINATE)
                if self._ending is None and self._tone_is_over():
                    self._fade_out(_Ending.CLOSE)
                if self._ending is not None and self._faded() and self._finish():
                    return 0
                self._look_after_output()
            _say(f"{self._ring.path} was deleted; this player ends, the next one lays it anew")
            return 1
        finally:
            self._server.close()
            if self._filling is not None:
                self._filling.close()
            os.close(lock)

    # -- beginning

    def _ring_here(self) -> Ring:
        path = self._runtime / RING_FILE
        with suppress(RingError):
            ring = Ring.attach(path)
            if ring.rate_hz == self._rate_hz:
                return ring
            ring.close()
            stop_output(self._runtime)
        forget(self._runtime)
        ring = Ring.create(path, self._rate_hz)
        ring.playing = 0
        return ring

    def _carry_on(self) -> None:
        """Continue what the last player left, if it was cut off or restarted."""
        left = found(self._runtime)
        stopped_ns = None if left is None else left.stopped_ns
        if stopped_ns is not None and mono_ns() - stopped_ns > _RESTART_S * NS_PER_S:
            left = None
        if left is None or is_tone(left.programme) or unknown_soundscapes(left.programme):
            self._ring.playing = 0
            forget(self._runtime)
            if left is not None:
                self._empty()
            return
        frame = self._ring.write_frame
        self._attempts = left.attempts + 1 if left.frame == frame else 1
        self._began_frame = frame
        self._failures = list(left.failures)
        programme = left.programme
        if self._attempts > _ATTEMPTS_MAX:
            _say(f"{_ATTEMPTS_MAX} players ended at frame {frame}; playing the fallback alone")
            programme = _fallback_alone(programme, frame)
        self._play(programme)

    # -- playing

    def _play(self, programme: Programme) -> None:
        self._keep(programme)
        self._filling = Filling(self._ring, programme, self._ring_bell)
        self._filling.mixer.failures.extend(self._failures)
        self._ring.playing = 1
        self._see_to_output()

    @property
    def _tone(self) -> Cue | None:
        """The test tone, while there is one."""
        programme = self._filling.mixer.programme if self._filling else None
        return programme.cues[0] if programme is not None and is_tone(programme) else None

    def _fill(self) -> float:
        """Write what there is room for; how long until there is more to do."""
        waits_s = [_CLOSING_LOOK_S if self._ending else _IDLE_LOOK_S]
        if self._filling is not None:
            waits_s.append(_OUTPUT_LOOK_S)
            waits_s.append(self._filling.fill(self._keep))
            for cue in self._filling.begun():
                self._server.push("cue", {"id": cue.id, "frame": cue.start_frame}, keep=True)
            known = {failed.id for failed in self._failures}
            for failed in self._filling.mixer.failures:
                if failed.id not in known:
                    self._failures.append(failed)
                    self._server.push("failed", failed_json(failed), keep=True)
                    _say(failed.why)
        return min(waits_s)

    def _keep(self, programme: Programme) -> None:
        failures = self._filling.mixer.failures if self._filling else self._failures
        stopped_ns = mono_ns() if self._ending is _Ending.TERMINATE else None
        left = Kept(programme, tuple(failures), stopped_ns, self._attempts, self._began_frame)
        try:
            keep(self._runtime, left)
        except WorldFailed as error:
            # The music goes on; only a successor would have to do without.
            _say(str(error))

    # -- being asked

    def _serve(self, request: Request) -> None:
        try:
            match request.do:
                case "programme":
                    request.reply(self._take_programme(request.args))
                case "status":
                    programme = self._filling.mixer.programme if self._filling else None
                    request.reply(status(self._ring, programme, self._failures))
                case "tone":
                    request.reply(self._take_tone(request.args))
                case "gain":
                    self._ring.set_gain(*gain_of(request.args))
                    request.reply()
                case "close":
                    self._fade_out(_Ending.CLOSE)
                    request.reply()
                case "stop":
                    self._fade_out(_Ending.STOP)
                    request.reply()
                case _:
                    request.mend(
                        f"the player cannot {request.do!r}; "
                        "it knows programme, status, gain, close, stop, tone, watch"
                    )
        except Mend as error:
            request.mend(str(error))
        except Refused as error:
            request.refuse(str(error))

    def _take_programme(self, args: dict[str, Any]) -> dict[str, Any]:
        new = programme_of(args)
        self._must_stay()
        if self._tone:
            self._drop()
            self._empty()
        frame = self._ring.write_frame
        if self._ending is _Ending.CLOSE:
            # A new session follows at once: its first cue is not the old one's next.
            self._drop()
        playing = self._filling.mixer.programme if self._filling else replace(new, cues=())
        coming = playing.replaced_after(frame, new)
        problem = coming.fault()
        if problem:
            raise Mend(f"after what has started, {problem}; the programme was not changed")
        if self._filling is None:
            self._play(coming)
        else:
            self._keep(coming)
            self._filling.mixer.replace(new)
        return {
            "write_frame": frame,
            "started": [[c.id, c.start_frame] for c in coming.cues if c.start_frame <= frame],
        }

    def _take_tone(self, args: dict[str, Any]) -> dict[str, Any]:
        side = tone_side(args)
        self._must_stay()
        if self._filling is not None and not self._tone:
            raise Refused("a session's music is there, or still fades: no tone into it")
        self._drop()
        self._empty()
        self._ring.set_gain(GAIN_DB, _TONE_FADE_S)
        self._play(tone_programme(side, self._ring.write_frame))
        return {"length_s": LENGTH_S}

    def _tone_is_over(self) -> bool:
        tone = self._tone
        if tone is None:
            return False
        return self._ring.read_frame > tone.start_frame + LENGTH_S * self._ring.rate_hz

    def _must_stay(self) -> None:
        if self._ending in (_Ending.STOP, _Ending.TERMINATE):
            raise Refused("the player is ending; ask the next one")

    # -- the output

    def _look_after_output(self) -> None:
        notice = self._ring.notice()
        if notice != self._notice:
            self._notice = notice
            fields = {"state": notice.state, "device": notice.device, "why": notice.why}
            self._server.push("output", fields)
        now_ns = mono_ns()
        since_ns = now_ns - self._looked_ns
        if self._filling is None or since_ns < _OUTPUT_LOOK_S * NS_PER_S:
            return
        self._looked_ns = now_ns
        # Looked at after a long pause, the heartbeat of what stood still with us is old.
        if self._ending is not None or since_ns > 3 * _OUTPUT_LOOK_S * NS_PER_S:
            return
        if not output_alive(self._ring):
            self._see_to_output()
        elif self._keeper_fd < 0:
            self._wait_for_keepers_end()

    def _wait_for_keepers_end(self) -> None:
        # Looking once a second would be heard when keeper and stream die together.
        with suppress(OSError):
            self._keeper_fd = os.pidfd_open(self._ring.keeper_pid)
            self._server.add_reader(self._keeper_fd, self._keeper_ended)

    def _keeper_ended(self) -> None:
        self._server.remove_reader(self._keeper_fd)
        os.close(self._keeper_fd)
        self._keeper_fd = -1
        if self._filling is not None and self._ending is None:
            self._see_to_output()

    def _see_to_output(self) -> None:
        try:
            start_output(self._runtime, self._device, self._latency_ms)
        except WorldFailed as error:
            _say(str(error))

    # -- ending

    def _fade_out(self, ending: _Ending) -> None:
        if self._ending is None:
            self._gain_before = self._ring.gain()
            self._ring.set_gain(SILENCE_DB, _TONE_FADE_S if self._tone else _FADE_S)
            self._fade_until_ns = mono_ns() + round(_FADE_LIMIT_S * NS_PER_S)
            self._ending = ending
        elif self._ending is _Ending.CLOSE or ending is _Ending.STOP:
            # Whoever asks for more gets it: what is dropped stays dropped.
            self._ending = ending

    def _faded(self) -> bool:
        heard = self._filling is not None and output_alive(self._ring)
        silent = self._ring.gain_now_db == SILENCE_DB
        return not heard or silent or mono_ns() > self._fade_until_ns

    def _finish(self) -> bool:
        """What was to happen after the fade; whether the player ends now."""
        if self._ending is _Ending.TERMINATE:
            if self._filling is not None:
                self._keep(self._filling.mixer.programme)
            stop_output(self._runtime)
            # For a successor; its output begins in silence and enters softly.
            self._ring.set_gain(self._gain_before.target_db, self._gain_before.fall_s)
            return True
        ends = self._ending is _Ending.STOP or bool(self._signals)
        self._drop()
        self._empty()
        return ends

    def _empty(self) -> None:
        """What is left of the old programme must not begin the next one."""
        stop_output(self._runtime)
        # Nobody reads now.
        self._ring.read_frame = self._ring.write_frame

    def _drop(self) -> None:
        self._ending = None
        self._ring.playing = 0
        self._ring.limiter_db = 0.0
        forget(self._runtime)
        self._failures = []
        self._attempts, self._began_frame = 0, -1
        if self._filling is not None:
            self._filling.close()
            self._filling = None

    # -- waking

    def _signalled(self, number: int, _where: object) -> None:
        self._signals.append(number)
        self._ring_bell()

    def _ring_bell(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_write(self._bell, 1)

    def _silence_bell(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)


def main(arguments: list[str] | None = None) -> int:
    """Be the player; returns the exit status."""
    parser = argparse.ArgumentParser(prog="kaproom.audio.player", description=__doc__)
    parser.add_argument("runtime", type=Path, help="the folder of ring, socket and programme")
    parser.add_argument("--device", default="auto", help="part of an output's name, or silent")
    parser.add_argument("--latency-ms", type=float, default=100.0)
    parser.add_argument("--rate-hz", type=int, default=48_000)
    asked = parser.parse_args(arguments)
    if not RATES_HZ[0] <= asked.rate_hz <= RATES_HZ[1]:
        parser.error(f"--rate-hz is {asked.rate_hz}; it must be {RATES_HZ[0]} to {RATES_HZ[1]}")
    low_ms, high_ms = LATENCIES_MS
    if not low_ms <= asked.latency_ms <= high_ms:
        parser.error(f"--latency-ms is {asked.latency_ms:g}; it must be {low_ms} to {high_ms}")
    device = None if asked.device in DEFAULT_DEVICE else asked.device
    hasten(PLAYER_PRIORITY)
    try:
        return Player(asked.runtime, device, round(asked.latency_ms), asked.rate_hz).run()
    except Mend as error:
        _say(str(error))
        return 2
    except (Refused, WorldFailed) as error:
        _say(str(error))
        return 1


def _locked(runtime: Path) -> int:
    path = runtime / LOCK_FILE
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except OSError as error:
        raise Mend(
            f"{path}: cannot be opened ({error.strerror}); make the runtime folder writable"
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise Refused(f"{runtime}: a player runs here already; it goes on") from error
    return fd


def _fallback_alone(programme: Programme, frame: int) -> Programme:
    cue = Cue("fallback", frame, 0, programme.fallback, programme.fallback_gain_db)
    return replace(programme, cues=(cue,))


def _say(line: str) -> None:
    sys.stderr.write(f"player: {line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
