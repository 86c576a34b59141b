"""The room's service: one loop.

Gather what happened, stamp it, step the session; what the patient hears is acted on at
once, then the record is written, then it is acknowledged. The loop waits for nothing but
its own work: the record is written on one thread, the player asked on another.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kaproom import clock
from kaproom.awake import Awake, stay_awake
from kaproom.clock import Instant
from kaproom.errors import Mend, Refused
from kaproom.intercom import Request, Server
from kaproom.places import WORD_FILE, sockets
from kaproom.record import Done, Entry, Record, Recorder, RoomLock
from kaproom.room.afterwards import Afterwards, Erasing
from kaproom.room.asked import added_to_past
from kaproom.room.attention import KIND, Change
from kaproom.room.beginning import beginning, prepared_entry
from kaproom.room.bus import Bus
from kaproom.room.conductor import Conductor
from kaproom.room.headphones import Headphones
from kaproom.room.past import Case, find_past, past_of
from kaproom.room.sheets import Sheets
from kaproom.room.stamps import AGO_MAX_S
from kaproom.room.surveyor import Surveyor
from kaproom.room.tones import Tones
from kaproom.room.vigil import Vigil, last_word
from kaproom.session.roomfile import RoomFile

TICK_S = 0.25
# A note's way passes through two threads. At Python's 5 ms a third one that computes held it
# up for 6 ms in the median, at this for 0.1 ms.
SWITCH_S = 0.0005
# So many entries wait for a disk that takes none; a session has some hundred.
BACKLOG_MAX = 10_000
RETRY_NS = 2 * clock.NS_PER_S
# A command that is sent again after a crash is looked for among so many entries.
RESENT_MAX = 1000


@dataclass(frozen=True, slots=True)
class _Owed:
    """An answer that waits for the disk."""

    request: Request | None
    reply: dict[str, Any]
    entries: tuple[Entry, ...] = ()
    note: int | None = None


class Daemon:
    """One room. ``serve`` runs it until it is asked to stop."""

    def __init__(
        self, room: RoomFile, data: Path, runtime: Path, report: Sequence[str] = ()
    ) -> None:
        """``report`` is the command that writes a session's sheet."""
        self._room = room
        self._sheets = Sheets(None if room.sheets is None else Path(room.sheets), report)
        self._data = data
        self._lock = RoomLock(data)
        self._runtime = runtime
        self._stopping = False
        self._unsaid: str | None = None
        self._backlog: list[Entry] = []
        self._retried_ns = 0
        self._ticked_ns = 0
        self._waiting = 0
        self._head = ("", 0)
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

    @property
    def in_session(self) -> bool:
        """Whether a session is on; the player then plays on without us."""
        return self._conductor.open

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
        past = None if left_open else _unsigned(record, now)
        self._afterwards = Afterwards(
            self._data, self._sheets, record.unsigned_sessions(), self._write
        )
        # Only the recorder's thread touches the record from here on.
        recent = list(record.entries(after_seq=max(0, head.seq - RESENT_MAX)))
        self._done_before = {w.entry.command_id: w.seq for w in recent if w.entry.command_id}
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
        self._surveyor = Surveyor(self._room, self._data, self._runtime)
        self._server.add_reader(self._surveyor.fileno(), self._surveyor.answer)
        self._conductor = Conductor(self._headphones, self._write)
        self._tones = Tones(
            self._headphones,
            lambda: self._conductor.open,
            needed=self._room.device != "silent",
        )
        self._tones.recall(recent, now)
        self._server.add_reader(self._sheets.fileno(), self._afterwards.sheet_told)
        self._vigil = Vigil(self._data)
        if self._conductor.pick_up(entries, now, last_word(self._data)):
            self._bus.resumed(now)
            self._stay_awake()
        elif past is not None:
            self._conductor.take_back(past)
        if self._conductor.said:
            sys.stderr.write(f"{self._conductor.said}\n")
            sys.stderr.flush()
        self._vigil.session(self._conductor.open)
        self._vigil.begin()
        self._headphones.start()

    def _woken(self) -> None:
        """A signal came; its handler has run, and the loop sees what it asked for."""
        with suppress(BlockingIOError):
            os.read(self._wake_read, 4096)

    def _shut(self) -> None:
        self._vigil.close()
        self._headphones.close(dismiss=not self._conductor.open)
        self._bus.close(self._conductor.open)
        self._recorder.close()
        self._recorded()
        self._server.close()
        signal.set_wakeup_fd(-1)
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._awake is not None:
            self._awake.release()

    # -- one turn

    def _turn(self) -> None:
        for request in self._server.poll(TICK_S):
            self._handle(request)
        # An answer that waits for the disk goes before what only tells of it.
        since_ns = clock.mono_ns() - self._ticked_ns
        if not self._waiting or since_ns >= TICK_S * clock.NS_PER_S:
            self._tick()

    def _handle(self, request: Request) -> None:
        try:
            if request.do == "status":
                request.reply(self._bus.told(self._status(), clock.now()))
            elif request.id in self._done_before:
                request.reply({"line": "Done already.", "seq": self._done_before[request.id]})
            else:
                self._deeds().get(request.do, self._command)(request)
        except Refused as refusal:
            request.refuse(str(refusal), refusal.reason)
        except Mend as mend:
            request.mend(str(mend))

    def _deeds(self) -> dict[str, Callable[[Request], None]]:
        """What is done for a request that is no command of the session."""
        return {
            "survey": self._surveyor.ask,
            "start": self._start,
            "prepare": self._prepare,
            "preview": self._preview,
            "erase": self._erase,
            "backed-up": self._backed_up,
            "sign-off": self._sign_off,
            "call": self._call,
            "tone": self._tone,
            "heard": self._heard,
        }

    def _command(self, request: Request) -> None:
        now, session_id = clock.now(), request.args.get("session")
        if session_id is None or (
            isinstance(session_id, str) and self._conductor.is_on(session_id)
        ):
            answered = self._conductor.command(request.do, request.args, request.id, now)
        elif isinstance(session_id, str):
            past = find_past(self._data, session_id, now)
            past.scribe.clock = self._conductor.clock_facts
            answered = added_to_past(past, request.do, request.args, request.id, now)
        else:
            raise Mend("a session is named by its id or by the patient's ref")
        reply = {"line": answered.line, "again": answered.again}
        self._write(answered.entries, _Owed(request, reply, note=answered.note))

    def _sign_off(self, request: Request) -> None:
        if request.args.get("session") is None and not self._conductor.unsigned:
            self._afterwards.name_unsigned(request, self._conductor.open)
        self._command(request)

    def _erase(self, request: Request) -> None:
        self._afterwards.erase(request, self._recorder, self._conductor.open)

    def _erased(self, erasing: Erasing, done: Done) -> None:
        if done.failed is None:
            self._head = (done.written[-1].hash, done.written[-1].seq)
            self._afterwards.written(done.written)
            self._conductor.forget(erasing.session)
        erasing.told(done)
        self._publish()

    def _backed_up(self, request: Request) -> None:
        entry = self._afterwards.copy_entry(request)
        self._write([entry], _Owed(request, {"line": "Kept that there is a copy."}))

    def _preview(self, request: Request) -> None:
        """Say what would be. A word of its own: it can never be taken for the command."""
        told = self._conductor.preview(str(request.args.get("do")), request.args, clock.now())
        line = "Nothing is changed and nothing recorded: this is what would be."
        request.reply({"line": line, "preview": told})

    def _call(self, request: Request) -> None:
        now = clock.now()
        line, changes = self._bus.call(request.args, now)
        self._note_changes(changes, now)
        # It does not wait for the disk: somebody is needed.
        request.reply({"line": line})
        self._publish()

    def _tone(self, request: Request) -> None:
        request.reply({"line": self._tones.play(request.args, clock.now())})
        self._publish()

    def _heard(self, request: Request) -> None:
        entry = self._tones.answered(request.args, clock.now(), request.id)
        said = "was heard" if entry.fields["heard"] else "was NOT heard"
        line = f"Recorded: the tone on the {entry.fields['side']} {said}."
        self._write([entry], _Owed(request, {"line": line}))
        self._publish()

    def _start(self, request: Request) -> None:
        self._conductor.must_be_free()
        asked_for, now = beginning(request.args), clock.now()
        fields = {**asked_for.fields, **self._tones.first_fields(now)}
        self._conductor.weight.begin(request.args.get("weight_kg"))
        scribe = self._conductor.begin(
            uuid.uuid4().hex, asked_for.profile, asked_for.repertoire, now, asked_for.first
        )
        self._tones.give_way()
        self._stay_awake()
        reply = {"session": scribe.session_id, "line": f"'{asked_for.profile.title}' has begun."}
        opening = scribe.opening(fields, request.id, asked_for.who)
        self._write([opening, *self._conductor.first_entries(now)], _Owed(request, reply))
        self._publish()

    def _prepare(self, request: Request) -> None:
        entry = prepared_entry(request.args, clock.now(), request.id)
        line = f"Prepared {entry.fields['ref']}; `kaproom start --prepared` begins with it."
        self._write([entry], _Owed(request, {"line": line}))

    def _stay_awake(self) -> None:
        """Keep the machine awake; on a thread, since asking may take seconds."""

        def ask() -> None:
            awake = stay_awake("a kaproom session is on")
            if self._conductor.open:
                self._awake = awake
            else:
                awake.release()

        threading.Thread(target=ask, name="stay-awake", daemon=True).start()

    def _heed_word(self) -> None:
        """Somebody lowered the sound past us while we hung; it counts, with its own time."""
        word = self._runtime / WORD_FILE
        if not word.exists():
            return
        try:
            told = json.loads(word.read_bytes())
            answered = self._conductor.command(
                str(told["do"]), dict(told["args"]), uuid.uuid4().hex, clock.now()
            )
            self._write(answered.entries)
        except (Refused, Mend, ValueError, KeyError, TypeError, OSError):
            pass  # it was heard of by another way, or is no word of ours
        with suppress(OSError):
            word.unlink()

    def _tick(self) -> None:
        self._ticked_ns = clock.mono_ns()
        self._vigil.session(self._conductor.open)
        self._heed_word()
        if self._conductor.tick(clock.now()) and self._awake is not None:
            self._awake.release()
            self._awake = None
        if self._backlog and clock.mono_ns() - self._retried_ns > RETRY_NS:
            self._write(())
        self._publish()

    # -- writing and telling

    def _write(self, entries: Sequence[Entry], owed: _Owed | None = None) -> None:
        """Have entries written, behind those that could not be written until now."""
        facts = self._conductor.clock_facts
        told = [one if one.clock else replace(one, clock=facts) for one in entries]
        batch = (*self._backlog, *told)
        self._backlog = []
        if batch:
            self._retried_ns = clock.mono_ns()
            self._waiting += owed is not None
            self._recorder.submit(batch, replace(owed or _Owed(None, {}), entries=batch))

    def _recorded(self) -> None:
        """What the recorder finished: now it may be acknowledged."""
        for done in self._recorder.done():
            if isinstance(done.token, Erasing):
                self._erased(done.token, done)
            else:
                self._acknowledge(done)
        self._bus.written()

    def _acknowledge(self, done: Done) -> None:
        owed: _Owed = done.token
        self._unsaid = done.failed
        if done.failed is None and done.written:
            self._head = (done.written[-1].hash, done.written[-1].seq)
            self._conductor.written(done.written)
            self._afterwards.written(done.written)
        if done.failed is not None:
            # What the session knows, the record will: else the next daemon knew another one.
            self._backlog = [*owed.entries, *self._backlog][:BACKLOG_MAX]
        request = owed.request
        if request is None:
            return
        self._waiting -= 1
        if done.failed is not None:
            request.fail(
                f"done, not recorded: {done.failed} (kept, and written once there is room)"
            )
            return
        seq = done.written[-1].seq
        reply = owed.reply | {"seq": seq}
        if owed.note is not None:
            # What was pressed twice is answered with the note that it is.
            reply["note"] = self._conductor.note_seq(owed.note)
        if request.do == "sign-off":
            reply["line"] = f"{reply['line']}{self._afterwards.signed_line(owed.entries[-1])}"
        if request.do == "note":
            reply["seq"] = reply.get("note") or seq
            reply["line"] = f"{reply['line'].removesuffix('.')} (entry {reply['seq']})."
        request.reply(reply)

    def _player_told(self) -> None:
        for news in self._headphones.news():
            self._conductor.hear(news)

    def _publish(self) -> None:
        status, now = self._status(), clock.now()
        self._note_changes(self._bus.look(status, now), now)
        told = self._bus.told(status, now)
        self._server.push("status", told)
        self._bus.publish(told, self._conductor.session)

    def _note_changes(self, changes: Sequence[Change], now: Instant) -> None:
        """A matter was raised or cleared; outside of a session the record keeps it as well."""
        for change in changes:
            if self._conductor.open:
                self._conductor.note_fact(KIND, change.fields, now)
            else:
                self._write([change.entry(now)])

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
            "record": {
                "head_seq": head_seq,
                "head_hash": head_hash,
                "failing": self._unsaid,
                "free_bytes": self._vigil.free_bytes,
                "disk_low": self._vigil.low,
            },
            "said": self._conductor.said or None,
            "unsigned": self._afterwards.told(),
            "clock": self._conductor.clock_facts,
            "tones": self._tones.told(clock.now()),
        }
        return status | self._conductor.status()


def _unsigned(record: Record, now: Instant) -> Case | None:
    """The last session, if it ended lately and nobody has signed it off."""
    newest = record.sessions()[-1:]
    if not newest or newest[0].ended is None:
        return None
    if now.since_s(newest[0].ended) > AGO_MAX_S:
        return None
    try:
        past = past_of(list(record.entries(newest[0].session)), now)
    except Refused:
        return None
    return None if past.session.signed_by is not None else past
