"""What one room is: its name, its sound device, its folders, its broker.

Everything has a default, so a room works with no file at all. Paths are relative to
the room file's own folder; kaproom.places turns them into folders.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from kaproom.session.model import Alias, Fault, Line, Many, Written, refuse, refuse_value

PathText = Annotated[str, Field(min_length=1, max_length=1000)]


def _not_station(alias: str) -> str:
    # The topic kaproom/1/{site}/station/{id} belongs to the stations.
    if alias == "station":
        refuse_value("that word belongs to the nurse stations; call the room something else")
    return alias


_BROKER_URL = re.compile(r"(mqtts?)://(\[[0-9a-fA-F:.]+\]|[^\s:/@?#\[\]]+)(?::(\d{1,5}))?/?")


def _broker_url(url: str) -> str:
    match = _BROKER_URL.fullmatch(url)
    if "@" in url:
        refuse_value("put no user or password in it; use broker.username and broker.password_file")
    if match is None or not 0 < int(match[3] or 1883) < 65536:
        refuse_value("write mqtt://HOST:1883, or mqtts://HOST:8883 with TLS")
    return url


class Calibration(Written):
    """What was measured at the headphones, so that levels can be told in dB(A)."""

    reference_dba: Annotated[float, Field(ge=30, le=110)]
    """A-weighted level at the ear of noise at -23 LUFS and a gain of 0 dB, in dB(A)."""
    headphones: Line | None = None
    """Which headphones it was measured with."""
    measured_on: Line | None = None
    """When, as YYYY-MM-DD, and by whom."""


class Broker(Written):
    """Where the room publishes its state."""

    url: Annotated[str, AfterValidator(_broker_url)]
    """mqtt://HOST:1883, or mqtts://HOST:8883 with TLS."""
    username: Line | None = None
    """The broker's user for this room."""
    password_file: PathText | None = None
    """A file whose first line is the password, readable by kaproom alone."""
    ca: PathText | None = None
    """Certificate authority of the broker, PEM."""
    cert: PathText | None = None
    """This room's certificate, PEM."""
    key: PathText | None = None
    """The certificate's private key, PEM, readable by kaproom alone."""

    @model_validator(mode="after")
    def _complete(self) -> "Broker":
        faults = []
        if (self.cert is None) != (self.key is None):
            there, missing = ("cert", "key") if self.key is None else ("key", "cert")
            faults.append(Fault((missing,), f"is missing; {there} needs it"))
        if self.password_file is not None and self.username is None:
            faults.append(Fault(("username",), "is missing; password_file needs it"))
        if (self.ca or self.cert) and not self.url.startswith("mqtts:"):
            faults.append(
                Fault(("url",), f"is '{self.url}'; certificates need TLS: write mqtts://HOST:8883")
            )
        refuse(faults)
        return self


class RoomFile(Written):
    """One room of one clinic."""

    kaproom: Literal["room/1"] = "room/1"
    """Always room/1, and always the first line."""
    site: Alias = "clinic"
    """The clinic's alias on the wire."""
    room: Annotated[Alias, AfterValidator(_not_station)] = "room"
    """The room's alias on the wire; it names no person."""
    display_name: Line | None = None
    """What people call the room; without it, its alias."""
    device: Line = "auto"
    """Sound output: auto, silent, or a name that `kaproom devices` lists."""
    latency_ms: Annotated[float, Field(ge=20, le=800)] = 100.0
    """How far ahead the sound device is filled, in ms."""
    rate_hz: Literal[44100, 48000, 88200, 96000] = 48000
    """The device's sample rate, in Hz."""
    calibration: Calibration | None = None
    """What was measured at the headphones."""
    data: PathText | None = None
    """The folder that keeps the record."""
    runtime: PathText | None = None
    """The folder of sockets and shared memory; on tmpfs, with a short path."""
    profiles: Many[PathText] = ()
    """The clinic's own folders of profiles, searched before all others."""
    playlists: Many[PathText] = ()
    """The clinic's own folders of playlists, searched before all others."""
    sheets: PathText | None = None
    """The folder that gets a session's sheet when it is signed off; without it, none is written."""
    broker: Broker | None = None
    """Where the room publishes its state; without it, nowhere."""

    @property
    def title(self) -> str:
        """What people call the room."""
        return self.display_name or self.room
