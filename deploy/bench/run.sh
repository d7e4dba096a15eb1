#!/usr/bin/env bash
# Measures the bus beside its peers in the same run and writes the table of docs/performance.md.
#
#   deploy/bench/run.sh [--quick] [--json] [--only S1,S3,S9 | S6] [--largest KB] [--no-write]
#   deploy/bench/run.sh --only S9 [--broker rabbitmq] [--journal postgresql] [--rate N]
#
# --quick: one short run of the smallest cells, nothing written; for checking the harness.
# Exit code: 0 measured, 1 an answer was wrong or a message was lost, 3 the machine lacks something.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lib/environment.sh"
case " $* " in
*" postgresql "* | *"=postgresql "*) ensure_python_environment --postgresql >&2 && ensure_system_packages postgresql >&2 || exit ;;
*) ensure_python_environment >&2 || exit ;;
esac
case " $* " in *rabbitmq*) ensure_system_packages rabbitmq-server >&2 || exit ;; esac
ensure_system_packages nginx wrk >&2 || exit
PATH="$PATH:/usr/sbin" PYTHONPATH="$ROOT/deploy/bench" exec "$PYTHON" -m harness "$@" </dev/null
