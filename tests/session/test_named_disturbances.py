"""Named disturbances, as files with the plan before and after; see disturbances/README.md."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from session.disturbed import FOLDER, Disturbance, index, left

from kaproom.session import events as e
from kaproom.session.replanning import TURN_WAIT_S
from kaproom.session.state import LEAD_S

FILES = sorted(FOLDER.glob("*.txt"))
README = FOLDER / "README.md"
REWRITE = bool(os.environ.get("KAPROOM_REWRITE"))
"""Write the tables anew, to be read before they are kept."""


def test_there_are_twenty_disturbances_at_least() -> None:
    assert len(FILES) >= 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_plan_after_a_disturbance_is_the_one_that_was_looked_at(path: Path) -> None:
    disturbance = Disturbance(path)
    before, after = disturbance.planned(), disturbance.disturbed()
    written = disturbance.written(before, after)
    if REWRITE:
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written

    # Nothing that was heard by then has changed; a standstill moves what sounds itself.
    heard = [c for c in before.session.cues if c.start_s < disturbance.first_s()]
    *earlier, sounding = after.session.cues[: len(heard)]
    assert earlier == heard[:-1] and sounding.offer == heard[-1].offer

    # Nothing is left but at an exit, at its end, or because of what people did.
    stood_still = any(isinstance(event, e.Shifted) for event in after.recorded)
    done_s = [event.entered_s for event in after.recorded]
    for cue, following in pairwise(() if stood_still else after.session.cues):
        if left(cue, following) == "left":
            waited_s = min(following.start_s - at_s for at_s in done_s if at_s < following.start_s)
            assert waited_s <= LEAD_S + TURN_WAIT_S, cue


def test_the_table_of_all_disturbances_is_current() -> None:
    head, mark, _ = README.read_text(encoding="utf-8").partition("\n| what happens |")
    written = head + "\n" + index(FILES)
    if REWRITE:
        README.write_text(written, encoding="utf-8")
    assert mark and README.read_text(encoding="utf-8") == written
