"""A whole session on music files, typed as a new user would, and what the patient hears."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from bench.hearing import Frames, at_gain, compare, played, rendered
from pulse import RATE_HZ, NullSink, short_folder, until
from recordings import music, written
from rooms import LivingRoom

from kaproom.audio.gain import amplitude
from kaproom.audio.kept import KEPT_FILE
from kaproom.audio.loudness import LoudnessMeter
from kaproom.audio.mixer import FALLBACK_SUFFIX
from kaproom.audio.outputs import stop_output
from kaproom.audio.programme import Programme, Track
from kaproom.audio.ring import RING_FILE, Ring
from kaproom.audio.soundscape import LOUDNESS_LUFS
from kaproom.errors import WorldFailed
from kaproom.intercom import Client
from kaproom.places import listing, sockets
from kaproom.record import Record
from kaproom.session.roomfile import RoomFile

REST_DB = -6.0
PIECE_S = 12.0
# What a therapist has: every format, titled, one of them from a CD.
PIECES = {
    "01 Arrival.wav": (48_000, {}),
    "02 Slow morning.mp3": (48_000, {"title": "Slow morning", "artist": "Ada Example"}),
    "03 Going out.flac": (44_100, {"title": "Going out: a walk", "artist": "Ada Example"}),
    "04 Wide.opus": (48_000, {"title": "Wide", "artist": "Börje Beispiel"}),
    "05 Home.m4a": (48_000, {"title": "Home", "artist": "Börje Beispiel"}),
    "06 Rest.ogg": (48_000, {}),
}
PROFILE = """\
kaproom: profile/1

title: Forty minutes, our way
infusion:
  planned_min: 40
playlist: ./spring.yaml
crossfade_s: 2
phases:
  - {name: settling, section: arriving, bed: ocean}
  - {name: onset, start_min: 0, section: setting-out}
  - {name: peak, start_min: 15, section: open}
  - {name: descent, start_min: 35, level_lu: -3}
  - {name: recovery, start_min: 60, bed: ocean, level_lu: -6}
session_end_min: 90
refuge: {soundscape: ocean, intensity: 0.2}
"""


class NewUser:
    """Somebody with a home, a terminal, and kaproom on the path."""

    def __init__(self, home: Path, runtime: Path, sink: NullSink) -> None:
        self.home = home
        self._runtime = runtime
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KAPROOM_", "XDG_"))}
        self.environment = kept | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **sink.environment,
        }
        self.said: dict[str, str] = {}
        self._daemon: subprocess.Popen[str] | None = None

    def types(self, line: str, status: int = 0) -> str:
        """Type a command; what it said on both outputs."""
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.home,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, (line, done.returncode, said)
        self.said[line] = said
        return said

    def opens_a_second_terminal(self) -> None:
        """And leaves the daemon running in the first."""
        self._daemon = subprocess.Popen(
            ["kaproom", "daemon"],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._daemon.stdout is not None
        said = []
        for line in self._daemon.stdout:
            said.append(line)
            if line == "ready\n":
                break
        self.said["kaproom daemon"] = "".join(said)
        assert said[-1:] == ["ready\n"], said

    @property
    def room(self) -> Path:
        """The runtime folder that the daemon chose."""
        (folder,) = (self._runtime / "kaproom").iterdir()
        return folder

    def leaves(self) -> None:
        """Everything that was started is ended."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(10)
            assert self._daemon.stdout is not None
            self._daemon.stdout.close()
            with suppress(WorldFailed), Client(sockets(self.room).player, "test", 5.0) as player:
                player.call("stop")
            stop_output(self.room)


@dataclass(frozen=True, slots=True)
class Evening:
    """What is left of a session for the tests to look at."""

    said: dict[str, str]
    programme: Programme
    at_rest: Frames
    at_unity: Frames
    expected: Frames
    record: Path


def _tagged(path: Path, tags: dict[str, str]) -> None:
    """Put tags on a file, its sound untouched."""
    bare = path.with_name(f"bare{path.suffix}")
    path.rename(bare)
    with av.open(str(bare)) as source, av.open(str(path), "w") as copy:
        copy.metadata.update(tags)
        stream = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    bare.unlink()


def _record_an_album(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, (name, (rate_hz, tags)) in enumerate(PIECES.items()):
        path = written(folder / name, music(PIECE_S, rate_hz, seed=number), rate_hz)
        if tags:
            _tagged(path, tags)


def _sort_into_sections(playlist: Path) -> None:
    """What a therapist does in an editor: every piece to its section."""
    text = playlist.read_text()
    head, _, rest = text.partition("  unsorted:\n")
    pieces = re.findall(r"    - file:.*\n(?:      .*\n)*", rest)
    assert len(pieces) == len(PIECES), text
    sections = {"arriving": pieces[:2], "setting-out": pieces[2:5], "open": pieces[5:]}
    body = "".join(f"  {name}:\n{''.join(found)}" for name, found in sections.items())
    playlist.write_text(f"{head}{body}")


@pytest.fixture(scope="module")
def evening(_headphones: NullSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """One session from a folder of music to the record, typed command by command."""
    home = tmp_path_factory.mktemp("home")
    _record_an_album(home / "Music" / "Spring")
    if not _headphones.well:
        _headphones.start()
    capture = _headphones.capture()
    with short_folder() as runtime:
        user = NewUser(home, runtime, _headphones)
        try:
            user.types("kaproom new playlist Music/Spring")
            _sort_into_sections(home / "spring.yaml")
            (home / "forty.yaml").write_text(PROFILE)
            user.types("kaproom check ./forty.yaml")
            user.opens_a_second_terminal()
            user.types("kaproom start ./forty.yaml")
            user.types("kaproom infusion started")
            until((user.room / RING_FILE).exists, what="the player's ring")
            ring = Ring.attach(user.room / RING_FILE)
            until(lambda: ring.gain_now_db == REST_DB, 30, "the gain at rest")
            at_rest = capture.more(2 * RATE_HZ)[RATE_HZ // 2 :]
            user.types("kaproom level up 6")
            until(lambda: ring.gain_now_db == 0.0, 10, "unity gain")
            # What was handed over before is still on its way.
            at_unity = capture.more(10 * RATE_HZ)[RATE_HZ // 2 :]
            heard_frame = ring.read_frame
            user.types("kaproom note tears a few words")
            user.types("kaproom duck")
            user.types("kaproom status")
            user.types("kaproom return")
            programme = played(user.room)
            user.types("kaproom end")
            until(lambda: not (user.room / KEPT_FILE).exists(), 20, "the session's end")
            ring.close()
            user.types("kaproom verify")
            yield Evening(
                user.said,
                programme,
                at_rest,
                at_unity,
                rendered(programme, RATE_HZ, 0, heard_frame),
                home / ".local/share/kaproom",
            )
        finally:
            user.leaves()
            capture.stop()


def test_the_capture_of_a_session_equals_its_offline_render_to_the_bit(evening: Evening) -> None:
    heard = compare(evening.at_unity, evening.expected)
    assert heard.differing_samples == 0
    assert not heard.breaks
    assert heard.frames == len(evening.at_unity)
    first = heard.offset
    crossfades = [c for c in evening.programme.cues if first < c.start_frame < first + heard.frames]
    assert crossfades, f"no change of piece in {first}+{heard.frames}: {evening.programme.cues}"


def test_at_rest_the_capture_divided_by_the_render_is_one_constant(evening: Evening) -> None:
    heard = compare(evening.at_rest, at_gain(evening.expected, REST_DB))
    assert heard.frames == len(evening.at_rest) and not heard.breaks
    should = evening.expected[heard.offset :][: heard.frames]
    clear = np.abs(should) > 0.001
    ratios = evening.at_rest[clear] / should[clear]
    assert ratios.min() == pytest.approx(amplitude(REST_DB), rel=1e-6)
    assert ratios.max() == pytest.approx(amplitude(REST_DB), rel=1e-6)


def test_a_session_is_typed_from_a_folder_of_music_to_a_verified_record(evening: Evening) -> None:
    said = evening.said
    assert said["kaproom new playlist Music/Spring"].startswith("wrote ")
    assert "./forty.yaml: ready" in said["kaproom check ./forty.yaml"]
    assert "record in " in said["kaproom daemon"]
    assert "'Forty minutes, our way' has begun." in said["kaproom start ./forty.yaml"]
    assert "kaproom cannot touch the pump" in said["kaproom infusion started"]
    assert re.match(r"(?s).*Recorded \d\d:\d\d:\d\d", said["kaproom infusion started"])
    assert "LOWERED" in said["kaproom status"], said["kaproom status"]
    assert said["kaproom verify"].startswith("whole: ")
    with Record.open(evening.record, read_only=True) as record:
        entries = [written.entry for written in record.entries()]
    kinds = [entry.kind for entry in entries]
    commands = ["session-started", "infusion", "level", "note", "duck", "return", "end"]
    assert [k for k in kinds if k in commands] == commands
    assert "session-ended" in kinds
    note = next(entry for entry in entries if entry.kind == "note")
    assert note.fields["text"] == "a few words"
    assert note.phase == "onset"
    assert note.heard is not None


def test_every_format_of_the_album_is_played_and_none_fails(evening: Evening) -> None:
    sounded = [c for c in evening.programme.cues if c.start_frame < len(evening.expected)]
    paths = [Path(c.source.path).name for c in sounded if isinstance(c.source, Track)]
    assert len(paths) >= 3, sounded
    planned = {
        Path(c.source.path).name for c in evening.programme.cues if hasattr(c.source, "path")
    }
    assert planned >= set(list(PIECES)[2:])
    assert not [c.id for c in evening.programme.cues if c.id.endswith(FALLBACK_SUFFIX)]
    titles = {c.title for c in evening.programme.cues}
    assert {"Going out: a walk", "Wide", "Home"} <= titles


@pytest.mark.parametrize("profile", sorted(listing("profile", RoomFile(), {})))
def test_every_shipped_profile_plays_its_first_half_minute(
    profile: str, tmp_path: Path, runtime: Path
) -> None:
    room = LivingRoom(tmp_path / "data", runtime)
    room.start()
    try:
        room.begin(profile)
        with room.ring() as ring:
            until(lambda: ring.read_frame > ring.rate_hz, what="a second of sound")
            begun = ring.copy(0, ring.rate_hz)
        programme = played(runtime)
        half_minute = rendered(programme, RATE_HZ, 0, 30 * RATE_HZ)
    finally:
        room.close()
    assert np.array_equal(begun, half_minute[:RATE_HZ]), "the player writes what is rendered"
    meter = LoudnessMeter(RATE_HZ)
    meter.feed(half_minute)
    found = meter.finish()
    first = programme.cues[0]
    assert found.integrated_lufs == pytest.approx(LOUDNESS_LUFS + first.gain_db, abs=3.0)
    assert found.true_peak_dbtp <= programme.ceiling_dbtp
    assert not [c.id for c in programme.cues if c.id.endswith(FALLBACK_SUFFIX)]
