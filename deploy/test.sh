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

# What the tests marked "system" drive: foreign SOAP stacks, a reverse proxy, a certificate maker, a load generator,
# an SFTP server, a database, a broker, fonts, what checks the units of systemd, a browser.
SYSTEM_PACKAGES=(nginx strace fonts-ipamj-mincho fonts-morisawa-bizud-mincho openssh-server postgresql rabbitmq-server libwss4j-java libslf4j-java libcommons-logging-java openssl wrk curl tshark systemd php-cli php-soap gsoap libgsoap-dev nlohmann-json3-dev g++ make
    libsoap-lite-perl default-jdk-headless libjaxws-java libgoogle-gson-java chromium chromium-driver fonts-noto-cjk)

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
workers=2
# The quick tests wait for processes and disks, too; but each worker imports everything.
[ "$fast" = yes ] && selection=(-m "not slow and not system") && workers=3

ensure_python_environment --dev || exit
export PATH="$VENV/bin:$PATH"
if [ "$fast" = no ]; then
    left_out="対象の検査は省かれます / the tests that need them are left out"
    ensure_system_packages "${SYSTEM_PACKAGES[@]}" || say "$left_out"
    ensure_node_packages || say "$left_out"
fi

# The checks that read only run beside each other; each tells its result when all before it have told theirs.
failed=() names=() jobs=()
outputs=$(mktemp -d) || exit 3
trap 'kill ${jobs[@]+"${jobs[@]}"} 2>/dev/null; rm -rf "$outputs"' EXIT

begin() {
    names+=("$1")
    shift
    "$@" >"$outputs/${#names[@]}" 2>&1 </dev/null &
    jobs+=($!)
}

results() {
    local index
    for index in "${!names[@]}"; do
        if wait "${jobs[$index]}"; then
            say "${names[$index]}: 合格 / passed"
        else
            failed+=("${names[$index]}")
            cat "$outputs/$((index + 1))"
            complain "${names[$index]}: 不合格 / failed"
        fi
    done
    jobs=()
    say "静的検査 / static checks: $SECONDS s"
}

SECONDS=0
begin "ruff check" ruff check --quiet .
begin "ruff format" ruff format --check --quiet .
begin "mypy --strict" mypy --strict
begin "import-linter" lint-imports --no-logo
results
[ ${#failed[@]} -gt 0 ] && complain "ここまでの不合格 / failed so far: ${failed[*]}"

pytest -n "$workers" ${selection[@]+"${selection[@]}"} "$@" </dev/null
code=$?
[ "$code" -eq 5 ] && code=0 # no test collected
[ "$code" -eq 0 ] && [ ${#failed[@]} -gt 0 ] && code=1
exit "$code"
