"""What is installed: complete as a wheel and as an editable installation, found from anywhere.

No network: both are built by the backend that is here, and installed beside the libraries
of the environment that runs the tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from imports import imports

CHECKOUT = Path(__file__).resolve().parent.parent
SHIPPED = {
    kind: {p.name for p in (CHECKOUT / f"{kind}s").iterdir()} for kind in ("profile", "playlist")
}

# What an installed kaproom says of itself, from whatever folder it is asked.
ASK = """
import json, kaproom
from kaproom import installation, places
from kaproom.files import load_profile
from kaproom.session.roomfile import RoomFile
print(json.dumps({
    "package": kaproom.__file__,
    "profile": sorted(p.name for p in places.shipped("profile").iterdir()),
    "playlist": sorted(p.name for p in places.shipped("playlist").iterdir()),
    "profiles": str(places.shipped("profile")),
    "demo": str(places.find("profile", "demo-3min", RoomFile())),
    "loaded": str(load_profile("demo-3min", RoomFile()).profile_path),
    "unit": installation.unit("kaproom-player.service", "kaproom", 997),
}))
"""


def _run(*command: str, cwd: Path = CHECKOUT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _build(kind: str, into: Path) -> Path:
    """Have the build backend make a wheel, as pip would; ``kind`` is wheel or editable."""
    build = f"import sys, hatchling.build as b; print(b.build_{kind}(sys.argv[1]))"
    return into / _run(sys.executable, "-c", build, str(into)).split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A new environment with kaproom in it, in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp(f"as {request.param}")
    built = _build(request.param, folder)
    env = folder / "env"
    _run(sys.executable, "-m", "venv", "--without-pip", str(env))
    python = env / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", str(python))
    _run(*pip, "install", "-q", "--no-index", "--no-deps", str(built))
    # Our own libraries, but no .pth file of ours: the kaproom that is tested here is the
    # one that was just installed.
    libraries = next(env.glob("lib/python*/site-packages")) / "libraries.pth"
    libraries.write_text(sysconfig.get_path("purelib") + "\n")
    return request.param, python


def _asked(python: Path, folder: Path) -> dict[str, Any]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KAPROOM", "XDG"))}
    said = _run(str(python), "-c", ASK, cwd=folder, env={**bare, "HOME": str(home)})
    answer: dict[str, Any] = json.loads(said)
    return answer


def test_shipped_files_are_found_from_any_folder(
    installed: tuple[str, Path], tmp_path: Path
) -> None:
    kind, python = installed
    answer = _asked(python, tmp_path)
    for what, names in SHIPPED.items():
        assert set(answer[what]) == names
    assert answer["loaded"] == answer["demo"]
    inside = Path(answer["demo"]).is_relative_to(CHECKOUT)
    assert inside == (kind == "editable"), "an edit of the checkout must count, a wheel stand alone"
    assert Path(answer["package"]).is_relative_to(CHECKOUT) == (kind == "editable")


def test_schemas_are_shipped_beside_what_they_describe(
    installed: tuple[str, Path], tmp_path: Path
) -> None:
    folder = Path(_asked(installed[1], tmp_path)["profiles"])
    for name in ("profile.schema.json", "room.schema.json"):
        assert json.loads((folder / name).read_text())["$schema"]


def test_the_sheets_pages_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    pages = CHECKOUT / "kaproom" / "report" / "pages"
    assert {f"kaproom/report/pages/{page.name}" for page in pages.iterdir()} <= names


def test_units_are_written_for_the_python_that_is_installed(
    installed: tuple[str, Path], tmp_path: Path
) -> None:
    _, python = installed
    command = f'ExecStart="{python}" -m kaproom.installation.play'
    assert command in _asked(python, tmp_path)["unit"].splitlines()


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel: Path) -> None:
    here = {
        str(p.relative_to(CHECKOUT))
        for p in (CHECKOUT / "kaproom").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    shipped = {f"kaproom/shipped/{k}s/{n}" for k, names_ in SHIPPED.items() for n in names_}
    assert names == here | shipped


def test_the_command_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "kaproom = kaproom.cli:main" in archive.read(name).decode()


def test_every_library_has_a_lower_bound() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"].values()
    wanted = {*project["dependencies"], *(w for group in optional for w in group)}
    assert [w for w in wanted if ">=" not in w and not w.startswith("kaproom[")] == []


def test_every_library_that_is_imported_is_one_that_gets_installed() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["broker"] + extras["clinic"]
    declared = {re.split(r"[^\w.-]", name)[0].lower() for name in wanted}
    declared |= {"kaproom", "pydantic-core"}  # pydantic cannot come without its core
    comes_from = packages_distributions()
    undeclared = set()
    for path in (CHECKOUT / "kaproom").rglob("*.py"):
        names = {name.split(".")[0] for _, name in imports(path)}
        for name in names - sys.stdlib_module_names:
            brought_by = {d.lower().replace("_", "-") for d in comes_from.get(name, [name])}
            if not brought_by & declared:
                undeclared.add(f"{path.relative_to(CHECKOUT)} imports {name}")
    assert undeclared == set()
