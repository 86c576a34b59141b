"""What people do at the console, and what becomes of it: keys and presses in, wishes out.

It reads no clock and opens nothing. A deed's key is stamped before anything else is done
with it; a second press within ``GUARD_S`` is the same press. What cannot be undone asks
once more. What was pressed is a wish until the room has answered it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaproom.clock import NS_PER_S
from kaproom.displays import keyboard
from kaproom.displays.console.keys import Keys, chord
from kaproom.displays.console.plans import Checked, Listed, Plan
from kaproom.displays.notepad import Notepad, Outcome, Wish
from kaproom.displays.palette import Dim
from kaproom.errors import MORE_INTENSE

GUARD_S = 0.4
"""Chosen: nobody means two presses of one thing in so short a time."""
IDLE_S = 120.0
AGO_STEPS_S = (0, 30, 60, 120, 180, 300, 600, 900, 1800)
NOTE_AGO_S = 30.0
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ"
MARKS = ("started", "paused", "resumed", "stopped")
UNITS: Mapping[str, tuple[str, ...]] = {
    "rate": ("mg/min", "mL/h", "mg/kg/min"),
    "bolus": ("mg", "mg/kg"),
}
PAST_THE_ROOM = ("duck", "fade", "end")
"""What is done at the player itself when the room's service does not answer."""

_AGAIN_AT_ONCE = ("louder", "softer", "dim", "ago", "letter", "erase", "digit")
_TYPED_MAX = 200


@dataclass(frozen=True, slots=True)
class Check:
    """Look whether this plan can be begun."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the window."""


@dataclass(frozen=True, slots=True)
class ToggleFull:
    """The full screen, or a window."""


Wanted = Wish | Check | Leave | ToggleFull


@dataclass(slots=True)
class Desk:
    """One console.

    Attributes:
        pad: The notes.
        page: Before a session: ``choose``, ``list``, ``checks``.
        panel: What lies over the screen; empty for nothing.
        said: What became of the last deed: a key of the catalogue and its values.
        answering: The room answers.
        past: What was done at the player, while the room does not answer.
    """

    pad: Notepad
    keys: Keys = field(default_factory=Keys)
    plans: Sequence[Plan] = ()
    page: str = "choose"
    row: int = 0
    row_in_list: int = 0
    listed: Listed = field(default_factory=lambda: Listed(()))
    checked: Checked | None = None
    checking: bool = False
    who: str = ""
    panel: str = ""
    typed: str = ""
    unit: str = ""
    ago_s: int = 0
    note_ago: bool = False
    preview: Mapping[str, Any] | None = None
    sure: bool = False
    dim: Dim = Dim.BRIGHT
    said: tuple[str, Mapping[str, str]] | None = None
    grave: bool = False
    answering: bool = False
    seen_end: str = ""
    touched_ns: int = 0
    asked_plan: str = ""
    _last: tuple[str, int] = ("", -(1 << 62))
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
        if ended and self.session is not None and self.seen_end != self.session.get("id"):
            return "ended"
        return self.page

    @property
    def plan(self) -> Plan | None:
        """The plan that is chosen."""
        return self.plans[self.row] if 0 <= self.row < len(self.plans) else None

    def idle(self, now_ns: int) -> bool:
        """Whether nobody needs light: no session, and nobody here for a while."""
        quiet = now_ns - self.touched_ns >= IDLE_S * NS_PER_S
        return quiet and not self.open and not self.checking and self.answering

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
        if self.panel:
            return self._in_panel(name, at_ns, wall)
        if self.pad.writing is not None:
            act = _TYPING.get("ctrl backspace" if ctrl and name == "backspace" else name)
            return [*self.pad.press(keyboard.Key(act=act), at_ns, wall)] if act else []
        return self._moved(name, at_ns, wall)

    def text(self, text: str, at_ns: int, wall: str) -> list[Wanted]:
        """Text was typed."""
        if self.panel in _TYPED_IN:
            return self._typed_in_panel(text)
        if self.panel == "pump" and text in _PUMP_KEYS:
            return self.act(_PUMP_KEYS[text], at_ns, wall)
        if self.panel and self.panel != "help":
            return []
        if self.pad.writing is not None:
            return [*self.pad.press(keyboard.Key(text), at_ns, wall)]
        deed = self.keys.deed(text) or self.keys.deed(f"shift {text.lower()}")
        if deed is not None:
            return self.act(deed, at_ns, wall)
        if self.shows in ("session", "ended"):
            return self._note(text, at_ns, wall)
        return []

    def act(  # noqa: PLR0912 - one line for each deed
        self, action: str, at_ns: int, wall: str
    ) -> list[Wanted]:
        """A deed, by its key or by a press on it."""
        deed, _, of = action.partition(" ")
        if self._woke(at_ns):
            return []
        if deed not in _AGAIN_AT_ONCE:
            before, before_ns = self._last
            if before == action and at_ns - before_ns < GUARD_S * NS_PER_S:
                return []
            self._last = (action, at_ns)
        if self.shows in ("session", "connecting") and deed in _DEEDS:
            return self._do(deed, at_ns, wall)
        match deed:
            case "call" | "call-urgent" | "call-cancel" if self.status is not None:
                return self._do(deed, at_ns, wall)
            case "note":
                return self._note(of, at_ns, wall)
            case "dim":
                self.dim = self.dim.further
            case "help":
                self.panel = "" if self.panel == "help" else "help"
            case "full":
                return [ToggleFull()]
            case "quit":
                return self._quit(at_ns)
            case "ago":
                self._ago(of)
            case "key":
                return self.key(of, at_ns, wall)
            case "letter" | "digit":
                return self.text(of, at_ns, wall)
            case _:
                return self._on_page(deed, of, at_ns, wall)
        return []

    def answered(self, outcome: Outcome) -> list[Wanted]:
        """The room answered."""
        asked = self._asked.pop(outcome.id, None)
        if asked is None:
            return [*self.pad.answered(outcome)]
        deed, wall = asked
        line = str(outcome.answer.get("line", ""))
        if deed == "preview":
            self.preview = outcome.answer.get("preview") if outcome.well else {"line": line}
        elif not outcome.well:
            if outcome.answer.get("reason") == MORE_INTENSE:
                self.panel, self.sure = "advance", True
                return []
            self.said, self.grave = ("console.not-done", {"line": line}), True
            if deed == "start":
                self.page = "checks"
        else:
            self.grave = False
            key = "recorded" if deed in (*MARKS, *UNITS) else "done"
            self.said = (f"console.{key}", {"what": deed, "clock": wall})
            if deed == "start":
                self.page, self.checked = "choose", None
            if deed == "closing" and self.session is not None:
                self.seen_end = str(self.session.get("id"))
        return []

    def hear(self, status: Mapping[str, Any] | None) -> list[Wanted]:
        """The room's state; None when it does not answer: the last one stays, marked."""
        self.answering = status is not None
        if status is None:
            return []
        return [*self.pad.hear(status)]

    def found(self, checked: Checked) -> None:
        """The checks are over."""
        self.checking, self.checked = False, checked

    def offer(self, plans: Sequence[Plan]) -> None:
        """What can be begun; what was chosen stays chosen."""
        chosen = self.asked_plan or (f"{self.plan.ref} {self.plan.name}" if self.plan else "")
        self.plans, self.asked_plan = plans, ""
        rows = [row for row, one in enumerate(plans) if f"{one.ref} {one.name}" == chosen]
        self.row = rows[0] if rows else 0

    # -- deeds of a session

    def _do(self, deed: str, at_ns: int, wall: str) -> list[Wanted]:
        state = (self.status or {}).get("sound", {}).get("state")
        match deed:
            case "away":
                return [self._wish("back" if state == "away" else "away", {}, at_ns, wall)]
            case "louder" | "softer":
                by_db = 1.0 if deed == "louder" else -1.0
                return [self._wish("level", {"by_db": by_db}, at_ns, wall, deed)]
            case "call":
                level = "urgent" if (self.status or {}).get("call") else "assist"
                return [self._wish("call", {"level": level}, at_ns, wall)]
            case "call-urgent":
                return [self._wish("call", {"level": "urgent"}, at_ns, wall)]
            case "call-cancel":
                return [self._wish("call", {"cancel": True}, at_ns, wall, deed)]
            case "pump":
                self._open("pump")
            case "end":
                self._open("end")
            case "rate" | "bolus":
                self._open(deed)
                self.unit = UNITS[deed][0]
            case "started" | "paused" | "resumed" | "stopped":
                self.panel = "" if self.panel == "pump" else self.panel
                return [self._mark({"what": deed}, at_ns, wall, deed)]
            case "advance":
                self._open("advance")
                return [self._wish("preview", {"do": "advance"}, at_ns, wall)]
            case _:
                return [self._wish(deed, {}, at_ns, wall)]
        return []

    def _mark(self, args: dict[str, Any], at_ns: int, wall: str, deed: str) -> Wish:
        told = {"ago_s": float(self.ago_s)} if self.ago_s else {}
        self.ago_s = 0
        return self._wish("infusion", args | told, at_ns, wall, deed)

    def _wish(
        self, do: str, args: Mapping[str, Any], at_ns: int, wall: str, deed: str = ""
    ) -> Wish:
        stamped = {**args, "mono_ns": at_ns, "boot_id": self.pad.boot_id}
        wish = self.pad.wish(do, stamped)
        self._asked[wish.id] = (deed or do, wall)
        return wish

    def _ago(self, of: str) -> None:
        if self.panel in ("pump", *UNITS):
            at = AGO_STEPS_S.index(self.ago_s)
            at += -1 if of == "less" else 1
            self.ago_s = AGO_STEPS_S[at % len(AGO_STEPS_S)]
        else:
            self.note_ago = not self.note_ago

    # -- notes

    def _note(self, text: str, at_ns: int, wall: str) -> list[Wanted]:
        """One key makes the note; with Shift, or after the key for it, half a minute ago."""
        known = self.pad.known
        back = self.note_ago
        if text not in known and text.lower() in known:
            text, back = text.lower(), True
        if text not in known:
            return []
        self.note_ago = False
        wishes: list[Wanted] = []
        if self.pad.writing is not None:
            wishes += self.pad.leave(at_ns)
        ago_s = NOTE_AGO_S if back else 0.0
        return [*wishes, *self.pad.press(keyboard.Key(text), at_ns, wall, ago_s)]

    # -- what lies over the screen

    def _open(self, panel: str) -> None:
        self.panel = "" if self.panel == panel else panel
        self.typed, self.preview, self.sure = "", None, False

    def _quit(self, at_ns: int) -> list[Wanted]:
        if self.panel == "quit":
            return [*self.pad.leave(at_ns), Leave()]
        self.panel = "quit"
        return []

    def _in_panel(self, name: str, at_ns: int, wall: str) -> list[Wanted]:
        match name:
            case "escape":
                self.panel, self.ago_s = "", 0
            case "backspace":
                self.typed = self.typed[:-1]
            case "left" | "down" | "right" | "up" if self.panel in ("pump", *UNITS):
                self._ago("less" if name in ("left", "down") else "more")
            case "return" | "enter" | "[enter]" | "keypad enter":
                return self.act("ok", at_ns, wall)
        return []

    def _typed_in_panel(self, text: str) -> list[Wanted]:
        kept = "".join(letter for letter in text if letter.isprintable())
        if self.panel in ("rate", "bolus", "minute"):
            kept = "".join(c for c in kept.replace(",", ".") if c.isdigit() or c == ".")
        self.typed = (self.typed + kept)[:_TYPED_MAX]
        return []

    def _confirmed(self, at_ns: int, wall: str) -> list[Wanted]:
        """Enter, or the button that says so, in the panel that is open."""
        panel, typed = self.panel, self.typed.strip()
        match panel:
            case "end":
                self.panel = ""
                return [self._wish("end", {}, at_ns, wall)]
            case "quit":
                return [*self.pad.leave(at_ns), Leave()]
            case "help":
                self.panel = ""
            case "advance":
                denser = self.sure or bool((self.preview or {}).get("more_intense"))
                if denser and not self.sure:
                    self.sure = True
                    return []
                self.panel = ""
                return [self._wish("advance", {"sure": denser}, at_ns, wall)]
            case "rate" | "bolus":
                value = _number(typed)
                if value is not None:
                    self.panel = ""
                    args = {"what": panel, "value": value, "unit": self.unit}
                    return [self._mark(args, at_ns, wall, panel)]
            case "minute":
                value = _number(typed)
                if value is not None:
                    self.panel = ""
                    return [self._wish("continue", {"minute": value}, at_ns, wall)]
            case "who" if typed:
                self.listed.by, self.panel = typed.upper()[:12], ""
            case "why" if typed:
                self.listed.said[self.listed.items[self.row_in_list]] = typed
                self.panel = "" if self.listed.by else "who"
                self.typed = ""
        return []

    # -- before and after a session

    def _on_page(  # noqa: PLR0912 - one line for each button
        self, deed: str, of: str, at_ns: int, wall: str
    ) -> list[Wanted]:
        match deed:
            case "ok" if self.panel:
                return self._confirmed(at_ns, wall)
            case "cancel":
                self.panel, self.ago_s = "", 0
            case "unit":
                self.unit = of
            case "erase":
                self.typed = self.typed[:-1]
            case "continue":
                args = {"infusion": of} if of else {}
                return [self._wish("continue", args, at_ns, wall)]
            case "ask":
                self._open(of)
            case "write" if self.pad.writing is not None:
                return [*self.pad.press(keyboard.Key(act="enter"), at_ns, wall)]
            case "plan" if self.shows == "choose":
                again = self.row == int(of)
                self.row = int(of)
                return self._choose() if again else []
            case "yes" | "no":
                self._tick(int(of), deed == "yes")
            case "next":
                return self._next(at_ns, wall)
            case "before":
                self.page = {"checks": "list", "list": "choose"}.get(self.page, "choose")
            case "again" if self.plan is not None and not self.checking:
                return self._check(self.plan)
            case "new" if self.session is not None:
                self.seen_end = str(self.session.get("id"))
                self.page = "choose"
            case "keep":
                return self._keep_closing(at_ns, wall)
        return []

    def _moved(self, name: str, at_ns: int, wall: str) -> list[Wanted]:
        page = self.shows
        match name:
            case "up" | "down":
                by = 1 if name == "down" else -1
                if page == "choose" and self.plans:
                    self.row = min(max(0, self.row + by), len(self.plans) - 1)
                elif page in ("list", "ended") and self._items():
                    last = len(self._items()) - 1
                    self.row_in_list = min(max(0, self.row_in_list + by), last)
            case "right" | "left" if page in ("list", "ended") and self._items():
                self._tick(self.row_in_list, name == "right")
            case "escape":
                return self._on_page("before", "", at_ns, wall)
            case "return" | "enter" | "[enter]" | "keypad enter":
                return self.act("next", at_ns, wall)
        return []

    def _items(self) -> tuple[str, ...]:
        if self.shows == "ended" and self.session is not None:
            items = tuple(self.session.get("closing") or ())
            if self.listed.items != items:
                self.listed, self.row_in_list = Listed(items), 0
        return self.listed.items

    def _tick(self, row: int, so: bool) -> None:
        items = self._items()
        if not 0 <= row < len(items):
            return
        self.row_in_list = row
        if so:
            self.listed.said[items[row]] = ""
            self.row_in_list = min(row + 1, len(items) - 1)
        else:
            self.listed.said.pop(items[row], None)
            self._open("why")

    def _next(self, at_ns: int, wall: str) -> list[Wanted]:
        match self.shows:
            case "choose":
                return self._choose()
            case "list" if self.listed.complete and self.plan is not None:
                self.page = "checks"
                return self._check(self.plan)
            case "checks" if self.checked is not None and self.checked.begin is not None:
                args = {**self.checked.begin, "checklist": self.listed.told()}
                if self.listed.by:
                    args["who"] = [self.listed.by]
                return [self._wish("start", args, at_ns, wall)]
            case "ended":
                return self._keep_closing(at_ns, wall)
        return []

    def _choose(self) -> list[Wanted]:
        plan = self.plan
        if plan is None or plan.fault:
            return []
        self.listed, self.row_in_list, self.checked = Listed(plan.must), 0, None
        self.page = "list" if plan.must or plan.remind else "checks"
        return self._check(plan) if self.page == "checks" else []

    def _check(self, plan: Plan) -> list[Wanted]:
        self.checking, self.checked = True, None
        return [Check(plan)]

    def _keep_closing(self, at_ns: int, wall: str) -> list[Wanted]:
        items = self._items()
        if not items or not self.listed.said:
            return self._on_page("new", "", at_ns, wall)
        args = {"which": "after", "items": self.listed.told(), "left_at": None}
        return [self._wish("checklist", args, at_ns, wall, "closing")]

    def _woke(self, at_ns: int) -> bool:
        """Whether this press only brought the light back."""
        was_idle = self.touched_ns != 0 and self.idle(at_ns)
        self.touched_ns = at_ns
        return was_idle


_DEEDS = (
    *("calm", "fade", "duck", "away", "return", "softer", "louder", "hold", "advance", "skip"),
    *("call", "call-urgent", "call-cancel", "pump", "end", "rate", "bolus", *MARKS),
)
_TYPED_IN = ("rate", "bolus", "minute", "who", "why")
_PUMP_KEYS = {
    **{str(number): deed for number, deed in enumerate(MARKS, 1)},
    **{"5": "rate", "6": "bolus"},
}
_TYPING: Mapping[str, keyboard.Act] = {
    "return": "enter",
    "enter": "enter",
    "[enter]": "enter",
    "escape": "escape",
    "backspace": "erase",
    "ctrl backspace": "erase-word",
}


def _number(typed: str) -> float | None:
    try:
        return float(typed)
    except ValueError:
        return None
