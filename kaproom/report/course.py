"""How a session went: its phases and pieces beside those planned, its silences, its timers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kaproom.arc import Stretch
from kaproom.arc.values import phases_of
from kaproom.report.account import Piece, PromptLine
from kaproom.report.loudness import REFERENCE_LUFS
from kaproom.report.tale import Tale
from kaproom.retold import Happened
from kaproom.session.prompts import PromptState, dues

PIECE = "piece"
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


def pieces(tale: Tale) -> tuple[Piece, ...]:
    """What was begun, each piece until it was gone: as recorded, or else as reckoned anew."""
    begun = sorted(_recorded(tale) or _reckoned(tale), key=lambda one: one.start_s)
    why = dict(_left_early(tale, begun))
    found = []
    for number, one in enumerate(begun, start=1):
        following = begun[number] if number < len(begun) else None
        gone_s = tale.end_s if following is None else following.start_s + following.crossfade_s
        gone_s = max(one.start_s, min(gone_s, tale.end_s))
        found.append(
            Piece(
                number=number,
                title=one.title,
                key=one.key,
                phase=one.phase,
                utc=tale.utc(one.start_s),
                from_min=tale.minute(one.start_s),
                to_min=tale.minute(gone_s),
                entrance_min=min(one.crossfade_s, gone_s - one.start_s) / 60,
                loudness_lufs=one.loudness_lufs,
                heard_s=_audible_s(tale, one.start_s, gone_s),
                generated=one.generated,
                own=one.key == tale.own_key,
                left=why.get(one.cue, ""),
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A piece as it began."""

    cue: str
    start_s: float
    crossfade_s: float
    key: str
    title: str
    phase: str
    loudness_lufs: float
    generated: bool


def _recorded(tale: Tale) -> list[_Begun]:
    found: dict[str, _Begun] = {}
    for written in tale.of(PIECE):
        entry, fields = written.entry, written.entry.fields
        cue = str(fields.get("cue"))
        found[cue] = _Begun(
            cue=cue,
            start_s=max(0.0, tale.at_s(entry.at)),
            crossfade_s=float(fields.get("crossfade_s", 0.0)),
            key=str(fields.get("key", "")),
            title=str(fields.get("title", "")),
            phase=str(fields.get("phase", "")),
            loudness_lufs=float(fields.get("loudness_lufs", REFERENCE_LUFS)),
            generated=fields.get("generated") is True,
        )
    return [one for one in found.values() if one.start_s < tale.end_s]


def _reckoned(tale: Tale) -> list[_Begun]:
    """As the rules of this kaproom have it: an older record names no pieces."""
    if tale.what is None:
        return []
    names = [phase.name for phase in tale.what.session.profile.phases]
    return [
        _Begun(
            cue=cue.id,
            start_s=cue.start_s,
            crossfade_s=cue.crossfade_s,
            key=cue.offer.key,
            title=cue.offer.title,
            phase=names[cue.phase_index],
            loudness_lufs=cue.loudness_lufs,
            generated=cue.offer.soundscape is not None,
        )
        for cue in tale.what.cues
    ]


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
    if tale.what is None or _recorded(tale):
        return 0
    session, count = tale.what.session, 0
    for written in tale.entries:
        heard, at_s = written.entry.heard, tale.at_s(written.entry.at)
        if heard and "key" in heard:
            near = (session.cue_at(at_s + by_s) for by_s in _NEAR_S)
            count += heard["key"] not in {cue.offer.key for cue in near if cue is not None}
    return count


def _left_early(tale: Tale, begun: Sequence[_Begun]) -> Iterator[tuple[str, str]]:
    for written in tale.of("skip", "source-failed"):
        if written.entry.kind == "source-failed":
            yield str(written.entry.fields.get("cue", "")), "could not be read to its end"
            continue
        at_s = tale.at_s(written.entry.at)
        sounding = [one.cue for one in begun if one.start_s <= at_s]
        if sounding:
            yield sounding[-1], "skipped"


def _planned_end_s(what: Happened) -> float:
    end_s = what.planned_spans[-1].end_s if what.planned_spans else None
    return what.zero_s + what.session.profile.session_end_min * 60 if end_s is None else end_s


def _audible_s(tale: Tale, from_s: float, until_s: float) -> float:
    silent_s = 0.0
    for silence in () if tale.what is None else tale.what.session.silences:
        over_s = until_s if silence.until_s is None else min(until_s, silence.until_s)
        silent_s += max(0.0, over_s - max(from_s, silence.from_s))
    return max(0.0, until_s - from_s - silent_s)
