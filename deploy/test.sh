#!/usr/bin/env bash
# Checks everything: style, types, import rules, tests. From a bare clone; needs Python 3.11 to 3.13 and git.
#
#   deploy/test.sh [--fast] [-- PYTEST-ARGUMENT...]
#
# --fast: no system packages, no slow tests, under a minute.
# Exit code: 0 all is well, 1 something failed, 2 wrong usage, 3 the machine lacks something.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/environment.sh"
cd "$ROOT" || exit 3

# What the tests marked "system" drive: foreign SOAP stacks, a reverse proxy, a load generator.
SYSTEM_PACKAGES=(php-cli php-soap gsoap libgsoap-dev g++ make nginx wrk)

fast=no
while [ $# -gt 0 ]; do
    case "$1" in
    --fast) fast=yes ;;
    --) shift && break ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) complain "知らない引数 / unknown argument: $1" && exit 2 ;;
    esac
    shift
done

selection=()
[ "$fast" = yes ] && selection=(-m "not slow and not system")

ensure_python_environment --dev || exit
export PATH="$VENV/bin:$PATH"
if [ "$fast" = no ]; then
    ensure_system_packages "${SYSTEM_PACKAGES[@]}" || say "対象の検査は省かれます / the tests that need them are left out"
fi

failed=()
check() {
    local name=$1 output started=$SECONDS
    shift
    if output=$("$@" 2>&1 </dev/null); then
        say "$name: 合格 / passed ($((SECONDS - started)) s)"
    else
        failed+=("$name")
        printf '%s\n' "$output"
        complain "$name: 不合格 / failed"
    fi
}

check "ruff check" ruff check --quiet .
check "ruff format" ruff format --check --quiet .
check "mypy --strict" mypy --strict
check "import-linter" lint-imports --no-logo
[ ${#failed[@]} -gt 0 ] && complain "ここまでの不合格 / failed so far: ${failed[*]}"

pytest -n 2 ${selection[@]+"${selection[@]}"} "$@" </dev/null
code=$?
[ "$code" -eq 5 ] && code=0 # no test collected
[ "$code" -eq 0 ] && [ ${#failed[@]} -gt 0 ] && code=1
exit "$code"
