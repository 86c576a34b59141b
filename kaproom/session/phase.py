"""One phase as the clinic plans it: when it starts, what it plays, and how loud."""

from itertools import combinations
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from kaproom.session.model import Line, Written
from kaproom.session.playlist import SoundscapeName
from kaproom.session.starts import WAYS, EffectStart, Start, Way

Minutes = Annotated[float, Field(ge=0, le=600)]
CrossfadeSeconds = Annotated[float, Field(ge=0.1, le=60)]


class Phase(Written):
    """A stretch of the session with one character.

    The first phase starts the session and waits for the infusion, however long that takes.
    Every other one says in one way when it starts: ``start_min``, ``before_end_min``,
    ``after_end_min``, ``after_previous_min`` or ``effect``.
    """

    # One way of saying when it starts, in an editor as here.
    model_config = ConfigDict(
        json_schema_extra={
            "not": {"anyOf": [{"required": list(two)} for two in combinations(WAYS, 2)]}
        }
    )

    name: Line
    """Any name; shipped: settling, onset, ascent, peak, descent, landing, recovery."""
    start_min: Minutes | None = None
    """Starts at this minute of the infusion's clock, which stands while the pump is paused."""
    before_end_min: Minutes | None = None
    """Starts so many minutes before the infusion's planned end."""
    after_end_min: Minutes | None = None
    """Starts so many minutes after the infusion's end: the recorded stop, else the plan's."""
    after_previous_min: Annotated[float, Field(gt=0, le=600)] | None = None
    """Starts so many minutes after the phase before it; a pause is not counted."""
    effect: EffectStart | None = None
    """Starts where the predicted effect reaches, or leaves, a part of its peak."""
    not_before_min: Minutes | None = None
    """Whatever its start says: not before this minute of the infusion's clock."""
    not_after_min: Minutes | None = None
    """Whatever its start says: not after this minute of the infusion's clock."""
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
    fill: Literal["bed", "tracks"] = "bed"
    """tracks: the section's pieces must last as long as the phase is planned to, or the start
    is refused; bed: the bed plays where they do not."""

    @property
    def way(self) -> Way:
        """The key that says when it starts."""
        return next((key for key in WAYS if getattr(self, key) is not None), "start_min")

    @property
    def start(self) -> Start:
        """When it starts; for a phase that says so."""
        value = getattr(self, self.way)
        bounds = (None if m is None else m * 60 for m in (self.not_before_min, self.not_after_min))
        if isinstance(value, EffectStart):
            return Start("effect", value.fraction, value.side == "falling", *bounds)
        return Start(self.way, value * 60, False, *bounds)
