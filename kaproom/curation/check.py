"""Everything that would stop or spoil a session, found while there is time to mend it.

Each finding is one line: where, what, and the remedy. Nothing is changed but the
measurements that are kept. What stops a session here would be heard in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kaproom.audio.devices import survey
from kaproom.curation.enough import of_lengths
from kaproom.curation.order import of_order
from kaproom.curation.pieces import Chosen, of_pieces
from kaproom.curation.rehearsal import of_rehearsal
from kaproom.curation.scan import Progress, scan
from kaproom.curation.selection import selected
from kaproom.curation.words import minutes, some
from kaproom.files import LoadedProfile, LocatedPiece
from kaproom.files.loading import pieces
from kaproom.measurements import Measured, Measurements, cache_folder
from kaproom.places import data_folder, shown
from kaproom.session.phase import Phase
from kaproom.session.playlist import FilePiece, SilencePiece
from kaproom.session.roomfile import RoomFile
from kaproom.session.spelling import did_you_mean
from kaproom.surroundings import About, Finding, all_about, worst_first

VOCALS = "vocals"
"""A tag that every piece marked `vocals: true` has by itself."""
# `calm` lasts as long as it takes; chosen: less than this is likely to end before it.
_REFUGE_S = 600.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, the worst first, and what is known of every file by its path."""

    findings: list[Finding]
    measured: dict[str, Measured]

    @property
    def stops(self) -> bool:
        """Whether the session must not start as it is."""
        return any(finding.level == "stop" for finding in self.findings)


def check(
    loaded: LoadedProfile,
    room: RoomFile,
    without: frozenset[str] = frozenset(),
    closing: Path | None = None,
    *,
    kept: Measurements | None = None,
    progress: Progress | None = None,
    surroundings: bool = True,
) -> Checked:
    """Look at a session before it starts; measures what was not measured.

    Args:
        loaded: Profile and playlist, valid in themselves.
        room: For the device and the data folder.
        without: Tags whose pieces are left out of this session, and not judged.
        closing: The patient's own piece for the end.
        kept: Where measurements are kept; without it, with the room's data.
        progress: Told as each file is measured.
        surroundings: Whether to look at the device and the machine as well.

    Raises:
        KeyboardInterrupt: What was measured until then is kept.
    """
    kept = kept or Measurements(cache_folder(data_folder(room)))
    chosen = _chosen(loaded, without)
    files = [one.path for one in chosen] + ([closing] if closing else [])
    scanned = scan(files, kept, progress)
    music = selected(loaded, scanned.files, 0, without, closing)
    found = [
        *of_order(loaded),
        *of_lengths(loaded, music),
        *all_about(About.FILES, of_pieces(chosen, scanned.files, loaded.profile)),
        *_of_tags(loaded, without),
        *_of_vocals(loaded, without),
        *all_about(About.FILES, _of_closing(closing, scanned.files)),
        *_of_refuge(loaded, scanned.files),
        *of_rehearsal(loaded.profile, music, shown(loaded.playlist_path)),
    ]
    if scanned.why_not_kept:
        line = f"{scanned.why_not_kept}, so the music is measured anew each time; make room there"
        found.append(Finding("warn", "measurements", line, About.DISK))
    if surroundings:
        found += survey(room, data_folder(room))
    return Checked(worst_first(found), scanned.files)


def _chosen(loaded: LoadedProfile, without: frozenset[str]) -> list[Chosen]:
    """The files of this session: the refuge, and what its phases may play."""
    chosen = []
    for located in pieces(loaded):
        phases = _phases(loaded, located)
        is_refuge = located.piece is loaded.profile.refuge
        if is_refuge or (phases and not _left_out(located.piece, without)):
            chosen.append(Chosen(located.piece, located.path, located.place, phases))
    return chosen


def _phases(loaded: LoadedProfile, located: LocatedPiece) -> tuple[Phase, ...]:
    sections = {
        name
        for name, section in loaded.playlist.sections.items()
        if any(piece is located.piece for piece in section)
    }
    return tuple(
        phase
        for phase in loaded.profile.phases
        if phase.section in sections and (phase.vocals == "allowed" or not located.piece.vocals)
    )


def _left_out(piece: FilePiece, without: frozenset[str]) -> bool:
    return bool(without & {*piece.tags, *([VOCALS] if piece.vocals else [])})


def _of_tags(loaded: LoadedProfile, without: frozenset[str]) -> Iterator[Finding]:
    known = {VOCALS} | {
        tag
        for section in loaded.playlist.sections.values()
        for piece in section
        if not isinstance(piece, SilencePiece)
        for tag in piece.tags
    }
    for tag in sorted(without - known):
        line = f"no piece has the tag '{tag}'{did_you_mean(tag, known)}, so nothing is left out"
        yield Finding("warn", "--without", line)


def _of_vocals(loaded: LoadedProfile, without: frozenset[str]) -> Iterator[Finding]:
    for phase in loaded.profile.phases:
        if phase.vocals == "allowed" or phase.section is None:
            continue
        sung = [
            piece
            for piece in loaded.playlist.sections.get(phase.section, ())
            if isinstance(piece, FilePiece) and piece.vocals and not _left_out(piece, without)
        ]
        if sung:
            line = (
                f"{some(len(sung), 'piece')} of '{phase.section}' with vocals will not play in"
                f" '{phase.name}', which allows none"
            )
            yield Finding("note", shown(loaded.playlist_path), line)


def _of_closing(closing: Path | None, measured: dict[str, Measured]) -> Iterator[Finding]:
    if closing is None:
        return
    problem = measured[str(closing)].problem
    if problem:
        yield Finding("stop", "--closing", f"'{shown(closing)}' {problem}")


def _of_refuge(loaded: LoadedProfile, measured: dict[str, Measured]) -> Iterator[Finding]:
    refuge = loaded.profile.refuge
    about = measured.get(str(loaded.refuge_path))
    if not isinstance(refuge, FilePiece) or about is None or about.problem:
        return
    lasts_s = min(refuge.cue_out_s or about.length_s, about.length_s) - refuge.cue_in_s
    if 0 < lasts_s < _REFUGE_S:
        line = f"lasts {minutes(lasts_s)}; a calm that lasts longer goes on with the phase's bed"
        yield Finding("note", loaded.profile_source.place(("refuge", "file")), line)
