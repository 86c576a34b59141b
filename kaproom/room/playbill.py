"""What was played, for the record: each piece as it begins.

A later kaproom may plan otherwise; what was heard in this session stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from kaproom.record import Written
from kaproom.session.effects import Tell
from kaproom.session.state import Session

PIECE = "piece"


class Playbill:
    """The pieces of one session that the record has; ``entries`` are what it holds already."""

    def __init__(self, entries: Iterable[Written] = ()) -> None:
        self._told = {str(w.entry.fields.get("cue")) for w in entries if w.entry.kind == PIECE}

    def begun(self, session: Session) -> list[Tell]:
        """Those that began since the last call, each with its own moment."""
        fresh = [
            cue for cue in session.cues if cue.start_s <= session.now_s and cue.id not in self._told
        ]
        self._told |= {cue.id for cue in fresh}
        return [
            Tell(
                PIECE,
                cue.start_s,
                {
                    "cue": cue.id,
                    "key": cue.offer.key,
                    "title": cue.offer.title,
                    "phase": session.profile.phases[cue.phase_index].name,
                    "generated": cue.offer.soundscape is not None,
                    "crossfade_s": round(cue.crossfade_s, 3),
                    "loudness_lufs": round(cue.loudness_lufs, 2),
                },
            )
            for cue in fresh
        ]
