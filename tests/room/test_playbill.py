"""The record names every piece as it begins, once."""

from __future__ import annotations

from pasts import Past
from session.imagined import profile, repertoire

from kaproom.room.playbill import PIECE, Playbill
from kaproom.session import events as e


def test_each_piece_is_named_once_with_the_moment_at_which_it_began() -> None:
    plan = profile()
    past, playbill = Past(plan, repertoire(plan)), Playbill()
    past.minute(5, e.Infused, what="started")
    told = playbill.begun(past.session)
    past.minute(12, e.Skipped)
    told += playbill.begun(past.session)
    past.minute(40, e.Tick)
    told += playbill.begun(past.session)
    assert playbill.begun(past.session) == []
    begun = [cue for cue in past.session.cues if cue.start_s <= past.session.now_s]
    assert [(t.data["cue"], t.at_s) for t in told] == [(cue.id, cue.start_s) for cue in begun]
    assert told[0].data["title"] == begun[0].offer.title


def test_after_a_restart_only_what_the_record_does_not_have_is_named() -> None:
    plan = profile()
    past, playbill = Past(plan, repertoire(plan)), Playbill()
    past.minute(5, e.Infused, what="started")
    for tell in playbill.begun(past.session):
        past.fact(past.session.now_s, PIECE, tell.data)
    past.minute(30, e.Tick)
    missed = Playbill(past.entries).begun(past.session)
    named = [w.entry.fields["cue"] for w in past.entries if w.entry.kind == PIECE]
    assert missed
    assert [*named, *(tell.data["cue"] for tell in missed)] == [
        cue.id for cue in past.session.cues if cue.start_s <= past.session.now_s
    ]
