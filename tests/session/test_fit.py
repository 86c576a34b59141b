"""The best filling of a stretch of time, held against every filling that there is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaproom.session.fit import (
    BOUNDARY_MAX_S,
    ENTRANCE_MIN_S,
    PLAYED_MIN_S,
    Ending,
    From,
    Playing,
    Unit,
    fitted,
)
from kaproom.session.fit.fillings import Filling
from kaproom.session.fit.seams import Piece, seam
from kaproom.session.fit.search import BED_STEP_S, BOUNDARY_S, bed_min_s

BEGIN_S = 500.0


def piece(key: str, length_s: float, gain_db: float = -5.0, *exits_s: float) -> Piece:
    return Piece(key, length_s, gain_db, -23.0, 8.0, exits_s)


NEXT = piece("next", 300.0)
BED = Piece("bed", inf, -5.0, -23.0, 8.0, until_s=inf)


def alone(*pieces: Piece) -> list[Unit]:
    return [Unit((each,)) for each in pieces]


def turns_s(filling: Filling) -> float:
    """When what follows begins to enter."""
    leaving = filling.leaving
    if isinstance(leaving, From):
        return leaving.at_s
    shortest_s, _, longest_s = seam(leaving.piece, NEXT)
    latest_s = leaving.end_s - shortest_s
    return min(max(leaving.aim_s, leaving.end_s - longest_s), latest_s)


# -- every filling, in the order of the law

Chosen = tuple[tuple[str, float | None], ...]


def every(
    units: list[Unit], start: tuple[float, float], from_: int
) -> Iterator[tuple[Chosen, tuple[float, float]]]:
    """Each way on from the first of ``units``, and when what follows may enter."""
    first, low_s, high_s = units[from_].pieces[0], *start
    latest_s = first.length_s - ENTRANCE_MIN_S
    exits = [x for x in reversed(first.exits_s) if PLAYED_MIN_S <= x <= latest_s]
    for way in (None, *exits):
        for number in [None, *range(from_ + 1, len(units))]:
            entering = NEXT if number is None else units[number].pieces[0]
            shortest_s, wanted_s, longest_s = seam(first, entering)
            if way is None:
                then = (low_s + first.length_s - longest_s, high_s + first.length_s - shortest_s)
            elif min(wanted_s, first.length_s - way) < shortest_s:
                continue
            else:
                then = (low_s + way, high_s + way)
            if number is None:
                yield ((first.key, way),), then
            else:
                for rest, at in every(units, then, number):
                    yield ((first.key, way), *rest), at


def best(units: list[Unit], boundary_s: float) -> Chosen | None:
    """The first filling without a bed, by hand; None where there is none."""
    fillings = [
        found for first in range(len(units)) for found in every(units, (BEGIN_S, BEGIN_S), first)
    ]
    for slack_s in (BOUNDARY_S, BOUNDARY_MAX_S):
        for chosen, (low_s, high_s) in fillings:
            if low_s <= boundary_s + slack_s and high_s >= boundary_s - slack_s:
                return chosen
    return None


LENGTHS_S = st.integers(30, 400).map(float)
GAINS_DB = st.sampled_from([-15.0, -5.0, -5.0, 3.0])
EXITS = st.lists(st.integers(20, 380), max_size=2, unique=True)


@given(
    st.lists(st.tuples(LENGTHS_S, GAINS_DB, EXITS), min_size=1, max_size=6),
    st.integers(60, 1200),
)
@settings(deadline=None, max_examples=150)
def test_the_filling_is_the_best_of_all(
    lists: list[tuple[float, float, list[int]]], lasts_s: int
) -> None:
    pieces = [
        piece(f"{n}", length_s, gain_db, *(float(x) for x in sorted(exits) if x < length_s))
        for n, (length_s, gain_db, exits) in enumerate(lists)
    ]
    units = alone(*pieces)
    boundary_s = BEGIN_S + lasts_s
    filling = fitted(From(None, BEGIN_S), units, NEXT, BED, boundary_s)
    wanted = best(units, boundary_s)
    if wanted is None:
        assert filling.bed_s > 0 and turns_s(filling) == max(boundary_s, BEGIN_S)
    else:
        assert [placed.piece.key for placed in filling.placed] == [key for key, _ in wanted]
        assert abs(turns_s(filling) - boundary_s) <= BOUNDARY_MAX_S + 1e-6
    for earlier, later in pairwise(filling.placed):
        between = seam(earlier.piece, later.piece)
        assert later.crossfade_s is not None
        assert between.shortest_s - 1e-6 <= later.crossfade_s <= between.longest_s + 1e-6


@given(st.lists(LENGTHS_S, min_size=1, max_size=6), st.integers(60, 1200))
@settings(deadline=None, max_examples=60)
def test_no_choice_of_pieces_needs_less_of_a_bed(lengths_s: list[float], lasts_s: int) -> None:
    units = alone(*(piece(f"{n}", length_s) for n, length_s in enumerate(lengths_s)))
    boundary_s = BEGIN_S + lasts_s
    filling = fitted(From(None, BEGIN_S), units, NEXT, BED, boundary_s)
    if filling.bed_s == 0.0:
        return
    for mask in range(1, 2 ** len(lengths_s)):
        chosen = [length_s for n, length_s in enumerate(lengths_s) if mask >> n & 1]
        # All crossfades take the 8 s that are wished for, or what short pieces allow.
        ends_s = BEGIN_S + sum(chosen)
        ends_s -= sum(min(8.0, 0.4 * a, 0.4 * b) for a, b in pairwise(chosen))
        bed_s = boundary_s - (ends_s - min(8.0, 0.4 * chosen[-1]))
        if bed_s >= max(bed_min_s(BED), 2 * BED_STEP_S):
            assert filling.bed_s < bed_s + BED_STEP_S


# -- what is asked of it


def test_what_sounds_is_left_where_the_rest_fits_best() -> None:
    sounding = Playing(piece("now", 400.0, -5.0, 100.0, 250.0), BEGIN_S, BEGIN_S + 60.0)
    filling = fitted(sounding, alone(piece("one", 308.0)), NEXT, BED, BEGIN_S + 550.0)
    assert [(p.piece.key, p.start_s) for p in filling.placed] == [("one", BEGIN_S + 250.0)]


def test_what_sounds_too_long_is_not_cut_but_left_as_near_as_can_be() -> None:
    sounding = Playing(piece("now", 400.0), BEGIN_S, BEGIN_S + 60.0)
    filling = fitted(sounding, alone(piece("one", 30.0)), NEXT, BED, BEGIN_S + 300.0)
    assert filling.placed == () and isinstance(filling.leaving, Ending)
    assert turns_s(filling) == BEGIN_S + 400.0 - 16.0


def test_an_exit_in_the_last_moments_of_a_piece_is_its_end() -> None:
    # What then enters may be louder than was foreseen, and could not be in within 1.5 s.
    one = piece("one", 300.0, -13.0, 298.5)
    filling = fitted(From(None, BEGIN_S), alone(one), piece("next", 300.0, -13.0), BED, 798.5)
    assert [p.piece.key for p in filling.placed] == ["one"]
    assert filling.leaving == Ending(one, BEGIN_S + 300.0, 798.5, BEGIN_S)


def test_a_piece_is_not_left_at_an_exit_before_it_was_heard() -> None:
    filling = fitted(
        From(None, BEGIN_S), alone(piece("one", 400.0, -5.0, 40.0)), NEXT, BED, BEGIN_S + 40.0
    )
    assert [p.piece.key for p in filling.placed] == ["bed"]


@pytest.mark.parametrize("crossfade_s", [0.1, 1.0, 4.0, 8.0, 12.0, 30.0, 60.0])
def test_there_is_no_gap_between_pieces_that_fit_and_room_for_a_bed(crossfade_s: float) -> None:
    def as_long(key: str, length_s: float) -> Piece:
        return Piece(key, length_s, -5.0, -23.0, crossfade_s)

    bed = Piece("bed", inf, -5.0, -23.0, crossfade_s, until_s=inf)
    following = as_long("next", 600.0)
    for tenths in range(4000, 6000, 7):
        filling = fitted(From(None, 0.0), alone(as_long("one", tenths / 10)), following, bed, 500.0)
        if isinstance(filling.leaving, Ending):
            shortest_s, _, longest_s = seam(filling.leaving.piece, following)
            at_s = min(max(500.0, tenths / 10 - longest_s), tenths / 10 - shortest_s)
            assert abs(at_s - 500.0) <= BOUNDARY_MAX_S + 1e-6
        else:
            assert filling.leaving.at_s == 500.0


def test_a_hard_stretch_is_bounded_by_nodes_and_comes_out_the_same() -> None:
    # Seams of every length, so that what might be reached mostly cannot.
    units = alone(*(piece(f"{n}", 97.0 + 31.7 * n % 55, -30.0 + 7 * n % 33) for n in range(40)))
    first = fitted(From(None, 0.0), units, NEXT, BED, 2400.3)
    assert first == fitted(From(None, 0.0), units, NEXT, BED, 2400.3)
    assert first.nodes <= 20_000
