"""The rows of a session as BIDS events: a TSV and the JSON that says what its columns are.

https://bids-specification.readthedocs.io, Events: onsets and durations in seconds, sorted
by onset, ``n/a`` for what is not known, no tab and no line break in a cell.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from kaproom.report.account import Account
from kaproom.report.rows import Row, rows
from kaproom.report.words import clean

_NAMES = {"onset_s": "onset", "duration_s": "duration", "kind": "trial_type"}
# Times of day belong to no data set that is to be shared.
_LEFT_OUT = frozenset({"utc", "entered_utc"})

_KINDS = {
    "note": "A note that somebody in the room made, at the instant of the key press",
    "amendment": "A correction that was added to a note; both stay",
    "phase": "A phase of the session, for as long as it lasted",
    "piece": "A piece of music or a soundscape, from its entrance until it was gone",
    "infusion": "Something that was done at the pump, as people recorded it",
    "sound": "Something that people did with the sound",
    "fault": "Something that befell the sound or the machine",
    "timer": "The moment at which a timer asked for a note",
}
_COLUMNS: dict[str, dict[str, Any]] = {
    "onset": {
        "LongName": "Onset",
        "Description": "When it began, from the recorded start of the infusion; in a session "
        "without one, from the opening",
        "Units": "s",
    },
    "duration": {"LongName": "Duration", "Description": "How long it lasted", "Units": "s"},
    "trial_type": {"LongName": "Kind", "Description": "What kind of thing", "Levels": _KINDS},
    "what": {"Description": "Of that kind: a note's category, a phase's or piece's name"},
    "text": {"Description": "Free text, or how it ended"},
    "session_s": {
        "Description": "Time since the recorded start of the infusion as known when it was entered",
        "Units": "s",
    },
    "infusion_s": {
        "Description": "Time of infusion received, pauses left out, as known when it was entered",
        "Units": "s",
    },
    "phase": {"Description": "The phase that was on"},
    "heard": {"Description": "The piece that was audible"},
    "heard_at_s": {"Description": "The place in that piece", "Units": "s"},
    "level_db": {"Description": "Gain of the output", "Units": "dB"},
    "who": {"Description": "Initials of who entered it"},
    "late": {
        "Description": "Whether it was entered from memory",
        "Levels": {
            "true": "Its time was told from memory",
            "false": "Its time is that of the key press",
        },
    },
    "in_error": {
        "Description": "Whether it was taken back later",
        "Levels": {"true": "It was entered in error", "false": "It stands"},
    },
    "integration": {
        "Description": "Whether it belongs to the time afterwards",
        "Levels": {"true": "Entered for the work afterwards", "false": "Of the session itself"},
    },
    "seq": {"Description": "Number of the entry in the room's record"},
    "amends": {"Description": "Number of the entry that it corrects"},
}


def name(account: Account) -> str:
    """A file's name as BIDS has it; the researcher gives it the study's own labels.

    Neither the clinic's reference nor a person's name is in it.
    """
    opened = account.opened_utc
    day = "" if opened is None else f"_ses-{opened.astimezone():%Y%m%d}"
    return f"sub-{account.session[:8]}{day}_task-session_events.tsv"


def events(account: Account) -> str:
    """The events, a line each under the line of columns."""
    lines = ["\t".join(_COLUMNS)]
    lines += ["\t".join(_cells(row)) for row in rows(account)]
    return "\n".join(lines) + "\n"


def sidecar(account: Account) -> str:
    """What the columns are, as JSON."""
    told = {
        "TaskName": "session",
        "TaskDescription": "A session of ketamine-assisted psychotherapy, lying down with music "
        "through headphones, on the clock of the infusion",
        **_COLUMNS,
        "StimulusPresentation": {"SoftwareName": "kaproom", "SoftwareVersion": account.version},
    }
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def _cells(row: Row) -> list[str]:
    told = {
        _NAMES.get(column, column): getattr(row, column)
        for column in Row.__dataclass_fields__
        if column not in _LEFT_OUT
    }
    return [_cell(told[column]) for column in _COLUMNS]


def _cell(value: object) -> str:
    match value:
        case None | "":
            return "n/a"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case datetime():
            return value.isoformat()
        case _:
            return " ".join(clean(str(value)).split()) or "n/a"
