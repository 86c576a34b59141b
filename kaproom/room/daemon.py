"""The room's service: one loop.

Gather what happened, stamp it, step the session; what the patient hears is acted on at
once, then the record is written, then it is acknowledged. The loop waits for nothing but
its own work: the record is written on one thread, the player asked on another.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kaproom import clock
from kaproom.awake import Awake, stay_awake
from kaproom.clock import Instant
from kaproom.errors import Mend, Refused
from kaproom.intercom import Request, Server
from kaproom.places import sockets
from kaproom.record import Done, Entry, Record, Recorder, RoomLock, Written
from kaproom.room import commands
from kaproom.room.answers import answer
from kaproom.room.attention import KIND, Change
from kaproom.room.bus import Bus
from kaproom.room.headphones import FromPlayer, Headphones
from kaproom.room.resume import resumed
from kaproom.room.scribe import Scribe
from kaproom.session import events as e
from kaproom.session.machine import (
    LEVEL_S,
    Close,
    Effect,
    Play,
    Session,
    SetGain,
    Stage,
    Tell,
    opened,
    step,
)
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.roomfile import RoomFile
from kaproom.session.status import NO_SOUND, Sound, snapshot, sound_state
from kaproom.session.timeline import PlannedCue

TICK_S = 0.25
# An open session older than this is closed at the daemon's start, not picked up.
RESUME_MAX_S = 4 * 3600.0
# The sound stood still for longer than this: the plan is told.
SHIFT_MIN_S = 0.3
RECENT_NOTES = 8
# A note's way passes through two threads. At Python's 5 ms a third one that computes held it
# up for 6 ms in the median, at this for 0.1 ms.
SWITCH_S = 0.0005
# A command that is sent again after a crash is looked for among so many entries.
RESENT_MAX = 1000


@dataclass(frozen=True, slots=True)
class _Owed:
    """An answer that waits for the disk."""

    request: Request | None
    reply: dict[str, Any]


class Daemon:
    """One room. ``serve`` runs it until it is asked to stop."""

    def __init__(self, room: RoomFile, data: Path, runtime: Path) -> None:
        self._room = room
        self._data = data
        self._lock = RoomLock(data)
        self._runtime = runtime
        self._stopping = False
        self._session: Session | None = None
        self._scribe: Scribe | None = None
        self._sound: Sound = NO_SOUND
        self._sound_word = ""
        self._player_known = False
        self._unsaid: str | None = None
        self._head = ("", 0)
        self._recent: list[dict[str, Any]] = []
        self._awake: Awake | None = None
        self._started_ns = 0
        self._boot = 0

    # -- its life

    def serve(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve the room until SIGTERM or SIGINT; the player plays on afterwards.

        ``ready`` is called once when clients are answered.

        Raises:
            Refused: Another daemon serves this room.
            Mend: The data or the runtime folder cannot be used.
        """
        self._lock.take()
        try:
            self._open()
            try:
                ready()
                while not self._stopping:
                    self._turn()
            finally:
                self._shut()
        finally:
            self._lock.release()

    def stop(self) -> None:
        """Leave the loop after this turn."""
        self._stopping = True

    def _open(self) -> None:
        sys.setswitchinterval(SWITCH_S)
        record = Record.open(self._data)
        now = clock.now()
        self._started_ns = now.mono_ns
        record.begin_boot(now, {"room": self._room.room, "site": self._room.site})
        self._boot = record.boot or 0
        head = record.head()
        self._head = (head.hash, head.seq)
        left_open = record.last_open_session()
        entries = list(record.entries(left_open.session)) if left_open else []
        # Only the recorder's thread touches the record from here on.
        self._done_before = {
            w.entry.command_id: w.seq
            for w in record.entries(after_seq=max(0, head.seq - RESENT_MAX))
            if w.entry.command_id
        }
        self._bus = Bus(self._room, self._data, record)
        self._recorder = Recorder(record)
        self._bus.begin(self._recorder.acknowledge)
        self._headphones = Headphones(
            self._runtime, self._room.device, self._room.latency_ms, self._room.rate_hz
        )
        self._server = Server(sockets(self._runtime).daemon, "daemon")
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        self._server.add_reader(self._wake_read, self._woken)
        self._server.add_reader(self._recorder.fileno(), self._recorded)
        self._server.add_reader(self._headphones.fileno(), self._player_told)
        if left_open is not None:
            self._pick_up(entries, now)
            self._stay_awake()
        self._headphones.start()

    def _woken(self) -> None:
        """A signal came; its handler has run, and the loop sees what it asked for."""
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _shut(self) -> None:
        self._headphones.close()
        self._bus.close(self._session is not None and self._session.stage is not Stage.ENDED)
        self._recorder.close()
        self._recorded()
        self._server.close()
        signal.set_wakeup_fd(-1)
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._awake is not None:
            self._awake.release()

    def _pick_up(self, entries: list[Written], now: Instant) -> None:
        """Go on with the session that the last daemon left, or close an old one."""
        found = resumed(entries, now)
        if found is None:
            return
        away_s = found.scribe.at_s(now) - found.scribe.at_s(found.last_seen)
        self._scribe, session = found.scribe, found.session
        if found.scribe.at_s(now) > RESUME_MAX_S or session.stage is not Stage.OPEN:
            how = "left open" if session.stage is Stage.OPEN else "end"
            last_s = found.scribe.at_s(found.last_seen)
            closing = self._scribe.told(session, Close(last_s), now)
            self._write([replace(closing, fields={"how": how})])
            self._scribe = None
            return
        self._session = session
        self._recent = [_note_line(w) for w in entries if w.entry.kind == "note"][-RECENT_NOTES:]
        self._note_fact("daemon-resumed", {"away_s": round(away_s, 3)})
        self._bus.resumed(now)

    # -- one turn

    def _turn(self) -> None:
        for request in self._server.poll(TICK_S):
            self._handle(request)
        self._tick()

    def _handle(self, request: Request) -> None:
        try:
            if request.do == "status":
                request.reply(self._bus.told(self._status(), clock.now()))
            elif request.id in self._done_before:
                request.reply({"line": "Done already.", "seq": self._done_before[request.id]})
            elif request.do == "start":
                self._start(request)
            elif request.do == "call":
                self._call(request)
            else:
                self._command(request)
        except Refused as refusal:
            request.refuse(str(refusal))
        except Mend as mend:
            request.mend(str(mend))

    def _command(self, request: Request) -> None:
        session, scribe = self._session, self._scribe
        if session is None or scribe is None:
            raise Refused("no session is open; `kaproom start PROFILE` begins one")
        now = clock.now()
        at_ns = commands.stamped(request.args, now)
        entered_s = scribe.at_s(now)
        at_s = entered_s - (now.mono_ns - at_ns) / clock.NS_PER_S
        event = commands.read(request.do, request.args, at_s, entered_s)
        after, effects = step(session, event)
        self._session = after
        acted = self._act(effects)
        entry = scribe.entry(after, event, now, request.id)
        at_text = entry.at.utc.astimezone().strftime("%H:%M:%S")
        reply: dict[str, Any] = {"line": answer(event, after, at_text)}
        if not acted:
            reply["line"] += " The sound is not reached yet; it follows as soon as it is."
        self._write([*self._told(effects, now), entry], _Owed(request, reply))
        self._publish()

    def _call(self, request: Request) -> None:
        now = clock.now()
        line, changes = self._bus.call(request.args, now)
        self._note_changes(changes, now)
        # It does not wait for the disk: somebody is needed.
        request.reply({"line": line})
        self._publish()

    def _start(self, request: Request) -> None:
        if self._session is not None and self._session.stage is not Stage.ENDED:
            title = self._session.profile.title
            raise Refused(f"a session is open already ('{title}'); `kaproom end` closes it")
        try:
            profile = Profile.model_validate(request.args["profile"])
            repertoire = Repertoire.model_validate(request.args["repertoire"])
        except (KeyError, ValidationError) as error:
            raise Mend(
                "that is not a profile and its music; begin with `kaproom start PROFILE`"
            ) from error
        now = clock.now()
        self._scribe = Scribe(uuid.uuid4().hex, now)
        self._headphones.begin()
        self._session, effects = opened(profile, repertoire)
        self._recent = []
        self._act(effects)
        self._stay_awake()
        fields = {
            "profile": profile.model_dump(mode="json"),
            "repertoire": repertoire.model_dump(mode="json"),
            "without": request.args.get("without", []),
            "findings": request.args.get("findings", []),
        }
        reply = {"session": self._scribe.session_id, "line": f"'{profile.title}' has begun."}
        self._write([self._scribe.opening(fields, request.id)], _Owed(request, reply))
        self._publish()

    def _stay_awake(self) -> None:
        """Keep the machine awake; on a thread, since asking may take seconds."""

        def ask() -> None:
            awake = stay_awake("a kaproom session is on")
            if self._session is None or self._session.stage is Stage.ENDED:
                awake.release()
            else:
                self._awake = awake

        threading.Thread(target=ask, name="stay-awake", daemon=True).start()

    def _tick(self) -> None:
        self._sound = self._headphones.facts()
        session, scribe = self._session, self._scribe
        if session is not None and scribe is not None:
            now = clock.now()
            now_s = scribe.at_s(now)
            if session.stage is not Stage.ENDED:
                self._step_by_itself(e.Tick(now_s, now_s), now)
                self._keep_in_time(now_s, now)
                self._keep_gain()
            self._watch_sound(now)
        self._publish()

    def _keep_in_time(self, now_s: float, now: Instant) -> None:
        """Tell the plan when the sound stood still, so that what is to come is in time again."""
        behind_s = self._headphones.behind_s(now_s)
        if behind_s is None or abs(behind_s) < SHIFT_MIN_S:
            return
        self._headphones.refit(behind_s)
        self._step_by_itself(e.Shifted(now_s, now_s, behind_s), now)

    def _keep_gain(self) -> None:
        """A player that closed one session may have silenced the one that follows at once."""
        session = self._session
        if session is None or session.stage is not Stage.OPEN:
            return
        if not self._headphones.has_gain(session.gain_db):
            self._headphones.set_gain(session.gain_db, LEVEL_S)

    def _watch_sound(self, now: Instant) -> None:
        assert self._session is not None
        word = str(sound_state(self._session, self._sound))
        if word != self._sound_word:
            was, self._sound_word = self._sound_word, word
            fields = {"state": word, "was": was, "why": self._sound.lost}
            self._note_fact("sound", fields | {"underruns": self._sound.underruns}, now)

    def _step_by_itself(self, event: e.Event, now: Instant) -> None:
        """Something happened that no person asked for."""
        assert self._session is not None and self._scribe is not None
        try:
            after, effects = step(self._session, event)
        except Refused:
            return  # the session is over; what happens to its sound is of no consequence
        self._session = after
        self._act(effects)
        entries = self._told(effects, now)
        if not isinstance(event, e.Tick):
            entries.append(self._scribe.entry(after, event, now, None))
        self._write(entries)
        if any(isinstance(effect, Close) for effect in effects):
            self._headphones.stop()
            if self._awake is not None:
                self._awake.release()
                self._awake = None

    # -- acting, writing, telling

    def _act(self, effects: Iterable[Effect]) -> bool:
        """Do what the patient hears, now. False when the sound could not be reached."""
        assert self._session is not None
        reached = True
        for effect in effects:
            match effect:
                case SetGain(target_db, fall_s):
                    reached = self._headphones.set_gain(target_db, fall_s) and reached
                case Play(cues):
                    self._headphones.play(self._session, cues)
                case Tell() | Close():
                    pass  # the scribe's
        return reached

    def _told(self, effects: Iterable[Effect], now: Instant) -> list[Entry]:
        assert self._session is not None and self._scribe is not None
        told = [x for x in effects if isinstance(x, Tell | Close)]
        return [self._scribe.told(self._session, tell, now) for tell in told]

    def _note_fact(self, kind: str, fields: dict[str, Any], now: Instant | None = None) -> None:
        if self._session is not None and self._scribe is not None:
            now = now or clock.now()
            self._write([self._scribe.fact(self._session, kind, now, fields)])

    def _write(self, entries: Sequence[Entry], owed: _Owed | None = None) -> None:
        if entries:
            self._recorder.submit(entries, owed or _Owed(None, {}))

    def _recorded(self) -> None:
        """What the recorder finished: now it may be acknowledged."""
        for done in self._recorder.done():
            self._acknowledge(done)
        self._bus.written()

    def _acknowledge(self, done: Done) -> None:
        owed: _Owed = done.token
        self._unsaid = done.failed
        if done.failed is None and done.written:
            self._head = (done.written[-1].hash, done.written[-1].seq)
            self._recent += [_note_line(w) for w in done.written if w.entry.kind == "note"]
            del self._recent[:-RECENT_NOTES]
        if owed.request is None:
            return
        if done.failed is not None:
            owed.request.fail(f"done, not recorded: {done.failed}")
        else:
            owed.request.reply(owed.reply | {"seq": done.written[-1].seq})

    def _player_told(self) -> None:
        for news in self._headphones.news():
            self._hear(news)

    def _hear(self, news: FromPlayer) -> None:
        session, scribe = self._session, self._scribe
        match news.what:
            case "connected":
                self._meet_player(news.fields["status"].get("programme") or {})
            case "lost" | "refused":
                self._note_fact(f"player-{news.what}", news.fields)
            case "failed" if session is not None and scribe is not None:
                now = clock.now()
                now_s = scribe.at_s(now)
                failure = e.SourceFailed(now_s, now_s, news.fields["cue"], news.fields["why"])
                self._step_by_itself(failure, now)
            case _:
                pass

    def _meet_player(self, programme: dict[str, Any]) -> None:
        """A player is there, ours or one that played on without us."""
        self._note_fact("player-connected", {})
        session = self._session
        if session is None or session.stage is Stage.ENDED:
            return
        adopted = self._headphones.adopt(session, programme)
        if not adopted:
            self._headphones.begin(session.now_s)
        self._keep_gain()
        self._headphones.play(session, session.cues if adopted else _from_now(session))

    def _publish(self) -> None:
        status, now = self._status(), clock.now()
        self._note_changes(self._bus.look(status, now), now)
        told = self._bus.told(status, now)
        self._server.push("status", told)
        self._bus.publish(told, self._session)

    def _note_changes(self, changes: Sequence[Change], now: Instant) -> None:
        """A matter was raised or cleared; outside of a session the record keeps it as well."""
        for change in changes:
            if self._session is None or self._session.stage is Stage.ENDED:
                self._write([change.entry(now)])
            else:
                self._note_fact(KIND, change.fields, now)

    def _status(self) -> dict[str, Any]:
        head_hash, head_seq = self._head
        status: dict[str, Any] = {
            "v": 1,
            "site": self._room.site,
            "room": self._room.room,
            "display_name": self._room.title,
            "boot": self._boot,
            "up_s": (clock.mono_ns() - self._started_ns) / clock.NS_PER_S,
            "data": str(self._data),
            "record": {"head_seq": head_seq, "head_hash": head_hash, "failing": self._unsaid},
            "clock": {"synced": clock.synchronised()},
        }
        if self._session is None or self._scribe is None:
            return status | {"session": None, "sound": {"state": "off"}}
        told = snapshot(self._session, self._sound)
        told["session"]["id"] = self._scribe.session_id
        told["notes"]["recent"] = self._recent
        return status | told


def _from_now(session: Session) -> tuple[PlannedCue, ...]:
    """The cues for a player that knows none: what should sound now, from where it should be."""
    sounding = session.cue_at(session.now_s)
    later = tuple(c for c in session.cues if c.start_s > session.now_s)
    if sounding is None:
        return later
    position_s = sounding.position_s(session.now_s)
    return (replace(sounding, start_s=session.now_s, cue_in_s=position_s, crossfade_s=0.0), *later)


def _note_line(written: Written) -> dict[str, Any]:
    entry = written.entry
    return {
        "seq": written.seq,
        "utc": entry.at.utc.isoformat(),
        "mono_ns": entry.at.mono_ns,
        "session_s": entry.session_s,
        "category": entry.fields.get("category"),
        "text": entry.fields.get("text", ""),
        "late": entry.late,
    }
