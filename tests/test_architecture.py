"""The house stands as drawn: style, types, floors and doors, each a test that can fail."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# What the session's rules may lean on. Everything else in the world stays outside.
SESSION_MAY_IMPORT = {
    *("__future__", "bisect", "collections", "copy", "dataclasses", "decimal", "difflib"),
    *("enum", "fractions", "functools", "hashlib", "itertools", "json", "math", "operator"),
    *("re", "statistics", "string", "types", "typing"),
    *("kaproom", "numpy", "pydantic", "pydantic_core"),
}
# Each costs the player a good part of the three seconds that the ring lasts, or more memory
# than the player has.
HEAVY = {"matplotlib", "paho", "pydantic", "pygame", "rich", "scipy", "sqlite3", "typer", "yaml"}


def said(*command: str) -> str:
    """What a tool found; empty when it was content."""
    tool = subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return "" if tool.returncode == 0 else f"{tool.stdout}\n{tool.stderr}"


def test_the_code_reads_as_agreed() -> None:
    findings = said(sys.executable, "-m", "ruff", "check", "--output-format=concise")
    assert not findings, findings


@pytest.mark.timeout(600)
def test_types_hold() -> None:
    findings = said(sys.executable, "-m", "mypy", "--no-error-summary")
    assert not findings, findings


def test_imports_point_down_and_each_outside_thing_has_one_door() -> None:
    main = "from importlinter.cli import lint_imports_command as main; main()"
    findings = said(sys.executable, "-c", main, "--no-cache")
    assert not findings, findings


def test_the_session_leans_on_nothing_but_rules() -> None:
    foreign = []
    for path in sorted((CHECKOUT / "kaproom" / "session").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            foreign += [
                f"{path.name}:{node.lineno} imports {name}"
                for name in names
                if name.split(".")[0] not in SESSION_MAY_IMPORT
            ]
    assert foreign == []


@pytest.mark.parametrize("module", ["kaproom.audio.player", "kaproom.audio.output"])
def test_player_and_output_load_no_heavy_library_even_through_another(module: str) -> None:
    look = f"import {module}, sys; print(*sorted(set({sorted(HEAVY)!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize("script", ["setup.sh", ".ci/run"])
def test_the_shell_scripts_are_portable(script: str) -> None:
    assert not said("sh", "-n", script)
    if shutil.which("shellcheck"):
        findings = said("shellcheck", script)
        assert not findings, findings
