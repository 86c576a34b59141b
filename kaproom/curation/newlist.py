"""A folder of music becomes a playlist that a therapist sorts by hand.

The file is written once, in words; it is never read back, changed or overwritten by
kaproom. Whatever a file or its tags are called, what is written is a valid playlist.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kaproom.audio import decoder
from kaproom.curation.music import music_in
from kaproom.curation.words import minutes
from kaproom.errors import Mend, WorldFailed
from kaproom.files import load_profile
from kaproom.places import SUFFIXES, legible, shipped, shown
from kaproom.session.roomfile import RoomFile

Probe = Callable[[Path], decoder.Probe]
"""Reads a file's head; raises Mend where it cannot be played."""
Progress = Callable[[int, int, str], None]
LeftOut = Callable[[str, str], None]
"""Told the name of a file that cannot be played, and why, with what would mend it."""

_PATH_MAX_CHARACTERS = 1000  # of `file` in a playlist
_LINE_MAX_CHARACTERS = 120  # of `title` and `artist`
_FILE_MAX_BYTES = 1_000_000  # of a playlist

_HEAD = """\
kaproom: playlist/1
# yaml-language-server: $schema={schema}
#
# Every piece of {folder}, with its length, to be sorted into sections.
#
# 1. Listen, and move each piece (its line with `file` and the lines below it) from
#    `unsorted` to the section where it belongs. A piece may stand in several.
# 2. Take the '# ' off the name of each section that you use; when nothing is left in
#    `unsorted`, delete its line.
# 3. Mark what should not always play:
#      vocals: true          someone sings or speaks; a phase can do without such pieces
#      tags: [strings]       left out on request: kaproom start … --without strings
#      cue_in_s: "0:12"      begin here; cue_out_s ends
#      gain_trim_db: -2      softer than its measured loudness asks for
# Pieces play in the order in which they stand. A profile names the sections that it draws
# on, and this file: `playlist: {name}`. A soundscape is a piece as well:
#     - soundscape: ocean
title: {title}
sections:
  unsorted:
"""

_SORTED = """\

  # The sections that the shipped profiles draw on, in the order of a session, and for
  # which phases.
"""


@dataclass(frozen=True, slots=True)
class _Row:
    """One file: what to write of it, or why it is left out."""

    name: str
    lines: tuple[str, ...] = ()
    why_not: str = ""


def write_playlist(
    folder: Path,
    out: Path | None = None,
    probe: Probe = decoder.probe,
    progress: Progress | None = None,
    left_out: LeftOut | None = None,
) -> Path:
    """Write a playlist of all the music below a folder.

    Args:
        folder: Searched with the folders in it.
        out: The file to write; without it, one in the current folder, called like ``folder``.
        probe: Reads a file's head.
        progress: Told as each file is read, and at the end with an empty name.
        left_out: Told of each file that is in the list as a comment only.

    Returns:
        The file that was written.

    Raises:
        Mend: No such folder, no music in it that can be played, or the file exists already.
        WorldFailed: The file cannot be written; there is none then.
    """
    folder = Path(os.path.normpath(Path.cwd() / folder))
    file = _file(folder, out)
    _must_be_new(file, folder)
    paths = music_in(folder)
    rows = []
    for number, path in enumerate(paths):
        if progress:
            progress(number, len(paths), path.name)
        rows.append(_row(path, file.parent, probe))
    if progress:
        progress(len(paths), len(paths), "")
    _some_can_be_played(rows, folder)
    text = _text(rows, folder, file)
    if len(text.encode()) > _FILE_MAX_BYTES:
        raise Mend(f"{shown(folder)} holds too much music for one playlist; name a folder in it")
    _write(file, text, folder)
    if left_out:
        for row in rows:
            if not row.lines:
                left_out(row.name, row.why_not)
    return file


def _file(folder: Path, out: Path | None) -> Path:
    if out is None:
        slug = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:40].strip("-")
        return Path.cwd() / f"{slug or 'playlist'}.yaml"
    file = Path(os.path.normpath(Path.cwd() / out))
    return file if file.suffix in SUFFIXES else file.with_name(f"{file.name}.yaml")


def _must_be_new(file: Path, folder: Path) -> None:
    if file.exists() or file.is_symlink():
        raise Mend(
            f"{shown(file)} exists already and is left as it is; choose another name: "
            f"kaproom new playlist {shown(folder)} --out NAME.yaml"
        )
    if not file.parent.is_dir():
        raise Mend(f"{shown(file.parent)} is no folder; choose another with --out")


def _row(path: Path, base: Path, probe: Probe) -> _Row:
    name = os.path.relpath(path, base)
    shown_name = legible(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        return _Row(shown_name, why_not="its name is not valid UTF-8; rename it")
    if len(name) >= _PATH_MAX_CHARACTERS:
        return _Row(shown_name, why_not="its path is too long; move it nearer")
    try:
        about = probe(path)
    except Mend as mend:
        why = legible(str(mend).removeprefix(f"{path}: "), 400)
        return _Row(shown_name, why_not=why)
    # "~" at the beginning would mean somebody's home.
    file = f"./{name}" if name.startswith("~") else name
    lines = [f"- file: {quoted(file)}  # {minutes(about.length_s)}"]
    for key in ("title", "artist"):
        tag = legible(" ".join(about.tags.get(key, "").split()), _LINE_MAX_CHARACTERS)
        if tag:
            lines.append(f"  {key}: {quoted(tag)}")
    return _Row(shown_name, tuple(lines))


def _some_can_be_played(rows: list[_Row], folder: Path) -> None:
    if not any(row.lines for row in rows):
        first = rows[0]
        raise Mend(
            f"{shown(folder)} holds no music that can be played; "
            f"of {len(rows)} the first, {first.name}: {first.why_not}"
        )


def _text(rows: list[_Row], folder: Path, file: Path) -> str:
    title = legible(" ".join(folder.name.split()), _LINE_MAX_CHARACTERS) or "Playlist"
    schema = shipped("playlist") / "playlist.schema.json"
    head = _HEAD.format(
        schema=schema,
        folder=shown(folder.resolve()),
        title=quoted(title),
        name=legible(f"./{file.name}"),
    )
    text = [head]
    text += [f"    {line}\n" for row in rows for line in row.lines]
    left_out = [row for row in rows if not row.lines]
    if left_out:
        text.append("\n    # Left out, because they cannot be played:\n")
        text += [f"    #   {row.name}: {row.why_not}\n" for row in left_out]
    text.append(_SORTED)
    text += [
        f"  # {f'{section}:':<20} # {', '.join(phases)}\n"
        for section, phases in _sections().items()
    ]
    return "".join(text)


def _sections() -> dict[str, list[str]]:
    """The sections of the shipped profiles, each with the phases that draw on it."""
    found: dict[str, list[str]] = {}
    for path in sorted(shipped("profile").glob("*.yaml")):
        for phase in load_profile(path, RoomFile()).profile.phases:
            phases = found.setdefault(phase.section, []) if phase.section else []
            if phase.name not in phases:
                phases.append(phase.name)
    return found


def quoted(text: str) -> str:
    """A text as YAML that means just this text, on one line, legible where it can be."""
    return f'"{"".join(_escaped(character) for character in text)}"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _write(file: Path, text: str, folder: Path) -> None:
    try:
        with file.open("x", encoding="utf-8") as new:
            try:
                new.write(text)
                new.flush()
            except OSError:
                file.unlink()
                raise
    except FileExistsError:
        _must_be_new(file, folder)
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise WorldFailed(f"{shown(file)} cannot be written: {reason}") from error
