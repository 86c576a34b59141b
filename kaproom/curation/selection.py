"""The music of one session, chosen from what a playlist offers.

What the therapist wrote and what was measured become the repertoire that the planner
draws on; nothing is left to be looked up once the session has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kaproom.files import LoadedProfile
from kaproom.measurements import Measured
from kaproom.session.playlist import FilePiece, Piece, SoundscapePiece
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
    sections = {}
    for name, pieces in loaded.playlist.sections.items():
        offers = [
            _offer(piece, loaded.path_of(piece) if isinstance(piece, FilePiece) else None, measured)
            for piece in pieces
        ]
        sections[name] = tuple(offer for offer in offers if offer is not None)
    refuge = _offer(loaded.profile.refuge, loaded.refuge_path, measured)
    if refuge is None:
        refuge = Offer(key="bed:ocean", title="ocean", soundscape="ocean", intensity=0.2)
    repertoire = Repertoire(sections=sections, refuge=refuge, seed=seed).without(without)
    if closing is None:
        return repertoire
    own = _offer(FilePiece(file=str(closing), title=None), closing, measured)
    return repertoire.model_copy(update={"closing": own})


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
    if end_s - piece.cue_in_s < 1.0:
        return None
    return Offer(
        key=f"{path}@{piece.cue_in_s:g}",
        title=piece.title or file.title or path.stem,
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
