"""The local sockets: whatever comes over them, the room's service goes on."""

import contextlib
import grp
import json
import os
import pwd
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaproom import __version__
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client, Request, Server
from kaproom.intercom.connection import Peer, allowed
from kaproom.intercom.lines import DEPTH_MAX, LINE_MAX_BYTES, Garbage, Lines, decode, encode

HELLO = b'{"kaproom":"intercom/1","client":"test"}\n'
PATIENCE_S = 10.0


@pytest.fixture
def path() -> Iterator[Path]:
    # pytest's own folders make paths that are too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="kap"))
    yield folder / "daemon.sock"
    shutil.rmtree(folder)


@pytest.fixture
def server(path: Path) -> Iterator[Server]:
    server = Server(path, "daemon")
    yield server
    server.close()


class Caller:
    """A client by hand: bytes out, lines in; the server is polled while it waits."""

    def __init__(self, server: Server, greeting: bytes = HELLO) -> None:
        self.server = server
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(server.path))
        self.socket.setblocking(False)
        self.requests: list[Request] = []
        self.lines: list[dict[str, Any]] = []
        self.gone = False
        self._rest = b""
        if greeting:
            self.send(greeting)

    def send(self, sent: bytes) -> None:
        left = sent
        while left and not self.gone:
            try:
                left = left[self.socket.send(left) :]
            except BlockingIOError:
                self.turn()
            except OSError:
                self.read()
                return

    def ask(self, id_: str, do: str = "status", **args: Any) -> None:
        self.send(encode({"id": id_, "do": do, "args": args}))

    def turn(self) -> None:
        self.requests += self.server.poll(0.01)

    def read(self) -> None:
        try:
            while True:
                found = self.socket.recv(1 << 16)
                if not found:
                    self.gone = True
                    break
                self._rest += found
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True
        *whole, self._rest = self._rest.split(b"\n")
        self.lines += [json.loads(line) for line in whole]

    def until(self, what: Callable[[], object]) -> None:
        turns = 0
        while True:
            self.read()
            if what():
                return
            self.turn()
            turns += 1
            assert turns < 100 * PATIENCE_S, (self.lines[-3:], self.gone)

    def request(self) -> Request:
        self.until(lambda: self.requests)
        return self.requests.pop(0)

    def answer(self) -> dict[str, Any]:
        """The next line after the greeting."""
        self.until(lambda: len(self.lines) > 1)
        return self.lines.pop(1)


def is_alive(server: Server) -> bool:
    caller = Caller(server)
    id_ = os.urandom(8).hex()
    caller.ask(id_)
    while (request := caller.request()).id != id_:
        request.refuse("left over from another caller")
    request.reply({"alive": True})
    alive = caller.answer() == {"id": id_, "ok": {"alive": True}}
    caller.socket.close()
    return alive


class Serving:
    """A server on a thread of its own, which answers with ``answer``."""

    def __init__(self, path: Path, answer: Callable[[Request], None]) -> None:
        self.server = Server(path, "daemon")
        self.asked: list[tuple[str, str]] = []
        self._answer = answer
        self._ending, self._end = os.pipe()
        self._ended = False
        self.server.add_reader(self._ending, self._note_end)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Serving":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._end, b".")
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        self.server.close()
        os.close(self._ending)
        os.close(self._end)

    def _note_end(self) -> None:
        self._ended = True

    def _run(self) -> None:
        while not self._ended:
            for request in self.server.poll(PATIENCE_S):
                self.asked.append((request.do, request.id))
                self._answer(request)


def echo(request: Request) -> None:
    request.reply({"do": request.do, **request.args})


# Lines


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
            max_leaves=10,
        ),
    )
)
def test_what_is_sent_arrives_as_it_was(line: dict[str, Any]) -> None:
    sent = encode(line)
    assert sent.count(b"\n") == 1
    if b"\\u0000" not in sent:
        assert decode(sent[:-1]) == line


def test_a_number_that_is_none_arrives_as_null() -> None:
    sent = encode({"gain_db": float("-inf"), "levels": [1.5, float("nan")], "in": {"x": 2}})
    assert decode(sent) == {"gain_db": None, "levels": [1.5, None], "in": {"x": 2}}


def test_half_a_character_of_a_broken_terminal_is_sent_as_a_question_mark() -> None:
    assert decode(encode({"text": "sch\udcf6n"})) == {"text": "sch?n"}


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.data())
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    taking, found = Lines(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += list(taking.feed(stream[:cut]))
        stream = stream[cut:]
    assert found == lines


GARBAGE = {
    "not JSON": b"hello\n",
    "an empty line": b"\n",
    "binary": bytes(range(11, 256)) + b"\n",
    "zeros": b"\0" * 500 + b"\n",
    "latin-1": '{"id":"a","do":"schön"}\n'.encode("latin-1"),
    "an array": b"[1,2]\n",
    "a number": b"7\n",
    "deep arrays": b'{"id":"a","do":"x","args":{"a":' + b"[" * 90_000 + b"\n",
    "deep and closed": b'{"id":"a","do":"x","args":{"a":' + b"[" * 400 + b"]" * 400 + b"}}\n",
    "deep objects": b'{"a":' * 50_000 + b"\n",
    "no id": b'{"do":"status"}\n',
    "an empty id": b'{"id":"","do":"status"}\n',
    "a long id": b'{"id":"' + b"x" * 65 + b'","do":"status"}\n',
    "a number for an id": b'{"id":7,"do":"status"}\n',
    "no do": b'{"id":"a"}\n',
    "a list for do": b'{"id":"a","do":["status"]}\n',
    "a list for args": b'{"id":"a","do":"note","args":[1]}\n',
    "null for args": b'{"id":"a","do":"note","args":null}\n',
    "NaN": b'{"id":"a","do":"level","args":{"db":NaN}}\n',
    "infinity": b'{"id":"a","do":"level","args":{"db":-Infinity}}\n',
    "infinity by size": b'{"id":"a","do":"level","args":{"db":1e999}}\n',
    "a number of 5,000 digits": b'{"id":"a","do":"level","args":{"db":' + b"9" * 5_000 + b"}}\n",
    "half a character": b'{"id":"a","do":"note","args":{"text":"\\ud800"}}\n',
    "a zero character": b'{"id":"a","do":"start","args":{"closing":"/a\\u0000b"}}\n',
    "a line without end": b"x" * (LINE_MAX_BYTES + 70_000),
    "a line that is too long": b'{"id":"' + b"x" * LINE_MAX_BYTES + b'"}\n',
    "a web browser": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_answered_with_one_line_and_ends_only_its_connection(
    server: Server, what: str
) -> None:
    caller = Caller(server)
    caller.send(GARBAGE[what])
    caller.until(lambda: caller.gone)
    assert caller.requests == []
    assert [list(line) for line in caller.lines[1:]] in ([["mend"]], [])
    if "long" not in what and "without end" not in what:
        assert caller.lines[1]["mend"].startswith("this is not kaproom's intercom/1: ")
    assert server.garbage == 1
    assert is_alive(server)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chunks=st.lists(st.binary(max_size=300), max_size=6), greeted=st.booleans())
def test_no_bytes_whatever_bring_the_server_down(
    server: Server, chunks: list[bytes], greeted: bool
) -> None:
    caller = Caller(server, HELLO if greeted else b"")
    for chunk in chunks:
        caller.send(chunk)
        caller.turn()
    caller.socket.close()
    assert caller.requests == []
    assert is_alive(server)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    line=st.fixed_dictionaries(
        {},
        optional={
            "id": st.text(max_size=5) | st.integers(),
            "do": st.sampled_from(["status", "watch", ""]) | st.none(),
            "args": st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3))
            | st.integers(),
            "kaproom": st.text(max_size=12),
        },
    )
)
def test_no_line_that_is_almost_right_brings_the_server_down(
    server: Server, line: dict[str, Any]
) -> None:
    caller = Caller(server)
    caller.send(json.dumps(line).encode() + b"\n")
    caller.turn()
    for request in caller.requests:
        request.reply({"args": request.args})
    caller.read()
    caller.socket.close()
    assert is_alive(server)


@pytest.mark.parametrize("number", ["9223372036854775808", "-9223372036854775809", "1" + "0" * 400])
def test_a_number_that_nothing_behind_the_socket_has_room_for_is_garbage(number: str) -> None:
    assert decode(b'{"mono_ns": 9223372036854775807}') == {"mono_ns": 2**63 - 1}
    with pytest.raises(Garbage, match="no disk and no clock has room for"):
        decode(b'{"ago_s": ' + number.encode() + b"}")


def test_garbage_from_a_line_that_is_too_deep_is_told_before_it_can_harm() -> None:
    nested: Any = 1
    for _ in range(DEPTH_MAX):
        nested = {"a": nested}
    assert decode(encode(nested)) == nested
    with pytest.raises(Garbage, match=f"deeper than {DEPTH_MAX}"):
        decode(encode({"a": nested}))


def test_a_line_as_long_as_may_be_arrives(server: Server) -> None:
    caller = Caller(server)
    text = "x" * (LINE_MAX_BYTES - 100)
    caller.ask("long", "note", text=text)
    assert caller.request().args["text"] == text
    assert server.garbage == 0


def test_a_request_that_comes_byte_by_byte_is_one_request(server: Server) -> None:
    caller = Caller(server)
    for byte in encode({"id": "slow", "do": "note"}):
        assert caller.requests == []
        caller.send(bytes([byte]))
        caller.turn()
    assert caller.request().id == "slow"


# Greetings


def test_the_server_says_who_it_is(server: Server) -> None:
    caller = Caller(server, b"")
    caller.until(lambda: caller.lines)
    assert caller.lines == [
        {"kaproom": "intercom/1", "role": "daemon", "version": __version__},
    ]


def test_a_client_of_another_version_gets_one_clear_line(server: Server) -> None:
    caller = Caller(server, b'{"kaproom":"intercom/9","client":"console"}\n')
    caller.until(lambda: caller.gone)
    assert caller.lines[1:] == [
        {
            "mend": f"this daemon (kaproom {__version__}) speaks intercom/1, the client "
            "intercom/9: update the older one and restart it"
        }
    ]
    assert is_alive(server)


def test_a_request_before_the_greeting_is_not_done(server: Server) -> None:
    caller = Caller(server, b'{"id":"a","do":"end"}\n')
    caller.until(lambda: caller.gone)
    assert caller.requests == []


# Answers


def test_a_request_carries_who_asks(server: Server) -> None:
    caller = Caller(server)
    caller.ask("a1", "note", category="tears")
    request = caller.request()
    assert (request.id, request.do, request.args) == ("a1", "note", {"category": "tears"})
    assert (request.client, request.pid, request.uid) == ("test", os.getpid(), os.getuid())


def test_answers_may_come_later_and_in_any_order(server: Server) -> None:
    caller = Caller(server)
    for id_ in ("a", "b", "c", "d"):
        caller.ask(id_)
    caller.until(lambda: len(caller.requests) == 4)
    first, second, third, fourth = caller.requests
    fourth.fail("disk full")
    second.refuse("nothing is paused")
    third.mend("no such category")
    first.reply()
    assert [caller.answer() for _ in range(4)] == [
        {"id": "d", "failed": "disk full"},
        {"id": "b", "refused": "nothing is paused"},
        {"id": "c", "mend": "no such category"},
        {"id": "a", "ok": {}},
    ]


def test_a_command_that_is_sent_again_gets_the_first_answer_and_is_done_once(
    server: Server,
) -> None:
    caller, again = Caller(server), Caller(server)
    caller.ask("same", "note")
    caller.request().reply({"seq": 41})
    again.ask("same", "note")
    assert again.answer() == caller.answer() == {"id": "same", "ok": {"seq": 41}}
    assert caller.requests == again.requests == []


def test_a_command_sent_again_before_its_answer_is_done_once_and_answered_to_both(
    server: Server,
) -> None:
    caller, again = Caller(server), Caller(server)
    caller.ask("same", "note")
    request = caller.request()
    again.ask("same", "note")
    again.until(lambda: again.lines)
    again.turn()
    request.reply({"seq": 41})
    assert again.answer() == caller.answer() == {"id": "same", "ok": {"seq": 41}}
    assert again.requests == []


def test_the_last_thousand_answers_are_kept(server: Server) -> None:
    caller = Caller(server)
    for n in range(1_100):
        caller.ask(f"n{n}")
        caller.request().reply({"n": n})
        caller.answer()
    caller.ask("n100")
    assert caller.answer()["ok"] == {"n": 100}
    caller.ask("n99")
    assert caller.request().id == "n99"


def test_an_answer_to_a_client_that_has_gone_is_kept_for_when_it_asks_again(
    server: Server,
) -> None:
    caller = Caller(server)
    caller.ask("a")
    request = caller.request()
    caller.socket.close()
    server.poll(0)
    request.reply({"seq": 7})
    again = Caller(server)
    again.ask("a")
    assert again.answer() == {"id": "a", "ok": {"seq": 7}}


def test_a_client_that_has_closed_its_end_still_gets_its_answer(server: Server) -> None:
    caller = Caller(server)
    caller.ask("a")
    caller.socket.shutdown(socket.SHUT_WR)
    request = caller.request()
    caller.turn()
    request.reply()
    assert caller.answer() == {"id": "a", "ok": {}}
    caller.until(lambda: caller.gone)
    assert server.connections == 0


def test_answering_twice_is_a_mistake_of_ours(server: Server) -> None:
    caller = Caller(server)
    caller.ask("a")
    request = caller.request()
    request.reply()
    with pytest.raises(AssertionError, match="answered twice"):
        request.fail("also")


def test_an_answer_that_is_too_long_for_a_line_is_said_to_be(server: Server) -> None:
    caller = Caller(server)
    caller.ask("a")
    caller.request().reply({"text": "x" * (LINE_MAX_BYTES + 1)})
    assert caller.answer() == {"id": "a", "failed": "the answer is longer than a line may be"}


def test_a_client_that_never_waits_for_an_answer_is_dropped(server: Server) -> None:
    caller = Caller(server)
    for n in range(300):
        caller.ask(f"n{n}")
    caller.until(lambda: caller.gone)
    assert server.connections == 0
    for request in caller.requests:
        request.reply()
    assert is_alive(server)


# Pushes


def test_pushes_go_to_those_who_watch(server: Server) -> None:
    watching, other = Caller(server), Caller(server)
    watching.ask("w", "watch")
    assert watching.answer() == {"id": "w", "ok": {}}
    other.until(lambda: other.lines)
    server.push("state", {"phase": "ascent"})
    assert watching.answer() == {"push": "state", "phase": "ascent"}
    other.turn()
    other.read()
    assert len(other.lines) == 1
    assert watching.requests == []


def test_a_client_that_is_behind_gets_the_newest_of_each_topic(server: Server) -> None:
    caller = Caller(server)
    caller.ask("w", "watch")
    caller.answer()
    for n in range(20_000):
        server.push("state", {"n": n, "ballast": "x" * 200})
    server.push("level", {"n": -1})
    assert server.connections == 1
    caller.until(lambda: caller.lines[-1].get("push") == "level")
    seen = [line["n"] for line in caller.lines if line.get("push") == "state"]
    assert seen[-1] == 19_999
    assert seen == sorted(seen)
    assert len(seen) < 2_000


def test_pushes_to_be_kept_all_arrive_in_order(server: Server) -> None:
    caller = Caller(server)
    caller.ask("w", "watch")
    caller.answer()
    for n in range(2_000):
        server.push("cue", {"n": n, "ballast": "x" * 100}, keep=True)
    caller.until(lambda: len(caller.lines) == 2_001)
    assert [line["n"] for line in caller.lines[1:]] == list(range(2_000))


def test_a_client_that_never_reads_is_dropped_and_holds_up_nobody(server: Server) -> None:
    caller = Caller(server)
    caller.ask("w", "watch")
    caller.until(lambda: len(caller.lines) == 2)
    for n in range(20_000):
        server.push("cue", {"n": n, "ballast": "x" * 200}, keep=True)
    assert server.connections == 0
    assert is_alive(server)


def test_a_client_that_asks_without_end_and_never_reads_is_dropped(server: Server) -> None:
    caller = Caller(server)
    asked = 0
    while server.connections or asked == 0:
        with contextlib.suppress(OSError):
            caller.socket.send(encode({"id": f"n{asked}", "do": "status"}))
        asked += 1
        for request in server.poll(0):
            request.reply({"ballast": "x" * 2_000})
        assert asked < 10_000
    assert is_alive(server)


# Many, silent, forbidden


def test_thousands_of_connections_leave_room_for_one_who_speaks(server: Server) -> None:
    silent = []
    for n in range(2_000):
        caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        caller.connect(str(server.path))
        silent.append(caller)
        if n % 40 == 39:
            server.poll(0)
        if len(silent) > 200:
            silent.pop(0).close()
    assert server.connections <= 64
    assert is_alive(server)
    for caller in silent:
        caller.close()


def test_one_too_many_who_speak_is_told_so(path: Path) -> None:
    server = Server(path, "daemon", connections_max=3)
    callers = [Caller(server) for _ in range(3)]
    for caller in callers:
        caller.until(lambda caller=caller: caller.lines)  # type: ignore[misc]
        caller.turn()
    fourth = Caller(server)
    fourth.until(lambda: fourth.gone)
    assert fourth.lines == [{"refused": f"{path}: 3 clients are connected; close one"}]
    callers[0].socket.close()
    callers[1].turn()
    assert is_alive(server)
    server.close()


def test_without_a_descriptor_left_the_server_turns_callers_away_and_rests(
    server: Server,
) -> None:
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    callers = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 4, hard))
        with pytest.raises(OSError, match="Too many open files"):
            while True:
                caller = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                callers.append(caller)
                caller.connect(str(server.path))
        for _ in range(10):
            assert server.poll(0) == []
        assert select.select([server], [], [], 0)[0] == []  # no loop that never rests
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for caller in callers:
            caller.close()
    assert is_alive(server)


def test_ourselves_root_and_the_group_are_let_in_and_nobody_else() -> None:
    assert allowed(Peer(1, 1000, frozenset({1000})), 1000, None)
    assert allowed(Peer(1, 0, frozenset({0})), 1000, None)
    assert allowed(Peer(1, 1001, frozenset({1001, 44})), 1000, 44)
    assert not allowed(Peer(1, 1001, frozenset({1001, 45})), 1000, 44)
    assert not allowed(Peer(1, 1001, frozenset({1000})), 1000, None)


def connect_as(uid: int, groups: list[int], path: Path) -> subprocess.Popen[bytes]:
    code = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "print(s.makefile().readline())"
    )
    return subprocess.Popen(
        [
            shutil.which("python3", path="/usr/bin:/usr/local/bin:/bin") or "python3",
            "-c",
            code,
            path,
        ],
        user=uid,
        group=uid,
        extra_groups=groups,
        stdout=subprocess.PIPE,
        cwd="/",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("member", [True, False])
def test_the_kernel_tells_who_connects_and_in_which_groups(path: Path, member: bool) -> None:
    group = grp.getgrall()[-1]
    nobody = pwd.getpwnam("nobody").pw_uid
    path.parent.chmod(0o755)
    server = Server(path, "daemon", group=group.gr_name)
    assert path.stat().st_gid == group.gr_gid
    assert path.stat().st_mode & 0o777 == 0o660
    path.chmod(0o666)  # so that only the credentials stand between
    process = connect_as(nobody, [group.gr_gid] if member else [], path)
    assert process.stdout is not None
    while not select.select([process.stdout], [], [], 0)[0]:
        server.poll(0.05)
    line = json.loads(process.stdout.readline())
    process.wait()
    process.stdout.close()
    if member:
        assert line["role"] == "daemon"
    else:
        assert line == {"mend": f"{path}: user {nobody} is not in group {group.gr_name}"}
    server.close()


# The socket itself


def test_only_owner_and_group_may_touch_the_socket(server: Server) -> None:
    assert server.path.is_socket()
    assert server.path.stat().st_mode & 0o777 == 0o660


def test_the_socket_of_a_server_that_was_killed_is_replaced(path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(path))
    left.listen()
    left.close()
    assert path.is_socket()
    server = Server(path, "daemon")
    assert is_alive(server)
    server.close()


def test_the_socket_of_a_server_that_answers_is_left_alone(server: Server) -> None:
    with pytest.raises(Refused, match="another player answers there; end it first"):
        Server(server.path, "player")
    assert is_alive(server)


def test_a_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    path.write_text("diary")
    with pytest.raises(Mend, match="is not a socket; move it away"):
        Server(path, "daemon")
    assert path.read_text() == "diary"


def test_a_path_that_is_too_long_is_one_line(path: Path) -> None:
    long = path.with_name("x" * 100)
    length = len(str(long))
    with pytest.raises(
        Mend, match=f"{length} bytes are too long for a socket .107 at most.; choose"
    ):
        Server(long, "daemon")
    with pytest.raises(Mend, match="too long for a socket"):
        Client(long, "cli")


def test_a_folder_that_is_not_there_is_one_line(path: Path) -> None:
    with pytest.raises(Mend, match=r"no socket can be made there \(No such file or directory\)"):
        Server(path.parent / "none" / "daemon.sock", "daemon")


def test_closing_takes_its_own_socket_away_and_no_other(path: Path) -> None:
    first = Server(path, "daemon")
    path.unlink()
    second = Server(path, "daemon")
    first.close()
    assert is_alive(second)
    second.close()
    assert not path.exists()


def test_other_descriptors_are_waited_on_in_the_same_place(server: Server) -> None:
    reading, writing = os.pipe()
    heard: list[bytes] = []
    server.add_reader(reading, lambda: heard.append(os.read(reading, 10)))
    assert server.poll(0) == []
    os.write(writing, b"done")
    assert server.poll(PATIENCE_S) == []
    assert heard == [b"done"]
    server.remove_reader(reading)
    os.write(writing, b"more")
    server.poll(0)
    assert heard == [b"done"]
    os.close(reading)
    os.close(writing)


def test_a_callback_may_remove_another_that_is_ready_too(server: Server) -> None:
    pipes = [os.pipe(), os.pipe()]
    called: list[int] = []

    def only(index: int) -> None:
        called.append(index)
        for reading, _ in pipes:
            server.remove_reader(reading)

    for index, (reading, writing) in enumerate(pipes):
        server.add_reader(reading, lambda index=index: only(index))  # type: ignore[misc]
        os.write(writing, b".")
    server.poll(PATIENCE_S)
    assert len(called) == 1
    for reading, writing in pipes:
        os.close(reading)
        os.close(writing)


# The client


def test_a_client_gets_what_the_server_answers(path: Path) -> None:
    with Serving(path, echo), Client(path, "cli") as client:
        assert client.call("note", {"category": "tears"}) == {"do": "note", "category": "tears"}
        assert client.call("status") == {"do": "status"}
        assert client.greeting["role"] == "daemon"


@pytest.mark.parametrize(
    ("how", "error"), [("refuse", Refused), ("mend", Mend), ("fail", WorldFailed)]
)
def test_what_went_wrong_arrives_as_its_kind_of_error(
    path: Path, how: str, error: type[Exception]
) -> None:
    with (
        Serving(path, lambda request: getattr(request, how)("nothing is paused")),
        Client(path, "cli") as client,
    ):
        with pytest.raises(error, match=r"^nothing is paused$"):
            client.call("infusion")
        with pytest.raises(error):
            client.call("infusion")  # the connection is as good as before


@pytest.mark.parametrize("left_behind", [False, True])
def test_nobody_there_is_told_with_what_to_start(path: Path, left_behind: bool) -> None:
    if left_behind:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
            left.bind(str(path))
    with pytest.raises(WorldFailed) as told:
        Client(path, "cli")
    assert str(told.value) == f"nobody answers on {path}: is `kaproom daemon` running?"


def test_somebody_who_listens_and_says_nothing_is_told_in_time(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as frozen:
        frozen.bind(str(path))
        frozen.listen(0)
        with pytest.raises(WorldFailed, match="something listens there and does not answer"):
            Client(path, "cli", 0.05)
        # And when the kernel keeps no more callers for it:
        with pytest.raises(WorldFailed, match="answer"):
            Client(path, "cli", 0.05)


def test_an_answer_that_does_not_come_in_time_is_not_taken_for_the_next(path: Path) -> None:
    kept: list[Request] = []

    def late(request: Request) -> None:
        if request.do == "slow":
            kept.append(request)
        else:
            for each in kept:
                each.reply({"do": "slow"})
            request.reply({"do": request.do})

    with Serving(path, late), Client(path, "cli") as client:
        with pytest.raises(WorldFailed, match="it may have been done all the same"):
            client.call("slow", timeout_s=0.05)
        assert client.call("status") == {"do": "status"}


def test_a_connection_that_breaks_before_the_answer_is_made_anew_with_the_same_id(
    path: Path,
) -> None:
    asked: list[str] = []

    def break_once(listener: socket.socket) -> None:
        for turn in range(2):
            accepted, _ = listener.accept()
            with accepted, accepted.makefile("rb") as lines:
                accepted.sendall(encode({"kaproom": "intercom/1", "role": "daemon"}))
                lines.readline()
                asked.append(json.loads(lines.readline())["id"])
                if turn:
                    accepted.sendall(encode({"id": asked[-1], "ok": {"seq": 41}}))

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=break_once, args=(listener,))
        thread.start()
        with Client(path, "cli") as client:
            assert client.call("note") == {"seq": 41}
        thread.join()
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_a_daemon_that_is_started_again_meanwhile_is_found(path: Path) -> None:
    first = Server(path, "daemon")
    second: list[Serving] = []

    def restart() -> None:
        requests: list[Request] = []
        while not requests:
            requests = first.poll(PATIENCE_S)
        first.close()
        second.append(Serving(path, echo).__enter__())

    thread = threading.Thread(target=restart)
    thread.start()
    with Client(path, "cli") as client:
        assert client.call("note", {"n": 1}) == {"do": "note", "n": 1}
    thread.join()
    second[0].__exit__()


def test_a_daemon_that_does_not_come_back_is_told(path: Path) -> None:
    with Serving(path, echo):
        client = Client(path, "cli", 0.2)
        assert client.call("status")
    with pytest.raises(WorldFailed, match=r"nobody answers on .*: is `kaproom daemon` running\?"):
        client.call("note")
    client.close()


def test_a_server_of_another_version_is_told(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def greet() -> None:
            accepted, _ = listener.accept()
            accepted.sendall(b'{"kaproom":"intercom/2","role":"daemon"}\n')
            accepted.recv(1000)
            accepted.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(Mend, match="speaks intercom/2, this command intercom/1; restart"):
            Client(path, "cli")
        thread.join()


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH\r\n", b"[]\n", b'{"mend":"not you"}\n', b"{}\n"]
)
def test_a_stranger_on_the_socket_is_an_error_of_one_line(path: Path, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()

        def greet() -> None:
            accepted, _ = listener.accept()
            accepted.sendall(said)
            accepted.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(Mend, match="not you" if b"mend" in said else "is no kaproom that"):
            Client(path, "cli")
        thread.join()


def test_the_servers_last_word_is_heard_though_it_has_hung_up(path: Path) -> None:
    with Serving(path, echo), Client(path, "cli") as client:
        with pytest.raises(Mend, match="a line longer than 1048576 bytes"):
            client.call("note", {"text": "x" * (LINE_MAX_BYTES + 1_000_000)})
        assert client.call("status") == {"do": "status"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root is refused nothing")
def test_a_socket_that_is_not_for_us_says_which_group_to_join(path: Path) -> None:
    with Serving(path, echo):
        path.chmod(0)
        with pytest.raises(Mend, match="ask for membership in the group kaproom"):
            Client(path, "cli")


def test_a_client_watches_until_the_server_goes(path: Path) -> None:
    def push_on(request: Request) -> None:
        serving.server.push("state", {"n": 1})
        request.reply()
        serving.server.push("state", {"n": 2})

    serving = Serving(path, push_on)
    with serving:
        client, other = Client(path, "console"), Client(path, "cli")
        pushed = client.watch()
        client.call("go")  # what is pushed before the answer is not lost
        other.call("go")
        found = [next(pushed)["n"] for _ in range(4)]
        assert found == [1, 2, 1, 2]
    with pytest.raises(WorldFailed, match="the connection broke"):
        next(pushed)
    client.close()
    other.close()


def test_a_window_takes_what_was_pushed_without_waiting(path: Path) -> None:
    def push_and_reply(request: Request) -> None:
        serving.server.push("state", {"n": 5})
        request.reply()

    serving = Serving(path, push_and_reply)
    with serving, Client(path, "console") as client:
        assert client.pushes() == []
        with Client(path, "cli") as other:
            other.call("go")
        assert select.select([client], [], [], PATIENCE_S)[0]
        assert client.pushes() == [{"push": "state", "n": 5}]
        assert client.pushes() == []


def test_a_window_is_told_when_the_server_went_and_watches_the_next_one(path: Path) -> None:
    with Serving(path, echo):
        client = Client(path, "console", 0.2)
        assert client.pushes() == []
    with pytest.raises(WorldFailed, match="the connection broke"):
        client.pushes()
    with pytest.raises(WorldFailed, match="nobody answers"):
        client.pushes()
    with Serving(path, echo) as serving:
        assert client.pushes() == []
        serving.server.push("state", {"n": 1})
        assert select.select([client], [], [], PATIENCE_S)[0]
        assert client.pushes() == [{"push": "state", "n": 1}]
        client.close()


def test_a_client_that_reconnects_goes_on_watching(path: Path) -> None:
    with Serving(path, echo):
        client = Client(path, "console")
        pushed = client.watch()
    with Serving(path, echo) as serving:
        assert client.call("status") == {"do": "status"}
        while not any(c.watching for c in list(serving.server._connections)):
            client.call("status")
        serving.server.push("state", {"n": 3})
        assert next(pushed) == {"push": "state", "n": 3}
        client.close()


def test_a_command_need_not_wait_for_heavy_imports() -> None:
    heavy = "{'asyncio', 'uuid', 'subprocess', 'pydantic', 'typer', 'sqlite3', 'ctypes', 'numpy'}"
    code = f"import sys, kaproom.intercom; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.strip() == "[]"
