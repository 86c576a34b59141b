"""The music of one session, chosen from what a playlist offers.

What the therapist wrote and what was measured become the repertoire that the planner
draws on; nothing is left to be looked up once the session has begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kaproom.files import LoadedProfile
from kaproom.measurements import PIECE_MIN_S, Measured
from kaproom.places import legible
from kaproom.session.playlist import (
    Entry,
    FilePiece,
    Neighbour,
    Piece,
    Section,
    SilencePiece,
    SoundscapePiece,
    names,
)
from kaproom.session.repertoire import Offer, Repertoire


def selected(
    loaded: LoadedProfile,
    measured: Mapping[str, Measured],
    seed: int,
    without: frozenset[str] = frozenset(),
    closing: Path | None = None,
) -> Repertoire:
    """The repertoire of a session.

    Args:
        loaded: Profile and playlist.
        measured: By path; a piece whose file is not in it, or has a problem, is left out.
        seed: This session's own, for the soundscapes that name none.
        without: Tags whose pieces are left out.
        closing: The patient's own piece for the end; it stays whatever its tags.
    """
    sections = {
        name: tuple(_section(name, entries, loaded, measured))
        for name, entries in loaded.playlist.sections.items()
    }
    refuge = _offer(loaded.profile.refuge, loaded.refuge_path, measured)
    if refuge is None:
        refuge = Offer(key="bed:ocean", title="ocean", soundscape="ocean", intensity=0.2)
    repertoire = Repertoire(sections=sections, refuge=refuge, seed=seed).without(without)
    if closing is None:
        return repertoire
    own = _offer(FilePiece(file=str(closing), title=None), closing, measured)
    return repertoire.model_copy(update={"closing": own})


def _section(
    name: str,
    entries: Section,
    loaded: LoadedProfile,
    measured: Mapping[str, Measured],
) -> Iterator[Offer]:
    """The offers of a section, each knowing what it is kept with and what it must not follow."""
    keys_by_name: dict[str, set[str]] = {}
    for section in loaded.playlist.sections.values():
        for entry in section:
            for word in names(entry):
                keys_by_name.setdefault(word, set()).add(_key(entry, loaded, name, 0))
    groups = _groups(entries)
    for index, entry in enumerate(entries):
        path = loaded.path_of(entry) if isinstance(entry, FilePiece) else None
        if isinstance(entry, SilencePiece):
            offer: Offer | None = Offer(
                key=_key(entry, loaded, name, index),
                title=entry.title or "silence",
                silence_s=entry.silence,
            )
        else:
            offer = _offer(entry, path, measured)
        if offer is None:
            continue
        update: dict[str, Any] = {}
        if groups.count(groups[index]) > 1:
            update["group"] = f"{name}:{groups[index] + 1}"
        if isinstance(entry, Neighbour):
            update["place"] = entry.place
            after = sorted({key for word in entry.never_after for key in keys_by_name[word]})
            update["never_after"] = tuple(after)
            update["crossfade_after_s"] = tuple(
                (key, length_s)
                for word, length_s in entry.crossfade_after_s.items()
                for key in sorted(keys_by_name[word])
            )
        yield offer.model_copy(update=update)


def _groups(entries: Section) -> list[int]:
    """For each entry the first of those that it is kept with: a silence, with what is before."""
    groups: list[int] = []
    for index, entry in enumerate(entries):
        before = entries[index - 1] if index else None
        kept = isinstance(before, Neighbour) and before.keep_with_next
        kept = kept or (index > 0 and isinstance(entry, SilencePiece))
        groups.append(groups[-1] if kept else index)
    return groups


def _key(entry: Entry, loaded: LoadedProfile, section: str, index: int) -> str:
    if isinstance(entry, SilencePiece):
        return f"silence:{section}:{index + 1}"
    if isinstance(entry, SoundscapePiece):
        return f"bed:{entry.soundscape}:{entry.seed}:{entry.intensity}"
    return f"{loaded.path_of(entry)}@{entry.cue_in_s:g}"


def _offer(piece: Piece, path: Path | None, measured: Mapping[str, Measured]) -> Offer | None:
    if isinstance(piece, SoundscapePiece):
        return Offer(
            key=f"bed:{piece.soundscape}:{piece.seed}:{piece.intensity}",
            title=piece.title or piece.soundscape,
            soundscape=piece.soundscape,
            seed=piece.seed,
            intensity=piece.intensity,
            turn_s=None if piece.length_min is None else piece.length_min * 60,
            tags=piece.tags,
        )
    file = measured.get(str(path))
    if path is None or file is None or file.problem is not None:
        return None
    end_s = file.length_s if piece.cue_out_s is None else min(piece.cue_out_s, file.length_s)
    if end_s - piece.cue_in_s < PIECE_MIN_S:
        return None
    return Offer(
        key=f"{path}@{piece.cue_in_s:g}",
        title=piece.title or file.title or legible(path.stem, 120),
        path=str(path),
        cue_in_s=piece.cue_in_s,
        cue_out_s=piece.cue_out_s,
        length_s=end_s - piece.cue_in_s,
        exits_s=tuple(exit_s for exit_s in piece.exits_s if exit_s < end_s),
        loudness_lufs=file.integrated_lufs,
        max_short_term_lufs=file.max_short_term_lufs,
        true_peak_dbtp=file.true_peak_dbtp,
        gain_trim_db=piece.gain_trim_db,
        vocals=piece.vocals,
        tags=piece.tags,
    )
