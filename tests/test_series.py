"""A series numbers the record's entries of some kinds, and the record alone decides how."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaproom import clock
from kaproom.record import Entry, Record
from kaproom.record.series import Series

KINDS = ("note", "phase")


def entry(kind: str, session: str | None = None) -> Entry:
    now = clock.now()
    return Entry(kind=kind, at=now, entered=now, session=session, fields={"of": kind})


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kinds=st.lists(st.sampled_from(["note", "phase", "sound", "BOOT"]), max_size=25),
    first=st.integers(1, 30),
    most=st.integers(1, 9),
)
def test_numbers_have_no_gaps_and_any_stretch_is_found_again(
    tmp_path: Path, kinds: list[str], first: int, most: int
) -> None:
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    with Record.open(folder) as record:
        record.begin_boot()
        for kind in kinds:
            if kind == "BOOT":
                record.begin_boot()
            else:
                record.append([entry(kind)])
        series = Series.open(folder, KINDS)
        whole = series.after(0, 0, 1000)
        wanted = [kind for kind in kinds if kind in KINDS]
        assert [n.entry.kind for n in whole if n.entry] == wanted
        assert [n.number for n in whole] == list(range(1, len(wanted) + 1))
        assert series.numbered(first, most) == whole[first - 1 : first - 1 + most]
        for numbered in whole:
            assert series.number_at(numbered.seq) == numbered.number
            before = ["BOOT", *kinds][: numbered.seq]
            assert numbered.boot == before.count("BOOT")
        series.close()


def test_the_series_is_another_in_another_record_and_the_same_after_a_restart(
    tmp_path: Path,
) -> None:
    ids = []
    for name in ("one", "one", "two"):
        with Record.open(tmp_path / name) as record:
            record.begin_boot()
        series = Series.open(tmp_path / name, KINDS)
        ids.append(series.id())
        series.close()
    assert ids[0] == ids[1] != ids[2]


def test_what_a_session_was_started_with_is_found(tmp_path: Path) -> None:
    with Record.open(tmp_path) as record:
        record.append([entry("session-started", "a" * 32), entry("note", "a" * 32)])
        series = Series.open(tmp_path, KINDS)
        assert series.opening("a" * 32) == {"of": "session-started"}
        assert series.opening("b" * 32) == {}
        series.close()
