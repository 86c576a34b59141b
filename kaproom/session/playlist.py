"""What the therapist curates: pieces, sorted into sections.

A playlist says what may be played and never when; the profile's phases draw on its
sections. Paths of files are relative to the playlist's own folder.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from kaproom.session.model import (
    Alias,
    Fault,
    Line,
    Many,
    Seconds,
    Written,
    refuse,
    refuse_value,
)
from kaproom.session.spelling import did_you_mean

SOUNDSCAPES = ("pad", "ocean", "bowls", "drone")
"""The built-in beds. A test holds this equal to what kaproom.audio.soundscape can play."""


def _known_soundscape(name: str) -> str:
    if name not in SOUNDSCAPES:
        near = did_you_mean(name, SOUNDSCAPES)
        refuse_value(f"the built-in soundscapes are {', '.join(SOUNDSCAPES)}{near}")
    return name


SoundscapeName = Annotated[
    str, AfterValidator(_known_soundscape), Field(json_schema_extra={"enum": list(SOUNDSCAPES)})
]


Place = Literal["opening", "closing"]
"""Where in the phase a piece stands, whatever else is played."""


class SoundscapePiece(Written):
    """A bed that kaproom generates itself; it needs no file and has no end of its own."""

    soundscape: SoundscapeName
    """Which bed: pad, ocean, bowls or drone."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """The same seed sounds the same every time; without one, each session has its own."""
    intensity: Annotated[float, Field(ge=0, le=1)] | None = None
    """0 sparse and dark, 1 dense and bright; without it, the phase's intensity."""
    length_min: Annotated[float, Field(gt=0, le=240)] | None = None
    """Minutes until the next piece of the section; without it, to the end of the phase."""
    title: Line | None = None
    """What the screens in the room call it; without it, the soundscape's name."""
    tags: Many[Alias] = ()
    """Words to leave pieces out by: start --without TAG."""


class FilePiece(Written):
    """A music file, or a part of one."""

    file: Annotated[str, Field(min_length=1, max_length=1000)]
    """Path of the file, relative to the folder of the file that names it."""
    cue_in_s: Seconds = 0.0
    """Where the piece begins inside the file: seconds, or "m:ss"."""
    cue_out_s: Seconds | None = None
    """Where it ends inside the file; without it, the file's end."""
    gain_trim_db: Annotated[float, Field(ge=-20, le=6)] = 0.0
    """Louder or softer than its measured loudness asks for, in dB."""
    title: Line | None = None
    """What the screens in the room call it; without it, the file's own tag or name."""
    artist: Line | None = None
    """Who made it."""
    licence: Line | None = None
    """Under which licence the clinic plays it."""
    vocals: bool = False
    """Someone sings or speaks words; a phase can leave such pieces out."""
    tags: Many[Alias] = ()
    """Words to leave pieces out by: start --without TAG."""
    exits_s: Many[Seconds] = ()
    """Moments inside the file where the music may be left gracefully, in rising order."""

    @model_validator(mode="after")
    def _within_itself(self) -> "FilePiece":
        faults = []
        if self.cue_out_s is not None and self.cue_out_s <= self.cue_in_s:
            faults.append(
                Fault(
                    ("cue_out_s",),
                    f"is {self.cue_out_s:g}; it must be later than cue_in_s, {self.cue_in_s:g}",
                )
            )
        earlier = self.cue_in_s
        for index, exit_s in enumerate(self.exits_s):
            if exit_s <= earlier:
                faults.append(
                    Fault(
                        ("exits_s", index),
                        f"is {exit_s:g}; exits must rise and lie after cue_in_s"
                        f" (the one before is {earlier:g})",
                    )
                )
            elif self.cue_out_s is not None and exit_s > self.cue_out_s:
                faults.append(
                    Fault(
                        ("exits_s", index),
                        f"is {exit_s:g}; it must not be later than cue_out_s, {self.cue_out_s:g}",
                    )
                )
            earlier = max(earlier, exit_s)
        refuse(faults)
        return self


def _kind_of_piece(written: Any) -> str | None:
    if isinstance(written, SoundscapePiece):
        return "soundscape"
    if isinstance(written, FilePiece):
        return "file"
    if isinstance(written, dict) and ("file" in written) != ("soundscape" in written):
        return "file" if "file" in written else "soundscape"
    return None


Piece = Annotated[
    Annotated[FilePiece, Tag("file")] | Annotated[SoundscapePiece, Tag("soundscape")],
    Discriminator(
        _kind_of_piece,
        custom_error_type="piece",
        custom_error_message=("a piece is either {file: music/x.flac} or {soundscape: ocean}"),
    ),
]

Section = Many[Piece]


class Playlist(Written):
    """The pieces that a therapist chose, in sections that phases draw on."""

    kaproom: Literal["playlist/1"]
    """Always playlist/1, and always the first line."""
    name: Alias = "unnamed"
    """Short name; without it, the file's name."""
    title: Line | None = None
    """What people call it."""
    description: str = ""
    """For whom it was made, and why it is as it is."""
    sections: Annotated[dict[Line, Annotated[Section, Field(min_length=1)]], Field(min_length=1)]
    """Name of the section: its pieces, in the order in which they are to be played."""

    @model_validator(mode="after")
    def _every_piece_is_reached(self) -> "Playlist":
        refuse(
            Fault(
                ("sections", name, index, "length_min"),
                f"is missing; without it '{piece.soundscape}' plays to the end of the phase and"
                " the pieces after it are never reached",
            )
            for name, section in self.sections.items()
            for index, piece in enumerate(section[:-1])
            if isinstance(piece, SoundscapePiece) and piece.length_min is None
        )
        return self
