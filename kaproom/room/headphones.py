"""The daemon's way to the sound: the player by its socket, the output by the ring.

A gain goes straight into the ring and acts at once; a programme goes to the player on
a thread of its own, so that nothing the player does can hold up the daemon. The player
outlives the daemon and is found again, or started when nobody else does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from kaproom import clock
from kaproom.audio.ring import RING_FILE, Notice, Ring
from kaproom.audio.score import programme_of
from kaproom.clock import NS_PER_S
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client
from kaproom.places import sockets
from kaproom.room.soundline import Knot, Soundline
from kaproom.session.cues import PlannedCue
from kaproom.session.machine import LEVEL_S, Session, Stage
from kaproom.session.status import NO_SOUND, Sound, Sounded

# Without a beat for so long the output is not alive; the keeper replaces it in half that.
BEAT_MAX_NS = NS_PER_S
_CALL_TIMEOUT_S = 5.0
# A player keeps 2 s in the ring. With less than this left, one that does not answer is ended;
# the next one is there within a second.
_HANG_FILL_S = 1.7
_HANG_S = 0.7
_LOOK_S = 0.25
_GAIN_STEP_DB = 0.01  # the ring keeps thousandths
_RETRY_S = 0.3
# Nobody is surprised by a tone that was asked for before the player was away.
_TONE_WAITS_S = 2.0
# Set by a service manager's unit that runs the player itself.
SUPERVISED = "KAPROOM_PLAYER_SUPERVISED"


@dataclass(frozen=True, slots=True)
class FromPlayer:
    """Something that the player told: ``connected``, ``failed``, ``lost`` or ``refused``."""

    what: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wish:
    """A request to the player, kept until it is answered, or nobody wants it any more."""

    do: str
    args: dict[str, Any]
    until_ns: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether it is not too late for it."""
        return self.until_ns is None or clock.mono_ns() < self.until_ns


class Headphones:
    """The sound of one room. ``fileno`` is readable when ``news`` has something to give."""

    def __init__(self, runtime: Path, device: str, latency_ms: float, rate_hz: int) -> None:
        self._runtime = runtime
        self._arguments = [
            *("--device", device),
            *("--latency-ms", f"{latency_ms:g}"),
            *("--rate-hz", str(rate_hz)),
        ]
        self._rate_hz = rate_hz
        self._ring: Ring | None = None
        self._origin_frames = 0.0
        self._soundline = Soundline(rate_hz)
        self._wishes: SimpleQueue[_Wish | None] = SimpleQueue()
        self._news: deque[FromPlayer] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._starting = threading.Lock()
        self._last_read_frame = -1
        self._moved_ns = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._threads = [
            threading.Thread(target=self._talk, name="to-player", daemon=True),
            threading.Thread(target=self._listen, name="from-player", daemon=True),
            threading.Thread(target=self._watch_over, name="over-player", daemon=True),
        ]

    def start(self) -> None:
        """Find the player, or start it; ``connected`` comes as news."""
        for thread in self._threads:
            thread.start()

    def close(self, *, dismiss: bool) -> None:
        """Let go of the player, which plays on; or have it end, if it is ours and idle."""
        # First: a player that ends now must not be taken for one that is missed.
        with self._starting:
            self._stopping.set()
        self._wishes.put(None)
        if dismiss and not os.environ.get(SUPERVISED):
            try:
                self._ask("stop", _HANG_S)
            except (WorldFailed, Mend, Refused):
                self._terminate_player()
            if self._child is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(_CALL_TIMEOUT_S)
        self._threads[0].join(timeout=1.0)

    def fileno(self) -> int:
        """To be waited on for reading."""
        return self._bell

    def news(self) -> list[FromPlayer]:
        """What came from the player since the last call; never waits."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    # -- what is done

    def set_gain(self, target_db: float, fall_s: float) -> bool:
        """Have the output's gain go there, now. False when there is no ring yet."""
        ring = self._attached()
        if ring is None:
            return False
        ring.set_gain(target_db, fall_s)
        return True

    def play(self, session: Session, cues: Sequence[PlannedCue]) -> None:
        """Have these cues replace all that has not started."""
        if not cues:
            return
        programme = programme_of(session, cues, self._rate_hz, self._origin_frames)
        self._wishes.put(_Wish("programme", {"programme": programme.to_json()}))

    def has_gain(self, target_db: float) -> bool:
        """Whether the output was told this gain already."""
        ring = self._attached()
        if ring is None:
            return False
        told_db = ring.gain().target_db
        return told_db == target_db or abs(told_db - target_db) < _GAIN_STEP_DB

    def stop(self) -> None:
        """The session is over, or the tone: sound off, programme dropped."""
        self._wishes.put(_Wish("close", {}))

    def sound_tone(self, side: str) -> None:
        """Have the test tone on this side, soon or not at all."""
        until_ns = clock.mono_ns() + round(_TONE_WAITS_S * NS_PER_S)
        self._wishes.put(_Wish("tone", {"side": side}, until_ns))

    @property
    def reached(self) -> bool:
        """Whether the player answers."""
        return self._connected.is_set()

    @property
    def busy(self) -> bool:
        """Whether the player has something to play, or has not dropped it yet."""
        ring = self._attached()
        return ring is not None and bool(ring.playing)

    # -- frames and times

    def begin(self, now_s: float = 0.0) -> None:
        """Have the session's moment ``now_s`` be the frame that is written next."""
        self._origin_frames = self._write_frame() - now_s * self._rate_hz

    def meet(self, session: Session | None, programme: dict[str, Any]) -> None:
        """A player is there, ours or one that played on without us: it plays this session.

        Args:
            session: The room's; None where there is none.
            programme: What the player has.
        """
        if session is None or session.stage is Stage.ENDED:
            if programme.get("cues"):
                # It belongs to no session that anybody could end.
                self.stop()
            return
        adopted = self._adopt(session, programme)
        if not adopted:
            self.begin(session.now_s)
            self.set_gain(session.gain_db, LEVEL_S)
        self.play(session, session.cues if adopted else _from_now(session))

    def behind_s(self, now_s: float) -> float | None:
        """How much later the sound is than the session's time has it; None if not known."""
        ring = self._attached()
        if ring is None or ring.timing().mono_ns == 0:
            return None
        now_ns = clock.mono_ns()
        if now_ns - ring.heartbeat_ns > BEAT_MAX_NS:
            return None
        timing = ring.timing()
        since_ns = now_ns - timing.mono_ns - timing.latency_ns
        heard_frame = timing.frame + since_ns * ring.rate_hz / NS_PER_S
        return now_s - (heard_frame - self._origin_frames) / self._rate_hz

    def look(self) -> None:
        """Keep where the sound is now, for entries about this moment that come later."""
        ring = self._attached()
        if ring is None:
            return
        timing = ring.timing()
        if timing.mono_ns and clock.mono_ns() - timing.mono_ns < BEAT_MAX_NS:
            heard_ns = timing.mono_ns + timing.latency_ns
            self._soundline.look(Knot(heard_ns, timing.frame, self._origin_frames))

    def remember(self, knots: Iterable[Knot]) -> None:
        """Where the sound was before this daemon looked."""
        self._soundline.remember(knots)

    def sounded(self, mono_ns: int) -> Sounded | None:
        """Where the sound was at a moment; None where nobody looked, or it stood still."""
        return self._soundline.at(mono_ns)

    def refit(self, behind_s: float) -> None:
        """Take the sound's lag into the frames of what is planned from now on."""
        self._origin_frames -= behind_s * self._rate_hz

    def facts(self) -> Sound:
        """What the output says of itself now."""
        ring = self._attached()
        if ring is None:
            return NO_SOUND
        now_ns = clock.mono_ns()
        frame = ring.read_frame
        if frame != self._last_read_frame:
            self._last_read_frame, self._moved_ns = frame, now_ns
        notice = ring.notice()
        alive = now_ns - max(ring.heartbeat_ns, self._moved_ns) < BEAT_MAX_NS
        flows = alive and now_ns - self._moved_ns < BEAT_MAX_NS and notice.state != "off"
        return Sound(
            device=device_of(notice),
            lost=notice.why or "the sound device is gone" if notice.state == "lost" else None,
            running=flows,
            level_lufs=ring.level_lufs if flows else float("-inf"),
            gain_now_db=ring.gain_now_db,
            underruns=ring.underruns,
        )

    # -- inside

    def _adopt(self, session: Session, programme: dict[str, Any]) -> bool:
        """Take the frames of a session from what the player plays of it.

        Returns:
            False when the player plays nothing of it.
        """
        starts = {cue.id: cue.start_s for cue in session.cues}
        known = [c for c in programme.get("cues", []) if c.get("id") in starts]
        if not known:
            return False
        started = [c for c in known if c["start_frame"] <= self._write_frame()] or known[:1]
        last = started[-1]
        self._origin_frames = last["start_frame"] - starts[last["id"]] * self._rate_hz
        return True

    def _attached(self) -> Ring | None:
        if self._ring is None and self._connected.is_set():
            with suppress(WorldFailed):
                self._ring = Ring.attach(self._runtime / RING_FILE)
        return self._ring

    def _write_frame(self) -> int:
        ring = self._attached()
        return 0 if ring is None else ring.write_frame

    def _tell(self, what: str, **fields: Any) -> None:
        self._news.append(FromPlayer(what, fields))
        os.eventfd_write(self._bell, 1)

    def _talk(self) -> None:
        """The thread that asks: one request after another, each until it is answered."""
        client: Client | None = None
        while not self._stopping.is_set():
            wish = self._wishes.get()
            while wish is not None and wish.wanted and not self._stopping.is_set():
                client = client or self._reach()
                if client is None:
                    continue
                try:
                    client.call(wish.do, wish.args)
                    break
                except WorldFailed:
                    client = None
                except (Mend, Refused) as error:
                    self._tell("refused", why=str(error), wish=wish.do)
                    break

    def _reach(self) -> Client | None:
        try:
            return Client(sockets(self._runtime).player, "daemon", _CALL_TIMEOUT_S)
        except WorldFailed:
            self._stopping.wait(_RETRY_S)
            return None

    def _start_player(self) -> None:
        with self._starting:
            missed = self._child is None or self._child.poll() is not None
            if missed and not self._stopping.is_set() and not os.environ.get(SUPERVISED):
                self._child = self._started_player()

    def _started_player(self) -> subprocess.Popen[bytes]:
        log = (self._runtime / "player.log").open("ab")
        with log:
            # A session of its own: what kills the daemon does not reach the player.
            return subprocess.Popen(
                [sys.executable, "-m", "kaproom.audio.player", self._runtime, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _terminate_player(self) -> None:
        """End one that is too busy to be asked, or does not listen yet."""
        ring = self._attached()
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
        elif ring is not None and self._connected.is_set():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(ring.player_pid, signal.SIGTERM)

    def _ask(self, do: str, timeout_s: float) -> None:
        with Client(sockets(self._runtime).player, "daemon", timeout_s) as client:
            client.call(do)

    def _watch_over(self) -> None:
        """The thread that ends a player that hangs, while there is sound left in the ring."""
        while not self._stopping.wait(_LOOK_S):
            ring = self._attached()
            if ring is None or not ring.playing or not self._connected.is_set():
                continue
            pid, filled = ring.player_pid, ring.write_frame - ring.read_frame
            if filled > _HANG_FILL_S * self._rate_hz:
                continue
            asked_ns = clock.mono_ns()
            try:
                self._ask("status", _HANG_S)
            except WorldFailed:
                if not clock.on_time(asked_ns, clock.mono_ns(), _HANG_S):
                    continue
                if ring.player_pid == pid and ring.write_frame - ring.read_frame <= filled:
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            except (Mend, Refused):
                pass

    def _listen(self) -> None:
        """The thread that hears: what the player tells by itself."""
        while not self._stopping.is_set():
            try:
                client = Client(sockets(self._runtime).player, "daemon", _CALL_TIMEOUT_S)
                status = client.call("status")
                self._connected.set()
                self._tell("connected", status=status)
                for push in client.watch():
                    if push.get("push") == "failed":
                        self._tell("failed", cue=push.get("id", ""), why=push.get("why", ""))
            except (WorldFailed, Mend, Refused):
                self._start_player()
            if self._connected.is_set():
                self._connected.clear()
                self._tell("lost")
            self._stopping.wait(_RETRY_S)


def _from_now(session: Session) -> tuple[PlannedCue, ...]:
    """The cues for a player that knows none: what should sound now, from where it should be."""
    sounding = session.cue_at(session.now_s)
    later = tuple(c for c in session.cues if c.start_s > session.now_s)
    if sounding is None:
        return later
    position_s = sounding.position_s(session.now_s)
    return (replace(sounding, start_s=session.now_s, cue_in_s=position_s, crossfade_s=0.0), *later)


def device_of(notice: Notice) -> str:
    """What plays, as people are told; empty while nothing was opened yet."""
    match notice.state:
        case "device":
            return notice.device
        case "silent":
            return "silent output"
        case "lost":
            return notice.device or "no device"
        case _:
            return ""
