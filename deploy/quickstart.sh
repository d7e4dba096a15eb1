#!/usr/bin/env bash
# Runs the main job on embedded defaults: a town of synthetic residents, vendor systems, adapters and the bus.
#
#   deploy/quickstart.sh [--once] [--json] [--residents N] [--changes N] [--inquiries N] [--seed N] [--work DIR]
#                        [--free-ports] [--chaos SEED] [--engine embedded|distributed]
#
# Without --once it stays up after the story with its addresses printed; Ctrl-C ends it. --json prints one last line.
# --chaos kills bus and adapters at random moments of the story. --free-ports lets the system choose the ports.
# --engine distributed: the same story with the journal on PostgreSQL and RabbitMQ as the conveyor (installed where
# that is possible; both with ports and folders of their own).
# Exit code: 0 everything agrees, 1 something was lost or differs, 2 wrong usage, 3 the machine lacks something.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib/environment.sh"
cd "$ROOT"

case " $* " in
*" --engine distributed "* | *" --engine=distributed "*)
    ensure_python_environment --postgresql >&2 || exit
    ensure_system_packages postgresql rabbitmq-server >&2 || exit
    ;;
*) ensure_python_environment >&2 || exit ;;
esac
export PATH="$VENV/bin:$PATH"
exec "$PYTHON" "$ROOT/deploy/examples/tax-juki/story.py" "$@"
