"""setup.sh on machines that lack something, with stand-ins for apt, sudo and Python."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

# What every Debian has, and setup.sh may use.
ESSENTIAL = (
    *(
        "sh",
        "cat",
        "chmod",
        "cksum",
        "cp",
        "dirname",
        "env",
        "grep",
        "head",
        "ls",
        "mkdir",
        "mktemp",
        "rm",
    ),
    *("sed", "tail", "touch", "true"),
)

# A Python as far as setup.sh talks to one: it makes environments, and its pip "installs" a
# kaproom that says how it was called.
PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case $1 in
-c)
    case $2 in
    *version_info*) [ -z "${TOO_OLD:-}" ] || exit 1; echo "$0" ;;
    *ensurepip*) [ -z "${NO_VENV:-}" ] || [ -e "$MACHINE/python3-venv" ] ;;
    *python_version*) echo "3.11.2 x86_64" ;;
    esac ;;
-m)
    case "$2 $3" in
    "venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; : >"$3/pyvenv.cfg" ;;
    "pip --version") exit 1 ;;
    "pip install")
        [ -z "${OFFLINE:-}" ] || { echo "NewConnectionError: no route"; exit 1; }
        bin=$(dirname "$0")
        printf '#!/bin/sh\\necho "kaproom $*"\\n' >"$bin/kaproom"; chmod +x "$bin/kaproom" ;;
    pytest*) echo "pytest in $PWD: $*" ;;
    esac ;;
--version) echo "Python 3.9.2" ;;
esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >>"$LOG"
case "$*" in
*" update") : >"$MACHINE/updated" ;;
*)
    [ -e "$MACHINE/updated" ] || { echo "E: Unable to locate package"; exit 100; }
    for word; do case $word in [a-z]*[0-9a-z]) : >"$MACHINE/$word" ;; esac; done ;;
esac
"""
DPKG = """#!/bin/sh
for word; do :; done
if [ -e "$MACHINE/$word" ]; then echo "install ok installed"; else exit 1; fi
"""
SUDO = """#!/bin/sh
echo "sudo $*" >>"$LOG"
[ -z "${SUDO_ASKS:-}" ] || exit 1
[ "$1" != -n ] || shift
exec "$@"
"""
ID = """#!/bin/sh
echo "${UID_HERE:-0}"
"""


@dataclass
class Machine:
    """A machine of which only what is named is there."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bin = self.folder / "bin"
        self.checkout = self.folder / "kap room"
        self.state = self.folder / "state"
        for made in (self.bin, self.checkout, self.state):
            made.mkdir()
        for name in ESSENTIAL:
            found = shutil.which(name)
            assert found, name
            (self.bin / name).symlink_to(found)
        # python3 is found by that name only, or the machine that runs the tests would be.
        script = (CHECKOUT / "setup.sh").read_text(encoding="utf-8")
        (self.checkout / "setup.sh").write_text(
            script.replace("python3 /usr/bin/python3", "python3")
        )
        (self.checkout / "setup.sh").chmod(0o755)
        shutil.copy(CHECKOUT / "pyproject.toml", self.checkout)
        self.has("python3", PYTHON)
        self.has("apt-get", APT)
        self.has("dpkg-query", DPKG)
        self.has("id", ID)

    def has(self, name: str, program: str) -> None:
        (self.bin / name).write_text(program)
        (self.bin / name).chmod(0o755)

    def lacks(self, name: str) -> None:
        (self.bin / name).unlink()

    def setup(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.checkout / "setup.sh", *arguments],
            cwd=self.folder,
            env={
                "PATH": str(self.bin),
                "LOG": str(self.folder / "log"),
                "MACHINE": str(self.state),
                "TMPDIR": str(self.folder),
                **env,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def log(self) -> list[str]:
        lines = (self.folder / "log").read_text().splitlines()
        (self.folder / "log").unlink()
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_demo_gets_what_it_lacks_and_its_arguments(machine: Machine) -> None:
    done = machine.setup("demo", "--data", "two words")
    assert (done.returncode, done.stdout) == (0, "kaproom demo --data two words\n")
    assert done.stderr.splitlines() == [
        "kaproom: installing libportaudio2 libasound2-plugins",
        f"kaproom: installing kaproom and its libraries into {machine.checkout}/.venv",
    ]
    installs = [line for line in machine.log() if line.startswith("apt-get") and "install" in line]
    assert installs[-1].endswith("libportaudio2 libasound2-plugins")
    assert all("--no-remove" in line for line in installs)


def test_a_second_run_installs_nothing_and_says_nothing(machine: Machine) -> None:
    machine.setup("demo")
    machine.log()
    done = machine.setup("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert not [line for line in machine.log() if "install" in line]


def test_a_changed_pyproject_installs_again(machine: Machine) -> None:
    machine.setup("demo")
    (machine.checkout / "pyproject.toml").write_text("[project]\n")
    machine.log()
    machine.setup("demo")
    log = machine.log()
    assert any("pip install" in line for line in log)
    assert not any("-m venv" in line for line in log)


def test_a_checkout_that_moved_gets_a_new_environment(machine: Machine) -> None:
    machine.setup("demo")
    machine.log()
    moved = machine.folder / "elsewhere"
    machine.checkout.rename(moved)
    machine.checkout = moved
    assert machine.setup("demo").returncode == 0
    assert any("-m venv" in line for line in machine.log())


def test_the_tests_have_an_environment_of_their_own_and_run_in_the_checkout(
    machine: Machine,
) -> None:
    done = machine.setup("test", "-k", "one")
    assert done.stdout == f"pytest in {machine.checkout}: -m pytest -n 2 --dist loadfile -k one\n"
    assert (machine.checkout / ".venv-test").is_dir()
    assert not (machine.checkout / ".venv").exists()
    assert (machine.state / "pulseaudio").exists()


def test_what_apt_may_not_install_is_said_in_one_line_and_the_demo_goes_on(
    machine: Machine,
) -> None:
    done = machine.setup("demo", UID_HERE="1000")
    assert done.stderr.splitlines()[0] == (
        "kaproom: cannot install libportaudio2 libasound2-plugins (not root, and there is no"
        " sudo); as root: apt-get install libportaudio2 libasound2-plugins"
    )
    assert (done.returncode, done.stdout) == (0, "kaproom demo\n")


def test_a_sudo_that_asks_is_not_asked_where_nobody_can_answer(machine: Machine) -> None:
    machine.has("sudo", SUDO)
    done = machine.setup("demo", UID_HERE="1000", SUDO_ASKS="1")
    assert "sudo wants a password" in done.stderr.splitlines()[0]
    assert done.returncode == 0
    assert all(line.startswith("sudo -n") for line in machine.log() if line.startswith("sudo"))


def test_a_willing_sudo_is_used(machine: Machine) -> None:
    machine.has("sudo", SUDO)
    assert machine.setup("demo", UID_HERE="1000").returncode == 0
    assert (machine.state / "libportaudio2").exists()


def test_a_python_without_environments_gets_them(machine: Machine) -> None:
    done = machine.setup("demo", NO_VENV="1")
    assert done.returncode == 0
    assert (machine.state / "python3-venv").exists()


def test_a_python_that_cannot_make_environments_is_named_with_the_remedy(
    machine: Machine,
) -> None:
    done = machine.setup("demo", NO_VENV="1", UID_HERE="1000")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("as root: apt-get install python3-venv")


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    done = machine.setup("demo", TOO_OLD="1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "kaproom: Python 3.11 or newer is needed, as Debian 12 and Ubuntu 24.04 bring it;"
        " here is Python 3.9.2"
    )


def test_without_a_network_one_line_says_so_and_the_next_run_tries_again(
    machine: Machine,
) -> None:
    done = machine.setup("demo", OFFLINE="1")
    assert done.returncode == 1
    assert "the package index cannot be reached" in done.stderr.splitlines()[-1]
    assert machine.setup("demo").returncode == 0


def test_a_folder_that_is_no_environment_is_left_alone(machine: Machine) -> None:
    (machine.checkout / ".venv").mkdir()
    theirs = machine.checkout / ".venv" / "thesis.txt"
    theirs.write_text("years of work")
    done = machine.setup("demo")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("is not a Python environment; move it away")
    assert theirs.exists()


def test_an_unknown_word_shows_what_there_is(machine: Machine) -> None:
    done = machine.setup("dmeo")
    assert done.returncode == 2
    assert [line.split("setup.sh ")[1].split()[0] for line in done.stderr.splitlines()] == [
        "demo",
        "test",
        "install",
    ]


def test_it_leaves_no_files_behind(machine: Machine) -> None:
    machine.setup("demo")
    assert not list(machine.folder.glob("kaproom-setup*"))


def test_the_environment_of_whoever_calls_is_not_changed(machine: Machine) -> None:
    machine.has("python3", PYTHON.replace('"kaproom $*"', '"$DEBIAN_FRONTEND"'))
    assert machine.setup("demo", DEBIAN_FRONTEND="dialog").stdout.strip() == "dialog"
