"""What travels on a local socket: JSON objects, one a line, none too long or too deep.

Whatever bytes come, they become an object that is safe to pass on, or ``Garbage``.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

PROTOCOL = "intercom/1"
LINE_MAX_BYTES = 1 << 20
DEPTH_MAX = 24  # chosen: a programme is five deep, and json itself gives up near 1000
SOCKET_PATH_MAX_BYTES = 107  # sun_path holds 108, and the last one is a zero


class Garbage(Exception):  # noqa: N818 - it is what came, not a failure of ours
    """These bytes are no line of ours; str() says why."""


def encode(line: Mapping[str, Any]) -> bytes:
    """An object as a line, its end included.

    Numbers that are none become null, half characters (a broken terminal's) become ``?``.
    """
    try:
        text = _dumps(line)
    except ValueError:
        text = _dumps(_finite(line))
    return text.encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The object of a line.

    Raises:
        Garbage: It is none, is too deep, or holds text or numbers that others choke on.
    """
    try:
        found = json.loads(
            line.decode(), parse_constant=_refuse, parse_float=_float, parse_int=_int
        )
    except (ValueError, RecursionError) as error:
        raise Garbage("not a line of JSON") from error
    if not isinstance(found, dict):
        raise Garbage("not a JSON object")
    if _deeper_than(found, DEPTH_MAX):
        raise Garbage(f"nested deeper than {DEPTH_MAX}")
    if b"\\u0000" in line:
        raise Garbage("a zero character, which no path or text may hold")
    if b"\\u" in line:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise Garbage("text with half a character in it") from error
    return found


class Lines:
    """Bytes as they come in, given out as whole lines."""

    def __init__(self, longest_bytes: int = LINE_MAX_BYTES) -> None:
        self._longest_bytes = longest_bytes
        self._bytes = bytearray()
        self._searched = 0

    def feed(self, found: bytes) -> Iterator[bytes]:
        """Take what came; give the lines that are whole now, without their ends.

        Raises:
            Garbage: A line is longer than may be.
        """
        self._bytes += found
        while (end := self._bytes.find(b"\n", self._searched)) >= 0:
            if end > self._longest_bytes:
                break
            line = bytes(self._bytes[:end])
            del self._bytes[: end + 1]
            self._searched = 0
            yield line
        self._searched = len(self._bytes)
        if self._searched > self._longest_bytes:
            raise Garbage(f"a line longer than {self._longest_bytes} bytes")


def _dumps(line: Any) -> str:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _int(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise Garbage(f"the number {text[:20]}…, which no disk and no clock has room for")
    return value


def _deeper_than(value: object, depth: int) -> bool:
    # Level by level, not by recursion: it must not itself be too deep.
    level = [value]
    for _ in range(depth):
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        if not inner:
            return False
        level = inner
    return any(isinstance(each, dict | list) for each in level)


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
