"""What the therapist curates: pieces, sorted into sections.

A playlist says what may be played and never when; the profile's phases draw on its
sections. Paths of files are relative to the playlist's own folder.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

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


class Neighbour(Written):
    """What a piece asks of those beside it.

    Other pieces are named by a tag that they carry, by their title, or by their file as it is
    written here.
    """

    place: Place | None = None
    """opening: the first of its phase; closing: the last, so that it ends with the phase."""
    keep_with_next: bool = False
    """The next piece of the list follows at once; both are played, or neither."""
    never_after: Many[Line] = ()
    """Pieces that it never follows."""
    crossfade_after_s: dict[Line, Annotated[float, Field(ge=0.1, le=60)]] = Field(
        default_factory=dict
    )
    """How long its entrance takes after these, in seconds."""


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


_LASTS = re.compile(r"(\d+(?:\.\d+)?) ?(s|min)|(\d{1,2}):([0-5]\d)")
_SILENCE_MAX_S = 1800.0


def _lasts_s(written: Any) -> Any:
    found = _LASTS.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        refuse_value("write how long, with its unit: 2 min, or 90 s")
    number, unit, minutes, seconds = found.groups()
    if number is None:
        lasts_s = int(minutes) * 60.0 + int(seconds)
    else:
        lasts_s = float(number) * (60.0 if unit == "min" else 1.0)
    if not 1 <= lasts_s <= _SILENCE_MAX_S:
        refuse_value("it must last from 1 s to 30 min")
    return lasts_s


class SilencePiece(Written):
    """Planned silence: the music before it fades out, and what follows comes softly."""

    silence: Annotated[
        float,
        BeforeValidator(_lasts_s),
        WithJsonSchema({"type": "string", "pattern": f"^({_LASTS.pattern})$"}),
    ]
    """How long nothing is heard: 2 min, or 90 s."""
    title: Line | None = None
    """What the screens in the room call it; without it, silence."""


class SectionFile(FilePiece, Neighbour):
    """A music file among others."""


class SectionSoundscape(SoundscapePiece, Neighbour):
    """A soundscape among others."""


_KINDS: dict[str, type[Written]] = {
    "file": FilePiece,
    "soundscape": SoundscapePiece,
    "silence": SilencePiece,
}


def _kind_of_piece(written: Any) -> str | None:
    for kind, model in _KINDS.items():
        if isinstance(written, model):
            return kind
    if isinstance(written, dict):
        kinds = [kind for kind in _KINDS if kind in written]
        return kinds[0] if len(kinds) == 1 else None
    return None


Piece = Annotated[
    Annotated[FilePiece, Tag("file")] | Annotated[SoundscapePiece, Tag("soundscape")],
    Discriminator(
        _kind_of_piece,
        custom_error_type="piece",
        custom_error_message=("a piece is either {file: music/x.flac} or {soundscape: ocean}"),
    ),
]
"""Something to hear."""

Entry = Annotated[
    Annotated[SectionFile, Tag("file")]
    | Annotated[SectionSoundscape, Tag("soundscape")]
    | Annotated[SilencePiece, Tag("silence")],
    Discriminator(
        _kind_of_piece,
        custom_error_type="piece",
        custom_error_message=(
            "a piece is either {file: music/x.flac} or {soundscape: ocean} or {silence: 2 min}"
        ),
    ),
]
"""Something of a section: a piece, or silence."""

Section = Many[Entry]


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
    def _pieces_stand_well(self) -> "Playlist":
        known = [name for section in self.sections.values() for e in section for name in names(e)]
        refuse(
            fault
            for name, section in self.sections.items()
            for fault in (*_neighbours(name, section, known), *_silences(name, section))
        )
        return self

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
            if isinstance(piece, SoundscapePiece)
            and piece.length_min is None
            and piece.place is None
        )
        return self


def names(entry: Entry) -> tuple[str, ...]:
    """By what other pieces may name it."""
    if isinstance(entry, SilencePiece):
        return ()
    titles = () if entry.title is None else (entry.title,)
    files = (entry.file,) if isinstance(entry, FilePiece) else ()
    return (*entry.tags, *titles, *files)


def _neighbours(name: str, section: tuple[Entry, ...], known: list[str]) -> Iterator[Fault]:
    places: dict[str, int] = {}
    for index, entry in enumerate(section):
        here = ("sections", name, index)
        if not isinstance(entry, Neighbour):
            continue
        if entry.keep_with_next and index == len(section) - 1:
            yield Fault((*here, "keep_with_next"), "is true, but no piece follows: remove the line")
        for key in ("never_after", "crossfade_after_s"):
            for other in getattr(entry, key):
                if other not in known:
                    near = did_you_mean(other, known)
                    yield Fault(
                        (*here, key),
                        f"names '{other}', which no piece is called{near}",
                    )
        if entry.place is None:
            continue
        if entry.place in places:
            first = places[entry.place] + 1
            yield Fault(
                (*here, "place"), f"is {entry.place}, which piece {first} is already; keep one"
            )
        places.setdefault(entry.place, index)
        if entry.place == "closing" and entry.keep_with_next:
            yield Fault((*here, "place"), "is closing, but the next piece is kept with it")
        before = section[index - 1] if index else None
        if entry.place == "opening" and isinstance(before, Neighbour) and before.keep_with_next:
            yield Fault((*here, "place"), "is opening, but the piece before it is kept with it")
        if isinstance(entry, SoundscapePiece) and entry.length_min is None:
            yield Fault((*here, "length_min"), f"is missing; it is the {entry.place} piece")


def _silences(name: str, section: tuple[Entry, ...]) -> Iterator[Fault]:
    if all(isinstance(entry, SilencePiece) for entry in section):
        yield Fault(("sections", name), "holds nothing but silence; add a piece")
        return
    for index, entry in enumerate(section[1:], start=1):
        if isinstance(entry, SilencePiece) and isinstance(section[index - 1], SilencePiece):
            yield Fault(
                ("sections", name, index, "silence"), "follows another; write one that is as long"
            )
