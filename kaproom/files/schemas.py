"""JSON Schemas of the files that people write, so that an editor completes and checks.

They are made from the models that read the files, never by hand:
``python -m kaproom.files.schemas`` in a checkout writes them anew, and a test fails when they
are not current.
"""

import json
import sys
from pathlib import Path
from typing import Any

from kaproom.places import shipped
from kaproom.session.model import Written
from kaproom.session.playlist import Playlist
from kaproom.session.profile import Profile
from kaproom.session.roomfile import RoomFile


def schema(model: type[Written]) -> str:
    """The schema of one kind of file, as JSON text."""
    made: dict[str, Any] = model.model_json_schema(mode="validation")
    made["required"] = ["kaproom", *(key for key in made.get("required", []) if key != "kaproom")]
    written = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(made)}
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def shipped_schemas() -> dict[Path, str]:
    """Each shipped schema: where it belongs, and its text."""
    return {
        shipped("profile") / "profile.schema.json": schema(Profile),
        shipped("profile") / "room.schema.json": schema(RoomFile),
        shipped("playlist") / "playlist.schema.json": schema(Playlist),
    }


def _tidy(part: Any) -> Any:
    """The same for an editor: descriptions on one line, no titles made from the keys."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    tidy = {}
    for key, value in part.items():
        if isinstance(value, str):
            if key != "title":
                tidy[key] = " ".join(value.split()) if key == "description" else value
        else:
            tidy[key] = value if key == "default" else _tidy(value)
    return tidy


def main() -> None:
    """Write the schemas where they are shipped from."""
    for path, text in shipped_schemas().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
