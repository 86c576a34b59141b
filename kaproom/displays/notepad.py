"""Notes by one key each: what is pressed and typed, what is asked of the room, what is shown.

A key makes its note at once, with the moment of the press; its text follows for as long
as it takes. A note is called saved when the room has acknowledged it, and not before.
Keys, answers and states come in, wishes and lines come out; no clock is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kaproom.clock import NS_PER_S
from kaproom.displays.keyboard import Key
from kaproom.displays.terminal import minutes
from kaproom.places import legible
from kaproom.session.events import DOUBLE_S

TEXT_MAX = 10_000
_NO_SESSION = "no session is open; `kaproom start PROFILE` begins one"
_SILENT = "THE ROOM'S SERVICE DOES NOT ANSWER; what you press is kept and sent when it does"
_KEPT = "done, not recorded"
_KEPT_OF_SLIP = (
    *("id", "key", "category", "label", "pressed_ns", "wall", "seq"),
    *("text", "text_id", "text_ns", "kept", "ago_s"),
)
# The record's arithmetic is in seconds; it gives a moment back to the last few nanoseconds.
_SAME_NS = 1_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A request to the room, to be sent until it is answered."""

    id: str
    do: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the room answered: its words, and whether that is a success."""

    id: str
    well: bool
    answer: Mapping[str, Any]


@dataclass(slots=True)
class Slip:
    """One note on its way.

    ``text`` is None while nothing was typed or all of it left out; ``said`` is what went
    wrong, or what the room said of a second press.
    """

    id: str
    key: str
    category: str
    label: str
    pressed_ns: int
    wall: str
    seq: int | None = None
    text: str | None = None
    text_id: str | None = None
    text_ns: int = 0
    text_saved: bool = False
    kept: bool = False
    over: bool = False
    said: str = ""
    ago_s: float = 0.0

    @property
    def saved(self) -> bool:
        """Whether all of it is on disk."""
        return self.seq is not None and (not self.text or self.text_saved)


@dataclass(slots=True)
class Notepad:
    """One person's notes in one terminal.

    Attributes:
        boot_id: Of the machine, which makes a press's moment believable.
        by: Whose notes these are; None for those present.
        slips: Every note, in the order of the presses.
        writing: The note whose text is being typed.
        status: The room's state as last heard; None while the room does not answer.
    """

    boot_id: str
    by: str | None = None
    slips: list[Slip] = field(default_factory=list)
    writing: Slip | None = None
    status: Mapping[str, Any] | None = None
    message: str = ""
    _ids: int = 0
    _prefix: str = ""
    _known: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def known(self) -> Mapping[str, Mapping[str, Any]]:
        """The kinds of notes, by their keys."""
        return self._known

    def wish(self, do: str, args: Mapping[str, Any]) -> Wish:
        """A request of the same person, numbered like the notes'."""
        return self._wish(do, args)

    def begin(self, prefix: str) -> None:
        """Requests are numbered behind this prefix, which nobody else has."""
        self._prefix = prefix

    @property
    def unsaved(self) -> list[Slip]:
        """What the room has not acknowledged, or does not take."""
        return [slip for slip in self.slips if not slip.saved]

    @property
    def pending(self) -> bool:
        """Whether the room may still acknowledge something."""
        return any(not slip.over for slip in self.unsaved)

    # -- what comes in

    def press(self, key: Key, at_ns: int, wall: str, ago_s: float = 0.0) -> list[Wish]:
        """A key, with the moment at which it came, and what the wall clock showed then.

        ``ago_s`` is for a note of what was seen so long before its key was pressed.
        """
        self.message = ""
        if self.writing is not None:
            return self._typed(self.writing, key, at_ns, wall)
        if key.pasted:
            self.message = "a paste is no note's key; press the key first, then paste its text"
            return []
        category = self._known.get(key.text)
        if category is None:
            if key.text:
                self.message = f"'{key.text}' is no note's key" if self._known else _NO_SESSION
            return []
        slip = self._slip(key.text, category, at_ns, wall)
        slip.ago_s = ago_s
        self.slips.append(slip)
        self.writing = slip
        return [self._note(slip)]

    def leave(self, at_ns: int) -> list[Wish]:
        """Nobody types any more; what was half typed is kept as the note's text."""
        slip, self.writing = self.writing, None
        if slip is None:
            return []
        slip.text_ns = at_ns
        return self._text(slip)

    def answered(self, outcome: Outcome) -> list[Wish]:
        """The room answered; a text that waited for its note's number goes out."""
        slip = next((s for s in self.slips if outcome.id in (s.id, s.text_id)), None)
        if slip is None:
            self.message = str(outcome.answer.get("line", ""))
            return []
        line = str(outcome.answer.get("line", ""))
        if not outcome.well:
            # On a full disk the room keeps it and writes it when it can; then it shows it.
            slip.kept = line.startswith(_KEPT)
            slip.over = not slip.kept
            slip.said = line
            return []
        if outcome.id == slip.text_id:
            slip.text_saved, slip.said = True, ""
            return []
        slip.seq = int(outcome.answer["seq"])
        slip.said = line if outcome.answer.get("again") else ""
        return [] if slip is self.writing else self._text(slip)

    def hear(self, status: Mapping[str, Any] | None) -> list[Wish]:
        """The room's state; None when it does not answer."""
        self.status = status
        if status is None:
            return []
        if status.get("session") is not None:
            self._known = {one["key"]: one for one in status["notes"]["keys"]}
        wishes = []
        shown = (status.get("notes") or {}).get("recent", [])
        for slip in self.slips:
            if not slip.kept:
                continue
            for note in shown:
                was_ns = slip.pressed_ns - round(slip.ago_s * NS_PER_S)
                near = abs(note["mono_ns"] - was_ns) < _SAME_NS
                if near and note["category"] == slip.category:
                    slip.seq, slip.kept, slip.said = note["seq"], False, ""
                    wishes += [] if slip is self.writing else self._text(slip)
        return wishes

    # -- what the next one needs, if this one dies

    def kept(self) -> dict[str, Any]:
        """What is not on disk yet, as plain values; empty when all is."""
        left = [slip for slip in self.slips if slip is self.writing or not slip.saved]
        left = [slip for slip in left if not slip.over]
        if not left:
            return {}
        session = ((self.status or {}).get("session") or {}).get("id")
        writing = None if self.writing is None else self.writing.id
        slips = [{name: getattr(slip, name) for name in _KEPT_OF_SLIP} for slip in left]
        return {
            **{"boot_id": self.boot_id, "session": session, "writing": writing},
            **{"prefix": self._prefix, "slips": slips},
        }

    def recall(self, kept: Mapping[str, Any]) -> list[Wish]:
        """Take up what one before us left; what it sent is sent again, with the same ids."""
        wishes: list[Wish] = []
        session = {"session": kept["session"]} if kept.get("session") else {}
        for told in kept["slips"]:
            slip = Slip(**{name: told[name] for name in _KEPT_OF_SLIP})
            self.slips.append(slip)
            if slip.id == kept["writing"]:
                self.writing = slip
            if slip.seq is None:
                note = self._note(slip)
                stamped = {**note.args, **session, "boot_id": kept["boot_id"]}
                wishes.append(Wish(note.id, note.do, stamped))
            elif slip.text_id is not None:
                stamp = {"mono_ns": slip.text_ns, "boot_id": kept["boot_id"]}
                args = {"seq": slip.seq, "text": slip.text, **stamp, **session}
                wishes.append(Wish(slip.text_id, "note-text", args))
            elif slip is not self.writing:
                wishes += self._text(slip)
        return wishes

    # -- what is shown

    def lines(self, width: int, height: int) -> list[str]:
        """The screen, the newest note lowest, no line wider than ``width``."""
        head = [self._title(), "", *self._keys(width), ""]
        foot = ["", self.message or self._help()]
        room = max(1, height - len(head) - len(foot))
        body = [self._line(slip, slip is self.writing) for slip in self.slips[-room:]]
        cut = [*head, *body, *foot][:height]
        return [line if len(line) <= width else line[: width - 1] + "…" for line in cut]

    def summary(self) -> list[str]:
        """Every note, for when the screen is gone."""
        return [self._line(slip, writing=False) for slip in self.slips]

    # -- inside

    def _typed(self, slip: Slip, key: Key, at_ns: int, wall: str) -> list[Wish]:
        typed = slip.text or ""
        again = not typed and key.text == slip.key and not key.pasted
        if again and at_ns - slip.pressed_ns <= DOUBLE_S * NS_PER_S:
            # The session says what becomes of a key that was pressed twice.
            return [self._wish("note", self._stamp(slip.category, at_ns))]
        match key.act:
            case "enter" | "leave":
                return self.leave(at_ns)
            case "escape":
                slip.text = None
                return self.leave(at_ns)
            case "erase":
                slip.text = typed[:-1]
            case "erase-word":
                slip.text = typed.rstrip().rpartition(" ")[0]
            case "erase-all":
                slip.text = ""
            case None:
                slip.text = (typed + key.text)[:TEXT_MAX]
        return []

    def _slip(self, key: str, category: Mapping[str, Any], at_ns: int, wall: str) -> Slip:
        self._ids += 1
        id = f"{self._prefix}{self._ids}"
        return Slip(id, key, category["category"], category["label"], at_ns, wall)

    def _note(self, slip: Slip) -> Wish:
        ago = {"ago_s": slip.ago_s} if slip.ago_s else {}
        return Wish(slip.id, "note", self._stamp(slip.category, slip.pressed_ns) | ago)

    def _stamp(self, category: str, at_ns: int) -> dict[str, Any]:
        stamp = {"category": category, "mono_ns": at_ns, "boot_id": self.boot_id}
        return stamp if self.by is None else stamp | {"by": self.by}

    def _text(self, slip: Slip) -> list[Wish]:
        """The text, once there is a note on disk to which it belongs."""
        if slip.seq is None or slip.text_id is not None or not (slip.text or "").strip():
            return []
        stamp = {"mono_ns": slip.text_ns, "boot_id": self.boot_id}
        wish = self._wish("note-text", {"seq": slip.seq, "text": slip.text, **stamp})
        slip.text_id = wish.id
        return [wish]

    def _wish(self, do: str, args: Mapping[str, Any]) -> Wish:
        self._ids += 1
        return Wish(f"{self._prefix}{self._ids}", do, args)

    def _title(self) -> str:
        status = self.status
        if status is None:
            return _SILENT
        session = status.get("session")
        room = status.get("display_name") or status.get("room", "")
        if session is None:
            return f"{room}: {_NO_SESSION}"
        who = ", ".join(session.get("who") or [])
        told = [room, session["title"]]
        if session["state"] == "ended":
            told.append("THE SESSION HAS ENDED")
        else:
            infusion = status["infusion"]
            told.append(f"{status['phase']['name']} {minutes(status['phase']['elapsed_s'])}")
            told.append(f"infusion {infusion['state']} {minutes(infusion['elapsed_s'])}")
        failing = (status.get("record") or {}).get("failing")
        return " · ".join([*told, *([who] if who else []), *(["DISK FULL"] if failing else [])])

    def _keys(self, width: int) -> list[str]:
        lines, line = [], ""
        for key, one in self._known.items():
            word = f"{key} {one['label']}"
            if line and len(line) + len(word) + 3 > width:
                lines.append(line)
                line = ""
            line += ("   " if line else "") + word
        return [*lines, line] if line else lines

    def _help(self) -> str:
        if self.writing is not None:
            return "the note is made; type its text · Enter keeps it · Esc leaves it out"
        return "one key makes a note, at that moment · Ctrl-C ends"

    def _line(self, slip: Slip, writing: bool) -> str:
        if slip.saved or (slip.seq is not None and writing):
            state = f"saved, entry {slip.seq}"
        elif slip.over:
            state = "NOT SAVED"
        elif slip.kept:
            state = "NOT ON DISK YET"
        else:
            state = "saving …"
        text = legible(slip.text or "", TEXT_MAX)
        typed = f"> {text}_" if writing else text
        said = f"  [{legible(slip.said)}]" if slip.said else ""
        return f"{slip.wall}  {slip.label:<20} {state:<16} {typed}{said}".rstrip()
