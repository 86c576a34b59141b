"""What a process costs, as the kernel counts it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SCHEDULERS = {os.SCHED_OTHER: "ordinary", os.SCHED_FIFO: "real time", os.SCHED_RR: "real time"}


@dataclass(frozen=True, slots=True)
class Memory:
    """In MB of 2**20 bytes; ``pss_mb`` shares out what several processes map."""

    rss_mb: float
    pss_mb: float
    peak_rss_mb: float


def cpu_s(*pids: int) -> float:
    """User and system time of these processes, all their threads, since they began."""
    return sum(_cpu_s(pid) for pid in pids)


def _cpu_s(pid: int) -> float:
    # The name in brackets may hold spaces; after it come state, ppid, …, utime, stime.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def memory(pid: int) -> Memory:
    """What the process holds now, and at most so far."""
    rollup = _sizes_mb(Path(f"/proc/{pid}/smaps_rollup"))
    status = _sizes_mb(Path(f"/proc/{pid}/status"))
    return Memory(rollup["Rss"], rollup["Pss"], status["VmHWM"])


def _sizes_mb(path: Path) -> dict[str, float]:
    found = {}
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(":")
        words = rest.split()
        if words[1:] == ["kB"]:
            found[key] = int(words[0]) / 1024
    return found


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started and that live."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for task in tasks for word in (task / "children").read_text().split()]


def priority(pid: int) -> str:
    """How the kernel schedules it, for people."""
    kind = _SCHEDULERS.get(os.sched_getscheduler(pid), "?")
    nice = os.getpriority(os.PRIO_PROCESS, pid)
    return kind if kind == "real time" or nice == 0 else f"nice {nice}"
