"""The test tone as samples: one side alone, no click, softer than any session begins."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from kaproom.audio.loudness import LoudnessMeter
from kaproom.audio.mixer import render
from kaproom.audio.programme import Bed, Cue, Programme, Tone
from kaproom.audio.stereo import Block
from kaproom.audio.tone import (
    GAIN_DB,
    LENGTH_S,
    PULSE_LUFS,
    is_tone,
    pulses,
    tone_programme,
)
from kaproom.files import load_profile
from kaproom.places import listing
from kaproom.session.ears import Side, side_of
from kaproom.session.roomfile import RoomFile
from kaproom.session.state import REST_DB

RATES_HZ = (44_100, 48_000, 96_000)
SIDES: tuple[Side, ...] = ("left", "right", "both")


def tone(side: Side, rate_hz: int = 48_000, length_s: float = LENGTH_S) -> Block:
    return pulses(side, rate_hz, 0, round(length_s * rate_hz))


@pytest.mark.parametrize(("side", "silent"), [("left", 1), ("right", 0)])
def test_the_other_side_has_not_one_bit_of_it(side: Side, silent: int) -> None:
    heard = tone(side)
    assert not heard[:, silent].any()
    assert np.abs(heard[:, 1 - silent]).max() > 0.3
    both = tone("both")
    assert (both[:, 0] == both[:, 1]).all()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_it_is_silent_for_good_after_its_length(rate_hz: int) -> None:
    end = round(LENGTH_S * rate_hz)
    assert np.abs(pulses("left", rate_hz, end - rate_hz, rate_hz)).max() > 0.3
    assert not pulses("left", rate_hz, end, 3 * rate_hz).any()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_it_has_no_click_at_any_edge(rate_hz: int) -> None:
    heard = tone("left", rate_hz, LENGTH_S + 1)[:, 0].astype(np.float64)
    assert heard[0] == 0.0
    power = np.abs(np.fft.rfft(heard)) ** 2
    hz = np.fft.rfftfreq(len(heard), 1 / rate_hz)
    # A click is in all frequencies; a pulse that swells is near its own two alone.
    beside = (hz < 200) | (hz > 1200)
    assert power[beside].sum() < 1e-7 * power.sum()


def test_in_whatever_portions_it_is_the_same() -> None:
    whole = tone("right")
    cuts = [0, 1, 777, 48_000, 200_001, len(whole)]
    parts = [pulses("right", 48_000, a, b - a) for a, b in pairwise(cuts)]
    assert (np.concatenate(parts) == whole).all()


@pytest.mark.parametrize("side", SIDES)
def test_no_session_begins_softer_than_it_ever_is(side: Side) -> None:
    meter = LoudnessMeter(48_000)
    meter.feed(tone(side))
    loudest = meter.finish().max_momentary_lufs
    assert loudest == pytest.approx(PULSE_LUFS, abs=0.3), "what it says of itself"
    for name in listing("profile", RoomFile()):
        profile = load_profile(name, RoomFile()).profile
        level_db = min(REST_DB, profile.limits.level_max_db)
        opening = profile.loudness_lufs + profile.phases[0].level_lu + level_db
        assert loudest + GAIN_DB < opening, name


def test_no_ceiling_and_no_limiter_touches_it() -> None:
    mixed = np.concatenate(list(render(tone_programme("left", 5_000), 48_000, 0, 98_000)))
    assert not mixed[:5_000].any()
    assert (mixed[5_000:] == pulses("left", 48_000, 0, 93_000)).all()


def test_it_is_never_part_of_anything_else() -> None:
    alone = tone_programme("left", 9)
    assert alone.fault() is None and is_tone(alone)
    assert Programme.from_json(alone.to_json()) == alone
    bed = Cue("bed", 100, 50, Bed("drone", 5))
    mixed = replace(alone, cues=(*alone.cues, bed))
    assert mixed.fault() == "a test tone is a programme of its own"
    assert not is_tone(replace(alone, cues=(bed,)))
    wrong = replace(alone, cues=(replace(alone.cues[0], source=Tone(cast(Side, "middle"))),))
    assert wrong.fault() == "cue 'tone-left': a tone's side is left, right or both, not 'middle'"


@pytest.mark.parametrize("given", [None, "", "LEFT", 1, ["left"], "off"])
def test_what_is_no_side_is_none(given: object) -> None:
    assert side_of(given) is None
