"""A slow field of chords.

Each voice breathes in and out on its own time, and takes its next note from the chord
that holds at that note's middle. Nothing starts together, so there is no chord change to
be heard, only a harmony that has become another.
"""

from __future__ import annotations

import numpy as np

from kaproom.audio.soundscapes.chance import Reals, keys, uniform, wander
from kaproom.audio.soundscapes.stereo import LEAD_TURNS, ears, width
from kaproom.audio.soundscapes.synthesis import AIR_HZ, Air, Sines
from kaproom.audio.soundscapes.tuning import GROUND_TONES, chord_number, home, into_register

# Lowest pitch in Hz, level, first and last of the chord's tones that the voice may take,
# and the intensity from which it sounds. Chosen; low voices keep to what is not rough.
_VOICES = (
    (52.0, 0.85, 0, 0, -1.0),
    (78.0, 0.60, 1, 1, 0.1),
    (104.0, 0.90, 1, 1, -1.0),
    (110.0, 0.75, 2, 3, -1.0),
    (117.0, 0.70, 2, 3, 0.3),
    (156.0, 0.70, 2, 4, -1.0),
    (165.0, 0.65, 2, 4, -1.0),
    (175.0, 0.60, 2, 4, 0.2),
    (208.0, 0.55, 2, 5, -1.0),
    (233.0, 0.50, 2, 5, 0.35),
    (262.0, 0.45, 2, 5, -1.0),
    (311.0, 0.42, 2, 5, -0.15),
    (349.0, 0.38, 2, 5, 0.3),
    (415.0, 0.34, 2, 5, 0.0),
    (494.0, 0.27, 2, 5, 0.45),
    (622.0, 0.22, 2, 5, 0.2),
)
_HARMONICS = np.arange(1.0, 11.0)
_STRANDS = np.array([-1.0, 0.0, 1.0])
_STRAND_LEVELS = np.array([0.45, 1.0, 0.45])
_CHORD_S = 52.0
_OCTAVE_CENTS = 1200.0


class Pad:
    """The score of the pad."""

    hop_at_48k_frames = 8192
    evenness = 0.45

    def __init__(self, seed: int, intensity: float) -> None:
        self._intensity = intensity
        # What makes the harmony knows nothing of the intensity: two beds of one seed agree.
        at_home = home(seed)
        self._tonic_hz = at_home.tonic_hz
        self._chords = np.array(at_home.palette.chords)
        self._chord_key = keys("pad", seed, "chords")
        self._pulse_key = keys("pad", seed, "pulse")

        def fresh(what: str, count: int = 1) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
            return keys("pad", seed, intensity, what, count=count)

        table = np.array(_VOICES)
        voices = len(table)
        self._lowest_hz = table[:, 0]
        self._first_tone = table[:, 2:3].astype(np.int64)
        self._tones = table[:, 3:4] - table[:, 2:3] + 1.0
        # Two low notes at once are rough, so the low voices leave one before the next.
        self._steepness = np.where(table[:, 3] < GROUND_TONES, 4.0, 2.0)[:, None]
        entered = np.clip((intensity - table[:, 4]) / 0.25, 0.0, 1.0)
        self._voice_level = table[:, 1] * entered
        index = np.arange(voices)
        spread = uniform(fresh("length"), index)
        self._note_s = (27.0 - 9.0 * intensity) * (0.65 + 0.8 * spread)
        self._offset = uniform(fresh("offset"), index)
        self._note_keys = fresh("notes", voices)
        self._level_keys = fresh("levels", voices)
        self._place_keys = fresh("places", voices)
        self._rolloff = 0.60 + 0.45 * uniform(fresh("rolloff"), index)
        shape = (voices, len(_STRANDS), len(_HARMONICS))
        each = np.arange(np.prod(shape)).reshape(shape)
        self._phase = uniform(fresh("phase"), each)
        self._lead = LEAD_TURNS * (2.0 * uniform(fresh("lead"), each) - 1.0)
        strand = np.arange(voices * 3).reshape(voices, 3)
        # The middle strands of two voices in unison breathe together; they do not beat.
        self._cents = _STRANDS * (3.0 + 4.0 * uniform(fresh("detune"), strand))
        self._cents += 1.6 * (uniform(fresh("mistuning"), strand) - 0.5)
        self._drift_s = 7.0 + 19.0 * uniform(fresh("drift"), strand)
        self._drift_phase = uniform(fresh("drift phase"), strand)
        self._drift_cents = np.abs(_STRANDS) * (1.0 + 1.5 * uniform(fresh("drift depth"), strand))
        self._flutter_keys = fresh("flutter", voices * 3).reshape(voices, 3)
        self._tone_keys = fresh("tone", 3)
        self._air_keys = fresh("air", 2 * len(AIR_HZ)).reshape(2, -1)

    def sines(self, time_s: Reals) -> Sines:
        """Two notes of each voice, each as three strands of ten harmonics."""
        n = len(time_s)
        x = time_s[:, None] / self._note_s + self._offset
        note: Reals = np.floor(x)[:, :, None] + np.arange(2.0)
        swell = np.cos(0.5 * np.pi * (x[:, :, None] - note)) ** self._steepness
        hz, level, start = self._notes(note)
        level = level * swell * self._voice_level[:, None]

        # (n, voices, notes, strands)
        wheel = 2.0 * np.pi * (time_s[:, None, None] / self._drift_s + self._drift_phase)
        cents = self._cents + self._drift_cents * np.sin(wheel)
        bend = (np.log(2.0) / _OCTAVE_CENTS) * self._drift_cents * self._drift_s / (2.0 * np.pi)
        # Detune less where it would beat slowly and deep: at most about a hertz.
        slack = np.minimum(1.0, hz / 160.0)[..., None]
        strand_hz = hz[..., None] * 2.0 ** (slack * cents[:, :, None, :] / _OCTAVE_CENTS)
        steady = hz[..., None] * 2.0 ** (slack * self._cents[:, None, :] / _OCTAVE_CENTS)
        turns = steady * time_s[:, None, None, None] + start[..., None]
        turns -= hz[..., None] * slack * (bend * np.cos(wheel))[:, :, None, :]
        flutter = 1.0 + 0.28 * wander(self._flutter_keys, time_s[:, None, None] / 4.7)
        strand_level = level[..., None] * (_STRAND_LEVELS * flutter)[:, :, None, :]

        # (n, voices, notes, strands, harmonics)
        all_hz = strand_hz[..., None] * _HARMONICS
        all_turns = turns[..., None] * _HARMONICS + self._phase[:, None]
        colour = self._colour(time_s, hz[..., None] * _HARMONICS)
        amplitude = strand_level[..., None] * colour[:, :, :, None, :]
        place = self._places(time_s)[:, :, None, :, None] * width(all_hz)
        left, right = ears(place)
        lead = self._lead[:, None] * width(all_hz)
        return Sines(
            hz=all_hz.reshape(n, -1),
            turns=all_turns.reshape(n, -1),
            left=(amplitude * left).reshape(n, -1),
            right=(amplitude * right).reshape(n, -1),
            lead_turns=lead.reshape(n, -1),
        )

    def air(self, time_s: Reals) -> Air:
        """A breath around the tones, falling 4.5 dB an octave, far below them."""
        tilt = (AIR_HZ / 300.0) ** -0.25 / (1.0 + (120.0 / AIR_HZ) ** 2)
        level = (0.045 + 0.045 * self._intensity) * tilt
        drift = wander(self._air_keys, time_s[:, None, None] / 11.3)
        bands = level * 10.0 ** (0.15 * drift)
        shared = np.full(len(AIR_HZ), 0.3)
        return Air(bands[:, 0], bands[:, 1], shared)

    def _notes(self, note: Reals) -> tuple[Reals, Reals, Reals]:
        """Pitch, level and phase of the notes so numbered, (n, voices, 2)."""
        middle_s = (note - self._offset[:, None]) * self._note_s[:, None]
        slot = np.floor(middle_s / _CHORD_S + 0.45 * wander(self._pulse_key, middle_s / 83.0))
        chord = chord_number(self._chord_key, slot, len(self._chords))
        index = note.astype(np.int64)
        key = self._note_keys[:, None]
        tone = np.floor(uniform(key, 4 * index) ** 1.25 * self._tones).astype(np.int64)
        ratio = self._chords[chord, self._first_tone + tone]
        lowest = np.broadcast_to(self._lowest_hz[:, None], ratio.shape)
        hz = into_register(self._tonic_hz * ratio, lowest)
        loud = uniform(key, 4 * index + 1)
        rests = uniform(key, 4 * index + 2) < 0.16 - 0.08 * self._intensity
        return hz, np.where(rests, 0.05, 0.4 + 0.6 * loud), uniform(key, 4 * index + 3)

    def _colour(self, time_s: Reals, hz: Reals) -> Reals:
        """Amplitude of each harmonic, under a low-pass that opens and closes over minutes."""
        keyed = self._tone_keys
        sweep = (
            0.30 * wander(keyed[:1], time_s / 29.0)
            + 0.35 * wander(keyed[1:2], time_s / 97.0)
            + 0.25 * wander(keyed[2:], time_s / 311.0)
        )
        cutoff_hz = 560.0 * 2.0 ** (1.5 * self._intensity + sweep)
        low_pass = (1.0 + (hz / cutoff_hz[:, None, None, None]) ** 2) ** -0.33
        rolloff = _HARMONICS ** -self._rolloff[:, None, None]
        return np.asarray(rolloff * low_pass)

    def _places(self, time_s: Reals) -> Reals:
        """Where each strand stands, (n, voices, strands)."""
        voice = wander(self._place_keys, time_s[:, None] / 37.0)
        return np.asarray(0.6 * voice[:, :, None] + 0.8 * _STRANDS)
