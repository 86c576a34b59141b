"""What was measured of the clinic's files: loudness, peak and length, kept between sessions.

A file is known by its real path, size, time of change and a digest of its ends; when
one of them differs it counts as never measured. Each file's measurement is a small
file of its own, replaced whole, so that two programs may keep at once and a damaged
one costs one file's measuring. Only good measurements are kept: what failed may have
been mended.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Raised when what is measured, or how, changes: then everything is measured anew.
VERSION = 1
PIECE_MIN_S = 1.0
"""Less is a click, not a piece."""
_END_BYTES = 65_536  # of each end of a file: tags and the music's first and last second


@dataclass(frozen=True, slots=True)
class Measured:
    """One file, as the planner and a person need to know it.

    Attributes:
        path: As it was asked for.
        length_s: As decoded; 0.0 where there is a problem.
        said_length_s: As the file's head says; longer when the file was cut off.
        integrated_lufs: Of the whole file (ITU-R BS.1770).
        max_short_term_lufs: The loudest 3 s.
        true_peak_dbtp: Oversampled.
        rate_hz: Of the file.
        channels: Of the file.
        codec: libav's name.
        title: From its tags; empty where there is none.
        artist: From its tags.
        problem: Why it cannot be played, and what to do; None when it can.
    """

    path: str
    length_s: float = 0.0
    said_length_s: float = 0.0
    integrated_lufs: float = 0.0
    max_short_term_lufs: float = 0.0
    true_peak_dbtp: float = 0.0
    rate_hz: int = 0
    channels: int = 0
    codec: str = ""
    title: str = ""
    artist: str = ""
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        """The inverse of ``to_json``.

        Raises:
            ValueError: The values are no measurement.
        """
        try:
            measured = cls(**values)
        except TypeError as error:
            raise ValueError(f"not a measurement: {error}") from None
        for name, kind in _KINDS.items():
            value = getattr(measured, name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"not a measurement: {name} is {value!r}")
        return measured


_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("path", "codec", "title", "artist"), (str,)),
    **dict.fromkeys(("length_s", "said_length_s", "integrated_lufs"), (int, float)),
    **dict.fromkeys(("max_short_term_lufs", "true_peak_dbtp"), (int, float)),
    **dict.fromkeys(("rate_hz", "channels"), (int,)),
    "problem": (str, type(None)),
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a file is known: when it differs, the file is another one."""

    real_path: str
    size_bytes: int
    mtime_ns: int
    ends: str

    @classmethod
    def of(cls, path: str | Path) -> Stamp | None:
        """The file's stamp now; None when it is no regular file or cannot be read."""
        try:
            real_path = os.path.realpath(path)
            # A named pipe would keep whoever opens it waiting.
            if not Path(real_path).is_file():
                return None
            with Path(real_path).open("rb") as file:
                about = os.fstat(file.fileno())
                digest = hashlib.blake2b(file.read(_END_BYTES), digest_size=16)
                if about.st_size > _END_BYTES:
                    file.seek(max(_END_BYTES, about.st_size - _END_BYTES))
                    digest.update(file.read(_END_BYTES))
        except (OSError, ValueError):
            return None
        return cls(real_path, about.st_size, about.st_mtime_ns, digest.hexdigest())


class Measurements:
    """The folder in which measurements are kept; it need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, path: str | Path) -> Measured | None:
        """The file's measurement; None when it was never measured or has changed since."""
        stamp = Stamp.of(path)
        if stamp is None:
            return None
        try:
            kept = json.loads(self._place(stamp).read_bytes())
            if kept["v"] != VERSION or kept["stamp"] != asdict(stamp):
                return None
            return Measured.from_json({**kept["measured"], "path": str(path)})
        except (OSError, ValueError, LookupError, TypeError):
            # Absent, damaged or of another version: it will be measured again.
            return None

    def of_all(self, paths: Iterable[str | Path]) -> dict[str, Measured]:
        """The measurements of those files that have one, by the path as given."""
        found = ((str(path), self.of(path)) for path in paths)
        return {path: measured for path, measured in found if measured is not None}

    def keep(self, stamp: Stamp, measured: Measured) -> None:
        """Keep a good measurement of the file that ``stamp`` was taken of before measuring.

        Raises:
            OSError: It cannot be written. What was kept before is as it was.
        """
        assert measured.problem is None, "what failed is not kept"
        place = self._place(stamp)
        place.parent.mkdir(parents=True, exist_ok=True)
        values = {"v": VERSION, "stamp": asdict(stamp), "measured": measured.to_json()}
        descriptor, trial = tempfile.mkstemp(dir=place.parent, prefix=".kept-")
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump(values, file, allow_nan=False)
            # No fsync: what a power cut takes is measured again.
            Path(trial).replace(place)
        except BaseException:
            Path(trial).unlink(missing_ok=True)
            raise

    def forget(self, path: str | Path) -> None:
        """Keep nothing of this file, nor of any other with the same music in it.

        A file of which it cannot be told, since it is gone, is known by its path alone.
        """
        stamp, real_path = Stamp.of(path), os.path.realpath(path)
        for place in self.folder.glob("*/*.json"):
            try:
                kept = json.loads(place.read_bytes())["stamp"]
                same = kept["real_path"] == real_path or (
                    stamp is not None
                    and (kept["size_bytes"], kept["ends"]) == (stamp.size_bytes, stamp.ends)
                )
                if same:
                    place.unlink()
            except (OSError, ValueError, LookupError, TypeError):
                continue

    def _place(self, stamp: Stamp) -> Path:
        name = hashlib.blake2b(os.fsencode(stamp.real_path), digest_size=16).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.json"


def cache_folder(data_folder: Path | None = None, env: Mapping[str, str] = os.environ) -> Path:
    """Where measurements are kept: with the room's data where we may write, else in the user's.

    Args:
        data_folder: The room's, if there is a room.
        env: The environment, for XDG_CACHE_HOME.
    """
    if data_folder is not None:
        standing = data_folder
        while not standing.exists() and standing != standing.parent:
            standing = standing.parent
        if os.access(standing, os.W_OK | os.X_OK):
            return data_folder / "measured"
    home = env.get("XDG_CACHE_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".cache"
    return base / "kaproom" / "measured"
