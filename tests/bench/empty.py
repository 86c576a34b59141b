"""A PortAudio stream that plays nothing: ``empty.py LATENCY_MS``, until it is ended.

Float32, stereo, 48 kHz, its callback only zeroes: what any program pays that plays through
PortAudio with this buffer.
"""

import gc
import signal
import sys
from typing import Any

import sounddevice


def _zero(out: Any, _frames: int, _at: Any, _status: Any) -> None:
    out.fill(0.0)


if __name__ == "__main__":
    gc.disable()
    with sounddevice.OutputStream(
        samplerate=48_000,
        blocksize=0,
        channels=2,
        dtype="float32",
        latency=float(sys.argv[1]) / 1000,
        callback=_zero,
    ):
        print("ready", flush=True)
        signal.pause()
