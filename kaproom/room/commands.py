"""What comes over the local socket, read as events.

A command that cannot be read is refused with a line that shows how it is written;
nothing of it reaches the session.

``preview`` with another command's name as ``do``, and that one's arguments, tells what would
be and does nothing. ``advance`` is refused with the reason ``more-intense`` until it is sent
with ``sure``; ``hold`` takes ``for_min``.

With any of them go ``mono_ns`` and ``boot_id``, the client's stamp of the key press; a note,
an amendment and a mark of the infusion may be told from memory instead, ``ago_s`` or ``at``
("14:05"). ``session`` names one that is over, by id or ref. Of notes:

``note`` (category, text, by, integration)
    Answers ``seq``, the note's entry; ``again`` when its key was pressed twice.
``note-text`` (seq, text)
    The text of a note that was made by its key alone, once it is typed.
``amend`` (seq, text, category, in_error, by)
    A correction; with ``ago_s`` or ``at`` of the note's time.
``who`` (who)
    A list of initials: those present from now on.
``checklist`` (which, items, left_at)
    "before" or "after"; each item with ``item``, ``state``, ``reason``, ``by``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Literal, cast, get_args

from kaproom.errors import Mend
from kaproom.session import events as e
from kaproom.session.infusion import Unit, What
from kaproom.session.people import initials, present
from kaproom.session.preparation import ticked_from
from kaproom.session.rules.notes import INTEGRATION

NOTE_TEXT_MAX = 10_000
# Which of the session's notes an entry is, the conductor knows.
_UNKNOWN = -1


def read(do: str, args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    """The event that a command is.

    Raises:
        Mend: It is no command of a session, or its arguments are not; the text says how.
    """
    reader = _READERS.get(do)
    if reader is None:
        raise Mend(f"'{_shown(do)}' is not a command of the session")
    return reader(args, at_s, entered_s)


def _plain(cls: type[e.Event]) -> Callable[[Mapping[str, Any], float, float], e.Event]:
    return lambda args, at_s, entered_s: cls(at_s, entered_s)


def _infusion(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    what = args.get("what")
    if what not in get_args(What):
        raise Mend(f"'{_shown(what)}' is none of {', '.join(get_args(What))}")
    if what not in _AMOUNTS:
        return e.Infused(at_s, entered_s, cast(What, what))
    units = _AMOUNTS[what]
    unit = args.get("unit", next(iter(units)) if what == "bolus" else None)
    if not isinstance(unit, str) or unit not in units:
        raise Mend(f"a {what} is in {' or '.join(units)}, not in '{_shown(unit)}'")
    value, most = _number(args, "value"), units[unit]
    if not 0 <= value <= most or (what == "bolus" and value == 0):
        least = "more than 0 and at most" if what == "bolus" else "between 0 and"
        raise Mend(f"the {what} is {value:g} {unit}; it must be {least} {most:g}")
    return e.Infused(at_s, entered_s, what, value, unit)


_AMOUNTS: dict[str, dict[Unit, float]] = {
    "rate": {"mg/min": 2000.0, "mL/h": 2000.0, "mg/kg/min": 20.0},
    "bolus": {"mg": 1000.0, "mg/kg": 10.0},
}
"""Units of what is given, and the most of it that is no slip of the finger."""


def _note(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    category = _text(args, "category")
    return e.Noted(
        at_s,
        entered_s,
        category,
        _note_text(args, "text", ""),
        by=_initials(args),
        recalled=_recalled(args),
        integration=args.get("integration") is True or category == INTEGRATION,
    )


def _worded(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    text = _note_text(args, "text")
    if not text.strip():
        raise Mend("a note's text needs words")
    return e.Worded(at_s, entered_s, _seq(args), _UNKNOWN, text)


def _amend(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    seq = _seq(args)
    text = args.get("text")
    category = args.get("category")
    in_error = args.get("in_error") is True
    recalled = _recalled(args)
    if text is None and category is None and not in_error and not recalled:
        raise Mend("an amendment needs a text, a category, a time (--at, --ago), or --in-error")
    return e.Amended(
        entered_s if recalled else at_s,
        entered_s,
        seq,
        None if text is None else _note_text(args, "text"),
        None if category is None else _text(args, "category"),
        in_error,
        moved_to_s=at_s if recalled else None,
        by=_initials(args),
    )


def _who(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    who = args.get("who")
    if not isinstance(who, list):
        raise Mend("who is present is a list of initials, e.g. `kaproom who AB CD`")
    return e.Present(at_s, entered_s, present(who))


def _checklist(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    which = args.get("which")
    if which not in ("before", "after"):
        raise Mend("a checklist is the one before the session, or the one after it")
    items = [one.model_dump(mode="json") for one in ticked_from(args.get("items"))]
    left_at = None if args.get("left_at") is None else _text(args, "left_at")
    return e.WorkedOff(at_s, entered_s, cast(Literal["before", "after"], which), items, left_at)


def _hold(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    for_min = None if args.get("for_min") is None else _number(args, "for_min")
    return e.Held(at_s, entered_s, for_min)


def _advance(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    return e.Advanced(at_s, entered_s, sure=args.get("sure") is True)


def _fade(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    return e.Faded(at_s, entered_s, at_once=args.get("now") is True)


def _level(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    by_db = _number(args, "by_db")
    if not 0 < abs(by_db) <= 12:
        raise Mend(f"a step of {abs(by_db):g} dB; it must be more than 0 and at most 12")
    return e.Levelled(at_s, entered_s, by_db)


def _back(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    return e.CameBack(at_s, entered_s, rejoin=args.get("rejoin") is True)


def _continue(args: Mapping[str, Any], at_s: float, entered_s: float) -> e.Event:
    infusion = args.get("infusion")
    minute = None if args.get("minute") is None else _number(args, "minute")
    if infusion is not None and minute is not None:
        raise Mend("give --infusion-minute where the infusion runs, or --infusion, not both")
    if infusion not in (None, "stopped", "paused"):
        raise Mend(f"--infusion is stopped or paused, not '{_shown(infusion)}'")
    if minute is not None and not 0 <= minute <= 600:
        raise Mend(f"the infusion's minute is {minute:g}; it must be between 0 and 600")
    return e.Continued(at_s, entered_s, minute, infusion)


_READERS: dict[str, Callable[[Mapping[str, Any], float, float], e.Event]] = {
    "infusion": _infusion,
    "note": _note,
    "note-text": _worded,
    "amend": _amend,
    "who": _who,
    "checklist": _checklist,
    "hold": _hold,
    "advance": _advance,
    "calm": _plain(e.Calmed),
    "skip": _plain(e.Skipped),
    "duck": _plain(e.Ducked),
    "fade": _fade,
    "return": _plain(e.Returned),
    "level": _level,
    "away": _plain(e.WentAway),
    "back": _back,
    "end": _plain(e.Ended),
    "continue": _continue,
    "sign-off": lambda args, at_s, entered_s: e.SignedOff(
        at_s, entered_s, initials(args.get("by"))
    ),
}


def _number(args: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = args.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise Mend(f"{name} must be a number; it is {_shown(value)}")
    return float(value)


def _text(args: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = args.get(name, default)
    if not isinstance(value, str):
        raise Mend(f"{name} must be a text; it is {_shown(value)}")
    return value


def _seq(args: Mapping[str, Any]) -> int:
    seq = args.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 1:
        raise Mend(f"'{_shown(seq)}' is not an entry's number; notes are answered with theirs")
    return seq


def _note_text(args: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = _text(args, name, default)
    if len(text) > NOTE_TEXT_MAX:
        raise Mend(f"the note has {len(text)} characters; {NOTE_TEXT_MAX} at most: make it two")
    return text


def _initials(args: Mapping[str, Any]) -> str | None:
    return None if args.get("by") is None else initials(args["by"])


def _recalled(args: Mapping[str, Any]) -> bool:
    """Whether its time was told from memory."""
    return args.get("ago_s") is not None or args.get("at") is not None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"
