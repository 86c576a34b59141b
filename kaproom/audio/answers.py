"""What the player is asked and answers, as plain values on its socket.

What cannot be done is said in one line, before anything was changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kaproom.audio.mixer import Failed
from kaproom.audio.programme import Bed, Programme
from kaproom.audio.ring import SILENCE_DB, Ring
from kaproom.audio.soundscape import names
from kaproom.audio.tone import is_tone
from kaproom.errors import Mend
from kaproom.session.ears import Side, side_of

_FALL_S = 3.0
"""How long a gain takes to fall when nothing was said."""


def programme_of(args: Mapping[str, Any]) -> Programme:
    """The programme in a request.

    Raises:
        Mend: It is none that can be played.
    """
    try:
        programme = Programme.from_json(args.get("programme") or {})
    except ValueError as error:
        raise Mend(f"{error}; the programme was not changed") from error
    if is_tone(programme):
        # Its level is nobody's choice.
        raise Mend("a test tone is asked for by its side, with tone; the programme was not changed")
    unknown = unknown_soundscapes(programme)
    if unknown:
        raise Mend(
            f"soundscape {unknown[0]!r} does not exist (there are {', '.join(names())}); "
            "the programme was not changed"
        )
    return programme


def unknown_soundscapes(programme: Programme) -> list[str]:
    """The soundscapes in it that do not exist."""
    beds = [programme.fallback, *(c.source for c in programme.cues if isinstance(c.source, Bed))]
    return [bed.soundscape for bed in beds if bed.soundscape not in names()]


def gain_of(args: Mapping[str, Any]) -> tuple[float, float]:
    """The target in dB, and the seconds of a fall, in a request.

    Raises:
        Mend: One of them is no number.
    """
    target, fall_s = args.get("target_db"), args.get("fall_s", _FALL_S)
    # JSON has no infinity: silence arrives as null.
    target_db = SILENCE_DB if target is None else target
    for name, value in (("target_db", target_db), ("fall_s", fall_s)):
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise Mend(f"gain: {name} is {value!r}; it must be a number")
    return float(target_db), float(fall_s)


def tone_side(args: Mapping[str, Any]) -> Side:
    """The side that a request wants a tone on.

    Raises:
        Mend: It is none.
    """
    side = side_of(args.get("side"))
    if side is None:
        raise Mend(f"a tone is on the left, the right or both, not {str(args.get('side'))[:40]!r}")
    return side


def status(ring: Ring, programme: Programme | None, failures: Sequence[Failed]) -> dict[str, Any]:
    """What the player says of itself and of the output."""
    notice = ring.notice()
    return {
        "programme": None if programme is None else programme.to_json(),
        "write_frame": ring.write_frame,
        "read_frame": ring.read_frame,
        "rate_hz": ring.rate_hz,
        "epoch": ring.epoch,
        "failures": [failed_json(failed) for failed in failures],
        "underruns": ring.underruns,
        "device": {"state": notice.state, "name": notice.device, "why": notice.why},
        "level_lufs": ring.level_lufs,
        "gain_now_db": ring.gain_now_db,
        "fill_s": (ring.write_frame - ring.read_frame) / ring.rate_hz,
    }


def failed_json(failed: Failed) -> dict[str, Any]:
    """For the status and for the push ``failed``."""
    return {"id": failed.id, "why": failed.why, "frame": failed.frame}
