"""The test tone before a session: played to whoever tries the headphones, and what they heard.

No tone while a session is on: nobody's journey is the place for it. What was heard is an
entry of the record when it is acknowledged, and stands in the next session's first entry;
it counts for that one session, and for an hour.

``tone`` (side)
    left, right, both or off.
``heard`` (side, heard, by)
    Of the tone on the left or the right: whether it was heard there and only there, and who
    says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kaproom.audio.ring import SILENCE_DB
from kaproom.audio.tone import LENGTH_S
from kaproom.clock import Instant
from kaproom.errors import Mend, Reason, Refused
from kaproom.record import SESSION_STARTED, Entry, Written
from kaproom.room.headphones import Headphones
from kaproom.session.ears import EARS, Side, side_of
from kaproom.session.people import initials

TONE = "tone"
"""The kind of an entry: on this side a tone was played, and was heard or not."""

VALID_S = 3600.0
"""Chosen: a check of this session, not of this morning's."""
ANSWER_S = 120.0
"""Chosen: who answers later speaks of another tone."""

# The player has it by then, or refused it.
_REACHED_S = 1.0
_HUSH_S = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said of the tone on one side."""

    heard: bool
    by: str | None
    at: Instant

    def told(self) -> dict[str, Any]:
        """For screens and the record."""
        return {"heard": self.heard, "by": self.by, "utc": self.at.utc.isoformat()}


class Tones:
    """Of one room.

    Args:
        headphones: The way to the sound.
        in_session: Whether a session is on.
        needed: Whether there is anything to hear: not on the output ``silent``.
    """

    def __init__(
        self, headphones: Headphones, in_session: Callable[[], bool], *, needed: bool
    ) -> None:
        self._headphones = headphones
        self._needed = needed
        self._in_session = in_session
        self._ours = False
        self._asked: tuple[Side, Instant] | None = None
        self._played: dict[str, Instant] = {}
        self._answers: dict[str, Answer] = {}

    def recall(self, entries: Iterable[Written], now: Instant) -> None:
        """Take up what was answered before this start of the daemon."""
        for entry in (written.entry for written in entries):
            if entry.kind == SESSION_STARTED:
                self._answers.clear()
            elif entry.kind == TONE and now.since_s(entry.at) < VALID_S:
                heard = entry.fields.get("heard") is True
                self._answers[str(entry.fields.get("side"))] = Answer(heard, entry.who, entry.at)

    # -- what people ask

    def play(self, args: Mapping[str, Any], now: Instant) -> str:
        """Have a tone rise on one side, or none any more; the line that says so.

        Raises:
            Refused: A session is on, its sound still fades, or the player is not reached.
            Mend: That is no side.
        """
        if args.get("side") == "off":
            self._end()
            return "No tone."
        side = side_of(args.get("side"))
        if side is None:
            raise Mend(f"a tone is left, right, both or off, not '{str(args.get('side'))[:40]}'")
        self._must_be_free()
        if self._headphones.busy and not self._ours:
            line = "what sounded before still fades; try again in some seconds"
            raise Refused(line, Reason.STILL_FADES)
        if not self._headphones.reached:
            line = "the player is not reached yet; try again in a moment"
            raise Refused(line, Reason.NOT_REACHED)
        self._headphones.sound_tone(side)
        self._ours, self._asked, self._played[side] = True, (side, now), now
        where = "on both sides" if side == "both" else f"on the {side}"
        how = "" if side == "both" else f" Heard there, and only there? `kaproom heard {side}`."
        return f"A soft tone rises {where} for {LENGTH_S:.0f} s.{how}"

    def answered(self, args: Mapping[str, Any], now: Instant, command_id: str) -> Entry:
        """What somebody heard of it, as an entry; the tone ends with the answer.

        Raises:
            Refused: A session is on, or no tone was played there.
            Mend: It is no answer.
        """
        side, heard = args.get("side"), args.get("heard")
        if side not in EARS or not isinstance(heard, bool):
            raise Mend("say the side, left or right, and whether it was heard there")
        by = None if args.get("by") is None else initials(args["by"])
        self._must_be_free()
        played = self._played.get(side)
        if played is None or now.since_s(played) > ANSWER_S:
            line = f"no tone was played on the {side} just now; `kaproom tone {side}`"
            raise Refused(line, Reason.NOT_PLAYED)
        if self._asked is not None and self._asked[0] == side:
            self._end()
        self._answers[side] = Answer(heard, by, now)
        fields = {"side": side, "heard": heard}
        return Entry(kind=TONE, at=now, entered=now, who=by, command_id=command_id, fields=fields)

    # -- what others make of it

    def told(self, now: Instant) -> dict[str, Any]:
        """For the screens in the room."""
        side = self._sounding(now)
        sound = self._headphones.facts() if side is not None else None
        loud = sound is not None and sound.level_lufs > SILENCE_DB
        return {
            "needed": self._needed,
            "sounding": side,
            "level_lufs": sound.level_lufs if sound is not None and loud else None,
            "lost": None if sound is None else sound.lost,
            **{ear: said.told() if (said := self._said(ear, now)) else None for ear in EARS},
        }

    def first_fields(self, now: Instant) -> dict[str, Any]:
        """For a session's first entry; empty where nobody answered."""
        said = {ear: answer.told() for ear in EARS if (answer := self._said(ear, now))}
        return {"tones": said} if said else {}

    def give_way(self) -> None:
        """A session begins: whatever sounds of a tone falls silent, and the answers were its own.

        The player drops the tone when it has the session's music; until then this holds.
        """
        if self._ours and self._headphones.busy:
            self._headphones.set_gain(SILENCE_DB, _HUSH_S)
        self._ours, self._asked = False, None
        self._played.clear()
        self._answers.clear()

    # -- inside

    def _must_be_free(self) -> None:
        if self._in_session():
            raise Refused("a session is on: no tone in the patient's ears", Reason.SESSION_OPEN)

    def _end(self) -> None:
        """The tone stops, if there is one; never anything else that sounds."""
        if self._ours and not self._in_session() and self._headphones.busy:
            self._headphones.set_gain(SILENCE_DB, _HUSH_S)
            self._headphones.stop()
        self._asked = None

    def _sounding(self, now: Instant) -> Side | None:
        if self._asked is None:
            return None
        side, asked = self._asked
        since_s = now.since_s(asked)
        on = self._headphones.busy if since_s > _REACHED_S else True
        return side if on and since_s < LENGTH_S + 2 * _REACHED_S else None

    def _said(self, ear: str, now: Instant) -> Answer | None:
        answer = self._answers.get(ear)
        return answer if answer is not None and now.since_s(answer.at) < VALID_S else None
