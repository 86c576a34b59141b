"""The music of one session: what the playlist offers, measured, and what was left out.

A repertoire is made before the session and recorded with it, so a session can be
planned anew, or read again years later, without its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kaproom.session.phase import Phase
from kaproom.session.playlist import Place
from kaproom.session.profile import Profile

BED_LUFS = -23.0
"""Integrated loudness at which every built-in soundscape is generated."""

# Wide of everything that was ever measured, and narrow enough for any reckoning to end.
Lasting = Annotated[float, Field(ge=0.1, le=1e6)]
Moment = Annotated[float, Field(ge=0, le=1e6)]
Loudness = Annotated[float, Field(ge=-200, le=200)]

# More would raise the noise of a bad transfer, not the music.
GAIN_MAX_DB = 20.0


class Offer(BaseModel):
    """One piece that may be played, with all that planning needs to know of it.

    One of ``path``, ``soundscape`` and ``silence_s`` is set. ``length_s`` is None for a
    soundscape and for silence. ``exits_s`` are moments of the file, as ``cue_in_s`` is,
    where it may be left. Offers of one ``group`` stand together in their section and are
    played one after the other, or not at all; ``never_after`` and ``crossfade_after_s`` name
    the pieces before it by their keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    title: str
    path: str | None = None
    cue_in_s: Moment = 0.0
    cue_out_s: Moment | None = None
    length_s: Lasting | None = None
    exits_s: tuple[Moment, ...] = ()
    loudness_lufs: Loudness = BED_LUFS
    max_short_term_lufs: Loudness = BED_LUFS
    true_peak_dbtp: Loudness = -9.0
    gain_trim_db: Loudness = 0.0
    soundscape: str | None = None
    seed: int | None = None
    intensity: Annotated[float, Field(ge=0, le=1)] | None = None
    turn_s: Lasting | None = None
    vocals: bool = False
    tags: tuple[str, ...] = ()
    silence_s: Lasting | None = None
    group: str | None = None
    place: Place | None = None
    never_after: tuple[str, ...] = ()
    crossfade_after_s: tuple[tuple[str, Moment], ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = (self.path, self.soundscape, self.silence_s)
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("one of path, soundscape and silence_s is needed")
        if (self.path is None) != (self.length_s is None):
            raise ValueError("length_s is a file's")
        return self


class Repertoire(BaseModel):
    """Everything that this session may play.

    ``seed`` is this session's own; ``closing`` is the patient's piece for the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sections: dict[str, tuple[Offer, ...]]
    refuge: Offer
    closing: Offer | None = None
    seed: int = 0

    def for_phase(self, phase: Phase) -> tuple[Offer, ...]:
        """The pieces that this phase may draw on, in the therapist's order."""
        offers: Iterable[Offer] = self.sections.get(phase.section or "", ())
        return _whole(offers, lambda o: phase.vocals == "allowed" or not o.vocals)

    def without(self, tags: frozenset[str]) -> Repertoire:
        """This repertoire less the pieces that carry one of ``tags``.

        "vocals" also leaves out what is marked ``vocals: true``. Soundscapes stay as a
        section's last resort: the phases' own beds.
        """
        kept = {
            name: _whole(
                offers,
                lambda o: not tags & set(o.tags) and not (o.vocals and "vocals" in tags),
            )
            for name, offers in self.sections.items()
        }
        return self.model_copy(update={"sections": kept})


def _whole(offers: Iterable[Offer], stays: Callable[[Offer], bool]) -> tuple[Offer, ...]:
    """Those that stay; what is kept with one that goes, goes with it, its silence too."""
    offers = tuple(offers)
    gone = {o.group for o in offers if o.group is not None and not stays(o)}
    return tuple(o for o in offers if stays(o) and o.group not in gone)


def bed_key(soundscape: str) -> str:
    """The key by which a soundscape is known wherever no section names it."""
    return f"bed:{soundscape}"


def bed_of(profile: Profile, phase_index: int, seed: int) -> Offer:
    """The phase's own soundscape, as an offer."""
    phase = profile.phases[phase_index]
    return Offer(
        key=bed_key(phase.bed),
        title=phase.bed,
        soundscape=phase.bed,
        seed=seed,
        intensity=phase.intensity,
    )


def gain_db(
    offer: Offer, profile: Profile, phase: Phase, no_louder_than_lufs: float | None = None
) -> float:
    """Gain that brings a piece to its phase's loudness, within what its peaks allow.

    Args:
        offer: The piece, measured.
        profile: Reference loudness and ceilings.
        phase: Its relative loudness.
        no_louder_than_lufs: A further limit on the resulting integrated loudness.

    Returns:
        The gain in dB; below 0 for most recorded music.
    """
    target_lufs = profile.loudness_lufs + phase.level_lu + offer.gain_trim_db
    if no_louder_than_lufs is not None:
        target_lufs = min(target_lufs, no_louder_than_lufs)
    return min(
        target_lufs - offer.loudness_lufs,
        profile.limits.ceiling_dbtp - offer.true_peak_dbtp,
        profile.limits.ceiling_lufs - offer.max_short_term_lufs,
        GAIN_MAX_DB,
    )
