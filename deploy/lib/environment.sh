# Environment of chiikibus: the Python environment and the system packages. Sourced, never run.
#
# Functions: say, complain, ensure_python_environment [--dev | --postgresql], ensure_system_packages PACKAGE..., ensure_node_packages.
# Exit code 3 (environment) stands for something this machine lacks and this script may not install.
# After ensure_python_environment the variable PYTHON names the interpreter of .venv.
# CHIIKIBUS_PYTHON chooses another base interpreter.

# Many short processes start here: what one of them has compiled the next one reads.
unset PYTHONDONTWRITEBYTECODE

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"
LOCK="$ROOT/requirements.lock"
EXIT_ENVIRONMENT=3
POLICY_RC_D=${POLICY_RC_D:-/usr/sbin/policy-rc.d}

say() { printf '・ %s\n' "$*"; }

complain() { printf '✗ %s\n' "$*" >&2; }

_may_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

_as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Debian starts the service of a package it installs; nothing here may open a port on its own.
_without_services() {
    local ours=no code=0
    if [ ! -e "$POLICY_RC_D" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | _as_root tee "$POLICY_RC_D" >/dev/null
        _as_root chmod 755 "$POLICY_RC_D"
    fi
    "$@" || code=$?
    if [ "$ours" = yes ]; then _as_root rm -f "$POLICY_RC_D"; fi
    return "$code"
}

_apt() {
    _as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        -o APT::Install-Recommends=false "$@" </dev/null >"$APT_LOG" 2>&1
}

_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Installs what is missing. Returns 3, having said what is missing, where that is not possible.
ensure_system_packages() {
    local package missing=()
    for package in "$@"; do
        _installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! _may_install; then
        complain "不足しているパッケージ / missing packages: ${missing[*]}"
        complain "管理者として導入してください / install as administrator: apt-get install ${missing[*]}"
        return "$EXIT_ENVIRONMENT"
    fi
    say "パッケージを導入します / installing: ${missing[*]}"
    APT_LOG=$(mktemp)
    if _without_services _apt install "${missing[@]}" ||
        { _apt update && _without_services _apt install "${missing[@]}"; }; then
        rm -f "$APT_LOG"
        return 0
    fi
    complain "導入できませんでした / could not install: ${missing[*]}"
    tail -n 5 "$APT_LOG" >&2
    rm -f "$APT_LOG"
    return "$EXIT_ENVIRONMENT"
}

# node-soap for the interoperability tests, exactly as locked, into a folder that git ignores; its scripts do not run.
ensure_node_packages() {
    local source="$ROOT/tests/interop/programs/node" cache="$ROOT/.cache/node-soap" wanted programs=()
    command -v node >/dev/null 2>&1 || programs+=(nodejs)
    command -v npm >/dev/null 2>&1 || programs+=(npm)
    if [ ${#programs[@]} -gt 0 ]; then
        ensure_system_packages "${programs[@]}" || return
    fi
    wanted=$(cat "$source/package.json" "$source/package-lock.json" | sha256sum)
    [ -f "$cache/.stamp" ] && [ "$(cat "$cache/.stamp")" = "$wanted" ] && return 0
    say "node-soap を導入します / installing node-soap"
    mkdir -p "$cache" && cp "$source/package.json" "$source/package-lock.json" "$cache/" || return
    if (cd "$cache" && npm ci --silent --ignore-scripts --no-audit --no-fund </dev/null); then
        printf '%s' "$wanted" >"$cache/.stamp"
        return 0
    fi
    complain "node-soap を導入できませんでした / could not install node-soap: (cd $cache && npm ci)"
    return "$EXIT_ENVIRONMENT"
}

_usable_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

_find_python() {
    local candidate
    for candidate in "${CHIIKIBUS_PYTHON:-}" python3 python3.11 python3.12 python3.13 python; do
        if [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 && _usable_python "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

_ensure_base_python() {
    BASE_PYTHON=$(_find_python) && return 0
    if _may_install && ensure_system_packages python3; then
        BASE_PYTHON=$(_find_python) && return 0
    fi
    complain "Python 3.11〜3.13 が見つかりません / Python 3.11 to 3.13 is needed and was not found"
    return "$EXIT_ENVIRONMENT"
}

_create_venv() {
    if ! "$BASE_PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        local version
        version=$("$BASE_PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        ensure_system_packages "python$version-venv" || return
    fi
    rm -rf "$VENV"
    "$BASE_PYTHON" -m venv "$VENV"
}

# The stamp covers everything an installation depends on; a moved clone has another path, so it is made anew.
_stamp() {
    { printf '%s %s\n' "$1" "$VENV"; "$PYTHON" -V; cat "$LOCK" "$ROOT/setup.cfg" "$ROOT/pyproject.toml"; } |
        sha256sum | cut -d ' ' -f 1
}

_venv_works() {
    [ -x "$PYTHON" ] && _usable_python "$PYTHON" && "$PYTHON" -c 'import pip' >/dev/null 2>&1 &&
        { [ ! -f "$VENV/.made-at" ] || [ "$(cat "$VENV/.made-at")" = "$VENV" ]; }
}

_pip() {
    "$PYTHON" -m pip install -qq --disable-pip-version-check --no-input \
        --constraint "$LOCK" "$@" </dev/null
}

# Makes .venv with the pinned closure of requirements.lock; with --dev also the tools of development and test, with
# --postgresql the parts for a journal there.
ensure_python_environment() {
    local kind=run target="$ROOT" file
    case "${1:-}" in
    --dev | --postgresql) kind=${1#--} target="$ROOT[${1#--}]" ;;
    esac
    if ! _venv_works; then
        _ensure_base_python || return
        say "Python 環境を作ります / making .venv with $("$BASE_PYTHON" -V)"
        _create_venv || return
    fi
    for file in .stamp-dev ".stamp-$kind"; do
        if [ -f "$VENV/$file" ] && [ "$(cat "$VENV/$file")" = "$(_stamp "${file#.stamp-}")" ]; then
            return 0
        fi
    done
    say "依存ライブラリーを導入します / installing pinned dependencies"
    # setuptools first: the project itself is then built with the pinned one instead of a fetched one.
    if ! { _pip setuptools && _pip --no-build-isolation --editable "$target"; }; then
        complain "依存ライブラリーを導入できませんでした / could not install the dependencies (see pip's message above)"
        return "$EXIT_ENVIRONMENT"
    fi
    printf '%s' "$VENV" >"$VENV/.made-at"
    _stamp "$kind" >"$VENV/.stamp-$kind"
}
