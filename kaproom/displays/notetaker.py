"""The note taker in a terminal: one thread for the keys, one that sends, one that listens.

A key is stamped before anything else is done with it. What was pressed is sent until the
room acknowledges it, with the same id each time, so a daemon that is killed meanwhile
neither loses nor doubles it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import threading
import tty
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

from kaproom import clock
from kaproom.displays.delivery import RETRY_S, deliver
from kaproom.displays.keyboard import PASTES_OFF, PASTES_ON, Key, Keyboard
from kaproom.displays.notepad import Notepad, Outcome, Wish
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client
from kaproom.session.people import initials

# An escape with nothing behind it for so long is the key itself.
_ESCAPE_S = 0.05
# So long what is unsaved is still tried when the terminal is left.
_LEAVING_S = 3.0
# The threads wait for each other this little, for the key's stamp's sake.
_SWITCH_S = 0.0005
_SCREEN_ON, _SCREEN_OFF = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"

Connect = Callable[[], Client]


def take_notes(connect: Connect, by: str | None = None) -> None:
    """Take notes in this terminal until Ctrl-C; see the module.

    Raises:
        Mend: This is no terminal, or ``by`` is nobody's initials.
        WorldFailed: The room does not answer at the beginning, or something is not saved
            at the end: the line has all of it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Mend("notes by key need a terminal; elsewhere `kaproom note CATEGORY TEXT` makes one")
    pad = Notepad(clock.boot_id(), None if by is None else initials(by))
    pad.begin(f"{os.urandom(8).hex()}-")
    with connect() as client:
        pad.hear(client.call("status"))
    sys.setswitchinterval(_SWITCH_S)
    _Taker(pad, connect).run()
    for line in pad.summary():
        print(line)  # noqa: T201 - what the screen showed, for whoever scrolls back
    if pad.unsaved:
        lost = "; ".join(f"{s.wall} {s.category} {s.text or ''}".strip() for s in pad.unsaved)
        raise WorldFailed(f"NOT SAVED: {lost}; write it down")


class _Taker:
    """The terminal, and the two threads that talk to the room."""

    def __init__(self, pad: Notepad, connect: Connect) -> None:
        self._pad = pad
        self._connect = connect
        self._keyboard = Keyboard()
        self._wishes: SimpleQueue[Wish] = SimpleQueue()
        self._news: deque[Outcome | Mapping[str, Any] | None] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._leaving = False
        self._shown: list[str] = []

    def run(self) -> None:
        """Until somebody leaves; what is half typed then is kept."""
        for thread in (self._send, self._listen):
            threading.Thread(target=thread, name=thread.__name__, daemon=True).start()
        stdin = sys.stdin.fileno()
        with self._terminal(stdin):
            while not self._leaving:
                self._draw()
                wait_s = _ESCAPE_S if self._keyboard.waits else None
                ready, _, _ = select.select([stdin, self._bell], [], [], wait_s)
                # The moment of the key, before anything else.
                at_ns = clock.mono_ns()
                if stdin in ready:
                    self._pressed(os.read(stdin, 4096), at_ns)
                elif not ready:
                    self._keys(self._keyboard.settle(), at_ns)
                self._heard()
            self._wish(self._pad.leave(clock.mono_ns()))
            self._save_the_rest()

    def _pressed(self, received: bytes, at_ns: int) -> None:
        if not received:
            self._leaving = True  # the terminal is gone
            return
        self._keys(self._keyboard.feed(received), at_ns)

    def _keys(self, keys: list[Key], at_ns: int) -> None:
        wall = clock.utc().astimezone().strftime("%H:%M:%S") if keys else ""
        for key in keys:
            if key.act == "leave":
                self._leaving = True
            self._wish(self._pad.press(key, at_ns, wall))

    def _wish(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            self._wishes.put(wish)

    def _heard(self) -> None:
        with suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        while self._news:
            news = self._news.popleft()
            if isinstance(news, Outcome):
                self._wish(self._pad.answered(news))
            else:
                self._wish(self._pad.hear(news))

    def _save_the_rest(self) -> None:
        give_up_ns = clock.mono_ns() + round(_LEAVING_S * clock.NS_PER_S)
        while self._pad.pending and clock.mono_ns() < give_up_ns:
            self._draw()
            select.select([self._bell], [], [], RETRY_S)
            self._heard()

    # -- the threads

    def _tell(self, news: Outcome | Mapping[str, Any] | None) -> None:
        self._news.append(news)
        os.eventfd_write(self._bell, 1)

    def _send(self) -> None:
        """One wish after another, each until it is answered."""
        deliver(self._wishes, self._connect, self._tell)

    def _listen(self) -> None:
        """The room's state, as it changes."""
        while True:
            with suppress(WorldFailed, Refused, Mend), self._connect() as client:
                self._tell(client.call("status"))
                for push in client.watch():
                    if push.get("push") == "status":
                        self._tell(push)
            self._tell(None)
            select.select([], [], [], RETRY_S)

    # -- the terminal

    @contextmanager
    def _terminal(self, stdin: int) -> Iterator[None]:
        """The terminal gives each key at once, and is given back as it was."""
        before = termios.tcgetattr(stdin)
        leaves = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        for number in leaves:
            signal.signal(number, lambda *_: self._asked())
        tty.setraw(stdin)
        self._write(_SCREEN_ON + PASTES_ON)
        try:
            yield
        finally:
            with suppress(OSError, termios.error):
                self._write(PASTES_OFF + _SCREEN_OFF)
                termios.tcsetattr(stdin, termios.TCSADRAIN, before)
            for number, handler in leaves.items():
                signal.signal(number, handler)

    def _asked(self) -> None:
        self._leaving = True
        os.eventfd_write(self._bell, 1)

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        lines = self._pad.lines(size.columns, size.lines)
        if lines != self._shown:
            self._shown = lines
            self._write("\x1b[H" + "".join(f"{line}\x1b[K\r\n" for line in lines[:-1]))
            self._write(f"{lines[-1]}\x1b[J")

    def _write(self, text: str) -> None:
        # A window that was closed takes nothing more, and the notes go on.
        with suppress(OSError):
            os.write(sys.stdout.fileno(), text.encode())
