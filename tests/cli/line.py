"""The command line in a room of its own, typed in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kaproom.cli import main
from kaproom.cli.asking import HERE


class Line:
    """`kaproom plan`, typed in a folder that is the room's."""

    def __init__(self, folder: Path, monkeypatch: Any, capsys: Any) -> None:
        self.folder = folder
        self._patch, self._capture = monkeypatch, capsys
        (folder / "room.yaml").write_text(f"kaproom: room/1\ndata: {json.dumps(str(folder))}\n")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(HERE, "room_file", None)

    def plan(self, *words: str) -> tuple[int, str, str]:
        """Exit status, what was printed, what was told as an error."""
        room = str(self.folder / "room.yaml")
        self._patch.setattr(sys, "argv", ["kaproom", "--room", room, "plan", *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = self._capture.readouterr()
        return int(left.value.code or 0), said.out, said.err

    def plans_nothing(self, *words: str, told: str) -> None:
        """Typed so it is a mistake, which is told in one line with this in it."""
        status, out, err = self.plan(*words)
        assert (status, out) == (2, "")
        assert told in err
        assert err.count("\n") == 1
