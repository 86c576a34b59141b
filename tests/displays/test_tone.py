"""The station's sound: bursts that rise, do not clip, and come again as long as nobody came."""

from __future__ import annotations

import numpy as np
import pytest

from kaproom.clock import NS_PER_S
from kaproom.contract.payload import Priority
from kaproom.displays.tone import Tone, burst


@pytest.mark.parametrize(
    ("priority", "pulses"), [(Priority.NOTICE, 1), (Priority.ASSIST, 3), (Priority.URGENT, 10)]
)
def test_a_burst_has_its_pulses_and_neither_clicks_nor_clips(
    priority: Priority, pulses: int
) -> None:
    samples = np.frombuffer(burst(priority), "<i2").astype(int)
    assert 20_000 < np.abs(samples).max() < 32_767
    assert abs(samples[0]) < 500
    loud = np.abs(samples) > 1000
    gaps = np.flatnonzero(np.diff(np.flatnonzero(loud)) > 44_100 * 0.08)
    assert len(gaps) + 1 == pulses


def test_it_sounds_again_as_often_as_it_presses_and_is_quiet_when_nothing_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SDL_AUDIODRIVER", "dummy")
    tone = Tone()
    assert tone.works
    played: list[float] = []

    class Heard:
        def set_volume(self, part: float) -> None:
            played.append(part)

        def play(self) -> None:
            pass

    monkeypatch.setattr(tone, "_bursts", {priority: Heard() for priority in Priority})
    for second in range(13):
        tone.call(Priority.ASSIST, second > 5, second * NS_PER_S)
    assert played == [0.35, 0.9]
    tone.call(None, False, 14 * NS_PER_S)
    tone.call(Priority.URGENT, False, 15 * NS_PER_S)
    assert played == [0.35, 0.9, 0.35]


def test_a_station_without_a_sound_output_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pygame

    pygame.mixer.quit()
    monkeypatch.setenv("SDL_AUDIODRIVER", "nosuchdriver")
    tone = Tone()
    assert not tone.works
    tone.call(Priority.URGENT, True, NS_PER_S)
