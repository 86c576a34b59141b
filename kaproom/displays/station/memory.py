"""What a station remembers from one start to the next: rooms, their history, signatures.

A file of lines that is only added to, and written anew at each start without what is older
than twelve hours. A line that cannot be read is passed over: it is a memory, not a record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kaproom.contract.payload import YEAR_MAX, Acknowledged
from kaproom.displays.station.history import Happening
from kaproom.displays.station.matters import Desk, Mark, Signature
from kaproom.displays.station.ward import KEPT_H, Key, Ward
from kaproom.places import legible

SEEN_EVERY = timedelta(minutes=5)
_ADDED_MAX = 100_000
"""So many lines more, and the file is written anew; 200 rooms write some 60,000 on a busy day."""


class Memory:
    """The file.

    Attributes:
        failing: Why it cannot be written, in a line; None when all is well.
    """

    def __init__(self, path: Path, ward: Ward, desk: Desk) -> None:
        self.failing: str | None = None
        self._path = path
        self._ward = ward
        self._desk = desk
        self._added = 0
        self._signed: dict[Mark, Signature] = {}
        self._said: dict[Key, tuple[datetime, str]] = {}

    def recall(self, at: datetime) -> None:
        """Take in what is not older than twelve hours, and begin the file anew."""
        since = at - timedelta(hours=KEPT_H)
        for told in self._read():
            try:
                self._take(told, since)
            except (KeyError, TypeError, ValueError, ValidationError):
                continue
        self._ward.new.clear()
        self._begin(at)

    def keep(self, at: datetime) -> None:
        """Write down what is new."""
        lines = []
        for key, found in self._ward.places.items():
            said = self._said.get(key)
            if found.seen_at is not None and (
                said is None or at - said[0] >= SEEN_EVERY or said[1] != found.name
            ):
                self._said[key] = at, found.name
                lines.append(_seen(self._ward, key))
        lines += [_happened(key, what) for key, what in self._ward.new]
        self._ward.new.clear()
        self._ward.met = False
        for mark, signed in self._desk.signed.items():
            if self._signed.get(mark) is not signed:
                self._signed[mark] = signed
                lines.append(_signed(mark[0], signed))
        if self.failing is not None or self._added + len(lines) > _ADDED_MAX:
            # What could not be written meanwhile, and perhaps half a line, is made good.
            self._begin(at)
        elif lines:
            self._write(lines, "a")

    def _take(self, told: dict[str, Any], since: datetime) -> None:
        site, alias = told["room"]
        if not (isinstance(site, str) and isinstance(alias, str)):
            return
        key = (site, alias)
        at = datetime.fromisoformat(told["at"])
        if at < since or at.year > YEAR_MAX:
            return
        match told["line"]:
            case "seen":
                found = self._ward.know(key, str(told["name"]))
                self._ward.rename(found, str(told["name"]))
                found.seen_at = at
                # What happened meanwhile is asked for.
                found.room.numbers.begin(str(told["series"]), int(told["seq"]))
            case "happened":
                about = {k: str(v) for k, v in told["told"].items()}
                float(about.get("span_s", 0))
                what = Happening(at, str(told["what"]), about)
                if key in self._ward.places:
                    self._ward.places[key].history.append(what)
            case "signed":
                signed = Acknowledged.model_validate_json(json.dumps(told["as"]))
                raised = datetime.fromisoformat(told["since"])
                if raised.tzinfo is not None:
                    self._desk.signed[key, signed.id] = Signature(signed, raised)

    def _begin(self, at: datetime) -> None:
        """The whole file anew, from what is known."""
        lines = []
        for key, found in self._ward.places.items():
            if found.seen_at is not None:
                lines.append(_seen(self._ward, key))
                self._said[key] = at, found.name
            lines += [_happened(key, what) for what in found.history]
        lines += [_signed(mark[0], signed) for mark, signed in self._desk.signed.items()]
        self._signed = dict(self._desk.signed)
        self._write(lines, "w")
        self._added = 0

    def _read(self) -> Iterator[dict[str, Any]]:
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        told = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(told, dict):
                        yield told
        except OSError:
            return

    def _write(self, lines: list[str], how: str) -> None:
        text = "".join(f"{line}\n" for line in lines)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if how == "w":
                beside = self._path.with_suffix(".new")
                with beside.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self._path)
            else:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(text)
        except OSError as error:
            self.failing = legible((error.strerror or str(error)).lower())
            return
        self.failing = None
        self._added += len(lines)


def _seen(ward: Ward, key: Key) -> str:
    found = ward.places[key]
    numbers = found.room.numbers
    assert found.seen_at is not None
    told = {"line": "seen", "room": key, "at": found.seen_at.isoformat(), "name": found.name}
    return json.dumps(told | {"series": numbers.series, "seq": numbers.whole_to})


def _happened(key: Key, what: Happening) -> str:
    told = {"line": "happened", "room": key, "at": what.at.isoformat(), "what": what.what}
    return json.dumps(told | {"told": dict(what.told)})


def _signed(key: Key, signed: Signature) -> str:
    as_told = signed.told.model_dump(mode="json")
    told = {"line": "signed", "room": key, "at": as_told["at"], "as": as_told}
    return json.dumps(told | {"since": signed.since.isoformat()})
