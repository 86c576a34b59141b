"""The only reader of time: what its clocks promise, against the kernel's own words."""

import ctypes
import shutil
import subprocess
import sys
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from kaproom import clock, timex


def test_an_instant_is_the_same_moment_on_every_clock() -> None:
    before_ns, before = clock.mono_ns(), clock.utc()
    now = clock.now()
    after_ns, after = clock.mono_ns(), clock.utc()
    assert before_ns <= now.mono_ns <= after_ns
    assert before <= now.utc <= after
    assert now.utc.tzinfo is UTC


def test_the_monotonic_clock_counts_since_this_boot_with_time_asleep() -> None:
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(clock.mono_ns() / clock.NS_PER_S - up_s) < 2.0
    assert clock.mono_ns() >= clock.awake_ns() - clock.NS_PER_S


def test_the_boot_id_is_the_kernels() -> None:
    kernels = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert clock.now().boot_id == clock.boot_id() == kernels


def test_timex_is_read_where_the_kernel_wrote_it() -> None:
    # precision, tolerance and the time are known from elsewhere: were a field of ours
    # misplaced, they would not be found in their places behind `status`.
    answer = timex.ask()
    if answer is None:
        pytest.skip("this kernel does not let us ask adjtimex")
    _, told = answer
    assert told.precision == 1
    assert told.tolerance == 500 << 16
    assert 9_000 <= told.tick <= 11_000
    assert abs(clock.utc().timestamp() - told.time_s) < 5


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to ask")
def test_timex_is_laid_out_as_the_c_header_says(tmp_path: Path) -> None:
    fields = ["offset", "maxerror", "status", "precision", "tick", "stbcnt", "tai"]
    source = tmp_path / "layout.c"
    prints = "".join(f'printf("%zu ", offsetof(struct timex, {name}));' for name in fields)
    source.write_text(
        "#include <stdio.h>\n#include <stddef.h>\n#include <sys/timex.h>\n"
        f'int main(void) {{ {prints} printf("%zu", sizeof(struct timex)); return 0; }}\n'
    )
    binary = tmp_path / "layout"
    subprocess.run(["cc", "-o", str(binary), str(source)], check=True)
    told = subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout
    ours = [getattr(timex.Timex, name).offset for name in fields] + [ctypes.sizeof(timex.Timex)]
    assert [int(word) for word in told.split()] == ours


def test_synchronised_agrees_with_the_kernels_status() -> None:
    answer = timex.ask()
    if answer is None:
        assert clock.synchronised() is None
        return
    state, told = answer
    assert clock.synchronised() is (state != 5 and not told.status & 0x40)


def test_reading_the_clock_stays_cheap_to_import() -> None:
    heavy = "{'ctypes', 'subprocess', 'asyncio', 'logging'}"
    code = f"import sys, kaproom.clock; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"


def test_utc_is_aware_so_that_it_cannot_be_compared_with_a_naive_time() -> None:
    assert clock.utc().utcoffset() == timedelta(0)
