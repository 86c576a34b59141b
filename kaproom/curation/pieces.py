"""What would stop or spoil a piece of music in this session, as one line each.

Pure: what was written and what was measured go in, findings come out. A file that
cannot be played stops the session while it can still be mended; what merely sounds
worse than it could is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kaproom.curation.words import minutes
from kaproom.measurements import PIECE_MIN_S, Measured
from kaproom.places import legible, near
from kaproom.session.phase import Phase
from kaproom.session.playlist import FilePiece
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Offer, gain_db
from kaproom.surroundings import Finding, Level

# More lifts the hiss of the recording with the music: a fault of the transfer, not of the piece.
GAIN_WARN_DB = 12.0
# Smaller steps are not heard as one piece being softer than another.
_HEARD_LU = 1.0
# Chosen: a length that was rounded or padded by an encoder differs by less.
_CUT_OFF_S = 2.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """A piece that is a file, where it is written, and the phases that may play it."""

    piece: FilePiece
    path: Path
    place: str
    phases: tuple[Phase, ...]


def of_pieces(
    chosen: list[Chosen], measured: Mapping[str, Measured], profile: Profile
) -> Iterator[Finding]:
    """Every finding about these pieces, in their order; a file's own fault once a place."""
    for one in chosen:
        about = measured.get(str(one.path))
        file = legible(one.piece.file)
        if about is None:
            line = f"'{file}' was not measured; run kaproom scan"
            yield Finding("stop", one.place, line)
        elif about.problem is not None:
            hint = near(one.path) if about.problem.startswith("does not exist") else ""
            yield Finding("stop", one.place, f"'{file}' {_with_hint(about.problem, hint)}")
        else:
            for level, line in (*_cues(one.piece, about), *_loudness(one, about, profile)):
                yield Finding(level, one.place, f"'{file}' {line}")


def is_cut_off(about: Measured) -> bool:
    """Whether the file is shorter than its own head says."""
    return about.said_length_s - about.length_s > _CUT_OFF_S


def broken_off(about: Measured) -> str:
    """What is said of a file that was cut off."""
    ends, says = minutes(about.length_s), minutes(about.said_length_s)
    return f"breaks off at {ends} and should last {says}; copy it again"


def _with_hint(problem: str, hint: str) -> str:
    what, separator, remedy = problem.partition(";")
    return f"{what}{hint}{separator}{remedy}"


def _cues(piece: FilePiece, about: Measured) -> Iterator[tuple[Level, str]]:
    """Whether the file is as long as its playlist, and its own head, say."""
    ends = minutes(about.length_s)
    ends_s = about.length_s if piece.cue_out_s is None else min(piece.cue_out_s, about.length_s)
    too_short = ends_s - piece.cue_in_s < PIECE_MIN_S
    if is_cut_off(about) and (piece.cue_out_s is None or piece.cue_out_s > about.length_s):
        level: Level = "stop" if too_short else "warn"
        yield level, broken_off(about)
    elif too_short and piece.cue_in_s > about.length_s - PIECE_MIN_S:
        yield "stop", f"begins at {minutes(piece.cue_in_s)} and ends at {ends}; correct cue_in_s"
    elif too_short:
        line = f"plays for {ends_s - piece.cue_in_s:.1f} s, which is no music; correct cue_out_s"
        yield "stop", line
    elif piece.cue_out_s is not None and piece.cue_out_s > about.length_s + 0.5:
        yield (
            "warn",
            f"ends at {ends}, before its cue_out_s, {minutes(piece.cue_out_s)}; correct it",
        )
    late = [exit_s for exit_s in piece.exits_s if exit_s > about.length_s]
    if late and not is_cut_off(about):
        yield "warn", f"ends at {ends}, before its exit at {minutes(late[0])}; correct exits_s"


def _loudness(one: Chosen, about: Measured, profile: Profile) -> Iterator[tuple[Level, str]]:
    """Whether it can be brought to where its phases want it; of several, the worst."""
    if not one.phases:
        return
    phase = max(one.phases, key=lambda phase: phase.level_lu)
    wanted_db = (
        profile.loudness_lufs + phase.level_lu + one.piece.gain_trim_db - about.integrated_lufs
    )
    if wanted_db > GAIN_WARN_DB:
        yield (
            "warn",
            f"is very quiet ({about.integrated_lufs:.1f} LUFS): '{phase.name}' needs"
            f" {wanted_db:+.1f} dB, which lifts its noise as well; use a better transfer",
        )
    gets_db = gain_db(_offer(one, about), profile, phase)
    softer_lu = wanted_db - gets_db
    if softer_lu >= _HEARD_LU:
        true_peak_db = profile.limits.ceiling_dbtp - about.true_peak_dbtp
        loudest_db = profile.limits.ceiling_lufs - about.max_short_term_lufs
        if min(true_peak_db, loudest_db) > gets_db + 0.01:
            why = f"no more than {gets_db:+.1f} dB is given"
        elif true_peak_db <= loudest_db:
            why = f"its peaks ({about.true_peak_dbtp:+.1f} dBTP) leave room for {gets_db:+.1f} dB"
        else:
            loudest = f"{about.max_short_term_lufs:.1f} LUFS"
            why = f"its loudest passage ({loudest}) leaves room for {gets_db:+.1f} dB"
        yield "note", f"will be {softer_lu:.1f} LU softer than '{phase.name}' wants: {why}"


def _offer(one: Chosen, about: Measured) -> Offer:
    return Offer(
        key="",
        title="",
        path=str(one.path),
        length_s=about.length_s,
        loudness_lufs=about.integrated_lufs,
        max_short_term_lufs=about.max_short_term_lufs,
        true_peak_dbtp=about.true_peak_dbtp,
        gain_trim_db=one.piece.gain_trim_db,
    )
