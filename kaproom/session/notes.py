"""What people watch and write down: kinds of notes, prompts, checklists.

kaproom keeps when they did and asks for it in silence; it measures nothing of a patient.
"""

from typing import Annotated

from pydantic import Field, model_validator

from kaproom.session.model import Alias, Fault, Key, Line, Many, Written, refuse


class NoteCategory(Written):
    """A kind of note that a supervisor makes with one key."""

    category: Alias
    """Its name in the record and on the command line."""
    key: Key
    """The one key that makes the note."""
    label: Line
    """What the console shows."""
    share: bool = False
    """true lets the category's name go to the nurse station; its text never goes."""


DEFAULT_NOTES = (
    NoteCategory(category="eyes-open", key="e", label="Eyes open"),
    NoteCategory(category="tears", key="t", label="Tears"),
    NoteCategory(category="speech", key="s", label="Speech"),
    NoteCategory(category="movement", key="m", label="Movement"),
    NoteCategory(category="breath", key="b", label="Breath"),
    NoteCategory(category="vital-signs-taken", key="v", label="Vital signs taken", share=True),
    NoteCategory(category="nausea", key="n", label="Nausea", share=True),
    NoteCategory(category="comfort", key="c", label="Comfort given"),
    NoteCategory(category="own-words", key="w", label="In their own words"),
    NoteCategory(category="other", key="o", label="Other"),
)


class Prompt(Written):
    """A silent timer that asks for a note; it knows nothing of the patient."""

    label: Line
    """What the console shows when it is due."""
    category: Alias
    """The note category whose note marks it as done."""
    at_min: Many[Annotated[float, Field(ge=-120, le=600)]] = ()
    """Single moments, in minutes on the infusion's clock; negative ones lie before it."""
    every_min: Annotated[float, Field(ge=1, le=240)] | None = None
    """Again and again, every so many minutes, first at from_min + every_min."""
    from_min: Annotated[float, Field(ge=-120, le=600)] = 0.0
    """Where every_min counts from."""
    until_min: Annotated[float, Field(ge=-120, le=600)] | None = None
    """The last moment of every_min; without it, until the session's end."""
    shift_with_pauses: bool = False
    """true: a paused infusion delays what is due; false: time counts on while it is paused."""

    @model_validator(mode="after")
    def _is_due_some_time(self) -> "Prompt":
        faults = []
        if not self.at_min and self.every_min is None:
            faults.append(Fault(("at_min",), "is missing, and so is every_min; give one of them"))
        if self.every_min is None and (self.until_min is not None or self.from_min):
            key = "from_min" if self.from_min else "until_min"
            faults.append(Fault((key,), "says nothing without every_min; add every_min"))
        elif self.every_min is not None and self.until_min is not None:
            first_min = self.from_min + self.every_min
            if self.until_min < first_min:
                faults.append(
                    Fault(
                        ("until_min",),
                        f"is {self.until_min:g}; the first time is at minute {first_min:g}",
                    )
                )
        refuse(faults)
        return self

    def due_min(self, end_min: float) -> tuple[float, ...]:
        """Every moment at which it is due, up to and including ``end_min``, rising."""
        due = set(self.at_min)
        if self.every_min is not None:
            last_min = end_min if self.until_min is None else self.until_min
            times = int((last_min - self.from_min) / self.every_min + 1e-9)
            due.update(self.from_min + n * self.every_min for n in range(1, times + 1))
        return tuple(sorted(moment for moment in due if moment <= end_min))


DEFAULT_PROMPTS = (
    Prompt(
        label="Vital signs",
        category="vital-signs-taken",
        at_min=(-10.0, 0.0),
        every_min=10.0,
        until_min=60.0,
    ),
    Prompt(label="Vital signs", category="vital-signs-taken", from_min=60.0, every_min=15.0),
)

Item = Line


class Before(Written):
    """What is worked off before a session."""

    must: Annotated[Many[Item], Field(max_length=6)] = ()
    """At most six things that must be confirmed before the session."""
    remind: Many[Item] = ()
    """Shown, and may be passed over."""


DEFAULT_SCREENING = (
    "No history of psychosis",
    "No history of bipolar mania",
    "No untreated hypertension",
)


class Checklist(Written):
    """What people confirm before and after; kaproom only keeps that they did."""

    screening: Many[Item] = DEFAULT_SCREENING
    """Attested days before, with date and initials, by `kaproom prepare`."""
    before: Before = Before()
    """Before the session."""
    after: Many[Item] = ()
    """Before the patient leaves."""
