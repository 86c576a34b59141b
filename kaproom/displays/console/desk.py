"""What people do at the console, and what becomes of it: keys and presses in, wishes out.

It reads no clock and opens nothing. A deed's key is stamped before anything else is done
with it; a second press at once is the same press (``deeds.GUARD_S``). What cannot be undone asks
once more. What was pressed is a wish until the room has answered it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kaproom.clock import NS_PER_S
from kaproom.displays import keyboard
from kaproom.displays.console.agenda import Agenda
from kaproom.displays.console.calling import Call, Pressed, standing
from kaproom.displays.console.deeds import (
    BY_FINGER,
    CALLS,
    DEEDS,
    MARKS,
    PUMP_KEYS,
    TYPING,
    WRITES,
    Guard,
)
from kaproom.displays.console.keys import Keys, chord
from kaproom.displays.console.over import TYPED_IN, UNITS, Over
from kaproom.displays.console.trying import Trial, trial
from kaproom.displays.console.wanted import Leave, ToggleFull, Wanted
from kaproom.displays.notepad import Notepad, Outcome, Wish
from kaproom.displays.palette import Dim
from kaproom.errors import Reason

IDLE_S = 120.0
NOTE_AGO_S = 30.0


@dataclass(slots=True)
class Desk:
    """One console.

    Attributes:
        pad: The notes.
        agenda: How far people are before a session, and after it.
        over: What lies over the screen.
        said: What became of the last deed: a key of the catalogue and its values.
        answering: The room answers.
        heard_ns: When it said its state last.
        called: The call that was pressed here, until the room shows it.
    """

    pad: Notepad
    keys: Keys = field(default_factory=Keys)
    agenda: Agenda = field(default_factory=Agenda)
    over: Over = field(default_factory=Over)
    note_ago: bool = False
    dim: Dim = Dim.BRIGHT
    said: tuple[str, Mapping[str, str]] | None = None
    grave: bool = False
    answering: bool = False
    heard_ns: int = 0
    called: Pressed | None = None
    touched_ns: int = 0
    _guard: Guard = field(default_factory=Guard)
    _asked: dict[str, tuple[str, str]] = field(default_factory=dict)

    # -- what there is

    @property
    def status(self) -> Mapping[str, Any] | None:
        """The room's state as it was last heard."""
        return self.pad.status

    @property
    def session(self) -> Mapping[str, Any] | None:
        """The session that is on, or was."""
        found: Mapping[str, Any] | None = (self.status or {}).get("session")
        return found

    @property
    def open(self) -> bool:
        """Whether a session is on."""
        return self.session is not None and self.session["state"] != "ended"

    @property
    def shows(self) -> str:
        """Which screen: ``connecting``, ``session``, ``ended``, or a page before a session."""
        if self.status is None:
            return "connecting"
        if self.open:
            return "session"
        ended = self.session is not None and not self.session.get("signed_by")
        if ended and self.session is not None and self.agenda.seen_end != self.session.get("id"):
            return "ended"
        return self.agenda.page

    @property
    def trial(self) -> Trial | None:
        """How far the headphones are tried; None where the room says nothing of it."""
        return trial(self.status)

    def call(self, now_ns: int) -> Call | None:
        """How a call stands, if there is one."""
        return standing((self.status or {}).get("call"), self.called, self.answering, now_ns)

    def idle(self, now_ns: int) -> bool:
        """Whether nobody needs light: no session, and nobody here for a while."""
        quiet = now_ns - self.touched_ns >= IDLE_S * NS_PER_S
        busy = self.open or self.agenda.checking or self.call(now_ns) is not None
        return quiet and not busy and self.answering

    # -- what comes in

    def key(
        self,
        name: str,
        at_ns: int,
        wall: str,
        *,
        shift: bool = False,
        ctrl: bool = False,
        alt: bool = False,
    ) -> list[Wanted]:
        """A key went down; what it types comes as text."""
        if self._woke(at_ns):
            return []
        deed = self.keys.deed(chord(name, shift=shift, ctrl=ctrl, alt=alt))
        types = len(name) == 1 and not (ctrl or alt)
        if deed is not None and not types:
            return self.act(deed, at_ns, wall)
        if self.over.panel:
            return self._in_panel(name, at_ns, wall)
        if self.pad.writing is not None:
            act = TYPING.get("ctrl backspace" if ctrl and name == "backspace" else name)
            return [*self.pad.press(keyboard.Key(act=act), at_ns, wall)] if act else []
        return self._moved(name, at_ns, wall)

    def text(self, text: str, at_ns: int, wall: str) -> list[Wanted]:
        """Text was typed."""
        panel = self.over.panel
        if panel in TYPED_IN:
            self.over.type(text)
            return []
        if panel == "pump" and text in PUMP_KEYS:
            return self.act(PUMP_KEYS[text], at_ns, wall)
        if panel and panel != "help":
            return []
        if self.pad.writing is not None:
            return [*self.pad.press(keyboard.Key(text), at_ns, wall)]
        deed = self.keys.deed(text) or self.keys.deed(f"shift {text.lower()}")
        if deed is not None:
            return self.act(deed, at_ns, wall)
        if self.shows in ("session", "ended"):
            return self._note(text, at_ns, wall)
        return []

    def act(self, action: str, at_ns: int, wall: str) -> list[Wanted]:
        """A deed, by its key or by a press on it."""
        if self._woke(at_ns) or self._guard.same_press(action, at_ns):
            return []
        deed, _, of = action.partition(" ")
        running = self.shows in ("session", "connecting")
        if (running and deed in DEEDS) or (self.status is not None and deed in CALLS):
            return self._do(deed, at_ns, wall)
        if self.over.panel and deed in ("ok", "cancel", "unit", "erase", "write", "leave-out"):
            return self._pressed_in_panel(deed, of, at_ns, wall)
        if deed in WRITES:
            return self._written(deed, of, at_ns, wall)
        match deed:
            case "full":
                return [ToggleFull()]
            case "quit":
                return self._quit(at_ns)
            case "continue":
                return [self._wish("continue", {"infusion": of} if of else {}, at_ns, wall)]
            case "dim" | "help" | "ask" | "ago":
                self._looked(deed, of)
                return []
        return self._on_page(deed, of, at_ns, wall)

    def answered(self, outcome: Outcome) -> list[Wanted]:
        """The room answered."""
        asked = self._asked.pop(outcome.id, None)
        if asked is None:
            return [*self.pad.answered(outcome)]
        deed, wall = asked
        if self.called is not None and outcome.id == self.called.id:
            # That it has the call is believed when it shows it.
            self.called = replace(self.called, failed=not outcome.well)
            return []
        line = str(outcome.answer.get("line", ""))
        if deed == "preview":
            found = outcome.answer.get("preview")
            self.over.preview = found if outcome.well else dict(outcome.answer)
        elif outcome.well:
            self._succeeded(deed, wall)
        elif outcome.answer.get("reason") == Reason.MORE_INTENSE:
            self.over.panel, self.over.sure = "advance", True
        else:
            told = {"line": line, "reason": str(outcome.answer.get("reason") or "")}
            self.said, self.grave = ("console.not-done", told), True
            if deed == "start":
                self.agenda.page = "checks"
        return []

    def went_past(self, id: str, line: str) -> None:
        """The room did not answer; it was done at the player itself."""
        deed, _ = self._asked.pop(id, ("", ""))
        self.said, self.grave = ("console.past", {"what": deed, "line": line}), True

    def hear(self, status: Mapping[str, Any] | None, at_ns: int = 0) -> list[Wanted]:
        """The room's state; None when it does not answer: the last one stays, marked."""
        self.answering = status is not None
        if status is None:
            return []
        self.heard_ns = at_ns
        wanted = self.pad.hear(status)
        if self.called is not None and self.called.answers(status.get("call")):
            self.called = None
        if self.shows == "ended" and self.session is not None:
            self.agenda.work_off(tuple(self.session.get("closing") or ()))
        return [*wanted]

    def _succeeded(self, deed: str, wall: str) -> None:
        key = "recorded" if deed in (*MARKS, *UNITS) else "done"
        self.said, self.grave = (f"console.{key}", {"what": deed, "clock": wall}), False
        if deed == "start":
            self.agenda.page, self.agenda.checked = "choose", None
        if deed == "closing" and self.session is not None:
            self.agenda.seen_end = str(self.session.get("id"))

    def _looked(self, deed: str, of: str) -> None:
        """What changes only how things look here."""
        match deed:
            case "dim":
                self.dim = self.dim.further
            case "help":
                self.over.panel = "" if self.over.panel == "help" else "help"
            case "ask":
                self.over.open(of)
            case "ago" if self.over.tells_when:
                self.over.ago(of)
            case "ago":
                self.note_ago = not self.note_ago

    # -- deeds of a session

    def _do(self, deed: str, at_ns: int, wall: str) -> list[Wanted]:
        told = self.status or {}
        match deed:
            case "away":
                away = told.get("sound", {}).get("state") == "away"
                return [self._wish("back" if away else "away", {}, at_ns, wall)]
            case "louder" | "softer":
                by_db = 1.0 if deed == "louder" else -1.0
                return [self._wish("level", {"by_db": by_db}, at_ns, wall, deed)]
            case "call" | "call-urgent":
                again = deed == "call-urgent" or self.called or told.get("call")
                return [self._call("urgent" if again else "assist", at_ns, wall)]
            case "call-cancel":
                self.called = None
                return [self._wish("call", {"cancel": True}, at_ns, wall, deed)]
            case "pump" | "end" | "rate" | "bolus":
                self.over.open(deed)
            case "started" | "paused" | "resumed" | "stopped":
                self.over.panel = "" if self.over.panel == "pump" else self.over.panel
                return [self._mark({"what": deed}, at_ns, wall, deed)]
            case "advance":
                self.over.open("advance")
                return [self._wish("preview", {"do": "advance"}, at_ns, wall)]
            case _:
                return [self._wish(deed, {}, at_ns, wall)]
        return []

    def _call(self, level: str, at_ns: int, wall: str) -> Wish:
        wish = self._wish("call", {"level": level}, at_ns, wall)
        self.called = Pressed(wish.id, level, at_ns)
        return wish

    def _mark(self, args: dict[str, Any], at_ns: int, wall: str, deed: str) -> Wish:
        told = {"ago_s": float(self.over.ago_s)} if self.over.ago_s else {}
        self.over.ago_s = 0
        return self._wish("infusion", args | told, at_ns, wall, deed)

    def _wish(
        self, do: str, args: Mapping[str, Any], at_ns: int, wall: str, deed: str = ""
    ) -> Wish:
        stamped = {**args, "mono_ns": at_ns, "boot_id": self.pad.boot_id}
        wish = self.pad.wish(do, stamped)
        self._asked[wish.id] = (deed or do, wall)
        return wish

    # -- notes

    def _note(self, text: str, at_ns: int, wall: str) -> list[Wanted]:
        """One key makes the note; with Shift, or after the key for it, half a minute ago."""
        known = self.pad.known
        back = self.note_ago
        if text not in known and text.lower() in known:
            text, back = text.lower(), True
        if text not in known:
            return []
        self.note_ago = self.over.letters = False
        wishes: list[Wanted] = []
        if self.pad.writing is not None:
            wishes += self.pad.leave(at_ns)
        ago_s = NOTE_AGO_S if back else 0.0
        return [*wishes, *self.pad.press(keyboard.Key(text), at_ns, wall, ago_s)]

    def _written(self, deed: str, of: str, at_ns: int, wall: str) -> list[Wanted]:
        """By a finger: a note, a letter of its text, that it is whole."""
        writing = self.pad.writing is not None
        match deed:
            case "note":
                return self._note(of, at_ns, wall)
            case "letter" | "digit":
                self.over.shift = False
                return self.text(of, at_ns, wall)
            case "letters" if not writing and not self.over.letters:
                return []
            case "letters" | "shift" | "marks":
                self.over.turn(deed)
            case "erase" | "write" | "leave-out" if writing:
                act = BY_FINGER[deed]
                self.over.letters = self.over.letters and act == "erase"
                return [*self.pad.press(keyboard.Key(act=act), at_ns, wall)]
        return []

    # -- what lies over the screen

    def _quit(self, at_ns: int) -> list[Wanted]:
        if self.over.panel == "quit":
            return [*self.pad.leave(at_ns), Leave()]
        self.over.panel = "quit"
        return []

    def _in_panel(self, name: str, at_ns: int, wall: str) -> list[Wanted]:
        match name:
            case "escape":
                self.over.close()
            case "backspace":
                self.over.erase()
            case "left" | "down" | "right" | "up" if self.over.tells_when:
                self.over.ago("less" if name in ("left", "down") else "more")
            case "return" | "enter" | "[enter]" | "keypad enter":
                return self.act("ok", at_ns, wall)
        return []

    def _pressed_in_panel(self, deed: str, of: str, at_ns: int, wall: str) -> list[Wanted]:
        match deed:
            case "ok" | "write":
                return self._confirmed(at_ns, wall)
            case "cancel" | "leave-out":
                self.over.close()
            case "unit":
                self.over.unit = of
            case "erase":
                self.over.erase()
        return []

    def _confirmed(self, at_ns: int, wall: str) -> list[Wanted]:
        """Enter, or the button that says so, in the panel that is open."""
        over, listed = self.over, self.agenda.listed
        panel, typed, number = over.panel, over.typed.strip(), over.number
        match panel:
            case "end":
                over.panel = ""
                return [self._wish("end", {}, at_ns, wall)]
            case "quit":
                return self._quit(at_ns)
            case "help":
                over.panel = ""
            case "advance" if over.denser and not over.sure:
                over.sure = True
            case "advance":
                over.panel = ""
                return [self._wish("advance", {"sure": over.denser}, at_ns, wall)]
            case "rate" | "bolus" if number is not None:
                over.panel = ""
                args = {"what": panel, "value": number, "unit": over.unit}
                return [self._mark(args, at_ns, wall, panel)]
            case "minute" if number is not None:
                over.panel = ""
                return [self._wish("continue", {"minute": number}, at_ns, wall)]
            case "untried":
                over.panel = ""
                return self._begin(at_ns, wall)
            case "who" if typed:
                listed.by, over.panel = typed.upper()[:12], ""
            case "why" if typed:
                self.agenda.give_reason(typed)
                over.panel, over.typed = "" if listed.by else "who", ""
        return []

    # -- before and after a session

    def _on_page(self, deed: str, of: str, at_ns: int, wall: str) -> list[Wanted]:
        agenda = self.agenda
        match deed:
            case "plan" if self.shows == "choose":
                return [*agenda.press(int(of))]
            case "yes" | "no":
                if agenda.tick(int(of), deed == "yes"):
                    self.over.open("why")
            case "earlier" | "later":
                agenda.move(self.shows, 1 if deed == "later" else -1)
            case "next":
                return self._next(at_ns, wall)
            case "before":
                return self._back(at_ns, wall)
            case "tone" | "heard" | "unheard" if self.shows == "checks":
                return [self._try(deed, of, at_ns, wall)]
            case "again":
                return [*agenda.check()]
            case "new" if self.session is not None:
                agenda.seen_end = str(self.session.get("id"))
                agenda.page = "choose"
            case "keep":
                return self._keep_closing(at_ns, wall)
        return []

    def _try(self, deed: str, of: str, at_ns: int, wall: str) -> Wish:
        """A tone on one side of the headphones, once more pressed none; or what was heard of it."""
        agenda, now = self.agenda, self.trial
        if deed == "tone":
            on = now is not None and now.sounding == of
            agenda.ear = of
            return self._wish("tone", {"side": "off" if on else of}, at_ns, wall)
        agenda.ear = ""
        by = agenda.listed.by or self.pad.by
        args = {"side": of, "heard": deed == "heard", "by": by or None}
        return self._wish("heard", args, at_ns, wall)

    def _back(self, at_ns: int, wall: str) -> list[Wanted]:
        """To the page before; a tone does not go along."""
        now = self.trial if self.shows == "checks" else None
        self.agenda.go_back()
        on = now is not None and now.sounding
        return [self._wish("tone", {"side": "off"}, at_ns, wall)] if on else []

    def _moved(self, name: str, at_ns: int, wall: str) -> list[Wanted]:
        page = self.shows
        ear = self.trial.about(self.agenda.ear) if self.trial is not None else ""
        match name:
            case "left" | "right" if page == "checks":
                return self.act(f"tone {name}", at_ns, wall)
            case "up" | "down" if page == "checks" and ear:
                return self.act(f"{'heard' if name == 'up' else 'unheard'} {ear}", at_ns, wall)
            case "up" | "down":
                self.agenda.move(page, 1 if name == "down" else -1)
            case "right" | "left" if page in ("list", "ended"):
                row, so = self.agenda.row_in_list, name == "right"
                return self._on_page("yes" if so else "no", str(row), at_ns, wall)
            case "escape":
                return self._back(at_ns, wall)
            case "return" | "enter" | "[enter]" | "keypad enter":
                return self.act("next", at_ns, wall)
        return []

    def _next(self, at_ns: int, wall: str) -> list[Wanted]:
        agenda = self.agenda
        match self.shows:
            case "choose":
                return [*agenda.choose()]
            case "list":
                return [*agenda.go_on()]
            case "checks" if agenda.goes and self.trial is not None and self.trial.missing:
                self.over.open("untried")
            case "checks":
                return self._begin(at_ns, wall)
            case "ended":
                return self._keep_closing(at_ns, wall)
        return []

    def _begin(self, at_ns: int, wall: str) -> list[Wanted]:
        args = self.agenda.opening(() if self.trial is None else self.trial.missing)
        return [] if args is None else [self._wish("start", args, at_ns, wall)]

    def _keep_closing(self, at_ns: int, wall: str) -> list[Wanted]:
        listed = self.agenda.listed
        if not listed.said:
            return self._on_page("new", "", at_ns, wall)
        args = {"which": "after", "items": listed.told(), "left_at": None}
        return [self._wish("checklist", args, at_ns, wall, "closing")]

    def _woke(self, at_ns: int) -> bool:
        """Whether this press only brought the light back."""
        was_idle = self.touched_ns != 0 and self.idle(at_ns)
        self.touched_ns = at_ns
        return was_idle
