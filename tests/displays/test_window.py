"""A real window on a real X server: what is shown, what is pressed, what ends the wait."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from pulse import short_folder, until
from xserver import needs_screen, x_server

from kaproom.displays.palette import Palette, Role
from kaproom.displays.window import Closed, Input, Key, Press, Typed, Wheel, Window
from kaproom.errors import Mend, WorldFailed

# In a process of its own, since SDL reads the environment once.
SHOWS = """
import select, threading
from kaproom.displays import window as under_test
from kaproom.displays.palette import Role
from kaproom.displays.shapes import Box, Group, Panel, Screen
from kaproom.displays.window import Window
class Seen:
    ready = []
    def select(self, *asked):
        found = select.select(*asked)
        self.ready = found[0]
        return found
under_test.select = seen = Seen()
window = Window("a test", (1000, 625))
wide, high = window.size
whole = Box(0, 0, wide, high)
window.show(Screen(wide, high, (Group("a", whole, (Panel(whole, Role.TEXT),)),)))
print("ready", round(wide), round(high), flush=True)
threading.Thread(target=lambda: (input(), window.wake())).start()
while window.wait(30.0):
    pass
print("woken", flush=True)
while True:
    for told in window.wait(30.0):
        print(told, "at once" if seen.ready else "by looking again", flush=True)
        if type(told).__name__ == "Closed":
            window.close()
            raise SystemExit
"""


@needs_screen
def test_a_window_tells_keys_text_and_presses_and_is_woken_by_another_thread() -> None:
    with x_server() as x:
        shows = subprocess.Popen(
            [sys.executable, "-c", SHOWS],
            env=dict(x.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert shows.stdin is not None and shows.stdout is not None
        try:
            assert shows.stdout.readline() == "ready 1280 800\n"
            window = x.find(shows.pid)
            print(file=shows.stdin, flush=True)
            assert shows.stdout.readline() == "woken\n"
            # What ends the wait is the key itself, and not that it was time to look again.
            x.key("F5")
            line = shows.stdout.readline()
            assert "Key(name='f5'" in line and "at once" in line, line
            x.key("shift+a", "Return")
            x.do("mousemove", "--window", window, "500", "100", "click", "1", "click", "4")
            told: list[str] = []
            while not any("Wheel" in line for line in told):
                told.append(shows.stdout.readline())
            for words in ("Key(name='a'", "shift=True", "Typed(text='A')", "Key(name='return'"):
                assert any(words in line for line in told), told
            assert any("Press(x=640.0, y=128.0" in line for line in told), told
            assert any("Wheel(steps=1)" in line for line in told), told
        finally:
            shows.kill()
            shows.communicate()


@needs_screen
@pytest.mark.skipif(shutil.which("weston") is None, reason="no weston")
def test_a_window_opens_on_wayland() -> None:
    # On an X server, since SDL ends with a fault on a compositor that has no keyboard at all.
    with x_server() as x, short_folder() as runtime:
        runtime.chmod(0o700)
        wayland = {"XDG_RUNTIME_DIR": str(runtime), "WAYLAND_DISPLAY": "kaproom"}
        weston = subprocess.Popen(
            ["weston", "--backend=x11-backend.so", "--socket=kaproom", "--idle-time=0"],
            env={**x.environment, **wayland},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until((runtime / "kaproom").exists, what="the compositor")
            environment = {**x.environment, **wayland, "SDL_VIDEODRIVER": "wayland"}
            shows = subprocess.Popen(
                [sys.executable, "-c", SHOWS],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert shows.stdout is not None
            try:
                assert shows.stdout.readline() == "ready 1280 800\n"
                until(lambda: x.shows(Palette()[Role.TEXT], 200_000), what="its pixels")
            finally:
                shows.kill()
                shows.communicate()
        finally:
            weston.terminate()
            weston.wait(10)


def test_a_machine_without_a_screen_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "nosuchdriver")
    with pytest.raises(WorldFailed, match="no window can be opened") as raised:
        Window("a test", (640, 400))
    assert "\n" not in str(raised.value)


def test_a_window_that_nobody_would_see_is_none() -> None:
    """Of a machine without a screen SDL makes one in memory."""
    asked = "from kaproom.displays.window import Window; Window('a test', (640, 400))"
    unseen = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    where = {name: value for name, value in os.environ.items() if name not in unseen}
    shows = [sys.executable, "-c", asked]
    done = subprocess.run(shows, env=where, capture_output=True, text=True, timeout=60, check=False)
    assert "WorldFailed: no window can be opened: no screen was found" in done.stderr


def test_a_display_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(Mend, match="--display 7: there is no such screen; choose of 0"):
        Window("a test", (640, 400), display=7)


def test_without_a_screen_a_wait_ends_when_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    window = Window("a test", (640, 400))
    try:
        window.wake()
        heard: list[Input] = window.wait(60.0)
        assert not any(isinstance(told, Key | Typed | Press | Wheel | Closed) for told in heard)
    finally:
        window.close()
