"""The sound device: the one door to PortAudio.

A frozen sound server hangs whoever touches it. So PortAudio is touched by a thread of its
own only, whose owner never waits for it, and by the callback; and nothing is ever closed
or stopped, because that hangs as well: the process ends instead.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kaproom.clock import NS_PER_S, mono_ns

# Chosen: how often who keeps a device, and who keeps watch over him, looks at it. Each look
# costs some 0.4 ms, nearly all of it in caches gone cold; a long buffer bears fewer of them.
_BEAT_S: Final = 0.2
_LONG_BEAT_S: Final = 0.4
_LONG_MS: Final = 400
_RETRY_S: Final = 0.75
_RETRY_LIBRARY_S: Final = 5.0
_STALE_NS: Final = NS_PER_S  # what PortAudio saw of the devices longer ago may be over


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no device: ``cause`` for code, ``why`` one line for people."""

    cause: str
    why: str


NO_PORTAUDIO: Final = Failure(
    "no-portaudio", "PortAudio is not installed: sudo apt-get install libportaudio2"
)
HUNG: Final = Failure("frozen", "the sound server does not answer: wait, or restart it")
STALLED: Final = Failure("frozen", "the sound device stands still: wait, or restart the server")
FLEETING: Final = Failure("gone", "the sound device failed just after it was opened; trying again")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the room wants to hear on: ``device`` None is the system's default output."""

    device: str | None = None
    latency_ms: int = 100

    @property
    def name(self) -> str:
        """For people."""
        return self.device or "the default output"

    @property
    def beat_s(self) -> float:
        """How often its processes look at what they keep."""
        return _LONG_BEAT_S if self.latency_ms >= _LONG_MS else _BEAT_S


Call = Callable[[NDArray[np.float32], int], None]  # fill this; it is heard so many ns later


class Device:
    """One device, opened once in the life of its process.

    Args:
        asked: Which.
        rate_hz: Of what it will be given.
        call: PortAudio's callback.
        finished: Called when the device has let go of us.
    """

    def __init__(
        self, asked: Asked, rate_hz: int, call: Call, finished: Callable[[], None]
    ) -> None:
        self.name = ""
        self.failure: Failure | None = None
        self.underflows = 0  # PortAudio's own count, which is known to be low
        self.broken = False  # the thread ended by a mistake of ours or of PortAudio's
        self._asked = asked
        self._rate_hz = rate_hz
        self._call = call
        self._finished = finished
        self._stream: Any = None  # sounddevice.OutputStream
        self._touched_ns = 0  # since when the thread has been inside PortAudio; 0 if it is not
        self._wanted_ns = 0
        self._wanted = threading.Event()
        self._pause = threading.Event()  # never set
        self._thread = threading.Thread(target=self._run, name="opener", daemon=True)
        self._hold_off_s = 0.0

    def prepare(self) -> None:
        """Wake PortAudio, but open nothing yet."""
        self._thread.start()

    def open(self, hold_off_s: float = 0.0) -> None:
        """Open as soon as it can be done; returns at once.

        When it was not prepared, PortAudio is not touched at all for ``hold_off_s``.
        """
        self._wanted_ns = mono_ns()
        self._wanted.set()
        if self._thread.ident is None:
            self._hold_off_s = hold_off_s
            self._thread.start()

    def hanging_ns(self, now_ns: int) -> int:
        """For how long the wish to open it has been stuck in PortAudio."""
        touched_ns = self._touched_ns
        return now_ns - max(touched_ns, self._wanted_ns) if touched_ns else 0

    def _run(self) -> None:
        try:
            self._work()
        except BaseException:
            self.broken = True
            raise

    def _work(self) -> None:
        self._pause.wait(self._hold_off_s)
        self._touched_ns = mono_ns()
        with contextlib.suppress(OSError):
            _awake()
        prepared_ns = mono_ns()
        self._touched_ns = 0
        self._wanted.wait()
        anew = mono_ns() - prepared_ns > _STALE_NS
        # What has been prepared is tried as it is: that is what makes it quick.
        failure = self._attempt(anew=False)
        if failure is not None and anew:
            failure = self._attempt(anew=True)
        while failure is not None:
            self.failure = failure
            absent = failure is NO_PORTAUDIO
            self._pause.wait(_RETRY_LIBRARY_S if absent else _RETRY_S)
            failure = self._attempt(anew=not absent)

    def _attempt(self, anew: bool) -> Failure | None:
        self._touched_ns = mono_ns()
        failure = self._try_to_open(anew)
        self._touched_ns = 0
        return failure

    def _try_to_open(self, anew: bool) -> Failure | None:
        try:
            sounddevice = _awake()
        except OSError:
            return NO_PORTAUDIO
        name = self._asked.name
        try:
            if anew:
                # Only a new initialisation sees devices that came back.
                with contextlib.suppress(sounddevice.PortAudioError):
                    sounddevice._terminate()
                sounddevice._initialize()
            self.name = sounddevice.query_devices(self._asked.device, "output")["name"]
        except ValueError as error:
            if "Multiple" in str(error):
                return Failure("no-device", f"{name} names several outputs: see kaproom devices")
            return Failure("no-device", f"no sound output is named {name}: see kaproom devices")
        except sounddevice.PortAudioError:
            why = "there is no sound output: plug it in, or start the sound server"
            return Failure("no-device", why)
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=self._rate_hz,
                blocksize=0,
                device=self._asked.device,
                channels=2,
                dtype="float32",
                latency=self._asked.latency_ms / 1000,
                callback=self._fill,
                finished_callback=self._finished,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            said = " ".join(str(error.args[0]).split())
            return Failure("refused", f"{name} refused {self._rate_hz} Hz stereo: {said}")
        return None

    def _fill(self, out: NDArray[np.float32], _frames: int, at: Any, status: Any) -> None:
        latency_ns = int((at.outputBufferDacTime - at.currentTime) * NS_PER_S)
        if not 0 <= latency_ns < 5 * NS_PER_S:
            latency_ns = self._asked.latency_ms * 1_000_000
        if status:
            self.underflows += 1
        self._call(out, latency_ns)


def warm_up() -> None:
    """Do what every process would have to do before it wakes PortAudio."""
    with contextlib.suppress(ImportError):
        importlib.import_module("_sounddevice")
    found = ctypes.util.find_library("portaudio")
    if found is not None:
        # Looking for it costs a process, each time.
        find = ctypes.util.find_library
        ctypes.util.find_library = lambda name: found if name == "portaudio" else find(name)


def outputs() -> list[dict[str, Any]]:
    """The outputs that there are: name, whether it is the default, its own rate.

    May hang; raises OSError when PortAudio is not installed.
    """
    sounddevice = _awake()
    default = sounddevice.default.device[1]
    return [
        {
            "name": device["name"],
            "default": device["index"] == default,
            "rate_hz": round(device["default_samplerate"]),
        }
        for device in sounddevice.query_devices()
        if device["max_output_channels"] >= 2
    ]


def _awake() -> Any:
    # Its import initialises PortAudio, so it cannot stand at the top.
    return importlib.import_module("sounddevice")
