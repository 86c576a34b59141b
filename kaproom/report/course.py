"""How a session went: its phases and pieces beside those planned, its silences, its timers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from kaproom.arc import Stretch
from kaproom.arc.values import phases_of
from kaproom.report.account import Piece, PromptLine
from kaproom.report.tale import Tale
from kaproom.retold import Happened
from kaproom.session.prompts import PromptState, dues
from kaproom.session.state import Session

# A piece may enter so much before or after the moment that an entry's clock names.
_NEAR_S = (0.0, -1.0, 1.0)


def phases(tale: Tale) -> tuple[Stretch, ...]:
    """The phases that were on, as the record told of each when it began."""
    names = [str(phase.get("name", "")) for phase in tale.profile.get("phases") or [{}]]
    begun = [(names[0], 0.0)]
    begun += [
        (str(w.entry.fields.get("name", "")), tale.at_s(w.entry.at)) for w in tale.of("phase")
    ]
    found = []
    for (name, at_s), (_, until_s) in pairwise([*begun, ("", tale.end_s)]):
        if until_s > at_s:
            found.append(Stretch(name, tale.minute(at_s), tale.minute(min(until_s, tale.end_s))))
    return tuple(found)


def planned_phases(tale: Tale) -> tuple[Stretch, ...]:
    """The phases as they would have come from the infusion's start on; none without one."""
    what = tale.what
    if what is None or not what.planned_spans:
        return ()
    return phases_of(what.planned_spans, what.minute, what.minute(_planned_end_s(what)))


def pieces(tale: Tale) -> Iterator[Piece]:
    """What was begun, each piece until it was gone."""
    what = tale.what
    if what is None:
        return
    own = what.session.repertoire.closing
    why = dict(_left_early(tale, what))
    for number, cue in enumerate(what.cues, start=1):
        following = what.cues[number] if number < len(what.cues) else None
        gone_s = tale.end_s if following is None else following.start_s + following.crossfade_s
        gone_s = max(cue.start_s, min(gone_s, tale.end_s))
        yield Piece(
            number=number,
            title=cue.offer.title,
            key=cue.offer.key,
            phase=what.session.profile.phases[cue.phase_index].name,
            utc=tale.utc(cue.start_s),
            from_min=tale.minute(cue.start_s),
            to_min=tale.minute(gone_s),
            entrance_min=min(cue.crossfade_s, gone_s - cue.start_s) / 60,
            loudness_lufs=cue.loudness_lufs,
            heard_s=_audible_s(what.session, cue.start_s, gone_s),
            generated=cue.offer.soundscape is not None,
            own=own is not None and cue.offer.key == own.key,
            left=why.get(cue.id, ""),
        )


def planned_pieces(tale: Tale) -> Iterator[Stretch]:
    """What would have been played from the infusion's start on."""
    what = tale.what
    if what is None or not what.planned_cues:
        return
    end_s = _planned_end_s(what)
    ends = [cue.start_s for cue in what.planned_cues[1:]] + [end_s]
    for cue, until_s in zip(what.planned_cues, ends, strict=True):
        if cue.start_s < end_s:
            until = tale.minute(min(until_s, end_s))
            yield Stretch(cue.offer.title, tale.minute(cue.start_s), until)


def silences(tale: Tale) -> Iterator[Stretch]:
    """When people wanted nothing to be heard."""
    for silence in () if tale.what is None else tale.what.session.silences:
        until_s = tale.end_s if silence.until_s is None else min(silence.until_s, tale.end_s)
        if until_s > silence.from_s:
            yield Stretch("silence", tale.minute(silence.from_s), tale.minute(until_s))


def prompts(tale: Tale) -> Iterator[PromptLine]:
    """What timers asked for, and by which note it was done."""
    if tale.what is None:
        return
    session = tale.what.session
    for due in dues(session):
        if due.at_s is None:
            continue
        at_s = due.at_s
        notes = [note.at_s for note in session.notes if note.category == due.category]
        nearest_s = min(notes, key=lambda noted_s: abs(noted_s - at_s), default=None)
        done = due.state is PromptState.DONE and nearest_s is not None
        reached = at_s <= tale.end_s
        yield PromptLine(
            label=due.label,
            at_min=tale.minute(at_s),
            state="done" if done else "missed" if reached else "not reached",
            done_min=tale.minute(nearest_s) if done and nearest_s is not None else None,
        )


def misheard(tale: Tale) -> int:
    """Entries that name another piece than the one that is reckoned for their moment.

    Another kaproom may plan otherwise than the one that played; what the entries say counts.
    """
    if tale.what is None:
        return 0
    session, count = tale.what.session, 0
    for written in tale.entries:
        heard, at_s = written.entry.heard, tale.at_s(written.entry.at)
        if heard and "key" in heard:
            near = (session.cue_at(at_s + by_s) for by_s in _NEAR_S)
            count += heard["key"] not in {cue.offer.key for cue in near if cue is not None}
    return count


def _left_early(tale: Tale, what: Happened) -> Iterator[tuple[str, str]]:
    for written in tale.of("skip", "source-failed"):
        entry = written.entry
        if entry.kind == "source-failed":
            yield str(entry.fields.get("cue", "")), "could not be read to its end"
            continue
        cue = what.session.cue_at(tale.at_s(entry.at))
        if cue is not None:
            yield cue.id, "skipped"


def _planned_end_s(what: Happened) -> float:
    end_s = what.planned_spans[-1].end_s if what.planned_spans else None
    return what.zero_s + what.session.profile.session_end_min * 60 if end_s is None else end_s


def _audible_s(session: Session, from_s: float, until_s: float) -> float:
    silent_s = 0.0
    for silence in session.silences:
        over_s = until_s if silence.until_s is None else min(until_s, silence.until_s)
        silent_s += max(0.0, over_s - max(from_s, silence.from_s))
    return max(0.0, until_s - from_s - silent_s)
