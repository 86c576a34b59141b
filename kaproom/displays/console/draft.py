"""What a console that dies leaves to the next: half-typed text, and where people were.

A small file for its owner alone, written whenever it changes and gone when nothing is left.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kaproom.displays.console.desk import Desk
from kaproom.displays.console.wanted import Wanted
from kaproom.displays.palette import Dim

_FILE_MAX_BYTES = 1_000_000
# What needs an answer of the room is asked anew.
_PANELS = ("", "pump", "rate", "bolus", "why", "who", "minute", "help")


class Draft:
    """The file of one console."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, Any] | None = None

    def keep(self, desk: Desk) -> None:
        """Keep what there is now, if it is something else than before."""
        told = {"v": 1, "notes": desk.pad.kept(), "view": _view(desk)}
        if told == self._kept:
            return
        self._kept = told
        arriving = self._path.with_suffix(f".{os.getpid()}")
        # A console that cannot keep its draft goes on all the same.
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump(told, file)
            arriving.replace(self._path)

    def recall(self, desk: Desk) -> list[Wanted]:
        """Take up what the last console left."""
        try:
            with self._path.open("rb") as file:
                told = json.loads(file.read(_FILE_MAX_BYTES))
            wanted: list[Wanted] = [*desk.pad.recall(told["notes"])] if told["notes"] else []
            _look(desk, told["view"])
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return wanted

    def drop(self) -> None:
        """Somebody left in peace."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _view(desk: Desk) -> dict[str, Any]:
    agenda, over = desk.agenda, desk.over
    plan = agenda.plan
    return {
        "dim": int(desk.dim),
        "page": "list" if agenda.page == "checks" else agenda.page,
        "plan": "" if plan is None else f"{plan.ref} {plan.name}",
        "items": list(agenda.listed.items),
        "said": dict(agenda.listed.said),
        "by": agenda.listed.by,
        "row": agenda.row_in_list,
        "seen_end": agenda.seen_end,
        "panel": over.panel if over.panel in _PANELS else "",
        "typed": over.typed,
        "unit": over.unit,
        "ago_s": over.ago_s,
        "letters": over.letters,
    }


def _look(desk: Desk, view: Mapping[str, Any]) -> None:
    agenda, over = desk.agenda, desk.over
    desk.dim = Dim(view["dim"])
    agenda.page = str(view["page"])
    agenda.asked_plan = str(view["plan"])
    agenda.listed.items = tuple(view["items"])
    agenda.listed.said, agenda.listed.by = dict(view["said"]), str(view["by"])
    agenda.row_in_list = int(view["row"])
    agenda.seen_end = str(view["seen_end"])
    over.panel, over.typed = str(view["panel"]), str(view["typed"])
    over.unit, over.ago_s = str(view["unit"]), int(view["ago_s"])
    over.letters = bool(view.get("letters"))
