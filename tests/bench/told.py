"""What a bench tells: a table of its own, and how each figure stands to its target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that was promised."""

    what: str
    figure: float
    unit: str
    at_most: float

    @property
    def met(self) -> bool:
        return self.figure <= self.at_most


@dataclass(slots=True)
class Told:
    """One bench's outcome.

    Attributes:
        title: What was measured.
        head: Names of the columns.
        rows: One text for each column.
        notes: What a reader has to know of these figures.
        targets: The figures that were promised.
    """

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def row(self, *cells: object) -> None:
        """Add a row; floats are shortened."""
        self.rows.append(tuple(_cell(cell) for cell in cells))

    def spread(self, what: str, found: Sequence[float], unit: str) -> float:
        """Add a row of many: how many, p50, p99, worst; the p99 is returned."""
        p99 = percentile(found, 99)
        self.row(what, len(found), percentile(found, 50), p99, max(found), unit)
        return p99

    def promise(self, what: str, figure: float, unit: str, at_most: float) -> None:
        self.targets.append(Target(what, figure, unit, at_most))

    def text(self) -> str:
        lines = [f"== {self.title}", *columns([self.head, *self.rows])]
        lines += [f"   {note}" for note in self.notes]
        return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of equal length, aligned: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def verdicts(targets: Sequence[Target]) -> str:
    """Every target with its figure, the missed ones marked."""
    rows = [("target", "figure", "at most", "unit", "")]
    rows += [
        (t.what, _cell(t.figure), _cell(t.at_most), t.unit, "met" if t.met else "MISSED")
        for t in targets
    ]
    return "\n".join(["== targets", *columns(rows)])


def percentile(values: Sequence[float], percent: int) -> float:
    """Of at least two values, interpolated."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _cell(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if cell else "0"
    return str(cell)
