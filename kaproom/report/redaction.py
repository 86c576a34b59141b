"""An account without what people wrote freely: for teaching, for research, for a colleague.

Left out are the text of every note and correction, the intention, reasons, the clinic's
reference with its series, the title of the patient's own piece, and entries that nothing
here knows. Times, categories, phases, the clinic's music and initials stay.
"""

from __future__ import annotations

from dataclasses import replace

from kaproom.arc import Stretch
from kaproom.report.account import Account, Correction, Disturbance, NoteLine, Preparation, Tick

LEFT_OUT = "[left out]"
OWN_PIECE = "their own piece"


def redacted(account: Account) -> Account:
    """The same account without free text."""
    own = account.own_piece
    return replace(
        account,
        redacted=True,
        ref=None,
        own_piece="",
        series=(),
        notes=tuple(_note(note, own) for note in account.notes),
        pieces=tuple(
            replace(piece, title=OWN_PIECE, key="own") if piece.own else piece
            for piece in account.pieces
        ),
        planned_pieces=tuple(_stretch(each, own) for each in account.planned_pieces),
        disturbances=tuple(_disturbance(each, own) for each in account.disturbances),
        preparation=_preparation(account.preparation),
        other=tuple((seq, kind, {}) for seq, kind, _ in account.other),
    )


def _note(note: NoteLine, own: str) -> NoteLine:
    heard = note.heard
    if heard is not None and own and heard.title == own:
        heard = replace(heard, title=OWN_PIECE)
    return replace(
        note,
        text=LEFT_OUT if note.text else "",
        heard=heard,
        corrections=tuple(_correction(each) for each in note.corrections),
    )


def _correction(correction: Correction) -> Correction:
    return correction if correction.text is None else replace(correction, text=LEFT_OUT)


def _stretch(stretch: Stretch, own: str) -> Stretch:
    return replace(stretch, name=OWN_PIECE) if own and stretch.name == own else stretch


def _disturbance(each: Disturbance, own: str) -> Disturbance:
    if each.free and each.detail:
        return replace(each, detail=LEFT_OUT)
    return replace(each, detail=OWN_PIECE) if own and each.detail == own else each


def _preparation(preparation: Preparation) -> Preparation:
    return replace(
        preparation,
        intention="",
        facts=tuple(
            replace(fact, value=LEFT_OUT) if fact.free else fact for fact in preparation.facts
        ),
        screening=tuple(_tick(tick) for tick in preparation.screening),
        before=tuple(_tick(tick) for tick in preparation.before),
        after=tuple(_tick(tick) for tick in preparation.after),
    )


def _tick(tick: Tick) -> Tick:
    return replace(tick, reason=LEFT_OUT) if tick.reason else tick
