"""What the generated beds cost, and how loud they are by somebody else's meter.

``python tests/bench/soundscapes.py [--loudness]``. *first* is the time from nothing to
the first block of 1,024 frames; *jump* the same block five hours on; *slowest* the longest
wait for one such block while playing. *share* is CPU time of the thread over the time of
what it made. With ``--loudness`` FFmpeg's ebur128 measures five minutes of every bed, from
its second hour, at five intensities and three seeds (some minutes).
"""

import re
import resource
import subprocess
import sys
import time

import numpy as np

from kaproom.audio.soundscape import names, soundscape

RATE_HZ = 48_000
BLOCK_FRAMES = 1024
MADE_S = 120
MEASURED_S = 300
INTENSITIES = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = (1, 2, 3)


def import_ms() -> float:
    """What importing the beds adds to numpy, in a fresh interpreter."""
    probe = (
        "import time, numpy; b = time.perf_counter(); import kaproom.audio.soundscape;"
        "print((time.perf_counter() - b) * 1000)"
    )
    command = [sys.executable, "-c", probe]
    told = [subprocess.check_output(command, text=True) for _ in range(5)]
    return min(float(line) for line in told)


def cost(name: str, intensity: float) -> str:
    """One line of the table."""
    began_s = time.perf_counter()
    bed = soundscape(name, 7, RATE_HZ, intensity)
    bed.block(0, BLOCK_FRAMES)
    first_ms = 1000.0 * (time.perf_counter() - began_s)
    slowest_ms = 0.0
    cpu_s = time.thread_time()
    for start_frame in range(BLOCK_FRAMES, MADE_S * RATE_HZ, BLOCK_FRAMES):
        began_s = time.perf_counter()
        bed.block(start_frame, BLOCK_FRAMES)
        slowest_ms = max(slowest_ms, 1000.0 * (time.perf_counter() - began_s))
    cpu_s = time.thread_time() - cpu_s
    began_s = time.perf_counter()
    bed.block(5 * 3600 * RATE_HZ, BLOCK_FRAMES)
    jump_ms = 1000.0 * (time.perf_counter() - began_s)
    return (
        f"{name:8} {intensity:9.2f} {MADE_S / cpu_s:11.0f} {100.0 * cpu_s / MADE_S:8.2f} %"
        f" {first_ms:7.0f} ms {jump_ms:5.0f} ms {slowest_ms:6.0f} ms"
    )


def loudness(name: str, seed: int, intensity: float) -> tuple[float, float, float, float]:
    """Integrated LUFS, lowest and highest short-term LUFS, true peak in dBTP."""
    bed = soundscape(name, seed, RATE_HZ, intensity)
    samples = bed.block(3600 * RATE_HZ, MEASURED_S * RATE_HZ)
    meter = f"ffmpeg -hide_banner -nostats -v verbose -f f32le -ar {RATE_HZ} -ac 2 -i -"
    meter += " -af ebur128=peak=true:framelog=verbose -f null -"
    told = subprocess.run(
        meter.split(), input=samples.astype("<f4").tobytes(), capture_output=True, check=True
    ).stderr.decode()
    short = np.array([float(v) for v in re.findall(r" S:\s*(-?[\d.]+)", told)])[30:]
    summary = told[told.rfind("Summary") :]
    found = [re.search(rf"{key}:\s*(-?[\d.]+)", summary) for key in ("I", "Peak")]
    integrated, peak = (float(match[1]) for match in found if match)
    return integrated, float(short.min()), float(short.max()), peak


def main() -> None:
    """Print the tables."""
    print(f"import, over numpy: {import_ms():.0f} ms\n")
    print("bed      intensity  x real time      share      first     jump   slowest")
    for name in names():
        for intensity in (0.0, 0.5, 1.0):
            print(cost(name, intensity), flush=True)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f"\nhighest memory of this process, numpy and all: {peak_mb:.0f} MB")
    if "--loudness" not in sys.argv:
        return
    print("\nbed      intensity  integrated LUFS      short-term LUFS   highest dBTP")
    for name in names():
        for intensity in INTENSITIES:
            rows = np.array([loudness(name, seed, intensity) for seed in SEEDS])
            print(
                f"{name:8} {intensity:9.2f}   {rows[:, 0].min():6.1f} to {rows[:, 0].max():.1f}"
                f"    {rows[:, 1].min():6.1f} to {rows[:, 2].max():.1f}   {rows[:, 3].max():10.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
