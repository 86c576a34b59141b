"""One session in this room: its state, what the patient hears of it, what is written of it.

Whatever happens is stepped, then acted on, then given to be written, in this order: the
sound waits for no disk. What the session did by itself is written like what people did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from kaproom import clock
from kaproom.clock import Instant
from kaproom.errors import Reason, Refused
from kaproom.record import Entry, Written
from kaproom.room.asked import Answered, answered_by, read
from kaproom.room.clockwatch import STEPPED, ClockWatch
from kaproom.room.headphones import FromPlayer, Headphones
from kaproom.room.notebook import Notebook
from kaproom.room.past import Case
from kaproom.room.playbill import Playbill
from kaproom.room.resume import closed_as_found, last_before_restart, resumed
from kaproom.room.scribe import Scribe
from kaproom.room.soundline import knots_of
from kaproom.room.weight import Weight
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
from kaproom.session.outlook import preview
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.status import NO_SOUND, Sound, SoundState, snapshot, sound_state

# The sound stood still for longer than this: the plan is told.
SHIFT_MIN_S = 0.3
# An open session older than this is closed at the daemon's start, not picked up.
RESUME_MAX_S = 4 * 3600.0
# A player that closes the session before fades for up to 4 s.
BEGIN_S = 8.0

_NOT_REACHED = " The sound is not reached yet; it follows as soon as it is."


class Conductor:
    """The present session, or the last one, or none yet.

    Args:
        headphones: The way to the sound.
        write: Takes entries that nobody waits for.
        clocks: Watches the room's clocks.

    Attributes:
        weight: The patient's, if it was given.
        said: What has to be told of a session that was found; empty when nothing has.
    """

    def __init__(
        self,
        headphones: Headphones,
        write: Callable[[Sequence[Entry]], None],
        clocks: ClockWatch | None = None,
    ) -> None:
        self._headphones = headphones
        self._write = write
        self.session: Session | None = None
        self._scribe: Scribe | None = None
        self._sound: Sound = NO_SOUND
        self._sound_word = ""
        self._clocks = clocks or ClockWatch()
        self._notebook = Notebook()
        self._playbill = Playbill()
        self._first: list[e.Event] = []
        self.weight = Weight()
        self.said = ""

    @property
    def clock_facts(self) -> dict[str, Any]:
        """What is known of the wall clock now."""
        return self._clocks.facts

    @property
    def open(self) -> bool:
        """Whether a session is on; one that fades out at its end is."""
        return self.session is not None and self.session.stage is not Stage.ENDED

    # -- what people do

    def must_be_free(self) -> None:
        """A session may begin.

        Raises:
            Refused: One is open.
        """
        if self.session is not None and self.open:
            title = self.session.profile.title
            line = f"a session is open already ('{title}'); `kaproom end` closes it"
            raise Refused(line, Reason.SESSION_OPEN)

    def begin(
        self,
        session_id: str,
        profile: Profile,
        repertoire: Repertoire,
        now: Instant,
        first: Sequence[e.Event] = (),
    ) -> Scribe:
        """Open a session; who writes of it is returned, for its first entry.

        Args:
            session_id: The session's, opaque.
            profile: The clinic's plan.
            repertoire: The music.
            now: The moment.
            first: What is so from the first moment on: who is there, what was prepared.
        """
        scribe = self._take(Scribe(session_id, now))
        self.said = ""
        self._clocks.begin()
        self._headphones.begin()
        self.session, effects = opened(profile, repertoire)
        self._first = []
        for event in first:
            with suppress(Refused):  # a level that it has already is none to be set
                self.session, more = step(self.session, event)
                effects = (*effects, *more)
                self._first.append(event)
        self._act(effects)
        return scribe

    def first_entries(self, now: Instant) -> list[Entry]:
        """What was so from the first moment on, for the record."""
        if self.session is None or self._scribe is None:
            return []
        return [self._scribe.entry(self.session, event, now, None) for event in self._first]

    def command(self, do: str, args: Mapping[str, Any], command_id: str, now: Instant) -> Answered:
        """Do what a person asked for.

        Raises:
            Refused: It would be wrong now, or no session is open.
            Mend: It is no command, or its arguments are not.
        """
        session, scribe = self._present()
        here = Case(scribe, session, self._notebook)
        event, when = read(here, do, args, now)
        self.weight.must_be_known_for(event)
        self.session, effects = step(session, event)
        reached = self._act(effects)
        entry = scribe.entry(self.session, event, now, command_id, when.fields)
        answered = answered_by(entry, self.session, event, when)
        entries = [*self._told(effects, now), *answered.entries]
        line = answered.line + ("" if reached else _NOT_REACHED)
        return answered._replace(entries=entries, line=line)

    @property
    def unsigned(self) -> bool:
        """Whether the session that commands are for is over and waits to be signed off."""
        session = self.session
        return session is not None and session.stage is Stage.ENDED and not session.signed_by

    def is_on(self, session_id: str) -> bool:
        """Whether this is the session that commands are for now."""
        return self._scribe is not None and self._scribe.session_id.startswith(session_id)

    def forget(self, session_id: str) -> None:
        """That session was erased; nothing of it is shown any more."""
        if not self.open and self._scribe is not None and self._scribe.session_id == session_id:
            self.session, self._scribe, self._notebook = None, None, Notebook()

    def note_seq(self, note: int) -> int | None:
        """The entry of the session's note by its place; None while it is not on disk."""
        return self._notebook.seq(note)

    def _take(self, scribe: Scribe) -> Scribe:
        """This one writes of the session from now on."""
        self._scribe = scribe
        self._notebook = Notebook(scribe.session_id)
        self._playbill = Playbill()
        scribe.sounded = self._headphones.sounded
        scribe.clock = self._clocks.facts
        return scribe

    def preview(self, do: str, args: Mapping[str, Any], now: Instant) -> dict[str, Any]:
        """What a command would change of what lies ahead; see ``command`` for what it raises."""
        session, scribe = self._present()
        event, _ = read(Case(scribe, session, self._notebook), do, args, now)
        self.weight.must_be_known_for(event)
        return preview(session, event)

    def _present(self) -> tuple[Session, Scribe]:
        if self.session is None or self._scribe is None:
            raise Refused(
                "no session is open; `kaproom start PROFILE` begins one", Reason.NO_SESSION
            )
        return self.session, self._scribe

    # -- what happens by itself

    def pick_up(
        self, entries: Sequence[Written], now: Instant, alive: Instant | None = None
    ) -> bool:
        """Go on with the session that the last daemon left, or close one that is too old.

        Where the machine itself was off, nobody knows what the pump did: it is asked.

        Args:
            entries: All of that session.
            now: The moment.
            alive: When the room was last known to live, if that is known beside the record.

        Returns:
            Whether it goes on.
        """
        found = resumed(entries, now)
        if found is None:
            return False
        scribe, session = found.scribe, found.session
        before = last_before_restart(entries, now)
        last = before or found.last_seen
        if alive is not None and alive.boot_id == last.boot_id and alive.mono_ns > last.mono_ns:
            last = alive
        last_s, now_s = scribe.at_s(last), scribe.at_s(now)
        if now_s > RESUME_MAX_S or session.stage is not Stage.OPEN:
            closing, self.said = closed_as_found(scribe, session, last, now)
            self._write([closing])
            return False
        self._take(scribe)
        self.session = session
        self._playbill = Playbill(entries)
        self.written(entries)
        self._headphones.remember(knots_of(entries, session, scribe.opened))
        self._clocks.begin(sum(written.entry.kind == STEPPED for written in entries))
        if entries:
            self._clocks.compare(entries[-1].entry.entered)
        if before is None:
            self.note_fact("daemon-resumed", {"away_s": round(now_s - last_s, 3)}, now)
            return True
        interrupted = e.Interrupted(now_s, now_s, round(now_s - last_s, 3))
        # The player of that boot is gone; the next one is told when it is met.
        self.session, _ = step(session, interrupted)
        by_wall_clock = {"last_utc": last.utc.isoformat(), "by": "wall clock", "uncertain": True}
        self._write([scribe.entry(self.session, interrupted, now, None, by_wall_clock)])
        return True

    def take_back(self, past: Case) -> None:
        """The last session is over and not signed off: what was seen may still be added."""
        self._take(past.scribe)
        self.session, self._notebook = past.session, past.notebook
        self._sound_word = str(sound_state(self.session, NO_SOUND))

    def tick(self, now: Instant) -> bool:
        """Time passed.

        Returns:
            Whether the session's end is reached with this.
        """
        self._sound = self._headphones.facts()
        self._headphones.look()
        for seen in self._clocks.look(now):
            self.note_fact(seen.kind, seen.fields, now)
        session, scribe = self.session, self._scribe
        if session is None or scribe is None:
            return False
        scribe.clock = self._clocks.facts
        ends = False
        if session.stage is not Stage.ENDED:
            now_s = scribe.at_s(now)
            ends = self._by_itself(e.Tick(now_s, now_s), now)
            self._write(self._told(self._playbill.begun(self.session or session), now))
            self._keep_in_time(now_s, now)
            self._keep_gain()
        self._watch_sound(now)
        return ends

    def hear(self, news: FromPlayer) -> None:
        """The player told something."""
        now = clock.now()
        match news.what:
            case "connected":
                self.note_fact("player-connected", {}, now)
                self._headphones.meet(self.session, news.fields["status"].get("programme") or {})
            case "lost" | "refused":
                self.note_fact(f"player-{news.what}", news.fields, now)
            case "failed" if self._scribe is not None:
                now_s = self._scribe.at_s(now)
                why = news.fields["why"]
                self._by_itself(e.SourceFailed(now_s, now_s, news.fields["cue"], why), now)
            case _:
                pass

    def note_fact(self, kind: str, fields: Mapping[str, Any], now: Instant) -> None:
        """Have something about the room written into the session, if there is one."""
        if self.session is not None and self._scribe is not None and self.open:
            self._write([self._scribe.fact(self.session, kind, now, fields)])

    def written(self, entries: Iterable[Written]) -> None:
        """These are on disk now; notes among them are shown from now on."""
        self._notebook.written(entries)

    def status(self) -> dict[str, Any]:
        """The session's part of the room's state."""
        if self.session is None or self._scribe is None:
            return {"session": None, "sound": {"state": "off"}}
        told = snapshot(self.session, self._sound)
        told["session"]["id"] = self._scribe.session_id
        told["infusion"]["dose"] = self.weight.dose(self.session)
        told["notes"]["recent"] = self._notebook.recent()
        return told

    # -- inside

    def _by_itself(self, event: e.Event, now: Instant) -> bool:
        """Something happened that no person asked for; whether the session ends with it."""
        assert self.session is not None and self._scribe is not None
        try:
            after, effects = step(self.session, event)
        except Refused:
            return False  # it is over; what happens to its sound is of no consequence
        self.session = after
        self._act(effects)
        entries = self._told(effects, now)
        if not isinstance(event, e.Tick):
            entries.append(self._scribe.entry(after, event, now, None))
        self._write(entries)
        ends = any(isinstance(effect, Close) for effect in effects)
        if ends:
            self._headphones.stop()
            self.weight.forget()
        return ends

    def _act(self, effects: Iterable[Effect]) -> bool:
        """Do what the patient hears, now. False when the sound could not be reached."""
        assert self.session is not None
        reached = True
        for effect in effects:
            match effect:
                case SetGain(target_db, fall_s):
                    reached = self._headphones.set_gain(target_db, fall_s) and reached
                case Play(cues):
                    self._headphones.play(self.session, cues)
                case Tell() | Close():
                    pass  # the scribe's
        return reached

    def _told(self, effects: Iterable[Effect], now: Instant) -> list[Entry]:
        assert self.session is not None and self._scribe is not None
        told = [x for x in effects if isinstance(x, Tell | Close)]
        return [self._scribe.told(self.session, tell, now) for tell in told]

    def _keep_in_time(self, now_s: float, now: Instant) -> None:
        """Tell the plan when the sound stood still, so that what is to come is in time again."""
        behind_s = self._headphones.behind_s(now_s)
        if behind_s is None or abs(behind_s) < SHIFT_MIN_S:
            return
        self._headphones.refit(behind_s)
        self._by_itself(e.Shifted(now_s, now_s, behind_s), now)

    def _keep_gain(self) -> None:
        """A player that closed one session may have silenced the one that follows at once.

        Later whoever lowered the gain past us, by the player, meant it.
        """
        session = self.session
        if session is None or session.stage is not Stage.OPEN or session.now_s > BEGIN_S:
            return
        if not self._headphones.has_gain(session.gain_db):
            self._headphones.set_gain(session.gain_db, LEVEL_S)

    def _watch_sound(self, now: Instant) -> None:
        assert self.session is not None and self._scribe is not None
        word = str(sound_state(self.session, self._sound))
        if word != self._sound_word:
            was, self._sound_word = self._sound_word, word
            fields = {
                "state": word,
                "was": was,
                "why": self._sound.lost,
                "underruns": self._sound.underruns,
                "device": self._sound.device,
            }
            if self.open or word == SoundState.OFF:
                self._write([self._scribe.fact(self.session, "sound", now, fields)])
