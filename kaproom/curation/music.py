"""The music in a folder, in the order in which a person would read it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kaproom.errors import Mend
from kaproom.places import shown

# What libav reads and people have; .m4p, .aa and .aax so that a protected file is told of.
_MUSIC = frozenset(
    {
        *(".wav", ".wave", ".w64", ".rf64", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd"),
        *(".flac", ".mp3", ".mp2", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b", ".mp4"),
        *(".aac", ".alac", ".wma", ".asf", ".ape", ".wv", ".mpc", ".tta", ".tak", ".dsf"),
        *(".dff", ".mka", ".webm", ".ac3", ".eac3", ".m4p", ".aa", ".aax"),
    }
)
FILES_MAX = 5000  # chosen: some 300 hours; more is a whole disk, named by mistake


def music_in(folder: Path) -> list[Path]:
    """Every music file below a folder, hidden ones left out, 2 before 10.

    Links to folders are followed, each real folder once. What is called like music and cannot
    be read, such as a link that leads nowhere, is among them: whoever reads it says why.

    Raises:
        Mend: There is no such folder, or it holds no music, or a whole disk of it.
    """
    if not folder.is_dir():
        what = "is a file; name the folder that it lies in" if folder.exists() else "does not exist"
        raise Mend(f"{shown(folder)} {what}")
    found: list[Path] = []
    for path in _walk(folder):
        if path.suffix.lower() in _MUSIC:
            found.append(path)
            if len(found) > FILES_MAX:
                raise Mend(
                    f"{shown(folder)} holds more than {FILES_MAX} music files; "
                    "name a folder inside it"
                )
    if not found:
        raise Mend(f"{shown(folder)} holds no music; name a folder with music files in it")
    return sorted(found, key=lambda path: natural(path.relative_to(folder)))


def natural(path: Path) -> list[list[str | int]]:
    """A key that sorts names as people do: by folder, capitals and leading zeros apart."""
    return [_natural(part) for part in path.parts]


def _natural(name: str) -> list[str | int]:
    # Text and numbers take turns, text first, so only like is compared with like.
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(here))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(here, name)) not in seen
        ]
        for name in files:
            if not name.startswith("."):
                yield Path(here, name)
