"""What is missing in the ear: under hogs, and when parts of the room are killed.

The capture is compared with the offline render to the bit. A *gap* is any stretch that is
not what should have been heard at that place: silence, a repeated or a skipped part, a
wrong sample.
"""

from __future__ import annotations

import os
import random
import signal

from bench.costs import priority
from bench.hearing import Break, Compared
from bench.room import REST_DB, BenchRoom, Ground, bench_room, heard, hogs, spinning_client, tape
from bench.stock import Stock
from bench.told import Told
from pulse import RATE_HZ, until

from kaproom.places import sockets

_HOGGED_S, _QUICK_HOGGED_S = 600.0, 20.0
_EXACT_S, _QUICK_EXACT_S = 60.0, 10.0
_DAEMON_KILLS, _KILLS = 20, 5
_OUTPUT_GAP_MS = 400.0
_TOLD_MAX = 12


def exact(ground: Ground, stock: Stock, quick: bool) -> Told:
    """The capture at unity gain, and at rest, against the render."""
    told = Told(
        "capture against the offline render",
        ("gain", "captured s", "samples", "that differ", "gaps"),
    )
    with bench_room(ground) as room:
        room.begin_with(stock.pieces(48_000))
        for gain_db in (REST_DB, 0.0):
            if gain_db == 0.0:
                room.call("level", {"by_db": 6.0})
                room.wait_for_gain(0.0)
            with tape(ground) as running:
                running.wait_s(_QUICK_EXACT_S if quick else _EXACT_S)
                found = heard(room, running.stop(), gain_db)
            differing = found.differing_samples
            told.row(
                f"{gain_db:g} dB",
                found.frames / RATE_HZ,
                str(2 * found.frames),
                differing,
                len(found.breaks),
            )
            if gain_db == 0.0:
                told.promise("samples that differ from the render, unity", differing, "", 0)
    return told


def hogged(ground: Ground, stock: Stock, quick: bool) -> Told:
    """Ten minutes while the daemon, a client and two processes never rest."""
    told = Told(
        "gaps under hogs",
        (
            "the room's processes",
            "captured s",
            "gaps",
            "longest ms",
            "silent ms",
            "ring dry",
            "PortAudio's count",
        ),
    )
    seconds = _QUICK_HOGGED_S if quick else _HOGGED_S
    for ordinary in (False, True):
        with bench_room(ground, spinning=True, ordinary=ordinary) as room:
            room.begin_with(stock.pieces(48_000))
            how = priority(room.pids()["stream"])
            with (
                ground.sink.in_real_time(),
                hogs(2),
                spinning_client(sockets(room.runtime).daemon),
                tape(ground) as running,
            ):
                running.wait_s(seconds)
                captured = running.stop()
                with room.ring() as ring:
                    dry, flagged = ring.underruns, ring.device_underflows
            found = heard(room, captured)
        told.row(
            "ordinary" if ordinary else f"as on a room PC ({how})",
            found.frames / RATE_HZ,
            len(found.breaks),
            _longest_ms(found.breaks),
            sum(b.zero_frames for b in found.breaks) * 1000 / RATE_HZ,
            dry,
            flagged,
        )
        told.notes += [_told_of(gap) for gap in found.breaks[:_TOLD_MAX]]
        who = "ordinary user" if ordinary else "room PC"
        told.promise(f"gaps in {seconds / 60:.3g} min under hogs, {who}", len(found.breaks), "", 0)
    told.notes += [
        f"A Python thread spins in the daemon and one in a client, and two processes compute, on"
        f" {os.cpu_count()} cores.",
        "Ordinary: nothing of the room may run in real time or with a nice value below 0, as",
        "under a desktop account; on a room PC its services may. Sound server and recorder do, in",
        "both. Linux until 6.18.44 can leave what is ordinary without a processor for seconds",
        "(kaproom/audio/haste.py), so on such a machine an ordinary room has gaps at times.",
    ]
    return told


def killed(ground: Ground, stock: Stock, quick: bool) -> Told:
    """SIGKILL to each part of the room while it plays."""
    told = Told(
        "killed while playing",
        ("killed", "times", "gaps", "silent ms", "until exact again ms", "lost or again ms"),
    )
    divisor = 4 if quick else 1
    for what, kill, times, promised_ms in (
        ("daemon", _kill_daemon, _DAEMON_KILLS // divisor, 0.0),
        ("player", _kill_player, _KILLS, 0.0),
        ("keeper", _kill_keeper, _KILLS, 0.0),
        ("stream", _kill_stream, _KILLS, _OUTPUT_GAP_MS),
        ("keeper and stream", _kill_output, _KILLS, _OUTPUT_GAP_MS),
    ):
        with bench_room(ground) as room:
            room.begin_with(stock.pieces(48_000))
            with tape(ground) as running:
                for _ in range(times):
                    kill(room)
                    running.wait_s(0.5 + random.random())
                running.wait_s(1.0)
                found = heard(room, running.stop())
        _row(told, what, times, found, promised_ms)
    told.notes += [
        "Silent: zeros in the capture, for each gap. Until exact again: with the 50 ms in which",
        "the former gain returns. Lost or again: how far the programme jumped, + lost, - heard",
        "twice or later.",
    ]
    return told


def _row(told: Told, what: str, times: int, found: Compared, promised_ms: float) -> None:
    each = [_ms(b.zero_frames) for b in found.breaks]
    told.row(
        what,
        times,
        len(found.breaks),
        _each(each),
        _each([_ms(b.frames) for b in found.breaks]),
        _each([_ms(b.lost_frames) for b in found.breaks]),
    )
    if promised_ms:
        longest_ms = _longest_ms(found.breaks)
        told.promise(f"{what} killed {times} times: longest gap", longest_ms, "ms", promised_ms)
    else:
        told.promise(f"{what} killed {times} times: gaps", len(found.breaks), "", 0)


def _kill_daemon(room: BenchRoom) -> None:
    room.kill()
    room.start()
    room.wait_for(lambda s: s["sound"]["state"] == "playing")


def _kill_player(room: BenchRoom) -> None:
    with room.ring() as ring:
        until(lambda: ring.space_frames() < ring.rate_hz // 2, 20, "a full ring")
        former = room.kill_player()
        until(lambda: ring.player_pid != former, 20, "the next player")
        written = ring.write_frame
        until(lambda: ring.write_frame > written, 20, "what the next player writes")


def _kill_keeper(room: BenchRoom) -> None:
    _kill(room, "keeper")


def _kill_stream(room: BenchRoom) -> None:
    _kill(room, "stream")


def _kill_output(room: BenchRoom) -> None:
    _kill(room, "keeper", "stream")


def _kill(room: BenchRoom, *names: str) -> None:
    pids = room.pids()
    for name in names:
        os.kill(pids[name], signal.SIGKILL)
    until(lambda: all(room.pids()[name] != pids[name] for name in names), 20, "the next ones")
    room.wait_for_gain(REST_DB)


def _told_of(gap: Break) -> str:
    return (
        f"gap at {gap.at_frame / RATE_HZ:.2f} s: {_ms(gap.frames):.1f} ms, silent"
        f" {_ms(gap.zero_frames):.1f} ms, programme {_ms(gap.lost_frames):+.1f} ms"
    )


def _longest_ms(breaks: tuple[Break, ...]) -> float:
    return max((_ms(b.frames) for b in breaks), default=0.0)


def _ms(frames: int) -> float:
    return frames * 1000 / RATE_HZ


def _each(values_ms: list[float]) -> str:
    return " ".join(f"{value:.0f}" for value in values_ms) or "-"
