"""What is told from memory belongs to the session that it is told of, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from silentroom import SilentRoom

from kaproom.errors import Mend


@pytest.mark.parametrize(
    ("do", "args"),
    [("note", {"category": "tears"}), ("infusion", {"what": "started"})],
)
def test_a_year_that_slipped_is_told_and_changes_nothing(
    tmp_path: Path, do: str, args: dict[str, str]
) -> None:
    room = SilentRoom(tmp_path)
    room.passes(5)
    before = list(room.entries)
    with pytest.raises(Mend, match="2020-01-01 10:00 is more than 12 h before the session"):
        room.does(do, at="2020-01-01 10:00", **args)
    assert room.entries == before
    room.does(do, ago_s=12 * 3600 - 1, **args)


def test_when_the_patient_left_is_a_time_of_day(tmp_path: Path) -> None:
    room = SilentRoom(tmp_path)
    for wrong in ("99:99", "x" * 100_000, "soon"):
        with pytest.raises(Mend, match="is no time of day"):
            room.does("checklist", which="after", items=[], left_at=wrong)
