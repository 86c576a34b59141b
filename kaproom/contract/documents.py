"""The contract as documents: a JSON Schema for each payload, and AsyncAPI 3 for the topics.

They are made from the models that build the payloads, never by hand:
``python -m kaproom.contract.documents`` in a checkout writes them anew, and a test fails
when they are not current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kaproom.contract import payload as p
from kaproom.contract.topics import EVENT_KINDS, ROOT

FOLDER = Path(__file__).resolve().parent / "schemas"
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_EVENTS: dict[str, type[p.AnyEvent]] = {
    "phase": p.PhaseEvent,
    "infusion": p.InfusionEvent,
    "note": p.NoteEvent,
    "audio": p.AudioEvent,
    "attention": p.AttentionEvent,
}

# Each message: its model, topic, who sends it, whether it is retained, and what it is.
_Message = tuple[type[BaseModel], str, str, bool, str]
_MESSAGES: dict[str, _Message] = {
    "state": (p.State, "{site}/{room}/state", "room", True, "The whole room in one message"),
    "availability": (
        p.Availability,
        "{site}/{room}/availability",
        "room",
        True,
        "Whether the room's daemon is there; its last will is `offline`",
    ),
    "meta": (p.Meta, "{site}/{room}/meta", "room", True, "What the room is, for people"),
    **{
        f"event-{kind}": (
            _EVENTS[kind],
            f"{{site}}/{{room}}/event/{kind}",
            "room",
            False,
            f"A numbered event: {kind}",
        )
        for kind in EVENT_KINDS
    },
    "attention": (
        p.Attention,
        "{site}/{room}/attention/{code}",
        "room",
        True,
        "A matter that is open; cleared by an empty payload",
    ),
    "replay-request": (
        p.ReplayRequest,
        "{site}/{room}/replay/req",
        "subscriber",
        False,
        "A subscriber asks for events again",
    ),
    "station": (
        p.StationSnapshot,
        "{site}/station/{station}",
        "station",
        True,
        "What a nurse station shows, and what was taken note of there",
    ),
}
_PARAMETERS = {
    "site": "The clinic's alias.",
    "room": "The room's alias; never `station`.",
    "code": "What is open: " + ", ".join(p.Code) + ".",
    "station": "The station's id.",
}


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of one payload."""
    made = model.model_json_schema(mode="serialization", by_alias=True)
    tidied: dict[str, Any] = _tidy(made)
    return {"$schema": _DRAFT, **tidied}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document: every topic, who sends there, and the schema of what it is."""
    channels, operations, messages = {}, {}, {}
    for name, (model, topic, sender, retained, told) in _MESSAGES.items():
        plain = name == "availability"
        messages[name] = {
            "name": name,
            "summary": told,
            "contentType": "text/plain" if plain else "application/json",
            "payload": _inside(schema(model), name),
            "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
        }
        holders = [word for word in _PARAMETERS if f"{{{word}}}" in topic]
        channels[name] = {
            "address": f"{ROOT}/{topic}",
            "title": told,
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": {word: {"description": _PARAMETERS[word]} for word in holders},
        }
        operations[f"{sender}-sends-{name}"] = {
            # The document speaks for the room: it sends its own, and hears two topics.
            "action": "send" if sender == "room" else "receive",
            "channel": {"$ref": f"#/channels/{name}"},
            "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
            "summary": told,
            "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "kaproom on MQTT",
            "version": "1.0.0",
            "license": {"name": "MIT"},
            "description": (
                "The state of ketamine-assisted psychotherapy rooms, for whoever may know it. "
                "There are no commands over MQTT, and nothing here identifies a patient. "
                "Works on MQTT 3.1.1; the expiry of MQTT 5 is an extra. (boot, seq) orders the "
                "messages of a topic; staleness is judged by arrival on the subscriber's own "
                "monotonic clock."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "broker": {
                "host": "broker.example:8883",
                "protocol": "secure-mqtt",
                "description": "The clinic's own broker.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def documents() -> dict[Path, str]:
    """Each shipped document: where it belongs, and its text."""
    made = {FOLDER / f"{name}.schema.json": schema(of[0]) for name, of in _MESSAGES.items()}
    made[FOLDER / "asyncapi.json"] = asyncapi()
    return {
        path: json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        for path, document in made.items()
    }


def _tidy(part: Any) -> Any:
    """Descriptions on one line, no titles made from the keys."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    tidied = {}
    for key, value in part.items():
        if isinstance(value, str):
            if key != "title":
                tidied[key] = " ".join(value.split()) if key == "description" else value
        else:
            tidied[key] = value if key == "default" else _tidy(value)
    return tidied


def _inside(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A schema within the AsyncAPI document: its references start at the document's root."""
    root = f"#/components/messages/{name}/payload/$defs/"
    text = json.dumps({key: value for key, value in document.items() if key != "$schema"})
    inner: dict[str, Any] = json.loads(text.replace('"#/$defs/', f'"{root}'))
    return inner


def main() -> None:
    """Write the documents where they are shipped from."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
