"""The way into a session and out of it: choosing, the day's list, the checks, the last list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kaproom.displays.console.plans import Checked, Listed, Plan
from kaproom.displays.console.wanted import Check


@dataclass(slots=True)
class Agenda:
    """How far people are on it.

    Attributes:
        plans: What can be begun.
        offered: They were looked for.
        page: Before a session: ``choose``, ``list``, ``checks``.
        row: Of the plan that is chosen.
        listed: The list that is worked off now.
        row_in_list: Where in it.
        checked: What the checks came to; None before.
        ear: Which side of the headphones is tried now, ``left`` or ``right``; empty for none.
        seen_end: The session whose end was taken note of.
        asked_plan: Which plan was chosen by the console before this one.
    """

    plans: Sequence[Plan] = ()
    page: str = "choose"
    row: int = 0
    listed: Listed = field(default_factory=lambda: Listed(()))
    row_in_list: int = 0
    checked: Checked | None = None
    checking: bool = False
    ear: str = ""
    seen_end: str = ""
    asked_plan: str = ""
    offered: bool = False

    @property
    def plan(self) -> Plan | None:
        """The plan that is chosen."""
        return self.plans[self.row] if 0 <= self.row < len(self.plans) else None

    def offer(self, plans: Sequence[Plan]) -> None:
        """What can be begun; what was chosen stays chosen."""
        chosen = self.asked_plan or (f"{self.plan.ref} {self.plan.name}" if self.plan else "")
        self.plans, self.asked_plan, self.offered = plans, "", True
        rows = [row for row, one in enumerate(plans) if f"{one.ref} {one.name}" == chosen]
        self.row = rows[0] if rows else 0

    def found(self, checked: Checked) -> None:
        """The checks are over."""
        self.checking, self.checked = False, checked

    def press(self, row: int) -> list[Check]:
        """A plan was pressed: it is chosen, and a second time it is taken."""
        again = self.row == row
        self.row = row
        return self.choose() if again else []

    def choose(self) -> list[Check]:
        """Take the plan that is chosen: its list, or at once its checks."""
        plan = self.plan
        if plan is None or plan.fault:
            return []
        self.listed, self.row_in_list, self.checked = Listed(plan.must), 0, None
        self.page = "list" if plan.must or plan.remind else "checks"
        return self.check() if self.page == "checks" else []

    def check(self) -> list[Check]:
        """Have the plan looked at, unless it is looked at now."""
        if self.plan is None or self.checking:
            return []
        self.checking, self.checked = True, None
        return [Check(self.plan)]

    def go_on(self) -> list[Check]:
        """From the list, when all of it was answered, to the checks."""
        if not self.listed.complete or self.plan is None:
            return []
        self.page = "checks"
        return self.check()

    @property
    def goes(self) -> bool:
        """Whether the checks are over and found nothing that stops it."""
        return self.checked is not None and self.checked.go

    def opening(self, untried: Sequence[str]) -> dict[str, Any] | None:
        """What the room needs to begin; None where something stops it.

        Args:
            untried: The sides of the headphones on which nobody has heard the tone.
        """
        if self.checked is None or self.checked.begin is None:
            return None
        args = {**self.checked.begin, "checklist": self.listed.told()}
        if untried:
            passed = f"headphones: begun without the tone heard on the {' and the '.join(untried)}"
            args["findings"] = [*args.get("findings", ()), passed]
        if self.listed.by:
            args["who"] = [self.listed.by]
        return args

    def go_back(self) -> None:
        """To the page before this one."""
        self.ear = ""
        self.page = {"checks": "list", "list": "choose"}.get(self.page, "choose")

    def move(self, page: str, by: int) -> None:
        """To another row."""
        if page == "choose" and self.plans:
            self.row = min(max(0, self.row + by), len(self.plans) - 1)
        elif page in ("list", "ended") and self.listed.items:
            last = len(self.listed.items) - 1
            self.row_in_list = min(max(0, self.row_in_list + by), last)

    def work_off(self, items: tuple[str, ...]) -> None:
        """Another list, unless it is this one already."""
        if self.listed.items != items:
            self.listed, self.row_in_list = Listed(items), 0

    def tick(self, row: int, so: bool) -> bool:
        """An item is so, or not; whether a reason is to be asked for."""
        items = self.listed.items
        if not 0 <= row < len(items):
            return False
        self.row_in_list = row
        if so:
            self.listed.said[items[row]] = ""
            self.row_in_list = min(row + 1, len(items) - 1)
        else:
            self.listed.said.pop(items[row], None)
        return not so

    def give_reason(self, why: str) -> None:
        """Why the session goes on though this item is not so."""
        self.listed.said[self.listed.items[self.row_in_list]] = why
