"""All that is known of one session, as a value, and the gain that follows from it.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from kaproom.session.cues import PlannedCue
from kaproom.session.infusion import Infusion, InfusionState
from kaproom.session.phases import Course, Span, spans
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire

REST_DB = -6.0
"""The output's gain at rest, so that `level up` has room."""
DUCK_DB = -18.0
"""How far `duck` lowers: a voice at 60 dB(A) stands clear of music at 65."""
CALM_DB = -6.0
"""How far `calm` lowers at once; the refuge stays so much softer."""
LEAD_S = 3.0
"""A change of the programme is heard so much later: the ring's 2.7 s and some to write."""

SILENT_DB = float("-inf")

# The same moment, reached by another way through the arithmetic.
_EPS_S = 1e-6


class Stage(StrEnum):
    """Of the session's life."""

    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as screens and timers need it, its amendments followed; its text is the record's.

    Attributes:
        at_s: When it was.
        category: Of which kind.
        pressed_s: When its key was pressed first and last; None when its time was told from
            memory.
        worded: Whether it has a text.
        in_error: Whether it was entered in error.
        integration: Whether it belongs to the time afterwards.
    """

    at_s: float
    category: str
    pressed_s: tuple[float, float] | None = None
    worded: bool = False
    in_error: bool = False
    integration: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is one of the session's own, and no mistake."""
        return not self.in_error and not self.integration


@dataclass(frozen=True, slots=True)
class Gained:
    """From ``at_s`` on the output was to have this gain."""

    at_s: float
    gain_db: float


@dataclass(frozen=True, slots=True)
class Began:
    """From ``at_s`` on it was this phase."""

    at_s: float
    index: int


@dataclass(frozen=True, slots=True)
class Stood:
    """Until ``at_s`` the sound had stood still for ``by_s``, while this cue was on."""

    at_s: float
    by_s: float
    cue: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A time for which people wanted nothing to be heard; ``until_s`` is None while it lasts."""

    from_s: float
    until_s: float | None = None

    def covers(self, from_s: float, until_s: float) -> bool:
        """Whether nothing was heard from ``from_s`` until ``until_s``."""
        if from_s < self.from_s - _EPS_S:
            return False
        return self.until_s is None or until_s <= self.until_s + _EPS_S


@dataclass(frozen=True, slots=True)
class Interruption:
    """The room was without power, and nobody has said yet what the pump does.

    Attributes:
        from_s: When the room was last known to run.
        until_s: When it ran again, by the wall clock.
        was_calm: Whether people had asked for the refuge before.
    """

    from_s: float
    until_s: float
    was_calm: bool


@dataclass(frozen=True, slots=True)
class Session:
    """All that is known of one session; replaced, never changed.

    Attributes:
        profile: The clinic's plan.
        repertoire: The music of this session.
        now_s: The last moment that was stepped to.
        cues: What was and will be played, in order.
        thrown_out: Keys of what was skipped or failed: never planned again.
        number: The next cue's.
        level_db: The gain without anything that lowers it.
        ducked_s: Since when it is lowered for a voice; likewise calm, faded, away.
        kept: While away, the piece that was left and where.
        silent_until_s: The gain stays silent until then (a kept piece, or the refuge,
            comes first).
        silences: Every time for which people wanted silence, in order.
        interruption: The last loss of power, while it waits for `continue` or `end`.
        lost_cues: So many of the cues were a player's that a loss of power ended; they stand.
        signed_by: Initials of who signed it off; nothing but integration is added then.
        expected_s: When the infusion is expected to be started, if anybody said.
        who: Those present, by their initials, parted by spaces.
        gains: What gain was wanted from when on, in order; so a late entry is told what
            was heard then, not now. Likewise the phases that began, and standstills.
    """

    profile: Profile
    repertoire: Repertoire
    infusion: Infusion
    now_s: float = 0.0
    stage: Stage = Stage.OPEN
    course: Course = field(default_factory=Course)
    cues: tuple[PlannedCue, ...] = ()
    thrown_out: frozenset[str] = field(default_factory=frozenset)
    number: int = 1
    level_db: float = REST_DB
    ducked_s: float | None = None
    calm_s: float | None = None
    faded_s: float | None = None
    away_s: float | None = None
    kept: PlannedCue | None = None
    silent_until_s: float | None = None
    ends_s: float | None = None
    notes: tuple[Note, ...] = ()
    silences: tuple[Silence, ...] = ()
    interruption: Interruption | None = None
    lost_cues: int = 0
    signed_by: str | None = None
    expected_s: float | None = None
    who: str = ""
    gains: tuple[Gained, ...] = ()
    began: tuple[Began, ...] = ()
    stood: tuple[Stood, ...] = ()

    def cue_at(self, at_s: float) -> PlannedCue | None:
        """What was entering or sounding at ``at_s``; None before the first cue."""
        current = None
        for cue in self.cues:
            if cue.start_s > at_s:
                break
            current = cue
        return current

    def phase_at(self, at_s: float) -> int:
        """Index of the phase that was on at ``at_s``."""
        return next((one.index for one in reversed(self.began) if one.at_s <= at_s), 0)

    def gain_at_db(self, at_s: float) -> float:
        """The gain that the output was to have at ``at_s``."""
        first_db = self.gains[0].gain_db if self.gains else self.gain_db
        return next((one.gain_db for one in reversed(self.gains) if one.at_s <= at_s), first_db)

    @property
    def phases(self) -> tuple[Span, ...]:
        """Every phase in time, as things stand now."""
        return spans(self.profile, self.infusion, self.course, self.now_s)

    @property
    def infusion_state(self) -> InfusionState:
        """What is known of the infusion now; after a loss of power nothing is, until told."""
        recorded = self.infusion.state(self.now_s)
        over = recorded in (InfusionState.STOPPED, InfusionState.COMPLETE)
        return recorded if self.interruption is None or over else InfusionState.UNCONFIRMED

    @property
    def elsewhere(self) -> bool:
        """Whether what sounds is not the plan's: the plan waits for `return` or `back`."""
        return self.calm_s is not None or self.away_s is not None

    def silent_at(self, at_s: float) -> bool:
        """Whether people wanted silence at ``at_s``."""
        return any(silence.covers(at_s, at_s) for silence in self.silences)

    @property
    def gain_db(self) -> float:
        """The gain that the output is to have."""
        silent = (
            self.faded_s is not None
            or self.away_s is not None
            or self.silent_until_s is not None
            or self.stage is not Stage.OPEN
        )
        if silent:
            return SILENT_DB
        lowered = DUCK_DB if self.ducked_s is not None else 0.0
        lowered = min(lowered, CALM_DB if self.calm_s is not None else 0.0)
        return self.level_db + lowered
