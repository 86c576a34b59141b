"""When something was done: stamps that are believed, and times told from memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.clock import NS_PER_S, Instant
from kaproom.errors import Mend
from kaproom.room.stamps import DOUBTS, moment, told_at

ENTERED = Instant(50_000 * NS_PER_S, "boot-a", datetime(2026, 3, 4, 10, 0, tzinfo=UTC))
OPENED_NS = ENTERED.mono_ns - 1800 * NS_PER_S
BERLIN = ZoneInfo("Europe/Berlin")


def pressed(back_s: float, **more: Any) -> dict[str, Any]:
    return {"mono_ns": ENTERED.mono_ns - round(back_s * NS_PER_S), "boot_id": "boot-a"} | more


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_note_carries_the_instant_of_the_key_press_not_of_its_arrival() -> None:
    found = moment(pressed(0.7), ENTERED, OPENED_NS)
    assert found.at_ns == ENTERED.mono_ns - 700_000_000
    assert not found.recalled and found.fields == {}


def test_a_key_press_that_waited_ten_minutes_for_a_daemon_keeps_its_instant() -> None:
    assert moment(pressed(600), ENTERED, OPENED_NS).at_ns == ENTERED.mono_ns - 600 * NS_PER_S


@pytest.mark.parametrize(
    ("args", "doubt"),
    [
        ({"mono_ns": 17, "boot_id": "boot-b"}, "other-boot"),
        ({"mono_ns": ENTERED.mono_ns}, "other-boot"),
        (pressed(-60), "future"),
        (pressed(13 * 3600), "too-old"),
        (pressed(1801), "before-session"),
        ({"mono_ns": "soon", "boot_id": "boot-a"}, "no-time"),
        ({"mono_ns": True, "boot_id": "boot-a"}, "no-time"),
        ({"mono_ns": -(10**30), "boot_id": "boot-a"}, "too-old"),
    ],
)
def test_a_stamp_that_cannot_be_true_costs_nobody_the_note(
    args: dict[str, Any], doubt: str
) -> None:
    found = moment(args, ENTERED, OPENED_NS)
    assert found.at_ns == ENTERED.mono_ns
    assert found.fields == {"stamp": doubt} and doubt in DOUBTS


def test_a_stamp_a_little_ahead_is_now() -> None:
    assert moment(pressed(-0.001), ENTERED).at_ns == ENTERED.mono_ns


def test_ago_counts_back_from_the_key_press() -> None:
    found = moment(pressed(1, ago_s=90), ENTERED, OPENED_NS)
    assert found.at_ns == ENTERED.mono_ns - 91 * NS_PER_S
    assert found.recalled


def test_what_was_seen_before_the_session_may_be_told() -> None:
    assert moment(pressed(1, ago_s=3000), ENTERED, OPENED_NS).doubt is None


@pytest.mark.parametrize(
    "args",
    [{"ago_s": wrong} for wrong in (-1, 13 * 3600, "3m", float("inf"), True)]
    + [{"at": "10:05", "ago_s": 3}, {"at": 605}, {"at": "25:00"}, {"at": "9:5"}],
)
def test_a_time_that_is_none_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(Mend) as mend:
        moment(args, ENTERED)
    assert "\n" not in str(mend.value)


def test_a_time_of_day_is_the_daemons_local_one() -> None:
    found = moment(pressed(0, at="10:41:30"), ENTERED, OPENED_NS, BERLIN)
    assert found.at_ns == ENTERED.mono_ns - (18 * 60 + 30) * NS_PER_S
    assert found.recalled and found.fields == {"told_at": "10:41:30"}


@pytest.mark.parametrize(
    ("written", "now", "meant"),
    [
        # a plain day, just after midnight, and a date
        ("14:05", "2026-03-04T13:30", "2026-03-04T13:05"),
        ("23:55", "2026-03-03T23:10", "2026-03-03T22:55"),
        ("2026-03-01 14:05", "2026-03-04T13:30", "2026-03-01T13:05"),
        # summer time ends: 02:30 comes twice, the later one unless it lies ahead
        ("02:30", "2026-10-25T00:45", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T01:10", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T01:45", "2026-10-25T01:30"),
        # and over the night that summer time began
        ("01:59", "2026-03-29T01:05", "2026-03-29T00:59"),
        ("03:01", "2026-03-29T01:05", "2026-03-29T01:01"),
    ],
)
def test_a_time_of_day_is_the_last_one_that_showed_on_the_wall(
    written: str, now: str, meant: str
) -> None:
    assert told_at(written, utc(now), BERLIN) == utc(meant)


@pytest.mark.parametrize(
    ("written", "now", "words"),
    [
        ("14:05", "2026-03-04T12:55", "lies ahead today.*more than 12 h back"),
        ("2026-03-05 10:00", "2026-03-04T12:55", "lies ahead"),
        ("2026-03-29 02:30", "2026-03-29T09:00", "never was"),
        ("14h05", "2026-03-04T12:55", "write it as 14:05"),
        ("2026-02-30 10:00", "2026-03-04T12:55", "write it as 14:05"),
        ("0001-01-01 00:00", "2026-03-04T12:55", "write it as 14:05"),
        ("9999-12-31 23:59", "2026-03-04T12:55", "write it as 14:05"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_in_words(
    written: str, now: str, words: str
) -> None:
    with pytest.raises(Mend, match=words):
        told_at(written, utc(now), BERLIN)


@given(
    st.datetimes(datetime(2026, 1, 2), datetime(2027, 12, 30)),
    st.integers(0, 12 * 3600 - 61),
)
def test_whatever_the_clock_showed_is_found_again(now: datetime, ago_s: int) -> None:
    here = now.replace(tzinfo=UTC, microsecond=0)
    was = here - timedelta(seconds=ago_s)
    found = told_at(was.astimezone(BERLIN).strftime("%H:%M:%S"), here, BERLIN)
    assert found in (was, was + timedelta(hours=1), was - timedelta(hours=1))
    assert found.astimezone(BERLIN).time() == was.astimezone(BERLIN).time()
    assert found <= here
