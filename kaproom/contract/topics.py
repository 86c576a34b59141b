"""The topics: where each message of a room goes, and which message a topic means."""

from __future__ import annotations

from dataclasses import dataclass

ROOT = "kaproom/1"
EVENT_KINDS = ("phase", "infusion", "note", "audio", "attention")


@dataclass(frozen=True, slots=True)
class RoomTopics:
    """The topics of one room."""

    site: str
    room: str

    @property
    def base(self) -> str:
        """What they all begin with."""
        return f"{ROOT}/{self.site}/{self.room}"

    @property
    def state(self) -> str:
        """The whole room in one message."""
        return f"{self.base}/state"

    @property
    def availability(self) -> str:
        """Whether its daemon is there."""
        return f"{self.base}/availability"

    @property
    def meta(self) -> str:
        """What it is, for people."""
        return f"{self.base}/meta"

    @property
    def replay(self) -> str:
        """Where a subscriber asks for events again."""
        return f"{self.base}/replay/req"

    def event(self, kind: str) -> str:
        """Where events of this kind go."""
        return f"{self.base}/event/{kind}"

    def attention(self, code: str) -> str:
        """Where this matter is retained while it is open."""
        return f"{self.base}/attention/{code}"

    @property
    def stations(self) -> str:
        """A filter for the snapshots of the site's stations."""
        return f"{ROOT}/{self.site}/station/+"


@dataclass(frozen=True, slots=True)
class Place:
    """What a topic means: ``part`` is what follows the room, "state" or "event/note"."""

    site: str
    room: str
    part: str


def station_topic(site: str, station: str) -> str:
    """Where a nurse station keeps its snapshot."""
    return f"{ROOT}/{site}/station/{station}"


def place(topic: str) -> Place | None:
    """What a topic means; of a station's, the room is ``station`` and the part its id."""
    levels = topic.split("/", 4)
    if len(levels) != 5 or "/".join(levels[:2]) != ROOT or not all(levels):
        return None
    return Place(*levels[2:])
