"""The steps that bring a machine to a written state: each knows whether it is needed.

A step says itself in one line, and carried out twice is as good as once.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kaproom.errors import WorldFailed


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that has to be there."""

    path: Path
    mode: int = 0o755
    owner: str = ""
    group: str = ""

    def needed(self) -> bool:
        """Whether it is not there yet."""
        return not self.path.is_dir()

    def carry_out(self) -> None:
        """Make it; whoever made it before keeps their own mode."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(self.mode)
        if self.owner:
            shutil.chown(self.path, self.owner, self.group)

    def __str__(self) -> str:
        return f"make {self.path}"


@dataclass(frozen=True, slots=True)
class File:
    """A file with this text; one that people write is only ever made, never replaced."""

    path: Path
    text: str
    theirs: bool = False

    def needed(self) -> bool:
        """Whether it is missing, or says something else."""
        if self.theirs:
            return not self.path.exists()
        try:
            return self.path.read_text(encoding="utf-8") != self.text
        except OSError:
            return True

    def carry_out(self) -> None:
        """Write it whole, then put it in its place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(self.text, encoding="utf-8")
        fresh.chmod(0o644)
        fresh.replace(self.path)

    def __str__(self) -> str:
        return f"write {self.path}"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link; a real file in its place is somebody else's and stays."""

    path: Path
    target: str

    def needed(self) -> bool:
        """Whether it is missing or leads elsewhere."""
        if self.path.is_symlink():
            return str(self.path.readlink()) != self.target
        return not self.path.exists()

    def carry_out(self) -> None:
        """Make it lead to its target."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self.target)

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"


@dataclass(frozen=True, slots=True)
class Gone:
    """A file of ours that has to go."""

    path: Path

    def needed(self) -> bool:
        """Whether it is there."""
        return self.path.is_symlink() or self.path.exists()

    def carry_out(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)

    def __str__(self) -> str:
        return f"remove {self.path}"


@dataclass(frozen=True, slots=True)
class Command:
    """A program of the system's that has to run; the plan holds it only where it has to."""

    argv: tuple[str, ...]

    def needed(self) -> bool:
        """Always."""
        return True

    def carry_out(self) -> None:
        """Run it.

        Raises:
            WorldFailed: It failed; the line has its own last words.
        """
        try:
            run = subprocess.run(self.argv, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise WorldFailed(f"{self.argv[0]} is not installed") from error
        if run.returncode:
            said = (run.stderr or run.stdout).strip().splitlines()
            raise WorldFailed(f"`{self}` failed: {said[-1] if said else run.returncode}")

    def __str__(self) -> str:
        return " ".join(self.argv)


Step = Folder | File | Link | Gone | Command
