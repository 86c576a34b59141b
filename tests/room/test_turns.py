"""Commands that turn the music: asked about before they are given, kept over a restart."""

from __future__ import annotations

import json

import pytest
from rooms import LivingRoom

from kaproom.errors import Mend, Reason, Refused
from kaproom.session.state import LEAD_S

BY_PEOPLE = ("infusion", "hold", "advance", "end")


def test_a_preview_changes_and_records_nothing(room: LivingRoom) -> None:
    session = room.begin(sounding=False)
    room.call("infusion", {"what": "started"})
    stop = room.call("preview", {"do": "infusion", "what": "stopped"})["preview"]
    assert (stop["before"]["phase"], stop["after"]["phase"]) == ("onset", "descent")
    assert stop["after"]["end_in_s"] == pytest.approx((2.75 - 1.4) * 60, abs=0.1)
    assert room.call("preview", {"do": "end"})["preview"]["after"]["cues"] == []
    for do in ("note", "duck", "start", "call", "dance"):
        with pytest.raises((Mend, Refused)):
            room.call("preview", {"do": do, "category": "tears"})
    said = room.kaproom("hold", "10", "--preview")
    assert said.startswith("Nothing is changed and nothing recorded")
    assert "onset, as now" in said and "of the infusion" in said
    told = json.loads(room.kaproom("end", "--preview", "--json"))
    assert told["preview"]["after"]["end_in_s"] == 8.5
    assert [k for k in room.kinds(session) if k in BY_PEOPLE] == ["infusion"]
    phase = room.status()["phase"]
    assert phase["name"] == "onset" and not phase["held"]


def test_nobody_asks_a_dead_daemon_what_would_be_and_is_faded_for_it(room: LivingRoom) -> None:
    room.begin()
    room.kill()
    with room.ring() as ring:
        before_db = ring.gain().target_db
        assert "nobody answers" in room.kaproom("end", "--preview", status=1)
        assert ring.gain().target_db == before_db
    room.start()


def test_an_advance_to_a_more_intense_phase_asks_first(room: LivingRoom) -> None:
    room.begin(sounding=False)
    room.call("infusion", {"what": "started"})
    room.wait_for(lambda s: s["phase"]["elapsed_s"] > LEAD_S + 0.3)
    with pytest.raises(Refused) as refused:
        room.call("advance")
    assert refused.value.reason == Reason.MORE_INTENSE
    said = room.kaproom("advance", status=1)
    assert "'ascent' is more intense than 'onset'" in said and "`kaproom advance --yes`" in said
    assert room.status()["phase"]["name"] == "onset"
    assert "'ascent'" in room.kaproom("advance", "--yes")
    assert room.status()["phase"]["name"] == "ascent"


def test_a_hold_for_some_minutes_survives_the_daemon(room: LivingRoom) -> None:
    room.begin(sounding=False)
    room.call("infusion", {"what": "started"})
    room.call("hold", {"for_min": 9})
    before = room.status()["phase"]
    assert before["held"] and before["hold_ends_in_s"] == pytest.approx(540, abs=1)
    room.kill()
    room.start()
    after = room.status()
    assert after["phase"]["held"] and 500 < after["phase"]["hold_ends_in_s"] < 540
    assert after["ahead"]["change"]["in_s"] == pytest.approx(after["phase"]["hold_ends_in_s"])
