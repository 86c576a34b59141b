"""Everything that can be done in a session, as two rows of buttons."""

from __future__ import annotations

from kaproom.displays.console.buttons import GAP, Button, row
from kaproom.displays.console.desk import Desk
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Group, Kind, Target
from kaproom.displays.station.saying import Saying
from kaproom.displays.terminal import minutes


def actions(box: Box, desk: Desk, say: Saying) -> Group:
    """Everything that can be done, in two rows."""
    status, w = desk.status or {}, say.words
    told = status["sound"]
    state, since = told["state"], told["since_s"]

    def button(deed: str, label: str = "", *, on: bool = False, kind: Kind | None = None) -> Button:
        word = w(f"console.act.{label or deed}")
        more = minutes(since) if on and since is not None else ""
        role = Role.ACCENT if on else Role.TEXT
        return Button(deed, word, desk.keys.shown(deed, say.words), more, kind, on, role, 17)

    away = state == "away"
    held = status["phase"]["held"]
    called = status.get("call") is not None or desk.called is not None
    level = told.get("level_db")
    upper = [
        button("calm", on=state == "calm"),
        button("fade", on=state == "faded"),
        button("call", "call-again" if called else "call", on=called, kind=Kind.DIAMOND),
        button("away", "back" if away else "away", on=away),
        button("duck", on=state == "ducked"),
        button("return"),
        button("softer"),
        button("louder"),
    ]
    lower = [
        Button("pump", w("console.act.pump"), desk.keys.shown("pump", say.words), size=17),
        Button(
            "hold",
            w("console.act.hold"),
            desk.keys.shown("hold", say.words),
            on=held,
            role=Role.ACCENT if held else Role.TEXT,
            size=17,
        ),
        button("advance"),
        button("skip"),
        Button(
            "dim",
            w("console.act.dim"),
            desk.keys.shown("dim", say.words),
            "" if level is None else w("console.level", level=f"{level:.0f}"),
            size=17,
        ),
        button("help"),
        button("end"),
    ]
    elements: list[Element] = []
    targets: list[Target] = []
    for line, buttons in zip(box.rows(2, GAP), (upper, lower), strict=True):
        more, where = row(buttons, line)
        elements += more
        targets += where
    return Group("actions", box, tuple(elements), tuple(targets))
