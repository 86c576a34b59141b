"""A running session in a terminal: a picture that stays, or a line for each change.

State in, words and shapes out: nothing here asks the room or reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from kaproom.places import legible

Status = Mapping[str, Any]

_QUIET_LUFS, _LOUD_LUFS = -54.0, -14.0
_BAR = 32
_TEXT_MAX = 400
_ARC = 66

_SOUND_WORDS = {
    "playing": "playing",
    "calm": "CALM: the refuge plays",
    "ducked": "LOWERED for a voice",
    "away": "AWAY: headphones off",
    "planned-silence": "planned silence",
    "faded": "FADED to silence",
    "unplanned-silence": "NO SOUND",
    "device-lost": "SOUND DEVICE LOST",
    "off": "off",
}
_GRAVE = ("unplanned-silence", "device-lost")

_INFUSION_WORDS = {
    "not-started": "not started",
    "running": "running, as recorded",
    "paused": "PAUSED, as recorded",
    "stopped": "stopped, as recorded",
    "complete": "complete, as recorded",
    "unconfirmed": "UNCONFIRMED: past its planned end, no stop recorded",
}


def minutes(seconds: float | None) -> str:
    """A length of time as m:ss, or h:mm:ss; an en dash when it is not known."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def screen(status: Status, wall_clock: str) -> RenderableType:
    """The whole session in one picture, for a dark terminal."""
    name = status.get("display_name") or status.get("room", "")
    if not status.get("session"):
        text = Text("No session is open.", style="dim")
        if status.get("said"):
            text.append(f"\n{status['said']}", style="not dim yellow")
        return Panel(text.append_text(_unsigned(status)), title=f"kaproom · {name}")
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="grey62", min_width=9)
    rows.add_column()
    for label, value in _rows(status):
        rows.add_row(label, value)
    return Panel(
        Group(_arc(status), Text(), rows, Rule(style="grey30"), _notes(status)),
        title=f"kaproom · {name} · {status['session']['title']}",
        subtitle=f"{wall_clock} · it records; it cannot touch the pump",
        border_style="grey42",
        padding=(1, 2),
    )


def _rows(status: Status) -> list[tuple[str, RenderableType]]:
    sound = status["sound"]
    rows: list[tuple[str, RenderableType]] = [
        ("Phase", _phase(status)),
        ("Infusion", _infusion(status["infusion"], status["session"].get("interrupted"))),
        ("Sound", _sound(sound)),
        ("Level", _meter(sound)),
        ("Next", _next(sound)),
        ("Prompt", _prompt(status["prompts"])),
        ("Record", _record(status)),
    ]
    if status.get("ahead") is not None:
        rows.insert(5, ("End", _end(status["ahead"])))
    if status.get("bus") is not None:
        rows.append(("Station", _bus(status)))
    return rows


def _arc(status: Status) -> Text:
    """The phases as a line, each as long as it takes, the present one bright."""
    phase, spans = status["phase"], status["phases"]
    text = Text()
    width = max(6, _ARC // max(1, len(spans)))
    for index, span in enumerate(spans):
        style = "bold white" if index == phase["index"] else "grey50"
        text.append(span["name"][: width - 1].ljust(width), style=style)
    text.append("\n")
    for index, _ in enumerate(spans):
        done = 1.0 if index < phase["index"] else 0.0
        if index == phase["index"]:
            left = phase["remaining_s"]
            done = 0.5 if left is None else phase["elapsed_s"] / max(1.0, phase["elapsed_s"] + left)
        full = round(done * (width - 1))
        text.append("━" * full, style="deep_sky_blue3")
        text.append("━" * (width - 1 - full), style="grey30")
        text.append(" ")
    return text


def _phase(status: Status) -> Text:
    phase = status["phase"]
    text = Text(phase["name"].upper(), style="bold")
    text.append(f"  {minutes(phase['elapsed_s'])}", style="not bold")
    if phase["held"]:
        left_s = phase.get("hold_ends_in_s")
        ends = "until `kaproom advance`" if left_s is None else f"for {minutes(left_s)}"
        text.append(f"  HELD {ends}", style="not bold yellow")
    elif phase["remaining_s"] is not None:
        following = phase["next"] or "the end"
        text.append(f"  {following} in {minutes(phase['remaining_s'])}", style="not bold grey62")
    elif status["infusion"]["state"] == "not-started":
        text.append("  waits for the infusion", style="not bold grey62")
    return text


def _infusion(infusion: Status, asked: Status | None) -> Text:
    if asked is not None:
        text = Text("UNCONFIRMED", style="bold yellow")
        return text.append(
            f"  {asked['ask']}\n`kaproom continue`, or `kaproom end`", style="not bold"
        )
    text = Text(_INFUSION_WORDS.get(infusion["state"]) or infusion["state"])
    if infusion["elapsed_s"] is not None:
        of = f"  {minutes(infusion['elapsed_s'])} of {minutes(infusion['planned_s'])}  "
        text.append(of, style="grey62")
        part = infusion["elapsed_s"] / max(1.0, infusion["planned_s"])
        text.append_text(_bar(part, 16))
    return text.append(_dose(infusion.get("dose") or {}), style="grey62")


def _dose(dose: Status) -> str:
    """The dose so far, of the planned one; by weight where that is all that is known."""
    for unit, said in (("mg", "mg"), ("mg_per_kg", "mg/kg")):
        so_far, planned = dose.get(f"so_far_{unit}"), dose.get(f"planned_{unit}")
        if so_far is not None:
            of = "" if planned is None else f" of {planned:.3g}"
            return f"\n{so_far:.3g}{of} {said}, as recorded"
    return ""


def _sound(sound: Status) -> Text:
    state = sound["state"]
    text = Text(_SOUND_WORDS.get(state) or state, style="bold red" if state in _GRAVE else "")
    if sound["since_s"] is not None:
        text.append(f" for {minutes(sound['since_s'])}", style="grey62")
    now = sound["now"]
    if now is not None:
        text.append(f"  {now['title']}", style="white")
        text.append(f"  {minutes(now['position_s'])}", style="grey62")
    if sound["why"]:
        text.append(f"\n{sound['why']}", style="yellow")
    return text


def _meter(sound: Status) -> Text:
    level = sound["level_lufs"]
    part = 0.0 if level is None else (level - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS)
    text = _bar(part, _BAR, "spring_green3")
    text.append("   silent" if level is None else f"  {level:6.1f} LUFS", style="grey62")
    text.append(f"   {sound['device']}", style="grey50")
    return text


def _next(sound: Status) -> Text:
    if not sound["coming"]:
        return Text("this goes on", style="grey62")
    text = Text()
    for cue in sound["coming"]:
        text.append(f"{cue['title']} in {minutes(cue['in_s'])}", style="" if not text else "grey62")
        text.append(f"  ({cue['phase']})\n", style="grey62")
    text.rstrip()
    return text


def _end(ahead: Status) -> Text:
    if ahead["end_in_s"] is None:
        return Text("open", style="grey62")
    waits = ", if the infusion went on now" if ahead["waits_for"] == "infusion" else ""
    return Text(f"planned in {minutes(ahead['end_in_s'])}{waits}", style="grey62")


def _prompt(prompts: Status) -> Text:
    if prompts["overdue"]:
        return Text(f"{prompts['overdue']} overdue (a timer, nothing more)", style="yellow")
    if prompts["due"]:
        return Text(f"{prompts['due'][0]}: now (a timer)", style="yellow")
    done = f", {prompts['done']} done" if prompts.get("done") else ""
    if prompts["next_in_s"] is None:
        return Text(f"no timer ahead{done}", style="grey62")
    left = minutes(prompts["next_in_s"])
    return Text(f"{prompts['next_label']} in {left} (a timer{done})", style="grey62")


def _record(status: Status) -> Text:
    record = status["record"]
    if record["failing"]:
        return Text(f"NOT SAVED: {record['failing']}", style="bold red")
    count = status["notes"]["count"]
    text = Text(f"saved, {record['head_seq']} entries, {count} notes", style="grey62")
    if record.get("disk_low"):
        text.append(f"\nthe disk is nearly full: {_free(record)} left; free some", style="yellow")
    return text.append_text(_unsigned(status))


def _unsigned(status: Status) -> Text:
    waiting = len(status.get("unsigned") or ())
    if not waiting:
        return Text()
    sessions = "1 session waits" if waiting == 1 else f"{waiting} sessions wait"
    return Text(f"\n{sessions} to be signed off: `kaproom sign-off --by AB`", style="grey62")


def _free(record: Status) -> str:
    return f"{(record.get('free_bytes') or 0) / 1e6:.0f} MB"


def _bus(status: Status) -> Text:
    """Whether anybody outside can know: the broker, the last event it took, who watches."""
    bus, call = status["bus"], status.get("call")
    if not bus["connected"]:
        text = Text(f"not connected: {bus['fault'] or 'no answer yet'}", style="yellow")
    else:
        text = Text(f"connected, event {bus['events']['acknowledged']} acknowledged")
        watching = ", ".join(bus["stations"]) or "none watching"
        text.append(f"  stations: {watching}", style="grey62")
    if call:
        text.append(f"\n{call_line(call)}", style="bold yellow")
    return text


def call_line(call: Status) -> str:
    """How a call for help stands, as the room reads it."""
    what = f"CALL {call['level']}, {minutes(call['open_s'])}"
    match call["state"]:
        case "seen":
            return f"{what}: seen by {', '.join(receipt['by'] for receipt in call['seen'])}"
        case "shown":
            return f"{what}: shown at {', '.join(call['shown'])}"
        case "sending":
            return f"{what}: sending"
        case _:
            return f"{what}: NOT DELIVERED, use the wall button ({call['why']})"


def _notes(status: Status) -> RenderableType:
    recent = status["notes"].get("recent", [])[-5:]
    if not recent:
        return Text("no notes yet", style="grey50")
    table = Table.grid(padding=(0, 2))
    for note in recent:
        when = "before" if note["session_s"] is None else f"min {minutes(note['session_s'])}"
        late = " (late)" if note["late"] else ""
        amendments = note.get("amendments", [])
        corrected = "strike " if amendments else ""
        table.add_row(
            Text(when, style="grey62"),
            Text(f"{note['category']}{late}", style=corrected),
            Text(legible(note["text"], _TEXT_MAX), style=f"{corrected}grey70"),
        )
        for amendment in amendments:
            table.add_row(Text(), *_amendment(amendment))
    return table


def _amendment(amendment: Status) -> tuple[Text, Text]:
    """A correction under what it corrects: both stay."""
    who = f" by {amendment['who']}" if amendment["who"] else ""
    what = [amendment["category"] or "", "in error" if amendment["in_error"] else ""]
    if amendment["to_session_s"] is not None:
        what.append(f"min {minutes(amendment['to_session_s'])}")
    elif amendment["to_utc"]:
        what.append("before")
    said = ", ".join(word for word in what if word)
    text = legible(amendment["text"] or "", _TEXT_MAX)
    return Text(f"└ {said or 'text'}"), Text(f"{text} (amended{who})".strip())


def _bar(part: float, width: int, style: str = "deep_sky_blue3") -> Text:
    full = round(min(max(part, 0.0), 1.0) * width)
    return Text("█" * full, style=style).append("░" * (width - full), style="grey30")


def changes(before: Status | None, after: Status) -> list[str]:
    """A line for each thing that is different now; for a log, or where nobody watches."""
    if not after.get("session"):
        return [] if before is None or not before.get("session") else ["the session is over"]
    if before is None or not before.get("session"):
        before = None
    lines: list[str] = []
    phase, infusion, sound = after["phase"], after["infusion"], after["sound"]
    if before is None:
        lines.append(f"session: {after['session']['title']}")
    if _differs(before, after, "phase", "name"):
        left = minutes(phase["remaining_s"])
        lines.append(f"phase: {phase['name']} ({left} to go)" if left != "–" else _waits(phase))
    if _differs(before, after, "phase", "held") and (before is not None or phase["held"]):
        lines.append(f"phase: {phase['name']} is {'held' if phase['held'] else 'no longer held'}")
    if _differs(before, after, "infusion", "state"):
        lines.append(f"infusion: {_INFUSION_WORDS.get(infusion['state'], infusion['state'])}")
    if _differs(before, after, "sound", "state"):
        why = f" ({sound['why']})" if sound["why"] else ""
        lines.append(f"sound: {_SOUND_WORDS.get(sound['state'], sound['state'])}{why}")
    playing = (sound["now"] or {}).get("cue")
    if playing and playing != ((before or {"sound": {}})["sound"].get("now") or {}).get("cue"):
        coming = sound["coming"][0] if sound["coming"] else None
        then = f"; next {coming['title']} in {minutes(coming['in_s'])}" if coming else ""
        lines.append(f"plays: {sound['now']['title']}{then}")
    earlier = (before or {"notes": {}})["notes"].get("recent", [])
    known = {note["seq"]: note.get("amendments", []) for note in earlier}
    for note in after["notes"].get("recent", []):
        if note["seq"] not in known:
            text = f": {legible(note['text'], _TEXT_MAX)}" if note["text"] else ""
            lines.append(f"note: {note['category']}{text}")
        before_now = known.get(note["seq"], [])
        for amendment in note.get("amendments", [])[len(before_now) :]:
            said = " ".join(part.plain for part in _amendment(amendment))
            lines.append(f"note {note['seq']} {note['category']} {said}")
    if _differs(before, after, "prompts", "overdue") and after["prompts"]["overdue"]:
        lines.append(f"prompts: {after['prompts']['overdue']} overdue")
    return lines + _mishaps(before, after)


def _mishaps(before: Status | None, after: Status) -> list[str]:
    """What went wrong with the record or the power since."""
    earlier = before or {"record": {}, "session": {}}
    record, asked = after["record"], after["session"].get("interrupted")
    lines = []
    if record["failing"] and record["failing"] != earlier["record"].get("failing"):
        lines.append(f"record: NOT SAVED: {record['failing']}")
    if record.get("disk_low") and not earlier["record"].get("disk_low"):
        lines.append(f"record: the disk is nearly full: {_free(record)} left")
    if asked and not earlier["session"].get("interrupted"):
        lines.append(f"session: {asked['ask']}")
    return lines


def _waits(phase: Status) -> str:
    return f"phase: {phase['name']} (as long as it takes)"


def _differs(before: Status | None, after: Status, part: str, key: str) -> bool:
    return before is None or bool(before[part][key] != after[part][key])
