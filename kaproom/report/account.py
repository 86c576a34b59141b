"""All that the sheet of one session says, as values: no HTML, no file, no opinion.

Minutes count from the recorded start of the infusion; where none was recorded, from the
opening of the session. What is None is not known, which is another thing than zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from kaproom.arc import Estimate, Stretch
from kaproom.record import Verdict

OWN_WORDS = "own-words"
"""The category of notes that are on the patient's page."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was audible at a moment: the piece, the place in it, the level."""

    title: str
    position_s: float | None = None
    level_db: float | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Correction:
    """Something added to a note later; the note itself stays as it was.

    Attributes:
        seq: Of the correction in the record.
        utc: When it was entered, by ``who``.
        text: The new text; None where it stays.
        label: The new category as people call it; None where it stays.
        moved_to_min: The new time; None where it stays.
        in_error: The note is said to be entered in error.
    """

    seq: int
    utc: datetime
    who: str | None = None
    text: str | None = None
    category: str | None = None
    label: str | None = None
    moved_to_min: float | None = None
    in_error: bool = False


@dataclass(frozen=True, slots=True)
class NoteLine:
    """One note, as it was entered, with what was added to it.

    Attributes:
        seq: Its number in the record.
        utc: When it was made; ``entered_utc`` when kaproom was told.
        at_min: When it was made. ``session_s`` and ``infusion_s`` are as known then.
        unsure: Why its time is less sure than others; empty where it is not.
        presses: How often its key was pressed; more than once is still one note.
        integration: Entered for the work afterwards.
    """

    seq: int
    utc: datetime
    entered_utc: datetime
    at_min: float
    category: str
    label: str
    text: str = ""
    session_s: float | None = None
    infusion_s: float | None = None
    phase: str | None = None
    heard: Heard | None = None
    who: str | None = None
    unsure: str = ""
    presses: int = 1
    late: bool = False
    integration: bool = False
    corrections: tuple[Correction, ...] = ()

    @property
    def in_error(self) -> bool:
        """Whether it was taken back."""
        return any(correction.in_error for correction in self.corrections)

    @property
    def now_label(self) -> str:
        """Its category after all corrections."""
        return next((c.label for c in reversed(self.corrections) if c.label), self.label)

    @property
    def now_category(self) -> str:
        """The same, for machines."""
        return next((c.category for c in reversed(self.corrections) if c.category), self.category)

    @property
    def own_words(self) -> bool:
        """Whether it holds what the patient said about it, and is theirs to have."""
        return self.now_category == OWN_WORDS and not self.in_error

    @property
    def now_text(self) -> str:
        """Its text after all corrections."""
        texts = (c.text for c in reversed(self.corrections) if c.text is not None)
        return next(texts, self.text)

    @property
    def now_min(self) -> float:
        """Its time after all corrections."""
        moved = (c.moved_to_min for c in reversed(self.corrections) if c.moved_to_min is not None)
        return next(moved, self.at_min)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that was begun, from its entrance until it was gone.

    Attributes:
        number: Its place in the session.
        key: By which the repertoire knows it.
        heard_s: How long of it was to be heard: silences left out.
        left: Why it left before its time; empty where it did not.
    """

    number: int
    title: str
    key: str
    phase: str
    utc: datetime
    from_min: float
    to_min: float
    entrance_min: float
    loudness_lufs: float
    heard_s: float
    generated: bool = False
    own: bool = False
    left: str = ""


@dataclass(frozen=True, slots=True)
class PumpLine:
    """What people recorded of the pump; kaproom cannot touch it."""

    seq: int
    utc: datetime
    entered_utc: datetime
    at_min: float
    what: str
    value: float | None = None
    unit: str | None = None
    late: bool = False
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Pump:
    """The infusion, as it was recorded and as it was planned.

    Attributes:
        state: The word for it at the end.
        runs: When it ran; ``planned_run`` as planned from its recorded start.
        ran_min: How long it ran, pauses left out; None without a recorded start.
        rates: Minute and mg/min; None where the dose is not known.
    """

    state: str
    planned_min: float
    lines: tuple[PumpLine, ...] = ()
    runs: tuple[Stretch, ...] = ()
    planned_run: Stretch | None = None
    ran_min: float | None = None
    rates: tuple[tuple[float, float], ...] | None = None
    boluses_min: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptLine:
    """One moment of a timer: ``done``, ``missed``, or ``not reached``."""

    label: str
    at_min: float
    state: Literal["done", "missed", "not reached"]
    done_min: float | None = None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What people did with the sound, or what befell it.

    Attributes:
        what: In a word.
        by: ``hand`` of people, or a ``fault`` of the machine or the world.
        to_min: None for what has no length.
        detail: In a few words more.
        free: Whether that may hold what people wrote, as the name of a file does.
    """

    what: str
    by: Literal["hand", "fault"]
    from_min: float
    to_min: float | None = None
    detail: str = ""
    who: str | None = None
    free: bool = False


@dataclass(frozen=True, slots=True)
class Dose:
    """An estimate of what reached the ear, from loudness, gain and the room's calibration.

    Attributes:
        laeq_dba: Energy average while there was sound.
        sounding_min: How long there was.
        lex_8h_dba: The same, spread over eight hours.
        pa2h: Sound exposure in Pa²h.
        weekly_part: Of what WHO and ITU-T H.870 allow an adult in a week (1.6 Pa²h).
    """

    laeq_dba: float
    sounding_min: float
    lex_8h_dba: float
    pa2h: float
    weekly_part: float
    loudest_dba: float
    headphones: str | None = None


@dataclass(frozen=True, slots=True)
class SoundQuality:
    """How well the sound did; ``underruns`` are counted by the output itself."""

    device: str | None = None
    underruns: int | None = None
    lost_s: float = 0.0
    stood_still_s: float = 0.0
    failed: int = 0
    level_low_db: float | None = None
    level_high_db: float | None = None
    softest_lufs: float | None = None
    loudest_lufs: float | None = None
    dose: Dose | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of a checklist: confirmed, passed over with a reason, or left open."""

    text: str
    state: Literal["confirmed", "overridden", "open"]
    must: bool = False
    reason: str = ""
    who: str | None = None
    on: str = ""
    utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of what was prepared, as label and value."""

    label: str
    value: str
    free: bool = False
    """Whether it is free text, which a redacted sheet leaves out."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What was settled before the session and on its day."""

    intention: str = ""
    facts: tuple[Fact, ...] = ()
    screening: tuple[Tick, ...] = ()
    before: tuple[Tick, ...] = ()
    after: tuple[Tick, ...] = ()
    left_at: str = ""


@dataclass(frozen=True, slots=True)
class Presence:
    """Who was there from a moment on, by their initials."""

    at_min: float
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another session of the series, or this one."""

    session: str
    utc: datetime
    profile: str
    notes: int
    length_min: float | None
    state: str
    this: bool = False


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """How sure the times are.

    Attributes:
        synced: Whether the wall clock was disciplined; None where that is not recorded.
        offset_s: By how much it was off at most, as the kernel says; ``max_error_s`` is the
            bound that the kernel claims.
        steps: Times at which it was set, and by how much.
        restarts: How often the machine restarted in the session.
    """

    synced: bool | None = None
    offset_s: float | None = None
    max_error_s: float | None = None
    steps: tuple[tuple[datetime, float], ...] = ()
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One item of the ReSPCT guidelines: ``filled``, ``in part`` or ``open``."""

    number: str
    name: str
    state: Literal["filled", "in part", "open"]
    told: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """One session.

    Attributes:
        state: ``open``, ``ended``, ``left open``, ``signed off`` or ``erased``.
        erased: How many of its entries were erased; ``erased_by`` whom, and when.
        own_piece: The title of the closing piece that the patient chose; empty without one.
        clock_from: What minute 0 is.
        misheard: How many entries name another piece than the one reckoned anew.
        other: Entries that no part of the sheet tells, so that none is passed over.
        redacted: Whether free text was left out.
        unread: Why the session could not be stepped through again; None when it was.
    """

    session: str
    state: str
    opened_utc: datetime | None = None
    ended_utc: datetime | None = None
    site: str = ""
    room: str = ""
    profile: str = ""
    title: str = ""
    playlist: str = ""
    ref: str | None = None
    own_piece: str = ""
    signed: tuple[str, datetime] | None = None
    clock_from: Literal["infusion", "opening"] = "opening"
    from_min: float = 0.0
    to_min: float = 0.0
    phases: tuple[Stretch, ...] = ()
    planned_phases: tuple[Stretch, ...] = ()
    pieces: tuple[Piece, ...] = ()
    planned_pieces: tuple[Stretch, ...] = ()
    silences: tuple[Stretch, ...] = ()
    pump: Pump | None = None
    estimate: Estimate | None = None
    notes: tuple[NoteLine, ...] = ()
    prompts: tuple[PromptLine, ...] = ()
    disturbances: tuple[Disturbance, ...] = ()
    sound: SoundQuality = SoundQuality()
    presence: tuple[Presence, ...] = ()
    preparation: Preparation = Preparation()
    series: tuple[Sibling, ...] = ()
    setting: tuple[Setting, ...] = ()
    clock: ClockFacts = ClockFacts()
    entries: int = 0
    first_seq: int = 0
    last_seq: int = 0
    erased: int = 0
    erased_by: tuple[str, datetime] | None = None
    verdict: Verdict | None = None
    version: str = ""
    other: tuple[tuple[int, str, Mapping[str, Any]], ...] = ()
    misheard: int = 0
    redacted: bool = False
    unread: str | None = None

    @property
    def length_min(self) -> float:
        """From the opening to the end, or to the last that is known."""
        return self.to_min - self.from_min
