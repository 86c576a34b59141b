"""Real music files, made here: every kind that a clinic has, whole and broken."""

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray


class Studio:
    """Makes files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tone(
        self,
        name: str,
        length_s: float = 1.0,
        *,
        rate_hz: int = 48_000,
        channels: int = 2,
        peak_dbfs: float = -12.0,
        subtype: str = "PCM_16",
    ) -> Path:
        """A tone of 440 Hz as WAV, FLAC, Ogg or MP3, by the name's suffix."""
        path = self._new(name)
        samples = np.repeat(self._sine(length_s, rate_hz, peak_dbfs)[:, None], channels, axis=1)
        kind = None if path.suffix in (".ogg", ".mp3") else subtype
        soundfile.write(path, samples, rate_hz, subtype=kind)
        return path

    def coded(
        self, name: str, codec: str, tags: dict[str, str] | None = None, length_s: float = 1.0
    ) -> Path:
        """A tone through one of libav's coders, with tags."""
        path = self._new(name)
        rate_hz = 48_000
        samples = self._sine(length_s, rate_hz, -12.0).astype(np.float32)
        with av.open(str(path), "w") as container:
            container.metadata.update(tags or {})
            stream: Any = container.add_stream(codec, rate=rate_hz)
            stream.layout = "stereo"
            frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), "fltp", "stereo")
            frame.sample_rate = rate_hz
            resampler = av.AudioResampler(
                stream.format.name, "stereo", rate_hz, frame_size=stream.frame_size or 4096
            )
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
        return path

    def protected(self, name: str) -> Path:
        """An M4A whose sound is encrypted: its sample entry says drms, as a store's files do."""
        path = self.coded(name + ".m4a", "aac")
        content = path.read_bytes()
        assert content.count(b"mp4a") >= 1
        path.unlink()
        return self.bytes(name, content.replace(b"mp4a", b"drms"))

    def bytes(self, name: str, content: bytes) -> Path:
        """Any file at all."""
        path = self._new(name)
        path.write_bytes(content)
        return path

    def cut(self, path: Path, part: float) -> Path:
        """The beginning of a file, as a copy that was interrupted."""
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * part)])
        return path

    def playlist(self, name: str, text: str) -> Path:
        """A playlist or profile."""
        return self.bytes(name, text.encode())

    def _new(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _sine(self, length_s: float, rate_hz: int, peak_dbfs: float) -> NDArray[np.float64]:
        time_s = np.arange(int(length_s * rate_hz)) / rate_hz
        return 10 ** (peak_dbfs / 20) * np.sin(2 * np.pi * 440 * time_s)


def picture() -> bytes:
    """The smallest PNG there is: a file that is no music."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + b"\0\0\0\0"
