"""What a person reads after giving a command: one line, in the room's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kaproom.session import events as e
from kaproom.session.machine import Session, Stage
from kaproom.session.replanning import awaited

NOT_OURS = "kaproom cannot touch the pump."


def answer(event: e.Event, after: Session, clock_text: str) -> str:
    """The line for whoever gave the command that ``event`` was.

    Args:
        event: What was done.
        after: The session after it.
        clock_text: The wall clock at the event, as people read it.
    """
    return _LINES[type(event)](event, after, clock_text)


def _infused(event: e.Infused, after: Session, clock_text: str) -> str:
    amount = "" if event.value is None else f" {event.value:g} {event.unit}"
    return f"Recorded {clock_text}: infusion {event.what}{amount}. {_turn(after)}{NOT_OURS}"


def _turn(after: Session) -> str:
    """When the phase that is on now is heard, if it is not yet."""
    coming = awaited(after, after.now_s)
    if coming is None:
        return ""
    minutes, seconds = divmod(round(coming.start_s - after.now_s), 60)
    return f"The music of '{_phase(after)}' enters in {minutes}:{seconds:02d}. "


def _advanced(event: e.Advanced, after: Session, clock_text: str) -> str:
    line = f"Going on to '{_phase(after)}'."
    if after.elsewhere:
        return f"{line} It is heard when the plan's music returns."
    return f"{line} {_turn(after)}".rstrip()


def _noted(event: e.Noted, after: Session, clock_text: str) -> str:
    late = " (late entry)" if event.late else ""
    if event.integration:
        return f"Noted for integration: {event.category}."
    ended = ", after the session's end" if after.stage is Stage.ENDED else ""
    return f"Noted {clock_text}{late}: {event.category}{ended}."


def _worked_off(event: e.WorkedOff, after: Session, clock_text: str) -> str:
    settled = sum(item["state"] != "open" for item in event.items)
    when = "before the session" if event.which == "before" else "at the end"
    left = f"; left at {event.left_at}" if event.left_at else ""
    return f"Checklist {when}: {settled} of {len(event.items)} settled{left}."


def _skipped(event: e.Skipped, after: Session, clock_text: str) -> str:
    coming = next((c for c in after.cues if c.start_s > after.now_s), None)
    title = "another piece" if coming is None else coming.offer.title
    return f"Leaving for {title}; this piece does not come again."


def _held(event: e.Held, after: Session, clock_text: str) -> str:
    if event.for_min is None:
        return f"'{_phase(after)}' is held until `kaproom advance`."
    return (
        f"'{_phase(after)}' is held for {event.for_min:g} min, or until `kaproom advance`; then "
        "it goes on where the infusion is."
    )


def _continued(event: e.Continued, after: Session, clock_text: str) -> str:
    elapsed_s = after.infusion.elapsed_s(after.now_s)
    minute = "" if elapsed_s is None else f", minute {elapsed_s / 60:.1f}"
    told = "as recorded" if event.minute is None and event.infusion is None else "as told"
    return (
        f"Recorded {clock_text}: infusion {after.infusion_state}{minute}, {told}. The music goes "
        f"on in '{_phase(after)}'. {NOT_OURS}"
    )


def _phase(after: Session) -> str:
    return after.profile.phases[after.course.index].name


_LINES: dict[type[e.Event], Callable[[Any, Session, str], str]] = {
    e.Infused: _infused,
    e.Noted: _noted,
    e.NotedAgain: lambda event, *_: (
        f"One note, not two: {event.category} was pressed twice within {e.DOUBLE_S * 1000:g} ms."
    ),
    e.Worded: lambda event, *_: f"The text of note {event.seq} is kept.",
    e.Amended: lambda event, *_: f"Amended entry {event.seq}; both stay in the record.",
    e.Present: lambda event, *_: f"Present from now on: {event.who.replace(' ', ', ')}.",
    e.WorkedOff: _worked_off,
    e.Held: _held,
    e.Advanced: _advanced,
    e.Calmed: lambda _, after, __: (
        f"Softer now; the refuge, {after.repertoire.refuge.title}, comes in 3 s and stays until "
        "`kaproom return`."
    ),
    e.Skipped: _skipped,
    e.Ducked: lambda *_: "Lowered for a voice until `kaproom return`.",
    e.Faded: lambda *_: "Fading to silence; `kaproom return` brings the music back.",
    e.Returned: lambda *_: "The plan's music returns, where the infusion is now.",
    e.Levelled: lambda _, after, __: f"Level {after.level_db:g} dB.",
    e.WentAway: lambda *_: "Fading to silence; the piece is kept until `kaproom back`.",
    e.CameBack: lambda *_: "The music rises again from silence.",
    e.Continued: _continued,
    e.SignedOff: lambda event, *_: (
        f"Signed off by {event.by}: the session is sealed; only integration is added from now on."
    ),
    e.Ended: lambda *_: "Closing softly; the record closes when the sound has faded.",
}
