"""An afternoon in the room with everything that can happen in it, as a record on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pasts import Past
from session.imagined import scape, track

from kaproom.files import load_profile
from kaproom.record import Entry, Record
from kaproom.session import events as e
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.roomfile import Calibration, RoomFile

ROOM = RoomFile(
    site="clinic",
    room="green",
    display_name="Green room",
    calibration=Calibration(reference_dba=68.0, headphones="closed, over the ear"),
)
HOSTILE = (
    "<script>alert('x')</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://evil.example","click")',
    "{{ 7 * 7 }} {% raw %} ]]> --> </style></svg>",
    "\u202eright to left\u202c and שלום, مرحبا",
    "🌊 tears, then a smile 🙂 👩‍👩‍👧",
    "bell \x07 null-ish \x01 and a \ufffe nonsense",
    "line one\nline two\tand a tab\r\nline three",
    "o" * 10_000,
)
_TITLES = {
    "arriving": ("Weightless", "An Ending (Ascent)", "Ambre"),
    "setting-out": ("Spiegel im Spiegel", "Avril 14th", "Opening", "Near Light"),
    "deepening": ("Nuvole Bianche", "Metamorphosis Two", "Hammers", "Says"),
    "open": ("Lux Aeterna", "Symphony No. 3, II. Lento e largo", "Hoppípolla", "Tabula Rasa"),
    "returning": ("Re: Person I Knew", "Une barque sur l’océan", "Gymnopédie No. 1", "Fratres"),
    "arriving-back": ("Deep Blue Day", "Clair de lune"),
}
INTENTION = "To meet what I have been running from, and to be kind to it."


def plan(**more: Any) -> tuple[Profile, Repertoire]:
    """The shipped profile, with music as a therapist would have it."""
    profile = load_profile("iv-40-calm-from-35", RoomFile()).profile
    profile = Profile.model_validate(profile.model_dump() | more)
    sections = {
        name: tuple(
            track(title, 260.0 + 47 * n, -19.0 + n, title=title) for n, title in enumerate(titles)
        )
        for name, titles in _TITLES.items()
    }
    own = track("own", 214.0, title="The song from the kitchen", vocals=True)
    return profile, Repertoire(sections=sections, refuge=scape("ocean"), closing=own, seed=7)


PREPARED = {
    "ref": "K-0427",
    "profile": "iv-40-calm-from-35",
    "intention": INTENTION,
    "without": ["vocals"],
    "closing": {"file": "/copy/own.flac", "title": "The song from the kitchen"},
    "level_db": -8.0,
    "consent": {"by": "AB", "on": "2026-02-26"},
    "screening": [
        {"item": "No history of psychosis", "state": "confirmed", "by": "AB", "on": "2026-02-26"},
        {
            "item": "No untreated hypertension",
            "state": "overridden",
            "reason": "treated since January, 124/78 at home",
            "by": "AB",
            "on": "2026-02-26",
        },
    ],
    "by": "AB",
}
BEFORE = [
    {"item": "Consent for today confirmed", "state": "confirmed", "by": "AB", "must": True},
    {"item": "Fasted as the clinic asks", "state": "confirmed", "by": "AB", "must": True},
    {
        "item": "Escort home arranged",
        "state": "overridden",
        "reason": "her sister comes at four, confirmed by telephone",
        "by": "CD",
        "must": True,
    },
]


def prepared() -> list[Entry]:
    """The eventful afternoon of a patient who was prepared days before."""
    past = eventful()
    opening, *rest = entries(past)
    fields = {**opening.fields, "ref": PREPARED["ref"], "prepared": PREPARED}
    gone = {"which": "before", "items": BEFORE}
    leaving = {
        "which": "after",
        "items": [{"item": "Escort here", "state": "confirmed", "by": "AB"}],
        "left_at": "15:20",
    }
    signed = next(n for n, entry in enumerate(rest) if entry.kind == "signed-off")
    before = replace(rest[0], kind="checklist", fields=gone, heard=None)
    after = replace(rest[signed], kind="checklist", fields=leaving, heard=None)
    opening = replace(opening, fields=fields)
    # Put in so that no note changes its place: corrections name them by it.
    return [opening, *rest[:-1], before, after, rest[-1]]


def eventful() -> Past:
    """Two hours: a pause, calm, a voice, headphones off, failures, notes of every kind."""
    profile, music = plan(infusion={"planned_min": 40.0, "dose_mg": 35.0})
    past = Past(profile, music)
    past.scribe.clock = {"synced": True, "offset_s": 0.0008, "max_error_s": 0.02, "steps": 0}
    past.minute(1, e.Present, who="AB CD")
    past.minute(3, e.Noted, category="vital-signs-taken", text="BP 118/76, pulse 68")
    past.minute(6, e.Levelled, by_db=-2.0)
    past.minute(12.5, e.Infused, what="started", ago_s=40.0)
    past.minute(13, e.Noted, category="vital-signs-taken")
    past.minute(16, e.Noted, category="breath", text="slower, deep")
    past.minute(19, e.Noted, category="movement", text="hands open", by="CD")
    tears = past.minute(22, e.Noted, category="tears", text="quiet, a hand on the heart")
    past.minute(23, e.Noted, category="vital-signs-taken")
    past.minute(26, e.Infused, what="paused")
    past.minute(26.2, e.Noted, category="nausea", text="asked for the bowl, not needed")
    past.minute(27, e.Ducked)
    past.minute(27.2, e.Noted, category="comfort", text="“You are safe, we are here.”")
    past.minute(28, e.Returned)
    past.minute(29, e.Infused, what="resumed")
    wrong = past.minute(31, e.Noted, category="eyes-open", text="wrong key")
    past.minute(31.4, e.Amended, seq=wrong, in_error=True)
    past.minute(33, e.Noted, category="vital-signs-taken")
    past.minute(36, e.Calmed)
    past.minute(36.3, e.Noted, category="speech", text="“It is too much.”")
    past.minute(41, e.Returned)
    past.minute(44, e.Noted, category="tears", text="long, then laughing")
    past.minute(
        47, e.Noted, category="movement", text="turned to the left", ago_s=150.0, recalled=True
    )
    past.minute(48, e.Amended, seq=tears, text="quiet; right hand on the heart", category="comfort")
    sounding = past.session.cue_at(50 * 60)
    assert sounding is not None
    past.minute(50, e.SourceFailed, cue=sounding.id, why="breaks off at 2:10")
    past.fact(
        52 * 60, "sound", {"state": "playing", "was": "", "underruns": 1, "device": "Headphones"}
    )
    past.fact(53 * 60, "sound", {"state": "device-lost", "was": "playing", "underruns": 1})
    past.fact(53 * 60 + 9, "sound", {"state": "playing", "was": "device-lost", "underruns": 3})
    past.at(53 * 60 + 9.5, e.Shifted, by_s=9.0)
    past.minute(55.4, e.Infused, what="stopped")
    past.minute(58, e.WentAway)
    past.minute(61, e.CameBack)
    past.minute(64, e.Noted, category="vital-signs-taken")
    past.minute(70, e.Skipped)
    past.minute(78, e.Noted, category="speech", text="tells of the sea and of her grandmother")
    past.minute(89, e.Noted, category="vital-signs-taken", text="BP 122/80")
    past.minute(112, e.Ended)
    past.minute(113, e.Tick)
    past.minute(116, e.Noted, category="other", text="had tea, steady on her feet")
    past.minute(140, e.SignedOff, by="AB")
    said = "The sea carried me; I was not alone in it."
    past.minute(2900, e.Noted, category="integration", text=said, by="AB", integration=True)
    return past


def hostile() -> Past:
    """A session whose notes are what an attacker or a broken terminal would write."""
    profile, music = plan()
    past = Past(profile, music)
    past.minute(5, e.Infused, what="started")
    for number, text in enumerate(HOSTILE):
        made = past.minute(6 + number, e.Noted, category="other", text=text)
        past.minute(6.5 + number, e.Amended, seq=made, text=text)
    past.minute(40, e.Ended)
    past.minute(41, e.Tick)
    return past


def long(notes: int = 2_000) -> Past:
    """Three hours with so many notes."""
    profile, music = plan()
    past = Past(profile, music)
    past.minute(10, e.Infused, what="started")
    kinds = [note.category for note in profile.notes]
    for number in range(notes):
        at_s = 660.0 + number * 10_000.0 / notes
        past.at(at_s, e.Noted, category=kinds[number % len(kinds)], text=f"note {number}")
    past.minute(180, e.Ended)
    past.minute(181, e.Tick)
    return past


def entries(past: Past, session: str | None = None, later: timedelta = timedelta()) -> list[Entry]:
    """What the record gets of it; under another id and on another day, if asked."""
    moved = []
    for written in past.entries:
        entry = written.entry
        at, entered = (replace(i, utc=i.utc + later) for i in (entry.at, entry.entered))
        moved.append(replace(entry, at=at, entered=entered, session=session or entry.session))
    return moved


def recorded(folder: Path, *sessions: Sequence[Entry]) -> Record:
    """A record on disk with these sessions; open, to be closed."""
    record = Record.open(folder)
    record.begin_boot()
    for each in sessions:
        before = record.head().seq
        record.append([_after(entry, before) for entry in each])
    return record


def _after(entry: Entry, seq: int) -> Entry:
    """A correction names its note by the place that it has in this record."""
    if entry.kind != "amendment":
        return entry
    return replace(entry, fields={**entry.fields, "seq": entry.fields["seq"] + seq})
