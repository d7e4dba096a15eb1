#!/usr/bin/env bash
# Unknown gaiji in ten thousand records, end to end. Options: see run.py. Installs what Python needs first.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
. "$root/deploy/lib/environment.sh"
ensure_python_environment >&2
cd "$root"
exec "$PYTHON" "$root/deploy/examples/gaiji/run.py" "$@"
