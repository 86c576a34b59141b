#!/bin/sh
# Sets kaproom up on Debian 12, Ubuntu 24.04 or newer, and runs it.
#
#   ./setup.sh demo [ARGUMENT…]            what is missing, then `kaproom demo ARGUMENT…`
#   ./setup.sh test [ARGUMENT…]            what is missing, then every check and test (pytest)
#   sudo ./setup.sh install [ARGUMENT…]    a room PC: /opt/kaproom, then `kaproom install ARGUMENT…`
#
# It installs by apt only what is missing, and goes on without it where it can.
# The demo's environment is .venv, the tests' .venv-test. Both run the checkout
# itself ("editable"): a copy beside the tree could only go stale after a git pull.
# A room PC gets a copy, since nobody's home should be able to change it.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

say() { printf 'kaproom: %s\n' "$*" >&2; }
fail() {
    status=$1
    shift
    say "$*"
    exit "$status"
}

# --- what apt has to bring -----------------------------------------------------------------

has_package() {
    case $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) in
    *' installed') return 0 ;;
    *) return 1 ;;
    esac
}

# The first python3 that is new enough, behind shims and environments; nothing when there is
# none.
find_python() {
    for name in $pythons; do
        "$name" -c '
import os, sys
sys.version_info >= (3, 11) or sys.exit(1)
print(os.path.realpath(sys.executable))' 2>/dev/null && return
    done
    return 0
}

# Whether this python makes environments with pip in them (Debian packs that apart).
makes_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

missing_packages() {
    python=$(find_python)
    if [ -z "$python" ]; then
        command -v python3 >/dev/null 2>&1 || printf 'python3 python3-venv '
    elif ! makes_venvs "$python"; then
        printf 'python3-venv '
    fi
    command -v dpkg-query >/dev/null 2>&1 || return 0
    for package in "$@"; do
        has_package "$package" || printf '%s ' "$package"
    done
}

# How to become root; fails when there is no way. sudo may ask only where somebody can answer.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -z "${CI:-}" ] && [ -t 0 ] && [ -t 2 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

why_no_apt() {
    if ! command -v apt-get >/dev/null 2>&1; then
        printf 'there is no apt-get here'
    elif [ "$(id -u)" = 0 ]; then
        return 1
    elif ! command -v sudo >/dev/null 2>&1; then
        printf 'not root, and there is no sudo'
    elif { [ -n "${CI:-}" ] || ! [ -t 0 ] || ! [ -t 2 ]; } && ! sudo -n true 2>/dev/null; then
        printf 'not root, and sudo wants a password'
    else
        return 1
    fi
}

# --no-remove: on a PipeWire desktop apt would take that away to bring PulseAudio.
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends --no-remove "$@" </dev/null >>"$log" 2>&1
}

apt_update() {
    as_root apt-get -q -o DPkg::Lock::Timeout=120 update </dev/null >>"$log" 2>&1
}

# Installs what is missing of the named packages, or says in one line that it could not.
want_packages() {
    missing=$(missing_packages "$@")
    missing=${missing% }
    [ -n "$missing" ] || return 0
    if why=$(why_no_apt); then
        say "cannot install $missing ($why); as root: apt-get install $missing"
        return 0
    fi
    say "installing $missing"
    # A fresh machine has no package lists, an old one stale ones: both show as a failure.
    # shellcheck disable=SC2086 # one word a package
    if [ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null)" ] && apt_install $missing; then
        return 0
    fi
    # shellcheck disable=SC2086
    if apt_update && apt_install $missing; then
        return 0
    fi
    # shellcheck disable=SC2086
    apt_install $missing && return 0
    say "apt could not install $missing: $(why_failed)"
}

# The line of the log that says most about a failure, and where the others are.
why_failed() {
    printf '%s (all of it: %s)' "$(reason)" "$log"
    touch "$log.keep"
}

reason() {
    if grep -q -E 'NewConnectionError|name resolution|ConnectTimeout' "$log"; then
        printf 'the package index cannot be reached'
        return
    fi
    for telling in 'No space left' '[A-Za-z]Error: ' 'ERROR: ' '^(E:|error)' '[^[:space:]]'; do
        grep -E "$telling" "$log" | tail -n 1 | sed 's/^[[:space:]]*//' | grep . && return
    done
}

# --- the environment -----------------------------------------------------------------------

# What an environment stands on, in one line: with another answer it is made anew.
foundation() {
    version=$("$1" -c 'import platform; print(platform.python_version(), platform.machine())')
    printf '%s %s %s\n' "$1" "$version" "$2"
}

make_venv() {
    rm -rf "$2"
    if makes_venvs "$1"; then
        "$1" -m venv "$2" >>"$log" 2>&1 && return 0
    elif "$1" -m pip --version >/dev/null 2>&1; then
        # Without python3-venv, a system's pip can still fill an environment.
        "$1" -m venv --without-pip "$2" >>"$log" 2>&1 &&
            "$1" -m pip --python "$2/bin/python" install -q pip >>"$log" 2>&1 && return 0
    else
        fail 1 "$1 cannot make an environment; as root: apt-get install python3-venv"
    fi
    fail 1 "cannot make $2: $(why_failed)"
}

# want_venv VENV REQUIREMENT… : an environment with these installed, as pip's arguments say.
want_venv() {
    venv=$1
    shift
    : >"$log"
    python=$(find_python)
    [ -n "$python" ] || fail 1 "Python 3.11 or newer is needed, as Debian 12 and Ubuntu 24.04" \
        "bring it; here is $(python3 --version 2>/dev/null || printf none)"
    stands_on=$(foundation "$python" "$here")
    wanted=$(cksum <"$here/pyproject.toml")
    {
        read -r stood_on
        read -r filled_with
    } 2>/dev/null <"$venv/kaproom-stamp" || stood_on='' filled_with=''
    if [ -e "$venv" ] && ! [ -e "$venv/pyvenv.cfg" ]; then
        fail 2 "$venv is not a Python environment; move it away"
    fi
    if [ "$stood_on" != "$stands_on" ] || ! [ -x "$venv/bin/python" ]; then
        make_venv "$python" "$venv"
    elif [ "$filled_with" = "$wanted" ] && [ -x "$venv/bin/kaproom" ]; then
        return 0
    fi
    say "installing kaproom and its libraries into $venv"
    printf '%s\n\n' "$stands_on" >"$venv/kaproom-stamp"
    "$venv/bin/python" -m pip install -q --no-input --disable-pip-version-check "$@" \
        >>"$log" 2>&1 ||
        fail 1 "pip could not install kaproom's libraries: $(why_failed)"
    printf '%s\n' "$stands_on" "$wanted" >"$venv/kaproom-stamp"
}

# --- the commands --------------------------------------------------------------------------

pythons='python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11'
sound='libportaudio2 libasound2-plugins'
test_tools='pulseaudio pulseaudio-utils mosquitto mosquitto-clients procps xvfb xdotool'

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
demo | test | install) ;;
*)
    sed -n '4,6s/^# \{0,3\}//p' "$here/setup.sh" >&2
    exit 2
    ;;
esac

# What the log says is wanted only when something failed.
forget_log() {
    [ -e "$log.keep" ] || rm -f "$log"
    rm -f "$log.keep"
}

log=$(mktemp "${TMPDIR:-/tmp}/kaproom-setup.XXXXXX")
trap forget_log EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

case $command in
demo)
    # shellcheck disable=SC2086 # one word a package, here and below
    want_packages $sound
    want_venv "$here/.venv" --editable "$here"
    forget_log
    exec "$venv/bin/kaproom" demo "$@"
    ;;
test)
    # shellcheck disable=SC2086
    want_packages $sound $test_tools
    want_venv "$here/.venv-test" --editable "${here}[test]"
    forget_log
    cd "$here"
    # Much of a test is waiting for music to be played, so two at a time take half as long.
    exec "$venv/bin/python" -m pytest -n 2 --dist loadfile "$@"
    ;;
install)
    [ "$(id -u)" = 0 ] || fail 1 "install needs root: sudo ./setup.sh install"
    # shellcheck disable=SC2086
    want_packages $sound
    # The services run as another account, which cannot read a python in somebody's home;
    # and what is installed is this checkout as it is now, whatever was there before.
    pythons="/usr/bin/python3 $pythons"
    umask 022
    mkdir -p /opt/kaproom
    rm -f /opt/kaproom/venv/kaproom-stamp
    want_venv /opt/kaproom/venv "$here"
    forget_log
    exec /opt/kaproom/venv/bin/kaproom install "$@"
    ;;
esac
