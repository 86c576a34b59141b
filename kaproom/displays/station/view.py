"""What people chose to see, and what a key or a press makes of it. No window, no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kaproom.clock import NS_PER_S
from kaproom.displays.palette import Dim
from kaproom.displays.station.matters import INITIALS_MAX
from kaproom.displays.station.ward import Key

MUTE_S = 120.0
_PAGE = 10
_FAR = 1_000_000
_SCROLLS = {"page down": _PAGE, "page up": -_PAGE, "end": _FAR, "home": -_FAR}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ"


@dataclass(frozen=True, slots=True)
class View:
    """What the screen is to show.

    Attributes:
        chosen: The room that keys act on.
        detail: Whether it is shown in detail.
        scroll: So many lines back in its history.
        asking: What was typed of the initials; None while nobody is asked.
        swallow: The letter of the key that asked for them; it is typed as well, and not meant.
        leaving: Somebody pressed Q once.
    """

    chosen: Key | None = None
    detail: bool = False
    by_severity: bool = False
    scroll: int = 0
    asking: str | None = None
    swallow: str = ""
    help: bool = False
    leaving: bool = False
    dim: Dim = Dim.BRIGHT
    muted_until_ns: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """Somebody takes note of what is open in a room."""

    key: Key
    by: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Close the station."""


@dataclass(frozen=True, slots=True)
class ToggleFull:
    """Full screen, or a window."""


Wish = Sign | Leave | ToggleFull
Seen = tuple[View, Wish | None]


def on_key(
    view: View,
    name: str,
    order: Sequence[Key],
    columns: int,
    now_ns: int,
    *,
    unseen: Sequence[Key] = (),
) -> Seen:
    """A key went down.

    Args:
        view: What is shown.
        name: The key's name.
        order: The rooms as they stand on the screen, row by row.
        columns: How many stand side by side.
        now_ns: This moment.
        unseen: The rooms with matters that nobody has seen, the most pressing first.
    """
    if view.asking is not None:
        return _on_asking(view, name)
    if view.leaving:
        return (view, Leave()) if name == "q" else (replace(view, leaving=False), None)
    if name in ("left", "right", "up", "down"):
        return _moved(view, name, order, columns), None
    if name in _SCROLLS:
        return scrolled(view, _SCROLLS[name]), None
    match name:
        case "a":
            return _asked(view, unseen), None
        case "m":
            until_ns = 0 if view.muted_until_ns > now_ns else now_ns + round(MUTE_S * NS_PER_S)
            return replace(view, muted_until_ns=until_ns), None
        case "f" | "f11":
            return view, ToggleFull()
        case _:
            change = _PLAIN.get(name)
            return (view if change is None else change(view)), None


def _asked(view: View, unseen: Sequence[Key]) -> View:
    """Ask for initials: for the chosen room; where nothing waits there, for the one that does."""
    key = view.chosen if view.chosen in unseen or not unseen else unseen[0]
    return view if key is None else replace(view, chosen=key, asking="", swallow="a", scroll=0)


def scrolled(view: View, lines: int) -> View:
    """So many lines further back in the history; negative is towards now."""
    return replace(view, scroll=max(0, view.scroll + lines))


def _opened(view: View) -> View:
    return replace(view, detail=view.chosen is not None, help=False, scroll=0)


def _back(view: View) -> View:
    if view.help:
        return replace(view, help=False)
    return replace(view, detail=False, chosen=view.chosen if view.detail else None)


_PLAIN: Mapping[str, Callable[[View], View]] = {
    **dict.fromkeys(("return", "space", "enter", "[enter]"), _opened),
    **dict.fromkeys(("escape", "backspace"), _back),
    **dict.fromkeys(("h", "f1"), lambda view: replace(view, help=not view.help)),
    "s": lambda view: replace(view, by_severity=not view.by_severity),
    "d": lambda view: replace(view, dim=view.dim.further),
    "q": lambda view: replace(view, leaving=True),
}


def on_text(view: View, text: str) -> View:
    """Text was typed."""
    if view.asking is not None:
        if view.swallow == text.casefold():
            return replace(view, swallow="")
        kept = "".join(letter for letter in text if letter.isprintable())
        typed = (view.asking + kept)[:INITIALS_MAX].lstrip()
        return replace(view, asking=typed, swallow="")
    return replace(view, help=not view.help) if text == "?" else view


def on_action(view: View, action: str) -> Seen:
    """A press on what means something."""
    what, _, of = action.partition(" ")
    match what:
        case "room" | "sign":
            site, _, alias = of.partition("/")
            key = (site, alias)
            if what == "sign":
                return replace(view, chosen=key, asking=""), None
            again = view.chosen == key
            detail = not view.detail if again else view.detail
            return replace(view, chosen=key, detail=detail, scroll=0), None
        case "letter" if view.asking is not None:
            return on_text(view, of), None
        case "erase" | "ok" | "cancel":
            named = {"erase": "backspace", "ok": "return", "cancel": "escape"}[what]
            if view.asking is not None:
                return _on_asking(view, named)
            return replace(view, help=False, detail=False, leaving=False), None
        case "older" | "newer":
            return scrolled(view, _PAGE if what == "older" else -_PAGE), None
        case "help":
            return replace(view, help=not view.help), None
        case "leave":
            return view, Leave()
    return view, None


def on_wheel(view: View, steps: int) -> View:
    """The wheel scrolls the history; the newest stands above, so down is back."""
    return scrolled(view, -3 * steps) if view.detail else view


def _on_asking(view: View, name: str) -> Seen:
    assert view.asking is not None
    match name:
        case "escape":
            return replace(view, asking=None), None
        case "backspace":
            return replace(view, asking=view.asking[:-1]), None
        case "return" | "enter" | "[enter]":
            by = view.asking.strip()
            if not by or view.chosen is None:
                return view, None
            return replace(view, asking=None), Sign(view.chosen, by)
    return view, None


def _moved(view: View, name: str, order: Sequence[Key], columns: int) -> View:
    if not order:
        return view
    if view.chosen not in order:
        return replace(view, chosen=order[0], scroll=0)
    by = {"left": -1, "right": 1, "up": -columns, "down": columns}[name]
    place = order.index(view.chosen) + by
    return replace(view, chosen=order[place], scroll=0) if 0 <= place < len(order) else view
