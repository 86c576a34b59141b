"""What the room can say to the ReSPCT guidelines, item by item, and what it leaves open.

Pronovost-Morgan C, Greenway KT, Roseman L and the ReSPCT experts: An international Delphi
consensus for reporting of setting in psychedelic clinical trials. Nature Medicine 2025.
Thirty items; the first two sections, 1 to 17, are about the room and the session. A room
knows part of them and nothing of the others. It never guesses: what nobody recorded is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from kaproom.report.account import Account, Setting

State = Literal["filled", "in part", "open"]

ITEMS = {
    1: "Location",
    2: "Ambiance",
    3: "Access to nature",
    4: "Objects and decorations",
    5: "Lighting",
    6: "Sensory reduction",
    7: "Bathroom facilities",
    8: "Number and roles of people present",
    9: "Positioning",
    10: "Focus and main activities",
    11: "Music or soundscapes",
    12: "Interpersonal interventions",
    13: "Participant autonomy, control, and agency",
    14: "Dosing regimen",
    15: "Medical and experimental procedures or assessments",
    16: "Pre- and post-dosing protocol",
    17: "Potential disturbances or interruptions",
}
PHYSICAL, PROCEDURE = range(1, 8), range(8, 18)
ELSEWHERE = (("18–30", "Therapeutic framework and protocol; subjective experiences"),)


def setting(account: Account) -> tuple[Setting, ...]:
    """Every item, filled in as far as this session's record goes."""
    known = {number: (state, told) for number, state, told in _known(account)}
    items = [
        Setting(str(number), name, *known.get(number, ("open", "")))
        for number, name in ITEMS.items()
    ]
    return (*items, *(Setting(numbers, name, "open") for numbers, name in ELSEWHERE))


def _known(account: Account) -> Iterator[tuple[int, State, str]]:
    if account.site or account.room:
        where = ", ".join(part for part in (account.room, account.site) if part)
        yield 1, "in part", f"Room: {where}. Indoors or outdoors, urban or rural: not recorded."
    yield 6, "in part", _headphones(account)
    people = sorted({who for presence in account.presence for who in presence.who})
    if people:
        staff = f"{len(people)} of the staff ({', '.join(people)}) and the patient."
        yield 8, "in part", f"{staff} Roles: not recorded."
    if account.pieces:
        yield 11, "filled", _music(account)
    touched = _interventions(account)
    if touched:
        yield 12, "in part", touched
    agency = _agency(account)
    if agency:
        yield 13, "in part", agency
    if account.pump is not None:
        yield 14, "filled" if account.pump.rates else "in part", _dosing(account)
    taken = [n for n in account.notes if n.now_category == "vital-signs-taken" and not n.in_error]
    if taken:
        yield 15, "in part", f"Vital signs were noted as taken {_times(len(taken))}."
    protocol = _protocol(account)
    if protocol:
        yield 16, "in part", protocol
    faults = [d for d in account.disturbances if d.by == "fault"]
    hands = [d for d in account.disturbances if d.by == "hand"]
    yield (
        17,
        "filled",
        f"{_count(len(faults), 'fault')} of machine or sound, {_count(len(hands), 'change')} of "
        "the sound by people; listed under Disturbances. Others may not have been recorded.",
    )


def _headphones(account: Account) -> str:
    dose = account.sound.dose
    which = dose.headphones if dose is not None and dose.headphones else account.sound.device
    away = [d for d in account.disturbances if d.what == "headphones off"]
    off = f" Taken off {_times(len(away))}." if away else ""
    return f"Headphones{f' ({which})' if which else ''}.{off} Eyeshades: not recorded."


def _music(account: Account) -> str:
    heard = [piece for piece in account.pieces if piece.heard_s > 0]
    made = sum(piece.generated for piece in heard)
    louds = account.sound
    level = ""
    if louds.softest_lufs is not None and louds.loudest_lufs is not None:
        level = f", brought to {louds.softest_lufs:.0f} to {louds.loudest_lufs:.0f} LUFS"
        level = level.replace("-", "−")
    return (
        f"Profile {account.profile}, playlist {account.playlist}: {_count(len(heard), 'piece')}"
        f" ({made} generated){level}; listed under Pieces."
    )


def _interventions(account: Account) -> str:
    comforts = [n for n in account.notes if n.now_category == "comfort" and not n.in_error]
    voices = [d for d in account.disturbances if d.what == "lowered for a voice"]
    parts = []
    if comforts:
        parts.append(f"Comfort was noted as given {_times(len(comforts))}.")
    if voices:
        parts.append(f"The music was lowered for a voice {_times(len(voices))}.")
    return " ".join(parts)


def _agency(account: Account) -> str:
    parts = []
    if any(fact.label == "Left out" for fact in account.preparation.facts):
        parts.append("Some music was left out.")
    if any(piece.own for piece in account.pieces):
        parts.append("The closing piece was their own.")
    if account.preparation.intention:
        parts.append("An intention was recorded beforehand.")
    return " ".join(parts)


def _dosing(account: Account) -> str:
    pump = account.pump
    assert pump is not None
    ran = "no start recorded" if pump.ran_min is None else f"ran {pump.ran_min:.1f} min"
    said = f"Intravenous infusion planned for {pump.planned_min:g} min; as recorded it {ran}."
    length = f" The session lasted {account.length_min:.0f} min."
    if account.series:
        place = [s.session for s in account.series].index(account.session) + 1
        length += f" Session {place} of {len(account.series)} under this reference."
    return said + length


def _protocol(account: Account) -> str:
    before, after = account.preparation.before, account.preparation.after
    if not before and not after:
        return ""
    leaving = f" Left at {account.preparation.left_at}." if account.preparation.left_at else ""
    done = sum(tick.state == "confirmed" for tick in before)
    over = sum(tick.state == "overridden" for tick in before)
    left = sum(tick.state == "confirmed" for tick in after)
    passed = f", {over} passed over with a reason" if over else ""
    return (
        f"Before: {done} of {len(before)} items confirmed{passed}. "
        f"Before leaving: {left} of {len(after)}.{leaving}"
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
