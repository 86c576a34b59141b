"""What the benches need: peers from apt, real music from Debian, cut into what is played.

Everything lies in a cache outside the repository and is made once. What cannot be had is
said, and the benches that want it go without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

TOOLS = {
    "pulseaudio": "pulseaudio",
    "parec": "pulseaudio-utils",
    "ffmpeg": "ffmpeg",
    "mpv": "mpv",
    "mpd": "mpd",
    "mpc": "mpc",
    "liquidsoap": "liquidsoap",
    "loudgain": "loudgain",
    "Xvfb": "xvfb",
    "mosquitto": "mosquitto",
}
"""What is run, and the package that brings it."""

# Both free to use: CC BY-SA and GPL.
_MUSIC = {48_000: "singularity-music", 44_100: "wesnoth-1.16-music"}
PIECE_S = 60
PIECES = 16
TONE_HZ = 440.0
TONE_DBFS = -20.0
TONE_S = 1200


@dataclass(frozen=True, slots=True)
class Stock:
    """The cache."""

    folder: Path
    say: Callable[[str], None]

    def tools(self, install: bool) -> None:
        """Install the peers that are missing, where that is possible."""
        missing = sorted({pkg for tool, pkg in TOOLS.items() if not shutil.which(tool)})
        if not missing or not install:
            self._without(missing)
            return
        self.say(f"installing {' '.join(missing)}")
        sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for package in missing:
            # One by one: what cannot be had must not keep the others away.
            subprocess.run(
                [*sudo, "apt-get", "install", "-y", "-q", "--no-install-recommends", package],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
                check=False,
            )
        self._without([pkg for tool, pkg in TOOLS.items() if not shutil.which(tool)])

    def _without(self, packages: list[str]) -> None:
        for package in packages:
            self.say(f"going without {package}: as root, apt-get install {package}")

    def album(self, rate_hz: int) -> list[Path]:
        """Whole tracks of a Debian package, Ogg Vorbis stereo at ``rate_hz``."""
        package = _MUSIC[rate_hz]
        unpacked = self.folder / package
        if not unpacked.is_dir():
            self.say(f"downloading {package}")
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["apt-get", "download", "-q", package], cwd=self.folder, check=True)
            (deb,) = self.folder.glob(f"{package}_*.deb")
            new = self.folder / f".{package}.new"
            subprocess.run(["dpkg-deb", "-x", deb, new], check=True)
            new.rename(unpacked)
            deb.unlink()
        tracks = sorted(unpacked.rglob("*.ogg"))
        return [t for t in tracks if _fits(t, rate_hz)]

    def pieces(self, rate_hz: int, suffix: str = ".flac") -> list[Path]:
        """Up to 16 pieces of 60 s of real music, at ``rate_hz``; 16 bit where bits are."""
        folder = self.folder / f"pieces-{rate_hz}{suffix.replace('.', '-')}"
        if not folder.is_dir():
            self.say(f"cutting music into {folder.name}")
            new = self.folder / f".{folder.name}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            for number, track in enumerate(self.album(rate_hz)[:PIECES]):
                _ffmpeg(
                    "-ss",
                    30,
                    "-t",
                    PIECE_S,
                    "-i",
                    track,
                    *_coder(suffix),
                    new / f"{number + 1:02} piece{suffix}",
                )
            new.rename(folder)
        return sorted(folder.iterdir())

    def three_hours(self) -> Path:
        """One MP3 of three hours, of real music."""
        path = self.folder / "three-hours.mp3"
        if not path.exists():
            self.say("encoding an MP3 of three hours")
            names = self.folder / "three-hours.txt"
            tracks = self.album(44_100)
            lines = [f"file '{str(t).replace(chr(39), chr(39) * 2)}'\n" for t in tracks * 3]
            names.write_text("".join(lines))
            new = path.with_name(".three-hours.mp3")
            _ffmpeg("-f", "concat", "-safe", 0, "-i", names, "-t", 10_800, *_coder(".mp3"), new)
            new.rename(path)
        return path

    def tone(self) -> Path:
        """20 min whose amplitude is the same at every sample: sine left, cosine right."""
        path = self.folder / "tone.flac"
        if not path.exists():
            self.say("making a tone")
            self.folder.mkdir(parents=True, exist_ok=True)
            new = path.with_name(".tone.flac")
            rate_hz = 48_000
            with soundfile.SoundFile(new, "w", rate_hz, 2, "PCM_24", format="FLAC") as file:
                for second in range(TONE_S):
                    frames = np.arange(second * rate_hz, (second + 1) * rate_hz)
                    angle = 2 * np.pi * TONE_HZ / rate_hz * frames
                    both = np.stack([np.sin(angle), np.cos(angle)], axis=1)
                    file.write(both * 10 ** (TONE_DBFS / 20))
            new.rename(path)
        return path


def _coder(suffix: str) -> list[str]:
    return {
        ".flac": ["-c:a", "flac", "-sample_fmt", "s16"],
        ".mp3": ["-c:a", "libmp3lame", "-b:a", "192k"],
    }[suffix]


def _ffmpeg(*words: object) -> None:
    told = ["ffmpeg", "-nostdin", "-v", "fatal", "-y", *map(str, words)]
    subprocess.run(told, check=True)


def _fits(track: Path, rate_hz: int) -> bool:
    about = soundfile.info(track)
    long_enough = about.duration >= PIECE_S + 30
    return bool(about.samplerate == rate_hz and about.channels == 2 and long_enough)
