"""Music files of given samples, made by the codecs that clinics' files come from."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from kaproom.audio.decoder import Decoder
from kaproom.audio.stereo import Block

# By suffix: libav's coder, or soundfile's subtype.
_CODERS = {"mp3": "libmp3lame", "m4a": "aac", "aac": "aac", "opus": "libopus"}
SUFFIXES = ("wav", "flac", "ogg", "mp3", "opus", "m4a", "aac")
SAMPLE_EXACT = ("wav", "flac")


def music(length_s: float, rate_hz: int = 48_000, seed: int = 1, peak: float = 0.3) -> Block:
    """Something with a different sound at every instant: a glide, noise, two channels."""
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).standard_normal((len(time_s), 2)) * 0.1
    left = np.sin(2 * np.pi * (200 + 40 * time_s + seed) * time_s)
    right = np.sin(2 * np.pi * (331 + 7 * time_s) * time_s)
    both = (np.stack([left, right], axis=1) * 0.7 + noise) * peak
    return both.astype(np.float32)


def tone(
    length_s: float, dbfs: float, rate_hz: int = 48_000, hz: float = 1000.0, phase: float = 0.0
) -> Block:
    """A sine in both channels; its level is its peak, as EBU Tech 3341 counts."""
    time_s = np.arange(round(length_s * rate_hz)) / rate_hz
    sine = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * time_s + phase)
    return np.repeat(sine[:, None], 2, axis=1).astype(np.float32)


def written(path: Path, samples: NDArray[Any], rate_hz: int = 48_000, subtype: str = "") -> Path:
    """A file of these samples, shape (frames, channels), in the kind that its suffix says."""
    suffix = path.suffix[1:]
    if suffix in _CODERS:
        _coded(path, samples.astype(np.float32), rate_hz, _CODERS[suffix])
    elif suffix == "ogg":
        # In pieces: libsndfile's Vorbis coder recurses on long ones.
        with soundfile.SoundFile(
            path, "w", rate_hz, samples.shape[1], format="OGG", subtype="VORBIS"
        ) as file:
            for start in range(0, len(samples), 4096):
                file.write(samples[start : start + 4096])
    else:
        soundfile.write(path, samples, rate_hz, subtype=subtype or "PCM_16")
    return path


def _coded(path: Path, samples: Block, rate_hz: int, coder: str) -> None:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    kind = "adts" if path.suffix == ".aac" else None
    with av.open(str(path), "w", format=kind) as container:
        stream: Any = container.add_stream(coder, rate=rate_hz)
        stream.layout = layout
        stream.bit_rate = 192_000
        if coder == "aac":
            # Else it draws noise of its own where it may, another at each reading.
            stream.codec_context.options = {"aac_pns": "0"}
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate_hz)
        if coder != "libopus":
            stream.codec_context.open()
            size = stream.codec_context.frame_size
        else:
            size = rate_hz // 50
        at = 0
        for start in range(0, len(samples), size):
            part = np.ascontiguousarray(samples[start : start + size].T)
            frame = av.AudioFrame.from_ndarray(part, "fltp", layout)
            frame.sample_rate = rate_hz
            frame.pts = at
            frame.time_base = Fraction(1, rate_hz)
            at += part.shape[1]
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))


def decoded(path: Path, rate_hz: int = 48_000, **where: Any) -> Block:
    """All of it, as the player reads it."""
    decoder = Decoder(path, rate_hz, **where)
    try:
        blocks = list(decoder)
    finally:
        decoder.close()
    return np.concatenate(blocks) if blocks else np.zeros((0, 2), dtype=np.float32)
