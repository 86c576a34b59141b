"""Buttons that a finger finds in the dark: each as large as it must be, with its key on it."""

from __future__ import annotations

from dataclasses import dataclass

from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Element, Kind, Panel, Shape, Target, Text

LEAST_MM = 15.0
"""What a finger hits without aiming."""
GAP = 8.0


@dataclass(frozen=True, slots=True)
class Button:
    """What can be pressed.

    Attributes:
        action: What it does.
        label: What stands on it.
        key: The key that does the same.
        more: A second line.
        mark: A shape before the label.
        on: It is latched.
    """

    action: str
    label: str
    key: str = ""
    more: str = ""
    mark: Kind | None = None
    on: bool = False
    role: Role = Role.TEXT
    size: float = 18.0
    lines: int = 1


Drawn = tuple[list[Element], list[Target]]


def drawn(button: Button, box: Box, *, centred: bool = False, head: bool = False) -> Drawn:
    """One button; ``centred`` as a keyboard's keys are, ``head`` with room for a key's name."""
    if centred:
        return _key(button, box)
    border = button.role if button.on else Role.RULE
    elements: list[Element] = [Panel(box, Role.PANEL, border, 3.0 if button.on else 1.0)]
    inner = box.inset(10, 5)
    if button.key:
        elements.append(Text(inner.top(18), button.key, 13, Role.SECOND, align="right"))
    low = inner.below(15) if button.key or head else inner
    if button.mark is not None:
        side = 18.0
        middle = low.y + (low.height - side) / 2
        if button.more:
            middle = low.y + 2
        elements.append(Shape(Box(low.x, middle, side, side), button.mark, button.role))
        low = low.beyond(side + 8)
    if button.more:
        first = low.top(low.height * 0.52)
        elements.append(Text(first, button.label, button.size, button.role, True))
        more = low.below(low.height * 0.52)
        elements.append(Text(more, button.more, 14, Role.SECOND, lines=1))
    else:
        lines = button.lines if " " in button.label else 1
        label = Text(low, button.label, button.size, button.role, True, lines=lines)
        elements.append(label)
    return elements, [Target(box, button.action)]


def _key(button: Button, box: Box) -> Drawn:
    on = button.on
    border = Role.ACCENT if on else Role.RULE
    panel = Panel(box, Role.PANEL, border, 3.0 if on else 1.0)
    label = Text(box.inset(4), button.label, button.size, button.role, True, "centre")
    return [panel, label], [Target(box, button.action)]


def row(buttons: list[Button], box: Box) -> Drawn:
    """Buttons of one width, side by side."""
    elements: list[Element] = []
    targets: list[Target] = []
    # Their words stand on one line, whether all of them have a key or not.
    head = any(button.key for button in buttons)
    for button, place in zip(buttons, box.columns(len(buttons), GAP), strict=True):
        more, where = drawn(button, place, head=head)
        elements += more
        targets += where
    return elements, targets


def least_units(width_units: float, width_mm: float) -> float:
    """How many units a target's side has at least, on a screen that is so wide."""
    return max(60.0, LEAST_MM * width_units / width_mm)
