"""The house stands as drawn: style, types, floors and doors, each a test that can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from imports import imports

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


def content(*command: str) -> None:
    """Fail with what a tool found, and with nothing else."""
    tool = subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    if tool.returncode:
        found = tool.stdout.partition("Broken contracts\n")[2] or tool.stdout
        pytest.fail(f"{found}\n{tool.stderr}".strip(), pytrace=False)


def test_the_code_reads_as_agreed() -> None:
    content(sys.executable, "-m", "ruff", "check", "--output-format=concise")


@pytest.mark.timeout(600)
def test_types_hold() -> None:
    content(sys.executable, "-m", "mypy", "--no-error-summary")


def test_imports_point_down_and_each_outside_thing_has_one_door() -> None:
    main = "from importlinter.cli import lint_imports_command as main; main()"
    content(sys.executable, "-c", main, "--no-cache")


def test_the_session_leans_on_nothing_but_rules() -> None:
    foreign = []
    for path in sorted((CHECKOUT / "kaproom" / "session").rglob("*.py")):
        foreign += [
            f"{path.name}:{line} imports {name}"
            for line, name in imports(path)
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
    content("sh", "-n", script)
    if shutil.which("shellcheck"):
        content("shellcheck", script)
