"""`kaproom plan --session`: a session that happened beside its plan, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from kaproom.arc import Arc, Stretch
from kaproom.arc.estimate import Lens, by_minute
from kaproom.errors import Mend, WorldFailed
from kaproom.places import legible
from kaproom.record import FILE_NAME, Record
from kaproom.report.sessions import chosen
from kaproom.retold import Happened, as_arc, happened
from kaproom.retold.sheet import dosing_of


def retold(folder: Path, meant: str) -> Happened:
    """The session that is meant: ``last``, how its id begins, or its day.

    Args:
        folder: A room's data folder, or the record in it.
        meant: As a person named it.

    Raises:
        Mend: There is no record there, or no such session in it.
        WorldFailed: What is left of the session cannot be told.
    """
    folder = folder.parent if folder.name == FILE_NAME else folder
    with Record.open(folder, read_only=True) as record:
        session = chosen(record, meant)
        found = happened(record.entries(session))
    if found is None:
        raise WorldFailed(f"session {session[:8]}: its beginning is not in the record any more")
    return found


def told(what: Happened) -> Iterator[str]:
    """The table."""
    arc = as_arc(what)
    planned = {stretch.name: stretch for stretch in arc.planned_phases}
    yield f"{what.session.profile.title}  ({arc.subtitle})"
    yield f"{arc.axis.capitalize()}."
    yield ""
    yield from _phases(arc, planned)
    yield ""
    yield f"{'START':>7}  {'LENGTH':>7}   LOUDNESS  PIECE"
    for track in arc.tracks:
        length = _time(track.to_min - track.from_min)
        yield (
            f"{_time(track.from_min):>7}  {length:>7}  {track.loudness_lufs:>5.1f} LUFS"
            f"  {legible(track.title, 60)}"
        )
    yield from _stretches("SOUND", arc.hands)
    notes = [(note.at_min, note.label, note.late, note.in_error) for note in what.notes]
    if notes:
        yield ""
        yield f"{'NOTE':>7}"
    for at_min, label, late, in_error in sorted(notes):
        marks = [word for word, so in (("late", late), ("in error", in_error)) if so]
        yield f"{_time(at_min):>7}  {label}" + (f"  ({', '.join(marks)})" if marks else "")


def as_json(what: Happened, lens: Lens) -> dict[str, Any]:
    """All of it for machines; minutes as on the sheet."""
    arc = as_arc(what, lens)
    return {
        "session": what.id,
        "profile": what.session.profile.name,
        "title": what.session.profile.title,
        "opened_utc": what.opened_utc.isoformat(),
        "state": what.how,
        "axis": arc.axis,
        "phases": [_stretch(phase) for phase in arc.phases],
        "planned_phases": [_stretch(phase) for phase in arc.planned_phases],
        "cues": [
            {
                "number": track.number,
                "title": track.title,
                "generated": track.generated,
                "start_min": round(track.from_min, 6),
                "end_min": round(track.to_min, 6),
                "loudness_lufs": round(track.loudness_lufs, 3),
            }
            for track in arc.tracks
        ],
        "infusion": [
            {
                "what": mark.what,
                "minute": round(what.minute(mark.at_s), 6),
                "value": mark.value,
                "unit": mark.unit,
            }
            for mark in what.session.infusion.marks
        ],
        "sound": [_stretch(hand) for hand in what.hands],
        "interruptions": [_stretch(hand) for hand in what.interruptions],
        "notes": [
            {
                "seq": note.seq,
                "minute": round(note.at_min, 6),
                "category": note.category,
                "late": note.late,
                "in_error": note.in_error,
            }
            for note in what.notes
        ],
        "prompts": [
            {"label": asked.label, "minute": round(asked.at_min, 6), "done": asked.done}
            for asked in what.prompts
        ],
        **by_minute(dosing_of(what, lens), lens, arc.from_min, arc.to_min),
    }


def alone(meant: str, others: Mapping[str, object]) -> None:
    """What belongs to a plan says nothing of a session that happened.

    Raises:
        Mend: One of them was given beside ``--session``.
    """
    given = [name for name, value in others.items() if value]
    if given:
        raise Mend(f"--session {meant[:40]} tells of what was; leave {', '.join(given)} out")


def _phases(arc: Arc, planned: dict[str, Stretch]) -> Iterator[str]:
    names = [phase.name for phase in arc.phases]
    wide = max(len("PHASE"), *map(len, names))
    yield f"{'PHASE':<{wide}}  {'START':>7}  {'LENGTH':>7}  {'PLANNED':>7}  {'LENGTH':>7}"
    for phase in arc.phases:
        line = f"{phase.name:<{wide}}  {_of(phase)}"
        yield f"{line}  {_of(planned[phase.name])}" if phase.name in planned else line
    for name, phase in planned.items():
        if name not in names:
            yield f"{name:<{wide}}  {'never':>7}  {'':>7}  {_of(phase)}"


def _stretches(title: str, stretches: Iterable[Stretch]) -> Iterator[str]:
    found = sorted(stretches, key=lambda stretch: stretch.from_min)
    if found:
        yield ""
        yield f"{title:>7}  {'LENGTH':>7}"
    for stretch in found:
        yield f"{_of(stretch)}  {stretch.name}"


def _of(stretch: Stretch) -> str:
    return f"{_time(stretch.from_min):>7}  {_time(stretch.to_min - stretch.from_min):>7}"


def _time(minutes: float) -> str:
    seconds = round(abs(minutes) * 60)
    return f"{'-' if minutes < 0 and seconds else ''}{seconds // 60}:{seconds % 60:02}"


def _stretch(stretch: Stretch) -> dict[str, Any]:
    return {
        "name": stretch.name,
        "start_min": round(stretch.from_min, 6),
        "end_min": round(stretch.to_min, 6),
    }
