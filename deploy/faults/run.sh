#!/usr/bin/env bash
# Breaks one thing at a time under load, counts every message and prints the table of docs/reliability.md.
#
#   deploy/faults/run.sh [--messages N] [--only CELL,...] [--engine embedded|distributed] [--seed N] [--json] [--keep FILE]
#   deploy/faults/run.sh --list
#   deploy/faults/run.sh --write                         the table of docs/reliability.md, from deploy/faults/results.jsonl
#
# Exit code: 0 every cell is sound, 1 something was lost, doubled or out of order, 3 the machine lacks something.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib/environment.sh"
ensure_python_environment --postgresql >&2 || exit
ensure_system_packages postgresql rabbitmq-server >&2 || exit
ensure_system_packages faketime fiu-utils strace >&2 || say "一部を省きます / some cells are left out" >&2
PYTHONPATH="$ROOT/deploy/faults:$ROOT/deploy/bench${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON" -m matrix "$@" </dev/null
