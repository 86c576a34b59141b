"""Real time where it may be had, and never a reason to fail."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import Any

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
# How much of its processor something ordinary gets while a real-time thread works in pieces.
WORK = """
import os, sys, time
from kaproom.audio.haste import hasten, make_way
cpu = max(os.sched_getaffinity(0))
ours, theirs = os.pipe()
if not os.fork():
    os.sched_setaffinity(0, {cpu})
    longest, before, end = 0, time.monotonic(), time.monotonic() + 1.0
    os.write(theirs, b"x")
    while before < end:
        now = time.monotonic()
        longest, before = max(longest, now - before), now
    print(longest)
    sys.stdout.flush()
    os._exit(0)
os.read(ours, 1)
hasten(int(sys.argv[1]))
while os.waitpid(-1, os.WNOHANG) == (0, 0):
    until = time.monotonic() + 0.005
    while time.monotonic() < until:
        pass
    make_way()
"""
# Root without this right is as everybody.
WITHOUT_THE_RIGHT = ["setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"]


def told(program: str, priority: int, *before: str) -> list[Any]:
    done = subprocess.run(
        [*before, sys.executable, "-c", program, str(priority)],
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
    assert told(LOOK, priority) == [[os.SCHED_FIFO, priority, 1]] * 2


@pytest.mark.skipif(limited(), reason="this account may have no real time")
def test_nobody_waits_for_it_longer_than_for_a_piece_of_work() -> None:
    # 5 ms; without making way the 0.95 s that the kernel allows real time.
    (longest_s,) = told(WORK, PLAYER_PRIORITY)
    assert longest_s < 0.2


def test_who_may_not_runs_as_everybody_where_there_is_room() -> None:
    before = WITHOUT_THE_RIGHT if os.getuid() == 0 else []
    if os.getuid() != 0 and not limited():
        pytest.skip("this account may have real time")
    there = len(os.sched_getaffinity(0))
    assert told(LOOK, OUTPUT_PRIORITY, *before) == [[os.SCHED_OTHER, 0, there]] * 2
