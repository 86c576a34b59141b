"""Infusion, profile and repertoire in; phases and the whole list of cues out.

The planner is pure: the same input gives the same plan. It plans from a moment
onwards; what has sounded stays, and what sounds then goes on unless it is told
otherwise. Every plan ends in a bed without end.

Times are ``at_s``: seconds since the session was opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from kaproom.session.infusion import Infusion
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, Repertoire, bed_of, gain_db

# Shorter than this a track is not worth beginning: the bed fills such a rest.
WORTH_BEGINNING_S = 45.0
# A crossfade takes at most this part of the piece that enters.
CROSSFADE_MAX_PART = 0.4
# A phase without a known end is planned this far; then its bed plays on.
HORIZON_S = 4 * 3600.0
# The mixer lets the gain rise 1 dB/s, so an entrance is at least as long as its rise in dB.
RISE_DB_PER_S = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """A phase in time. ``start_s`` or ``end_s`` is None while it cannot be known."""

    index: int
    name: str
    start_s: float | None
    end_s: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """Where the session is among its phases.

    Attributes:
        index: The phase now.
        since_s: When it began.
        held: Whether people asked to stay in it.
    """

    index: int = 0
    since_s: float = 0.0
    held: bool = False


@dataclass(frozen=True, slots=True)
class PlannedCue:
    """One piece in its place.

    Attributes:
        id: Unique in the session.
        offer: What plays.
        phase_index: The phase that it belongs to.
        start_s: When its entrance begins.
        crossfade_s: How long its entrance takes.
        gain_db: Normalisation, phase level and trim.
        cue_in_s: Where in the file, or in the endless soundscape, it begins.
        end_s: When it ends by itself or its turn is over; None for a bed without end.
        intensity: For soundscapes.
    """

    id: str
    offer: Offer
    phase_index: int
    start_s: float
    crossfade_s: float
    gain_db: float
    cue_in_s: float = 0.0
    end_s: float | None = None
    intensity: float = 0.5

    @property
    def loudness_lufs(self) -> float:
        """What it sounds like, before the level."""
        return self.offer.loudness_lufs + self.gain_db

    def position_s(self, at_s: float) -> float:
        """Where in the file, or in the soundscape, it is at ``at_s``."""
        return self.cue_in_s + at_s - self.start_s

    def moved(self, start_s: float) -> PlannedCue:
        """The same cue begun at another moment."""
        end_s = None if self.end_s is None else self.end_s + start_s - self.start_s
        return replace(self, start_s=start_s, end_s=end_s)


def music_clock_s(profile: Profile, infusion: Infusion, at_s: float) -> float | None:
    """The clock that phases wait for; None before the infusion.

    It is the infusion's clock until a stop. A stop before the descent carries it to the
    descent's start; after a stop it runs on.
    """
    elapsed = infusion.elapsed_s(at_s)
    stopped = infusion.stopped_at_s
    if elapsed is None or stopped is None or at_s < stopped:
        return elapsed
    return max(elapsed, _start_s(profile, profile.descent_index)) + at_s - stopped


def at_music_clock(
    profile: Profile, infusion: Infusion, clock_s: float, now_s: float
) -> float | None:
    """When the music's clock shows ``clock_s``; a pause is taken to end at ``now_s``."""
    stopped = infusion.stopped_at_s
    if stopped is None:
        return infusion.at_elapsed(clock_s, now_s)
    reached = music_clock_s(profile, infusion, stopped)
    if reached is None or clock_s >= reached:
        return stopped + clock_s - (reached or 0.0)
    return min(stopped, infusion.at_elapsed(clock_s, now_s) or stopped)


def phase_by_clock(profile: Profile, infusion: Infusion, at_s: float) -> int:
    """Index of the phase that the infusion asks for at ``at_s``."""
    clock = music_clock_s(profile, infusion, at_s)
    if clock is None:
        return 0
    return max(i for i in range(len(profile.phases)) if i == 0 or _start_s(profile, i) <= clock)


def spans(profile: Profile, infusion: Infusion, course: Course, now_s: float) -> tuple[Span, ...]:
    """Every phase in time, as things stand at ``now_s``.

    The present phase's start is when it began; later ones are predicted, a pause being
    taken to end now. What waits for the infusion, or for a hold, has no time yet.
    """
    starts: list[float | None] = []
    for index in range(len(profile.phases)):
        if index < course.index:
            starts.append(None)
        elif index == course.index:
            starts.append(course.since_s)
        elif infusion.started_at_s is None or course.held:
            starts.append(None)
        else:
            at_s = at_music_clock(profile, infusion, _start_s(profile, index), now_s)
            starts.append(None if at_s is None else max(at_s, now_s))
    end = None
    if infusion.started_at_s is not None and not course.held:
        end = at_music_clock(profile, infusion, profile.session_end_min * 60, now_s)
    ends = [*starts[1:], end]
    return tuple(
        Span(i, phase.name, starts[i], ends[i] if i >= course.index else None)
        for i, phase in enumerate(profile.phases)
    )


@dataclass(frozen=True, slots=True)
class Occasion:
    """From where, and around what, to plan.

    Attributes:
        from_s: Nothing before this moment changes.
        sounding: What sounds then; None at the start.
        keep: Whether ``sounding`` goes on to its end (else it leaves at ``from_s``).
        first_crossfade_s: Of the first new cue, where it must be long.
        used: Keys that this session has played or thrown out.
        number: The next cue's number.
        open_ended: Whether the present phase has no end (paused, held, not started).
        no_louder_than_lufs: A limit on the first new cue.
    """

    from_s: float
    sounding: PlannedCue | None
    keep: bool = True
    first_crossfade_s: float | None = None
    used: frozenset[str] = field(default=frozenset())
    number: int = 1
    open_ended: bool = False
    no_louder_than_lufs: float | None = None


def plan(
    profile: Profile,
    repertoire: Repertoire,
    phases: tuple[Span, ...],
    course: Course,
    occasion: Occasion,
) -> tuple[PlannedCue, ...]:
    """Every cue that is to start at or after ``occasion.from_s``, in order.

    With a sounding bed without end and nothing to change, that may be none at all.
    """
    writer = _Writer(profile, repertoire, occasion)
    ahead = phases[course.index :]
    for span in ahead:
        last = span is ahead[-1]
        if span.index == course.index:
            start_s = occasion.from_s
        elif span.start_s is None or occasion.open_ended:
            break
        else:
            start_s = max(span.start_s, occasion.from_s)
        end_s = None if occasion.open_ended else span.end_s
        entering = span.index != course.index or not occasion.keep or occasion.sounding is None
        writer.fill(span.index, start_s, end_s, entering=entering, last=last)
    return tuple(writer.cues)


class _Writer:
    """Writes one plan down, phase by phase."""

    def __init__(self, profile: Profile, repertoire: Repertoire, occasion: Occasion) -> None:
        self.profile = profile
        self.repertoire = repertoire
        self.cues: list[PlannedCue] = []
        self.current = occasion.sounding
        self.used = set(occasion.used)
        self.number = occasion.number
        self.first_crossfade_s = occasion.first_crossfade_s
        self.no_louder_than_lufs = occasion.no_louder_than_lufs

    def fill(
        self, index: int, start_s: float, end_s: float | None, *, entering: bool, last: bool
    ) -> None:
        """Write the cues of one phase."""
        position = start_s if entering else self._leaving_s(start_s, end_s, index)
        closing = self._closing() if last and end_s is not None else None
        if closing is None or end_s is None:
            self._pieces(index, position, end_s)
        else:
            before_s = max(start_s, end_s - (closing.length_s or 0.0))
            self._pieces(index, position, before_s)
            self._add(closing, index, before_s, None)
        if last:
            self._end_in_a_bed(index)

    def _closing(self) -> Offer | None:
        """The patient's own piece, unless it has its place already."""
        closing = self.repertoire.closing
        return None if closing is None or closing.key in self.used else closing

    def _leaving_s(self, start_s: float, end_s: float | None, index: int) -> float:
        """When what sounds at the start of the plan gives way by itself."""
        current = self.current
        assert current is not None
        if current.end_s is None:
            return end_s if end_s is not None else float("inf")
        return max(start_s, current.end_s - self._crossfade_s(index))

    def _pieces(self, index: int, position: float, end_s: float | None) -> None:
        horizon_s = position + HORIZON_S
        while position < (horizon_s if end_s is None else end_s - 1.0):
            room_s = None if end_s is None else end_s - position
            offer = self._next_offer(index, room_s)
            if offer is None:
                self._bed(index, position)
                return
            cue = self._add(offer, index, position, self._turn_s(offer, room_s))
            if cue.end_s is None:
                return
            position = cue.end_s - (0.0 if offer.length_s is None else self._crossfade_s(index))
        if end_s is None and position < float("inf"):
            self._bed(index, position)

    def _next_offer(self, index: int, room_s: float | None) -> Offer | None:
        """The next piece in the therapist's order; one that fits before one that is cut."""
        phase = self.profile.phases[index]
        offers = self.repertoire.for_phase(phase)
        unused = [o for o in offers if o.length_s is not None and o.key not in self.used]
        if room_s is None:
            fitting = unused
        else:
            within = room_s + self._crossfade_s(index)
            fitting = [o for o in unused if (o.length_s or 0.0) <= within]
            if not fitting and room_s >= WORTH_BEGINNING_S:
                fitting = unused
        if fitting:
            return fitting[0]
        if unused:
            return None
        return self._next_soundscape(offers, room_s)

    def _next_soundscape(self, offers: tuple[Offer, ...], room_s: float | None) -> Offer | None:
        beds = [o for o in offers if o.length_s is None]
        if not beds or (room_s is not None and room_s < 1.0):
            return None
        if len(beds) == 1:
            return beds[0].model_copy(update={"turn_s": None})
        playing = self.current.offer.key if self.current else None
        keys = [o.key for o in beds]
        if playing in keys:
            return beds[(keys.index(playing) + 1) % len(beds)]
        fresh = [o for o in beds if o.key not in self.used]
        return (fresh or beds)[0]

    def _turn_s(self, offer: Offer, room_s: float | None) -> float | None:
        """How long a soundscape of a section has before the next piece's turn."""
        if offer.length_s is not None or offer.turn_s is None:
            return None
        if room_s is not None and room_s - offer.turn_s < WORTH_BEGINNING_S:
            return None
        return offer.turn_s

    def _bed(self, index: int, at_s: float) -> None:
        bed = bed_of(self.profile, index, self.repertoire.seed)
        current = self.current
        if (
            current is not None
            and current.phase_index == index
            and current.offer.soundscape == bed.soundscape
            and current.end_s is None
        ):
            return
        self._add(bed, index, at_s, None)

    def _end_in_a_bed(self, index: int) -> None:
        current = self.current
        if current is not None and current.end_s is not None:
            self._bed(index, max(current.start_s, current.end_s - self._crossfade_s(index)))

    def _add(self, offer: Offer, index: int, at_s: float, turn_s: float | None) -> PlannedCue:
        phase = self.profile.phases[index]
        gain = gain_db(offer, self.profile, phase, self.no_louder_than_lufs)
        crossfade = self._entrance_s(offer, index, gain)
        length_s = offer.length_s if offer.length_s is not None else turn_s
        cue = PlannedCue(
            id=f"c{self.number}",
            offer=offer,
            phase_index=index,
            start_s=at_s,
            crossfade_s=crossfade,
            gain_db=gain,
            # A soundscape goes on from the session's own clock, so that it never repeats.
            cue_in_s=offer.cue_in_s if offer.soundscape is None else max(0.0, at_s),
            end_s=None if length_s is None else at_s + length_s,
            intensity=phase.intensity if offer.intensity is None else offer.intensity,
        )
        self.number += 1
        self.used.add(offer.key)
        self.first_crossfade_s = None
        self.no_louder_than_lufs = None
        self.current = cue
        self.cues.append(cue)
        return cue

    def _crossfade_s(self, index: int) -> float:
        return self.profile.phase_crossfade_s(self.profile.phases[index])

    def _entrance_s(self, offer: Offer, index: int, gain: float) -> float:
        wanted = self.first_crossfade_s or self._crossfade_s(index)
        if self.current is not None:
            wanted = max(wanted, (gain - self.current.gain_db) / RISE_DB_PER_S)
        if offer.length_s is not None:
            wanted = min(wanted, offer.length_s * CROSSFADE_MAX_PART)
        return wanted


def _start_s(profile: Profile, index: int) -> float:
    return (profile.phases[index].start_min or 0.0) * 60
