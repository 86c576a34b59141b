"""Measures the clinic's files, each once, in up to two processes of low priority.

What was measured is kept at once, so an interrupted scan loses at most what was under
way. A file that crashes or hangs its measurer costs itself and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kaproom import clock
from kaproom.curation.hired import dismiss, hired
from kaproom.measurements import Measured, Measurements, Stamp

Progress = Callable[[int, int, str], None]
"""Called with how many are done, how many there are, and the name of the one begun."""

WORKERS_MAX = 2
# Chosen: 50 h of music on a machine of today; whatever takes longer will never end.
GIVE_UP_S = 900.0
_MEASURER = "kaproom.curation.measurer"
_READY = b"ready"  # the measurer's first line; it is not imported here, it costs a second


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known now of every file that was asked for.

    Attributes:
        files: By the path as given, in the order given.
        measured_now: How many of them were not known before.
        why_not_kept: Why measurements could not be kept; empty when they were.
    """

    files: dict[str, Measured]
    measured_now: int
    why_not_kept: str

    @property
    def problems(self) -> list[Measured]:
        """The files that cannot be played."""
        return [measured for measured in self.files.values() if measured.problem]


def measured(paths: Iterable[str | Path], kept: Measurements) -> dict[str, Measured]:
    """What is known without measuring; files that changed since are not in it."""
    return kept.of_all(paths)


def scan(
    paths: Iterable[str | Path],
    kept: Measurements,
    progress: Progress | None = None,
    workers: int = WORKERS_MAX,
    give_up_s: float = GIVE_UP_S,
) -> Scan:
    """Measure what was not measured, or has changed since.

    Args:
        paths: Files; those that are no file are told as a problem.
        kept: Where measurements are kept.
        progress: Told as each file begins, and at the end with an empty name.
        workers: At most so many processes.
        give_up_s: A file that takes longer is given up.

    Raises:
        KeyboardInterrupt: What was measured until then is kept.
    """
    wanted = list(dict.fromkeys(str(path) for path in paths))
    found = kept.of_all(wanted)
    missing: dict[str, Stamp] = {}
    for path in wanted:
        if path in found:
            continue
        stamp = Stamp.of(path)
        problem = _not_a_file(path) if stamp is None else _not_a_text(path)
        if stamp is None or problem:
            found[path] = Measured(path, problem=problem or "cannot be read; copy it again")
        else:
            missing[path] = stamp
    crew = _Crew(missing, kept, progress, give_up_s)
    crew.work(min(workers, len(missing), os.cpu_count() or 1))
    found |= crew.done
    return Scan({path: found[path] for path in wanted}, len(crew.done), crew.why_not_kept)


def _not_a_file(path: str) -> str | None:
    try:
        about = Path(path).stat()
    except FileNotFoundError:
        return "does not exist; put it back or name another"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return f"cannot be reached ({why.lower()}); check the disk it lies on"
    if Path(path).is_dir():
        return "is a folder; name a music file"
    if not Path(path).is_file():
        return "is not a regular file; name a music file"
    if not os.access(path, os.R_OK):
        return f"may not be read by this user (mode {about.st_mode & 0o777:o}); chmod a+r it"
    return None


def _not_a_text(path: str) -> str | None:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "has a name that is not valid UTF-8; rename it"
    return None


@dataclass(slots=True, eq=False)
class _Worker:
    """One measurer and what it has in hand."""

    process: subprocess.Popen[bytes]
    path: str = ""
    until_ns: int = 0
    ready: bool = False
    heard: bytes = b""

    def fileno(self) -> int:
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def lines(self) -> list[bytes]:
        """The whole lines that it said since the last time; [b""] when it is gone."""
        chunk = os.read(self.fileno(), 65_536)
        *lines, self.heard = (self.heard + chunk).split(b"\n")
        return lines if chunk else [b""]


class _Crew:
    """The files still to be measured, and the processes that measure them."""

    def __init__(
        self,
        missing: dict[str, Stamp],
        kept: Measurements,
        progress: Progress | None,
        give_up_s: float,
    ) -> None:
        self._stamps = missing
        # The longest first, so that the last one does not keep everybody waiting.
        self._waiting = sorted(missing, key=lambda path: missing[path].size_bytes)
        self._kept = kept
        self._progress = progress or (lambda done, total, name: None)
        self._give_up_ns = int(give_up_s * clock.NS_PER_S)
        self.done: dict[str, Measured] = {}
        self.why_not_kept = ""

    def work(self, workers: int) -> None:
        """Measure all; every process is gone when this returns or raises."""
        crew: list[_Worker] = []
        try:
            for _ in range(workers):
                crew.append(_Worker(hired(_MEASURER)))
                self._give(crew[-1])
            while busy := [worker for worker in crew if worker.path]:
                self._gather(busy)
        finally:
            for worker in crew:
                dismiss(worker.process)
        if workers:
            self._progress(len(self.done), len(self._stamps), "")

    def _give(self, worker: _Worker) -> None:
        worker.path = ""
        if not self._waiting:
            return
        worker.path = self._waiting.pop()
        worker.until_ns = clock.mono_ns() + self._give_up_ns
        self._progress(len(self.done), len(self._stamps), Path(worker.path).name)
        assert worker.process.stdin is not None
        # One that died already is noticed by its output's end.
        with contextlib.suppress(BrokenPipeError):
            worker.process.stdin.write(json.dumps(worker.path).encode() + b"\n")

    def _gather(self, busy: Sequence[_Worker]) -> None:
        first_ns = min(worker.until_ns for worker in busy)
        left_s = max(0.0, (first_ns - clock.mono_ns()) / clock.NS_PER_S)
        readable, _, _ = select.select(busy, [], [], left_s)
        for worker in readable:
            for line in worker.lines():
                self._hear(worker, line)
        for worker in busy:
            if worker not in readable and clock.mono_ns() >= worker.until_ns:
                self._replace(worker, "takes for ever to decode; replace it by another copy")
                self._give(worker)

    def _hear(self, worker: _Worker, line: bytes) -> None:
        if not worker.ready:
            # Not the file's fault, and no better next time.
            assert line == _READY, f"python -m {_MEASURER} does not start"
            worker.ready = True
            return
        if line:
            self._note(Measured.from_json(json.loads(line)))
        else:
            self._replace(worker, "crashed the decoder; replace it by another copy")
        self._give(worker)

    def _replace(self, worker: _Worker, problem: str) -> None:
        dismiss(worker.process)
        self._note(Measured(worker.path, problem=problem))
        worker.process, worker.ready, worker.heard = hired(_MEASURER), False, b""

    def _note(self, measured: Measured) -> None:
        self.done[measured.path] = measured
        if measured.problem is not None:
            return
        try:
            self._kept.keep(self._stamps[measured.path], measured)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.why_not_kept = f"{self._kept.folder} cannot be written ({reason})"
