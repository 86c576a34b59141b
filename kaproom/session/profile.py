"""What the clinic plans: an infusion, the phases around it, and what is watched.

A profile is a plan and nothing else: it holds no clock and decides nothing. Minutes
count on the infusion's clock, whose zero is the recorded start of the infusion.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kaproom.session.model import Alias, Fault, Line, Many, Written, refuse
from kaproom.session.notes import (
    DEFAULT_NOTES,
    DEFAULT_PROMPTS,
    Checklist,
    NoteCategory,
    Prompt,
)
from kaproom.session.playlist import Piece, SoundscapeName, SoundscapePiece
from kaproom.session.spelling import did_you_mean

VOCABULARY = ("settling", "onset", "ascent", "peak", "descent", "landing", "recovery")
"""The shipped names of phases, in their order. A profile may use any others."""

Minutes = Annotated[float, Field(ge=0, le=600)]
CrossfadeSeconds = Annotated[float, Field(ge=0.1, le=60)]


class InfusionPlan(Written):
    """What the clinic plans to give. kaproom cannot touch the pump: it only knows the plan."""

    planned_min: Annotated[float, Field(gt=0, le=600)]
    """How long the infusion is planned to run, in minutes."""
    dose_mg: Annotated[float, Field(gt=0, le=1000)] | None = None
    """The whole planned dose in mg, the bolus included. Either this or dose_mg_per_kg."""
    dose_mg_per_kg: Annotated[float, Field(gt=0, le=10)] | None = None
    """The whole planned dose in mg per kg of body weight, the bolus included."""
    bolus_mg: Annotated[float, Field(gt=0, le=1000)] | None = None
    """The part of dose_mg that is given at once at the start."""
    bolus_mg_per_kg: Annotated[float, Field(gt=0, le=10)] | None = None
    """The part of dose_mg_per_kg that is given at once at the start."""
    concentration_mg_per_ml: Annotated[float, Field(gt=0, le=100)] | None = None
    """What is in the syringe or bag; needed only to record rates in mL/h."""

    @model_validator(mode="after")
    def _one_way_of_dosing(self) -> "InfusionPlan":
        faults = []
        if self.dose_mg is not None and self.dose_mg_per_kg is not None:
            faults.append(Fault(("dose_mg",), "stands beside dose_mg_per_kg; keep one of them"))
        for bolus, dose in (("bolus_mg", "dose_mg"), ("bolus_mg_per_kg", "dose_mg_per_kg")):
            given, whole = getattr(self, bolus), getattr(self, dose)
            if given is not None and whole is None:
                faults.append(Fault((bolus,), f"is {given:g}; it is a part of {dose}: add {dose}"))
            elif given is not None and given > whole:
                faults.append(
                    Fault((bolus,), f"is {given:g}; it cannot be more than {dose}, {whole:g}")
                )
        refuse(faults)
        return self


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


class Phase(Written):
    """A stretch of the session with one character.

    ``start_min`` is the plainest way to say when it starts. Other ways will be other keys
    beside it, never another meaning of this one, so files stay valid.
    """

    name: Line
    """Any name; shipped: settling, onset, ascent, peak, descent, landing, recovery."""
    start_min: Minutes | None = None
    """Minutes on the infusion's clock. The first phase has none: it starts the session and
    waits for the infusion, however long that takes. Every other phase needs one."""
    level_lu: Annotated[float, Field(ge=-20, le=6)] = 0.0
    """Louder or softer than the reference, in LU (as large as dB)."""
    intensity: Annotated[float, Field(ge=0, le=1)] = 0.5
    """For generated beds: 0 sparse and dark, 1 dense and bright."""
    section: Line | None = None
    """The playlist's section to draw on; without it, the bed plays alone."""
    bed: SoundscapeName = "pad"
    """The soundscape that plays where the section's pieces do not fill the phase."""
    crossfade_s: CrossfadeSeconds | None = None
    """Crossfade into and inside this phase, in seconds; without it, the profile's."""
    vocals: Literal["allowed", "none"] = "allowed"
    """none leaves out the pieces that are marked `vocals: true`."""


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
    descent: Line | None = None
    """The phase that a stop of the infusion goes to, and the plan's own when it ran out;
    without it, the phase called descent, else the first that starts at or after
    infusion.planned_min, else the last."""
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
                *_phases_in_order(self),
                *_end_after_everything(self),
                *_descent_exists(self),
                *_refuge_endless(self),
                *_under_the_ceiling(self),
                *_notes_unique(self),
                *_prompts_can_be_done(self),
            ]
        )
        return self

    @property
    def descent_index(self) -> int:
        """Index of the phase that a stop goes to, by the rule at ``descent``; never 0."""
        names = [phase.name for phase in self.phases]
        wanted = self.descent or "descent"
        if wanted in names[1:]:
            return names.index(wanted)
        for index, phase in enumerate(self.phases):
            if phase.start_min is not None and phase.start_min >= self.infusion.planned_min:
                return index
        return len(self.phases) - 1

    def phase_crossfade_s(self, phase: Phase) -> float:
        """Crossfade into and inside this phase, in seconds."""
        return self.crossfade_s if phase.crossfade_s is None else phase.crossfade_s


def _phases_in_order(profile: Profile) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    earlier: Phase | None = None
    for index, phase in enumerate(profile.phases):
        here = ("phases", index)
        if phase.name in seen:
            yield Fault(
                (*here, "name"),
                f"is '{phase.name}', which phase {seen[phase.name] + 1} is called already;"
                " give each its own name",
            )
        seen.setdefault(phase.name, index)
        if index == 0:
            if phase.start_min is not None:
                yield Fault(
                    (*here, "start_min"),
                    f"is {phase.start_min:g}; the first phase waits for the infusion and has"
                    " none: remove the line",
                )
            continue
        if phase.start_min is None:
            yield Fault(
                (*here, "start_min"),
                f"is missing; say at which minute of the infusion '{phase.name}' starts",
            )
        elif (
            earlier is not None
            and earlier.start_min is not None
            and phase.start_min <= earlier.start_min
        ):
            yield Fault(
                (*here, "start_min"),
                f"is {phase.start_min:g}; it must be later than the start of"
                f" '{earlier.name}', {earlier.start_min:g}",
            )
        earlier = phase


def _end_after_everything(profile: Profile) -> Iterator[Fault]:
    end_min, last = profile.session_end_min, profile.phases[-1]
    if last.start_min is not None and end_min <= last.start_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; it must be later than the start of '{last.name}', {last.start_min:g}",
        )
    elif end_min < profile.infusion.planned_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; it must not be earlier than the end of the infusion,"
            f" {profile.infusion.planned_min:g}",
        )
    if end_min > profile.limits.max_session_min:
        yield Fault(
            ("session_end_min",),
            f"is {end_min:g}; limits.max_session_min allows {profile.limits.max_session_min:g}",
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
