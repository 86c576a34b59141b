"""What the clinic plans: an infusion, the phases around it, and what is watched.

A profile is a plan and nothing else: it holds no clock and decides nothing. Minutes
count on the infusion's clock, whose zero is the recorded start of the infusion.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kaproom.session.infusion_plan import InfusionPlan
from kaproom.session.model import Alias, Fault, Line, Many, Written, refuse
from kaproom.session.moments import Timing, descent_index, planned_s
from kaproom.session.notes import (
    DEFAULT_NOTES,
    DEFAULT_PROMPTS,
    Checklist,
    NoteCategory,
    Prompt,
)
from kaproom.session.order import phases_in_order
from kaproom.session.phase import CrossfadeSeconds, Minutes, Phase
from kaproom.session.playlist import Piece, SoundscapePiece
from kaproom.session.spelling import did_you_mean

VOCABULARY = ("settling", "onset", "ascent", "peak", "descent", "landing", "recovery")
"""The shipped names of phases, in their order. A profile may use any others."""

# Chosen: what is left of a programme when the pump stops a little late.
MARGIN_PART, MARGIN_MAX_MIN = 0.25, 10.0


class Limits(Written):
    """What no command and no file goes beyond."""

    level_min_db: Annotated[float, Field(ge=-60, le=-6)] = -30.0
    """The lowest that `level down` goes, in dB of gain at the output."""
    level_max_db: Annotated[float, Field(ge=-30, le=0)] = 0.0
    """The highest that `level up` goes; the output never amplifies, so at most 0."""
    ceiling_lufs: Annotated[float, Field(ge=-40, le=-10)] = -14.0
    """Short-term loudness that the limiter never lets pass, before the level."""
    ceiling_dbtp: Annotated[float, Field(ge=-20, le=-1)] = -1.0
    """True peak that the limiter never lets pass."""
    max_session_min: Annotated[float, Field(gt=0, le=600)] = 240.0
    """The longest session_end_min that this clinic allows; guards against a slip of the pen."""

    @model_validator(mode="after")
    def _level_has_room(self) -> "Limits":
        if self.level_min_db >= self.level_max_db:
            refuse(
                [
                    Fault(
                        ("level_min_db",),
                        f"is {self.level_min_db:g}; it must be less than"
                        f" level_max_db, {self.level_max_db:g}",
                    )
                ]
            )
        return self


class Profile(Written):
    """A clinic's plan of one kind of session."""

    kaproom: Literal["profile/1"]
    """Always profile/1, and always the first line."""
    name: Alias = "unnamed"
    """Short name; without it, the file's name."""
    title: Line
    """What people choose it by."""
    description: str = ""
    """For whom it is, and where its numbers come from."""
    infusion: InfusionPlan
    """What is planned to be given."""
    playlist: Annotated[str, Field(min_length=1, max_length=1000)]
    """The playlist's name, or a path relative to the profile."""
    loudness_lufs: Annotated[float, Field(ge=-40, le=-16)] = -23.0
    """The reference that every piece is brought to, and that level_lu is relative to."""
    limits: Limits = Limits()
    """What no command and no file goes beyond."""
    crossfade_s: CrossfadeSeconds = 8.0
    """Crossfade between pieces, in seconds, where a phase says no other."""
    phases: Annotated[Many[Phase], Field(min_length=2)]
    """In their order; the first waits for the infusion."""
    session_end_min: Minutes
    """Planned end of the last phase, on the infusion's clock. Music plays on after it."""
    margin_min: Minutes | None = None
    """The programme must outlast the planned infusion by so many minutes, or the start is
    refused; without it, by a quarter of the infusion, at most 10."""
    descent: Line | None = None
    """The phase that a stop of the infusion goes to, and the plan's own when it ran out;
    without it, the phase called descent, else the first that has before_end_min or starts at
    or after infusion.planned_min, else the last."""
    refuge: Piece
    """What `calm` goes to: a soundscape, or a file relative to the profile."""
    notes: Annotated[Many[NoteCategory], Field(min_length=1)] = DEFAULT_NOTES
    """The kinds of notes, with their keys."""
    prompts: Many[Prompt] = DEFAULT_PROMPTS
    """Silent timers that ask for a note."""
    checklist: Checklist = Checklist()
    """What people confirm before and after."""

    @model_validator(mode="after")
    def _holds_together(self) -> "Profile":
        refuse(
            [
                *phases_in_order(self),
                *_end_is_allowed(self),
                *_descent_exists(self),
                *_refuge_endless(self),
                *_under_the_ceiling(self),
                *_notes_unique(self),
                *_prompts_can_be_done(self),
            ]
        )
        return self

    @property
    def timing(self) -> Timing:
        """What says when the phases begin."""
        names = [phase.name for phase in self.phases]
        wanted = self.descent or "descent"
        return Timing(
            self.infusion,
            tuple(phase.start for phase in self.phases[1:]),
            self.session_end_min * 60,
            names.index(wanted) if wanted in names[1:] else None,
        )

    @property
    def descent_index(self) -> int:
        """Index of the phase that a stop goes to, by the rule at ``descent``; never 0."""
        return descent_index(self.timing)

    @property
    def outlasts_min(self) -> float:
        """By how much the programme must outlast the planned infusion."""
        if self.margin_min is not None:
            return self.margin_min
        return min(MARGIN_MAX_MIN, MARGIN_PART * self.infusion.planned_min)

    @property
    def planned_starts_s(self) -> tuple[float, ...]:
        """When each phase is planned to begin, in seconds of the infusion; 0 for the first."""
        return planned_s(self.timing)

    def phase_crossfade_s(self, phase: Phase) -> float:
        """Crossfade into and inside this phase, in seconds."""
        return self.crossfade_s if phase.crossfade_s is None else phase.crossfade_s


def _end_is_allowed(profile: Profile) -> Iterator[Fault]:
    end_min, allowed_min = profile.session_end_min, profile.limits.max_session_min
    if end_min > allowed_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; limits.max_session_min allows {allowed_min:g}",
        )


def _descent_exists(profile: Profile) -> Iterator[Fault]:
    if profile.descent is None:
        return
    names = [phase.name for phase in profile.phases[1:]]
    if profile.descent == profile.phases[0].name:
        yield Fault(
            ("descent",), f"is '{profile.descent}', the phase before the infusion; name a later one"
        )
    elif profile.descent not in names:
        near = did_you_mean(profile.descent, names)
        yield Fault(
            ("descent",), f"is '{profile.descent}'; the phases are {', '.join(names)}{near}"
        )


def _refuge_endless(profile: Profile) -> Iterator[Fault]:
    if isinstance(profile.refuge, SoundscapePiece) and profile.refuge.length_min is not None:
        yield Fault(
            ("refuge", "length_min"),
            f"is {profile.refuge.length_min:g}; the refuge lasts until `return`: remove the line",
        )


def _under_the_ceiling(profile: Profile) -> Iterator[Fault]:
    ceiling_lufs = profile.limits.ceiling_lufs
    for index, phase in enumerate(profile.phases):
        loudness_lufs = profile.loudness_lufs + phase.level_lu
        if loudness_lufs > ceiling_lufs:
            yield Fault(
                ("phases", index, "level_lu"),
                f"is {phase.level_lu:g}: that is {loudness_lufs:g} LUFS, above"
                f" limits.ceiling_lufs, {ceiling_lufs:g}",
            )


def _notes_unique(profile: Profile) -> Iterator[Fault]:
    for word in ("category", "key"):
        seen: dict[str, int] = {}
        for index, note in enumerate(profile.notes):
            value = getattr(note, word)
            if value in seen:
                yield Fault(
                    ("notes", index, word),
                    f"is '{value}', which note {seen[value] + 1} has already; each needs its own",
                )
            seen.setdefault(value, index)


def _prompts_can_be_done(profile: Profile) -> Iterator[Fault]:
    categories = [note.category for note in profile.notes]
    if "prompts" not in profile.model_fields_set:
        for category in sorted({prompt.category for prompt in profile.prompts} - set(categories)):
            yield Fault(
                ("notes",),
                f"has no category '{category}', which the shipped prompts ask for; add it, or"
                " write prompts of your own (prompts: [] for none)",
            )
        return
    for index, prompt in enumerate(profile.prompts):
        if prompt.category not in categories:
            near = did_you_mean(prompt.category, categories)
            yield Fault(
                ("prompts", index, "category"),
                f"is '{prompt.category}'; no note has that category, so nothing could mark it"
                f" as done{near}",
            )
