"""The shipped documents: current, valid, and a dashboard's author can follow the page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from bus import Peer
from jsonschema import Draft202012Validator
from onair import OnAir

from kaproom.contract import documents
from kaproom.room.broker import _program, start_broker
from kaproom.session import events as e

README = documents.FOLDER.parent / "README.md"
LINES = re.findall(r"```sh\n(.+?)\n```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_shipped_documents_are_the_models_own() -> None:
    made = documents.documents()
    assert {path: path.read_text(encoding="utf-8") for path in made} == made
    assert set(documents.FOLDER.iterdir()) == set(made)


@pytest.mark.parametrize(
    "path", sorted(documents.FOLDER.glob("*.schema.json")), ids=lambda path: path.stem
)
def test_every_schema_is_one(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_the_asyncapi_document_refers_to_nothing_that_is_not_in_it() -> None:
    document = json.loads((documents.FOLDER / "asyncapi.json").read_text(encoding="utf-8"))

    def references(part: object) -> list[str]:
        if isinstance(part, dict):
            here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return here + [ref for value in part.values() for ref in references(value)]
        return [r for item in part for r in references(item)] if isinstance(part, list) else []

    found = references(document)
    assert len(found) > 30
    for reference in found:
        at = document
        for word in reference.removeprefix("#/").split("/"):
            at = at[word]
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert "kaproom/1/{site}/{room}/state" in addresses
    for channel in document["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])


PARSE = """
const { Parser } = require("@asyncapi/parser");
const text = require("fs").readFileSync(process.argv[1], "utf8");
new Parser().parse(text).then(({ document, diagnostics }) => {
  const found = diagnostics
    .filter((d) => d.severity <= 1)
    .map((d) => d.path.join("/") + " " + d.message);
  if (!document) found.push("no document");
  console.log(found.join("\\n"));
  process.exit(found.length ? 1 : 0);
});
"""


def test_asyncapis_own_parser_finds_neither_error_nor_warning() -> None:
    modules = os.environ.get("KAPROOM_NODE_MODULES", "")
    node = shutil.which("node")
    if node is None or not (Path(modules) / "@asyncapi" / "parser").is_dir():
        pytest.skip("set KAPROOM_NODE_MODULES to where @asyncapi/parser is installed")
    done = subprocess.run(
        [node, "-e", PARSE, str(documents.FOLDER / "asyncapi.json")],
        env={**os.environ, "NODE_PATH": modules},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


@pytest.mark.skipif(
    _program("mosquitto") is None or shutil.which("mosquitto_sub") is None, reason="no mosquitto"
)
def test_the_lines_of_the_page_work(tmp_path: Path) -> None:
    assert [line.split()[0] for line in LINES] == ["mosquitto_sub"] * 3 + ["mosquitto_pub"]
    with start_broker(tmp_path, ("mosquitto",)) as broker:
        room = OnAir(tmp_path / "data", broker.url)
        environment = {
            **os.environ,
            **{"HOST": "127.0.0.1", "PORT": str(broker.port), "SITE": "test", "ROOM": "one"},
        }
        try:
            room.begin()
            room.do(e.Noted, "tears", "")
            with Peer(broker.port) as ear:
                ear.subscribe("kaproom/1/test/one/state")
                ear.wait_for_topic("kaproom/1/test/one/state")
            wanted = ("/state {", "/availability online", "/event/")
            listening = [
                subprocess.Popen(
                    ["sh", "-c", f"exec {line} -C 1 -W 10"],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for line in LINES[:3]
            ]
            states, there, happened = listening
            assert wanted[0] in states.communicate(timeout=15)[0]
            assert wanted[1] in there.communicate(timeout=15)[0]
            while happened.poll() is None:  # whether it listens yet cannot be seen from outside
                subprocess.run(["sh", "-c", LINES[3]], env=environment, check=True)
            assert wanted[2] in happened.communicate(timeout=15)[0]
        finally:
            room.stop()
