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


def to_stereo(parts: Sequence[NDArray[Any]], like: AudioFrame) -> Block:
    """Bring decoded frames of one format to two channels.

    Args:
        parts: As ``AudioFrame.to_ndarray`` gives them: shape (channels, frames) when
            planar, (1, frames x channels) when not.
        like: One of the frames they came from; says the format and the layout.

    Returns:
        Shape (frames, 2), contiguous, full scale 1.0, finite and below +12 dBFS.
    """
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    channels = like.layout.nb_channels
    by_frame = joined.T if like.format.is_planar else joined.reshape(-1, channels)
    samples = _as_float(by_frame)
    if channels == 1:
        stereo = np.repeat(samples, 2, axis=1)
    elif channels == 2:
        stereo = np.ascontiguousarray(samples)
    else:
        stereo = _mixed_down(samples, [channel.name for channel in like.layout.channels])
    return _sane(stereo)


def _as_float(samples: NDArray[Any]) -> Block:
    kind = samples.dtype
    if kind == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) * np.float32(2.0**-7)
    if np.issubdtype(kind, np.integer):
        return samples.astype(np.float32) * np.float32(2.0 ** (1 - 8 * kind.itemsize))
    return samples.astype(np.float32, copy=False)


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
    # The comparison is false for NaN as well.
    if np.abs(stereo).max(initial=0.0) <= _FULL_SCALE_MAX:
        return stereo
    whole = np.nan_to_num(stereo, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(whole, -_FULL_SCALE_MAX, _FULL_SCALE_MAX)
