"""Real time where it may be had, and never a reason to fail."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest

from kaproom.audio.haste import OUTPUT_PRIORITY, PLAYER_PRIORITY

# In a process of its own: haste is for life. Told by a thread of it and by a child.
LOOK = """
import json, os, sys, threading
from kaproom.audio.haste import hasten
def look():
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    print(json.dumps([policy, priority, len(os.sched_getaffinity(0))]), flush=True)
hasten(int(sys.argv[1]))
thread = threading.Thread(target=look)
thread.start()
thread.join()
if not os.fork():
    look()
    os._exit(0)
os.wait()
"""
# Root without this right is as everybody.
WITHOUT_THE_RIGHT = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]


def looked(priority: int, *before: str) -> list[list[int]]:
    done = subprocess.run(
        [*before, sys.executable, "-c", LOOK, str(priority)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def limited() -> bool:
    """Whether an account has no limit for real time, and is not root."""
    return os.getuid() != 0 and resource.getrlimit(resource.RLIMIT_RTPRIO)[0] < OUTPUT_PRIORITY


@pytest.mark.skipif(limited(), reason="this account may have no real time")
@pytest.mark.parametrize("priority", [PLAYER_PRIORITY, OUTPUT_PRIORITY])
def test_who_may_runs_in_real_time_on_one_processor_with_all_it_begins(priority: int) -> None:
    assert looked(priority) == [[os.SCHED_FIFO, priority, 1]] * 2


def test_who_may_not_runs_as_everybody_where_there_is_room() -> None:
    before = WITHOUT_THE_RIGHT if os.getuid() == 0 else []
    if os.getuid() != 0 and not limited():
        pytest.skip("this account may have real time")
    there = len(os.sched_getaffinity(0))
    assert looked(OUTPUT_PRIORITY, *before) == [[os.SCHED_OTHER, 0, there]] * 2
