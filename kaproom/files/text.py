"""YAML's one door: text in, a tree that knows its lines out.

Plain words mean what they mean in YAML 1.2: `no` is a word, `3:05` is a text and only
`true` and `false` are truths. What could be an attack or a slip (tags, bombs of aliases,
one key twice) is refused here.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from kaproom.errors import Mend
from kaproom.places import legible, near, shown

# A playlist of 5,000 pieces with all their keys is about this long.
FILE_MAX_BYTES = 1_000_000
DEPTH_MAX = 20
NODES_MAX = 100_000
FAULTS_SHOWN = 20

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line that it begins in; ``keys`` carry the line of the key as well."""

    line: int
    kind: Literal["one", "list", "keys"]
    one: Scalar = None
    items: tuple["Node", ...] = ()
    keys: dict[str, tuple[int, "Node"]] = field(default_factory=dict)
    size: int = 1
    depth: int = 1

    def plain(self) -> Any:
        """The value as plain Python, without its lines."""
        if self.kind == "list":
            return [item.plain() for item in self.items]
        if self.kind == "keys":
            return {key: node.plain() for key, (_, node) in self.keys.items()}
        return self.one


def mend(path: Path, faults: list[tuple[int, str]]) -> Mend:
    """Faults of one file, each with its line, as what a person reads: one line each."""
    lines = [f"{shown(path)}:{line}: {text}" for line, text in sorted(faults)]
    if len(lines) > FAULTS_SHOWN:
        left = len(lines) - FAULTS_SHOWN
        lines = [*lines[:FAULTS_SHOWN], f"{shown(path)}: and {left} more of such lines"]
    return Mend("\n".join(lines))


def read(path: Path) -> Node:
    """Read one file.

    Raises:
        Mend: It cannot be read, is no text, or is no YAML that is understood here.
    """
    text = _text(path)
    _no_control_characters(path, text)
    faults: list[tuple[int, str]] = []
    try:
        root = _Tree(faults).build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1 if mark else 1, len(text.splitlines()) or 1)
        raise mend(path, [*faults, _syntax(error, text, line)]) from error
    except yaml.YAMLError as error:
        raise mend(path, [(1, f"is not YAML: {legible(str(error))}")]) from error
    except _Stop as stop:
        raise mend(path, [*faults, (stop.line, stop.text)]) from stop
    if faults:
        raise mend(path, faults)
    return root


def _text(path: Path) -> str:
    name = shown(path)
    try:
        # Without O_NONBLOCK a named pipe would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Mend(f"{name} does not exist{near(path)}") from error
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise Mend(f"{name} cannot be read: {legible(reason.lower())}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise Mend(f"{name} is a folder; name a .yaml file in it")
        raise Mend(f"{name} is not an ordinary file; save it as a .yaml file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            content = file.read(FILE_MAX_BYTES + 1)
        except OSError as error:
            raise Mend(f"{name} cannot be read: {(error.strerror or '').lower()}") from error
    if len(content) > FILE_MAX_BYTES:
        raise Mend(f"{name} is larger than {FILE_MAX_BYTES // 1_000_000} MB; split it into several")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise Mend(
            f"{name}:{line}: is not UTF-8 text (byte 0x{content[error.start]:02x});"
            " save it as UTF-8 in the editor"
        ) from error


_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _no_control_characters(path: Path, text: str) -> None:
    match = _CONTROL.search(text)
    if match:
        line = text.count("\n", 0, match.start()) + 1
        raise mend(
            path,
            [(line, f"holds the control character U+{ord(match[0]):04X}; remove it")],
        )


class _Stop(Exception):  # noqa: N818 - it stops the reading, it is no error of ours
    def __init__(self, line: int, text: str):
        super().__init__(text)
        self.line = line
        self.text = text


@dataclass(slots=True)
class _Open:
    """A list or a group of keys that is not finished yet."""

    line: int
    kind: Literal["list", "keys"]
    anchor: str | None
    items: list[Node] = field(default_factory=list)
    keys: dict[str, tuple[int, Node]] = field(default_factory=dict)
    key: tuple[str, int] | None = None
    # The value of a key that stands twice has a place but no meaning.
    ignored: bool = False


class _Tree:
    """Builds the tree from the parser's events, without recursion and within bounds."""

    def __init__(self, faults: list[tuple[int, str]]):
        self.faults = faults
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.size = 0
        self.root: Node | None = None

    def build(self, text: str) -> Node:
        for event in _events(text):
            line = event.start_mark.line + 1
            match event:
                case yaml.DocumentStartEvent() if self.root is not None:
                    raise _Stop(line, "a second document begins here; keep one, and remove `---`")
                case yaml.ScalarEvent():
                    self._no_tag(event, line)
                    self._add(Node(line, "one", _meaning(event)), event.anchor)
                case yaml.AliasEvent():
                    self._add(self._alias(event.anchor or "", line), None)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._no_tag(event, line)
                    self._begin(event, line)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
                case _:
                    pass
        return self.root or Node(1, "one")

    def _no_tag(self, event: Any, line: int) -> None:
        if event.tag is not None:
            self.faults.append(
                (line, f"the tag '{legible(event.tag)}' means nothing here; remove it")
            )

    def _begin(self, event: Any, line: int) -> None:
        if len(self.open) >= DEPTH_MAX:
            raise _Stop(line, f"is nested deeper than {DEPTH_MAX} levels; make it flatter")
        above = self.open[-1] if self.open else None
        if above is not None and above.kind == "keys" and above.key is None:
            raise _Stop(line, "a key must be one word or text, not a list or a group of keys")
        kind: Literal["list", "keys"] = (
            "list" if isinstance(event, yaml.SequenceStartEvent) else "keys"
        )
        self.open.append(_Open(line, kind, event.anchor))

    def _end(self) -> None:
        done = self.open.pop()
        inside = [*done.items, *(node for _, node in done.keys.values())]
        node = Node(
            done.line,
            done.kind,
            items=tuple(done.items),
            keys=done.keys,
            size=1 + sum(child.size for child in inside),
            depth=1 + max((child.depth for child in inside), default=0),
        )
        self._add(node, done.anchor)

    def _alias(self, anchor: str, line: int) -> Node:
        node = self.anchors.get(anchor)
        if node is None:
            raise _Stop(line, f"'*{legible(anchor)}' stands for nothing that ended before it")
        if len(self.open) + node.depth > DEPTH_MAX:
            raise _Stop(line, f"is nested deeper than {DEPTH_MAX} levels; make it flatter")
        self.size += node.size
        return node

    def _add(self, node: Node, anchor: str | None) -> None:
        self.size += 1
        if self.size > NODES_MAX:
            raise _Stop(node.line, f"holds more than {NODES_MAX} values; split it into several")
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        above = self.open[-1]
        if above.kind == "list":
            above.items.append(node)
        elif above.key is None:
            self._key(above, node)
        else:
            if not above.ignored:
                above.keys[above.key[0]] = (above.key[1], node)
            above.key, above.ignored = None, False

    def _key(self, above: _Open, node: Node) -> None:
        if node.kind != "one":
            raise _Stop(node.line, "a key must be one word or text, not a list or a group of keys")
        key = node.one if isinstance(node.one, str) else _spelled(node.one)
        if key in above.keys:
            first = above.keys[key][0]
            self.faults.append(
                (node.line, f"'{legible(key)}' stands twice, first in line {first}; remove one")
            )
            above.ignored = True
        above.key = (key, node.line)


def _events(text: str) -> Iterator[Any]:
    # libyaml's parser is 20 times faster; where PyYAML was built without it the pure one serves.
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    return iter(yaml.parse(text, Loader=loader))


_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _meaning(event: Any) -> Scalar:
    """What a plain word means in YAML 1.2; quoted, everything is text."""
    text: str = event.value
    if event.style not in (None, ""):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    match = _NOT_FINITE.fullmatch(text)
    if match:
        return float("nan") if match[1] is None else float(f"{match[1]}inf")
    return text


def _spelled(key: Scalar) -> str:
    if key is None:
        return "null"
    return str(key).lower() if isinstance(key, bool) else str(key)


_SYNTAX = (
    (
        "mapping values are not allowed",
        "a ':' too many; put the text in quotes, or indent the line like the one above it",
    ),
    ("could not find expected ':'", "a key needs a ':' and a space after it"),
    ("did not find expected ',' or", "a ',' or the closing bracket is missing before this"),
    ("expected ',' or", "a ',' or the closing bracket is missing before this"),
    ("did not find expected key", "is indented unlike the lines above it; line it up with them"),
    (
        "did not find expected '-' indicator",
        "is indented unlike the list above it; line it up with its '-'",
    ),
    ("expected <block end>", "is indented unlike the lines above it; line it up with them"),
    (
        "block sequence entries are not allowed",
        "a '-' cannot stand here; put it on a line of its own, indented below its key",
    ),
    ("unexpected end of stream", "a quote or a bracket is opened before this and never closed"),
    ("cannot start any token", "text that begins with a sign such as @ ` % or & needs quotes"),
    ("unknown escape character", "a backslash in \"…\" begins a special character; use '…' or /"),
    (
        "found undefined alias",
        "an '*' stands for something that is named nowhere; put the text in quotes",
    ),
    ("while scanning an alias", "text that begins with '*' needs quotes"),
    ("while scanning an anchor", "text that begins with '&' needs quotes"),
    ("undefined tag handle", "a text that begins with '!' needs quotes"),
    (
        "did not find expected <document start>",
        "is indented unlike the first line; line it up with it",
    ),
    ("expected '<document start>'", "is indented unlike the first line; line it up with it"),
)


def _syntax(error: yaml.MarkedYAMLError, text: str, line: int) -> tuple[int, str]:
    """The parser's complaint in words that help someone who does not know YAML."""
    lines = text.splitlines()
    for number in (line, line - 1):
        written = lines[number - 1] if 0 < number <= len(lines) else ""
        if "\t" in written[: len(written) - len(written.lstrip())]:
            return number, "is indented with a tab; YAML allows only spaces there"
    said = f"{error.context or ''}; {error.problem or ''}"
    for words, remedy in _SYNTAX:
        if words in said:
            return line, remedy
    return line, f"is not YAML: {legible(error.problem or error.context or 'it cannot be read')}"
