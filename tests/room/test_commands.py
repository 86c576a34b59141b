"""What comes over the socket is read exactly, and refused in words a person can use."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.errors import Mend
from kaproom.room import commands
from kaproom.session import events as e


@pytest.mark.parametrize(
    ("do", "args", "words"),
    [
        ("dance", {}, "'dance' is not a command of the session"),
        ("infusion", {"what": "start"}, "'start' is none of started, paused"),
        ("infusion", {"what": "rate", "value": 1, "unit": "mg"}, "mL/h or mg/kg/min, not in 'mg'"),
        ("infusion", {"what": "rate", "value": 1, "unit": []}, "mL/h or mg/kg/min, not in '[]'"),
        ("infusion", {"what": "rate", "value": -1, "unit": "mg/min"}, "between 0 and 2000"),
        ("infusion", {"what": "bolus", "value": float("nan")}, "value must be a number"),
        ("infusion", {"what": "bolus", "value": 0}, "more than 0 and at most 1000"),
        ("note", {}, "category must be a text"),
        ("note", {"category": "tears", "text": "x" * 10_001}, "10000 at most: make it two"),
        ("amend", {"seq": True}, "'True' is not an entry's number"),
        ("amend", {"seq": 4}, "needs a text, a category, a time (--at, --ago), or --in-error"),
        ("note", {"category": "tears", "by": "Anna Berg"}, "nobody's initials"),
        ("note-text", {"seq": 4, "text": "  "}, "a note's text needs words"),
        ("note-text", {"seq": 0, "text": "x"}, "'0' is not an entry's number"),
        ("who", {"who": "AB"}, "a list of initials"),
        ("who", {"who": []}, "say who is present"),
        ("level", {"by_db": 40}, "more than 0 and at most 12"),
        ("level", {}, "by_db must be a number"),
        ("hold", {"for_min": "ten"}, "for_min must be a number"),
        ("hold", {"for_min": True}, "for_min must be a number"),
    ],
)
def test_a_wrong_command_is_answered_with_what_would_be_right(
    do: str, args: dict[str, Any], words: str
) -> None:
    with pytest.raises(Mend) as mend:
        commands.read(do, args, 12.0, 12.0)
    assert words in str(mend.value)
    assert "\n" not in str(mend.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
names = st.sampled_from(
    [
        "what",
        "value",
        "unit",
        "category",
        "text",
        "seq",
        "by_db",
        "now",
        "rejoin",
        "in_error",
        "for_min",
    ]
)
verbs = st.sampled_from(
    [
        "infusion",
        "note",
        "amend",
        "hold",
        "fade",
        "level",
        "back",
        "end",
        "calm",
        "x",
        "who",
        "note-text",
    ]
)


@given(verbs, st.dictionaries(names, anything))
def test_whatever_arrives_is_an_event_or_a_line_to_mend(do: str, args: dict[str, Any]) -> None:
    try:
        event = commands.read(do, args, 30.0, 31.0)
    except Mend as mend:
        assert "\n" not in str(mend) or "\n" in repr(args)
    else:
        assert isinstance(event, e.Event)
        assert event.at_s == 30.0 or (isinstance(event, e.Amended) and event.moved_to_s == 30.0)
