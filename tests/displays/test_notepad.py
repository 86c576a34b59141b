"""Notes by one key each: what is sent, when it is called saved, and what a terminal sends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaproom.clock import NS_PER_S
from kaproom.displays.keyboard import Key, Keyboard
from kaproom.displays.notepad import Notepad, Outcome, Wish

KEYS = [
    {"key": "t", "category": "tears", "label": "Tears"},
    {"key": "n", "category": "nausea", "label": "Nausea"},
]
STATUS: dict[str, Any] = {
    "display_name": "Room 1",
    "session": {"title": "40 min", "state": "open", "who": ["AB", "CD"]},
    "phase": {"name": "onset", "elapsed_s": 65.0},
    "infusion": {"state": "running", "elapsed_s": 65.0},
    "notes": {"keys": KEYS, "recent": []},
    "record": {"failing": None},
}
AT_NS = 8_000 * NS_PER_S


class Hand:
    """Presses keys on a pad, a tenth of a second apart, and answers as the room would."""

    def __init__(self, by: str | None = None) -> None:
        self.pad = Notepad("boot", by)
        self.pad.begin("p-")
        self.pad.hear(STATUS)
        self.now_ns = AT_NS
        self.sent: list[Wish] = []

    def types(self, keys: str, apart_s: float = 0.4) -> None:
        for key in Keyboard().feed(keys.encode()):
            self.sent += self.pad.press(key, self.now_ns, "10:33:05")
            self.now_ns += round(apart_s * NS_PER_S)

    def answers(self, wish: Wish, **answer: Any) -> None:
        self.sent += self.pad.answered(Outcome(wish.id, True, answer))

    def fails(self, wish: Wish, line: str) -> None:
        self.sent += self.pad.answered(Outcome(wish.id, False, {"line": line}))

    @property
    def shown(self) -> str:
        return "\n".join(self.pad.lines(100, 24))


def test_a_key_makes_its_note_at_once_and_its_text_follows() -> None:
    hand = Hand("AB")
    hand.types("t")
    (note,) = hand.sent
    assert note.do == "note" and note.args == {
        "category": "tears",
        "mono_ns": AT_NS,
        "boot_id": "boot",
        "by": "AB",
    }
    hand.types("quiet\r")
    assert len(hand.sent) == 1  # it has no number yet to which a text could belong
    hand.answers(note, seq=12)
    assert hand.sent[1].do == "note-text" and hand.sent[1].args["text"] == "quiet"
    assert hand.sent[1].args["seq"] == 12
    assert "saved" not in hand.shown
    hand.answers(hand.sent[1], seq=13)
    assert "saved, entry 12" in hand.shown and not hand.pad.unsaved


def test_a_text_that_is_left_out_leaves_the_note() -> None:
    hand = Hand()
    hand.types("t")
    hand.answers(hand.sent[0], seq=12)
    for key in (Key("x"), Key(act="escape")):
        hand.sent += hand.pad.press(key, hand.now_ns, "")
    assert len(hand.sent) == 1 and not hand.pad.unsaved
    hand.types("n")
    assert hand.sent[1].args["category"] == "nausea"


def test_a_second_press_is_sent_with_its_own_time_and_the_session_judges() -> None:
    hand = Hand()
    hand.types("tt", apart_s=0.15)
    assert [w.args["mono_ns"] - AT_NS for w in hand.sent] == [0, 150_000_000]
    hand.answers(hand.sent[0], seq=12)
    hand.answers(hand.sent[1], seq=12, again=True, line="One note, not two: tears")
    assert "One note, not two" in hand.shown and len(hand.pad.slips) == 1


def test_the_same_letter_later_is_text() -> None:
    hand = Hand()
    hand.types("tt", apart_s=0.31)
    assert len(hand.sent) == 1 and hand.pad.slips[0].text == "t"


def test_nothing_is_called_saved_while_the_room_does_not_answer() -> None:
    hand = Hand()
    hand.pad.hear(None)
    hand.types("thand\rn")
    assert "DOES NOT ANSWER" in hand.shown
    assert hand.shown.count("saving …") == 2 and "saved" not in hand.shown
    hand.answers(hand.sent[0], seq=12)
    hand.answers(hand.sent[1], seq=13)
    assert hand.sent[2].args["text"] == "hand"


def test_what_was_half_typed_is_kept_when_the_window_goes() -> None:
    hand = Hand()
    hand.types("thalf a w")
    hand.answers(hand.sent[0], seq=12)
    hand.sent += hand.pad.leave(hand.now_ns)
    assert hand.sent[-1].args["text"] == "half a w" and hand.pad.unsaved


def test_on_a_full_disk_it_waits_until_the_room_shows_it() -> None:
    hand = Hand()
    hand.types("thand\r")
    hand.fails(hand.sent[0], "done, not recorded: the disk is full (kept, and written once …)")
    assert "NOT ON DISK YET" in hand.shown and "the disk is full" in hand.shown
    recent = [{"seq": 40, "mono_ns": AT_NS + 1, "category": "tears"}]
    hand.sent += hand.pad.hear(STATUS | {"notes": {"keys": KEYS, "recent": recent}})
    assert (hand.sent[-1].args["seq"], hand.sent[-1].args["text"]) == (40, "hand")


def test_what_the_room_does_not_take_is_said_and_counted_as_unsaved() -> None:
    hand = Hand()
    hand.types("twords\r")
    hand.fails(hand.sent[0], "the session is signed off by AB")
    assert "NOT SAVED" in hand.shown and "signed off" in hand.shown
    assert hand.pad.unsaved and not hand.pad.pending


def test_what_is_no_key_says_so_and_sends_nothing() -> None:
    hand = Hand()
    hand.types("x")
    assert "'x' is no note's key" in hand.shown
    hand.types("\x1b[200~tears and nausea\x1b[201~")
    assert "a paste is no note's key" in hand.shown and not hand.sent


def test_the_screen_fits_its_window_and_shows_no_control_characters() -> None:
    hand = Hand()
    for _ in range(40):
        hand.types("tlong text \u202e\r")
    for line in hand.pad.lines(40, 12):
        assert len(line) <= 40 and line.isprintable()
    assert len(hand.pad.lines(40, 12)) <= 12


# -- what a terminal sends


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"t", ["t"]),
        ("ä".encode(), ["ä"]),
        (b"\x1b[C\x1b[1;5D\x1bOP\x1b[15~", []),
        (b"\x1bt", []),
        (b"a\rb\x7f\x03", ["a", "enter", "b", "erase", "leave"]),
        (b"\x1b[200~two\r\nlines\x1b[201~t", ["two lines", "t"]),
        (b"\x1b\x1b[C", ["escape"]),
        (b"\x01\x1a\x00\xff", ["\ufffd"]),
    ],
)
def test_a_terminals_bytes_are_read_as_keys(sent: bytes, keys: list[str]) -> None:
    whole = Keyboard().feed(sent)
    bit_by_bit = Keyboard()
    pieces = [key for byte in sent for key in bit_by_bit.feed(bytes([byte]))]
    assert [key.act or key.text for key in whole] == keys
    assert pieces == whole


def test_an_escape_alone_is_a_key_once_nothing_follows() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b") == [] and keyboard.waits
    assert keyboard.settle() == [Key(act="escape")] and not keyboard.waits


@given(st.binary(max_size=60))
def test_whatever_a_terminal_sends_nothing_breaks(sent: bytes) -> None:
    hand = Hand()
    for key in Keyboard().feed(sent):
        hand.pad.press(key, hand.now_ns, "10:00:00")
    hand.pad.lines(80, 24)
