"""The files that people write: profiles, playlists, the room file.

A file is refused before the session or not at all. Every refusal is one line with file,
line, value and remedy, and a file with five mistakes gets five lines, not five tries.
"""

from kaproom.files.loading import (
    LoadedPlaylist,
    LoadedProfile,
    LocatedPiece,
    load_playlist,
    load_profile,
    load_room,
    missing_files,
    pieces,
    problems,
)

__all__ = [
    "LoadedPlaylist",
    "LoadedProfile",
    "LocatedPiece",
    "load_playlist",
    "load_profile",
    "load_room",
    "missing_files",
    "pieces",
    "problems",
]
