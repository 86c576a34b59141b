"""Any music file as stereo blocks at the ring's rate, exact to the sample.

A decoder starts at the very sample it was asked for: it seeks where a container's
positions can be trusted and decodes through a lead-in that is thrown away, and
counts its way there where they cannot. Damage in the middle of a file is stepped
over and counted; a file that cannot be played at all is one clear line. Only PyAV
reads files here; pictures and video in them are never decoded.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.packet import Packet
from numpy.typing import NDArray

from kaproom.audio.stereo import Block, samples_of, to_stereo
from kaproom.errors import Mend

# Containers whose seek lands on a position with a true timestamp; the others are counted
# through without decoding, about 1 s of work for each two hours of MP3.
_TRUE_SEEK = frozenset({"wav", "flac", "ogg", "mov", "aiff", "w64", "caf", "au", "mp3", "aac"})
# Decoded and thrown away after a seek, so that the decoder has converged: Opus asks for
# 80 ms; MP3 and AAC need a few packets.
_LEAD_IN_S = 1.0
# Nearer than this to the start, decoding through costs less than a seek.
_SEEK_FROM_S = 5.0
# The resampler is given this much before the first frame that is kept; its filter is shorter.
_RESAMPLER_LEAD_FRAMES = 4096
# Frames gathered before they are converted together: one conversion a block, not a packet.
_GATHER_FRAMES = 16_384
# A demuxer that only fails and never ends is given up after so many failures in a row.
_FAILURES_IN_A_ROW_MAX = 1000

# Chosen: a clock in a file that runs so far ahead at once has left something out.
_HOLE_S = 0.03
_DAMAGES_MAX = 100

_RATES_HZ = (4_000, 400_000)
# Sample entries of protected MP4: FairPlay, and the common encryption of ISO/IEC 23001-7.
_PROTECTED_TAGS = frozenset({"drms", "enca", "drmi", "encv"})


class DecodeError(Mend):
    """A file that cannot be played: its path, why, and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file says of itself, without decoding it.

    Attributes:
        length_s: As the container says, or as counted where it does not know.
        rate_hz: Of the file, before resampling.
        channels: Of the file, before it is brought to two.
        codec: libav's name, as ``flac`` or ``mp3float``.
        tags: Keys in lower case: ``title``, ``artist``, ``album``, …
    """

    length_s: float
    rate_hz: int
    channels: int
    codec: str
    tags: Mapping[str, str]


def probe(path: str | Path) -> Probe:
    """Read a file's head: length, format and tags.

    Raises:
        DecodeError: It is missing, empty, protected, damaged at its head, or no music.
    """
    container, stream = _open(str(path))
    try:
        codec = stream.codec_context
        tags = {k.lower(): v for k, v in (*container.metadata.items(), *stream.metadata.items())}
        return Probe(
            length_s=_length_s(container, stream),
            rate_hz=codec.sample_rate,
            channels=codec.layout.nb_channels,
            codec=codec.name,
            tags=MappingProxyType(tags),
        )
    finally:
        container.close()


class Decoder:
    """One file being read, from a cue-in to a cue-out, as stereo blocks.

    Iterating yields blocks of shape (any, 2), float32, full scale 1.0, whose first
    frame is ``from_frame``; it ends at the cue-out or the file's end. Not for two
    threads at once.

    Attributes:
        skipped_packets: Damaged packets that were stepped over so far.
        damaged_at_s: Where in the file, as it plays, something was damaged or missing.
    """

    def __init__(
        self,
        path: str | Path,
        rate_hz: int,
        cue_in_s: float = 0.0,
        cue_out_s: float | None = None,
        from_frame: int = 0,
    ) -> None:
        """Open the file; the first block is only decoded when asked for.

        Args:
            path: A local file.
            rate_hz: Of the blocks that are wanted.
            cue_in_s: Where frame 0 lies in the file.
            cue_out_s: Where the music ends; None is the file's end.
            from_frame: The first frame wanted, counted at ``rate_hz`` from the cue-in.

        Raises:
            DecodeError: It cannot be played at all.
        """
        self._path = str(path)
        self._rate_hz = rate_hz
        self._cue_in_s = cue_in_s
        self._cue_out_s = cue_out_s
        self._from_frame = from_frame
        self.skipped_packets = 0
        self.damaged_at_s: list[float] = []
        self._ahead_s: float | None = None
        self._tick_s: float | None = None
        self._skipped_before = 0
        self._container, self._stream = _open(self._path)
        self._in_rate_hz: int = self._stream.codec_context.sample_rate

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def __iter__(self) -> Iterator[Block]:
        first, last, discard = self._span()
        sounded = False
        resampler: soxr.ResampleStream | None = None
        rate_hz = self._in_rate_hz
        for stereo, block_rate_hz in self._cut(first, last):
            sounded = True
            if block_rate_hz != rate_hz and resampler is not None:
                yield from _kept(_flushed(resampler), 0)
                resampler = None
            rate_hz = block_rate_hz
            if rate_hz == self._rate_hz:
                block = stereo
            else:
                if resampler is None:
                    resampler = soxr.ResampleStream(
                        rate_hz, self._rate_hz, 2, dtype="float32", quality="HQ"
                    )
                block = resampler.resample_chunk(stereo)
            dropped = min(discard, len(block))
            discard -= dropped
            yield from _kept(block, dropped)
        if resampler is not None:
            yield from _kept(_flushed(resampler), discard)
        if not sounded and self._from_frame == 0:
            raise _cannot(
                self._path,
                f"has no sound after {self._cue_in_s:g} s"
                if self._cue_in_s
                else "holds no sound that can be decoded",
                "correct its cue-in" if self._cue_in_s else "copy it again",
            )

    def _span(self) -> tuple[int, int | None, int]:
        """First and last input frame, and how many output frames of them to drop."""
        in_hz, out_hz = self._in_rate_hz, self._rate_hz
        cue_in = round(self._cue_in_s * in_hz)
        last = None if self._cue_out_s is None else round(self._cue_out_s * in_hz)
        common = gcd(in_hz, out_hz)
        step_in, step_out = in_hz // common, out_hz // common
        lead = 0 if in_hz == out_hz else -(-_RESAMPLER_LEAD_FRAMES // step_in)
        # Whole periods of the rates' ratio, so that the resampler stands in the same phase
        # as one that had read the file from the cue-in.
        periods = max(0, self._from_frame // step_out - lead)
        return cue_in + periods * step_in, last, self._from_frame - periods * step_out

    def _cut(self, first: int, last: int | None) -> Iterator[tuple[Block, int]]:
        """Stereo at the file's rate, from input frame ``first`` to before ``last``."""
        for position, stereo, rate_hz in self._stereo(first):
            begin = max(0, first - position)
            end = len(stereo) if last is None else min(len(stereo), last - position)
            if end > begin:
                yield stereo[begin:end], rate_hz
            if last is not None and position + len(stereo) >= last:
                return

    def _stereo(self, first: int) -> Iterator[tuple[int, Block, int]]:
        """(position, stereo, rate) of all that is decoded from at or before ``first`` on."""
        gathered: list[NDArray[Any]] = []
        gathered_frames = 0
        position = 0
        like: AudioFrame | None = None
        for start, frame in self._positioned(first):
            if like is not None and not _alike(frame, like):
                yield position, to_stereo(gathered, like), like.sample_rate
                position += gathered_frames
                gathered, gathered_frames, like = [], 0, None
            if like is None:
                like = frame
                position = position if start is None else start
            self._look_for_damage(frame, position + gathered_frames)
            gathered.append(samples_of(frame))
            gathered_frames += frame.samples
            if gathered_frames >= _GATHER_FRAMES:
                yield position, to_stereo(gathered, like), like.sample_rate
                position += gathered_frames
                gathered, gathered_frames = [], 0
        if gathered and like is not None:
            yield position, to_stereo(gathered, like), like.sample_rate

    def _look_for_damage(self, frame: AudioFrame, counted: int) -> None:
        """Note where packets were skipped, or the file's own clock runs ahead of what is heard."""
        skipped = self.skipped_packets > self._skipped_before
        self._skipped_before = self.skipped_packets
        if frame.pts is not None:
            if self._tick_s is None:
                # Once: a Fraction for each packet would cost more than some decoders.
                self._tick_s = float(frame.time_base or 0)
            ahead_s = frame.pts * self._tick_s - counted / self._in_rate_hz
            before_s, self._ahead_s = self._ahead_s, ahead_s
            skipped = skipped or (before_s is not None and ahead_s - before_s > _HOLE_S)
        if skipped and len(self.damaged_at_s) < _DAMAGES_MAX:
            self.damaged_at_s.append(counted / self._in_rate_hz)

    def _positioned(self, first: int) -> Iterator[tuple[int | None, AudioFrame]]:
        """Decoded frames; the first of them with its place in the file."""
        if first < _SEEK_FROM_S * self._in_rate_hz:
            place: int | None = 0
            for frame in self._frames(self._packets()):
                yield place, frame
                place = None
            return
        frames = self._frames(self._packets_near(first))
        try:
            head = next(frames, None)
            place = None if head is None else self._place(head)
        except av.error.FFmpegError:
            head = place = None
        if place is None or place > first:
            # The seek failed, went past the mark or told no time: read the whole way instead.
            self._container.close()
            self._container, self._stream = _open(self._path)
            place, frames = 0, self._frames(self._packets())
            head = next(frames, None)
        if head is not None:
            yield place, head
        for frame in frames:
            yield None, frame

    def _place(self, frame: AudioFrame) -> int | None:
        if frame.pts is None or frame.time_base is None:
            return None
        origin = self._stream.start_time or 0
        return round((frame.pts - origin) * frame.time_base * self._in_rate_hz)

    def _packets_near(self, first: int) -> Iterator[Packet[Any]]:
        """Packets from a little before input frame ``first``."""
        time_base = self._stream.time_base
        if time_base is None:
            yield from self._packets()
            return
        origin = self._stream.start_time or 0
        wanted_s = first / self._in_rate_hz - _LEAD_IN_S
        wanted = origin + round(wanted_s / time_base)
        if _TRUE_SEEK.intersection(self._container.format.name.split(",")):
            self._container.seek(wanted, stream=self._stream)
            yield from self._packets()
            return
        for packet in self._packets():
            if packet.pts is None or packet.pts >= wanted or packet.size == 0:
                yield packet

    def _packets(self) -> Iterator[Packet[Any]]:
        failures = 0
        packets = self._container.demux(self._stream)
        while failures < _FAILURES_IN_A_ROW_MAX:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                # A generator that raised is spent; the container goes on after the damage.
                self.skipped_packets += 1
                failures += 1
                packets = self._container.demux(self._stream)
                continue
            failures = 0
            yield packet

    def _frames(self, packets: Iterator[Packet[Any]]) -> Iterator[AudioFrame]:
        for packet in packets:
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.skipped_packets += 1
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame) and frame.samples:
                    yield frame


def _open(path: str) -> tuple[InputContainer, AudioStream]:
    try:
        size = Path(path).stat().st_size
        if Path(path).is_dir():
            raise _cannot(path, "is a folder", "name a music file")
        if not Path(path).is_file():
            raise _cannot(path, "is not a regular file", "name a music file")
        if size == 0:
            raise _cannot(path, "is empty", "copy it again")
        # "file:" and the whitelist: a name or a playlist inside must never reach the network.
        container = av.open(
            f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"}
        )
    except FileNotFoundError as error:
        raise _cannot(path, "does not exist", "put it back or name another") from error
    except PermissionError as error:
        raise _cannot(
            path, "may not be read by this user", "correct the file's permissions"
        ) from error
    except av.error.FFmpegError as error:
        raise _cannot(
            path, "is not music, or is damaged at its beginning", "copy it again or replace it"
        ) from error
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, "unknown error")
        raise _cannot(path, f"cannot be read ({reason})", "check the disk it lies on") from error
    try:
        return container, _audio_stream(path, container)
    except DecodeError:
        container.close()
        raise


def _audio_stream(path: str, container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise _cannot(path, "holds no sound", "replace it by a music file")
    stream = container.streams.audio[0]
    codec: Any = stream.codec_context
    if codec is None:
        raise _cannot(
            path, "is copy-protected or in an unknown format", "use a copy without protection"
        )
    if codec.codec_tag in _PROTECTED_TAGS:
        raise _cannot(path, "is copy-protected (DRM)", "use a copy without protection")
    if not _RATES_HZ[0] <= codec.sample_rate <= _RATES_HZ[1] or codec.layout.nb_channels < 1:
        raise _cannot(path, "holds no sound that can be decoded", "copy it again")
    # Decoding happens in threads of ours, one a file; more would only cost.
    codec.thread_type = "NONE"
    if codec.name == "flac":
        # A frame whose checksum is wrong is left out: it would be noise at full level.
        codec.options = {"err_detect": "crccheck+explode"}
    return stream


def _cannot(path: str, why: str, remedy: str) -> DecodeError:
    return DecodeError(f"{path}: {why}; {remedy}")


def _length_s(container: InputContainer, stream: AudioStream) -> float:
    names = container.format.name.split(",")
    if stream.duration is not None and stream.time_base and not {"mp3", "aac"} & set(names):
        return float(stream.duration * stream.time_base)
    # A length that was guessed from the bit rate can be minutes off; the packets know.
    counted = 0
    for packet in container.demux(stream):
        counted += packet.duration or 0
    if counted and stream.time_base:
        return float(counted * stream.time_base)
    return 0.0 if container.duration is None else container.duration / av.time_base


def _alike(frame: AudioFrame, like: AudioFrame) -> bool:
    return (
        frame.sample_rate == like.sample_rate
        and frame.format.name == like.format.name
        and frame.layout.name == like.layout.name
    )


def _flushed(resampler: soxr.ResampleStream) -> Block:
    rest: Block = resampler.resample_chunk(np.zeros((0, 2), dtype=np.float32), last=True)
    return rest


def _kept(block: Block, dropped: int) -> Iterator[Block]:
    if len(block) > dropped:
        yield block[dropped:]
