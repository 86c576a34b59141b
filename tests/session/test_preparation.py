"""What is settled days before: lists worked off by flags, and what is still open."""

from __future__ import annotations

from typing import Any

import pytest

from kaproom.errors import Mend
from kaproom.session.preparation import Ticked, preparation_from, ticked_from, worked_off

ITEMS = ("No history of psychosis", "No history of bipolar mania", "No untreated hypertension")
PREPARED: dict[str, Any] = {
    "ref": "K-0427",
    "profile": "iv-60",
    "intention": "to be held",
    "without": ["vocals"],
    "level_db": -9.0,
    "consent": {"by": "AB", "on": "2026-03-05"},
    "screening": [{"item": ITEMS[0], "state": "confirmed", "by": "AB", "on": "2026-03-05"}],
    "by": "AB",
}


def test_a_preparation_comes_back_from_the_record_as_it_was() -> None:
    made = preparation_from(PREPARED)
    assert preparation_from(made.to_fields()) == made
    assert made.missing == ()


def test_what_is_open_is_named() -> None:
    open_item = {"item": ITEMS[1], "state": "open"}
    made = preparation_from(PREPARED | {"consent": None, "screening": [open_item]})
    assert made.missing == ("consent", ITEMS[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ref": "Anna Berg"}, "the clinic's pseudonym"),
        ({"ref": "../../etc"}, "the clinic's pseudonym"),
        ({"consent": {"by": "Anna Berg", "on": "2026-03-05"}}, "nobody's initials"),
        ({"consent": {"by": "AB", "on": "yesterday"}}, "2026-03-05"),
        ({"level_db": 12.0}, "a number of dB between -60 and 0; write e.g. --level -9"),
        ({"level_db": float("nan")}, "a number of dB between -60 and 0"),
        ({"intention": "x" * 10_001}, "at most 10000 characters; make it shorter"),
        ({"weight_kg": 70}, "weight_kg"),
        ({"without": "vocals"}, "without"),
        ({"without": ["Songs!"]}, "tags of the playlist: a-z, 0-9 and '-'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Mend, match=words) as mend:
        preparation_from(PREPARED | change)
    assert "\n" not in str(mend.value)


def test_items_are_named_by_number_by_their_beginning_or_all_at_once() -> None:
    def states(confirmed: list[str], overridden: list[str]) -> list[str]:
        return [one.state for one in worked_off(ITEMS, confirmed, overridden, by="AB")]

    assert states([], []) == ["open"] * 3
    assert states(["1,3"], []) == ["confirmed", "open", "confirmed"]
    assert states(["no history of b"], []) == ["open", "confirmed", "open"]
    assert states(["all"], ["2=in 2009, stable"]) == ["confirmed", "overridden", "confirmed"]


def test_what_was_settled_before_stays_where_nothing_new_is_said() -> None:
    first = worked_off(ITEMS, ["1"], [], by="AB", on="2026-03-01")
    known = {one.item: one for one in first}
    later = worked_off(ITEMS, ["all"], [], by="CD", on="2026-03-05", known=known)
    assert [(one.by, one.on) for one in later] == [
        ("AB", "2026-03-01"),
        ("CD", "2026-03-05"),
        ("CD", "2026-03-05"),
    ]


@pytest.mark.parametrize(
    ("confirmed", "overridden", "by"),
    [
        (["4"], [], "AB"),
        (["no"], [], "AB"),
        ([], ["2"], "AB"),
        ([], ["2=why"], None),
        ([""], [], "AB"),
    ],
)
def test_what_names_no_item_or_gives_no_reason_is_refused(
    confirmed: list[str], overridden: list[str], by: str | None
) -> None:
    with pytest.raises(Mend):
        worked_off(ITEMS, confirmed, overridden, by=by)


def test_the_room_itself_waits_for_what_must_be_confirmed() -> None:
    done = [one.model_dump(mode="json") for one in worked_off(ITEMS, ["1,2"], [], by="AB")]
    with pytest.raises(Mend, match="not confirmed: No untreated hypertension"):
        ticked_from(done, ITEMS)
    nobody = Ticked(item=ITEMS[2], state="overridden", reason="cleared").model_dump(mode="json")
    with pytest.raises(Mend, match="say why and who"):
        ticked_from([*done[:2], nobody], ITEMS)
    for wrong in (None, "all", [{"item": 3}], [{"item": "x", "state": "perhaps"}]):
        with pytest.raises(Mend):
            ticked_from(wrong)
