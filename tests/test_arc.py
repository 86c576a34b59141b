"""The sheet can be read: nothing overlaps, nothing leaves the paper, every estimate is labelled."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest

from kaproom.arc import Arc, Asked, Estimate, Flow, Noted, Sounding, Stretch, draw
from kaproom.errors import Mend, WorldFailed

WORDS = "population estimate, not a measurement, not for dosing"
TITLES = (
    "Weightless",
    "Gymnopédie No. 1, in a version for strings, harp and everything else",
    "Å",
    "Нежность",
    "$x_2$ and 50 % of _all_",
)


def arc(tracks: int = 9, to_min: float = 100.0, prompts: int = 2, boluses: int = 1) -> Arc:
    """A session with everything in it."""
    each = (to_min + 10) / tracks
    minutes = [to_min * n / 50 for n in range(51)]
    rise = [200.0 * n / 50 for n in range(51)]
    return Arc(
        title="A profile with a long name, as clinics give them, for the whole of a long afternoon",
        subtitle="profile x · " * 30,
        from_min=-10.0,
        to_min=to_min,
        phases=(
            Stretch("settling", -10, 0),
            Stretch("onset", 0, 0.4),
            Stretch("a phase that nobody could name shortly", 0.4, to_min / 2),
            Stretch("recovery", to_min / 2, to_min),
        ),
        planned_phases=(Stretch("settling", -10, 0), Stretch("peak", 0, to_min)),
        tracks=tuple(
            Sounding(
                number=n + 1,
                title=TITLES[n % len(TITLES)],
                from_min=-10 + n * each,
                to_min=min(to_min, -10 + (n + 1) * each + each / 8),
                entrance_min=each / 8,
                departure_min=each / 8,
                loudness_lufs=-23.0 - n % 7,
                generated=n % 4 == 3,
                exits_min=(-10 + (n + 0.5) * each,),
            )
            for n in range(tracks)
        ),
        flow=Flow(
            (Stretch("infusion", 0, 40),),
            ((0.0, 0.875), (15.0, 0.0), (20.0, 0.875), (45.0, 0.0)),
            tuple(n * 0.5 for n in range(boluses)),
        ),
        planned_flow=Flow((Stretch("infusion", 0, 40),), ((0.0, 0.875), (40.0, 0.0))),
        estimate=Estimate(
            minutes,
            [0.7 * ng for ng in rise],
            [1.5 * ng for ng in rise],
            rise,
            [float("nan"), *rise[1:]],
            model="kamp",
            spread="spread of the models",
            words=WORDS,
            basis="kamp, of an adult of 70 kg " * 20,
        ),
        prompts=tuple(Asked(f"A prompt number {n} of them", 5.0 * n) for n in range(prompts)),
        silences=(Stretch("silence", 50, 53),),
    )


def boxes(sheet: Arc) -> dict[str, Any]:
    """Where each line of text lies, in pixels."""
    from kaproom.arc.sheet import composed

    figure = composed(sheet)
    figure.draw_without_rendering()
    texts = figure.findobj(lambda artist: hasattr(artist, "get_fontsize") and artist.get_visible())
    found = {}
    for number, text in enumerate(cast(list[Any], texts)):
        if text.get_text().strip():
            found[f"{number}: {text.get_text()}"] = text.get_window_extent()
    found["sheet"] = figure.bbox
    return found


SHEETS = {
    "nine": arc(),
    "sixty": arc(60),
    "too many": arc(200, prompts=9),
    "short": arc(7, 2.75),
    "boluses": arc(boluses=6),
    "bare": replace(
        arc(),
        estimate=None,
        planned_phases=(),
        planned_flow=None,
        prompts=(),
        silences=(),
        flow=Flow((Stretch("infusion", 0, 40),), None, (0.0, 20.0)),
    ),
    "no tracks": replace(arc(), tracks=()),
    "happened": replace(
        arc(30, prompts=0),
        notes=tuple(Noted(f"A kind of note, number {n % 8}", 3.0 * n) for n in range(30)),
        hands=tuple(
            Stretch(name, 7.0 * n, 7.0 * n + (0.2, 5, 12)[n % 3])
            for n, name in enumerate(("calm", "duck", "hold", "fade", "away", "no sound") * 2)
        ),
        prompts=tuple(Asked("Vital signs", 10.0 * n, n % 3 > 0) for n in range(9)),
        axis="minutes from the start of the infusion as recorded",
    ),
}


@pytest.mark.parametrize("name", SHEETS)
def test_no_two_lines_of_text_overlap_and_none_leaves_the_sheet(name: str) -> None:
    found = boxes(SHEETS[name])
    sheet = found.pop("sheet")
    for label, box in found.items():
        assert box.x0 >= 0 and box.x1 <= sheet.x1 and box.y0 >= 0 and box.y1 <= sheet.y1, label
    for (one, box), (other, also) in combinations(found.items(), 2):
        wide = min(box.x1, also.x1) - max(box.x0, also.x0)
        high = min(box.y1, also.y1) - max(box.y0, also.y0)
        # A pixel or two at 200 dpi is what letters leave free inside their box.
        assert wide <= 2 or high <= 2, (one, other)


def test_every_estimate_bears_its_words() -> None:
    assert any(WORDS in label for label in boxes(arc()))
    bare = " ".join(boxes(SHEETS["bare"]))
    assert "ng/mL" not in bare
    assert "no rate planned or recorded" in bare


def test_what_is_too_much_for_the_list_is_counted() -> None:
    assert any(label.endswith("and 105 more") for label in boxes(SHEETS["too many"]))


@pytest.mark.parametrize(("name", "head"), [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG")])
def test_the_same_values_give_the_same_bytes(tmp_path: Path, name: str, head: bytes) -> None:
    draw(arc(), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    draw(arc(), tmp_path / name)
    assert first.startswith(head)
    assert (tmp_path / name).read_bytes() == first


def test_a_file_that_cannot_be_drawn_to_is_named(tmp_path: Path) -> None:
    for file, told in (
        (tmp_path / "arc.jpg", "is neither an SVG nor a PNG; call it arc.svg"),
        (tmp_path / "no" / "arc.svg", "there is no folder"),
        (tmp_path, "is a folder; name a file in it"),
    ):
        with pytest.raises(Mend, match=told):
            draw(arc(), file)
    if os.access("/dev/full", os.W_OK):
        (tmp_path / "full.svg").symlink_to("/dev/full")
        with pytest.raises(WorldFailed, match="cannot be written: No space left"):
            draw(arc(), tmp_path / "full.svg")


def test_matplotlib_is_loaded_by_drawing_alone() -> None:
    look = "import sys, kaproom.arc, kaproom.curation.pictured; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
