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
import json, os, subprocess, sys, threading
from kaproom.audio.haste import hasten
def look():
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    print(json.dumps([policy, priority, len(os.sched_getaffinity(0))]), flush=True)
if len(sys.argv) == 1:
    look()
    sys.exit()
hasten(int(sys.argv[1]))
thread = threading.Thread(target=look)
thread.start()
thread.join()
subprocess.run(sys.orig_argv[:-1])
"""
# In how many pauses between pieces of real-time work something ordinary had the processor.
# The work is 0.5 s in all: after 0.95 s of a second the kernel lets others in by itself.
WORK = """
import mmap, os, signal, sys, time
from kaproom.audio.haste import hasten, make_way
counted = mmap.mmap(-1, 8)
count = memoryview(counted).cast("q")
cpu = max(os.sched_getaffinity(0))
ours, theirs = os.pipe()
ordinary = os.fork()
if not ordinary:
    os.sched_setaffinity(0, {cpu})
    os.write(theirs, b"x")
    while True:
        count[0] += 1
os.read(ours, 1)
hasten(int(sys.argv[1]))
pauses = 0
for _ in range(100):
    until = time.thread_time() + 0.005
    before = count[0]
    while time.thread_time() < until:
        pass
    alone = count[0] == before
    make_way()
    pauses += alone and count[0] != before
os.kill(ordinary, signal.SIGKILL)
os.waitpid(ordinary, 0)
print(pauses)
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
def test_others_have_the_processor_between_two_pieces_of_work() -> None:
    (pauses,) = told(WORK, PLAYER_PRIORITY)
    assert pauses > 0


def test_who_may_not_runs_as_everybody_where_there_is_room() -> None:
    before = WITHOUT_THE_RIGHT if os.getuid() == 0 else []
    if os.getuid() != 0 and not limited():
        pytest.skip("this account may have real time")
    there = len(os.sched_getaffinity(0))
    assert told(LOOK, OUTPUT_PRIORITY, *before) == [[os.SCHED_OTHER, 0, there]] * 2
