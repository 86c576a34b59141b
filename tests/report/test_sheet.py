"""The session sheet: everything that happened, nothing that did not, and safe to open."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest
from afternoons import (
    HOSTILE,
    INTENTION,
    ROOM,
    entries,
    eventful,
    hostile,
    plan,
    prepared,
    recorded,
)
from pasts import Past

from kaproom.clock import NS_PER_S
from kaproom.errors import Mend
from kaproom.record import SESSION_ERASED, Entry, Record
from kaproom.report import write_sheet
from kaproom.report.account import Account, Correction
from kaproom.report.page import patients_page, sheet
from kaproom.report.reading import read
from kaproom.report.redaction import redacted
from kaproom.report.sessions import listed as sessions
from kaproom.session import events as e

ID = "5e55" * 8


def account(folder: Path, past: Past, *, curve: bool = False) -> Account:
    with recorded(folder, entries(past)) as record:
        return read(record, ID, ROOM, curve=curve)


@pytest.fixture(scope="module")
def was(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The eventful afternoon."""
    return account(tmp_path_factory.mktemp("record"), eventful(), curve=True)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return account(tmp_path_factory.mktemp("record"), hostile())


def parsed(page: str) -> Any:
    """The page as a browser reads it; any error of syntax fails."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    return parser.parse(page)


def words(page: str) -> str:
    """All that can be read on it."""
    body = parsed(page).find("body")
    return re.sub(r"\s+", " ", " ".join(body.itertext()))


def test_the_sheet_tells_phases_pieces_notes_and_the_infusion(was: Account) -> None:
    said = words(sheet(was))
    for phase in ("settling", "onset", "ascent", "peak", "descent", "landing", "recovery"):
        assert phase in said
    assert len(was.pieces) > 12
    assert all(piece.title in said for piece in was.pieces)
    for told in ("quiet, a hand on the heart", "paused", "resumed", "Green room"):
        assert told in said


def test_a_correction_stands_beside_what_it_corrects(was: Account) -> None:
    page = sheet(was)
    said = words(page)
    assert "quiet, a hand on the heart" in said
    assert "quiet; right hand on the heart" in said
    (wrong,) = [note for note in was.notes if note.in_error]
    assert wrong.text == "wrong key"
    assert '<span class="category struck" dir="auto">Eyes open</span>' in page


def test_a_late_note_says_when_it_was_entered(was: Account) -> None:
    (late,) = [note for note in was.notes if note.late]
    assert (late.entered_utc - late.utc).total_seconds() == pytest.approx(150)
    assert f"late: entered {late.entered_utc.astimezone():%H:%M:%S}" in words(sheet(was))


def test_who_was_there_signed_and_said_what_afterwards(was: Account) -> None:
    assert was.state == "signed off"
    assert [each.who for each in was.presence] == [("AB", "CD")]
    (after,) = [note for note in was.notes if note.integration]
    assert after.who == "AB"
    said = words(sheet(was))
    assert "AB, CD" in said
    assert "Afterwards" in said
    assert "I was not alone in it" in said
    assert was.length_min == pytest.approx(112.1, abs=0.1)


def test_what_was_heard_of_the_test_tone_is_told_and_by_whom(tmp_path: Path) -> None:
    past = Past(*plan())
    assert "test tone" not in words(sheet(account(tmp_path / "untried", past)))
    first = past.entries[0]
    tones = {"left": {"heard": True, "by": "AB"}, "right": {"heard": False, "by": None}}
    fields = {**first.entry.fields, "tones": tones}
    past.entries[0] = replace(first, entry=replace(first.entry, fields=fields))
    said = words(sheet(account(tmp_path / "tried", past)))
    assert "Headphones, by a test tone left heard (AB), right NOT heard" in said


def test_a_second_press_and_a_text_that_followed_belong_to_the_note(tmp_path: Path) -> None:
    profile, music = plan()
    past = Past(profile, music)
    seq = past.minute(5, e.Noted, category="tears")
    past.at(300.2, e.NotedAgain, note=0, category="tears")
    past.at(320, e.Worded, seq=seq, note=0, text="for her mother")
    past.at(400, e.Amended, seq=seq, note=0, moved_to_s=240.0, by="CD")
    (note,) = account(tmp_path, past).notes
    assert (note.text, note.presses, note.now_min) == ("for her mother", 2, 4)
    assert note.corrections[0].who == "CD"
    said = words(sheet(account(tmp_path / "again", past)))
    assert "pressed 2 times" in said
    assert "time 4:00" in said


def test_preparation_and_checklists_are_told_with_reasons(tmp_path: Path) -> None:
    with recorded(tmp_path, prepared()) as record:
        told = read(record, ID, ROOM, curve=False)
    said = words(sheet(told))
    for line in (INTENTION, "K-0427", "vocals", "−8 dB", "2026-02-26 AB", "Left at 15:20"):
        assert line in said, line
    states = {tick.text: tick.state for tick in told.preparation.before}
    assert states["Fasted as the clinic asks"] == "confirmed"
    assert states["Escort home arranged"] == "overridden"
    assert states["Toilet visited"] == "open"
    reason = "her sister comes at four, confirmed by telephone"
    assert reason in said
    without = words(sheet(redacted(told)))
    for line in (INTENTION, "K-0427", reason, "124/78"):
        assert line not in without
    assert "Escort home arranged" in without


def test_timers_are_told_as_done_or_missed(was: Account) -> None:
    states = {round(prompt.at_min): prompt.state for prompt in was.prompts}
    assert states[10] == "done"
    assert states[30] == "missed"
    assert "they measure nothing of the patient" in words(sheet(was))


def test_what_disturbed_is_told_with_its_length(was: Account) -> None:
    long = {each.what: (each.to_min or 0) - each.from_min for each in was.disturbances}
    assert long["calm: the refuge"] == pytest.approx(5)
    assert long["headphones off"] == pytest.approx(3)
    assert long["no sound"] == pytest.approx(9 / 60)
    assert was.sound.underruns == 2


def test_the_predicted_curve_is_off_the_sheet_unless_asked_for(was: Account) -> None:
    estimate = was.estimate
    assert estimate is not None
    assert estimate.words in words(sheet(was))
    without = sheet(replace(was, estimate=None))
    assert "estimate, not a measurement" not in words(without)
    assert 'class="band"' not in without


def test_the_sheet_fetches_nothing_and_runs_nothing(was: Account, attacked: Account) -> None:
    for page in (sheet(was), sheet(attacked), patients_page(attacked)):
        tree = parsed(page)
        assert "default-src 'none'" in page
        tags = {each.tag for each in tree.iter() if isinstance(each.tag, str)}
        assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
        for each in tree.iter():
            for name, value in each.attrib.items():
                assert not name.startswith("on")
                assert name not in ("src", "href", "srcset", "action", "style"), (name, value)


def test_foreign_text_stays_text(attacked: Account) -> None:
    page = sheet(attacked)
    assert "<script" not in page
    said = words(page)
    assert HOSTILE[0] in said
    assert HOSTILE[2] in said
    assert "49" not in said.partition(HOSTILE[2])[0][-20:]
    assert HOSTILE[-1] in said
    assert "\x07" not in page
    assert "\ufffe" not in page
    assert '<span class="free" dir="auto">\u202eright to left' in page


def test_a_redacted_sheet_has_no_free_text(was: Account) -> None:
    was = replace(
        was,
        ref="K-0427",
        preparation=replace(was.preparation, intention=INTENTION),
    )
    assert INTENTION in words(sheet(was))
    said = words(sheet(redacted(was)))
    texts = [note.text for note in was.notes] + [
        c.text for note in was.notes for c in note.corrections
    ]
    for text in [*texts, INTENTION, "K-0427", "The song from the kitchen", "breaks off"]:
        assert not text or text not in said, text
    assert "Tears" in said


def test_the_patients_page_has_no_notes_of_the_staff(was: Account) -> None:
    was = replace(was, preparation=replace(was.preparation, intention=INTENTION))
    page = patients_page(was)
    said = words(page)
    assert INTENTION in said
    heard = [piece.title for piece in was.pieces if piece.heard_s > 60]
    assert len(heard) > 12
    assert all(title in said or title.capitalize() in said for title in heard)
    assert "The song from the kitchen" in said
    assert "<svg" not in page
    for note in was.notes:
        assert not note.text or note.text not in said
        assert note.label not in said
    for word in ("infusion", "mg", "Vital", "skipped", "K-0427", "missed"):
        assert word not in said


def test_words_of_their_own_are_on_the_patients_page(was: Account) -> None:
    own = replace(was.notes[0], category="own-words", text="The sea let me go.")
    taken_back = Correction(seq=900, utc=own.utc, in_error=True)
    moved = Correction(seq=901, utc=own.utc, category="speech", label="Speech")
    for corrections, there in (((), True), ((taken_back,), False), ((moved,), False)):
        notes = (replace(own, corrections=corrections), *was.notes[1:])
        said = words(patients_page(replace(was, notes=notes)))
        assert ("The sea let me go." in said) == there


def test_every_setting_item_is_filled_in_or_listed_as_open(was: Account) -> None:
    numbers = [item.number for item in was.setting]
    assert numbers == [*map(str, range(1, 18)), "18–30"]
    states = {item.number: item.state for item in was.setting}
    assert states["11"] == "filled"
    assert states["5"] == "open"
    said = words(sheet(was))
    assert all(item.name in said for item in was.setting)


def test_the_dose_of_sound_follows_from_the_calibration(tmp_path: Path) -> None:
    profile, music = plan()
    past = Past(profile, music)
    past.minute(60, e.Ended)
    past.minute(61, e.Tick)
    told = account(tmp_path, past)
    dose = told.sound.dose
    assert dose is not None
    # Noise at -23 LUFS and 0 dB is 68 dB(A) there; the output rests at -6 dB, and settling
    # is 4 LU softer than the reference.
    assert dose.laeq_dba == pytest.approx(68 - 6 - 4, abs=0.5)
    assert dose.sounding_min == pytest.approx(60, abs=0.2)
    assert dose.pa2h == pytest.approx((20e-6) ** 2 * 10**5.8, rel=0.15)


def test_a_session_without_an_infusion_counts_from_its_opening(tmp_path: Path) -> None:
    profile, music = plan()
    past = Past(profile, music)
    past.minute(5, e.Noted, category="tears")
    told = account(tmp_path, past)
    assert (told.clock_from, told.state) == ("opening", "open")
    assert [note.at_min for note in told.notes] == [5]
    assert "no start of an infusion was recorded" in words(sheet(told))


def test_a_record_of_another_version_is_told_as_it_stands(tmp_path: Path) -> None:
    """What cannot be stepped through again still has its notes."""
    past = eventful()
    opening, *rest = entries(past)
    profile = {**opening.fields["profile"], "phases": [{"name": "a phase of tomorrow"}]}
    opening = replace(opening, fields={**opening.fields, "profile": profile})
    strange = replace(rest[0], kind="of-tomorrow", fields={"what": "nobody knows"})
    with recorded(tmp_path, [opening, *rest, strange]) as record:
        told = read(record, ID, ROOM, curve=False)
    assert told.unread is not None
    said = words(sheet(told))
    assert "quiet, a hand on the heart" in said
    assert "cannot be reckoned anew" in said
    assert "of-tomorrow" in said


def test_yesterdays_keys_are_not_missed(tmp_path: Path) -> None:
    """An opening with nothing but profile and music, and entries that heard nothing."""
    opening, *rest = entries(eventful())
    kept = {key: opening.fields[key] for key in ("profile", "repertoire")}
    bare = [replace(entry, heard=None, phase=None, who=None) for entry in rest]
    with recorded(tmp_path, [replace(opening, fields=kept), *bare]) as record:
        told = read(record, ID, None, curve=False)
    assert "quiet, a hand on the heart" in words(sheet(told))


def test_a_piece_that_the_record_names_otherwise_is_owned_up_to(tmp_path: Path) -> None:
    listed = entries(eventful())
    changed = [
        replace(entry, heard={**entry.heard, "key": "another"}) if entry.heard else entry
        for entry in listed[:12]
    ]
    with recorded(tmp_path, [*changed, *listed[12:]]) as record:
        told = read(record, ID, ROOM, curve=False)
    assert told.misheard >= 1
    assert "entries name another piece than this reckoning" in words(sheet(told))


def test_pieces_are_those_that_the_record_names(tmp_path: Path) -> None:
    """Whatever this kaproom would have planned."""
    listed = entries(eventful())
    opening = listed[0]
    named = [
        replace(
            opening,
            kind="piece",
            at=replace(opening.at, mono_ns=opening.at.mono_ns + at_s * NS_PER_S),
            fields={"cue": f"c{at_s}", "key": title, "title": title, "crossfade_s": 5.0},
        )
        for at_s, title in ((0, "The first"), (900, "The second"))
    ]
    with recorded(tmp_path, [*listed, *named]) as record:
        told = read(record, ID, ROOM, curve=False)
    assert [(piece.title, round(piece.from_min, 2)) for piece in told.pieces] == [
        ("The first", -11.83),
        ("The second", 3.17),
    ]
    assert told.pieces[0].to_min == pytest.approx(told.pieces[1].from_min + 5 / 60)
    assert told.misheard == 0


def test_daylight_saving_changes_times_of_day_and_no_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = entries(eventful())
    # The clocks go forward at 01:00 UTC on 29 March 2026; the session opens at 00:04.
    later = timedelta(days=26, hours=11)
    moved = [
        replace(
            entry,
            at=replace(entry.at, utc=entry.at.utc + later),
            entered=replace(entry.entered, utc=entry.entered.utc + later),
        )
        for entry in listed
    ]
    monkeypatch.setenv("TZ", "Europe/Zurich")
    time.tzset()
    try:
        with recorded(tmp_path, moved) as record:
            said = words(sheet(read(record, ID, ROOM, curve=False)))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "from CET, UTC+01:00 to CEST, UTC+02:00" in said
    assert "77:10 03:33:05" in said
    assert "−8:50 01:07:05" in said


def test_the_series_under_a_reference_is_shown(tmp_path: Path) -> None:
    first, second, other = (
        entries(eventful(), digit * 32, timedelta(days=day))
        for digit, day in (("a", 0), ("b", 7), ("c", 8))
    )
    named = [
        [replace(each[0], fields={**each[0].fields, "ref": ref}), *each[1:]]
        for each, ref in ((first, "K-0427"), (second, "K-0427"), (other, "K-0001"))
    ]
    with recorded(tmp_path, *named) as record:
        told = read(record, "b" * 32, ROOM, curve=False)
    assert [(one.session[0], one.this) for one in told.series] == [("a", False), ("b", True)]
    said = words(sheet(told))
    assert "K-0427" in said
    assert "aaaaaaaa" in said
    assert "cccccccc" not in said


def test_the_sheet_of_an_erased_session_says_so_and_nothing_else(tmp_path: Path) -> None:
    listed = entries(eventful())
    now = listed[-1].at
    with recorded(tmp_path, prepared()) as record:
        record.erase(
            Entry(kind=SESSION_ERASED, at=now, entered=now, session=ID, who="CD", fields={})
        )
        told = read(record, ID, ROOM, curve=False)
        assert [one.state for one in sessions(record)] == ["erased"]
    assert told.verdict is not None and told.verdict.whole
    for page in (sheet(told), patients_page(told)):
        said = words(page)
        assert "This session was erased" in said
        assert "by CD" in said
        for gone in ("K-0427", "hand on the heart", INTENTION, "Tears", "iv-40"):
            assert gone not in said


def test_a_damaged_record_says_so_on_the_sheet(was: Account) -> None:
    assert was.verdict is not None
    broken = replace(was.verdict, reason="entry 3 was changed", first_broken=3)
    assert "not whole: entry 3 was changed" in words(sheet(replace(was, verdict=broken)))


# -- the file


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with recorded(tmp_path, entries(eventful())) as found:
        yield found


def test_a_written_sheet_is_whole_private_and_named_without_the_reference(
    record: Record, tmp_path: Path
) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    path = write_sheet(record, ID, folder, ROOM)
    assert re.fullmatch(r"kaproom-2026-03-0\d-\d{4}-5e555e55\.html", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [path]
    assert write_sheet(record, ID, folder, ROOM) == path
    assert "quiet, a hand on the heart" in words(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (lambda r, f: write_sheet(r, "0" * 32, f), "the record has no session 0000"),
        (lambda r, f: write_sheet(r, ID, f / "none"), "there is no folder"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_one_line(
    record: Record, tmp_path: Path, how: Callable[[Record, Path], Path], line: str
) -> None:
    with pytest.raises(Mend, match=line) as raised:
        how(record, tmp_path)
    assert "\n" not in str(raised.value)
