"""What a decoder gives, as stereo: float32, full scale 1.0, two channels, nothing insane.

Mono goes to both sides; surround is brought down as ITU-R BS.775 says, also where a
file names no layout. Each frame's result depends on that frame alone, so it does not
matter in what portions a file is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

Block = NDArray[np.float32]

# Louder than any music; only a decoder fed with damage makes it. +12 dBFS.
_FULL_SCALE_MAX = 4.0

# ITU-R BS.775: centre and surrounds at -3 dB, the low-frequency effects left out.
_HALF_POWER = 0.5**0.5
_TO_STEREO: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "FL": (1.0, 0.0),
        "FR": (0.0, 1.0),
        "FC": (_HALF_POWER, _HALF_POWER),
        "LFE": (0.0, 0.0),
        "LFE2": (0.0, 0.0),
        "BL": (_HALF_POWER, 0.0),
        "BR": (0.0, _HALF_POWER),
        "SL": (_HALF_POWER, 0.0),
        "SR": (0.0, _HALF_POWER),
        "BC": (0.5, 0.5),
        "FLC": (_HALF_POWER, 0.0),
        "FRC": (0.0, _HALF_POWER),
        "DL": (1.0, 0.0),
        "DR": (0.0, 1.0),
        "WL": (1.0, 0.0),
        "WR": (0.0, 1.0),
    }
)
_UNKNOWN_CHANNEL = (0.5, 0.5)
# libav's names, without the p of the planar kinds.
_KINDS: Mapping[str, str] = MappingProxyType(
    {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
)
# What a file means that names no layout: the default order of WAV and FLAC.
_USUAL_CHANNELS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        3: ("FL", "FR", "FC"),
        4: ("FL", "FR", "BL", "BR"),
        5: ("FL", "FR", "FC", "BL", "BR"),
        6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
        7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
        8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
    }
)


def samples_of(frame: AudioFrame) -> NDArray[Any]:
    """A decoded frame's own samples, shape (channels, frames), or (1, frames x channels).

    The planes are copied, since libav uses their memory again.
    """
    kind = _KINDS[frame.format.name.removesuffix("p")]
    planes = frame.planes
    each = frame.samples if frame.format.is_planar else frame.samples * frame.layout.nb_channels
    samples: NDArray[Any] = np.empty((len(planes), each), dtype=kind)
    for row, plane in zip(samples, planes, strict=True):
        memory: Any = plane
        row[:] = np.frombuffer(memory, dtype=kind, count=each)
    return samples


def to_stereo(parts: Sequence[NDArray[Any]], like: AudioFrame) -> Block:
    """Bring decoded frames of one format to two channels.

    Args:
        parts: As ``samples_of`` gives them.
        like: One of the frames they came from; says the format and the layout.

    Returns:
        Shape (frames, 2), contiguous, full scale 1.0, finite and below +12 dBFS.
    """
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    channels = like.layout.nb_channels
    by_channel = joined if like.format.is_planar else joined.reshape(-1, channels).T
    if channels > 2:
        names = [channel.name for channel in like.layout.channels]
        return _sane(_mixed_down(_as_float(by_channel.T), names))
    stereo = np.empty((by_channel.shape[1], 2), dtype=np.float32)
    if like.format.is_planar or channels == 1:
        # Side by side is five times as quick as turning the whole; mono goes to both sides.
        stereo[:, 0] = by_channel[0]
        stereo[:, 1] = by_channel[-1]
    else:
        stereo[:] = by_channel.T
    if joined.dtype == np.uint8:
        stereo -= np.float32(128)
    if joined.dtype.kind in "iu":
        stereo *= _scale(joined.dtype)
    return _sane(stereo)


def _scale(kind: np.dtype[Any]) -> np.float32:
    """What brings whole numbers of this width to a full scale of 1.0."""
    return np.float32(2.0 ** (1 - 8 * kind.itemsize))


def _as_float(samples: NDArray[Any]) -> Block:
    floats = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        floats -= np.float32(128)
    if samples.dtype.kind in "iu":
        floats *= _scale(samples.dtype)
    return floats


def _mixed_down(samples: Block, names: list[str]) -> Block:
    channels = samples.shape[1]
    if not set(names) & set(_TO_STEREO):
        names = list(_USUAL_CHANNELS.get(channels, ()))
    stereo = np.zeros((len(samples), 2), dtype=np.float32)
    for channel in range(channels):
        name = names[channel] if channel < len(names) else ""
        for side, share in enumerate(_TO_STEREO.get(name, _UNKNOWN_CHANNEL)):
            if share:
                stereo[:, side] += np.float32(share) * samples[:, channel]
    return stereo


def _sane(stereo: Block) -> Block:
    # Both comparisons are false for NaN as well.
    lowest, highest = stereo.min(initial=0.0), stereo.max(initial=0.0)
    if highest <= _FULL_SCALE_MAX and lowest >= -_FULL_SCALE_MAX:
        return stereo
    whole = np.nan_to_num(stereo, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(whole, -_FULL_SCALE_MAX, _FULL_SCALE_MAX)
