"""`kaproom plan`: the timeline of a session, as a table, as JSON, as a picture.

It answers what-if about the music. Every estimate is told with its words, and nothing
that is printed here may look like advice on dosing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kaproom.cli.asking import HERE
from kaproom.cli.options import ClosingFile, Json, Without
from kaproom.errors import Mend
from kaproom.session.infusion import WEIGHT_KG

if TYPE_CHECKING:
    from kaproom.arc.estimate import Lens
    from kaproom.curation.whatif import WhatIf
    from kaproom.files import LoadedProfile
    from kaproom.session.pharmacokinetics import Model
    from kaproom.session.repertoire import Repertoire
    from kaproom.session.roomfile import RoomFile

KE0_PER_MIN = (0.001, 10.0)


def add_to(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(plan)


def plan(
    profile: Annotated[
        str | None, typer.Argument(metavar="PROFILE", help="A name or a path.")
    ] = None,
    *,
    session: Annotated[
        str | None,
        typer.Option(metavar="ID|last", help="A session that happened, beside its plan."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where its record is; else this room's.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="And if it went so? Lines of minute,event,value."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg|png", help="Draw it on a sheet of A4.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="kamp, domino, clements or hijazi.")
    ] = None,
    weight_kg: Annotated[
        float | None, typer.Option(metavar="KG", help="Scales the estimate; kept nowhere.")
    ] = None,
    ke0_per_min: Annotated[
        float | None, typer.Option(metavar="KE0", help="Of the estimate's effect site.")
    ] = None,
    without: Without = None,
    closing: ClosingFile = None,
    as_json: Json = False,
) -> None:
    """The timeline of a session: phases, pieces, and what changes if the infusion does."""
    from kaproom.arc import drawable
    from kaproom.arc.estimate import Lens
    from kaproom.curation.history import read_history
    from kaproom.curation.pictured import pictured
    from kaproom.curation.whatif import OPENS_MIN, as_it_went, as_planned

    _within("--weight-kg", weight_kg, *WEIGHT_KG)
    _within("--ke0-per-min", ke0_per_min, *KE0_PER_MIN)
    lens = Lens(_model(model), weight_kg, ke0_per_min)
    if plot is not None:
        drawable(plot)
    if session is not None:
        given = {"--history": history, "--without": without, "--closing": closing}
        _retell(session, record, lens, plot, {"PROFILE": profile, **given}, as_json=as_json)
        return
    if record is not None:
        raise Mend("--record says nothing without --session; add --session last")
    if profile is None:
        raise Mend("name a PROFILE (`kaproom profiles` lists them), or --session last")
    deeds = None if history is None else read_history(history, OPENS_MIN)
    room, _ = HERE.room()
    quiet = as_json or not sys.stderr.isatty()
    loaded, repertoire = _music(profile, room, frozenset(without or ()), closing, quiet=quiet)
    planned = as_planned(loaded.profile, repertoire)
    way = planned if deeds is None else as_it_went(loaded.profile, repertoire, deeds)
    if plot is not None:
        from kaproom.arc import draw

        draw(pictured(loaded, way, lens, None if way is planned else planned), plot)
    if as_json:
        typer.echo(json.dumps(_as_json(way, lens), allow_nan=False))
        return
    for line in _table(way):
        typer.echo(line)
    if plot is not None:
        typer.echo(f"drawn: {plot}")


def _retell(
    session: str,
    record: Path | None,
    lens: Lens,
    plot: Path | None,
    others: Mapping[str, object],
    *,
    as_json: bool,
) -> None:
    """A session that happened."""
    from kaproom.cli.retelling import alone, retold, told
    from kaproom.cli.retelling import as_json as for_machines
    from kaproom.places import data_folder

    alone(session, others)
    what = retold(record or data_folder(HERE.room()[0]), session)
    if plot is not None:
        from kaproom.arc import draw
        from kaproom.retold import as_arc

        draw(as_arc(what, lens), plot)
    if as_json:
        typer.echo(json.dumps(for_machines(what, lens), allow_nan=False))
        return
    for line in told(what):
        typer.echo(line)
    if plot is not None:
        typer.echo(f"drawn: {plot}")


def _music(
    profile: str, room: RoomFile, without: frozenset[str], closing: Path | None, *, quiet: bool
) -> tuple[LoadedProfile, Repertoire]:
    """The session's music as `start` would have it; a seed changes no timeline."""
    from kaproom.cli.checking import Wanted, passed
    from kaproom.curation.selection import selected
    from kaproom.files import load_profile

    closing = None if closing is None else closing.absolute()
    loaded = load_profile(profile, room)
    found = passed(Wanted(profile, room, without, closing, surroundings=False), quiet=quiet)
    return loaded, selected(loaded, found.measured, 0, without, closing)


def _model(name: str | None) -> Model | None:
    from kaproom.session.pharmacokinetics import MODELS
    from kaproom.session.spelling import did_you_mean

    if name is None:
        return None
    if name.lower() not in MODELS:
        known = ", ".join(MODELS)
        near = did_you_mean(name.lower(), MODELS)
        raise Mend(f"--model is '{name}'; the models are {known}{near}")
    return MODELS[name.lower()]


def _within(option: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise Mend(f"{option} is {value:g}; it must lie between {least:g} and {most:g}")


# -- for people


def _table(way: WhatIf) -> Iterator[str]:
    from kaproom.curation.whatif import minute
    from kaproom.places import legible

    names = [phase.name for phase in way.profile.phases]
    wide = max(len("PHASE"), *map(len, names))
    yield way.profile.title
    yield "Minutes count from the planned start of the infusion; settling is shown with ten."
    yield ""
    yield f"{'PHASE':<{wide}}  {'START':>7}  {'LENGTH':>7}"
    for span in way.spans:
        start_s, end_s = span.start_s, span.end_s
        start = "waits" if start_s is None else _time(minute(start_s))
        length = "open" if start_s is None or end_s is None else _time((end_s - start_s) / 60)
        yield f"{span.name:<{wide}}  {start:>7}  {length:>7}"
    yield ""
    yield f"{'PHASE':<{wide}}  {'START':>7}  {'LENGTH':>7}  CROSSFADE     LOUDNESS  PIECE"
    for cue, length_s in zip(way.cues, _lengths_s(way), strict=True):
        length = "open" if length_s is None else _time(length_s / 60)
        silent = cue.offer.silence_s is not None
        loudness = "silent" if silent else f"{cue.loudness_lufs:.1f} LUFS"
        yield (
            f"{names[cue.phase_index]:<{wide}}  {_time(minute(cue.start_s)):>7}  {length:>7}"
            f"  {cue.crossfade_s:>7.0f} s  {loudness:>11}"
            f"  {legible(cue.offer.title, 60)}"
        )


def _time(minutes: float) -> str:
    seconds = round(abs(minutes) * 60)
    return f"{'-' if minutes < 0 and seconds else ''}{seconds // 60}:{seconds % 60:02}"


def _lengths_s(way: WhatIf) -> list[float | None]:
    """How long each piece is heard, its crossfades included; None for the last one."""
    heard: list[float | None] = [
        following.start_s + following.crossfade_s - cue.start_s
        for cue, following in zip(way.cues, way.cues[1:], strict=False)
    ]
    return [*heard, None]


# -- for machines


def _as_json(way: WhatIf, lens: Lens) -> dict[str, Any]:
    from kaproom.arc.estimate import by_minute
    from kaproom.curation.whatif import minute

    def at(at_s: float | None) -> float | None:
        return None if at_s is None else round(minute(at_s), 6)

    names = [phase.name for phase in way.profile.phases]
    first_min = min([0.0, *(minute(mark.at_s) for mark in way.session.infusion.marks)])
    return {
        "profile": way.profile.name,
        "title": way.profile.title,
        "phases": [
            {"name": span.name, "start_min": at(span.start_s), "end_min": at(span.end_s)}
            for span in way.spans
        ],
        "cues": [
            {
                "id": cue.id,
                "title": cue.offer.title,
                "soundscape": cue.offer.soundscape,
                "path": cue.offer.path,
                "phase": names[cue.phase_index],
                "start_min": at(cue.start_s),
                "length_s": None if length_s is None else round(length_s, 3),
                "crossfade_s": round(cue.crossfade_s, 3),
                "gain_db": round(cue.gain_db, 3),
                "loudness_lufs": round(cue.loudness_lufs, 3),
                "silence_s": cue.offer.silence_s,
                "end_s": None if cue.end_s is None else round(minute(cue.end_s) * 60, 3),
                "exits_s": [round(minute(at_s) * 60, 3) for at_s in cue.exits_at_s],
            }
            for cue, length_s in zip(way.cues, _lengths_s(way), strict=True)
        ],
        **by_minute(way.dosing(lens.kg), lens, first_min, way.end_min),
    }
