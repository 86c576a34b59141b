"""A stream that dies before anybody can look at it costs itself, not its keeper."""

import subprocess
import sys

# In a process of its own: the keeper leaves its children to the kernel, pytest must not.
_KEEPER = """
import os, signal
from kaproom.audio.keeper import Child

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
pid = os.fork()
if not pid:
    os._exit(0)
while os.path.exists(f"/proc/{pid}"):
    pass
child = Child(pid, 0)
assert child.ended_within(10.0)
child.kill()
child.end(0.1)
child.close()
assert Child.of(pid) is None
"""


def test_a_stream_that_died_at_once_is_one_that_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KEEPER], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
