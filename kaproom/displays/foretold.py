"""What a command would change, for someone who asks before giving it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kaproom.displays.terminal import minutes

Outlook = Mapping[str, Any]


def foretold(preview: Mapping[str, Any], now: datetime) -> list[str]:
    """The lines of a preview, in a fixed order.

    Args:
        preview: As the daemon answers it.
        now: The wall clock.
    """
    before, after = preview["before"], preview["after"]
    rows = [("phase", _phase(before, after, more_intense=preview["more_intense"]))]
    rows.append(("end", _end(before, after, now)))
    if after["change"] is not None:
        rows.append(("then", f"{after['change']['phase']} {_when(after['change'])}"))
    cues = [f"{cue['title']} ({cue['phase']}) {_when(cue)}" for cue in after["cues"]]
    over = "what sounds goes on" if after["open"] else "silence, and the record is closed"
    rows += zip(("next", "", ""), cues or [over], strict=False)
    return [f"  {label:6} {text}" for label, text in rows]


def _phase(before: Outlook, after: Outlook, *, more_intense: bool) -> str:
    if before["phase"] == after["phase"]:
        return f"{after['phase']}, as now"
    asks = ", which is more intense: it asks first" if more_intense else ""
    return f"{after['phase']}, from {before['phase']}{asks}"


def _end(before: Outlook, after: Outlook, now: datetime) -> str:
    end_s, was_s = after["end_in_s"], before["end_in_s"]
    if end_s is None:
        return "open until " + _WAITS.get(after["waits_for"], "it is known")
    clock = (now + timedelta(seconds=end_s)).strftime("%H:%M")
    text = f"in {minutes(end_s)}, at {clock}"
    if after["waits_for"] == "infusion":
        text += " if the infusion went on now"
    if was_s is not None and abs(end_s - was_s) >= 1:
        text += f"; {minutes(abs(end_s - was_s))} {'later' if end_s > was_s else 'sooner'}"
    return text


_WAITS = {"advance": "`kaproom advance`", "infusion": "the infusion's start is recorded"}


def _when(ahead: Mapping[str, Any]) -> str:
    at_s = ahead["infusion_s"]
    clock = "" if at_s is None else f", at {minutes(at_s)} of the infusion"
    return f"in {minutes(ahead['in_s'])}{clock}"
