"""From a name to a profile with its playlist, everything checked that can be without sound."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from kaproom.errors import Mend
from kaproom.files.text import Node, mend, read
from kaproom.files.words import Source, sentences
from kaproom.places import expand, find, legible, located, near, room_file
from kaproom.session.model import Fault, Written
from kaproom.session.playlist import Entry, FilePiece, Playlist, SilencePiece
from kaproom.session.profile import Profile
from kaproom.session.roomfile import RoomFile
from kaproom.session.spelling import did_you_mean

Model = TypeVar("Model", bound=Written)

KINDS: dict[type[Written], str] = {
    Profile: "profile/1",
    Playlist: "playlist/1",
    RoomFile: "room/1",
}


@dataclass(frozen=True, slots=True)
class LoadedPlaylist:
    """A playlist and the file that it came from."""

    playlist: Playlist
    playlist_path: Path
    playlist_source: Source


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile, the playlist that it draws on, and the files that they came from.

    The sources find the line of a key: ``profile_source.place(("phases", 3, "section"))``.
    """

    profile: Profile
    playlist: Playlist
    profile_path: Path
    playlist_path: Path
    profile_source: Source
    playlist_source: Source

    def path_of(self, piece: FilePiece) -> Path:
        """Where the file of one of the playlist's pieces lies."""
        return expand(piece.file, self.playlist_path.parent)

    @property
    def refuge_path(self) -> Path | None:
        """Where the refuge's file lies; None for a soundscape."""
        refuge = self.profile.refuge
        if isinstance(refuge, FilePiece):
            return expand(refuge.file, self.profile_path.parent)
        return None


@dataclass(frozen=True, slots=True)
class LocatedPiece:
    """A piece that is a file: the piece, its file, and the place that names it.

    ``place`` begins a line that a person reads: ``playlists/x.yaml:14: sections.peak[2].file``.
    """

    piece: FilePiece
    path: Path
    place: str


def load_room(
    path: str | Path | None = None, env: Mapping[str, str] = os.environ
) -> tuple[RoomFile, Path | None]:
    """The room, every path in it absolute, and its file; without a file, the defaults.

    Raises:
        Mend: The file is missing, or wrong; one line for each mistake.
    """
    found = room_file(path, env)
    room = RoomFile() if found is None else _load(found, RoomFile)[0]
    return located(room, found, env), found


def load_playlist(
    name_or_path: str | Path, room: RoomFile, beside: Path | None = None
) -> LoadedPlaylist:
    """A playlist by its name or path.

    Raises:
        Mend: It is missing, or wrong; one line for each mistake.
    """
    path = find("playlist", name_or_path, room, beside)
    playlist, source = _load(path, Playlist)
    return LoadedPlaylist(playlist, path, source)


def load_profile(name_or_path: str | Path, room: RoomFile) -> LoadedProfile:
    """A profile by its name or path, with the playlist that it names.

    Whether the music files exist is asked by ``missing_files``.

    Raises:
        Mend: One of the two is missing, or wrong, or they do not fit; a line for each mistake.
    """
    path = find("profile", name_or_path, room)
    profile, source = _load(path, Profile)
    try:
        playlist_path = find("playlist", profile.playlist, room, beside=path.parent)
    except Mend as error:
        raise Mend(f"{source.place(('playlist',))}: {error}") from error
    playlist, playlist_source = _load(playlist_path, Playlist)
    loaded = LoadedProfile(
        profile=profile,
        playlist=playlist,
        profile_path=path,
        playlist_path=playlist_path,
        profile_source=source,
        playlist_source=playlist_source,
    )
    faults = [source.fault(fault) for fault in _unfitting(loaded)]
    if faults:
        raise mend(path, faults)
    return loaded


def missing_files(loaded: LoadedProfile) -> list[str]:
    """A line for each file that this session may play and that cannot be opened."""
    return [
        f"{located.place} is '{legible(located.piece.file)}'; {reason}"
        for located in pieces(loaded)
        if (reason := _unreadable(located.path)) is not None
    ]


def problems(name_or_path: str | Path, room: RoomFile) -> list[str]:
    """Everything that is wrong with a profile, its playlist and their files; [] when nothing is."""
    try:
        return missing_files(load_profile(name_or_path, room))
    except Mend as error:
        return str(error).split("\n")


def pieces(loaded: LoadedProfile) -> Iterator[LocatedPiece]:
    """The pieces that are files and that this session may play, the refuge first."""
    refuge, path = loaded.profile.refuge, loaded.refuge_path
    if isinstance(refuge, FilePiece) and path is not None:
        yield LocatedPiece(refuge, path, loaded.profile_source.place(("refuge", "file")))
    drawn_on = {phase.section for phase in loaded.profile.phases}
    for name, section in loaded.playlist.sections.items():
        if name not in drawn_on:
            continue
        for index, piece in enumerate(section):
            if isinstance(piece, FilePiece):
                place = loaded.playlist_source.place(("sections", name, index, "file"))
                yield LocatedPiece(piece, loaded.path_of(piece), place)


def _load(path: Path, model: type[Model]) -> tuple[Model, Source]:
    root = read(path)
    source = Source(path, root, model)
    _right_kind(path, root, KINDS[model])
    written = root.plain()
    if "name" in model.model_fields:
        written.setdefault("name", _name_of(path))
    try:
        return model.model_validate(written), source
    except ValidationError as error:
        raise mend(path, sentences(source, error)) from error


def _right_kind(path: Path, root: Node, wanted: str) -> None:
    """The first line says what the file is, before anything in it is judged."""
    word = wanted.split("/", maxsplit=1)[0]
    if root.kind == "one" and root.one is None:
        raise mend(path, [(1, f"is empty; its first line must be `kaproom: {wanted}`")])
    first = next(iter(root.keys), None)
    if root.kind != "keys" or first != "kaproom":
        there = f", not '{legible(first, 60)}'" if first else ""
        raise mend(path, [(root.line, f"the first line must be `kaproom: {wanted}`{there}")])
    line, node = root.keys["kaproom"]
    if node.one == wanted:
        return
    said = legible(str(node.one), 60) if node.kind == "one" else "something else"
    kind, _, version = said.partition("/")
    if kind == word and version.isdecimal():
        text = f"kaproom is '{said}'; this kaproom reads {wanted}: use the kaproom it was made for"
    elif f"{kind}/1" in KINDS.values():
        text = f"kaproom is '{said}': this is a {kind}, and a {word} is needed here"
    else:
        text = f"kaproom is '{said}'; it must be {wanted}"
    raise mend(path, [(line, text)])


def _name_of(path: Path) -> str:
    """A file that gives no name is called like the file."""
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower())[:40].strip("-") or "unnamed"


def _unfitting(loaded: LoadedProfile) -> Iterator[Fault]:
    sections = loaded.playlist.sections
    for index, phase in enumerate(loaded.profile.phases):
        if phase.section is None:
            continue
        if phase.section not in sections:
            yield Fault(
                ("phases", index, "section"),
                f"is '{legible(phase.section, 60)}'{did_you_mean(phase.section, sections)};"
                f" playlist '{loaded.playlist.name}' has"
                f" {', '.join(legible(name, 60) for name in sections)}",
            )
        elif phase.vocals == "none" and all(map(_sung, sections[phase.section])):
            yield Fault(
                ("phases", index, "vocals"),
                f"is none, but every piece of section '{legible(phase.section, 60)}' has vocals;"
                " add pieces without, or allow them",
            )


def _sung(entry: Entry) -> bool:
    return isinstance(entry, SilencePiece) or (isinstance(entry, FilePiece) and entry.vocals)


def _unreadable(path: Path) -> str | None:
    try:
        if path.is_dir():
            return "that is a folder; name a file in it"
        if path.is_file():
            return None if os.access(path, os.R_OK) else "we may not read it; run chmod a+r on it"
        if "\\" in path.name:
            return "there is no such file; write / where it says \\"
        return f"there is no such file{near(path)}"
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        return f"it cannot be opened: {legible(reason.lower())}"
