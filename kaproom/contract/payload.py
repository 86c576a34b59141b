"""Every payload on the bus, as the room builds it and a subscriber reads it.

The shipped JSON Schemas and the AsyncAPI document are made from these models, never by
hand. Adding a key is free, so whoever reads ignores what it does not know; a key that is
here keeps its meaning for as long as the topics begin with ``kaproom/1``.

Nothing here can hold a name, a weight, a dose, a note's text or a track's title: there is
no key for it, and every text is a word of a fixed list, an alias, or a hash.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, RootModel

from kaproom.session.model import Alias, Line

HEARTBEAT_S = 2.0
"""The state comes at least so often."""

Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Seconds = Annotated[float, Field(ge=0)]
Hash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
Opaque = Annotated[str, Field(pattern=r"^[0-9a-z-]{1,64}$")]
PhaseName = Annotated[
    str,
    Field(pattern=r"^(settling|onset|ascent|peak|descent|landing|recovery|phase-[1-9][0-9]{0,3})$"),
]
"""A shipped name; a clinic's own stays in the room and goes out as ``phase-3``."""


# Even a clock without a battery says 1970. What lies beyond cannot be turned into a local
# time, or taken from another, without leaving the calendar.
YEAR_MIN, YEAR_MAX = 1900, 9000


def _of_the_calendar(at: datetime) -> datetime:
    if not YEAR_MIN <= at.year <= YEAR_MAX:
        raise ValueError(f"a year between {YEAR_MIN} and {YEAR_MAX}")
    return at


Moment = Annotated[AwareDatetime, AfterValidator(_of_the_calendar)]
"""A moment by a wall clock, right or wrong."""


class SoundWord(StrEnum):
    """What the headphones do."""

    PLAYING = "playing"
    CALM = "calm"
    DUCKED = "ducked"
    AWAY = "away"
    PLANNED_SILENCE = "planned-silence"
    FADED = "faded"
    UNPLANNED_SILENCE = "unplanned-silence"
    DEVICE_LOST = "device-lost"
    OFF = "off"


class Priority(StrEnum):
    """How much a matter presses."""

    NOTICE = "notice"
    ASSIST = "assist"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """Higher presses more."""
        return list(Priority).index(self)


class Code(StrEnum):
    """What may be open in a room."""

    CALL = "call"
    SOUND_LOST = "sound-lost"
    DEVICE_LOST = "device-lost"
    RECORD_FAILING = "record-failing"
    PROMPT_OVERDUE = "prompt-overdue"
    DAEMON_RESTARTED = "daemon-restarted"
    INTERRUPTED = "interrupted"
    DISK_LOW = "disk-low"


class Part(BaseModel):
    """A part of a payload: frozen, exact about types, deaf to keys that it does not know."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class FromRoom(Part):
    """What every message of a room begins with."""

    v: Literal[1] = 1
    """The contract's version, as in the topic."""
    site: Alias
    """The clinic's alias, as in the topic."""
    room: Alias
    """The room's alias, as in the topic."""
    boot: Count
    """Counts the starts of the room's daemon; with seq it orders the messages of a topic."""
    seq: Count
    """Of two messages of one boot on one topic the higher is the newer."""
    ts: Moment
    """The room's wall clock. For people: staleness is judged by arrival, never by this."""


class SessionPart(Part):
    """The session, while there is one."""

    id: Opaque
    """Random; it says nothing of the patient."""
    state: Literal["open", "ending"]
    """ending: the sound fades out, and the record is about to be closed."""
    session_s: float | None
    """Seconds since the infusion started; null before it."""
    planned_s: Seconds
    """Planned end, in seconds after the infusion's start."""
    interrupted_s: Seconds | None = None
    """So long the room was without power; null unless it still waits for somebody to say
    what the pump does. Until then the infusion is unconfirmed and the refuge plays."""


class PhasePart(Part):
    """The phase that the music is in."""

    name: PhaseName
    """A shipped name, or ``phase-N`` for one of the clinic's own."""
    index: Count
    """From 0."""
    count: Count
    """How many phases the profile has."""
    elapsed_s: Seconds
    """Since it began."""
    remaining_s: Seconds | None
    """null: it ends when somebody does something."""
    held: bool
    """Somebody asked to stay in it."""
    hold_ends_in_s: Seconds | None = None
    """Until that is over by itself; null: when somebody says so."""


class InfusionPart(Part):
    """What was recorded of the infusion. kaproom neither sees nor controls the pump."""

    state: Literal["not-started", "running", "paused", "stopped", "complete", "unconfirmed"]
    """As recorded by people; unconfirmed: it should be over, and nobody recorded it, or the
    room was without power and nobody has said yet what the pump does."""
    elapsed_s: Seconds | None
    """Of infusion received, pauses left out; null before its start."""
    planned_s: Seconds
    """How long it is planned to run."""
    remaining_s: Seconds
    """By the plan."""


class SoundPart(Part):
    """What the headphones do."""

    state: SoundWord
    """One word, the gravest that is true."""
    level_lufs: float | None
    """Momentary loudness of what left for the device; null for silence."""
    underruns: Count
    """Times that the output wanted sound and had none."""
    device: Literal["present", "silent", "lost", "none"]
    """silent: a room without headphones, by choice. The device's name stays in the room."""
    since_s: Seconds | None = None
    """For how long, of away, faded, ducked and calm; null of every other."""


class NotesPart(Part):
    """How many notes there are, and how old the last one is."""

    count: Count
    """Of this session."""
    last_s: Seconds | None
    """Seconds since the last one."""
    last_category: Alias | None
    """null unless the profile marks its category ``share``."""


class PromptsPart(Part):
    """The silent timers that ask for a note."""

    next_in_s: Seconds | None
    """Seconds to the next one."""
    overdue: Count
    """So many were not answered in time."""


class AttentionPart(Part):
    """What is open; each has a topic of its own as well."""

    highest: Priority | None
    """Of those that are open; null when nothing is."""
    open: list[Code]
    """In the order in which they came."""


class RecordPart(Part):
    """Where the room's record ends; kept elsewhere, it proves that nothing was cut off."""

    head_seq: Count
    """The newest entry's number."""
    head_hash: Hash
    """The newest entry's hash."""


class EventsPart(Part):
    """Where the numbered events end, so that a gap at the end shows as well."""

    series: Opaque
    """Changes only if the room begins a new record; numbers then begin again."""
    last_seq: Count
    """The newest event's number; 0 before the first."""


class ClockPart(Part):
    """The room's wall clock."""

    synced: bool | None
    """Whether the room's kernel says that it is disciplined; null if it does not say."""


class NextPhase(Part):
    """The phase that comes next."""

    phase: PhaseName
    """A shipped name, or ``phase-N``."""
    in_s: Seconds
    """Until it begins."""


class NextPiece(Part):
    """A piece that is to come. Never which: a title stays in the room."""

    phase: PhaseName
    """The phase that it belongs to."""
    in_s: Seconds
    """Until it begins to enter."""


class AheadPart(Part):
    """What lies ahead, as things stand; it moves with what is recorded."""

    end_in_s: Seconds | None
    """Until the planned end, a pause being taken to end now; null while that is open."""
    waits_for: Literal["infusion", "advance"] | None
    """What the phase cannot go on without; null: it goes on by itself."""
    change: NextPhase | None
    """null: no phase comes, or nobody knows when."""
    cues: Annotated[list[NextPiece], Field(max_length=3)]
    """The next pieces, in order."""


class State(FromRoom):
    """The whole room in one message: on every change, and every ``heartbeat_s``."""

    up_s: Seconds
    """Since the room's daemon started."""
    heartbeat_s: Annotated[float, Field(gt=0)] = HEARTBEAT_S
    """The next one comes within this. Over 3 of them: STALE; over 10: NO DATA."""
    session: SessionPart | None
    """null between sessions; so are phase, infusion, notes and prompts."""
    phase: PhasePart | None
    infusion: InfusionPart | None
    sound: SoundPart
    notes: NotesPart | None
    prompts: PromptsPart | None
    ahead: AheadPart | None = None
    """null between sessions, and from a room that does not tell."""
    attention: AttentionPart
    record: RecordPart
    events: EventsPart
    clock: ClockPart


class Meta(FromRoom):
    """What the room is, for people."""

    kaproom: Annotated[str, Field(max_length=40)]
    """Version of the program."""
    display_name: Line
    """What people call the room."""
    heartbeat_s: Annotated[float, Field(gt=0)] = HEARTBEAT_S
    """As in the state."""


class AvailabilityWord(StrEnum):
    """Whether the room's daemon is there."""

    ONLINE = "online"
    OFFLINE = "offline"
    STOPPED = "stopped"


class Availability(RootModel[AvailabilityWord]):
    """One bare word, not JSON.

    ``offline`` is the last will: the connection was lost, or the daemon went during a
    session. ``stopped``: it went in peace, and no session is open.
    """


class Event(FromRoom):
    """Something that happened, from the room's record.

    ``seq`` numbers the events of a room over all five topics, from 1, without gaps, across
    restarts, as long as ``series`` stays the same. ``boot`` is the one that recorded it.
    """

    series: Opaque
    """As in the state."""
    entry: Count
    """The number of the entry in the room's record."""
    late: bool
    """It was entered after the event; ``ts`` is when it happened."""
    session: Opaque | None
    """The session's id; null outside of one."""
    session_s: float | None
    """Seconds since the infusion's start, as known then."""


class PhaseEvent(Event):
    """The session and its phases."""

    what: Literal["session-started", "entered", "held", "advanced", "session-ended"]
    """held and advanced were asked for by a person."""
    name: PhaseName | None
    """The phase that is meant."""


class InfusionEvent(Event):
    """What people recorded of the pump. No rate, no dose."""

    what: Literal["started", "paused", "resumed", "stopped", "rate", "bolus"]
    """rate: it was changed; bolus: one was given."""


class NoteEvent(Event):
    """A note was made or corrected. Never its text."""

    what: Literal["noted", "amended", "withdrawn"]
    """withdrawn: it was entered in error."""
    category: Alias | None
    """null unless the profile marks it ``share``."""
    amends: Count | None
    """The ``entry`` that is corrected."""


class AudioEvent(Event):
    """What is heard changed, or a piece failed and another took its place."""

    what: Literal["state", "source-failed"]
    state: SoundWord | None
    """What the headphones do now."""
    was: SoundWord | None
    """What they did before."""


class AttentionEvent(Event):
    """A matter was raised or cleared."""

    what: Literal["raised", "cleared"]
    code: Code
    id: Opaque
    """Of this raising: the same in the retained message, and in the stations' receipts."""
    priority: Priority


AnyEvent = PhaseEvent | InfusionEvent | NoteEvent | AudioEvent | AttentionEvent


class Attention(FromRoom):
    """A matter that is open. Retained; an empty payload clears it."""

    code: Code
    """As in the topic."""
    id: Opaque
    """Of this raising; a station names it when it has shown it."""
    priority: Priority
    since: Moment
    """When it was raised."""


class ReplayRequest(Part):
    """Send the events ``from`` to ``to`` again, on their own topics, to everybody.

    At most 1,000 events a request; what does not exist is left out. A request for another
    series is ignored.
    """

    v: Literal[1] = 1
    from_seq: Annotated[int, Field(ge=-(2**53), le=2**53, alias="from")]
    """The first number."""
    to_seq: Annotated[int, Field(ge=-(2**53), le=2**53, alias="to")]
    """The last number."""
    series: Opaque | None = None
    """The numbering that is meant; without it, the room's present one."""


class StationRoom(Part):
    """A room that a station shows, and up to which of its states."""

    room: Alias
    boot: Count
    seq: Count


class Shown(Part):
    """A matter that stands on a station's screen."""

    room: Alias
    code: Code
    id: Opaque
    """The raising that is meant."""


class Acknowledged(Shown):
    """A matter that somebody at the station has taken note of."""

    by: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=40)]
    """Who, as the nurses sign: initials, or a role. It is shown in the room."""
    at: Moment
    """When, by the station's clock."""


class StationSnapshot(Part):
    """What one nurse station shows. Retained; its last will clears it."""

    v: Literal[1] = 1
    site: Alias
    station: Alias
    """The station's id, as in the topic."""
    display_name: Line | None = None
    """What people call it; shown in the room."""
    ts: Moment
    """The station's wall clock."""
    heartbeat_s: Annotated[float, Field(gt=0)] | None = None
    """The next one comes within this, and over 3 of them the station is not believed to
    show anything; null: it comes when it is different, and the last will alone tells."""
    rooms: Annotated[list[StationRoom], Field(max_length=2000)]
    shown: Annotated[list[Shown], Field(max_length=500)] = []
    acknowledged: Annotated[list[Acknowledged], Field(max_length=500)] = []
