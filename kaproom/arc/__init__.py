"""The timeline as a picture, to be pinned to a wall: one A4 sheet, as SVG or PNG.

What is drawn arrives as values; nothing is planned or predicted here. Every estimate
bears its words, and nothing on the sheet may look like advice on dosing. matplotlib is
loaded when a picture is drawn and never before.

Minutes count from the planned start of the infusion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kaproom.errors import Mend, WorldFailed

SUFFIXES = (".svg", ".png")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase, a pause or a silence in time."""

    name: str
    from_min: float
    to_min: float


@dataclass(frozen=True, slots=True)
class Sounding:
    """One piece in its place.

    Attributes:
        number: Its place in the session.
        title: As people know it.
        from_min: When its entrance begins.
        to_min: When the last of it is gone.
        entrance_min: How long its entrance takes.
        departure_min: How long it takes to go, up to ``to_min``.
        loudness_lufs: As planned, before the level.
        generated: Whether kaproom makes it itself.
        exits_min: Where the playlist says that it may be left.
    """

    number: int
    title: str
    from_min: float
    to_min: float
    entrance_min: float
    departure_min: float
    loudness_lufs: float
    generated: bool = False
    exits_min: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """When a prompt asks for its note; ``done`` is None where that is still to come."""

    label: str
    at_min: float
    done: bool | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """When a note was made, or what it tells of was: its category as people call it."""

    label: str
    at_min: float


@dataclass(frozen=True, slots=True)
class Flow:
    """An infusion.

    Attributes:
        runs: When it runs.
        rates: From which minute on how many mg/min; None where that is not known.
        boluses_min: When something is given at once.
    """

    runs: tuple[Stretch, ...]
    rates: tuple[tuple[float, float], ...] | None = None
    boluses_min: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """A population estimate, point by point; ``nan`` where nothing may be drawn.

    Attributes:
        minutes: Rising.
        low_ng_per_ml: Lower edge of the band at the effect site.
        high_ng_per_ml: Its upper edge.
        effect_site_ng_per_ml: Of one model.
        plasma_ng_per_ml: Of the same.
        model: Whose curves they are.
        spread: What the band is, in a few words.
        words: What it is, and what it is not.
        basis: The model, the band, and where they come from.
    """

    minutes: Sequence[float]
    low_ng_per_ml: Sequence[float]
    high_ng_per_ml: Sequence[float]
    effect_site_ng_per_ml: Sequence[float]
    plasma_ng_per_ml: Sequence[float]
    model: str
    spread: str
    words: str
    basis: str


@dataclass(frozen=True, slots=True)
class Arc:
    """All that the sheet shows.

    ``planned_phases`` and ``planned_flow`` are given where it went otherwise than planned;
    they are drawn beside what was.

    Attributes:
        axis: What the minutes count from.
        hands: What people did with the sound (calm, duck, fade, away, hold), and what
            befell it (no sound, a file that failed).
    """

    title: str
    subtitle: str
    from_min: float
    to_min: float
    phases: tuple[Stretch, ...]
    tracks: tuple[Sounding, ...]
    flow: Flow
    estimate: Estimate | None = None
    prompts: tuple[Asked, ...] = ()
    silences: tuple[Stretch, ...] = ()
    planned_phases: tuple[Stretch, ...] = ()
    planned_flow: Flow | None = None
    notes: tuple[Noted, ...] = ()
    hands: tuple[Stretch, ...] = ()
    axis: str = "minutes from the planned start of the infusion"


def drawable(file: Path) -> None:
    """See, before the work is done, that a picture can be written there.

    Raises:
        Mend: Its name or its folder is wrong.
    """
    if file.is_dir():
        raise Mend(f"'{file}' is a folder; name a file in it")
    if file.suffix.lower() not in SUFFIXES:
        raise Mend(f"'{file}' is neither an SVG nor a PNG; call it {file.stem}.svg")
    if not file.absolute().parent.is_dir():
        raise Mend(f"there is no folder '{file.parent}'; make it, or name another")


def rendered(arc: Arc, kind: str) -> bytes:
    """The sheet as "svg" or "png"; the same values give the same bytes."""
    from kaproom.arc.sheet import rendered as of_sheet

    return of_sheet(arc, kind)


def draw(arc: Arc, file: Path) -> None:
    """Draw the sheet and write it.

    Raises:
        Mend: The file's name or folder is wrong.
        WorldFailed: It cannot be written; what was there before may be damaged.
    """
    drawable(file)
    keep(rendered(arc, file.suffix.lower().removeprefix(".")), file)


def keep(picture: bytes, file: Path) -> None:
    """Write a picture.

    Raises:
        WorldFailed: It cannot be written; what was there before may be damaged.
    """
    try:
        file.write_bytes(picture)
    except OSError as error:
        raise WorldFailed(f"'{file}' cannot be written: {error.strerror}") from error
