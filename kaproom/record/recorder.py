"""The thread through which the daemon writes the record.

What waits when it is free goes into one commit; it never waits for more. Every
submission comes back once, in order: written, or with the line that says why not.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from kaproom.errors import WorldFailed
from kaproom.record.database import Prepared, Record, prepare
from kaproom.record.entry import Entry, Written

_ENTRIES_A_COMMIT = 500
# So seldom that it costs nothing, so often that the WAL stays under 2 MB.
_ENTRIES_A_CHECKPOINT = 200


class Done(NamedTuple):
    """What became of one submission.

    ``failed`` is None when it is on disk; else the line to show, and nothing is recorded.
    """

    token: Any
    written: tuple[Written, ...]
    failed: str | None


class _Job(NamedTuple):
    token: Any
    prepared: tuple[Prepared, ...]


class _Errand(NamedTuple):
    token: Any
    work: Callable[[Record], tuple[Written, ...]]


class _Confirmed(NamedTuple):
    whom: str
    seq: int


class Recorder:
    """Writes entries on a thread of its own. From here on only it touches ``record``.

    ``fileno`` is readable when ``done`` has something to give.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._jobs: SimpleQueue[_Job | _Errand | _Confirmed | None] = SimpleQueue()
        self._done: deque[Done] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._closing = False
        self._broken = False
        self._since_checkpoint = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def submit(self, entries: Sequence[Entry], token: Any) -> None:
        """Have entries written, all or none; ``token`` comes back with what became of them."""
        assert not self._closing
        self._jobs.put(_Job(token, prepare(entries)))

    def perform(self, work: Callable[[Record], tuple[Written, ...]], token: Any) -> None:
        """Have ``work`` done to the record, after what was submitted before; see ``submit``."""
        assert not self._closing
        self._jobs.put(_Errand(token, work))

    def acknowledge(self, whom: str, seq: int) -> None:
        """Keep how far ``whom`` has confirmed, when there is time; see ``Record.acknowledge``."""
        assert not self._closing
        self._jobs.put(_Confirmed(whom, seq))

    def fileno(self) -> int:
        """To be waited on for reading."""
        return self._bell

    def done(self) -> list[Done]:
        """What was completed since the last call, in the order of submission; never waits."""
        if not self._closing:
            with suppress(BlockingIOError):
                os.eventfd_read(self._bell)
            # A mistake in the thread must end the process, not leave it waiting for ever.
            assert not self._broken or self._done, "the recorder's thread has ended"
        found = []
        while self._done:
            found.append(self._done.popleft())
        return found

    def close(self) -> None:
        """Write everything that was submitted, then end; ``done`` still gives what became of it."""
        if not self._closing:
            self._closing = True
            self._jobs.put(None)
            self._thread.join()
            os.close(self._bell)

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            if not self._closing:
                self._broken = True
                os.eventfd_write(self._bell, 1)

    def _turn(self) -> bool:
        """Write all that waits; False when there will be no more."""
        waiting = [self._jobs.get()]
        jobs: list[_Job] = []
        confirmed: dict[str, int] = {}
        entries = 0
        while waiting:
            match waiting.pop():
                case None:
                    self._write(jobs)
                    self._confirm(confirmed)
                    return False
                case _Errand() as errand:
                    self._write(jobs)
                    jobs = []
                    self._do(errand)
                case _Confirmed(whom, seq):
                    confirmed[whom] = max(seq, confirmed.get(whom, 0))
                case job:
                    jobs.append(job)
                    entries += len(job.prepared)
            if entries < _ENTRIES_A_COMMIT:
                try:
                    waiting.append(self._jobs.get_nowait())
                except Empty:
                    break
        self._write(jobs)
        self._confirm(confirmed)
        self._since_checkpoint += entries
        if self._since_checkpoint >= _ENTRIES_A_CHECKPOINT and self._jobs.empty():
            self._record.checkpoint()
            self._since_checkpoint = 0
        return True

    def _write(self, jobs: list[_Job]) -> None:
        if not jobs:
            return
        together = [each for job in jobs for each in job.prepared]
        try:
            written = self._record.append_prepared(together)
        except WorldFailed as error:
            if len(jobs) == 1:
                self._ring([Done(jobs[0].token, (), str(error))])
                return
            # One alone may still find room on the disk.
            for job in jobs:
                self._write([job])
            return
        done = []
        for job in jobs:
            done.append(Done(job.token, written[: len(job.prepared)], None))
            written = written[len(job.prepared) :]
        self._ring(done)

    def _do(self, errand: _Errand) -> None:
        try:
            written = errand.work(self._record)
        except WorldFailed as error:
            self._ring([Done(errand.token, (), str(error))])
        else:
            self._ring([Done(errand.token, written, None)])

    def _ring(self, done: list[Done]) -> None:
        self._done.extend(done)
        os.eventfd_write(self._bell, 1)

    def _confirm(self, confirmed: dict[str, int]) -> None:
        for whom, seq in confirmed.items():
            try:
                self._record.acknowledge(whom, seq)
            except WorldFailed:
                continue  # what is not kept here is sent once more, which harms nobody
